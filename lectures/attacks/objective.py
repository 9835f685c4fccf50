"""The attack as one composite problem: a smooth loss, minus the indicator function of the allowed set."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import minigrad as mg
import minigrad.numpy as np
from lectures.attacks.ascent import Loss
from lectures.attacks.threat import check_threat


def composite_objective(loss: Loss, x: Any, eps: float) -> Callable[[Any], float]:
    """Give what an ℓ∞ attack maximises: ``f(η) − δ_N(η)``, with f(η) = L(x + η) and N = {‖η‖_∞ ≤ ε}.

    The convex indicator δ_N is 0 on N and +∞ elsewhere, so it must be *subtracted* under a maximum: then a perturbation
    outside N has the value −∞ and is never chosen. Both sources print a plus sign. In opt19 the indicator is moreover
    that of a set (1 inside, 0 outside), and f(δ) = ℓ(f_θ(x), y), in which the perturbation does not occur.

    Parameters
    ----------
    loss : callable
        L, from a perturbed input of x's shape to one number.
    x : array
        The clean input.
    eps : float
        ε, the radius of the ball.

    Returns
    -------
    callable
        From a perturbation to its value.

    References
    ----------
    Ledger: opt19-composite, epfl11-composite.

    Examples
    --------
    >>> value = composite_objective(lambda a: np.sum(a), np.zeros(2), 1.0)
    >>> value(np.array([1.0, 1.0])), value(np.array([2.0, 0.0]))
    (2.0, -inf)
    """
    check_threat(x, eps, "linf", None)

    def value(eta: Any) -> float:
        inside = bool(np.max(np.abs(eta)) <= eps)
        return float(mg.asnumpy(loss(x + eta))) if inside else -math.inf

    return value
