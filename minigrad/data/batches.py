"""Splitting data into a training and a test part, and into batches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy


def split(
    x: numpy.ndarray, y: numpy.ndarray, rng: numpy.random.Generator, test: float = 0.2
) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray, numpy.ndarray]:
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
    if len(x) != len(y):
        raise ValueError(f"split needs as many labels as samples; got {len(x)} samples and {len(y)} labels")
    n = round(test * len(x))
    if not 0 < n < len(x):
        raise ValueError(f"a test share of {test!r} leaves {n} of {len(x)} samples for the test; both parts need some")
    order = rng.permutation(len(x))
    held_out, kept = order[:n], order[n:]
    return x[kept], y[kept], x[held_out], y[held_out]


def batches(
    x: numpy.ndarray, y: numpy.ndarray, size: int, rng: numpy.random.Generator
) -> Iterator[tuple[numpy.ndarray, numpy.ndarray]]:
    """Walk once over the samples in a random order, in batches; the last one may be smaller.

    Parameters
    ----------
    x, y : array
        Samples and their labels, along the first axis.
    size : int
        Samples per batch.
    rng : numpy.random.Generator
        Draws the order.

    Examples
    --------
    >>> x, y = numpy.arange(5.0), numpy.arange(5)
    >>> [len(part) for part, _ in batches(x, y, 2, numpy.random.default_rng(0))]
    [2, 2, 1]
    """
    if len(x) != len(y):
        raise ValueError(f"batches needs as many labels as samples; got {len(x)} samples and {len(y)} labels")
    if size < 1:
        raise ValueError(f"a batch needs at least one sample; got size {size}")
    order = rng.permutation(len(x))
    for start in range(0, len(x), size):
        chosen = order[start : start + size]
        yield x[chosen], y[chosen]
