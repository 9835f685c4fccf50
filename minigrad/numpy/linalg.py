"""Linear algebra: norms, determinants, and systems of equations. Other names are the array library's own."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from minigrad.backend import xp
from minigrad.numpy.arrays import as_array
from minigrad.primitives import general, linear, selection
from minigrad.primitives.elementwise import absolute, where
from minigrad.primitives.general import cholesky, det, inv, logabsdet, signdet, solve
from minigrad.primitives.kinds import raw
from minigrad.primitives.linear import axes_of
from minigrad.tape import ShapeError

__all__ = ["cholesky", "det", "inv", "norm", "slogdet", "solve"]


class SlogdetResult(NamedTuple):
    """The sign of a determinant and the logarithm of its absolute value.

    Examples
    --------
    >>> SlogdetResult(1.0, 0.5).logabsdet
    0.5
    """

    sign: Any
    logabsdet: Any


def slogdet(x: Any) -> SlogdetResult:
    """Give the sign of the determinant, a plain array, and the logarithm of its absolute value.

    Examples
    --------
    >>> import numpy
    >>> sign, logarithm = slogdet(-2.0 * numpy.eye(3))
    >>> float(sign), round(float(logarithm), 6)
    (-1.0, 2.079442)
    """
    return SlogdetResult(signdet(x), logabsdet(x))


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Give the norm of vectors, or of the whole array taken as one vector, with derivative 0 at 0.

    Parameters
    ----------
    x : array or Tensor
        Of any shape.
    ord : None, "fro", 1, 2, inf, -inf or another number p
        Which norm; None is the Euclidean norm of all elements along `axis`.
    axis : int, tuple or None
        Where the vectors lie. With `ord` other than None, a matrix needs an axis: norms of operators are not offered.
    keepdims : bool
        Keep the reduced axes with size 1.

    Raises
    ------
    ShapeError
        If `ord` is given for an array of several axes without saying along which.

    Examples
    --------
    >>> import numpy
    >>> float(norm(numpy.array([3.0, 4.0]))), float(norm(numpy.array([3.0, -4.0]), 1))
    (5.0, 7.0)
    """
    x = as_array(x)
    axis = tuple(axis) if isinstance(axis, list) else axis
    if ord is None or ord == "fro" or (ord == 2 and (x.ndim == 1 or isinstance(axis, int))):
        return general.norm(x, axis=axis, keepdims=keepdims)
    if len(axes_of(axis, x.ndim)) != 1:
        raise ShapeError(
            f"norm of order {ord!r} needs vectors, and got shape {x.shape} with axis={axis}. "
            "Name one axis, or leave ord out for the norm of all elements."
        )
    size = absolute(x)
    if ord in (math.inf, -math.inf):
        pick = selection.max if ord > 0 else selection.min
        return pick(size, axis=axis, keepdims=keepdims)
    if ord == 1:
        return linear.sum(size, axis=axis, keepdims=keepdims)
    if not isinstance(ord, int | float) or ord <= 0:
        raise ValueError(f"norm knows the orders None, 'fro', inf, -inf and positive numbers; got {ord!r}")
    total = linear.sum(size**ord, axis=axis, keepdims=keepdims)
    at_zero = raw(total) == 0.0
    return where(at_zero, 0.0, where(at_zero, 1.0, total) ** (1.0 / ord))


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"module 'minigrad.numpy.linalg' has no attribute {name!r}")
    return getattr(xp.linalg, name)
