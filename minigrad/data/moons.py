"""Two interleaved half moons, and their rotated copy for domain adaptation."""

from __future__ import annotations

import math
from typing import Any

import numpy

from minigrad.backend import current
from minigrad.checks import check_count, check_generator
from minigrad.data.checks import check_floating, check_number, check_size


def two_moons(
    n: int,
    noise: float = 0.1,
    rng: numpy.random.Generator | None = None,
    angle: float = 0.0,
    dtype: Any = "float32",
) -> tuple[Any, Any]:
    """Draw points of two half circles of radius 1 that reach into each other, turned around their common centre 0.

    Class 0 is the arc (cos t − 1/2, sin t − 1/4) for 0 ≤ t ≤ π, and class 1 its mirror image through 0. With the same
    seed and another angle come the same points, turned: the target domain of domain adaptation.

    Parameters
    ----------
    n : int
        Points; the classes alternate.
    noise : float
        The standard deviation of the Gaussian noise in each coordinate.
    rng : numpy.random.Generator
        Required.
    angle : float
        Of the turn, counter-clockwise, in degrees.
    dtype : dtype
        Of the points.

    Returns
    -------
    x : array, shape (n, 2)
    y : integer array, shape (n,)
        0 or 1.

    Raises
    ------
    TypeError
        If rng is missing or no generator.
    ValueError
        If a size is out of range.

    References
    ----------
    Ganin, Y. et al. (2016). Domain-Adversarial Training of Neural Networks. Journal of Machine Learning Research 17.
    https://arxiv.org/abs/1505.07818.

    Examples
    --------
    >>> source, y = two_moons(200, rng=numpy.random.default_rng(0))
    >>> target, same_y = two_moons(200, rng=numpy.random.default_rng(0), angle=35.0)
    >>> bool((y == same_y).all())
    True
    """
    n, noise, rng = check_count("n", n), check_size("noise", noise), check_generator(rng)
    turn, dtype = math.radians(check_number("angle", angle)), check_floating(dtype)
    labels = numpy.arange(n) % 2
    t = rng.uniform(0.0, math.pi, n)
    arc = numpy.stack([numpy.cos(t) - 0.5, numpy.sin(t) - 0.25], axis=1)
    points = numpy.where(labels[:, None] == 0, arc, -arc) + noise * rng.standard_normal((n, 2))
    rotation = numpy.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    return current().asarray(points @ rotation.T, dtype), current().asarray(labels)
