"""The finished runs of a sweep in a folder, one file each, so that saving one costs the same however many there are."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from minigrad.backend import use
from minigrad.checkpoint import CheckpointError, load, save
from minigrad.sweeping.grid import described, key
from minigrad.sweeping.results import Run
from minigrad.sweeping.values import pack, unpack

SHOWN = 3  # runs that a message lists
ENTRIES = {"function", "settings", "value", "histories"}


class Folder:
    """A folder that keeps finished runs of one function.

    Parameters
    ----------
    path : path
        It is made if it is missing; the folder around it must exist.
    function : callable
        Known by its name, so changes inside of it are not noticed.

    Raises
    ------
    ValueError
        If the function has no name of its own, as a lambda.
    OSError
        If the folder cannot be made.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     folder = Folder(f"{place}/runs", described)
    ...     folder.save(Run({"seed": 0}, "finished", 0.5))
    ...     folder.finished([{"seed": 0}, {"seed": 1}])
    [Run(settings={'seed': 0}, status='finished', result=0.5, error='', traceback='')]
    """

    def __init__(self, path: str | os.PathLike[str], function: Callable[..., Any]) -> None:
        self.path = Path(os.fsdecode(path))
        self.function = _name_of(function)
        if not self.path.parent.is_dir():
            raise FileNotFoundError(f"{path} cannot be made: there is no folder {self.path.parent}; make it first")
        if self.path.exists() and not self.path.is_dir():
            raise FileExistsError(f"{path} is a file; a sweep needs a folder for its runs, so choose another name")
        self.path.mkdir(exist_ok=True)

    @property
    def files(self) -> list[Path]:
        """The files of the runs."""
        return sorted(self.path.glob("*.npz"))

    def save(self, run: Run) -> None:
        """Save a finished run, at once or not at all.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as place:
        ...     folder = Folder(place, described)
        ...     folder.save(Run({"seed": 0}, "finished", 0.5))
        ...     len(folder.files)
        1
        """
        import hashlib  # it takes several megabytes, which only saving needs

        name = hashlib.sha256(json.dumps(run.settings).encode()).hexdigest()[:32]
        tree, histories = pack(run.value)
        save(self.path / f"{name}.npz", function=self.function, settings=run.settings, value=tree, histories=histories)

    def finished(self, grid: Sequence[dict[str, Any]]) -> list[Run]:
        """Give the runs that are saved, with their settings as they stand in the grid.

        Parameters
        ----------
        grid : sequence of dicts
            The settings of all runs of the sweep.

        Raises
        ------
        CheckpointError
            If the folder holds runs of another function, or runs that the grid does not have, or a file that is no run.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as place:
        ...     Folder(place, described).finished([{"seed": 0}])
        []
        """
        known = {key(settings): settings for settings in grid}
        runs = [self._loaded(path) for path in self.files]
        if foreign := [described(run.settings) for run in runs if key(run.settings) not in known]:
            more = f" and {len(foreign) - SHOWN} more" if len(foreign) > SHOWN else ""
            raise CheckpointError(
                f"{self.path} is of another grid: it holds the runs with {'; '.join(foreign[:SHOWN])}{more}, and this "
                f"one, which begins with {described(grid[0])}, does not; add them, or choose another folder"
            )
        return [replace(run, settings=known[key(run.settings)]) for run in runs]

    def _loaded(self, path: Path) -> Run:
        with use("numpy"):
            entries = load(path)
        if entries.keys() != ENTRIES:
            raise CheckpointError(f"{path} is no run of a sweep: it holds {', '.join(entries) or 'no plain values'}")
        if entries["function"] != self.function:
            raise CheckpointError(
                f"{self.path} holds runs of {entries['function']}, and this sweep is of {self.function}; choose "
                "another folder"
            )
        return Run(entries["settings"], "finished", unpack(entries["value"], entries["histories"]))


def _name_of(function: Callable[..., Any]) -> str:
    name = getattr(function, "__qualname__", "<lambda>")
    if name.endswith("<lambda>"):
        raise ValueError(
            f"checkpoint= needs a function that is known by its name, made with def, to tell its runs from those of "
            f"another one; got {function!r}. What a functools.partial fixes can be a setting: {{'width': [16]}}"
        )
    return f"{function.__module__}.{name}"
