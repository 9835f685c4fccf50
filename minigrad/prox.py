"""Projections onto convex sets: the proximal operators of their indicator functions."""

from __future__ import annotations

from typing import Any

import minigrad.numpy as np
from minigrad.backend import xp


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
    Ledger: opt19-prox-clip, epfl11-prox-projection.

    Examples
    --------
    >>> import numpy
    >>> project_box(numpy.array([-2.0, 0.5, 2.0]), 0.0, 1.0)
    array([0. , 0.5, 1. ])
    """
    if bool((xp.asarray(lo) > xp.asarray(hi)).any()):
        raise ValueError("the box is empty: a lower bound exceeds its upper bound")
    return x.clip(lo, hi)


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
    Ledger: opt19-prox-clip, epfl11-prox-projection.

    Examples
    --------
    >>> import numpy
    >>> project_linf(numpy.array([-2.0, 0.5]), 1.0)
    array([-1. ,  0.5])
    """
    check_radius(radius)
    return project_box(x, -radius, radius)


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

    Examples
    --------
    >>> import numpy
    >>> project_l2(numpy.array([3.0, 4.0]), 1.0)
    array([0.6, 0.8])
    """
    check_radius(radius)
    axes = tuple(range(1, x.ndim)) if x.ndim > 1 else None
    length = np.linalg.norm(x, axis=axes, keepdims=True)
    outside = length > radius
    return np.where(outside, x * (radius / np.where(outside, length, 1.0)), x)


def check_radius(radius: float) -> None:
    """Refuse a radius that is negative or not a number.

    Examples
    --------
    >>> check_radius(0.5)
    """
    if not radius >= 0:
        raise ValueError(f"a ball needs a radius of at least 0; got {radius!r}")
