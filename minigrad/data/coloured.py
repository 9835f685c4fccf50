"""Coloured digits: two domains of images and the exact translation between them.

The warm domain paints the ink of each digit by a rule: digit k has the hue k/20 of the colour wheel, from red over
yellow to green. The cold domain paints it in the complementary hue, half a turn away. Paper is black. So a single image
tells its domain, the colour tells the digit, and `complementary` is the true translation, both ways, to rounding.
"""

from __future__ import annotations

from typing import Any

import numpy

import minigrad.numpy as np
from minigrad.backend import current
from minigrad.checks import check_generator
from minigrad.data.digits import digits
from minigrad.tape import ShapeError


def hue_to_rgb(hue: Any) -> numpy.ndarray:
    """Give the pure colours of hues: red at 0, green at 1/3, blue at 2/3, and red again at 1.

    Parameters
    ----------
    hue : array_like, shape (...)
        In turns of the colour wheel.

    Returns
    -------
    numpy.ndarray, shape (..., 3)
        Red, green and blue, from 0 to 1; one of them is 0 and one is 1.

    Examples
    --------
    >>> hue_to_rgb([0.0, 0.5])
    array([[1., 0., 0.],
           [0., 1., 1.]])
    """
    sixths = 6.0 * numpy.asarray(hue, "float64")[..., None] + numpy.array([0.0, 4.0, 2.0])
    return numpy.clip(numpy.abs(sixths % 6.0 - 3.0) - 1.0, 0.0, 1.0)


def complementary(x: Any) -> Any:
    """Translate images of one domain into the other: per pixel, the largest of its three values minus each value.

    Parameters
    ----------
    x : array or Tensor, shape (n, 3, height, width)
        Pure colours on black.

    Raises
    ------
    ShapeError
        If the images do not have three channels, first after the batch.

    Examples
    --------
    >>> red = numpy.array([0.5, 0.0, 0.0]).reshape(1, 3, 1, 1)
    >>> complementary(red).ravel()
    array([0. , 0.5, 0.5])
    """
    x = np.as_array(x)
    if x.ndim != 4 or x.shape[1] != 3:
        raise ShapeError(f"coloured images have the shape (n, 3, height, width); got {x.shape}")
    return np.max(x, axis=1, keepdims=True) - x


def coloured_digits_paired(dtype: Any = "float32") -> tuple[Any, Any, Any]:
    """Load the handwritten digits in both domains, index by index the same digit.

    Parameters
    ----------
    dtype : dtype
        Of the images.

    Returns
    -------
    warm, cold : array, shape (1797, 3, 8, 8)
        Values from 0 to 1; the channels are red, green and blue.
    y : integer array, shape (1797,)
        The digits 0 to 9 that they show.

    References
    ----------
    Isola, P. et al. (2017). Image-to-Image Translation with Conditional Adversarial Networks.
    https://arxiv.org/abs/1611.07004. The images are those of `digits`.

    Examples
    --------
    >>> warm, cold, y = coloured_digits_paired()
    >>> warm.shape, bool((cold == complementary(warm)).all())
    ((1797, 3, 8, 8), True)
    """
    ink, y = digits(dtype)
    colours = current().asarray(hue_to_rgb(numpy.arange(10) / 20.0), ink.dtype)[y]
    warm = ink.reshape(-1, 1, 8, 8) * colours.reshape(-1, 3, 1, 1)
    return warm, complementary(warm), y


def coloured_digits_unpaired(rng: numpy.random.Generator, dtype: Any = "float32") -> tuple[Any, Any, Any, Any]:
    """Load half of the handwritten digits in the warm domain and the others in the cold one: no digit is in both.

    Parameters
    ----------
    rng : numpy.random.Generator
        Decides who goes where.
    dtype : dtype
        Of the images.

    Returns
    -------
    warm : array, shape (898, 3, 8, 8)
    y_warm : integer array, shape (898,)
    cold : array, shape (899, 3, 8, 8)
    y_cold : integer array, shape (899,)

    Raises
    ------
    TypeError
        If rng is no generator.

    References
    ----------
    Zhu, J.-Y. et al. (2017). Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks.
    https://arxiv.org/abs/1703.10593. The images are those of `digits`.

    Examples
    --------
    >>> warm, y_warm, cold, y_cold = coloured_digits_unpaired(numpy.random.default_rng(0))
    >>> len(warm), len(cold)
    (898, 899)
    """
    check_generator(rng)
    warm, cold, y = coloured_digits_paired(dtype)
    order = current().asarray(rng.permutation(len(y)))
    first, others = order[: len(y) // 2], order[len(y) // 2 :]
    return warm[first], y[first], cold[others], y[others]
