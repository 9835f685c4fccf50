"""What a recording consists of: values, which are arrays, and calls of NumPy; and what is known of its functions."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy

from minigrad.compiling.recorded import CompileError
from minigrad.tape import Node

CREATORS = {numpy.zeros_like, numpy.ones_like, numpy.empty_like, numpy.full_like}
"""What looks only at the shape and the type of an array."""

WRITERS = {operator.setitem, operator.ipow, numpy.copyto, numpy.ndarray.fill, numpy.ndarray.sort}
"""What changes its first argument."""

TELLING = {numpy.ndim, numpy.shape, numpy.size, numpy.result_type, numpy.can_cast, numpy.may_share_memory}
TELLING |= {numpy.iscomplexobj, numpy.isrealobj, numpy.broadcast_shapes}
"""What answers in plain numbers, but from shapes and types only."""

PASSING = {numpy.asarray, numpy.asanyarray, numpy.ascontiguousarray, numpy.asfortranarray, numpy.ndarray.astype}
"""What may give back the array that it got."""

SIZED_BY_DATA = {numpy.nonzero, numpy.ndarray.nonzero, numpy.flatnonzero, numpy.argwhere, numpy.unique, numpy.compress}
SIZED_BY_DATA |= {numpy.extract, numpy.trim_zeros, numpy.bincount, numpy.union1d, numpy.intersect1d, numpy.setdiff1d}
"""What gives an array whose shape depends on the numbers in another."""


@dataclass(frozen=True)
class Ref:
    """A value of the recording, where it stands among the arguments of a call."""

    number: int


@dataclass
class Value:
    """An array of the step.

    Parameters
    ----------
    origin : str
        "argument", "constant", "gradient", which a tensor had before, or "result".
    shape, strides, dtype
        Its form.
    root : int
        The number of the value whose memory it lies in; its own, unless it is a view.
    is_number : bool
        Whether NumPy gave one of its numbers instead of an array.
    array : numpy.ndarray, optional
        The array itself, if it is a constant.
    """

    origin: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: Any
    root: int
    is_number: bool = False
    array: numpy.ndarray | None = None

    @property
    def form(self) -> tuple[Any, ...]:
        """All but the array."""
        return self.origin, self.shape, self.strides, self.dtype, self.root, self.is_number


Gradients = tuple[tuple[Node, int | None], ...]
"""Tensors, each with the value of its gradient."""


@dataclass
class Call:
    """One call of the step.

    Parameters
    ----------
    function : callable
        What was called.
    args, kwargs
        Its arguments, with a `Ref` for every array.
    results : tuple of int
        The values that it made.
    several : bool
        Whether it gave a tuple or list of arrays.
    writes : tuple of int
        The roots of the values that it changed.
    errors : tuple, optional
        NumPy's error state, if it was another one than outside of the step.
    gradients : tuple, optional
        For a call that is no arithmetic, and which a replay must not leave out: the gradients at that time.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    results: tuple[int, ...] = ()
    several: bool = False
    writes: tuple[int, ...] = ()
    errors: tuple[Any, ...] | None = None
    gradients: Gradients | None = None

    @property
    def apart(self) -> bool:
        """Whether it is something else than arithmetic on arrays."""
        return self.gradients is not None


# What stands among the arguments

SIMPLE = (bool, int, float, complex, str, type, type(None), type(Ellipsis), numpy.dtype, numpy.generic)


def static(x: Any) -> None:
    """Refuse as an argument what is no array and may be another thing at each call.

    Examples
    --------
    >>> static(slice(0, 2))
    """
    if isinstance(x, slice):
        for part in (x.start, x.stop, x.step):
            static(part)
    elif not isinstance(x, SIMPLE) and x is not numpy._NoValue:
        raise CompileError(f"the step gives a {type(x).__name__} to a function of NumPy, which is not recorded")


def place(array: numpy.ndarray) -> tuple[Any, ...]:
    """Tell an array by its memory and its form."""
    start = array.__array_interface__["data"][0]
    return start, array.shape, array.strides, array.dtype.str, array.flags.writeable


def not_recorded(function: Callable[..., Any], what: str) -> CompileError:
    """Make the error for a function that does what a recording cannot hold.

    Examples
    --------
    >>> not_recorded(numpy.exp, "does it")
    CompileError('the step calls exp, which does it, and is not recorded. Call it outside of the step')
    """
    return CompileError(
        f"the step calls {name_of(function)}, which {what}, and is not recorded. Call it outside of the step"
    )


def name_of(function: Callable[..., Any]) -> str:
    """Name a function for a message.

    Examples
    --------
    >>> name_of(numpy.exp), name_of(numpy.add.reduce)
    ('exp', 'add.reduce')
    """
    owner, name = getattr(function, "__self__", None), getattr(function, "__name__", repr(function))
    return f"{owner.__name__}.{name}" if isinstance(owner, numpy.ufunc) else name


def with_out_by_name(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Give the arguments of a ufunc with the array that it writes into as ``out=``, wherever it stood.

    Examples
    --------
    >>> with_out_by_name(numpy.exp, (1.0, "an array"), {})
    ((1.0,), {'out': 'an array'})
    """
    out = kwargs.get("out")
    if isinstance(function, numpy.ufunc) and len(args) > function.nin:
        args, out = args[: function.nin], args[function.nin :]
    if isinstance(out, tuple):
        if len(out) > 1:
            raise not_recorded(function, "writes into several arrays")
        (out,) = out
    return args, kwargs if out is None else kwargs | {"out": out}
