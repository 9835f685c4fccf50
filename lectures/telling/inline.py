"""Text within a line: emphasis, code, links and formulas of Markdown, turned into HTML."""

from __future__ import annotations

import html
import re

from lectures.telling.formulas import formula

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
