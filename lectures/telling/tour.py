"""The tour: runs the lectures one after the other and writes one page of all of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from lectures.telling.catalogue import Entry, UnknownLectureError, catalogue, find
from lectures.telling.files import OutputError, writable_folder, write_file
from lectures.telling.formulas import FormulaError
from lectures.telling.page import page
from lectures.telling.report import Report
from lectures.telling.run import Run
from lectures.telling.section import Section, failed_section, plural, section

TITLE = "The minigrad tour"
PAGE = "index.html"


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


def tour(out: str | os.PathLike[str], budget: str = "fast", seed: int = 0, package: str = "lectures") -> Summary:
    """Run all lectures; write ``out/<lecture>/<figure>.png`` and the page ``out/index.html``.

    The page is written again after each lecture, so an interruption keeps what was finished. A lecture that fails is
    shown on the page with its error, and the others go on.

    Parameters
    ----------
    out : path
        The folder for the results; it is made if it is missing.
    budget : str
        ``"fast"`` or ``"full"``.
    seed : int
        The seed of every random number.
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
    >>> tour("out", package="email")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ...
    UnknownLectureError: the package 'email' holds no lectures
    """
    entries = catalogue(package)
    if not entries:
        raise UnknownLectureError(f"the package {package!r} holds no lectures")
    folder = _folder(out)
    figures = {entry.name: writable_folder(folder / entry.name) for entry in entries}
    return _visit(entries, budget, seed, figures, folder / PAGE)


def lecture(
    name: str, out: str | os.PathLike[str], budget: str = "fast", seed: int = 0, package: str = "lectures"
) -> Summary:
    """Run one lecture; write its figures and its own page ``index.html`` into ``out/<lecture>``.

    Parameters and errors are those of `tour`, after the lecture's name.

    Examples
    --------
    >>> lecture("no such lecture", "out")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ...
    UnknownLectureError: there is no lecture 'no such lecture'; see: minigrad lectures
    """
    entry = find(name, package)
    folder = _folder(Path(out, name))
    return _visit([entry], budget, seed, {name: folder}, folder / PAGE)


def _folder(out: str | os.PathLike[str]) -> Path:
    folder = writable_folder(out)
    if (folder / PAGE).is_dir():
        raise OutputError(f"{folder / PAGE} is a folder, where the page belongs; choose another folder with --out")
    return folder


def _visit(entries: Sequence[Entry], budget: str, seed: int, figures: dict[str, Path], file: Path) -> Summary:
    Run(budget, seed)  # refuses a wrong budget or seed before the first lecture is blamed for it
    title, level = (entries[0].title, 1) if len(entries) == 1 else (TITLE, 2)
    summary = Summary(file)
    sections: list[Section] = []
    try:
        # disable=None: no bar where the output is not a terminal
        with tqdm(total=sum(entry.steps for entry in entries), unit="step", disable=None, leave=False) as bar:
            for entry in entries:
                report = _perform(entry, budget, seed, figures[entry.name], bar)
                sections.append(_section(report, level))
                summary.reports.append(report)
                write_file(file, page(title, sections, summary.reports).encode())
                if isinstance(report.error, KeyboardInterrupt):
                    raise report.error
    except KeyboardInterrupt:
        summary.interrupted = True
    return summary


def _perform(entry: Entry, budget: str, seed: int, figures: Path, bar: tqdm) -> Report:
    if entry.story is None:
        return Report(entry.name, entry.name, budget=budget, seed=seed, error=entry.error)
    report = entry.story.start(budget, seed)
    before = bar.n
    try:
        for step in entry.story.play(report, figures):
            bar.n = before + len(report.steps)
            bar.set_description(f"{entry.name}: {step}")
    except OutputError:
        raise
    except (Exception, KeyboardInterrupt) as error:  # whatever stops one lecture, what came before it is kept
        report.error = error
    bar.n = before + entry.steps
    return report


def _section(report: Report, level: int) -> Section:
    try:
        return section(report, level)
    except FormulaError as error:
        report.error = report.error or error
        return failed_section(report, level)


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
