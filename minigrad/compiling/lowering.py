"""How each function of NumPy is made to write into an array that is there already, with the same bits as without.

`lowered` gives the calls that do it, often one and the same function with ``out=``. Where the result would not be the
same to the last bit, or a function knows no such way, there are none, and the function makes a new array as before.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import Any

import numpy

from minigrad.compiling.calls import Call, Ref, Value

Lowered = list[tuple[Any, tuple[Any, ...], dict[str, Any]]]
"""For each call the function, its arguments, and its arguments by name."""


@dataclass(frozen=True)
class Number:
    """A plain number among the arguments, as the array without axes that NumPy would make of it at each call."""

    value: float | int
    dtype: Any


REDUCED_BY = {
    function: ufunc.reduce
    for name, ufunc in (("sum", numpy.add), ("max", numpy.maximum), ("min", numpy.minimum), ("prod", numpy.multiply))
    for function in (getattr(numpy, name), getattr(numpy.ndarray, name))
}
TRUTHS = {
    function: ufunc.reduce
    for name, ufunc in (("all", numpy.logical_and), ("any", numpy.logical_or))
    for function in (getattr(numpy, name), getattr(numpy.ndarray, name))
}
MEANS = {numpy.mean, numpy.ndarray.mean}
TAKING_OUT = {numpy.cumsum, numpy.ndarray.cumsum, numpy.clip, numpy.ndarray.clip}
ZEROS = {numpy.zeros, numpy.zeros_like}
SPECIAL_POWERS = {2: numpy.square, 0.5: numpy.sqrt, -1: numpy.reciprocal}
EXACT = 1 << 24  # up to which float32 holds every whole number


def lowered(call: Call, out: Ref, values: list[Value]) -> Lowered:
    """Give the calls that compute the result of a call into ``out``; none if there is no such way.

    Examples
    --------
    >>> form = (3,), (8,), numpy.dtype("float64")
    >>> values = [Value("constant", *form, 0), Value("result", *form, 1)]
    >>> lowered(Call(numpy.add, (Ref(0), 1.0), {}), Ref(1), values)
    [(<ufunc 'add'>, (Ref(number=0), Number(value=1.0, dtype=dtype('float64')), Ref(number=1)), {})]
    """
    function, args, kwargs = call.function, call.args, call.kwargs
    first = values[args[0].number] if args and isinstance(args[0], Ref) else None
    if isinstance(function, numpy.ufunc):
        given = numbers_as_arrays(call, values)
        if function.nout > 1:
            return []
        by_name = function in (numpy.maximum, numpy.minimum)  # NumPy warns of a third place for them
        return [(function, given, kwargs | {"out": out}) if by_name else (function, (*given, out), kwargs)]
    if function in ZEROS:
        return [(numpy.ndarray.fill, (out, 0), {})]
    if function is numpy.concatenate:
        return [(function, args, kwargs | {"out": out})] if kwargs.keys() <= {"axis"} else []
    if first is None:
        return []
    if first.is_number:
        return [(numpy.copyto, (out, args[0]), {})] if function is numpy.asarray and not kwargs else []
    if function is operator.pow and first.dtype.kind == "f" and type(args[1]) in (int, float):
        return [(SPECIAL_POWERS[args[1]], (args[0], out), {})] if args[1] in SPECIAL_POWERS else []
    if function in REDUCED_BY or function in MEANS or (function in TRUTHS and first.dtype == bool):
        return _reduction(call, out, first, values[out.number])
    if function is numpy.ndarray.astype and len(args) == 2 and not kwargs:
        return [(numpy.copyto, (out, args[0]), {"casting": "unsafe"})]
    if function is numpy.ndarray.copy:
        return [(numpy.copyto, (out, args[0]), {})]
    if function is numpy.where and len(args) == 3 and first.dtype == bool:
        condition, x, y = args
        return [
            (numpy.copyto, (out, y), {"casting": "unsafe"}),
            (numpy.copyto, (out, x), {"casting": "unsafe", "where": condition}),
        ]
    return [(function, args, kwargs | {"out": out})] if function in TAKING_OUT and kwargs.keys() <= {"axis"} else []


def _reduction(call: Call, out: Ref, x: Value, result: Value) -> Lowered:
    settings = dict(zip(("axis",), call.args[1:], strict=False)) | call.kwargs
    if len(call.args) > 2 or not settings.keys() <= {"axis", "keepdims"}:
        return []
    axis, keepdims = settings.get("axis"), bool(settings.get("keepdims", False))
    mean = call.function in MEANS
    ufunc_reduce = numpy.add.reduce if mean else (REDUCED_BY | TRUTHS)[call.function]
    reduce: Any = (ufunc_reduce, (call.args[0], axis, None, out, keepdims), {})
    if not mean:
        return [reduce]
    count = math.prod(x.shape) // max(math.prod(result.shape), 1)
    if x.dtype.char not in "fd" or not 0 < count < EXACT:
        return []
    return [reduce, (numpy.true_divide, (out, Number(count, x.dtype), out), {})]


def numbers_as_arrays(call: Call, values: list[Value]) -> tuple[Any, ...]:
    """Give the arguments of a ufunc with plain numbers in the type that NumPy converts them to."""
    ufunc: Any = call.function
    args = call.args
    if ufunc.signature is not None or call.kwargs or not any(type(x) in (int, float) for x in args):
        return args
    kinds = tuple(values[x.number].dtype if isinstance(x, Ref) else type(x) for x in args)
    if not all(kind in (int, float) or isinstance(kind, numpy.dtype) for kind in kinds):
        return args
    dtypes = ufunc.resolve_dtypes((*kinds, None))
    try:
        with numpy.errstate(all="raise"):
            for x, dtype in zip(args, dtypes, strict=False):
                numpy.asarray(0 if isinstance(x, Ref) else x, dtype)
    except (OverflowError, FloatingPointError):  # to be warned of at each call, as without a replay
        return args
    return tuple(x if isinstance(x, Ref) else Number(x, dtype) for x, dtype in zip(args, dtypes, strict=False))
