"""Linear algebra: norms, determinants, and systems of equations. Other names are the array library's own."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from minigrad.backend import xp
from minigrad.checks import is_number
from minigrad.numpy.arrays import as_array
from minigrad.numpy.shapes import moveaxis
from minigrad.primitives import general, linear, selection, spectral
from minigrad.primitives.elementwise import absolute, where
from minigrad.primitives.general import cholesky, det, inv, logabsdet, signdet, solve
from minigrad.primitives.kinds import raw
from minigrad.primitives.linear import axes_of, restore_axes
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
    """Give the norm of vectors, of matrices, or of the whole array taken as one vector, with derivative 0 at 0.

    Along one axis it is ``‖x‖_p = (Σ |xᵢ|ᵖ)^(1/p)``. Of a matrix W, order 2 is the spectral norm, the largest singular
    value, which is the Lipschitz constant of the map x ↦ W x: ``max over ‖x‖₂ = 1 of ‖W x‖₂``. Order "nuc" is the
    nuclear norm, the sum of the singular values.

    Parameters
    ----------
    x : array or Tensor
        Of any shape.
    ord : None, "fro", 1, 2, inf, -inf, another number p, or "nuc"
        Which norm; None is the Euclidean norm of all elements along `axis`.
    axis : int, tuple or None
        Where the vectors lie, one axis, or the matrices, two axes. May be left out if x has no others.
    keepdims : bool
        Keep the reduced axes with size 1.

    Raises
    ------
    ValueError
        If there is no norm of that order.
    ShapeError
        If the order is not one for vectors, or for matrices, and these are what `axis` names.
    numpy.linalg.LinAlgError
        From the second derivative of the spectral norm where the largest singular value is not simple.

    References
    ----------
    Ledger: disc-linear-lipschitz.

    Examples
    --------
    >>> import numpy
    >>> float(norm(numpy.array([3.0, 4.0]))), float(norm(numpy.array([3.0, -4.0]), 1))
    (5.0, 7.0)
    >>> float(norm(numpy.diag([3.0, -4.0]), 2)), float(norm(numpy.diag([3.0, -4.0]), "nuc"))
    (4.0, 7.0)
    """
    x = as_array(x)
    axis = tuple(axis) if isinstance(axis, list) else axis
    if not (is_number(ord) and (ord > 0 or ord == -math.inf)) and ord not in (None, "fro", "nuc"):
        raise ValueError(f"norm knows the orders None, 'fro', 'nuc', inf, -inf and positive numbers; got {ord!r}")
    if ord is None or ord == "fro":
        return general.norm(x, axis=axis, keepdims=keepdims)
    axes = axes_of(axis, x.ndim)
    if ord in (2, "nuc") and len(set(axes)) == len(axes) == 2:
        of_matrices = spectral.spectral_norm if ord == 2 else spectral.nuclear_norm
        value = of_matrices(moveaxis(x, axes, (-2, -1)))
        return restore_axes(value, x.shape, axes, False) if keepdims else value
    if len(axes) != 1 or ord == "nuc":
        needed = "the two axes of matrices" if ord == "nuc" else f"one axis{', or two of matrices' if ord == 2 else ''}"
        raise ShapeError(
            f"norm of order {ord!r} needs {needed}, and got shape {x.shape} with axis={axis}. "
            "Leave ord out for the norm of all elements."
        )
    if ord == 2:
        return general.norm(x, axis=axis, keepdims=keepdims)
    size = absolute(x)
    if ord in (math.inf, -math.inf):
        pick = selection.max if ord > 0 else selection.min
        return pick(size, axis=axis, keepdims=keepdims)
    if ord == 1:
        return linear.sum(size, axis=axis, keepdims=keepdims)
    power = float(ord)
    total = linear.sum(size**power, axis=axis, keepdims=keepdims)
    at_zero = raw(total) == 0.0
    return where(at_zero, 0.0, where(at_zero, 1.0, total) ** (1.0 / power))


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"module 'minigrad.numpy.linalg' has no attribute {name!r}")
    return getattr(xp.linalg, name)
