"""What came of the runs of a sweep, one by one and together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from minigrad.checkpoint.trees import NUMBERS
from minigrad.sweeping.grid import described, key

Of = str | Callable[[Any], Any] | None


class RunError(RuntimeError):
    """The value of a run was asked for that has none, because it failed or was not run."""


@dataclass(frozen=True)
class Run:
    """One call of the function of a sweep.

    Attributes
    ----------
    settings : dict
        What it was called with.
    status : str
        "finished", "failed", or "not run" if the sweep was interrupted before.
    result : object
        What it returned, as it would be after saving and loading it; see `value`.
    error : str
        The type and the message of the exception by which it failed.
    traceback : str
        Where that came from, also if it was in another process.

    Examples
    --------
    >>> Run({"seed": 0}, "finished", 0.5).value
    0.5
    """

    settings: dict[str, Any]
    status: str
    result: Any = None
    error: str = ""
    traceback: str = ""

    @property
    def value(self) -> Any:
        """What the function returned; raises `RunError` if it did not."""
        if self.status == "finished":
            return self.result
        if self.status == "not run":
            raise RunError(f"the run with {described(self.settings)} was not run: the sweep was interrupted before")
        error = RunError(f"the run with {described(self.settings)} failed: {self.error}")
        if self.traceback:
            error.add_note(self.traceback)
        raise error


class Results:
    """All runs of a sweep, in the order of its grid.

    Whoever asks for the values of several runs, one of which failed, gets its error, because a mean over the seeds that
    happened to work is another number than the one that was asked for. `finished` leaves the others out on purpose.

    Parameters
    ----------
    runs : sequence of Run
        No two of them have the same settings.

    Examples
    --------
    >>> results = Results([Run({"lr": lr, "seed": seed}, "finished", lr + seed) for lr in (1, 2) for seed in (0, 4)])
    >>> results.array()
    array([[1, 5],
           [2, 6]])
    >>> [run.value for run in results.where(lr=2)]
    [2, 6]
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = tuple(runs)

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    def __getitem__(self, i: int) -> Run:
        return self.runs[i]

    def __repr__(self) -> str:
        counts = {status: sum(run.status == status for run in self) for status in ("finished", "failed", "not run")}
        listed = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
        return f"Results({listed or 'no runs'})"

    @property
    def stopped(self) -> str:
        """How the sweep ended: "interrupted" if there are runs that were not run, else "finished"."""
        return "interrupted" if any(run.status == "not run" for run in self) else "finished"

    @property
    def failures(self) -> list[Run]:
        """The runs that failed."""
        return [run for run in self if run.status == "failed"]

    @property
    def finished(self) -> Results:
        """The results without the runs that failed or were not run."""
        return Results([run for run in self if run.status == "finished"])

    @property
    def axes(self) -> dict[str, list[Any]]:
        """The values of each setting that occur, by its name, in the order in which they first come."""
        names = dict.fromkeys(name for run in self for name in run.settings)
        return {name: list(dict.fromkeys(r.settings[name] for r in self if name in r.settings)) for name in names}

    def where(self, /, **settings: Any) -> Results:
        """Select the runs with these settings.

        Raises
        ------
        KeyError
            If there is no such run; the message says which values there are.

        Examples
        --------
        >>> results = Results([Run({"seed": seed}, "finished", seed**2) for seed in range(5)])
        >>> results.where(seed=3)[0].value
        9
        """
        wanted = settings.items()
        if found := [run for run in self if wanted <= run.settings.items()]:
            return Results(found)
        listed = "; ".join(f"{name}: {', '.join(map(repr, values))}" for name, values in self.axes.items())
        raise KeyError(f"there is no run with {described(settings)}; the settings are {listed or 'none'}")

    def array(self, of: Of = None) -> numpy.ndarray:
        """Give the values as one array with an axis for each setting, also for those with a single value.

        Parameters
        ----------
        of : str or callable, optional
            What to take of each value: ``value[of]``, or ``of(value)``. The whole value unless given.

        Returns
        -------
        numpy.ndarray
            Its shape is the lengths of `axes`, and after them the shape of what was taken.

        Raises
        ------
        RunError
            If one of the runs has no value.
        ValueError
            If a combination of the settings is missing, or what was taken differs in shape or is not numeric.

        Examples
        --------
        >>> results = Results([Run({"seed": seed}, "finished", {"loss": seed / 2, "steps": 9}) for seed in range(3)])
        >>> results.array("loss"), results.array(lambda value: value["loss"] * value["steps"])
        (array([0. , 0.5, 1. ]), array([0. , 4.5, 9. ]))
        """
        axes = self.axes
        if not self.runs or any(run.settings.keys() != axes.keys() for run in self):
            raise ValueError(
                f"an array needs runs that all have the same settings; the names are {', '.join(axes) or 'none'}"
            )
        lengths = [len(values) for values in axes.values()]
        places = {key(run.settings): run for run in self}
        grid = [frozenset(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
        if missing := [combination for combination in grid if combination not in places]:
            example = described({name: dict(missing[0])[name] for name in axes})
            raise ValueError(
                f"an array needs every combination of {' × '.join(map(str, lengths))} settings, and {len(missing)} are "
                f"missing, such as {example}"
            )
        stacked = _stacked([places[combination] for combination in grid], of)
        return stacked.reshape(*lengths, *stacked.shape[1:])

    def over(self, axis: str, of: Of = None) -> Results:
        """Take means and spreads over the values of one setting, usually the seed.

        Parameters
        ----------
        axis : str
            The name of the setting.
        of : str or callable, optional
            As in `array`.

        Returns
        -------
        Results
            One run for each combination of the other settings. Its value is a dict of "mean", "std" (the standard
            deviation of a sample, with n - 1, NaN for a single run), "min", "max", and "count", the number n of runs.

        Raises
        ------
        RunError
            If one of the runs has no value.
        KeyError
            If a run has no such setting.
        ValueError
            If what was taken differs in shape or is not numeric.

        Examples
        --------
        >>> runs = [Run({"lr": lr, "seed": seed}, "finished", lr * seed) for lr in (0.5, 2.0) for seed in range(5)]
        >>> for run in Results(runs).over("seed"):
        ...     print(run.settings, "{mean:.2f} ± {std:.2f}, {min} to {max}".format(**run.value))
        {'lr': 0.5} 1.00 ± 0.79, 0.0 to 2.0
        {'lr': 2.0} 4.00 ± 3.16, 0.0 to 8.0
        """
        groups: dict[frozenset[tuple[str, Any]], list[Run]] = {}
        for run in self:
            if axis not in run.settings:
                raise KeyError(f"the run with {described(run.settings)} has no setting {axis!r}")
            groups.setdefault(key(_without(axis, run)), []).append(run)
        return Results([Run(_without(axis, g[0]), "finished", _statistics(_stacked(g, of))) for g in groups.values()])


def _without(axis: str, run: Run) -> dict[str, Any]:
    return {name: value for name, value in run.settings.items() if name != axis}


def _stacked(runs: list[Run], of: Of) -> numpy.ndarray:
    taken = [numpy.asarray(_taken(run, of)) for run in runs]
    for run, array in zip(runs, taken, strict=True):
        if array.dtype.kind not in NUMBERS:
            raise ValueError(
                f"{run.value!r:.100}, with {described(run.settings)}, is not numeric: say with of= what to take of it"
            )
        if array.shape != taken[0].shape:
            raise ValueError(
                f"the values differ in shape: {taken[0].shape} with {described(runs[0].settings)}, and {array.shape} "
                f"with {described(run.settings)}"
            )
    return numpy.stack(taken)


def _taken(run: Run, of: Of) -> Any:
    if of is None:
        return run.value
    if callable(of):
        return of(run.value)
    try:
        return run.value[of]
    except (KeyError, TypeError, IndexError):
        raise KeyError(
            f"the value of the run with {described(run.settings)} has no {of!r}: {run.value!r:.200}"
        ) from None


def _statistics(values: numpy.ndarray) -> dict[str, Any]:
    count = len(values)
    mean = values.mean(axis=0)
    std = values.std(axis=0, ddof=1) if count > 1 else mean * math.nan
    return {"mean": mean, "std": std, "min": values.min(axis=0), "max": values.max(axis=0), "count": count}
