"""Where the results of a program lie: memory that is given out, taken back, and given out again."""

from __future__ import annotations

import math

import numpy

from minigrad.compiling.calls import Value

CACHE_LINE = 64


class Memory:
    """Gives out memory, and takes it back.

    Attributes
    ----------
    size : int
        How many bytes there are in all.

    Examples
    --------
    >>> memory = Memory()
    >>> first = memory.take(64)
    >>> memory.give_back(first)
    >>> memory.take(64) is first, memory.size
    (True, 64)
    """

    def __init__(self) -> None:
        self.free: dict[int, list[numpy.ndarray]] = {}
        self.size = 0

    def take(self, size: int) -> numpy.ndarray:
        """Give that many bytes, from the beginning of a cache line."""
        if self.free.get(size):
            return self.free[size].pop()
        self.size += size
        room = numpy.empty(size + CACHE_LINE, numpy.uint8)
        start = -room.ctypes.data % CACHE_LINE
        return room[start : start + size]

    def give_back(self, room: numpy.ndarray) -> None:
        """Take back what was given."""
        self.free.setdefault(room.nbytes, []).append(room)


def bytes_of(value: Value) -> int:
    """Count the bytes of an array without gaps.

    Examples
    --------
    >>> bytes_of(Value("result", (2, 3), (24, 8), numpy.dtype("float64"), 0))
    48
    """
    return math.prod(value.shape) * value.dtype.itemsize


def has_no_gaps(value: Value) -> bool:
    """Tell whether an array fills its memory, in whatever order of the axes.

    Examples
    --------
    >>> has_no_gaps(Value("result", (2, 3), (8, 16), numpy.dtype("float64"), 0))
    True
    >>> has_no_gaps(Value("result", (2, 3), (8, 0), numpy.dtype("float64"), 0))
    False
    """
    step = value.dtype.itemsize
    for stride, size in sorted((s, n) for s, n in zip(value.strides, value.shape, strict=True) if n != 1):
        if stride != step:
            return False
        step *= size
    return math.prod(value.shape) > 0


def laid_out(value: Value, room: numpy.ndarray) -> numpy.ndarray:
    """Make an array of the form of a value in the memory that is given.

    Examples
    --------
    >>> laid_out(Value("result", (2,), (8,), numpy.dtype("float64"), 0), numpy.zeros(16, numpy.uint8))
    array([0., 0.])
    """
    return numpy.ndarray(value.shape, value.dtype, room, 0, value.strides)
