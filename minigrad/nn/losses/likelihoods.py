"""Log-likelihoods of samples: one number for each, the sum over what one sample consists of.

The parameters of the distribution come first, and the sample last. What one sample consists of lies along ``axis``: the
last axis, unless another is named. For images of shape (n, channels, height, width) it is ``axis=(1, 2, 3)``.
"""

from __future__ import annotations

import math
from typing import Any

import minigrad.numpy as np
from minigrad.nn.losses.checks import alike, as_scores, real_numbers
from minigrad.nn.losses.classification import as_classes, as_shares, binary_losses


def bernoulli_log_likelihood(logits: Any, x: Any, axis: int | tuple[int, ...] | None = -1) -> Any:
    """Give log p(x) of independent coins: Σ x log σ(f) + (1 − x) log(1 − σ(f)).

    Parameters
    ----------
    logits : array or Tensor
        f, the scores before the sigmoid.
    x : array or Tensor
        0 or 1, of the same shape. Shares in between, such as grey levels, give minus the binary cross-entropy.
    axis : int, tuple or None
        The axes of one sample, which are summed over; None for all.

    Raises
    ------
    ShapeError
        If the shapes differ, even where NumPy would broadcast them.
    ValueError
        If x is not between 0 and 1.

    Warns
    -----
    ProbabilitiesWarning
        If a derivative flows through the logits, and a sigmoid has made them.

    Examples
    --------
    >>> import numpy
    >>> bernoulli_log_likelihood(numpy.zeros((2, 3)), numpy.ones((2, 3), int)) / numpy.log(2.0)  # three fair coins each
    array([-3., -3.])
    """
    logits = as_scores("bernoulli_log_likelihood", logits)
    return -np.sum(binary_losses(logits, as_shares("bernoulli_log_likelihood", logits, x)), axis)


def categorical_log_likelihood(logits: Any, labels: Any) -> Any:
    """Give log softmax(logits)[label] for each row: minus the cross-entropy.

    Parameters
    ----------
    logits : array or Tensor, shape (n, classes)
        Scores before the softmax.
    labels : integer array, shape (n,)
        The observed classes, from 0 to classes − 1.

    Returns
    -------
    array or Tensor, shape (n,)

    Raises
    ------
    ShapeError
        If the shapes are not (n, classes) and (n,).
    ValueError
        If a label is not a class.

    Warns
    -----
    ProbabilitiesWarning
        If the logits are the output of a softmax, or rows of a plain array that look like it.

    Examples
    --------
    >>> import numpy
    >>> categorical_log_likelihood(numpy.zeros((1, 8)), numpy.array([3])) / numpy.log(2.0)
    array([-3.])
    """
    logits = as_scores("categorical_log_likelihood", logits, of_classes=True)
    return -np.cross_entropy(logits, as_classes("categorical_log_likelihood", logits, labels))


def gaussian_log_likelihood(mean: Any, log_variance: Any, x: Any, axis: int | tuple[int, ...] | None = -1) -> Any:
    """Give log N(x; μ, diag σ²) = −½ Σ ((x − μ)²/σ² + log σ² + log 2π).

    Parameters
    ----------
    mean : array or Tensor
        μ.
    log_variance : array, Tensor or float
        log σ², of the same shape, or one number.
    x : array or Tensor
        Of the same shape.
    axis : int, tuple or None
        The axes of one sample, which are summed over; None for all.

    Raises
    ------
    ShapeError
        If the shapes differ, even where NumPy would broadcast them.

    Examples
    --------
    >>> import numpy
    >>> gaussian_log_likelihood(numpy.zeros((1, 2)), 0.0, numpy.zeros((1, 2)))  # -log 2 pi
    array([-1.83787707])
    """
    mean = real_numbers("gaussian_log_likelihood", mean)
    log_variance = alike("gaussian_log_likelihood", mean, log_variance, or_number=True)
    x = alike("gaussian_log_likelihood", mean, x)
    standardized = (x - mean) * np.exp(-0.5 * log_variance)
    return -0.5 * np.sum(np.square(standardized) + log_variance + math.log(2.0 * math.pi), axis)
