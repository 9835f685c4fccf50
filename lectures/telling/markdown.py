"""A small subset of Markdown, turned into HTML block by block: what the text cells of the lectures use."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from lectures.telling.inline import inline


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
        anchor, number = base, 1
        while anchor in taken:
            number += 1
            anchor = f"{base}-{number}"
        self.entries.append((anchor, heading))
        return anchor


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
