"""Projections onto convex sets of vectors: each gives the nearest point of its set."""

from __future__ import annotations

import math
from typing import Any

import numpy

import minigrad.numpy as np
from minigrad.backend import current, xp
from minigrad.checks import is_number, require
from minigrad.primitives.kinds import raw
from minigrad.prox.points import as_points, as_rows, check_radius, lengths, nonnegative
from minigrad.tape import ShapeError


def project_box(x: Any, lo: Any, hi: Any) -> Any:
    """Project onto a box: the nearest point with ``lo <= x <= hi`` in every coordinate.

    Parameters
    ----------
    x : array or Tensor
        Any shape.
    lo, hi : float or array
        The bounds; broadcast against x.

    Raises
    ------
    ValueError
        If a lower bound exceeds an upper one, so that the box is empty.

    References
    ----------
    Ledger: opt19-prox-clip, epfl11-prox-projection, dl10-eq17.

    Examples
    --------
    >>> import numpy
    >>> project_box(numpy.array([-2.0, 0.5, 2.0]), 0.0, 1.0)
    array([0. , 0.5, 1. ])
    """
    numbers = is_number(lo) and is_number(hi)
    require(not lo > hi if numbers else ~(xp.asarray(lo) > xp.asarray(hi)).any(), _empty_box)
    return np.as_array(x).clip(lo, hi)


def _empty_box() -> ValueError:
    return ValueError("the box is empty: a lower bound exceeds its upper bound")


def project_linf(x: Any, radius: float) -> Any:
    """Project onto the ball ‖x‖_∞ ≤ radius: clip every coordinate to [−radius, radius].

    Parameters
    ----------
    x : array or Tensor
        Any shape.
    radius : float
        At least 0.

    Raises
    ------
    ValueError
        If the radius is negative or not a number.

    References
    ----------
    Ledger: opt19-prox-clip, epfl11-prox-projection, dl10-eq17.

    Examples
    --------
    >>> import numpy
    >>> project_linf(numpy.array([-2.0, 0.5]), 1.0)
    array([-1. ,  0.5])
    """
    radius = check_radius(radius)
    return np.as_array(x).clip(-radius, radius)


def project_l2(x: Any, radius: float) -> Any:
    """Project onto the ball ‖x‖₂ ≤ radius: shorten what is longer, x · min(1, radius/‖x‖₂).

    Parameters
    ----------
    x : array or Tensor
        A vector, or a stack of points along the first axis, each projected on its own.
    radius : float
        At least 0.

    Raises
    ------
    ValueError
        If the radius is negative or not a number.

    References
    ----------
    Ledger: dl10-eq17.

    Examples
    --------
    >>> import numpy
    >>> project_l2(numpy.array([3.0, 4.0]), 1.0)
    array([0.6, 0.8])
    """
    x, radius = np.as_array(x), check_radius(radius)
    if math.isinf(radius):
        return x
    length = lengths(x)
    outside = length > radius
    return np.where(outside, (x / np.where(outside, length, 1.0)) * radius, x)


def project_simplex(x: Any, total: float = 1.0) -> Any:
    """Project onto the simplex ``{x ≥ 0, Σ x = total}``: max(x − θ, 0), with the θ that makes the sum right.

    With the coordinates sorted downwards, ``θ = max over k of (x₁ + … + x_k − total)/k``. So it is exact, without an
    iteration, in O(n log n).

    Parameters
    ----------
    x : array or Tensor
        A vector, or a stack of points along the first axis, each projected on its own. A point with several axes is
        taken as one vector.
    total : float
        At least 0; with 1, the set of probability vectors.

    Raises
    ------
    ShapeError
        If a point has no coordinates, as there is no simplex then.
    ValueError
        If the total is negative, NaN or infinite.

    References
    ----------
    Ledger: dl10-eq17.

    Held, M., Wolfe, P. and Crowder, H. P. (1974). Validation of subgradient optimization. Math. Programming 6.

    Duchi, J. et al. (2008). Efficient projections onto the l1-ball for learning in high dimensions. ICML.

    Examples
    --------
    >>> import numpy
    >>> project_simplex(numpy.array([1.5, 1.0, -3.0]))
    array([0.75, 0.25, 0.  ])
    """
    x, total = as_points(x), nonnegative(total, "a simplex needs a total")
    rows = as_rows(x)
    if not rows.shape[1]:
        raise ShapeError(f"a simplex needs points with at least one coordinate; got shape {x.shape}")
    return _onto_simplex(rows, total).reshape(x.shape)


