"""The whole page: one HTML file of all lectures with a table of contents, which needs no network and no scripts."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path

import minigrad
from lectures.telling.inline import inline
from lectures.telling.report import Report
from lectures.telling.section import Section

_CSS = Path(__file__).with_name("page.css").read_text(encoding="utf-8")


def page(title: str, sections: Sequence[Section], reports: Sequence[Report]) -> str:
    """Put the sections of lectures together to a page, with the facts of the run at its end.

    Parameters
    ----------
    title : str
        The page's title, in Markdown; a page of one lecture shows the lecture's own heading instead.
    sections : sequence of Section
        The lectures as they are shown. A single section of level 1 is a page of its own.
    reports : sequence of Report
        The lectures as they were run, with the same budget and seed; at least one.

    Examples
    --------
    >>> page("The tour", [], [Report("attacks", "Attacks")]).count("<h1>The tour</h1>")
    1
    """
    alone = len(sections) == 1 and sections[0].level == 1
    shown = _single(sections[0]) if alone else _several(title, sections)
    plain = html.escape(re.sub(r"[$*`]", "", title))
    facts = _facts(reports).items()
    rows = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in facts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{plain}</title>\n<style>\n{_CSS}</style>\n</head>\n<body>\n<main>\n"
        f"{shown}\n"
        f'<footer><h2 id="how-made">How this page was made</h2><dl>{rows}</dl></footer>\n</main>\n</body>\n</html>\n'
    )


def _facts(reports: Sequence[Report]) -> dict[str, str]:
    # A lecture that could not be imported has not begun, and has neither backend nor date.
    begun = next((report for report in reports if report.date), reports[0])
    return {
        "minigrad": minigrad.__version__,
        "Backend": begun.backend,
        "Seed": str(begun.seed),
        "Budget": begun.budget,
        "Date": begun.date,
        "Seconds": f"{sum(report.seconds for report in reports):.1f}",
    }


def _single(part: Section) -> str:
    entries = "".join(f"<li>{_anchor(*entry)}</li>" for entry in part.entries[1:])
    return f"{part.heading}\n{_contents(entries)}\n<section>\n{part.body}\n</section>"


def _several(title: str, sections: Sequence[Section]) -> str:
    contents = _contents("".join(_entry(part.entries) for part in sections))
    shown = [f"<section>\n{part.heading}\n{part.body}\n</section>" for part in sections]
    return "\n".join([f"<h1>{inline(title)}</h1>", contents, *shown])


def _contents(items: str) -> str:
    return f'<nav aria-label="Contents"><ol>{items}</ol></nav>' if items else ""


def _entry(entries: Sequence[tuple[str, str]]) -> str:
    below = "".join(f"<li>{_anchor(*entry)}</li>" for entry in entries[1:])
    return f"<li>{_anchor(*entries[0])}{f'<ul>{below}</ul>' if below else ''}</li>"


def _anchor(anchor: str, heading: str) -> str:
    return f'<a href="#{html.escape(anchor)}">{inline(heading)}</a>'
