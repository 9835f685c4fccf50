"""A story: the text of a lecture's file and the steps marked with ``@story.step``, run in the order of the file."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from lectures.telling import notebook
from lectures.telling.cells import Cell, cells
from lectures.telling.files import OutputError, writable_folder
from lectures.telling.report import Report, StepResult, Text
from lectures.telling.run import Run, Step
from minigrad import backend, cli


class Story:
    """A lecture: the text of its file and its steps.

    Parameters
    ----------
    module : str
        Give ``__name__``; the story finds its file through it.
    order : int
        Where the lecture stands in the tour; lectures of equal order follow the alphabet.
    notebook_budget : str
        The budget when the file is run cell by cell in a notebook.

    Examples
    --------
    >>> story = Story(__name__)
    >>> @story.step
    ... def area(run):
    ...     run.number("area", 3.14159, "{:.2f}")
    >>> story.run().steps[0].numbers[0].text
    '3.14'
    """

    def __init__(self, module: str, order: int = 100, notebook_budget: str = "fast") -> None:
        """Find the lecture's file, and see whether this is a notebook."""
        file = getattr(sys.modules.get(module), "__file__", None)
        self.file = None if file is None else Path(file).resolve()
        self.name = module if self.file is None else self.file.parent.name
        self.order = order
        self.steps: list[Step] = []
        self._shell = notebook.running_shell() if module == "__main__" else None
        self._notebook_run = Run(notebook_budget)

    @property
    def title(self) -> str:
        """The first heading of the file, or the name where there is none.

        Examples
        --------
        >>> Story("a lecture without a file").title
        'a lecture without a file'
        """
        for cell in self._cells():
            heading = re.search(r"^# +(.+)$", cell.source, re.MULTILINE) if cell.kind == "markdown" else None
            if heading:
                return heading[1].strip()
        return self.name

    def step(self, function: Step) -> Step:
        """Mark a function as the next step; in a notebook it runs at once, so that its figure stands below its cell.

        Examples
        --------
        >>> story = Story(__name__)
        >>> @story.step
        ... def first(run): ...
        >>> len(story.steps)
        1
        """
        names = [step.__name__ for step in self.steps]
        if function.__name__ not in names:
            self.steps.append(function)
        elif self._shell is None:
            raise ValueError(f"two steps are named {function.__name__!r}; each needs its own name")
        else:
            self.steps[names.index(function.__name__)] = function
        if self._shell is not None:
            notebook.show(self._shell, self._notebook_run.perform(function))
        return function

    def start(self, budget: str = "fast", seed: int = 0) -> Report:
        """Begin a report with nothing in it yet; `play` fills it.

        Examples
        --------
        >>> Story(__name__).start(seed=7).seed
        7
        """
        date = datetime.now().astimezone().isoformat(sep=" ", timespec="minutes")
        return Report(self.name, self.title, self.file, budget, seed, backend=backend.current().name, date=date)

    def play(self, report: Report, out: Path | None = None) -> Iterator[str]:
        """Run the steps one by one into the report, and give the name of each before it runs.

        If a step fails, the report keeps what was there before.

        Examples
        --------
        >>> story = Story(__name__)
        >>> @story.step
        ... def first(run): ...
        >>> list(story.play(story.start()))
        ['first']
        """
        run = Run(report.budget, report.seed, out)
        begun = time.perf_counter()
        for part in self._plan():
            if isinstance(part, Text):
                report.parts.append(part)
                continue
            step, source = part
            yield step.__name__
            report.parts.append(run.perform(step, source))
            report.seconds = time.perf_counter() - begun

    def run(
        self,
        budget: str = "fast",
        seed: int = 0,
        out: str | os.PathLike[str] | None = None,
        progress: Callable[[str], object] = lambda name: None,
    ) -> Report:
        """Run all steps in order and return the report.

        Parameters
        ----------
        budget : str
            ``"fast"`` or ``"full"``.
        seed : int
            The seed of every random number.
        out : path, optional
            The folder for the figures; it is made if it is missing.
        progress : callable
            Called with the name of each step before it runs.

        Raises
        ------
        OutputError
            If the folder cannot be written.

        Examples
        --------
        >>> Story("empty").run(budget="full").steps
        []
        """
        folder = None if out is None else writable_folder(out)
        report = self.start(budget, seed)
        for name in self.play(report, folder):
            progress(name)
        return report

    def main(self, arguments: Sequence[str] | None = None) -> None:
        """Run the lecture as a script and print what it measures; in a notebook there is nothing left to do.

        Examples
        --------
        >>> Story(__name__).main(["--help"])
        Traceback (most recent call last):
        ...
        SystemExit: 0
        """
        if self._shell is not None:
            return
        parser = argparse.ArgumentParser(description=self.title)
        cli.run_options(parser, out=os.path.join(cli.DEFAULT_OUT, self.name))
        options = parser.parse_args(arguments)
        try:
            report = self.run(options.budget, options.seed, options.out, progress=lambda name: print(f"{name} ..."))
        except (OutputError, backend.BackendError) as error:
            raise SystemExit(f"error: {error}") from None
        except KeyboardInterrupt:
            print(f"stopped; finished figures are in {options.out}", file=sys.stderr)
            raise SystemExit(130) from None
        for step in report.steps:
            _print(step)

    def _plan(self) -> list[Text | tuple[Step, str]]:
        """List the texts, and the steps with their code, in the order of the file; steps from elsewhere come last."""
        found = self._cells()
        placed: list[tuple[int, Text | tuple[Step, str]]] = []
        for cell in found:
            if cell.kind == "markdown" and cell.source:
                placed.append((cell.first, Text(cell.source)))
        for step in self.steps:
            line = self._line(step)
            source = next((cell.source for cell in found if cell.first <= line <= cell.last), "")
            placed.append((line, (step, source)))
        return [part for _, part in sorted(placed, key=lambda item: item[0])]

    def _line(self, step: Step) -> int:
        written_here = self.file is not None and Path(step.__code__.co_filename).resolve() == self.file
        return step.__code__.co_firstlineno if written_here else sys.maxsize

    def _cells(self) -> list[Cell]:
        return [] if self.file is None else cells(self.file.read_text(encoding="utf-8"))


def _print(step: StepResult) -> None:
    print(f"{step.name} ({step.seconds:.1f} s)")
    for number in step.numbers:
        print(f"  {number.name}: {number.text}")
    for picture in step.figures:
        print(f"  figure: {picture.file or picture.name}")
