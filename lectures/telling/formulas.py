"""Formulas: TeX drawn as SVG, so that the page needs no network, no fonts and no scripts."""

from __future__ import annotations

import html
import re
from functools import lru_cache

import numpy
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser
from matplotlib.path import Path
from matplotlib.textpath import TextPath

from lectures.telling.style import use_style

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
    translated = f"${_translated(tex) or '{}'}$"  # an empty group, because "$$" is not a formula
    try:
        with use_style():
            parsed = _PARSER.parse(translated, dpi=72, prop=font)
            outline = TextPath((0, 0), translated, prop=font) if parsed.glyphs or parsed.rects else None
    except ValueError as error:
        raise FormulaError(f"the formula ${tex}$ cannot be drawn: {_reason(error)}") from None
    if outline is None:
        raise FormulaError(f"the formula ${tex}$ draws nothing")
    return outline, parsed.width


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
