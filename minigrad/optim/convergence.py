"""The Robbins-Monro conditions: steps that can reach any distance, and noise that dies out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy

from minigrad.optim import checks
from minigrad.optim.schedules import rate_at

EXPONENTS = (3, 4, 5, 6)  # the fit sees α_j at j = 10^3 … 10^6, in three parts
RESOLUTION = 1e-3  # exponents closer than this are not told apart


@dataclass(frozen=True)
class RobbinsMonro:
    """The outcome of `robbins_monro`: true if both conditions hold, and in words why.

    Attributes
    ----------
    sum_diverges : bool or None
        Whether Σ α_j = ∞, so that the steps can reach any distance; None if that is undecided.
    squares_converge : bool or None
        Whether Σ α_j² < ∞, so that the noise of the gradients dies out; None if that is undecided.
    exponent : float
        The p for which α_j falls like j^−p; NaN if there is none.
    spread : float
        How uncertain p is; 0 if it is exact.
    exact : bool
        Whether p was known from the schedule, or else estimated.

    Examples
    --------
    >>> RobbinsMonro(True, True, 1.0, 0.0, exact=True)
    Σ α_j = ∞ holds; Σ α_j² < ∞ holds; exactly: α_j falls like j^−1
    """

    sum_diverges: bool | None
    squares_converge: bool | None
    exponent: float
    spread: float
    exact: bool

    def __bool__(self) -> bool:
        return self.sum_diverges is True and self.squares_converge is True

    def __repr__(self) -> str:
        words = {True: "holds", False: "fails", None: "is undecided"}
        return f"Σ α_j = ∞ {words[self.sum_diverges]}; Σ α_j² < ∞ {words[self.squares_converge]}; {self._why()}"

    def _why(self) -> str:
        if self.exact:
            power = f"like j^−{self.exponent:g}" if math.isfinite(self.exponent) else "faster than every power of j"
            return f"exactly: α_j falls {power}" if self.exponent else "exactly: α_j tends to a positive number"
        seen = f"estimated from j = 10^{EXPONENTS[0]} to 10^{EXPONENTS[-1]}"
        if math.isnan(self.exponent):
            return f"{seen}: some α_j are 0, so that no power of j fits"
        return f"{seen}: α_j falls like j^−p, p = {self.exponent:.3f} ± {self.spread:.3f}"


def robbins_monro(schedule: Callable[[int], float]) -> RobbinsMonro:
    """Tell whether a schedule meets the conditions of Robbins and Monro: Σ α_j = ∞ and Σ α_j² < ∞.

    If α_j falls like j^−p, they hold exactly for ½ < p ≤ 1. A `Schedule` knows its p. For any other function p is
    estimated: log α_j over log j has the slope −p, fitted by least squares to j = 10³ … 10⁶. Its spread is three times
    the range of the slopes over the single decades, which covers logarithmic factors, and at least 0.001. A condition
    whose limit for p lies within the spread is undecided, and so is everything if some α_j is 0.

    Parameters
    ----------
    schedule : callable
        Gives α_j when called with j = 1, 2, …

    Returns
    -------
    RobbinsMonro
        Usable as a condition: true if both hold. Its representation says in words what is known, and from where.

    Raises
    ------
    TypeError, ValueError
        If it is no function, or gives a step size that is negative, infinite, or no number.

    References
    ----------
    Ledger: dl10-eq48.

    H. Robbins and S. Monro, A stochastic approximation method, Annals of Mathematical Statistics 22 (1951).

    Examples
    --------
    >>> from minigrad import optim
    >>> robbins_monro(optim.Harmonic(0.1))
    Σ α_j = ∞ holds; Σ α_j² < ∞ holds; exactly: α_j falls like j^−1
    >>> robbins_monro(optim.Constant(0.1))
    Σ α_j = ∞ holds; Σ α_j² < ∞ fails; exactly: α_j tends to a positive number
    >>> robbins_monro(lambda j: j**-0.75)
    Σ α_j = ∞ holds; Σ α_j² < ∞ holds; estimated from j = 10^3 to 10^6: α_j falls like j^−p, p = 0.750 ± 0.001
    """
    if not callable(schedule):
        raise TypeError(f"robbins_monro takes a schedule; got {schedule!r}; write optim.Constant({schedule!r})")
    checks.made("the schedule", schedule)
    known = getattr(schedule, "tail_exponent", None)
    if known is not None:
        return RobbinsMonro(known <= 1.0, known > 0.5, known, 0.0, exact=True)
    p, spread = fitted_exponent(schedule)
    return RobbinsMonro(_below(p, spread, 1.0), _below(-p, spread, -0.5), p, spread, exact=False)


def _below(p: float, spread: float, limit: float) -> bool | None:
    """Tell whether p is below the limit; None if that lies within the spread."""
    return p < limit if abs(p - limit) > spread else None


def fitted_exponent(schedule: Callable[[int], float]) -> tuple[float, float]:
    """Fit the p of α_j ≈ c j^−p to j = 10^3 … 10^6, and say how uncertain it is; both are NaN if some α_j is 0.

    Examples
    --------
    >>> p, spread = fitted_exponent(lambda j: 3.0 / j)
    >>> abs(p - 1.0) < 1e-12, spread
    (True, 0.001)
    """
    decades = [numpy.geomspace(10**a, 10 ** (a + 1), 33).round() for a in EXPONENTS[:-1]]
    rates = [numpy.array([rate_at(schedule, int(j)) for j in decade]) for decade in decades]
    if not all(rate.all() for rate in rates):
        return math.nan, math.nan
    slopes = [slope(numpy.log(j), numpy.log(rate)) for j, rate in zip(decades, rates, strict=True)]
    overall = slope(numpy.log(numpy.concatenate(decades)), numpy.log(numpy.concatenate(rates)))
    return -overall, max(3.0 * (max(slopes) - min(slopes)), RESOLUTION)


def slope(x: numpy.ndarray, y: numpy.ndarray) -> float:
    """Give the slope of the line that fits best by least squares.

    Examples
    --------
    >>> slope(numpy.array([0.0, 1.0, 2.0]), numpy.array([1.0, 3.0, 5.0]))
    2.0
    """
    x = x - x.mean()
    return float(x @ (y - y.mean()) / (x @ x))
