"""Two recordings of a step: do they say the same, so that a third run may be left to a replay?"""

from __future__ import annotations

from functools import partial
from types import BuiltinMethodType, FunctionType, MethodType
from typing import Any

import numpy

from minigrad.compiling.calls import Call, Ref, name_of, place
from minigrad.compiling.discovery import value_of
from minigrad.compiling.recording import Recording

COMPARABLE = (bool, int, str, bytes, type(None), numpy.dtype, Ref, MethodType, BuiltinMethodType)


def difference(first: Recording, second: Recording) -> str | None:
    """Say what the second recording does otherwise than the first; None if they are the same.

    Examples
    --------
    >>> one, two = Recording(), Recording()
    >>> for recording, factor in ((one, 2.0), (two, 3.0)):
    ...     x = recording.argument(numpy.array([1.0])) * factor
    >>> difference(one, two)
    'call 1 of NumPy was multiply of an array and 2.0, and then multiply of an array and 3.0'
    """
    for i, (call, other) in enumerate(zip(first.calls, second.calls, strict=False), 1):
        if not same_call(call, other):
            return f"call {i} of NumPy was {described(call)}, and then {described(other)}"
    if len(first.calls) != len(second.calls):
        return f"it made {len(first.calls)} calls of NumPy, and then {len(second.calls)}"
    for value, other_value in zip(first.values, second.values, strict=True):
        unused = value.origin == "gradient" and None in (value.dtype, other_value.dtype)
        if value.form != other_value.form and not unused:
            return f"it met an array of {value.dtype}{list(value.shape)}, and then one of another form in its place"
        if value.array is not None and place(value.array) != place(other_value.array):  # type: ignore[arg-type]
            return f"it took one array of {value.dtype}{list(value.shape)}, and then another one"
    return None


def same_call(call: Call, other: Call) -> bool:
    """Tell whether two calls are the same function of the same values."""
    return (
        alike(call.function, other.function)
        and alike(call.args, other.args)
        and call.kwargs.keys() == other.kwargs.keys()
        and all(alike(x, other.kwargs[name]) for name, x in call.kwargs.items())
        and (call.results, call.several, call.writes) == (other.results, other.several, other.writes)
        and call.errors == other.errors
        and alike(call.gradients, other.gradients)
    )


def alike(x: Any, y: Any) -> bool:
    """Tell whether two plain arguments are the same; NaN is the same as NaN, and 0.0 another number than -0.0.

    Examples
    --------
    >>> alike(float("nan"), float("nan")), alike(0.0, -0.0), alike(2, 2.0)
    (True, False, False)
    """
    if x is y:
        return True
    if type(x) is not type(y):
        return False
    if isinstance(x, tuple | list):
        return len(x) == len(y) and all(map(alike, x, y))
    if isinstance(x, float | complex):
        return repr(x) == repr(y)
    if isinstance(x, numpy.generic):
        return x.tobytes() == y.tobytes()
    if isinstance(x, slice):
        return alike((x.start, x.stop, x.step), (y.start, y.stop, y.step))
    if isinstance(x, partial):
        return alike((x.func, x.args, *x.keywords.items()), (y.func, y.args, *y.keywords.items()))
    if isinstance(x, FunctionType):
        cells = [[value_of(cell) for cell in f.__closure__ or ()] for f in (x, y)]
        return x.__code__ is y.__code__ and alike(x.__defaults__, y.__defaults__) and alike(*cells)
    return isinstance(x, COMPARABLE) and bool(x == y)


def described(call: Call) -> str:
    """Write a call in a few words.

    Examples
    --------
    >>> described(Call(numpy.sum, (2.0,), {}))
    'sum of 2.0'
    """
    words = [repr(x) if isinstance(x, bool | int | float | str) else f"a {type(x).__name__}" for x in call.args]
    words = ["an array" if word == "a Ref" else word for word in words]
    name = name_of(call.function)
    return f"{name} of {' and '.join(words)}" if words else name
