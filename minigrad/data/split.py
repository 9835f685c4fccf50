"""Splitting data into a training part and a test part."""

from __future__ import annotations

from typing import Any

import numpy

from minigrad.backend import current
from minigrad.checks import check_generator
from minigrad.data.checks import check_labelled, check_number


def split(x: Any, y: Any, rng: numpy.random.Generator, test: float = 0.2) -> tuple[Any, Any, Any, Any]:
    """Split samples at random into a training part and a test part.

    Parameters
    ----------
    x, y : array
        Samples and their labels, along the first axis.
    rng : numpy.random.Generator
        Decides who goes where.
    test : float
        The share of the test part, between 0 and 1.

    Returns
    -------
    x_train, y_train, x_test, y_test : array

    Raises
    ------
    ValueError
        If x and y differ in length, or one part would be empty.

    Examples
    --------
    >>> from minigrad.data import digits
    >>> x_train, y_train, x_test, y_test = split(*digits(), numpy.random.default_rng(0))
    >>> len(x_train), len(x_test)
    (1438, 359)
    """
    x, y = check_labelled(x, y)
    n = round(check_number("test", test) * len(x))
    if not 0 < n < len(x):
        raise ValueError(f"a test share of {test!r} leaves {n} of {len(x)} samples for the test; both parts need some")
    order = current().asarray(check_generator(rng).permutation(len(x)))
    held_out, kept = order[:n], order[n:]
    return x[kept], y[kept], x[held_out], y[held_out]
