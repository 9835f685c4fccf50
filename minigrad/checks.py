"""What functions of several packages check about their arguments, each with one sentence."""

from __future__ import annotations

import operator
from numbers import Integral, Real
from typing import Any

import numpy


def check_generator(rng: Any) -> numpy.random.Generator:
    """Refuse anything but a generator as the source of randomness, also its absence.

    Raises
    ------
    TypeError
        For None, an integer seed, or the legacy ``numpy.random.RandomState``.

    Examples
    --------
    >>> rng = numpy.random.default_rng(0)
    >>> check_generator(rng) is rng
    True
    """
    if not isinstance(rng, numpy.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, such as numpy.random.default_rng(0); got {rng!r}")
    return rng


def check_count(name: str, value: Any, least: int = 1) -> int:
    """Refuse anything but a whole number that is large enough; True and False are no numbers here.

    Raises
    ------
    ValueError
        For a fraction, something that is no number, or a number below the least one.

    Examples
    --------
    >>> check_count("n", 5)
    5
    """
    try:
        count = least - 1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        count = least - 1
    if count < least:
        raise ValueError(f"{name} must be a whole number of at least {least}; got {value!r}")
    return count


def is_number(value: Any) -> bool:
    """Tell whether a value is one real number, also one of NumPy's, and no truth value.

    Examples
    --------
    >>> is_number(0.5), is_number(True)
    (True, False)
    """
    return isinstance(value, Real) and not isinstance(value, bool)


def is_whole(value: Any) -> bool:
    """Tell whether a value is one whole number, also one of NumPy's, and no truth value.

    Examples
    --------
    >>> is_whole(3), is_whole(3.0)
    (True, False)
    """
    return is_number(value) and isinstance(value, Integral)
