"""Turns reports into one HTML page that needs no network and no scripts: text, formulas, figures, numbers and code."""

from __future__ import annotations

import base64
import html
import re
import textwrap
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial

import numpy
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser
from matplotlib.path import Path
from matplotlib.textpath import TextPath

from lectures.story import Number, Picture, Report, StepResult, Text
from lectures.style import WIDTH, use_style


class FormulaError(ValueError):
    r"""A formula of a lecture cannot be drawn; the message names the formula and the file.

    Examples
    --------
    >>> try:
    ...     formula(r"\nonsense")
    ... except FormulaError as error:
    ...     print(error)
    the formula $\nonsense$ cannot be drawn: Unknown symbol: \nonsense
    """


# ------------------------------------------------------------------------------------------------------------ formulas

# Matplotlib's mathtext knows one of several common TeX names for these.
_SYNONYMS = {
    "bm": r"\boldsymbol",
    "coloneqq": ":=",
    "displaystyle": "",
    "ge": r"\geq",
    "gets": r"\leftarrow",
    "gt": ">",
    "iff": r"\Leftrightarrow",
    "implies": r"\Rightarrow",
    "land": r"\wedge",
    "le": r"\leq",
    "limits": "",
    "lor": r"\vee",
    "lt": "<",
    "lVert": r"\|",
    "lvert": "|",
    "rVert": r"\|",
    "rvert": "|",
    "textbf": r"\mathbf",
    "textit": r"\mathit",
    "top": "\N{DOWN TACK}",  # by name it is spaced as a relation, too widely for a transpose
    "tfrac": r"\frac",
}
_PARSER: MathTextParser = MathTextParser("path")
_DRAWN_AT = 100  # points: large, so that coordinates with one decimal are precise
_FULL_SIZE = 1.06  # of the text's size: makes the formula's letters as tall as those of the page's serif fonts


@lru_cache(maxsize=4096)
def formula(tex: str, display: bool = False) -> str:
    r"""Draw a TeX formula as an inline SVG that follows the text's size, baseline and colour.

    The outlines come from matplotlib's mathtext as a single path, so no two formulas on a page can share an id.

    Parameters
    ----------
    tex : str
        The formula without its dollar signs.
    display : bool
        Set it apart on a line of its own.

    Raises
    ------
    FormulaError
        If mathtext cannot draw it.

    Examples
    --------
    >>> formula("x^2").startswith('<svg role="img" aria-label="x^2"')
    True
    """
    outline, advance = _outline(tex)
    (left, bottom), (right, top) = outline.get_extents().get_points() / _DRAWN_AT
    # The white beside the outermost letters belongs to the formula: without it, words would touch it.
    left, right = min(0.0, left), max(advance / _DRAWN_AT, right)
    scale = _FULL_SIZE * (1.08 if display else 1.0)
    width, height, depth = (scale * length for length in (right - left, top - bottom, -bottom))
    box = " ".join(f"{_DRAWN_AT * length:.1f}" for length in (left, -top, right - left, top - bottom))
    svg = (
        f'<svg role="img" aria-label="{html.escape(tex)}" viewBox="{box}" '
        f'style="width:{width:.3f}em;height:{height:.3f}em;vertical-align:{-depth:.3f}em">'
        f'<path d="{_path_data(outline)}"/></svg>'
    )
    return f'<span class="display">{svg}</span>' if display else svg


def _outline(tex: str) -> tuple[Path, float]:
    """Draw a formula from the origin along the baseline; give its outline and its width with the white at its ends."""
    font = FontProperties(size=_DRAWN_AT, math_fontfamily="stix")
    translated = f"${_translated(tex)}$"
    try:
        with use_style():
            parsed = _PARSER.parse(translated, dpi=72, prop=font) if tex.strip() else None
            if parsed is None or not (parsed.glyphs or parsed.rects):
                raise FormulaError(f"the formula ${tex}$ draws nothing")
            return TextPath((0, 0), translated, prop=font), parsed.width
    except FormulaError:
        raise
    except ValueError as error:
        raise FormulaError(f"the formula ${tex}$ cannot be drawn: {_reason(error)}") from None


