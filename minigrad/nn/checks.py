"""What layers check about their settings and the arrays that they are given."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import minigrad.numpy as np
from minigrad.tape import ShapeError


def check_sizes(layer: str, **sizes: Any) -> None:
    """Refuse sizes of a layer that are not positive whole numbers.

    Examples
    --------
    >>> check_sizes("Linear", inputs=3, outputs=2)
    """
    for name, size in sizes.items():
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise ValueError(f"{layer} needs positive whole sizes; got {name} = {size!r}")


def check_finite(layer: str, name: str, value: Any) -> float:
    """Give a setting of a layer as a float, and refuse what is not one finite number.

    Raises
    ------
    ValueError
        For NaN, an infinity, or something that is no number.

    Examples
    --------
    >>> check_finite("ELU", "alpha", 1)
    1.0
    """
    if not isinstance(value, Real) or not math.isfinite(value):
        raise ValueError(f"{layer} needs a finite number as {name}; got {value!r}")
    return float(value)


def floating_input(layer: object, x: Any) -> Any:
    """Give the input of a layer as an array or Tensor, and refuse numbers that are not floating-point.

    Parameters
    ----------
    layer : Module or str
        What the message shall name.
    x : array_like

    Raises
    ------
    TypeError
        For whole numbers, which would come out as float64.

    Examples
    --------
    >>> floating_input("Dropout", [0.5, 1.5])
    array([0.5, 1.5])
    """
    x = np.as_array(x)
    if x.dtype.kind != "f":
        raise TypeError(f"{layer} needs floating-point numbers; got {x.dtype}. Convert them: x.astype('float32')")
    return x


def check_shape(layer: object, what: str, x: Any, expected: tuple[int, ...]) -> None:
    """Refuse an array of another shape than the expected one.

    Raises
    ------
    ShapeError
        If the shape differs.

    Examples
    --------
    >>> check_shape("GRUCell(2, 3)", "a state", np.zeros((4, 3)), (4, 3))
    """
    if tuple(x.shape) != expected:
        raise ShapeError(f"{layer} needs {what} of shape {expected}; got {tuple(x.shape)}")
