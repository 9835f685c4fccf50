"""The same for matrices, by their singular values."""

from __future__ import annotations

import math
from typing import Any

from minigrad.primitives.spectral import clip_singular_values, shrink_singular_values
from minigrad.prox.points import as_points, check_radius, check_step
from minigrad.tape import ShapeError


def project_spectral(x: Any, radius: float) -> Any:
    """Project onto the matrices of spectral norm at most radius: ``U min(S, radius) Vᵀ`` for x = U S Vᵀ.

    Parameters
    ----------
    x : array or Tensor, shape (..., m, n)
        A matrix, or a stack of them along any leading axes, each projected on its own.
    radius : float
        At least 0.

    Raises
    ------
    ShapeError
        If x has fewer than two axes.
    ValueError
        If the radius is negative or not a number.

    References
    ----------
    Ledger: dl10-eq17.

    Examples
    --------
    >>> import numpy
    >>> project_spectral(numpy.array([[3.0, 0.0], [0.0, 0.5]]), 1.0)
    array([[1. , 0. ],
           [0. , 0.5]])
    """
    x, radius = _as_matrices("project_spectral", x), check_radius(radius)
    return x if math.isinf(radius) else clip_singular_values(x, radius=radius)


def prox_nuclear(x: Any, t: float) -> Any:
    """Take t off every singular value, and make 0 what is smaller: ``U max(S − t, 0) Vᵀ`` for x = U S Vᵀ.

    It is the proximal operator of t‖·‖_*, the nuclear norm, and what `project_spectral` of radius t leaves over. The
    result is of low rank.

    Parameters
    ----------
    x : array or Tensor, shape (..., m, n)
        A matrix, or a stack of them along any leading axes.
    t : float
        At least 0, in the units of x.

    Raises
    ------
    ShapeError
        If x has fewer than two axes.
    ValueError
        If t is negative, NaN or infinite.

    References
    ----------
    Cai, J.-F., Candès, E. J. and Shen, Z. (2010). A singular value thresholding algorithm for matrix completion. SIAM
    J. Optimization 20(4).

    Examples
    --------
    >>> import numpy
    >>> prox_nuclear(numpy.array([[3.0, 0.0], [0.0, 0.5]]), 1.0)
    array([[2., 0.],
           [0., 0.]])
    """
    return shrink_singular_values(_as_matrices("prox_nuclear", x), threshold=check_step(t))


def _as_matrices(name: str, x: Any) -> Any:
    x = as_points(x)
    if x.ndim < 2:
        raise ShapeError(f"{name} needs a matrix, or a stack of them; got shape {x.shape}")
    return x
