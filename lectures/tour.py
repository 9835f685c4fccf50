"""Runs the lectures one after the other and writes one page of all of them."""

from __future__ import annotations

import difflib
import importlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from lectures.page import FormulaError, Section, document, facts, failed_section, plural, section
from lectures.story import DEFAULT_OUT, OutputError, Report, Run, Story, writable_folder, write_file

TITLE = "The minigrad tour"
PAGE = "index.html"


class UnknownLectureError(LookupError):
    """There is no lecture of that name; the message offers the nearest ones.

    Examples
    --------
    >>> print(UnknownLectureError("there is no lecture 'atacks'"))
    there is no lecture 'atacks'
    """


# ------------------------------------------------------------------------------------------------ finding the lectures


@dataclass(frozen=True)
class Entry:
    """A lecture that was found: its story, or the error that kept it from being imported.

    Examples
    --------
    >>> Entry("attacks").title
    'attacks'
    """

    name: str
    story: Story | None = None
    error: Exception | None = None

    @property
    def title(self) -> str:
        """The lecture's heading, or its name where it could not be imported."""
        return self.name if self.story is None else self.story.title

    @property
    def steps(self) -> int:
        """How many steps the lecture has."""
        return 0 if self.story is None else len(self.story.steps)


def names(package: str = "lectures") -> list[str]:
    """List the folders of the package that hold a ``lecture.py``, in the order of the alphabet.

    Examples
    --------
    >>> "story" in names()
    False
    """
    folders = importlib.import_module(package).__path__
    return sorted({file.parent.name for folder in folders for file in Path(folder).glob("*/lecture.py")})


def find(name: str, package: str = "lectures") -> Entry:
    """Import one lecture.

    Raises
    ------
    UnknownLectureError
        If there is no lecture of that name.

    Examples
    --------
    >>> find("no such lecture")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ...
    lectures.tour.UnknownLectureError: there is no lecture 'no such lecture'; see: minigrad lectures
    """
    known = names(package)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "see: minigrad lectures"
        raise UnknownLectureError(f"there is no lecture {name!r}; {hint}")
    try:
        return Entry(name, _story(f"{package}.{name}.lecture"))
    except Exception as error:  # a lecture is the reader's own code, and may fail in any way
        return Entry(name, error=error)


def _story(module: str) -> Story:
    found = [value for value in vars(importlib.import_module(module)).values() if isinstance(value, Story)]
    if len(found) != 1:
        raise TypeError(f"{module} must make one story: story = Story(__name__); it makes {len(found)}")
    return found[0]


def catalogue(package: str = "lectures") -> list[Entry]:
    """Import all lectures and list them in the order of the tour.

    That is the `order` each gives to its story, then the alphabet; those that cannot be imported come last.

    Examples
    --------
    >>> all(isinstance(entry, Entry) for entry in catalogue())
    True
    """
    return sorted((find(name, package) for name in names(package)), key=_rank)


def _rank(entry: Entry) -> tuple[bool, int, str]:
    return entry.story is None, 0 if entry.story is None else entry.story.order, entry.name


# --------------------------------------------------------------------------------------------------------- the journey


@dataclass
class Summary:
    """What a tour left behind: the page, one report for each lecture that began, and whether it was stopped.

    Examples
    --------
    >>> Summary(Path("tour", "index.html")).finished
    []
    """

    page: Path
    reports: list[Report] = field(default_factory=list)
    interrupted: bool = False

    @property
    def finished(self) -> list[str]:
        """The lectures that came to their end."""
        return [report.name for report in self.reports if report.error is None]

    @property
    def failed(self) -> list[Report]:
        """The lectures that stopped with an error."""
        return [report for report in self.reports if isinstance(report.error, Exception)]


def tour(
    budget: str = "fast", seed: int = 0, out: str | os.PathLike[str] = DEFAULT_OUT, package: str = "lectures"
) -> Summary:
    """Run all lectures; write ``out/<lecture>/<figure>.png`` and the page ``out/index.html``.

    The page is written again after each lecture, so an interruption keeps what was finished. A lecture that fails is
    shown on the page with its error, and the others go on.

    Parameters
    ----------
    budget : str
        ``"fast"`` or ``"full"``.
    seed : int
        The seed of every random number.
    out : path
        The folder for the results; it is made if it is missing.
    package : str
        Where the lectures are.

    Raises
    ------
    OutputError
        If the folder cannot be written; this is checked before anything is computed.
    UnknownLectureError
        If the package holds no lectures.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tour(out=folder, package="email")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ...
    lectures.tour.UnknownLectureError: the package 'email' holds no lectures
    """
    entries = catalogue(package)
    if not entries:
        raise UnknownLectureError(f"the package {package!r} holds no lectures")
    folder = _folder(out)
    figures = {entry.name: folder / entry.name for entry in entries}
    for path in figures.values():
        writable_folder(path)
    return _visit(entries, budget, seed, figures, folder / PAGE)


