"""Functions of each element alone: NumPy's second names for those of the table, and `clip`."""

from __future__ import annotations

import math
from typing import Any

from minigrad.backend import floating, xp
from minigrad.numpy.arrays import as_array
from minigrad.primitives import elementwise
from minigrad.primitives.elementwise import (
    absolute,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    divide,
    power,
    remainder,
)
from minigrad.primitives.kinds import raw
from minigrad.tensor import Tensor

abs = fabs = absolute
mod = remainder
true_divide = divide
pow = power
acos, acosh, asin, asinh, atan, atan2, atanh = arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """Take x where the condition holds and y elsewhere; with the condition alone, give the places where it holds.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.where(np.array([True, False]), 1.0, 2.0)
    array([1., 2.])
    """
    if x is None and y is None:
        return xp.where(raw(condition))
    if x is None or y is None:
        raise TypeError("where takes a condition alone, or a condition with both x and y")
    return elementwise.where(condition, x, y)


def float_power(x: Any, p: Any) -> Any:
    """Raise x to the power p in floating-point numbers, also where both are integers.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.float_power([2, 4], -1)
    array([0.5 , 0.25])
    """
    return power(x if isinstance(x, Tensor) else floating(x), p)


def clip(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """Limit the elements to an interval; the derivative passes on the closed interval.

    Parameters
    ----------
    a_min, a_max : number, array, Tensor or None
        The ends of the interval; None for no limit. NumPy's newer names for them are `min` and `max`.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.clip([-2.0, 0.5, 2.0], 0.0, 1.0)
    array([0. , 0.5, 1. ])
    """
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    x = as_array(x)
    if not any(isinstance(part, Tensor) for part in (x, low, high)):
        return xp.clip(x, low, high)
    return elementwise.clip(x, -math.inf if low is None else low, math.inf if high is None else high)
