"""`History`: what was measured while something was trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy

from minigrad.backend import REAL, to_host
from minigrad.checks import check_count
from minigrad.nn.module import StateError
from minigrad.tensor import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette, which colour-blind readers can tell apart; without yellow, which is hard to see on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
LINES = ("-", "--", ":")  # for those who have more metrics than colours
FEW = 30  # points that are so few are drawn one by one


class History:
    """Named metrics over the steps of a training. A metric need not be measured in every step.

    Attributes
    ----------
    stopped : str or None
        How `minigrad.fit` ended: "finished", "interrupted", or None as long as it runs.

    Examples
    --------
    >>> history = History()
    >>> history.record(1, loss=0.9)
    >>> history.record(2, loss=0.5, accuracy=0.8)
    >>> history["loss"], history.steps_of("accuracy")
    (array([0.9, 0.5]), array([2]))
    """

    def __init__(self) -> None:
        self.stopped: str | None = None
        self._last = 0
        self._steps: dict[str, list[int]] = {}
        self._values: dict[str, list[float]] = {}

    @property
    def last(self) -> int:
        """The number of the last step, 0 before the first."""
        return self._last

    @property
    def names(self) -> list[str]:
        """The names of the metrics, in the order in which they first came."""
        return list(self._values)

    @property
    def steps(self) -> numpy.ndarray:
        """The numbers of the steps in which something was measured."""
        return numpy.array(sorted(set().union(*self._steps.values())), dtype="int64")

    def record(self, step: int, /, **metrics: Any) -> None:
        """Add the metrics of a step.

        Parameters
        ----------
        step : int
            At least 1, and larger than those before.
        **metrics : float, Tensor or array
            One number each. They are read at once, which on a GPU waits for the computation.

        Raises
        ------
        TypeError
            If a metric is not one real number.
        ValueError
            If this step or a later one was recorded before.

        Examples
        --------
        >>> history = History()
        >>> history.record(10, distance=numpy.float32(0.5))
        >>> history["distance"]
        array([0.5])
        """
        if isinstance(step, bool) or not isinstance(step, int | numpy.integer) or step <= self._last:
            raise ValueError(f"steps are whole numbers that grow; got {step!r} after {self._last}")
        numbers = {name: as_number(name, value) for name, value in metrics.items()}
        self._last = int(step)
        for name, number in numbers.items():
            self._steps.setdefault(name, []).append(self._last)
            self._values.setdefault(name, []).append(number)

    def __getitem__(self, name: str) -> numpy.ndarray:
        """Give the values of a metric, one for each of its steps."""
        return numpy.array(self._values[self._known(name)])

    def steps_of(self, name: str) -> numpy.ndarray:
        """Give the numbers of the steps in which a metric was measured.

        Examples
        --------
        >>> history = History()
        >>> history.record(5, loss=1.0)
        >>> history.steps_of("loss")
        array([5])
        """
        return numpy.array(self._steps[self._known(name)], dtype="int64")

    def __repr__(self) -> str:
        last = "".join(f", {name}={values[-1]:.4g}" for name, values in self._values.items())
        return f"History(step={self._last}{last})"

    def _known(self, name: str) -> str:
        if name not in self._values:
            raise KeyError(f"there is no metric {name!r}; recorded are: {', '.join(self._values) or 'none'}")
        return name

    # Its state, out and in

    def state_dict(self) -> dict[str, Any]:
        """Give all metrics, as arrays.

        Examples
        --------
        >>> History().state_dict()
        {'step': 0, 'metrics': {}}
        """
        metrics = {name: {"steps": self.steps_of(name), "values": self[name]} for name in self._values}
        return {"step": self._last, "metrics": metrics}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Replace all metrics by those that `state_dict` gave.

        Raises
        ------
        StateError
            If the state is not that of a history; nothing is changed then.

        Examples
        --------
        >>> history, copy = History(), History()
        >>> history.record(1, loss=0.5)
        >>> copy.load_state_dict(history.state_dict())
        >>> copy
        History(step=1, loss=0.5)
        """
        try:
            last = check_count("step", state["step"], 0)
            steps = {name: to_host(of["steps"]) for name, of in state["metrics"].items()}
            values = {name: to_host(of["values"]) for name, of in state["metrics"].items()}
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise StateError(f"this is not the state of a History: {error!r}") from None
        for name in steps:
            if not _fit_together(steps[name], values[name], last):
                raise StateError(f"this is not the state of a History: the steps and values of {name!r} do not match")
        self._last = last
        self._steps = {name: array.tolist() for name, array in steps.items()}
        self._values = {name: array.tolist() for name, array in values.items()}

    # The picture

    def plot(self, *names: str, ax: Axes | None = None, log: bool = False, smooth: int = 1) -> Axes:
        """Draw metrics over the steps.

        Parameters
        ----------
        *names : str
            Which metrics; all if none are named.
        ax : matplotlib.axes.Axes, optional
            Where to draw. Without it a new figure is made with ``matplotlib.pyplot``.
        log : bool
            Whether the vertical axis is logarithmic.
        smooth : int
            If more than 1, each line is the mean over the last so many steps, and the values themselves stand pale
            behind it.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        KeyError
            If there is no metric of a name.
        ValueError
            If there is nothing to draw, smooth is no whole number of at least 1, or a value has no logarithm.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> history = History()
        >>> for j in range(1, 4):
        ...     history.record(j, loss=1.0 / j)
        >>> history.plot("loss", ax=Figure().subplots()).get_ylabel()
        'loss'
        """
        chosen = [self._known(name) for name in names or self.names]
        smooth = check_count("smooth", smooth)
        self._check_drawable(chosen, log)
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
        for i, name in enumerate(chosen):
            _draw(ax, self.steps_of(name), self[name], name, i, smooth)
        if log:
            ax.set_yscale("log")
        ax.set_xlabel("step")
        if len(chosen) == 1:
            ax.set_ylabel(chosen[0])
        else:
            ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=4, frameon=False, fontsize=9)
        ax.spines[["right", "top"]].set_visible(False)
        ax.grid(axis="y", color="#D9D9D9", linewidth=0.6)
        ax.set_axisbelow(True)
        return ax

    def _check_drawable(self, chosen: list[str], log: bool) -> None:
        if not chosen:
            raise ValueError("there is nothing to draw: the history has no metrics yet")
        for name in chosen:
            if log and not min(self._values[name]) > 0:
                raise ValueError(f"log=True needs positive values; {name} goes down to {min(self._values[name])}")


