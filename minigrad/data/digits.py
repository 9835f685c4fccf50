"""The UCI handwritten digits: 1,797 real images of 8 by 8 pixels."""

from __future__ import annotations

from typing import Any

import numpy

from minigrad.backend import current
from minigrad.data.checks import check_floating


def digits(dtype: Any = "float32") -> tuple[Any, Any]:
    """Load the handwritten digits.

    Each pixel counts the dark points of a 4 by 4 block of the scanned digit, from 0 to 16; here it is divided by 16.

    Parameters
    ----------
    dtype : dtype
        Of the images.

    Returns
    -------
    x : array, shape (1797, 64)
        The images, row by row, with values from 0 (paper) to 1 (ink).
    y : integer array, shape (1797,)
        The digits 0 to 9 that they show.

    Raises
    ------
    ValueError
        If the dtype is none of floating-point numbers.

    References
    ----------
    Alpaydin, E. and Kaynak, C. (1998). Optical Recognition of Handwritten Digits (its test set). UCI Machine Learning
    Repository, https://doi.org/10.24432/C50P49. Licence: Creative Commons Attribution 4.0 (CC BY 4.0).

    Examples
    --------
    >>> x, y = digits()
    >>> x.shape, float(x.min()), float(x.max())
    ((1797, 64), 0.0, 1.0)
    """
    from importlib import resources  # it takes long to import, and only this needs it

    dtype = check_floating(dtype)
    with (
        resources.files(__package__).joinpath("digits.npz").open("rb") as file,
        numpy.load(file, allow_pickle=False) as stored,
    ):
        images, labels = stored["images"], stored["labels"]
    pixels = images.reshape(len(images), -1).astype(dtype) / 16.0
    return current().asarray(pixels), current().asarray(labels, "int64")
