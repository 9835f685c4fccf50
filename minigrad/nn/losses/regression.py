"""The loss of a regression."""

from __future__ import annotations

from typing import Any

import minigrad.numpy as np
from minigrad.nn.losses.checks import alike, real_numbers, reduced


def squared_error(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """Give the squared error (f − y)²; its mean is the mean squared error (1/n) Σ (fᵢ − yᵢ)².

    Parameters
    ----------
    prediction : array or Tensor
        f, of any shape.
    target : array or Tensor
        y, of the same shape, converted to the dtype of the prediction.
    reduction : {"mean", "sum", "none"}
        How the errors become one, or that they stay as many as the predictions. The mean is over all elements.

    Raises
    ------
    ShapeError
        If the shapes differ, even where NumPy would broadcast them.
    ValueError
        If the reduction is unknown, or there is nothing to take the mean of.

    References
    ----------
    Ledger: opt19-mse, epfl11-squared-hinge-losses.

    Examples
    --------
    >>> import numpy
    >>> float(squared_error(numpy.array([1.0, 2.0]), numpy.array([1.0, 4.0])))
    2.0
    """
    prediction = real_numbers("squared_error", prediction)
    return reduced(np.square(prediction - alike("squared_error", prediction, target)), reduction)
