"""What networks are made of beside matrix products: activations, softmax, and the loss of a classifier.

`relu`, `sigmoid`, `softplus` and `erf` come from the table as they are.
"""

from __future__ import annotations

import math
from typing import Any

from minigrad.numpy.arrays import as_array
from minigrad.primitives import elementwise, general
from minigrad.primitives.kinds import raw


def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """Give x where it is positive, and slope times x elsewhere.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.leaky_relu([-1.0, 2.0], slope=0.25)
    array([-0.25,  2.  ])
    """
    return elementwise.leaky_relu(as_array(x), slope=slope)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """Give x where it is positive, and alpha · (exp(x) − 1) elsewhere.

    References
    ----------
    Clevert, D.-A., Unterthiner, T. and Hochreiter, S. (2016). Fast and Accurate Deep Network Learning by Exponential
    Linear Units (ELUs). ICLR.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.elu([-1000.0, 1000.0])
    array([  -1., 1000.])
    """
    x = as_array(x)
    return elementwise.relu(x) + alpha * elementwise.expm1(elementwise.clip(x, -math.inf, 0.0))


def gelu(x: Any, approximate: str = "none") -> Any:
    """Give x times the probability that a standard normal number is smaller: x · Φ(x) = x · (1 + erf(x/√2)) / 2.

    Parameters
    ----------
    approximate : {"none", "tanh"}
        With "tanh", Φ(x) is taken to be (1 + tanh(√(2/π) · (x + 0.044715 x³))) / 2.

    Raises
    ------
    ValueError
        If the approximation is unknown.

    References
    ----------
    Hendrycks, D. and Gimpel, K. (2016). Gaussian Error Linear Units (GELUs). arXiv:1606.08415.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.gelu([-1000.0, 0.0, 1000.0])
    array([  -0.,    0., 1000.])
    """
    x = elementwise.clip(as_array(x), -100.0, math.inf)  # below, Φ(x) is 0, and −∞ · 0 would be NaN
    if approximate == "none":
        return 0.5 * x * (1.0 + elementwise.erf(x * math.sqrt(0.5)))
    if approximate != "tanh":
        raise ValueError(f"gelu knows the approximations 'none' and 'tanh'; got {approximate!r}")
    inner = elementwise.clip(x, -10.0, 10.0)  # beyond, tanh is ±1, and x³ may leave the range of floating-point numbers
    return 0.5 * x * (1.0 + elementwise.tanh(math.sqrt(2.0 / math.pi) * (inner + 0.044715 * inner**3)))


def softmax(x: Any, axis: int = -1) -> Any:
    """Give exp(x) divided by its sum along an axis, without overflow.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.softmax([1000.0, 1000.0])
    array([0.5, 0.5])
    """
    return general.softmax(as_array(x), axis=axis)


def log_softmax(x: Any, axis: int = -1) -> Any:
    """Give the logarithm of softmax along an axis, finite however small the probability.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.log_softmax([0.0, 1000.0])
    array([-1000.,     0.])
    """
    return general.log_softmax(as_array(x), axis=axis)


def cross_entropy(logits: Any, labels: Any) -> Any:
    """Give −log softmax(logits)[label] for each row: the loss of a classifier, straight from logits.

    `minigrad.nn.cross_entropy` also checks the labels and takes the mean.

    Parameters
    ----------
    logits : array or Tensor, shape (n, classes)
        Scores before the softmax.
    labels : integer array, shape (n,)
        The true classes.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.cross_entropy([[0.0, 0.0], [1000.0, 0.0]], np.array([1, 0]))  # the first is log 2
    array([0.69314718, 0.        ])
    """
    return general.cross_entropy(as_array(logits), raw(labels))
