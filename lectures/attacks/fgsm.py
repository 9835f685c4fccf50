"""The fast gradient sign method, and several steps of it."""

from __future__ import annotations

from typing import Any

import minigrad.numpy as np
from lectures.attacks.ascent import Loss, ascend, ascent_direction, warn_of_flat
from lectures.attacks.threat import Box, allowed


def fgsm(loss: Loss, x: Any, eps: float, *, box: Box | None = None) -> Any:
    """Perturb an input by one step along the sign of the loss's gradient: ``η = ε sign(∇L(x))``.

    It is the best perturbation in the ball ‖η‖_∞ ≤ ε for the loss linearised at x. (opt19 writes δ for η.)

    Parameters
    ----------
    loss : callable
        L, from a perturbed input of x's shape to one number. For a batch, *sum* the losses of the samples, so that each
        sample's gradient is its own.
    x : array
        The clean input a, floating-point, of any shape.
    eps : float
        ε, the largest change of any coordinate, in the units of x.
    box : (low, high), optional
        The range of valid data, in which x + η is kept.

    Returns
    -------
    eta : array
        η, of x's shape and dtype.

    Raises
    ------
    TypeError, ValueError
        If the input is not floating-point, ε is negative, or x lies outside the box.
    FloatingPointError
        If the gradient is not finite.

    Warns
    -----
    ZeroGradientWarning
        If the gradient of some sample is zero: its η is then 0.

    References
    ----------
    Ledger: opt19-fgsm, epfl11-fgsm, epfl11-fgsm-linearization, epfl11-fgsm-scalar.

    Goodfellow, I., Shlens, J. and Szegedy, C. (2015). Explaining and harnessing adversarial examples. ICLR.

    Examples
    --------
    >>> weights = np.array([2.0, -1.0, 0.5])
    >>> fgsm(lambda a: np.dot(weights, a), np.zeros(3), 0.1)
    array([ 0.1, -0.1,  0.1])
    """
    project = allowed(x, eps, "linf", box)
    gradient = ascent_direction(loss, x)
    warn_of_flat(gradient)
    return project(float(eps) * np.sign(gradient))


def iterated_fgsm(
    loss: Loss, x: Any, eps: float, *, step: float, steps: int, start: Any = None, box: Box | None = None
) -> Any:
    """Take several steps along the sign of the gradient: ``ηᵏ⁺¹ = π_N(ηᵏ + α sign(∇f(ηᵏ)))`` with f(η) = L(x + η).

    The slide prints π_X, the projection onto the parameter set; meant is the ball N.

    Parameters
    ----------
    loss, x, eps, box
        As for `fgsm`.
    step : float
        α, the change of each coordinate in one step.
    steps : int
        How many steps.
    start : array, optional
        η⁰, projected onto the allowed set first; 0 by default.

    Returns
    -------
    eta : array
        The last iterate.

    References
    ----------
    Ledger: epfl11-ifgsm.

    Kurakin, A., Goodfellow, I. and Bengio, S. (2017). Adversarial examples in the physical world. ICLR workshop.

    Examples
    --------
    >>> weights = np.array([2.0, -1.0])
    >>> iterated_fgsm(lambda a: np.dot(weights, a), np.zeros(2), 0.1, step=0.04, steps=3)
    array([ 0.1, -0.1])
    """
    return ascend(loss, x, allowed(x, eps, "linf", box), np.sign, step, steps, start)
