"""What projections and proximal operators take: points, and numbers that say how far."""

from __future__ import annotations

import math
from typing import Any

import minigrad.numpy as np
from minigrad.backend import REAL, floating


def as_points(x: Any) -> Any:
    """Give a point, or a stack of points, as a floating-point array.

    Raises
    ------
    TypeError
        If x does not hold real numbers.

    Examples
    --------
    >>> as_points([1, 2])
    array([1., 2.])
    """
    x = np.as_array(x)
    if x.dtype.kind not in REAL:
        raise TypeError(f"a point holds real numbers; got {x.dtype}")
    return floating(x)


def as_rows(x: Any) -> Any:
    """Write a stack of points as a matrix with a point in each row; an array with one axis, or none, is one point.

    Examples
    --------
    >>> import numpy
    >>> as_rows(numpy.zeros((5, 2, 2))).shape, as_rows(numpy.zeros(3)).shape
    ((5, 4), (1, 3))
    """
    return x.reshape((x.shape[0], math.prod(x.shape[1:])) if x.ndim > 1 else (1, x.size))


def lengths(x: Any) -> Any:
    """Give the Euclidean length of each point of a stack, in a shape that broadcasts against it.

    Examples
    --------
    >>> import numpy
    >>> lengths(numpy.array([[3.0, 4.0], [0.0, 2.0]]))
    array([[5.],
           [2.]])
    """
    return np.linalg.norm(x, axis=tuple(range(1, x.ndim)) if x.ndim > 1 else None, keepdims=True)


def nonnegative(value: Any, what: str, *, finite: bool = True) -> float:
    """Give a number as Python's, beside which float32 stays float32, and refuse what is below 0.

    Parameters
    ----------
    value : float
        A number, or an array of no axes.
    what : str
        What needs it, for the error: ``"a ball needs a radius"``.
    finite : bool
        Whether to refuse infinity too.

    Raises
    ------
    TypeError
        If it is not one number, or a tensor whose derivative would be lost.
    ValueError
        If it is negative, NaN, or infinite.

    Examples
    --------
    >>> nonnegative(2, "a ball needs a radius")
    2.0
    """
    need = f"{what} of at least 0{' and finite' if finite else ''}"
    one_number = hasattr(value, "__float__") and getattr(value, "shape", ()) == ()
    if not one_number or getattr(value, "requires_grad", False):
        raise TypeError(f"{need}, as a plain number; got {value!r}")
    number = float(value)
    if not number >= 0.0 or (finite and math.isinf(number)):
        raise ValueError(f"{need}; got {value!r}")
    return number


def check_radius(radius: Any) -> float:
    """Give the radius of a ball as Python's number; it may be infinite.

    Raises
    ------
    TypeError, ValueError
        If it is no number of at least 0.

    Examples
    --------
    >>> check_radius(0.5)
    0.5
    """
    return nonnegative(radius, "a ball needs a radius", finite=False)


def check_step(step: Any) -> float:
    """Give the step of a proximal operator as Python's number.

    Raises
    ------
    TypeError, ValueError
        If it is no finite number of at least 0.

    Examples
    --------
    >>> check_step(0.5)
    0.5
    """
    return nonnegative(step, "a proximal operator needs a step")
