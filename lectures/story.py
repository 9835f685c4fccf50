"""How a lecture tells its story: a plain script whose steps run in order and whose text stands between them.

A lecture is a file in the percent format. Its text cells are read from the file; its steps are the functions marked
with ``@story.step``. Running the story gives a report: text, numbers and figures, in the order of the file.
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy
from matplotlib.figure import Figure

import minigrad
from lectures.style import DPI, use_style
from minigrad import backend

BUDGETS = ("fast", "full")
DEFAULT_OUT = "minigrad-tour"

Step = Callable[["Run"], Figure | None]
T = TypeVar("T")


class OutputError(Exception):
    """The folder or file for the results cannot be written; the message says why.

    Examples
    --------
    >>> print(OutputError("results is a file, and a folder is needed"))
    results is a file, and a folder is needed
    """


# ---------------------------------------------------------------------------------------------- the file and its cells


@dataclass(frozen=True)
class Cell:
    """One cell of a file in the percent format.

    Parameters
    ----------
    kind : str
        ``"markdown"`` or ``"code"``.
    source : str
        The text without comment marks, or the code.
    first, last : int
        The lines of the file that the cell covers, counted from 1, its ``# %%`` line included.

    Examples
    --------
    >>> Cell("code", "x = 1", first=1, last=2).kind
    'code'
    """

    kind: str
    source: str
    first: int
    last: int


def cells(source: str) -> list[Cell]:
    """Split a file in the percent format into its cells; what stands before the first ``# %%`` belongs to none.

    Examples
    --------
    >>> [cell.source for cell in cells("# %% [markdown]\\n# Some *text*.\\n# %%\\nx = 1\\n")]
    ['Some *text*.', 'x = 1']
    """
    lines = source.splitlines()
    starts = [number for number, line in enumerate(lines) if re.match(r"# %%(\s|$)", line)]
    ends = [*starts[1:], len(lines)]
    return [_cell(lines[start:end], start + 1) for start, end in zip(starts, ends, strict=False)]


def _cell(lines: list[str], first: int) -> Cell:
    header, *body = lines
    last = first + len(body)
    if re.search(r"\[(markdown|md)\]", header):
        return Cell("markdown", "\n".join(_uncomment(line) for line in body).strip("\n"), first, last)
    return Cell("code", "\n".join(body).strip("\n"), first, last)


def _uncomment(line: str) -> str:
    return re.sub(r"^# ?", "", line)


# --------------------------------------------------------------------------------------------- what a run leaves behind


@dataclass(frozen=True)
class Text:
    """A text cell of the lecture, in Markdown.

    Examples
    --------
    >>> Text("## The linear case").markdown
    '## The linear case'
    """

    markdown: str


@dataclass(frozen=True)
class Number:
    """A measured number: its name, its value, and the text that the reader sees.

    Examples
    --------
    >>> Number("gap", 0.125, "1.2e-01").text
    '1.2e-01'
    """

    name: str
    value: Any
    text: str


@dataclass(frozen=True)
class Picture:
    """A drawn figure: its name, its caption, its PNG, its width in inches, and its file if it was saved.

    Examples
    --------
    >>> Picture("loss", "The loss falls.", b"", width=6.5).file is None
    True
    """

    name: str
    caption: str
    png: bytes
    width: float
    file: Path | None = None


@dataclass
class StepResult:
    """What one step left behind: its numbers, its figures, its code, and how many seconds it took.

    Examples
    --------
    >>> StepResult("first_step").figures
    []
    """

    name: str
    summary: str = ""
    source: str = ""
    numbers: list[Number] = field(default_factory=list)
    figures: list[Picture] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class Report:
    """What one run of a lecture left behind, in the order of the file.

    Parameters
    ----------
    name, title : str
        The folder of the lecture, and its heading.
    file : Path or None
        Where the lecture is written.
    budget : str
        ``"fast"`` or ``"full"``.
    seed : int
        The seed of every random number in the run.
    parts : list of Text or StepResult
        The text cells and the results of the steps that have run so far.
    error : BaseException or None
        What stopped the run, if something did.

    Examples
    --------
    >>> Report("attacks", "Attacks on a classifier").steps
    []
    """

    name: str
    title: str
    file: Path | None = None
    budget: str = "fast"
    seed: int = 0
    parts: list[Text | StepResult] = field(default_factory=list)
    version: str = minigrad.__version__
    backend: str = ""
    date: str = ""
    seconds: float = 0.0
    error: BaseException | None = None

    @property
    def steps(self) -> list[StepResult]:
        """The results of the steps that have run."""
        return [part for part in self.parts if isinstance(part, StepResult)]

    @property
    def figures(self) -> list[Picture]:
        """The figures of all steps that have run."""
        return [figure for step in self.steps for figure in step.figures]


# ------------------------------------------------------------------------------------------------ what a step is handed


class Results(dict[str, Any]):
    """What one step hands to a later one, by name; a missing name says what to do.

    Examples
    --------
    >>> results = Results()
    >>> results["model"] = "trained"
    >>> results["model"]
    'trained'
    """

    def __missing__(self, name: str) -> Any:
        """Say which result is missing."""
        raise KeyError(f"no earlier step left a result {name!r}; run the steps (or notebook cells) above first")


class Run:
    """What a step is handed: the budget, random numbers, and the places to leave numbers, figures and results.

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
    >>> run.scaled(10, 1000)
    10
    >>> run.results["weights"] = [1.0, 2.0]
    """

    def __init__(self, budget: str = "fast", seed: int = 0, out: Path | None = None) -> None:
        """Check the budget and the seed."""
        if budget not in BUDGETS:
            raise ValueError(f"unknown budget {budget!r}; the budgets are {' and '.join(BUDGETS)}")
        if seed < 0:
            raise ValueError(f"the seed must be zero or a positive integer, and is {seed}")
        self.budget = budget
        self.seed = seed
        self.out = out
        self.results = Results()
        self._step = StepResult("before the first step")
        self._drawn: list[Figure] = []
        self._owners: dict[str, str] = {}

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
        >>> from lectures.style import figure
        >>> run = Run()
        >>> _ = run.figure(figure(2, 1), "empty", caption="Nothing yet.")
        """
        if not isinstance(figure, Figure):
            raise TypeError(f"a figure must be a matplotlib Figure, and is a {type(figure).__name__}")
        name = _file_name(name or self._step.name)
        if self._owners.setdefault(name, self._step.name) != self._step.name or name in self._names():
            raise ValueError(f"two figures are named {name!r}; give each its own: run.figure(fig, 'another-name')")
        self._drawn.append(figure)
        png = _png(figure)
        file = None if self.out is None else write_file(self.out / f"{name}.png", png)
        width = float(figure.get_size_inches()[0])
        self._step.figures.append(Picture(name, caption or self._step.summary, png, width, file))
        return figure

    def _names(self) -> list[str]:
        return [picture.name for picture in self._step.figures]

    def perform(self, step: Step, source: str = "") -> StepResult:
        """Run one step in the style of the lectures and return what it left behind.

        Examples
        --------
        >>> def count(run):
        ...     run.number("points", 3, "{:d}")
        >>> Run().perform(count).numbers
        [Number(name='points', value=3, text='3')]
        """
        self._step = StepResult(_name(step), _summary(step), source)
        self._drawn = []
        start = time.perf_counter()
        with use_style():
            returned = step(self)
            if returned is not None and not any(returned is figure for figure in self._drawn):
                self._returned(returned)
        _close(self._drawn)
        self._step.seconds = time.perf_counter() - start
        return self._step

    def _returned(self, value: Any) -> None:
        if not isinstance(value, Figure):
            raise TypeError(
                f"the step {self._step.name!r} returned a {type(value).__name__}. Return a matplotlib Figure or "
                "nothing; hand results to later steps through run.results."
            )
        self.figure(value)


