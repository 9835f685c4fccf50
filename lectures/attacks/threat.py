"""What the attacker may do: the set of allowed perturbations, and the projection onto it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import minigrad as mg
import minigrad.numpy as np
from minigrad.prox import project_box, project_l2, project_linf

Loss = Callable[[Any], Any]
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


def first_perturbation(x: Any, start: Any = None) -> Any:
    """Give the perturbation that an iteration begins with: `start`, or zeros.

    Raises
    ------
    ShapeError
        If `start` does not have the shape of x.

    Examples
    --------
    >>> first_perturbation(np.ones(2))
    array([0., 0.])
    """
    if start is None:
        return np.zeros_like(x)
    eta = np.asarray(start, dtype=x.dtype)
    if eta.shape != x.shape:
        raise mg.ShapeError(f"the start of an attack has the shape of its input, {x.shape}; got {eta.shape}")
    return eta


def check_steps(step: float, steps: int) -> float:
    """Refuse a number or a length of steps that is negative or not a number; give the length as a Python float.

    Examples
    --------
    >>> check_steps(0.5, 10)
    0.5
    """
    if not (step >= 0 and math.isfinite(step)) or not isinstance(steps, int) or steps < 0:
        raise ValueError(
            "an attack needs a step of at least 0 and a whole number of steps of at least 0; "
            f"got {step!r} and {steps!r}"
        )
    return float(step)


def ascent_direction(loss: Loss, x: Any) -> Any:
    """Give the gradient of the loss at x, and refuse one that is not finite.

    Raises
    ------
    FloatingPointError
        If an entry of the gradient is NaN or infinite.

    Examples
    --------
    >>> ascent_direction(lambda a: np.sum(a * a), np.array([1.0, -2.0]))
    array([ 2., -4.])
    """
    with mg.no_grad():  # the model's parameters are constants here
        gradient = mg.grad(loss)(x)
    if not bool(np.isfinite(gradient).all()):
        raise FloatingPointError(
            "the loss has a gradient that is NaN or infinite; run it under minigrad.detect_anomaly() to see where from"
        )
    return gradient


class ZeroGradientWarning(RuntimeWarning):
    """The loss is flat at a clean input, so that an attack by gradients does not move it."""


def warn_of_flat(gradient: Any) -> None:
    """Warn if the gradient at a clean input is zero, for one of the samples along the first axis of a batch.

    Examples
    --------
    >>> warn_of_flat(np.array([[0.0, 1.0], [2.0, 0.0]]))
    """
    if not gradient.size:
        return
    flat = (gradient == 0.0).reshape((gradient.shape[0] if gradient.ndim > 1 else 1, -1)).all(axis=1)
    if bool(flat.any()):
        warnings.warn(
            f"the loss has gradient zero for {int(flat.sum())} of {flat.size} inputs; the attack does not move them",
            ZeroGradientWarning,
            stacklevel=3,
        )