def _translated(tex: str) -> str:
    tex = re.sub(r"\\[bB]igg?[lrm]?(?![A-Za-z])", "", tex).replace(r"\operatorname*", r"\operatorname")
    tex = re.sub(r"\\([A-Za-z]+)", lambda match: _SYNONYMS.get(match[1], match[0]), tex)
    return re.sub(r"\s+", " ", tex).strip()


def _reason(error: ValueError) -> str:
    last = str(error).strip().splitlines()[-1]
    return re.sub(r"^Parse\w+: |, found .*$", "", last)


def _path_data(outline: Path) -> str:
    commands = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C", Path.CLOSEPOLY: "Z"}
    pieces = []
    for points, code in outline.iter_segments(curves=True, simplify=False):
        flipped = numpy.asarray(points).reshape(-1, 2) * (1, -1) + 0.0
        numbers = "" if code == Path.CLOSEPOLY else " ".join(f"{value:.1f}" for value in flipped.ravel())
        pieces.append(commands[code] + numbers)
    return "".join(pieces)


# ------------------------------------------------------------------------------------------------------ text in a line

# Finished pieces of HTML wait behind private-use characters while the text around them is escaped and marked up.
_HELD = re.compile("[\ue000\ue001](\\d+)[\ue002]")
_GLUED = re.compile("(?:[^\\s<>\ue000-\ue002]*\ue001\\d+\ue002)+[^\\s<>\ue000-\ue002]*")
_LITERAL = re.compile(
    r"""
      \\(?P<escaped>[\\`*_$\#|\[\]])
    | (?P<ticks>`+)(?P<code>.+?)(?P=ticks)
    | \$\$(?P<display>.+?)\$\$
    | \$(?!\s)(?P<math>(?:\\.|[^$\\])+?)(?<!\s)\$
    | <(?P<address>https?://[^>\s]+)>
    """,
    re.VERBOSE | re.DOTALL,
)


def inline(text: str) -> str:
    """Turn a line of Markdown into HTML: emphasis, code, links and formulas; everything else is shown as it is written.

    Examples
    --------
    >>> inline("a *small* `x < 1`")
    'a <em>small</em> <code>x &lt; 1</code>'
    """
    held: list[str] = []

    def hold(match: re.Match[str]) -> str:
        held.append(_literal(match))
        mark = "\ue001" if match["math"] else "\ue000"
        return f"{mark}{len(held) - 1}\ue002"

    marked = _LITERAL.sub(hold, re.sub("[\ue000-\ue002]", "", text))
    marked = _emphasised(html.escape(marked))
    marked = _GLUED.sub(_glue, marked)
    return _HELD.sub(lambda match: held[int(match[1])], marked)


def _glue(match: re.Match[str]) -> str:
    # A comma after a formula must not start the next line.
    return match[0] if _HELD.fullmatch(match[0]) else f'<span class="glued">{match[0]}</span>'


def _literal(match: re.Match[str]) -> str:
    if match["escaped"]:
        return html.escape(match["escaped"])
    if match["code"]:
        return f"<code>{html.escape(match['code'].strip())}</code>"
    if match["address"]:
        return _link(html.escape(match["address"]), html.escape(match["address"]))
    return formula(" ".join((match["display"] or match["math"]).split()), display=bool(match["display"]))


def _emphasised(escaped: str) -> str:
    escaped = re.sub(r"\[([^\]]+)\]\(([^)\s]+)\)", lambda match: _link(match[2], match[1]), escaped)
    escaped = re.sub(r"\*\*(?!\s)(.+?)(?<!\s)\*\*", r"<strong>\1</strong>", escaped, flags=re.DOTALL)
    escaped = re.sub(r"(?<![\w*])\*(?![\s*])(.+?)(?<![\s*])\*(?![\w*])", r"<em>\1</em>", escaped, flags=re.DOTALL)
    return re.sub(r"(?<![\w/])_(?![\s_])([^<>]+?)(?<![\s_])_(?!\w)", r"<em>\1</em>", escaped)


