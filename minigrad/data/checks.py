"""What the data functions check about their arguments, each in one place and with one sentence."""

from __future__ import annotations

import math
from typing import Any

import numpy

from minigrad.backend import current
from minigrad.tensor import Tensor


def check_size(name: str, value: Any, positive: bool = False) -> float:
    """Refuse a length, a spread or a noise level that is negative or not finite; optionally also 0.

    Raises
    ------
    ValueError
        If the value is out of range or not a number.

    Examples
    --------
    >>> check_size("std", 0.5)
    0.5
    """
    size = check_number(name, value)
    if size < 0 or (positive and not size):
        raise ValueError(f"{name} must be {'more than 0' if positive else 'at least 0'}; got {value!r}")
    return size


def check_number(name: str, value: Any) -> float:
    """Refuse anything but one finite number.

    Raises
    ------
    ValueError
        For NaN, an infinity, or something that is no number.

    Examples
    --------
    >>> check_number("angle", 35)
    35.0
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a finite number; got {value!r}")
    return number


def check_floating(dtype: Any) -> numpy.dtype:
    """Refuse a dtype that would cut off the fractions of the samples.

    Raises
    ------
    ValueError
        If it is not a floating-point dtype.

    Examples
    --------
    >>> check_floating("float32")
    dtype('float32')
    """
    if numpy.dtype(dtype).kind != "f":
        raise ValueError(f"samples with fractions need a floating-point dtype; got {dtype!r}")
    return numpy.dtype(dtype)


def check_probabilities(name: str, values: Any) -> numpy.ndarray:
    """Give probabilities, along the last axis, in float64 and divided by their sums, which may be off by rounding.

    Raises
    ------
    ValueError
        If one is negative or not a number, or a sum differs from 1 by more than a millionth.

    Examples
    --------
    >>> check_probabilities("weights", [0.25, 0.75])
    array([0.25, 0.75])
    """
    p = numpy.array(values, dtype="float64")
    if not p.ndim or not p.size:
        raise ValueError(f"{name} must hold probabilities; got an array of shape {p.shape}")
    if not (p >= 0).all():
        raise ValueError(f"the probabilities in {name} must be numbers of at least 0; got {p[~(p >= 0)][0]}")
    sums = p.sum(axis=-1, keepdims=True)
    wrong = ~(numpy.abs(sums - 1.0) <= 1e-6)
    if wrong.any():
        raise ValueError(f"the probabilities in {name} must sum to 1; got the sum {sums[wrong][0]}")
    return p / sums


def check_samples(name: str, x: Any) -> Any:
    """Give samples as an array of the active backend, with at least one of them along the first axis.

    Raises
    ------
    ValueError
        If it is a single number, or there are no samples.

    Examples
    --------
    >>> check_samples("x", [[1.0, 2.0], [3.0, 4.0]]).shape
    (2, 2)
    """
    samples = current().asarray(x.data if isinstance(x, Tensor) else x)
    if not samples.ndim or not len(samples):
        raise ValueError(f"{name} needs one sample or more along the first axis; got shape {samples.shape}")
    return samples


def check_labelled(x: Any, y: Any) -> tuple[Any, Any]:
    """Give samples and their labels as arrays of the active backend, as many of one as of the other.

    Raises
    ------
    ValueError
        If the numbers differ, or there are none.

    Examples
    --------
    >>> check_labelled([0.5, 1.5], [0, 1])
    (array([0.5, 1.5]), array([0, 1]))
    """
    samples, labels = check_samples("x", x), check_samples("y", y)
    if len(samples) != len(labels):
        raise ValueError(
            f"there must be as many labels as samples; got {len(samples)} samples and {len(labels)} labels"
        )
    return samples, labels