def lecture(
    name: str,
    budget: str = "fast",
    seed: int = 0,
    out: str | os.PathLike[str] = DEFAULT_OUT,
    package: str = "lectures",
) -> Summary:
    """Run one lecture; write its figures and its own page ``index.html`` into ``out/<lecture>``.

    Parameters are those of `tour`, after the lecture's name.

    Raises
    ------
    UnknownLectureError
        If there is no lecture of that name.
    OutputError
        If the folder cannot be written; this is checked before anything is computed.

    Examples
    --------
    >>> lecture("no such lecture")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ...
    lectures.tour.UnknownLectureError: there is no lecture 'no such lecture'; see: minigrad lectures
    """
    entry = find(name, package)
    folder = _folder(Path(out, name))
    return _visit([entry], budget, seed, {name: folder}, folder / PAGE)


def _folder(out: str | os.PathLike[str]) -> Path:
    folder = writable_folder(out)
    if (folder / PAGE).is_dir():
        raise OutputError(f"{folder / PAGE} is a folder, where the page belongs; choose another folder with --out")
    return folder


def _visit(entries: Sequence[Entry], budget: str, seed: int, figures: dict[str, Path], page: Path) -> Summary:
    Run(budget, seed)  # refuses a wrong budget or seed before the first lecture is blamed for it
    level = 1 if len(entries) == 1 else 2
    title = entries[0].title if level == 1 else TITLE
    summary = Summary(page)
    sections: list[Section] = []
    try:
        # disable=None: no bar where the output is not a terminal
        with tqdm(total=sum(entry.steps for entry in entries), unit="step", disable=None, leave=False) as bar:
            for entry in entries:
                report = _perform(entry, budget, seed, figures[entry.name], bar)
                sections.append(_section(report, level))
                summary.reports.append(report)
                write_file(page, document(title, sections, facts(summary.reports)).encode())
                if isinstance(report.error, KeyboardInterrupt):
                    raise report.error
    except KeyboardInterrupt:
        summary.interrupted = True
    return summary


def _perform(entry: Entry, budget: str, seed: int, figures: Path, bar: tqdm) -> Report:
    if entry.story is None:
        return Report(entry.name, entry.name, budget=budget, seed=seed, error=entry.error)
    report = entry.story.start(budget, seed)
    done = bar.n
    try:
        for step in entry.story.play(report, figures):
            bar.set_description(f"{entry.name}: {step}")
            bar.update(done + len(report.steps) - bar.n)
    except OutputError:
        raise
    except (Exception, KeyboardInterrupt) as error:  # whatever stops one lecture, what came before it is kept
        report.error = error
    bar.update(done + entry.steps - bar.n)
    return report


def _section(report: Report, level: int) -> Section:
    try:
        return section(report, level)
    except FormulaError as error:
        report.error = report.error or error
        return failed_section(report, level)


def table(entries: Iterable[Entry]) -> str:
    """List lectures with their number of steps and their titles, for a terminal.

    Examples
    --------
    >>> print(table([Entry("attacks")]))
    lecture  steps  title
    attacks      0  attacks
    """
    listed = list(entries)
    width = max([len("lecture"), *(len(entry.name) for entry in listed)])
    rows = [f"{'lecture':{width}}  steps  title"]
    rows += [f"{entry.name:{width}}  {entry.steps:5d}  {_remark(entry)}" for entry in listed]
    return "\n".join(rows)


def _remark(entry: Entry) -> str:
    return entry.title if entry.error is None else f"cannot be imported: {type(entry.error).__name__}: {entry.error}"


def account(summary: Summary) -> str:
    """Say what each lecture of a tour gave, for a terminal.

    Examples
    --------
    >>> print(account(Summary(Path("index.html"), [Report("attacks", "Attacks on a classifier", seconds=1.25)])))
    attacks: 0 steps, 0 figures, 1.2 s
    """
    return "\n".join(_account(report) for report in summary.reports)


def _account(report: Report) -> str:
    done = f"{plural(len(report.steps), 'step')}, {plural(len(report.figures), 'figure')}, {report.seconds:.1f} s"
    if isinstance(report.error, Exception):
        return f"{report.name}: stopped with {type(report.error).__name__} after {done}"
    return f"{report.name}: {'stopped after ' if report.error else ''}{done}"