def _link(address: str, text: str) -> str:
    # Anything but these, "javascript:" above all, stays plain text.
    allowed = re.match(r"(https?://|mailto:|#|\.{0,2}/|[\w-]+[/.](?!.*:))", html.unescape(address))
    return f'<a href="{address}">{text}</a>' if allowed else f"{text} ({address})"


# ----------------------------------------------------------------------------------------------------- blocks of text


@dataclass
class Outline:
    """The headings of a page: gives each its own anchor and remembers it for the table of contents.

    Parameters
    ----------
    prefix : str
        What every anchor begins with.
    shift : int
        How many levels lower the headings of the text are on the page.

    Examples
    --------
    >>> outline = Outline("attacks")
    >>> outline.add("The linear case"), outline.add("The linear case")
    ('attacks-the-linear-case', 'attacks-the-linear-case-2')
    """

    prefix: str
    shift: int = 0
    entries: list[tuple[str, str]] = field(default_factory=list)

    def add(self, heading: str) -> str:
        """Remember a heading and return its anchor.

        Examples
        --------
        >>> Outline("attacks").add("Two words")
        'attacks-two-words'
        """
        base = f"{self.prefix}-{re.sub(r'[^a-z0-9]+', '-', heading.lower()).strip('-')}".strip("-")
        taken = {anchor for anchor, _ in self.entries}
        anchor = next(name for name in _numbered(base) if name not in taken)
        self.entries.append((anchor, heading))
        return anchor


def _numbered(base: str) -> Iterator[str]:
    yield base
    number = 2
    while True:
        yield f"{base}-{number}"
        number += 1


def markdown(text: str, outline: Outline | None = None) -> str:
    """Turn a small subset of Markdown into HTML.

    It knows headings, paragraphs, lists, tables, code blocks, quotes, and formulas between ``$`` or ``$$``.

    Examples
    --------
    >>> print(markdown("Two points:\\n\\n- one\\n- two"))
    <p>Two points:</p>
    <ul><li>one</li><li>two</li></ul>
    """
    outline = outline or Outline("text")
    lines = text.splitlines()
    blocks = []
    while lines:
        if not lines[0].strip():
            lines.pop(0)
            continue
        render = next(render for starts, render in _BLOCKS if re.match(starts, lines[0]))
        blocks.append(render(lines, outline))
    return "\n".join(blocks)


def _fenced(lines: list[str], outline: Outline) -> str:
    lines.pop(0)
    code = list(_taken(lines, lambda line: not line.startswith("```")))
    del lines[:1]
    return code_block("\n".join(code))


def _displayed(lines: list[str], outline: Outline) -> str:
    block = lines.pop(0)
    while lines and block.count("$$") < 2:
        block += "\n" + lines.pop(0)
    return f"<p>{inline(block)}</p>"


def _heading(lines: list[str], outline: Outline) -> str:
    marks, text = lines.pop(0).split(maxsplit=1)
    level = min(6, len(marks) + outline.shift)
    return f'<h{level} id="{outline.add(text)}">{inline(text)}</h{level}>'


def _table(lines: list[str], outline: Outline) -> str:
    rows = [_cells(line) for line in _taken(lines, lambda line: line.lstrip().startswith("|"))]
    ruled = len(rows) > 1 and all(re.fullmatch(r":?-+:?", cell) for cell in rows[1])
    head = _row(rows[0], "th") if ruled else ""
    body = "".join(_row(row, "td") for row in (rows[2:] if ruled else rows))
    return f'<div class="wide"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def _cells(line: str) -> list[str]:
    # A bar inside a formula or inside code does not end the cell.
    parts = re.findall(r"(?:\\.|\$[^$]*\$|`[^`]*`|[^|])+", line.strip().strip("|"))
    return [part.strip() for part in parts]


def _row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{inline(cell)}</{tag}>" for cell in cells) + "</tr>"


def _list(lines: list[str], outline: Outline, mark: str, tag: str) -> str:
    items: list[str] = []
    first = lines[0].split(maxsplit=1)[0].strip(".)")
    while lines and re.match(mark, lines[0]):
        item = [re.sub(mark, "", lines.pop(0), count=1)]
        item += _taken(lines, lambda line: re.match(r"\s+\S", line) is not None)
        items.append(_item(item, outline))
    opening = f'ol start="{first}"' if tag == "ol" and first != "1" else tag
    return f"<{opening}>{''.join(items)}</{tag}>"


