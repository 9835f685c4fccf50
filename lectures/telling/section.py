"""One lecture's part of the page: its text, and under each step the figures, the numbers and the code."""

from __future__ import annotations

import base64
import html
import re
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lectures.telling.formulas import FormulaError
from lectures.telling.inline import inline
from lectures.telling.markdown import Outline, code_block, markdown
from lectures.telling.report import Number, Picture, Report, StepResult, Text
from lectures.telling.style import WIDTH


@dataclass(frozen=True)
class Section:
    """The part of the page that shows one lecture.

    Parameters
    ----------
    heading, body : str
        HTML: the lecture's own heading, and what stands below it.
    entries : list of (str, str)
        The anchor and the text of each heading, its own first, for the table of contents.
    level : int
        The level of its own heading; a section of level 1 is a page of its own.

    Examples
    --------
    >>> Section("<h2>Attacks</h2>", "<p>Text.</p>", [("attacks", "Attacks")], level=2).entries[0][0]
    'attacks'
    """

    heading: str
    body: str
    entries: list[tuple[str, str]]
    level: int


def section(report: Report, level: int = 1) -> Section:
    """Show one report: its text, and under each step the figures, the numbers and the code.

    Parameters
    ----------
    report : Report
        What a run of the lecture left behind.
    level : int
        The level of the lecture's own heading on the page.

    Raises
    ------
    FormulaError
        If a formula of the lecture cannot be drawn; the message names the formula and the file.

    Examples
    --------
    >>> section(Report("attacks", "Attacks on a classifier")).entries
    [('attacks', 'Attacks on a classifier')]
    """
    outline = Outline(report.name, shift=level - 1, entries=[(report.name, report.title)])
    try:
        parts = [_part(part, outline) for part in _without_title(report)]
        title = f'<h{level} id="{html.escape(report.name)}">{inline(report.title)}</h{level}>'
    except FormulaError as error:
        raise FormulaError(f"{report.file or report.name}: {error}") from None
    body = "\n".join([*parts, _error(report.error), f'<p class="fine">{_lecture_line(report)}</p>'])
    return Section(title, body, outline.entries, level)


def failed_section(report: Report, level: int = 1) -> Section:
    """Show a lecture that cannot be shown: its title and the error.

    Examples
    --------
    >>> report = Report("attacks", "Attacks on a classifier", error=FormulaError("attacks: a bad formula"))
    >>> "a bad formula" in failed_section(report).body
    True
    """
    title = f'<h{level} id="{html.escape(report.name)}">{html.escape(report.title)}</h{level}>'
    return Section(title, _error(report.error), [(report.name, report.name)], level)


def _without_title(report: Report) -> Iterator[Text | StepResult]:
    """Give the parts, without the heading that the section shows itself."""
    pending = True
    for part in report.parts:
        if pending and isinstance(part, Text):
            stripped = re.sub(rf"^# +{re.escape(report.title)}\s*$", "", part.markdown, count=1, flags=re.MULTILINE)
            pending = stripped == part.markdown
            yield Text(stripped)
        else:
            yield part


def _part(part: Text | StepResult, outline: Outline) -> str:
    return markdown(part.markdown, outline) if isinstance(part, Text) else _step(part)


def _step(step: StepResult) -> str:
    pieces = [_picture(picture) for picture in step.figures]
    if step.numbers:
        pieces.append(_numbers(step.numbers))
    if step.source:
        label = f"Code of <code>{html.escape(step.name)}</code>, {step.seconds:.1f} s"
        pieces.append(f"<details><summary>{label}</summary>{code_block(step.source)}</details>")
    return "\n".join(['<div class="step">', *pieces, "</div>"])


def _picture(picture: Picture) -> str:
    data = base64.b64encode(picture.png).decode()
    share = min(100.0, 100.0 * picture.width / WIDTH)
    alternative = html.escape(picture.caption or picture.name.replace("_", " ").replace("-", " "))
    caption = f"<figcaption>{inline(picture.caption)}</figcaption>" if picture.caption else ""
    image = f'<img src="data:image/png;base64,{data}" alt="{alternative}" style="width:{share:.0f}%">'
    return f"<figure>{image}{caption}</figure>"


def _numbers(numbers: Iterable[Number]) -> str:
    rows = (f'<tr><th scope="row">{inline(item.name)}</th><td>{html.escape(item.text)}</td></tr>' for item in numbers)
    return f'<div class="wide"><table class="numbers"><tbody>{"".join(rows)}</tbody></table></div>'


def _error(error: BaseException | None) -> str:
    if error is None:
        return ""
    if isinstance(error, KeyboardInterrupt):
        return '<p class="error">This lecture was stopped before its end.</p>'
    trace = "".join(traceback.format_exception(error))
    message = html.escape("".join(traceback.format_exception_only(error)).strip())
    return (
        f'<div class="error"><p>This lecture stopped with an error:</p><pre><code>{message}</code></pre>'
        f"<details><summary>Where it happened</summary>{code_block(trace)}</details></div>"
    )


def _lecture_line(report: Report) -> str:
    return f"{plural(len(report.figures), 'figure')}, {report.seconds:.1f} s, budget {html.escape(report.budget)}"


def plural(count: int, noun: str) -> str:
    """Write a number of things.

    Examples
    --------
    >>> plural(1, "figure"), plural(2, "figure")
    ('1 figure', '2 figures')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"
