"""Spirals that wind around each other: classes that no line separates."""

from __future__ import annotations

import math
from typing import Any

import numpy

from minigrad.backend import current
from minigrad.checks import check_count, check_generator
from minigrad.data.checks import check_floating, check_number, check_size


def spirals(
    n: int,
    arms: int = 2,
    turns: float = 1.0,
    noise: float = 0.02,
    rng: numpy.random.Generator | None = None,
    dtype: Any = "float32",
) -> tuple[Any, Any]:
    """Draw points of spirals that start at 0 and end on the unit circle, evenly turned against each other.

    At radius r the arm k stands at the angle 2π (turns · r + k/arms). Radii are drawn as √u with u uniform, so the
    points of an arm do not crowd at its start.

    Parameters
    ----------
    n : int
        Points; the arms take turns.
    arms : int
        Spirals, each a class.
    turns : float
        How often an arm goes around, counter-clockwise if positive.
    noise : float
        The standard deviation of the Gaussian noise in each coordinate.
    rng : numpy.random.Generator
        Required.
    dtype : dtype
        Of the points.

    Returns
    -------
    x : array, shape (n, 2)
    y : integer array, shape (n,)
        The arms, from 0 to arms − 1.

    Raises
    ------
    TypeError
        If rng is missing or no generator.
    ValueError
        If a size is out of range.

    Examples
    --------
    >>> x, y = spirals(6, arms=3, rng=numpy.random.default_rng(0))
    >>> x.shape, y.tolist()
    ((6, 2), [0, 1, 2, 0, 1, 2])
    """
    n, arms, turns = check_count("n", n), check_count("arms", arms), check_number("turns", turns)
    noise, rng, dtype = check_size("noise", noise), check_generator(rng), check_floating(dtype)
    labels = numpy.arange(n) % arms
    radius = numpy.sqrt(rng.random(n))
    angle = 2.0 * math.pi * (turns * radius + labels / arms)
    points = radius[:, None] * numpy.stack([numpy.cos(angle), numpy.sin(angle)], axis=1)
    return current().asarray(points + noise * rng.standard_normal((n, 2)), dtype), current().asarray(labels)
