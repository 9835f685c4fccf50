"""What the attacker may do: the set of allowed perturbations, and the projection onto it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import minigrad.numpy as np
from minigrad.prox import project_box, project_l2, project_linf

Box = tuple[float, float]
BALLS = {"linf": project_linf, "l2": project_l2}


def allowed(x: Any, eps: float, norm: str = "linf", box: Box | None = None) -> Callable[[Any], Any]:
    """Give the projection onto the allowed perturbations: ‖η‖ ≤ ε, and x + η in the data's box.

    For ℓ∞ the two conditions are one box, so clipping is the exact projection π_N of the lecture. For ℓ2 the
    perturbation is projected onto the ball and then clipped; as 0 is allowed, clipping never leaves the ball again.

    Parameters
    ----------
    x : array
        The clean input. For ℓ2 its first axis counts the samples, if it has more than one axis.
    eps : float
        ε, the radius of the ball, in the units of x.
    norm : {"linf", "l2"}
        The norm of the ball.
    box : (low, high), optional
        The range of valid data.

    Returns
    -------
    callable
        From any perturbation to the allowed one.

    Raises
    ------
    TypeError
        If x is not floating-point.
    ValueError
        If ε is negative or not finite, the norm is unknown, the box is empty, or x lies outside it.

    References
    ----------
    Ledger: opt19-adv-example, epfl11-adv-example-def.

    Examples
    --------
    >>> project = allowed(np.array([0.0, 0.5]), 0.25, box=(0.0, 1.0))
    >>> project(np.array([-1.0, 1.0]))
    array([0.  , 0.25])
    """
    check_threat(x, eps, norm, box)
    eps, onto_ball = float(eps), BALLS[norm]  # a NumPy scalar would turn float32 into float64
    if box is None:
        return lambda eta: onto_ball(eta, eps)
    low, high = (float(bound) for bound in box)
    return lambda eta: project_box(onto_ball(eta, eps), low - x, high - x)


def check_threat(x: Any, eps: float, norm: str, box: Box | None) -> None:
    """Refuse an attack that is not well defined.

    Examples
    --------
    >>> check_threat(np.zeros(2), 0.1, "linf", (0.0, 1.0))
    """
    if getattr(x, "dtype", None) is None or x.dtype.kind != "f":
        raise TypeError(f"an attack needs a floating-point array as input; got {getattr(x, 'dtype', type(x).__name__)}")
    if getattr(eps, "shape", ()) != () or not (eps >= 0 and math.isfinite(eps)):
        raise ValueError(f"eps is the size of the perturbation, at least 0 and finite; got {eps!r}")
    if norm not in BALLS:
        raise ValueError(f"norm must be one of {', '.join(BALLS)}; got {norm!r}")
    if box is not None:
        if len(box) != 2 or any(getattr(bound, "shape", ()) != () for bound in box) or not box[0] <= box[1]:
            raise ValueError(f"the box of valid data is a pair of numbers (low, high) with low <= high; got {box!r}")
        low, high = float(box[0]), float(box[1])
        slack = 4.0 * float(np.finfo(x.dtype).eps) * max(abs(low), abs(high))  # what rounding does to x + eta
        if x.size and not (float(x.min()) >= low - slack and float(x.max()) <= high + slack):
            raise ValueError(
                f"the clean input leaves the box {box!r}: its values go from {float(x.min()):g} to {float(x.max()):g}"
            )
