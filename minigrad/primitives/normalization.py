"""Normalising along axes: subtract the mean, divide by the standard deviation, then scale and shift.

For x̂ = (x − mean) / σ the Jacobian of x ↦ x̂ is (I − 11ᵀ/n − x̂x̂ᵀ/n) / σ: it takes out of a tangent its mean and its
part along x̂. It is symmetric, so one function serves both sweeps.
"""

from __future__ import annotations

import math
import string
from typing import Any

import numpy

from minigrad.backend import xp
from minigrad.primitives.bilinear import einsum
from minigrad.primitives.kinds import general
from minigrad.primitives.linear import broadcast_to, mean, restore_axes
from minigrad.tape import Node

Axes = tuple[int, ...]


def sum_of_products(x: Any, y: Any, axes: Axes) -> Any:
    """Sum x · y over axes, which stay with size 1, without an array for the products."""
    letters = string.ascii_letters[: len(x.shape)]
    kept = "".join(letter for i, letter in enumerate(letters) if i not in axes)
    return restore_axes(einsum(x, y, inputs=(letters, letters), output=kept), x.shape, axes, keepdims=False)


def count(shape: tuple[int, ...], axes: Axes) -> int:
    """How many elements are normalised together."""
    return math.prod(shape[i] for i in axes)


def mean_over(x: Any, axes: Axes) -> Any:
    """The mean along axes, which stay with size 1.

    One axis after the other: short sums have small rounding errors and are fast, in any order in memory.
    """
    for axis in axes:
        x = mean(x, axis=axis, keepdims=True)
    return x


def mean_and_variance(x: Any, axes: Axes) -> tuple[Any, Any]:
    """The mean and the mean squared distance from it along axes, which stay with size 1."""
    average = mean_over(x, axes)
    centred = x - average
    return average, sum_of_products(centred, centred, axes) / count(x.shape, axes)


def inverse_deviation(variance: Any, eps: float) -> Any:
    """1/σ = 1/sqrt(variance + eps)."""
    return (variance + eps) ** -0.5


def joint_dtype(*operands: Any) -> Any:
    """The dtype that arrays have together; numbers and None do not count."""
    return numpy.result_type(*(x.dtype for x in operands if hasattr(x, "dtype")))


def _normalize(x: Any, weight: Any, bias: Any, *, axes: Axes, eps: float, known: tuple[Any, Any]) -> Any:
    average, scale = known
    out = xp.subtract(x, average, dtype=joint_dtype(x, weight, bias))
    out *= scale * weight
    out += bias
    return out


def _centred(x: Any, axes: Axes, eps: float, known: tuple[Any, Any]) -> tuple[Any, Any]:
    """x − mean and 1/σ, from the known mean and 1/σ of x unless they are to be differentiated, too."""
    average, scale = known
    if isinstance(x, Node):
        average, variance = mean_and_variance(x, axes)
        scale = inverse_deviation(variance, eps)
    return x - average, scale


def _standardized(x: Any, **settings: Any) -> Any:
    centred, scale = _centred(x, **settings)
    return centred * scale


def _times_jacobian(t: Any, x: Any, axes: Axes, eps: float, known: tuple[Any, Any]) -> Any:
    centred, scale = _centred(x, axes, eps, known)
    along = sum_of_products(t, centred, axes) * scale / count(x.shape, axes)
    return scale * (t - mean_over(t, axes) - centred * (scale * along))


def _weight_pull(g: Any, ans: Any, x: Any, weight: Any, bias: Any, **settings: Any) -> Any:
    missing = len(x.shape) - len(weight.shape)
    stretched = tuple(i for i in range(len(x.shape)) if i < missing or weight.shape[i - missing] == 1)
    return sum_of_products(g, _standardized(x, **settings), stretched)


# `known` holds the mean of the plain x along the axes, and 1/σ. The caller computes them, once for the value, for the
# sweeps, and for running statistics.
normalize = general(
    "normalize",
    push=(
        lambda t, ans, x, weight, bias, **settings: weight * _times_jacobian(t, x, **settings),
        lambda t, ans, x, weight, bias, **settings: t * _standardized(x, **settings),
        lambda t, ans, x, weight, bias, **settings: broadcast_to(t, shape=ans.shape),
    ),
    pull=(
        lambda g, ans, x, weight, bias, **settings: _times_jacobian(g * weight, x, **settings),
        _weight_pull,
        lambda g, ans, x, weight, bias, **settings: g,
    ),
    forward=_normalize,
)
