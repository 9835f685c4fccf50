"""Densities on the real line with exact formulas: to sample, to compare with, and to measure distances by.

``log_pdf`` and ``pdf`` can be differentiated in x. ``cdf`` and ``quantile`` are computed on the host and give plain
arrays.

Examples
--------
>>> import numpy
>>> p = Mixture([Normal(-2.0, 0.5), Normal(2.0, 0.5)], weights=[0.25, 0.75])
>>> p.sample(1000, numpy.random.default_rng(0)).shape
(1000,)
>>> round(float(p.cdf(0.0)), 3)
0.25
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy

import minigrad.numpy as np
from minigrad.backend import current, floating, to_host
from minigrad.checks import check_count, check_generator
from minigrad.data.checks import check_floating, check_number, check_probabilities, check_size
from minigrad.tensor import Tensor

TINY = 1e-300
HALVINGS = 64  # of an interval, until less than a rounding error of its ends is left


class Density(ABC):
    """A distribution on the real line; subclasses know the formulas.

    Examples
    --------
    >>> isinstance(Normal(), Density)
    True
    """

    def log_pdf(self, x: Any) -> Any:
        """Give the logarithm of the density at x, −∞ where the density is 0.

        Parameters
        ----------
        x : array or Tensor
            Any shape.

        Examples
        --------
        >>> float(Uniform(0.0, 0.5).log_pdf(0.25))  # log 2
        0.6931471805599453
        """
        return self._log_pdf(floating(np.as_array(x)))

    def pdf(self, x: Any) -> Any:
        """Give the density at x.

        Parameters
        ----------
        x : array or Tensor
            Any shape.

        Examples
        --------
        >>> Uniform(0.0, 0.5).pdf([0.25, 1.0])
        array([2., 0.])
        """
        return np.exp(self.log_pdf(x))

    def cdf(self, x: Any) -> Any:
        """Give the probability of a value of at most x.

        Parameters
        ----------
        x : array
            Any shape; infinities are allowed.

        Raises
        ------
        TypeError
            If x is a Tensor that is being differentiated.

        Examples
        --------
        >>> Uniform(0.0, 0.5).cdf([0.25, 1.0])
        array([0.5, 1. ])
        """
        x = _on_host(x)
        return current().asarray(self._cdf(x.astype("float64")), x.dtype)

    def quantile(self, p: Any) -> Any:
        """Give the smallest x with cdf(x) ≥ p.

        For p = 0 and p = 1 this is the end of the support, perhaps at infinity. The Wasserstein distance of two
        densities F and G is (∫₀¹ |F⁻¹(p) − G⁻¹(p)|ʳ dp)^(1/r).

        Parameters
        ----------
        p : array
            Probabilities, any shape.

        Raises
        ------
        TypeError
            If p is a Tensor that is being differentiated.
        ValueError
            If a value is not between 0 and 1.

        Examples
        --------
        >>> Uniform(0.0, 0.5).quantile([0.0, 0.5, 1.0])
        array([0.  , 0.25, 0.5 ])
        """
        p = _on_host(p)
        if not ((p >= 0) & (p <= 1)).all():
            raise ValueError(f"a quantile needs probabilities between 0 and 1; got {p[~((p >= 0) & (p <= 1))][0]}")
        with numpy.errstate(divide="ignore"):  # the quantile of 0 and of 1 may be infinite
            return current().asarray(self._quantile(p.astype("float64")), p.dtype)

    def sample(self, n: int, rng: numpy.random.Generator, dtype: Any = "float32") -> Any:
        """Draw n independent values.

        Returns
        -------
        array, shape (n,)

        Raises
        ------
        TypeError
            If rng is no generator.
        ValueError
            If n is no positive whole number.

        Examples
        --------
        >>> Uniform(0.0, 0.5).sample(2, numpy.random.default_rng(0))
        array([0.31848085, 0.13489336], dtype=float32)
        """
        n, rng, dtype = check_count("n", n), check_generator(rng), check_floating(dtype)
        return current().asarray(self._sample(n, rng), dtype)

    @abstractmethod
    def _log_pdf(self, x: Any) -> Any: ...

    @abstractmethod
    def _cdf(self, x: numpy.ndarray) -> numpy.ndarray: ...

    @abstractmethod
    def _quantile(self, p: numpy.ndarray) -> numpy.ndarray: ...

    def _sample(self, n: int, rng: numpy.random.Generator) -> numpy.ndarray:
        return self._quantile(rng.uniform(TINY, 1.0, n))  # not from 0, whose quantile may be infinite


class Normal(Density):
    """The normal distribution: p(x) = exp(−(x − μ)²/(2σ²)) / (σ √(2π)).

    Parameters
    ----------
    mean, std : float
        μ, and σ > 0.

    Raises
    ------
    ValueError
        If μ is not finite or σ is not positive.

    Examples
    --------
    >>> float(Normal().quantile(0.975))
    1.9599639845400536
    """

    def __init__(self, mean: float = 0.0, std: float = 1.0) -> None:
        self.mean, self.std = check_number("mean", mean), check_size("std", std, positive=True)

    def _log_pdf(self, x: Any) -> Any:
        return -0.5 * ((x - self.mean) / self.std) ** 2 - math.log(self.std) - 0.5 * math.log(2.0 * math.pi)

    def _cdf(self, x: numpy.ndarray) -> numpy.ndarray:
        return 0.5 * _erfc((self.mean - x) / (math.sqrt(2.0) * self.std))

    def _quantile(self, p: numpy.ndarray) -> numpy.ndarray:
        return self.mean + self.std * _standard_normal_quantile(p)

    def _sample(self, n: int, rng: numpy.random.Generator) -> numpy.ndarray:
        return self.mean + self.std * rng.standard_normal(n)


class Laplace(Density):
    """The Laplace distribution, which is peaked and has heavier tails: p(x) = exp(−|x − μ|/b) / (2b).

    Parameters
    ----------
    mean, scale : float
        μ, and b > 0.

    Raises
    ------
    ValueError
        If μ is not finite or b is not positive.

    Examples
    --------
    >>> Laplace().cdf([-1.0, 0.0, 1.0]).round(3)
    array([0.184, 0.5  , 0.816])
    """

    def __init__(self, mean: float = 0.0, scale: float = 1.0) -> None:
        self.mean, self.scale = check_number("mean", mean), check_size("scale", scale, positive=True)

    def _log_pdf(self, x: Any) -> Any:
        return -np.abs(x - self.mean) / self.scale - math.log(2.0 * self.scale)

    def _cdf(self, x: numpy.ndarray) -> numpy.ndarray:
        tail = 0.5 * numpy.exp(-numpy.abs(x - self.mean) / self.scale)
        return numpy.where(x < self.mean, tail, 1.0 - tail)

    def _quantile(self, p: numpy.ndarray) -> numpy.ndarray:
        distance = -self.scale * numpy.log(2.0 * numpy.minimum(p, 1.0 - p))
        return self.mean + numpy.where(p < 0.5, -distance, distance)


class Uniform(Density):
    """The uniform distribution: p(x) = 1/(high − low) from low to high, both included.

    Parameters
    ----------
    low, high : float
        The ends, low < high.

    Raises
    ------
    ValueError
        If the ends are not finite or not in order.

    Examples
    --------
    >>> Uniform(-1.0, 1.0).pdf([-2.0, 0.0, 1.0])
    array([0. , 0.5, 0.5])
    """

    def __init__(self, low: float = 0.0, high: float = 1.0) -> None:
        self.low, self.high = _increasing(low=low, high=high)

    def _log_pdf(self, x: Any) -> Any:
        outside = np.abs(x - np.clip(x, self.low, self.high))
        return np.where(outside > 0, -math.inf, outside - math.log(self.high - self.low))

    def _cdf(self, x: numpy.ndarray) -> numpy.ndarray:
        return (numpy.clip(x, self.low, self.high) - self.low) / (self.high - self.low)

    def _quantile(self, p: numpy.ndarray) -> numpy.ndarray:
        return self.low + p * (self.high - self.low)


class Triangular(Density):
    """The triangular distribution: p rises in a line from 0 at low to 2/(high − low) at the mode, and falls to high.

    Parameters
    ----------
    low, mode, high : float
        low < mode < high.

    Raises
    ------
    ValueError
        If they are not finite or not in order.

    Examples
    --------
    >>> Triangular(0.0, 1.0, 3.0).pdf([0.5, 1.0, 2.0, 4.0]).round(3)
    array([0.333, 0.667, 0.333, 0.   ])
    """

    def __init__(self, low: float = -1.0, mode: float = 0.0, high: float = 1.0) -> None:
        self.low, self.mode, self.high = _increasing(low=low, mode=mode, high=high)

    def _log_pdf(self, x: Any) -> Any:
        tent = np.minimum((x - self.low) / (self.mode - self.low), (self.high - x) / (self.high - self.mode))
        log_tent = np.log(np.where(tent <= 0, 1.0, tent))
        return np.where(tent <= 0, -math.inf, log_tent + math.log(2.0 / (self.high - self.low)))

    def _cdf(self, x: numpy.ndarray) -> numpy.ndarray:
        x, width = numpy.clip(x, self.low, self.high), self.high - self.low
        below = (x - self.low) ** 2 / (width * (self.mode - self.low))
        above = (self.high - x) ** 2 / (width * (self.high - self.mode))
        return numpy.where(x < self.mode, below, 1.0 - above)

    def _quantile(self, p: numpy.ndarray) -> numpy.ndarray:
        width = self.high - self.low
        rising = self.low + numpy.sqrt(p * width * (self.mode - self.low))
        falling = self.high - numpy.sqrt((1.0 - p) * width * (self.high - self.mode))
        return numpy.where(p * width < self.mode - self.low, rising, falling)


class Mixture(Density):
    """A mixture of other densities: p(x) = Σᵢ wᵢ pᵢ(x).

    Parameters
    ----------
    densities : sequence of Density
        The pᵢ.
    weights : array_like, optional
        The wᵢ > 0, with sum 1; equal if left out.

    Raises
    ------
    TypeError
        If something else than densities is mixed.
    ValueError
        If the weights are no positive probabilities, one for each density.

    Examples
    --------
    >>> p = Mixture([Uniform(0.0, 1.0), Uniform(2.0, 3.0)], weights=[0.25, 0.75])
    >>> p.pdf([0.5, 1.5, 2.5]), p.quantile(0.5)
    (array([0.25, 0.  , 0.75]), array(2.33333333))
    """

    def __init__(self, densities: Sequence[Density], weights: Any = None) -> None:
        self.densities = list(densities)
        if not self.densities or not all(isinstance(density, Density) for density in self.densities):
            raise TypeError(f"a mixture needs a list of densities; got {densities!r}")
        count = len(self.densities)
        self.weights = check_probabilities("weights", numpy.full(count, 1.0 / count) if weights is None else weights)
        if self.weights.shape != (count,) or not self.weights.all():
            raise ValueError(f"{count} densities need as many positive weights; got {self.weights.tolist()}")

    def _log_pdf(self, x: Any) -> Any:
        terms = zip(self.weights.tolist(), self.densities, strict=True)
        return np.logsumexp(np.stack([math.log(w) + density.log_pdf(x) for w, density in terms], axis=-1), axis=-1)

    def _cdf(self, x: numpy.ndarray) -> numpy.ndarray:
        return sum(weight * density._cdf(x) for weight, density in zip(self.weights, self.densities, strict=True))

    def _quantile(self, p: numpy.ndarray) -> numpy.ndarray:
        ends = numpy.stack([density._quantile(p) for density in self.densities])
        low, high = ends.min(axis=0), ends.max(axis=0)
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            enough = self._cdf(middle) >= p
            low, high = numpy.where(enough, low, middle), numpy.where(enough, middle, high)
        return high

    def _sample(self, n: int, rng: numpy.random.Generator) -> numpy.ndarray:
        chosen = rng.choice(len(self.densities), size=n, p=self.weights)
        draws = numpy.stack([density._sample(n, rng) for density in self.densities])
        return draws[chosen, numpy.arange(n)]


def _on_host(x: Any) -> numpy.ndarray:
    return floating(numpy.asarray(x) if isinstance(x, Tensor) else to_host(x))


def _increasing(**ends: float) -> list[float]:
    numbers = [check_number(name, value) for name, value in ends.items()]
    if sorted(set(numbers)) != numbers:
        raise ValueError(f"this needs {' < '.join(ends)}; got {', '.join(map(str, numbers))}")
    return numbers


_erfc = numpy.vectorize(math.erfc, otypes=["float64"])


@numpy.vectorize(otypes=["float64"])
def _standard_normal_quantile(p: float) -> float:
    from statistics import NormalDist  # it takes long to import, and only this needs it

    return NormalDist().inv_cdf(p) if 0 < p < 1 else math.copysign(math.inf, p - 0.5)
