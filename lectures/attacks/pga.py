"""Proximal gradient ascent: climb the loss, and return to the allowed set after each step."""

from __future__ import annotations

from typing import Any

from lectures.attacks.ascent import Loss, ascend
from lectures.attacks.threat import Box, allowed


def pga(
    loss: Loss,
    x: Any,
    eps: float,
    *,
    step: float,
    steps: int,
    norm: str = "linf",
    start: Any = None,
    box: Box | None = None,
) -> Any:
    """Maximise the loss over the allowed perturbations: ``ηᵏ⁺¹ = prox_{αg}(ηᵏ + α ∇f(ηᵏ))`` with f(η) = L(x + η).

    g is the indicator function of the allowed set, so its prox is the projection, whatever the step α. The literature
    often says "projected gradient descent" (PGD), though it ascends.

    If every coordinate of α|∇f(0)| exceeds ε, the first step from 0 in the ℓ∞ ball is FGSM.

    Parameters
    ----------
    loss : callable
        L, from a perturbed input of x's shape to one number. For a batch, *sum* the losses of the samples.
    x : array
        The clean input a, floating-point. For ℓ2 its first axis counts the samples, if it has more than one axis.
    eps : float
        ε, the radius of the ball, in the units of x.
    step : float
        α, by which the gradient is multiplied. For a concave f with an L-Lipschitz gradient, α ≤ 1/L never decreases f.
    steps : int
        How many steps.
    norm : {"linf", "l2"}
        The norm of the ball.
    start : array, optional
        η⁰, projected onto the allowed set first; 0 by default. For a random start pass a random array.
    box : (low, high), optional
        The range of valid data, in which x + ηᵏ is kept for every k.

    Returns
    -------
    eta : array
        The last iterate, of x's shape and dtype.

    Raises
    ------
    TypeError, ValueError
        If the input is not floating-point, ε or α is negative, the norm is unknown, or x lies outside the box.
    FloatingPointError
        If a gradient is not finite.

    References
    ----------
    Ledger: opt19-pga, epfl11-pga, epfl11-pga-stronger, epfl11-fgsm-one-step-pga.

    Madry, A. et al. (2018). Towards deep learning models resistant to adversarial attacks. ICLR.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> concave = lambda a: -np.sum((a - np.array([3.0, 0.5])) ** 2)
    >>> pga(concave, np.zeros(2), 1.0, step=0.25, steps=50)
    array([1. , 0.5])
    """
    return ascend(loss, x, allowed(x, eps, norm, box), lambda gradient: gradient, step, steps, start)
