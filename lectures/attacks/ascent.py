"""Climbing a loss by its gradient, inside the set of allowed perturbations: what all iterated attacks share."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import minigrad as mg
import minigrad.numpy as np
from minigrad.checks import require

Loss = Callable[[Any], Any]


def ascend(
    loss: Loss,
    x: Any,
    project: Callable[[Any], Any],
    direction: Callable[[Any], Any],
    step: float,
    steps: int,
    start: Any = None,
) -> Any:
    """Repeat ``ηᵏ⁺¹ = π(ηᵏ + α d(∇f(ηᵏ)))`` with f(η) = L(x + η), from the projected start.

    Parameters
    ----------
    loss, x
        L and the clean input.
    project : callable
        π, from any perturbation to an allowed one.
    direction : callable
        d, what is made of a gradient: itself, or its sign.
    step, steps
        α, and how many times.
    start : array, optional
        η⁰ before its projection; 0 by default.

    Returns
    -------
    eta : array
        The last iterate.

    Examples
    --------
    >>> ascend(np.sum, np.zeros(2), lambda eta: eta.clip(-1.0, 1.0), np.sign, 0.25, 2)
    array([0.5, 0.5])
    """
    step = check_steps(step, steps)
    eta = project(first_perturbation(x, start))
    for k in range(steps):
        gradient = ascent_direction(loss, x + eta)
        if k == 0 and start is None:
            warn_of_flat(gradient, stacklevel=4)  # the line that called the attack
        eta = project(eta + step * direction(gradient))
    return eta


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
    require(np.isfinite(gradient).all(), _not_finite)
    return gradient


def _not_finite() -> FloatingPointError:
    return FloatingPointError(
        "the loss has a gradient that is NaN or infinite; run it under minigrad.detect_anomaly() to see where from"
    )


class ZeroGradientWarning(RuntimeWarning):
    """The loss is flat at a clean input, so that an attack by gradients does not move it."""


def warn_of_flat(gradient: Any, stacklevel: int = 3) -> None:
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
            stacklevel=stacklevel,
        )
