"""A lecture in a notebook: its figures and numbers stand below the cell of their step."""

from __future__ import annotations

import base64
import sys
from typing import Any

from lectures.telling.report import StepResult


def running_shell() -> Any:
    """Find the running IPython shell, if there is one, without importing IPython for it.

    Examples
    --------
    >>> running_shell()
    """
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def show(shell: Any, step: StepResult) -> None:
    """Print the numbers of a step and display its figures.

    Examples
    --------
    >>> from lectures.telling.report import Number
    >>> show(None, StepResult("measure", numbers=[Number("gap", 0.5, "0.5")]))
    gap: 0.5
    """
    for number in step.numbers:
        print(f"{number.name}: {number.text}")
    for picture in step.figures:
        # The PNG has more pixels per inch than a screen, which has about 96.
        size = {"image/png": {"width": round(96 * picture.width)}}
        data = {"image/png": base64.b64encode(picture.png).decode(), "text/plain": picture.caption or picture.name}
        shell.display_pub.publish(data, metadata=size)