def _fit_together(steps: numpy.ndarray, values: numpy.ndarray, last: int) -> bool:
    if steps.dtype.kind != "i" or values.dtype.kind != "f" or steps.shape != values.shape or steps.ndim != 1:
        return False
    return bool((numpy.diff(steps, prepend=0, append=last + 1) > 0).all())


def as_number(name: str, value: Any) -> float:
    """Give a metric as a Python number.

    Raises
    ------
    TypeError
        If it is not one real number.
    ValueError
        If it is an integer that is larger than every float.

    Examples
    --------
    >>> as_number("loss", Tensor([0.5]))
    0.5
    """
    data = value.data if isinstance(value, Tensor) else value
    if isinstance(data, int | float):
        try:
            return float(data)
        except OverflowError:
            raise ValueError(f"the metric {name!r} is an integer too large for a float; record its logarithm") from None
    if not hasattr(data, "dtype") or data.dtype.kind not in REAL or data.size != 1:
        what = f"an array of shape {tuple(data.shape)}" if hasattr(data, "shape") else f"a {type(data).__name__}"
        raise TypeError(f"the metric {name!r} must be one number; got {what}")
    return float(to_host(data).reshape(()))


def _draw(ax: Axes, steps: numpy.ndarray, values: numpy.ndarray, name: str, i: int, smooth: int) -> None:
    look: dict[str, Any] = {"color": COLORS[i % len(COLORS)], "linestyle": LINES[i // len(COLORS) % len(LINES)]}
    if smooth > 1:
        ax.plot(steps, values, linewidth=0.8, alpha=0.3, **look)
        values = running_mean(steps, values, smooth)
    ax.plot(steps, values, linewidth=1.6, marker="." if len(values) <= FEW else "", label=name, **look)


def running_mean(steps: numpy.ndarray, values: numpy.ndarray, span: int) -> numpy.ndarray:
    """Give for each value the mean of those in the last so many steps, its own included.

    Examples
    --------
    >>> running_mean(numpy.array([1, 2, 3, 10]), numpy.array([1.0, 3.0, 5.0, 7.0]), 2)
    array([1., 2., 4., 7.])
    """
    begins = numpy.searchsorted(steps, steps - span, side="right")
    return numpy.array([values[begin : i + 1].mean() for i, begin in enumerate(begins)])