def _item(lines: list[str], outline: Outline) -> str:
    nested = next(
        (at for at, line in enumerate(lines) if at and re.match(rf"\s+({_BULLET}|{_ENUMERATED})", line)), None
    )
    text = inline(" ".join(line.strip() for line in lines[:nested]))
    below = "" if nested is None else markdown(textwrap.dedent("\n".join(lines[nested:])), outline)
    return f"<li>{text}{below}</li>"


def _quote(lines: list[str], outline: Outline) -> str:
    quoted = [re.sub(r"^> ?", "", line) for line in _taken(lines, lambda line: line.startswith(">"))]
    text = "\n".join(quoted)
    return f"<blockquote>{markdown(text, outline)}</blockquote>"


def _paragraph(lines: list[str], outline: Outline) -> str:
    words = [lines.pop(0)]
    words += _taken(lines, lambda line: bool(line.strip()) and not _starts_block(line))
    text = "\n".join(words)
    return f"<p>{inline(text)}</p>"


def _starts_block(line: str) -> bool:
    return any(re.match(starts, line) for starts, _ in _BLOCKS[:-1])


def _taken(lines: list[str], wanted: Callable[[str], bool]) -> Iterator[str]:
    while lines and wanted(lines[0]):
        yield lines.pop(0)


_BULLET, _ENUMERATED = r"[-*+]\s+(?=\S)", r"\d+[.)]\s+(?=\S)"
_BLOCKS: list[tuple[str, Callable[[list[str], Outline], str]]] = [
    (r"```", _fenced),
    (r"\$\$", _displayed),
    (r"#{1,6}\s+\S", _heading),
    (r"\s*\|", _table),
    (_BULLET, partial(_list, mark=_BULLET, tag="ul")),
    (_ENUMERATED, partial(_list, mark=_ENUMERATED, tag="ol")),
    (r">", _quote),
    (r"", _paragraph),
]


def code_block(code: str) -> str:
    """Show code as it is written.

    Examples
    --------
    >>> code_block("x < 1")
    '<pre><code>x &lt; 1</code></pre>'
    """
    return f"<pre><code>{html.escape(code)}</code></pre>"


# ------------------------------------------------------------------------------------------------- one lecture's part


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


# ------------------------------------------------------------------------------------------------------ the whole page


def page(reports: Sequence[Report], title: str = "The minigrad tour") -> str:
    """Show reports as one self-contained HTML page.

    Parameters
    ----------
    reports : sequence of Report
        The lectures, in the order of the page. A single one gives the page its title.
    title : str
        The title of a page of several lectures.

    Raises
    ------
    FormulaError
        If a formula cannot be drawn.

    Examples
    --------
    >>> page([Report("attacks", "Attacks on a classifier")]).startswith("<!DOCTYPE html>")
    True
    """
    level = 1 if len(reports) == 1 else 2
    title = reports[0].title if len(reports) == 1 else title
    return document(title, [section(report, level) for report in reports], facts(reports))


def facts(reports: Sequence[Report]) -> dict[str, str]:
    """List how the reports were made: version, backend, seed, budget, date and seconds.

    Examples
    --------
    >>> facts([Report("attacks", "Attacks on a classifier", seed=3)])["Seed"]
    '3'
    """

    def all_of(values: Iterable[object]) -> str:
        return ", ".join(dict.fromkeys(str(value) for value in values if value != ""))

    return {
        "minigrad": all_of(report.version for report in reports),
        "Backend": all_of(report.backend for report in reports),
        "Seed": all_of(report.seed for report in reports),
        "Budget": all_of(report.budget for report in reports),
        "Date": next((report.date for report in reports if report.date), ""),
        "Seconds": f"{sum(report.seconds for report in reports):.1f}",
    }


