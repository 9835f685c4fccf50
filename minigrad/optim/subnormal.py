"""How optimizers keep out of subnormal numbers, with which many processors compute several times slower.

An array that each move multiplies by a share β < 1 decays where the gradient is 0, until rounding keeps it at some
multiple of the smallest subnormal number for ever. So every n moves, what is nearly that small becomes 0. As βⁿ is at
least 2⁻²⁴, a number that only decays goes from above the threshold to 0 without becoming subnormal in between.
"""

from __future__ import annotations

import math

import numpy

from minigrad.backend import xp
from minigrad.tape import Array

HALVINGS = 24


def moves_between(share: float) -> int:
    """Give after how many moves to look for numbers to forget: the largest n with βⁿ ≥ 2⁻²⁴, and at least 1.

    Parameters
    ----------
    share : float
        The β that a move leaves of what is kept, between 0 and 1.

    Examples
    --------
    >>> moves_between(0.5), moves_between(0.9)
    (24, 157)
    """
    return max(1, int(HALVINGS / -math.log2(share)))


def forget_tiny(kept: Array, work: Array) -> None:
    """Set to 0 what is less than 2²⁵ times the smallest normal number; float16 stays, as it is computed in float32.

    Parameters
    ----------
    kept : array
        Changed in place.
    work : array
        Of the same shape and dtype; it is overwritten.

    Examples
    --------
    >>> kept = numpy.array([1e-304, 1e-300, -1.0])
    >>> forget_tiny(kept, numpy.empty(3))
    >>> kept.tolist()
    [0.0, 1e-300, -1.0]
    """
    if kept.dtype == "float16":
        return
    smallest = 2.0 ** (HALVINGS + 1) * float(numpy.finfo(kept.dtype).smallest_normal)  # twice 2²⁴, for the rounding
    size = xp.abs(kept, out=work)
    kept *= xp.greater_equal(size, smallest, out=size)
