"""The linear model, where the worst perturbation is known exactly."""

from __future__ import annotations

from typing import Any

import minigrad.numpy as np
from minigrad.prox import check_radius

DUAL = {"linf": 1, "l2": 2, "l1": float("inf")}


def dual_norm(weights: Any, norm: str = "linf") -> Any:
    """Give the norm that is dual to the attacker's: ``‖x‖_* = max over ‖η‖ ≤ 1 of ⟨x, η⟩``.

    The dual of ℓ∞ is ℓ1, that of ℓ2 is ℓ2, and that of ℓ1 is ℓ∞.

    Parameters
    ----------
    weights : array, shape (p,)
        x.
    norm : {"linf", "l2", "l1"}
        The attacker's norm.

    References
    ----------
    Ledger: epfl11-dual-norm.

    Examples
    --------
    >>> float(dual_norm(np.array([3.0, -4.0])))
    7.0
    """
    if norm not in DUAL:
        raise ValueError(f"norm must be one of {', '.join(DUAL)}; got {norm!r}")
    return np.linalg.norm(weights, DUAL[norm])


def worst_perturbation(weights: Any, eps: float, norm: str = "linf") -> Any:
    """Give the perturbation that raises a linear model h(a) = ⟨x, a⟩ most: η* = argmax of ⟨x, η⟩ over ‖η‖ ≤ ε.

    It does not depend on the input, and it raises h by exactly ε‖x‖_*, the dual norm:

    - ℓ∞: ε sign(x), every coordinate by ε, in all ε‖x‖₁. (The slide drops the factor ε here.)
    - ℓ2: ε x/‖x‖₂.
    - ℓ1: ε sign(x_k) in one coordinate k of largest |x_k|, a sparse attack.

    Sparse models are robust in this sense: with s nonzero weights, ‖x‖₁ ≤ √s ‖x‖₂, so ℓ∞ can do at most ε√s ‖x‖₂.

    Parameters
    ----------
    weights : array, shape (p,)
        x, the gradient of h with respect to its input.
    eps : float
        ε, the radius of the ball.
    norm : {"linf", "l2", "l1"}
        The attacker's norm.

    Returns
    -------
    eta : array, shape (p,)

    Raises
    ------
    ValueError
        If ε is negative, or the norm is unknown.

    References
    ----------
    Ledger: epfl11-linear-robustness, epfl11-linear-remarks, epfl11-l1-sparse.

    Examples
    --------
    >>> worst_perturbation(np.array([3.0, -4.0]), 0.5)
    array([ 0.5, -0.5])
    >>> worst_perturbation(np.array([3.0, -4.0]), 0.5, "l1")
    array([ 0. , -0.5])
    """
    check_radius(eps)
    length = dual_norm(weights, norm)
    if norm == "linf":
        return eps * np.sign(weights)
    if norm == "l2":
        return weights * (eps / length) if bool(length > 0.0) else np.zeros_like(weights)
    largest = np.arange(weights.shape[0]) == np.argmax(np.abs(weights))
    return np.where(largest, eps * np.sign(weights), np.zeros_like(weights))
