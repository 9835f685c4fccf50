"""Activation functions as layers."""

from __future__ import annotations

from typing import Any

import minigrad.numpy as np
from minigrad.nn.checks import check_finite
from minigrad.nn.module import Module


class ReLU(Module):
    """max(x, 0), elementwise; the derivative at 0 is 0.

    Examples
    --------
    >>> import numpy
    >>> ReLU()(numpy.array([-1.0, 2.0]))
    array([0., 2.])
    """

    def forward(self, x: Any) -> Any:
        """Apply it."""
        return np.relu(np.as_array(x))


class LeakyReLU(Module):
    """x where it is positive and slope · x elsewhere; the derivative at 0 is the slope.

    Parameters
    ----------
    negative_slope : float
        DCGAN uses 0.2.

    Examples
    --------
    >>> import numpy
    >>> LeakyReLU(0.25)(numpy.array([-1.0, 2.0]))
    array([-0.25,  2.  ])
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = check_finite("LeakyReLU", "negative_slope", negative_slope)

    def forward(self, x: Any) -> Any:
        """Apply it."""
        return np.leaky_relu(x, slope=self.negative_slope)

    def extra_repr(self) -> str:
        """Say the slope.

        Examples
        --------
        >>> LeakyReLU(0.2).extra_repr()
        '0.2'
        """
        return f"{self.negative_slope}"


class ELU(Module):
    """x where it is positive and alpha · (exp(x) − 1) elsewhere; the derivative at 0 is alpha.

    Parameters
    ----------
    alpha : float
        With 1 the derivative is continuous.

    Examples
    --------
    >>> import numpy
    >>> ELU()(numpy.array([-1000.0, 2.0]))
    array([-1.,  2.])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = check_finite("ELU", "alpha", alpha)

    def forward(self, x: Any) -> Any:
        """Apply it."""
        return np.elu(x, self.alpha)

    def extra_repr(self) -> str:
        """Say alpha.

        Examples
        --------
        >>> ELU(0.5).extra_repr()
        'alpha=0.5'
        """
        return f"alpha={self.alpha}"


class GELU(Module):
    """x · Φ(x), with the distribution function Φ of the standard normal distribution.

    Parameters
    ----------
    approximate : {"none", "tanh"}
        Whether Φ is exact, or made of a hyperbolic tangent; see `minigrad.numpy.gelu`.

    Examples
    --------
    >>> import numpy
    >>> GELU()(numpy.array([0.0, 1.0]))
    array([0.        , 0.84134475])
    """

    def __init__(self, approximate: str = "none") -> None:
        if approximate not in ("none", "tanh"):
            raise ValueError(f"GELU knows the approximations 'none' and 'tanh'; got {approximate!r}")
        self.approximate = approximate

    def forward(self, x: Any) -> Any:
        """Apply it."""
        return np.gelu(x, self.approximate)

    def extra_repr(self) -> str:
        """Say which form it is.

        Examples
        --------
        >>> GELU("tanh").extra_repr()
        "approximate='tanh'"
        """
        return f"approximate={self.approximate!r}"


class Softplus(Module):
    """log(1 + exp(beta · x)) / beta, a smooth form of ReLU, without overflow.

    Parameters
    ----------
    beta : float
        Positive; the larger, the closer to ReLU.

    Examples
    --------
    >>> import numpy
    >>> Softplus()(numpy.array([-1000.0, 0.0, 1000.0]))
    array([0.00000000e+00, 6.93147181e-01, 1.00000000e+03])
    """

    def __init__(self, beta: float = 1.0) -> None:
        self.beta = check_finite("Softplus", "beta", beta)
        if self.beta <= 0:
            raise ValueError(f"Softplus needs a positive beta; got {beta!r}")

    def forward(self, x: Any) -> Any:
        """Apply it."""
        return np.softplus(np.as_array(x) * self.beta) / self.beta

    def extra_repr(self) -> str:
        """Say beta.

        Examples
        --------
        >>> Softplus(2.0).extra_repr()
        'beta=2.0'
        """
        return f"beta={self.beta}"


class Tanh(Module):
    """The hyperbolic tangent, from −1 to 1.

    Examples
    --------
    >>> import numpy
    >>> Tanh()(numpy.array([0.0, 1000.0]))
    array([0., 1.])
    """

    def forward(self, x: Any) -> Any:
        """Apply it."""
        return np.tanh(np.as_array(x))


class Sigmoid(Module):
    """1 / (1 + exp(−x)), from 0 to 1; losses from logits are applied without it.

    Examples
    --------
    >>> import numpy
    >>> Sigmoid()(numpy.array([0.0, -1000.0]))
    array([0.5, 0. ])
    """

    def forward(self, x: Any) -> Any:
        """Apply it."""
        return np.sigmoid(np.as_array(x))
