"""Fewer pixels by pooling, and more by interpolation."""

from __future__ import annotations

import math
from typing import Any

import numpy

import minigrad.numpy as np
from minigrad.backend import current
from minigrad.nn.convolution import Size, pair, rows_and_columns
from minigrad.nn.module import Module
from minigrad.primitives.convolution import windows
from minigrad.tape import ShapeError


class _Pool2d(Module):
    """What both kinds of pooling share: the windows that they look at."""

    outside: float

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1) -> None:
        self.kernel_size = pair("kernel_size", kernel_size, least=1)
        self.stride = pair("stride", kernel_size if stride is None else stride, least=1)
        self.padding = pair("padding", padding, least=0)
        self.dilation = pair("dilation", dilation, least=1)
        if any(2 * frame > kernel for frame, kernel in zip(self.padding, self.kernel_size, strict=True)):
            raise ValueError(
                f"padding can be half of the kernel size at most, or a window could lie outside of the image; "
                f"got {self.padding} with kernel_size {self.kernel_size}"
            )

    def windows(self, x: Any) -> Any:
        """Give the windows of images, of shape (n, rows, columns, kernel height, kernel width, channels)."""
        x = np.as_array(x)
        _check_images(type(self).__name__, x)
        size = rows_and_columns(tuple(x.shape[2:]), self.kernel_size, self.stride, self.padding, self.dilation)
        if min(size) < 1:
            raise ShapeError(
                f"{type(self).__name__}: windows of {self.kernel_size} do not fit into images of {tuple(x.shape[2:])}"
            )
        images = np.transpose(x, (0, 2, 3, 1))
        if any(self.padding):
            (down, right) = self.padding
            width = ((0, 0), (down, down), (right, right), (0, 0))
            images = np.pad(images, width, constant_values=self.outside)
        return windows(images, kernel=self.kernel_size, size=size, stride=self.stride, dilation=self.dilation)

    def settings(self) -> str:
        """Say the sizes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxPool2d(_Pool2d):
    """The largest number in each window of an image; equal ones share the derivative.

    Parameters
    ----------
    kernel_size : int or pair of int
        The size of a window.
    stride : int or pair of int, optional
        The step between windows; without it they lie side by side.
    padding : int or pair of int
        The width of a frame that is never the largest; at most half of the kernel size.
    dilation : int or pair of int
        The step between the numbers in a window.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> MaxPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """

    outside = -math.inf

    def forward(self, x: Any) -> Any:
        """Apply it to images of shape (n, channels, height, width)."""
        return np.transpose(np.max(self.windows(x), axis=(3, 4)), (0, 3, 1, 2))


class AvgPool2d(_Pool2d):
    """The mean of each window of an image.

    Parameters
    ----------
    kernel_size : int or pair of int
        The size of a window.
    stride : int or pair of int, optional
        The step between windows; without it they lie side by side.
    padding : int or pair of int
        The width of a frame of zeros, which count in the mean; at most half of the kernel size.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> AvgPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """

    outside = 0.0

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> None:
        super().__init__(kernel_size, stride, padding)

    def forward(self, x: Any) -> Any:
        """Apply it to images of shape (n, channels, height, width)."""
        return np.transpose(np.mean(self.windows(x), axis=(3, 4)), (0, 3, 1, 2))


class Upsample(Module):
    """Images with more pixels: each the nearest old pixel, or a mean of the old ones around it.

    Both are linear, along each axis by itself: y = A x Bᵀ for every channel, with one matrix for the rows and one for
    the columns.

    Parameters
    ----------
    size : int or pair of int, optional
        The new height and width.
    scale_factor : float or pair of float, optional
        What height and width are multiplied by; give either this or the size.
    mode : {"nearest", "bilinear"}
    align_corners : bool
        Whether the centres of the first and last pixels stay where they are, or else the outer edges; only for
        "bilinear".

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> Upsample(scale_factor=2)(np.array([[[[1.0, 2.0]]]]))
    array([[[[1., 1., 2., 2.],
             [1., 1., 2., 2.]]]])
    """

    def __init__(
        self,
        size: Size | None = None,
        scale_factor: float | tuple[float, float] | None = None,
        mode: str = "nearest",
        align_corners: bool = False,
    ) -> None:
        if (size is None) == (scale_factor is None):
            raise ValueError(f"Upsample needs either size or scale_factor; got {size!r} and {scale_factor!r}")
        if mode not in ("nearest", "bilinear"):
            raise ValueError(f"mode must be 'nearest' or 'bilinear'; got {mode!r}")
        if align_corners and mode == "nearest":
            raise ValueError("align_corners is for mode='bilinear'; the nearest pixel does not depend on it")
        self.size = None if size is None else pair("size", size, least=1)
        self.scale_factor = None if scale_factor is None else _factors(scale_factor)
        self.mode = mode
        self.align_corners = align_corners

    def forward(self, x: Any) -> Any:
        """Apply it to images of shape (n, channels, height, width)."""
        x = np.as_array(x)
        _check_images("Upsample", x)
        n, channels, height, width = x.shape
        down, right = (self._matrix(axis, old, x.dtype) for axis, old in enumerate((height, width)))
        # channels last in one block of memory, so that both steps are products of full matrices
        last = np.transpose(x, (0, 2, 3, 1)).reshape((n, -1)).reshape((n, height, width, channels))
        wide = np.matmul(right, last).reshape((n, height, -1))
        tall = np.matmul(down, wide).reshape((n, down.shape[0], right.shape[0], channels))
        return np.transpose(tall, (0, 3, 1, 2))

    def _matrix(self, axis: int, old: int, dtype: Any) -> Any:
        if self.size is not None:
            new, step = self.size[axis], old / self.size[axis]
        else:
            factor = _factors(self.scale_factor)[axis]
            new, step = math.floor(old * factor), 1.0 / factor
        if new < 1:
            raise ShapeError(f"Upsample would leave no pixel of {old}")
        return current().asarray(interpolation(old, new, step, self.mode, self.align_corners), dtype=dtype)

    def settings(self) -> str:
        """Say the size or factor, and the mode.

        Examples
        --------
        >>> Upsample(scale_factor=2).settings()
        "scale_factor=(2, 2), mode='nearest'"
        """
        size = f"scale_factor={self.scale_factor}" if self.size is None else f"size={self.size}"
        return f"{size}, mode={self.mode!r}{', align_corners=True' if self.align_corners else ''}"


def _factors(scale_factor: Any) -> tuple[float, float]:
    both = scale_factor if isinstance(scale_factor, tuple | list) else (scale_factor, scale_factor)
    if len(both) != 2 or not all(isinstance(f, int | float) and 0 < f < math.inf for f in both):
        raise ValueError(f"scale_factor must be positive and finite, one number or a pair; got {scale_factor!r}")
    return both[0], both[1]


def interpolation(old: int, new: int, step: float, mode: str, align_corners: bool) -> numpy.ndarray:
    """Give the matrix of shape (new, old) that makes new pixels of old ones along one axis.

    Examples
    --------
    >>> interpolation(2, 4, 0.5, "bilinear", False)
    array([[1.  , 0.  ],
           [0.75, 0.25],
           [0.25, 0.75],
           [0.  , 1.  ]])
    """
    i = numpy.arange(new)
    matrix = numpy.zeros((new, old))
    if mode == "nearest":
        matrix[i, numpy.minimum(numpy.floor(i * step), old - 1).astype(int)] = 1.0
        return matrix
    place = i * ((old - 1) / max(new - 1, 1)) if align_corners else numpy.maximum((i + 0.5) * step - 0.5, 0.0)
    left = numpy.minimum(numpy.floor(place), old - 1).astype(int)
    right = numpy.minimum(left + 1, old - 1)
    share = place - left
    numpy.add.at(matrix, (i, left), 1.0 - share)
    numpy.add.at(matrix, (i, right), share)
    return matrix


def _check_images(name: str, x: Any) -> None:
    if x.ndim != 4:
        raise ShapeError(f"{name} needs images of shape (n, channels, height, width); got {tuple(x.shape)}")
