"""The percent format: a Python file whose cells begin with ``# %%``, which Jupyter and VS Code open as a notebook."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Cell:
    """One cell: its text without comment marks, or its code.

    Parameters
    ----------
    kind : str
        ``"markdown"`` or ``"code"``.
    source : str
        The text or the code.
    first, last : int
        The lines of the file that it covers, counted from 1, its ``# %%`` line included.

    Examples
    --------
    >>> Cell("code", "x = 1", first=1, last=2).kind
    'code'
    """

    kind: str
    source: str
    first: int
    last: int


def cells(source: str) -> list[Cell]:
    """Split a file into its cells; what stands before the first ``# %%`` belongs to none.

    Examples
    --------
    >>> [cell.source for cell in cells("# %% [markdown]\\n# Some *text*.\\n# %%\\nx = 1\\n")]
    ['Some *text*.', 'x = 1']
    """
    lines = source.splitlines()
    starts = [number for number, line in enumerate(lines) if re.match(r"# %%(\s|$)", line)]
    return [_cell(lines[start:end], start + 1) for start, end in pairwise([*starts, len(lines)])]


def _cell(lines: list[str], first: int) -> Cell:
    header, *body = lines
    kind = "code"
    if re.search(r"\[(markdown|md)\]", header):
        kind, body = "markdown", [re.sub(r"^# ?", "", line) for line in body]
    return Cell(kind, "\n".join(body).strip("\n"), first, first + len(body))
