"""What a run of a lecture leaves behind: texts, numbers and figures, in the order of the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


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
    """What one run of a lecture left behind.

    Parameters
    ----------
    name, title : str
        The folder of the lecture, and its heading.
    file : Path or None
        Where the lecture is written.
    budget, seed : str, int
        The settings of the run.
    parts : list of Text or StepResult
        The text cells and the results of the steps that have run so far.
    backend, date : str
        What computed, and when.
    seconds : float
        How long the steps took.
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
