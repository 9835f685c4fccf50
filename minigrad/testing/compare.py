"""Comparing arrays of floating-point numbers: how far apart, and how far apart they may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy

from minigrad.backend import REAL, to_host
from minigrad.tensor import Tensor

ROUNDINGS = 64  # how many rounding errors of the largest entry count as equal


@dataclass(frozen=True)
class Closeness:
    """The outcome of `close`: true or false, and in words why.

    Examples
    --------
    >>> bool(Closeness(True, "equal"))
    True
    """

    equal: bool
    why: str

    def __bool__(self) -> bool:
        return self.equal

    def __repr__(self) -> str:
        return self.why


def host(x: Any) -> numpy.ndarray:
    """Give the values of an array, a Tensor or a number of any backend as a NumPy array.

    Examples
    --------
    >>> host(2.0)
    array(2.)
    """
    return numpy.asarray(to_host(x.data if isinstance(x, Tensor) else x))


def unit_roundoff(*arrays: numpy.ndarray) -> float:
    """Give the relative rounding error of the coarsest floating-point dtype among the arrays.

    Examples
    --------
    >>> unit_roundoff(numpy.zeros(2, "float32"), numpy.zeros(2)) == float(numpy.finfo("float32").eps)
    True
    """
    kinds = [x.dtype for x in arrays if x.dtype.kind == "f"] or [numpy.dtype("float64")]
    return float(max(numpy.finfo(kind).eps for kind in kinds))


def close(actual: Any, expected: Any, *, condition: float = 1.0, scale: float = 0.0) -> Closeness:
    """Tell whether two arrays are equal up to rounding.

    Allowed is ``64 · eps · condition · scale`` in every entry: eps belongs to the coarser of the two dtypes, and scale
    is the largest finite entry of both, or the given one if that is larger. NaN equals nothing, not even NaN;
    infinities must agree in place and sign.

    Parameters
    ----------
    actual, expected : array_like
        Arrays, Tensors, or numbers, of the same shape.
    condition : float
        How much the computation may magnify rounding errors: its condition number, or the number of its steps.
    scale : float
        The size of the numbers that went into the values, where they cancel to something small.

    Returns
    -------
    Closeness
        Usable as a condition; its representation says what differs, by how much, and what was allowed.

    Examples
    --------
    >>> assert close(0.1 + 0.2, 0.3)
    >>> close([1.0, 2.0], [1.0, 2.1])
    differ by 0.1 at (1,): 2.0 against 2.1; allowed is 3e-14 = 64 · eps 2.2e-16 · condition 1 · scale 2.1
    >>> bool(close(float("nan"), float("nan")))
    False
    """
    a, b = host(actual), host(expected)
    for x in (a, b):
        if x.dtype.kind not in REAL:
            raise TypeError(f"close compares real numbers; got {x.dtype}")
    if a.shape != b.shape:
        return Closeness(False, f"shapes differ: {a.shape} against {b.shape}")
    for name, x in (("the actual", a), ("the expected", b)):
        if x.dtype.kind == "f" and numpy.isnan(x).any():
            where = tuple(int(i) for i in numpy.argwhere(numpy.isnan(x))[0])
            return Closeness(False, f"{name} value is NaN at {where}; NaN equals nothing")
    finite = numpy.isfinite(a) & numpy.isfinite(b)
    if not numpy.array_equal(a[~finite], b[~finite]):
        return Closeness(False, f"infinities differ: {a[~finite]} against {b[~finite]}")
    gap = numpy.zeros(a.shape)
    gap[finite] = numpy.abs(a[finite].astype("float64") - b[finite].astype("float64"))
    if not gap.size:
        return Closeness(True, "both are empty")
    eps = unit_roundoff(a, b)
    scale = float(max(scale, numpy.abs(a[finite]).max(initial=0.0), numpy.abs(b[finite]).max(initial=0.0)))
    allowed = ROUNDINGS * eps * condition * scale
    worst = tuple(int(i) for i in numpy.unravel_index(int(gap.argmax()), gap.shape))
    reason = f"allowed is {allowed:.1g} = {ROUNDINGS} · eps {eps:.1e} · condition {condition:g} · scale {scale:g}"
    if gap[worst] <= allowed:
        return Closeness(True, f"differ by at most {gap[worst]:.2g}; {reason}")
    return Closeness(False, f"differ by {gap[worst]:.2g} at {worst}: {a[worst]} against {b[worst]}; {reason}")