def document(title: str, sections: Sequence[Section], facts: dict[str, str]) -> str:
    """Put sections together to a page with a table of contents and the facts of the run.

    Parameters
    ----------
    title : str
        The page's title, in Markdown; a page of one lecture shows the lecture's own heading instead.
    sections : sequence of Section
        The lectures.
    facts : dict
        How the page was made.

    Examples
    --------
    >>> document("Tour", [], {"Seed": "0"}).count("<h1")
    1
    """
    alone = len(sections) == 1 and sections[0].level == 1
    shown = _single(sections[0]) if alone else _several(title, sections)
    plain = html.escape(re.sub(r"[$*`]", "", title))
    rows = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in facts.items())
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{plain}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n<main>\n"
        f"{shown}\n"
        f'<footer><h2 id="how-made">How this page was made</h2><dl>{rows}</dl></footer>\n</main>\n</body>\n</html>\n'
    )


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


_CSS = """
:root { color-scheme: light dark; --ink: #1c1c1e; --paper: #fffefb; --quiet: #5f6368; --line: #d9d7d0;
  --panel: #f5f3ec; --link: #00558c; --wrong: #a3360a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e2dd; --paper: #17181a; --quiet: #a3a6ab; --line: #3a3c40; --panel: #212327;
    --link: #7cc4f5; --wrong: #f09a72; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 1.0625rem/1.6 Charter, "Bitstream Charter", "Sitka Text", Cambria, Georgia, serif; }
main { max-width: 46rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1, h2, h3, h4, h5, h6, nav, summary, .numbers, .fine, figcaption, footer, th {
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1, h2, h3, h4, h5, h6 { line-height: 1.25; margin: 2.2em 0 0.6em; }
h1 { font-size: 2rem; margin-top: 0; }
h2 { font-size: 1.5rem; }
h3 { font-size: 1.2rem; }
h4, h5, h6 { font-size: 1.05rem; }
section + section { margin-top: 4rem; border-top: 1px solid var(--line); padding-top: 0.5rem; }
a { color: var(--link); }
p, ul, ol, blockquote { margin: 0 0 1em; }
li { margin: 0.25em 0; }
blockquote { border-left: 3px solid var(--line); padding-left: 1rem; color: var(--quiet); }
nav { font-size: 0.95rem; background: var(--panel); border-radius: 6px; padding: 0.9rem 1.1rem; margin: 1.5rem 0; }
nav ol, nav ul { margin: 0; padding-left: 1.4rem; }
svg { overflow: visible; max-width: 100%; }
svg path { fill: currentColor; }
.glued { white-space: nowrap; }
.display { display: block; text-align: center; overflow-x: auto; overflow-y: hidden; margin: 1em 0; padding: 0.3em 0; }
.display svg { max-width: none; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { font-size: 0.88em; background: var(--panel); border-radius: 3px; padding: 0.1em 0.3em; }
pre { background: var(--panel); border-radius: 6px; padding: 0.8rem 1rem; overflow-x: auto; line-height: 1.45; }
pre code { padding: 0; background: none; font-size: 0.85rem; }
.step { margin: 1.6rem 0; }
figure { margin: 0 0 1rem; text-align: center; }
figure img { max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
figcaption { text-align: left; font-size: 0.9rem; line-height: 1.5; color: var(--quiet); margin-top: 0.5rem; }
.wide { overflow-x: auto; margin: 0 0 1rem; }
table { border-collapse: collapse; font-size: 0.95rem; }
th, td { text-align: left; padding: 0.35rem 1.2rem 0.35rem 0; border-bottom: 1px solid var(--line);
  vertical-align: baseline; }
.numbers { font-size: 0.9rem; }
.numbers th { font-weight: normal; }
.numbers td { text-align: right; padding-right: 0; font-variant-numeric: tabular-nums; }
summary { cursor: pointer; font-size: 0.9rem; color: var(--quiet); }
details pre { margin: 0.5rem 0 0; }
.error { border-left: 3px solid var(--wrong); padding-left: 1rem; margin-bottom: 1rem; }
.error > p:first-child { color: var(--wrong); }
.fine, footer { font-size: 0.85rem; color: var(--quiet); }
footer { margin-top: 4rem; border-top: 1px solid var(--line); }
footer h2 { font-size: 1rem; margin-top: 1.2rem; }
footer dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 1.2rem; margin: 0; }
footer dd { margin: 0; }
@media print { details { display: none; } main { max-width: none; } }
"""
