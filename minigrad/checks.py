"""What functions of several packages check about their arguments, each with one sentence."""

from __future__ import annotations

import operator
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy

from minigrad.backend import current, settle_later
from minigrad.tape import calling_line

ON_HOST = (bool, numpy.bool_, numpy.ndarray)


def require(condition: Any, error: Callable[..., Exception], *arrays: Any) -> None:
    """Raise an error if a condition on the values of arrays does not hold, without waiting for a device.

    On the host the error is raised at once. A condition on a device is kept, and its error is raised when the host next
    reads a number and so waits for the device anyway. A note at the error then tells which line it is about.

    Parameters
    ----------
    condition : bool or array of shape ()
        What has to hold.
    error : callable
        Makes the error of the arrays; called only if the condition does not hold. It is a function of a module, or a
        `functools.partial` of one with what else it needs, so that repeated calls are known to ask the same.
    *arrays : array
        What the error reads. On a device they are copied, because they may be changed before it does.

    Examples
    --------
    >>> labels = numpy.array([0, 3])
    >>> require((labels < 3).all(), lambda x: ValueError(f"a label is {x.max()}"), labels)
    Traceback (most recent call last):
    ValueError: a label is 3
    """
    if isinstance(condition, ON_HOST):
        if not condition:
            raise error(*arrays)
    else:
        current().apart(_judge, condition, error, *arrays)


def _judge(condition: Any, error: Callable[..., Exception], *arrays: Any) -> None:
    if isinstance(condition, ON_HOST):
        require(condition, error, *arrays)
    else:
        settle_later(condition, error, arrays, calling_line())


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