def _onto_simplex(rows: Any, total: float) -> Any:
    rows = rows - raw(rows).max(axis=-1, keepdims=True)  # moves θ alike, and keeps small differences of large numbers
    downwards = xp.sort(raw(rows), axis=-1)[:, ::-1]
    counts = xp.arange(1, rows.shape[1] + 1, dtype="float64")  # a long sum in float32 would choose too many
    theta = ((xp.cumsum(downwards, axis=-1, dtype="float64") - total) / counts).max(axis=-1, keepdims=True)
    positive = raw(rows) > theta
    count = xp.maximum(positive.astype(rows.dtype).sum(axis=-1, keepdims=True), 1.0)
    theta = (np.sum(np.where(positive, rows, 0.0), axis=-1, keepdims=True) - total) / count
    return np.relu(rows - theta)


def project_l1(x: Any, radius: float) -> Any:
    """Project onto the ball ‖x‖₁ ≤ radius: outside, the sizes |x| go to the simplex, and the signs stay.

    Parameters
    ----------
    x : array or Tensor
        A vector, or a stack of points along the first axis, each projected on its own. A point with several axes is
        taken as one vector.
    radius : float
        At least 0.

    Raises
    ------
    ValueError
        If the radius is negative or not a number.

    References
    ----------
    Ledger: dl10-eq17.

    Duchi, J. et al. (2008). Efficient projections onto the l1-ball for learning in high dimensions. ICML.

    Examples
    --------
    >>> import numpy
    >>> project_l1(numpy.array([1.5, -1.0, 0.25]), 1.0)
    array([ 0.75, -0.25,  0.  ])
    """
    x, radius = as_points(x), check_radius(radius)
    if not x.size or math.isinf(radius):
        return x
    rows = as_rows(x)
    sizes = np.abs(rows)
    inside = raw(sizes).sum(axis=-1, keepdims=True) <= radius
    return np.where(inside, rows, np.sign(rows) * _onto_simplex(sizes, radius)).reshape(x.shape)


def project_affine(x: Any, a: Any, b: Any) -> Any:
    """Project onto the solutions of A x = b: ``x − A⁺ (A x − b)``, with the pseudo-inverse A⁺ = Aᵀ (A Aᵀ)⁻¹.

    The rows of A may depend on each other, as long as a solution exists. Each call decomposes A by its singular values.

    Parameters
    ----------
    x : array or Tensor
        A vector, or a stack of points along the first axis, each projected on its own. A point with several axes is
        taken as one vector, of n coordinates in all.
    a : array, shape (m, n) or (n,)
        A; a vector is one equation. It is a constant, as b is.
    b : array, shape (m,), or float
        The right-hand side.

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    TypeError
        If A or b is a tensor whose derivative would be lost.
    ValueError
        If no x solves the equations, or A or b is not finite.

    References
    ----------
    Ledger: dl10-eq17.

    Examples
    --------
    >>> import numpy
    >>> project_affine(numpy.array([3.0, 0.0]), numpy.array([1.0, 1.0]), 1.0)
    array([ 2., -1.])
    """
    x = as_points(x)
    rows = as_rows(x)
    q, c = _orthonormal(a, b, rows)
    for _ in range(2):  # the second time for the rounding error of the first, which is as large as that of x
        rows = rows - (rows @ q.T - c) @ q
    return rows.reshape(x.shape)


def _orthonormal(a: Any, b: Any, rows: Any) -> tuple[Any, Any]:
    """Write A x = b as Q x = c, where the rows of Q are orthonormal, or 0 where those of A depend on each other."""
    if any(getattr(part, "requires_grad", False) for part in (a, b)):
        raise TypeError("project_affine takes A and b as constants; pass their values alone, x.detach()")
    a, b = (current().asarray(raw(part), rows.dtype) for part in (a, b))
    a, b, n = xp.atleast_2d(a), xp.atleast_1d(b), rows.shape[1]
    if a.ndim != 2 or a.shape[1] != n or b.shape != a.shape[:1]:
        raise ShapeError(
            f"project_affine needs A of shape (m, {n}) and b of shape (m,) for points with {n} coordinates; "
            f"got A of shape {a.shape} and b of shape {b.shape}"
        )
    if not bool(xp.isfinite(a).all() & xp.isfinite(b).all()):
        raise ValueError("project_affine needs finite numbers in A and b; got NaN or infinity")
    length = lengths(a)
    length = xp.where(length > 0.0, length, 1.0)
    a, b = a / length, b / length[:, 0]  # the scale of an equation says nothing about its solutions
    u, s, vt = xp.linalg.svd(a, full_matrices=False)
    rounding = float(numpy.finfo(a.dtype).eps) * max(a.shape)
    kept = s > rounding * s[:1]
    inside = xp.where(kept, u.T @ b, 0.0)
    missed = abs(b - u @ inside)
    explained = 16.0 * rounding * (abs(b) + abs(u) @ (abs(u).T @ abs(b)))  # by equation: their scales may differ
    if bool((missed > explained).any()):
        raise ValueError(
            "A x = b has no solution: with each equation divided by the length of its row in A, "
            f"the best x misses b by {float(np.linalg.norm(missed)):.2g}"
        )
    return xp.where(kept[:, None], vt, 0.0), inside / xp.where(kept, s, 1.0)
