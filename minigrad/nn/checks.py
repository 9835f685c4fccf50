"""What layers check about their settings and the arrays that they are given."""

from __future__ import annotations

import math
from typing import Any

import minigrad.numpy as np
from minigrad.checks import is_number, is_whole
from minigrad.tape import ShapeError


def check_sizes(layer: str, **sizes: Any) -> tuple[int, ...]:
    """Give the sizes of a layer as integers, and refuse those that are not positive whole numbers.

    Raises
    ------
    ValueError
        With the name of the first such size.

    Examples
    --------
    >>> check_sizes("Linear", in_features=3, out_features=2)
    (3, 2)
    """
    for name, size in sizes.items():
        if not is_whole(size) or size < 1:
            raise ValueError(f"{layer} needs positive whole sizes; got {name} = {size!r}")
    return tuple(int(size) for size in sizes.values())


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
    if not is_number(value) or not math.isfinite(value):
        raise ValueError(f"{layer} needs a finite number as {name}; got {value!r}")
    return float(value)


def check_eps(layer: str, eps: Any) -> float:
    """Give eps as a float, and refuse one that is not positive: a division by 0 would give NaN.

    Raises
    ------
    ValueError
        If eps is not a positive finite number.

    Examples
    --------
    >>> check_eps("LayerNorm", 1e-5)
    1e-05
    """
    checked = check_finite(layer, "eps", eps)
    if checked <= 0:
        raise ValueError(f"{layer} needs a positive eps; got {eps!r}")
    return checked


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