def _name(step: Step) -> str:
    return getattr(step, "__name__", type(step).__name__)


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


# ---------------------------------------------------------------------------------------------------------- the story


class Story:
    """A lecture: the text of its file and the steps marked with ``@story.step``.

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
        self.module = module
        self.order = order
        file = getattr(sys.modules.get(module), "__file__", None)
        self.file = None if file is None else Path(file).resolve()
        self.steps: list[Step] = []
        shell = _notebook()
        self._shell = shell if module == "__main__" else None
        self._notebook_run = Run(notebook_budget)

    @property
    def name(self) -> str:
        """The name of the lecture's folder.

        Examples
        --------
        >>> Story(__name__).name
        'lectures'
        """
        return self.module if self.file is None else self.file.parent.name

    @property
    def title(self) -> str:
        """The first heading of the file, or the name where there is none.

        Examples
        --------
        >>> Story(__name__).title
        'lectures'
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
        known = [_name(step) for step in self.steps]
        if _name(function) in known and self._shell is None:
            raise ValueError(f"two steps are named {_name(function)!r}; each needs its own name")
        if _name(function) in known:
            self.steps[known.index(_name(function))] = function
        else:
            self.steps.append(function)
        if self._shell is not None:
            _show(self._shell, self._notebook_run.perform(function))
        return function

    def start(self, budget: str = "fast", seed: int = 0) -> Report:
        """Begin a report with nothing in it yet; `play` fills it.

        Examples
        --------
        >>> Story(__name__).start(seed=7).seed
        7
        """
        date = datetime.now().astimezone().isoformat(sep=" ", timespec="minutes")
        active = backend.current().name
        return Report(self.name, self.title, self.file, budget, seed, backend=active, date=date)

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
            yield _name(step)
            report.parts.append(run.perform(step, source))
            report.seconds = time.perf_counter() - begun

    def run(
        self,
        budget: str = "fast",
        seed: int = 0,
        out: str | os.PathLike[str] | None = None,
        progress: Callable[[str], object] | None = None,
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
        progress : callable, optional
            Called with the name of each step before it runs.

        Raises
        ------
        OutputError
            If the folder cannot be written.

        Examples
        --------
        >>> story = Story(__name__)
        >>> @story.step
        ... def first(run): ...
        >>> story.run(progress=print).title
        first
        'lectures'
        """
        folder = None if out is None else writable_folder(out)
        report = self.start(budget, seed)
        for name in self.play(report, folder):
            if progress is not None:
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
        options = _script_options(self.title, self.name, arguments)
        try:
            report = self.run(options.budget, options.seed, options.out, progress=lambda name: print(f"{name} …"))
        except OutputError as error:
            raise SystemExit(f"error: {error}") from None
        except KeyboardInterrupt:
            print(f"stopped; finished figures are in {options.out}", file=sys.stderr)
            raise SystemExit(130) from None
        for step in report.steps:
            print(_as_text(step))

    def _plan(self) -> list[Text | tuple[Step, str]]:
        """List texts and steps in the order of the file; steps from elsewhere come last."""
        placed: list[tuple[int, Text | tuple[Step, str]]] = []
        found = self._cells()
        for cell in found:
            if cell.kind == "markdown" and cell.source:
                placed.append((cell.first, Text(cell.source)))
        for step in self.steps:
            line = self._line(step)
            source = next((cell.source for cell in found if cell.first <= line <= cell.last), "")
            placed.append((line, (step, source)))
        return [part for _, part in sorted(placed, key=lambda item: item[0])]

    def _line(self, step: Step) -> int:
        code = getattr(step, "__code__", None)
        if code is None or self.file is None or Path(code.co_filename).resolve() != self.file:
            return sys.maxsize
        return int(code.co_firstlineno)

    def _cells(self) -> list[Cell]:
        return [] if self.file is None else cells(self.file.read_text(encoding="utf-8"))


def seed_argument(text: str) -> int:
    """Read a seed from the command line.

    Examples
    --------
    >>> seed_argument("7")
    7
    """
    try:
        seed = int(text)
    except ValueError:
        seed = -1
    if seed < 0:
        raise argparse.ArgumentTypeError(f"the seed must be zero or a positive integer, and is {text!r}")
    return seed


def _script_options(title: str, name: str, arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--budget", choices=BUDGETS, default="fast", help="how much to compute (default: fast)")
    parser.add_argument("--seed", type=seed_argument, default=0, help="the seed of every random number (default: 0)")
    parser.add_argument(
        "--out", type=Path, default=Path(DEFAULT_OUT, name), help="folder for the figures (default: %(default)s)"
    )
    return parser.parse_args(arguments)


def _as_text(step: StepResult) -> str:
    lines = [f"{step.name} ({step.seconds:.1f} s)"]
    lines += [f"  {number.name}: {number.text}" for number in step.numbers]
    lines += [f"  figure: {picture.file or picture.name}" for picture in step.figures]
    return "\n".join(lines)


# -------------------------------------------------------------------------------------------------------- in a notebook


def _notebook() -> Any:
    """Find the running IPython shell, if this is one, without importing IPython for it."""
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def _show(shell: Any, step: StepResult) -> None:
    for number in step.numbers:
        print(f"{number.name}: {number.text}")
    for picture in step.figures:
        # The PNG has DPI pixels per inch, and a screen about 96.
        size = {"image/png": {"width": round(96 * picture.width)}}
        data = {"image/png": base64.b64encode(picture.png).decode(), "text/plain": picture.caption or picture.name}
        shell.display_pub.publish(data, metadata=size)


# ----------------------------------------------------------------------------------------------------- writing results


def writable_folder(path: str | os.PathLike[str]) -> Path:
    """Make the folder if it is missing, and check that files can be written there.

    Raises
    ------
    OutputError
        If it is a file, or cannot be made or written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     writable_folder(Path(folder, "figures")).name
    'figures'
    """
    folder = Path(path).expanduser()
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file, and a folder is needed; choose another with --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"cannot write to the folder {folder}: {reason}; choose another with --out") from error
    return folder


def write_file(path: Path, content: bytes) -> Path:
    """Write a file whole or not at all, so that an interruption never leaves half of it.

    Raises
    ------
    OutputError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_file(Path(folder, "note.txt"), b"hello").read_bytes()
    b'hello'
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return path
