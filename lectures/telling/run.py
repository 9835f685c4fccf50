"""What a step is handed: the budget, random numbers, and the places to leave numbers, figures and results."""

from __future__ import annotations

import io
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy
from matplotlib.figure import Figure

from lectures.telling.files import write_file
from lectures.telling.report import Number, Picture, StepResult
from lectures.telling.style import DPI, use_style

Step = Callable[["Run"], Figure | None]
T = TypeVar("T")


class Results(dict[str, Any]):
    """What one step hands to a later one, by name; a missing name says what to do.

    Examples
    --------
    >>> results = Results(model="trained")
    >>> results["model"]
    'trained'
    """

    def __missing__(self, name: str) -> Any:
        """Say which result is missing."""
        raise KeyError(f"no earlier step left a result {name!r}; run the steps (or notebook cells) above first")


class Run:
    """What a step is handed.

    Parameters
    ----------
    budget : str
        ``"fast"`` for tests and the tour, ``"full"`` for the figure of record.
    seed : int
        Every random number of the run follows from it; zero or positive.
    out : Path, optional
        The folder for the figures; without it they are kept in memory only.

    Examples
    --------
    >>> run = Run(budget="fast", seed=0)
    >>> run.results["weights"] = [1.0, 2.0]
    """

    def __init__(self, budget: str = "fast", seed: int = 0, out: Path | None = None) -> None:
        """Check the budget and the seed."""
        if budget not in ("fast", "full"):
            raise ValueError(f"unknown budget {budget!r}; the budgets are fast and full")
        if seed < 0:
            raise ValueError(f"the seed must be zero or a positive integer, and is {seed}")
        self.budget = budget
        self.seed = seed
        self.out = out
        self.results = Results()
        self._step = StepResult("before the first step")
        self._drawn: list[Figure] = []  # in this step
        self._owners: dict[str, str] = {}  # the step of each figure's name

    def scaled(self, fast: T, full: T) -> T:
        """Pick the setting of this run's budget.

        Examples
        --------
        >>> Run(budget="full").scaled(fast=10, full=1000)
        1000
        """
        return fast if self.budget == "fast" else full

    def rng(self, name: str) -> numpy.random.Generator:
        """Return a fresh random generator that follows from the seed and the name; other names are independent.

        Examples
        --------
        >>> bool(Run(seed=1).rng("noise").random() == Run(seed=1).rng("noise").random())
        True
        """
        return numpy.random.default_rng(numpy.random.SeedSequence(self.seed, spawn_key=tuple(name.encode())))

    def number(self, name: str, value: Any, format: str = "{:.4g}") -> None:
        """Report a measured number under the step, written with the format.

        Examples
        --------
        >>> Run().number("gap to the optimum", 1.25e-9, "{:.1e}")
        """
        value = value.item() if hasattr(value, "item") else value
        self._step.numbers.append(Number(name, value, format.format(value)))

    def figure(self, figure: Figure, name: str | None = None, caption: str = "") -> Figure:
        """Report a figure under the step, and save it as ``name.png`` where the run has a folder.

        Parameters
        ----------
        figure : matplotlib.figure.Figure
            What was drawn.
        name : str, optional
            The file's name; the step's name unless given. Each figure of a lecture needs its own.
        caption : str
            One or two sentences, with ``$…$`` formulas if you like; the step's docstring unless given.

        Examples
        --------
        >>> from lectures.telling import figure
        >>> _ = Run().figure(figure(2, 1), "empty", caption="Nothing yet.")
        """
        if not isinstance(figure, Figure):
            raise TypeError(f"a figure must be a matplotlib Figure, and is a {type(figure).__name__}")
        name = _file_name(name or self._step.name)
        if name in self._owners:
            raise ValueError(f"two figures are named {name!r}; give each its own: run.figure(fig, 'another-name')")
        self._owners[name] = self._step.name
        self._drawn.append(figure)
        png = _png(figure)
        file = None if self.out is None else write_file(self.out / f"{name}.png", png)
        width = float(figure.get_size_inches()[0])
        self._step.figures.append(Picture(name, caption or self._step.summary, png, width, file))
        return figure

    def perform(self, step: Step, source: str = "") -> StepResult:
        """Run one step in the style of the lectures and return what it left behind.

        Examples
        --------
        >>> def count(run):
        ...     run.number("points", 3, "{:d}")
        >>> Run().perform(count).numbers
        [Number(name='points', value=3, text='3')]
        """
        self._step = StepResult(step.__name__, _summary(step), source)
        self._drawn = []
        # In a notebook a step can run again, and draw its figures again.
        self._owners = {name: owner for name, owner in self._owners.items() if owner != step.__name__}
        start = time.perf_counter()
        with use_style():
            returned = step(self)
            if not (returned is None or isinstance(returned, Figure)):
                raise TypeError(
                    f"the step {step.__name__!r} returned a {type(returned).__name__}. Return a matplotlib Figure or "
                    "nothing; hand results to later steps through run.results."
                )
            if returned is not None and returned not in self._drawn:
                self.figure(returned)
        _close(self._drawn)
        self._step.seconds = time.perf_counter() - start
        return self._step


def _summary(step: Step) -> str:
    paragraph = (step.__doc__ or "").strip().partition("\n\n")[0]
    return " ".join(paragraph.split())


def _file_name(name: str) -> str:
    cleaned = re.sub(r"[^\w-]+", "-", name).strip("-")
    if not cleaned:
        raise ValueError(f"a figure's name needs letters or digits, and is {name!r}")
    return cleaned


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    # Without the name of the software, the same drawing is the same file under every version of Matplotlib.
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def _close(figures: list[Figure]) -> None:
    # Only figures made through pyplot are kept alive by it; the style's own never load it.
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        for figure in figures:
            pyplot.close(figure)
