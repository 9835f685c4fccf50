"""The one look of all figures: legible at page width, safe for colour-blind readers, and drawn without a window.

Importing this file changes nothing. The style holds inside ``with use_style():``, and a story runs its steps in there.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import matplotlib.style
from cycler import cycler
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from minigrad.history import COLORS as LINE_COLORS

WIDTH = 6.5  # inches: a figure as wide as the text
DPI = 150

COLORS = (*LINE_COLORS, "#F0E442")  # yellow comes last, because thin yellow lines are hard to see on white

STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.grid": False,
    "axes.labelsize": 10,
    "axes.prop_cycle": cycler(color=COLORS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10.5,
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "figure.figsize": (WIDTH, 3.4),
    "figure.titlesize": 11,
    "font.size": 10,
    "grid.color": "#D9D9D9",
    "grid.linewidth": 0.6,
    "image.cmap": "viridis",
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "savefig.dpi": DPI,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
}


def use_style() -> AbstractContextManager[None]:
    """Draw in the style of the lectures inside a ``with`` block, whatever the reader's own settings are.

    Examples
    --------
    >>> import matplotlib
    >>> with use_style():
    ...     matplotlib.rcParams["savefig.dpi"]
    150.0
    """
    return matplotlib.style.context(["default", STYLE])


def figure(width: float = WIDTH, height: float = 3.4) -> Figure:
    """Make an empty figure of that size in inches; add axes to it with ``fig.subplots()``.

    The figure belongs to nobody but you: it opens no window, needs no display, and goes when you let go of it.

    Parameters
    ----------
    width, height : float
        Inches. Beyond 6.5 inches the page shrinks the figure, and its text with it.

    Examples
    --------
    >>> fig = figure(6.5, 3)
    >>> axes = fig.subplots(1, 2)
    >>> len(axes)
    2
    """
    with use_style():
        made = Figure(figsize=(width, height))
    FigureCanvasAgg(made)
    return made
