"""The Kullback-Leibler divergence KL(p‖q) = E_p log(p/q) between two Gaussians, in closed form."""

from __future__ import annotations

from functools import partial
from typing import Any

import minigrad.numpy as np
from minigrad.checks import require
from minigrad.nn.losses.checks import alike, real_numbers
from minigrad.primitives.kinds import raw
from minigrad.tape import ShapeError


def gaussian_kl(
    mean: Any,
    log_variance: Any,
    other_mean: Any = 0.0,
    other_log_variance: Any = 0.0,
    axis: int | tuple[int, ...] | None = -1,
) -> Any:
    """Give KL(N(μ, diag σ²) ‖ N(m, diag s²)) = ½ Σ (σ²/s² − 1 − log σ²/s² + (μ − m)²/s²), summed over the last axis.

    Parameters
    ----------
    mean, log_variance : array or Tensor
        μ and log σ², of one shape.
    other_mean, other_log_variance : array, Tensor or float
        m and log s², of the same shape, or one number; by default those of the standard normal distribution.
    axis : int, tuple or None
        The axes of one Gaussian, which are summed over; None for all.

    Raises
    ------
    ShapeError
        If the shapes differ, even where NumPy would broadcast them.

    Examples
    --------
    >>> import numpy
    >>> gaussian_kl(numpy.array([[1.0, 2.0], [0.0, 0.0]]), numpy.zeros((2, 2)))
    array([2.5, 0. ])
    """
    mean = real_numbers("gaussian_kl", mean)
    log_variance = alike("gaussian_kl", mean, log_variance)
    other_mean = alike("gaussian_kl", mean, other_mean, or_number=True)
    other_log_variance = alike("gaussian_kl", mean, other_log_variance, or_number=True)
    log_ratio = log_variance - other_log_variance
    distance = (mean - other_mean) * np.exp(-0.5 * other_log_variance)
    return 0.5 * np.sum(np.expm1(log_ratio) - log_ratio + np.square(distance), axis)


def multivariate_gaussian_kl(mean: Any, covariance: Any, other_mean: Any, other_covariance: Any) -> Any:
    """Give KL(N(μ, Σ) ‖ N(m, S)) = ½ (tr S⁻¹Σ − k + (μ − m)ᵀ S⁻¹ (μ − m) + log det S − log det Σ).

    Parameters
    ----------
    mean, other_mean : array or Tensor, shape (..., k)
        μ and m.
    covariance, other_covariance : array or Tensor, shape (..., k, k)
        Σ and S, symmetric and positive definite.

    Returns
    -------
    array or Tensor, shape (...)

    Raises
    ------
    ShapeError
        If the shapes are not these.
    ValueError
        If a covariance is not symmetric.
    numpy.linalg.LinAlgError
        If a covariance is not positive definite; on CuPy the result is NaN instead.

    Examples
    --------
    >>> import numpy
    >>> float(multivariate_gaussian_kl(numpy.array([1.0, 2.0]), numpy.eye(2), numpy.zeros(2), numpy.eye(2)))
    2.5
    """
    mean = real_numbers("multivariate_gaussian_kl", mean)
    other_mean = alike("multivariate_gaussian_kl", mean, other_mean)
    root = np.linalg.cholesky(as_covariance("multivariate_gaussian_kl", mean, covariance))
    other_root = np.linalg.cholesky(as_covariance("multivariate_gaussian_kl", mean, other_covariance))
    ratio = np.linalg.solve(other_root, root)
    distance = np.linalg.solve(other_root, (mean - other_mean)[..., None])[..., 0]
    traces = np.sum(np.square(ratio), (-2, -1)) - mean.shape[-1] + np.sum(np.square(distance), -1)
    return 0.5 * traces + log_diagonal(other_root) - log_diagonal(root)


def log_diagonal(root: Any) -> Any:
    """Give Σ log Lᵢᵢ, half the log-determinant of L Lᵀ, for each triangular matrix L.

    Examples
    --------
    >>> import numpy
    >>> float(log_diagonal(numpy.eye(3)))
    0.0
    """
    return np.sum(np.log(np.diagonal(root, axis1=-2, axis2=-1)), -1)


def as_covariance(function: str, mean: Any, covariance: Any) -> Any:
    """Give a covariance in the dtype of the mean, once it has the mean's size and is symmetric.

    Raises
    ------
    ShapeError
        If the shapes are not (..., k) and (..., k, k) with the same leading sizes.
    ValueError
        If it is not symmetric.

    Examples
    --------
    >>> import numpy
    >>> as_covariance("multivariate_gaussian_kl", numpy.zeros(1), [[2]])
    array([[2.]])
    """
    covariance = real_numbers(function, covariance)
    k = mean.shape[-1] if mean.ndim else 0
    if not k or tuple(covariance.shape) != (*mean.shape, k):
        raise ShapeError(
            f"{function} needs a mean of shape (..., k) and a covariance of shape (..., k, k); "
            f"got {tuple(mean.shape)} and {tuple(covariance.shape)}"
        )
    values = raw(covariance)
    largest = abs(values).max(axis=(-2, -1), keepdims=True)
    text = f"{function} needs a symmetric covariance; got one that is not. For a factor L pass L @ L.T"
    require(~(abs(values - values.swapaxes(-1, -2)) > 1e-5 * largest).any(), partial(ValueError, text))
    return covariance if covariance.dtype == mean.dtype else covariance.astype(mean.dtype)
