"""Mixtures of Gaussians in a ring or a grid, with the truth beside the samples: modes, density, coverage."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy

import minigrad.numpy as np
from minigrad.backend import current, floating
from minigrad.checks import check_count, check_generator
from minigrad.data.checks import check_floating, check_size
from minigrad.primitives.kinds import raw
from minigrad.tape import ShapeError


class Coverage(NamedTuple):
    """How well samples cover the modes of a mixture.

    Examples
    --------
    >>> Coverage(modes=8, quality=0.99).modes
    8
    """

    modes: int
    """The number of modes with at least one sample nearby."""
    quality: float
    """The share of the samples that have a mode nearby, from 0 to 1."""


class GaussianMixture:
    """Gaussians of equal weight and equal, round spread: p(x) = 1/k Σ_i N(x; μ_i, σ² I).

    Parameters
    ----------
    means : array, shape (k, d)
        The modes μ_i.
    std : float
        σ, at least 0. With 0 it can be sampled, but has neither density nor coverage.

    Raises
    ------
    ValueError
        If the means are not finite points, or std is negative.

    Examples
    --------
    >>> mixture = GaussianMixture([[-1.0, 0.0], [1.0, 0.0]], std=0.1)
    >>> mixture.sample(5, numpy.random.default_rng(0)).shape
    (5, 2)
    """

    def __init__(self, means: Any, std: float) -> None:
        self._means = numpy.array(means, dtype="float64")
        if self._means.ndim != 2 or not self._means.size or not numpy.isfinite(self._means).all():
            raise ValueError(f"means must be finite points, of shape (k, d); got shape {self._means.shape}")
        self.std = check_size("std", std)

    @classmethod
    def ring(cls, modes: int = 8, radius: float = 2.0, std: float = 0.02) -> GaussianMixture:
        """Place the modes evenly on a circle around 0, at the angles 0, 1/modes, 2/modes, ... of a full turn.

        Examples
        --------
        >>> GaussianMixture.ring(modes=4, radius=1.0).means.round(2) + 0.0
        array([[ 1.,  0.],
               [ 0.,  1.],
               [-1.,  0.],
               [ 0., -1.]])
        """
        modes, radius = check_count("modes", modes), check_size("radius", radius)
        angles = numpy.arange(modes) * (2.0 * math.pi / modes)
        return cls(radius * numpy.stack([numpy.cos(angles), numpy.sin(angles)], axis=1), std)

    @classmethod
    def grid(cls, side: int = 5, spacing: float = 2.0, std: float = 0.05) -> GaussianMixture:
        """Place side · side modes on a square grid around 0.

        Examples
        --------
        >>> GaussianMixture.grid(side=2).means
        array([[-1., -1.],
               [-1.,  1.],
               [ 1., -1.],
               [ 1.,  1.]])
        """
        side, spacing = check_count("side", side), check_size("spacing", spacing)
        ticks = spacing * (numpy.arange(side) - (side - 1) / 2.0)
        return cls(numpy.stack(numpy.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 2), std)

    @property
    def means(self) -> Any:
        """The modes, an array of shape (k, d) on the active backend."""
        return current().asarray(self._means.copy())

    def sample(self, n: int, rng: numpy.random.Generator, dtype: Any = "float32") -> Any:
        """Draw n samples.

        Returns
        -------
        array, shape (n, d)

        Examples
        --------
        >>> GaussianMixture([[0.0, 1.0]], std=0.1).sample(1, numpy.random.default_rng(0))
        array([[0.01257302, 0.9867895 ]], dtype=float32)
        """
        n, rng, dtype = check_count("n", n), check_generator(rng), check_floating(dtype)
        modes, dimensions = self._means.shape
        chosen = self._means[rng.integers(modes, size=n)]
        return current().asarray(chosen + self.std * rng.standard_normal((n, dimensions)), dtype)

    def log_density(self, x: Any) -> Any:
        """Give log p(x), without underflow far from all modes, and differentiable.

        Parameters
        ----------
        x : array or Tensor, shape (..., d)

        Returns
        -------
        array or Tensor, shape (...)

        Raises
        ------
        ShapeError
            If the last axis of x is not that of points in d dimensions.
        ValueError
            If std is 0.

        Examples
        --------
        >>> float(GaussianMixture([[0.0, 0.0]], std=1.0).log_density([0.0, 0.0]))  # -log 2π
        -1.8378770664093453
        """
        exponents = -0.5 * self._squared_distances(x)
        modes, dimensions = self._means.shape
        log_height = -math.log(modes) - dimensions * math.log(math.sqrt(2.0 * math.pi) * self.std)
        return np.logsumexp(exponents, axis=-1) + log_height

    def coverage(self, x: Any, within: float = 3.0) -> Coverage:
        """Count the modes that have a sample within so many standard deviations, and the share of such samples.

        In two dimensions 1 − exp(−within²/2) of the mixture's own samples are that near to the mode that they belong
        to; for within = 3 this is 0.989.

        Parameters
        ----------
        x : array or Tensor, shape (n, d)
            Samples, say of a generator. One that is not finite is near to no mode.
        within : float
            The largest distance to a mode that counts as near, in units of std.

        Returns
        -------
        Coverage
            The fields `modes` and `quality`.

        Raises
        ------
        ShapeError
            If x has not the shape (n, d), or holds no samples.
        ValueError
            If std is 0, or within is negative.

        References
        ----------
        Srivastava, A. et al. (2017). VEEGAN: Reducing Mode Collapse in GANs using Implicit Variational Learning.
        https://arxiv.org/abs/1705.07761.

        Examples
        --------
        >>> GaussianMixture.ring().coverage([[2.0, 0.0], [0.0, 2.01], [0.0, 0.0], [5.0, 5.0]])
        Coverage(modes=2, quality=0.5)
        """
        x = np.as_array(raw(x))
        if x.ndim != 2 or not len(x):
            raise ShapeError(f"coverage needs samples of shape (n, {self._means.shape[1]}); got {x.shape}")
        near = self._squared_distances(x) <= check_size("within", within) ** 2
        return Coverage(int(near.any(axis=0).sum()), float(near.any(axis=1).mean()))

    def _squared_distances(self, x: Any) -> Any:
        """Measure from each point to each mode, in units of std."""
        if not self.std:
            raise ValueError("with std = 0 a mixture has no density, and no distance counts as near to a mode")
        x = floating(np.as_array(x))
        dimensions = self._means.shape[1]
        if not x.ndim or x.shape[-1] != dimensions:
            raise ShapeError(f"this mixture lives in {dimensions} dimensions; got points of shape {x.shape}")
        means = current().asarray(self._means, x.dtype)
        return np.sum(((np.expand_dims(x, -2) - means) / self.std) ** 2, axis=-1)


def ring(
    n: int,
    modes: int = 8,
    radius: float = 2.0,
    std: float = 0.02,
    rng: numpy.random.Generator | None = None,
    dtype: Any = "float32",
) -> Any:
    """Draw from Gaussians whose modes lie evenly on a circle; `GaussianMixture.ring` knows the truth about them.

    Parameters
    ----------
    n : int
        Samples.
    modes : int
        Gaussians, each as likely as the others.
    radius, std : float
        Of the circle, and of each Gaussian.
    rng : numpy.random.Generator
        Required.
    dtype : dtype
        Of the samples.

    Returns
    -------
    array, shape (n, 2)

    Raises
    ------
    TypeError
        If rng is missing or no generator.
    ValueError
        If a size is out of range.

    References
    ----------
    Metz, L. et al. (2016). Unrolled Generative Adversarial Networks. https://arxiv.org/abs/1611.02163.

    Examples
    --------
    >>> ring(1000, rng=numpy.random.default_rng(0)).shape
    (1000, 2)
    """
    return GaussianMixture.ring(modes, radius, std).sample(n, check_generator(rng), dtype)


def grid(
    n: int,
    side: int = 5,
    spacing: float = 2.0,
    std: float = 0.05,
    rng: numpy.random.Generator | None = None,
    dtype: Any = "float32",
) -> Any:
    """Draw from Gaussians whose modes form a square grid; `GaussianMixture.grid` knows the truth about them.

    Parameters
    ----------
    n : int
        Samples.
    side : int
        The grid has side · side modes, each as likely as the others.
    spacing, std : float
        Between neighbouring modes, and of each Gaussian.
    rng : numpy.random.Generator
        Required.
    dtype : dtype
        Of the samples.

    Returns
    -------
    array, shape (n, 2)

    Raises
    ------
    TypeError
        If rng is missing or no generator.
    ValueError
        If a size is out of range.

    References
    ----------
    Srivastava, A. et al. (2017). VEEGAN: Reducing Mode Collapse in GANs using Implicit Variational Learning.
    https://arxiv.org/abs/1705.07761.

    Examples
    --------
    >>> grid(1000, side=3, rng=numpy.random.default_rng(0)).shape
    (1000, 2)
    """
    return GaussianMixture.grid(side, spacing, std).sample(n, check_generator(rng), dtype)
