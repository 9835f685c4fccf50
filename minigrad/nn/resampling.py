"""Fewer pixels by pooling, and more by interpolation."""

from __future__ import annotations

import math
from itertools import groupby
from typing import Any

import numpy

import minigrad.numpy as np
from minigrad.backend import current, xp
from minigrad.checks import is_number
from minigrad.nn.checks import floating_input
from minigrad.nn.convolution import Size, pair, rows_and_columns
from minigrad.nn.module import Module
from minigrad.primitives.convolution import windows
from minigrad.primitives.kinds import raw
from minigrad.tape import ShapeError


class _Pool2d(Module):
    """What both kinds of pooling share: the windows that they look at."""

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
        x = _images(type(self).__name__, x)
        size = rows_and_columns(tuple(x.shape[2:]), self.kernel_size, self.stride, self.padding, self.dilation)
        if min(size) < 1:
            raise ShapeError(
                f"{type(self).__name__}: windows of {self.kernel_size} do not fit into images of {tuple(x.shape[2:])}"
            )
        for frame, step, pixels in zip(self.padding, self.dilation, x.shape[2:], strict=True):
            if frame and step > pixels:  # both of two numbers, which only a frame with this kernel leaves room for
                raise ShapeError(
                    f"{type(self).__name__}: with padding {self.padding}, a window of dilation {self.dilation} would "
                    f"step over an image of {tuple(x.shape[2:])} and see nothing of it"
                )
        images = np.transpose(x, (0, 2, 3, 1))
        if any(self.padding):
            down, right = self.padding
            images = self._framed(images, ((0, 0), (down, down), (right, right), (0, 0)))
        return windows(images, kernel=self.kernel_size, size=size, stride=self.stride, dilation=self.dilation)

    def _framed(self, images: Any, width: tuple[tuple[int, int], ...]) -> Any:
        """Put a frame of zeros around images."""
        return np.pad(images, width)

    def extra_repr(self) -> str:
        """Say the sizes."""
        gaps = "" if self.dilation == (1, 1) else f", dilation={self.dilation}"
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}{gaps}"


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

    def _framed(self, images: Any, width: tuple[tuple[int, int], ...]) -> Any:
        """Put a frame around images that is never the largest, and finite unless they hold −∞ themselves."""
        lowest = float(numpy.finfo(images.dtype).min)
        outside = xp.where((raw(images) == -math.inf).any(), -math.inf, lowest).astype(images.dtype)
        inside = xp.pad(xp.ones((1, *images.shape[1:3], 1), bool), width)
        return np.where(inside, np.pad(images, width), outside)

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

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> None:
        super().__init__(kernel_size, stride, padding)

    def forward(self, x: Any) -> Any:
        """Apply it to images of shape (n, channels, height, width)."""
        return np.transpose(np.mean(self.windows(x), axis=(3, 4)), (0, 3, 1, 2))


class Upsample(Module):
    """Images with more pixels: each the nearest old pixel, or a mean of the old ones around it.

    Rows and columns are made one after the other, each by itself. Where a scale factor leaves the rounded number of
    pixels as it was, the pixels stay as they were, too.

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
        x = _images("Upsample", x)
        if not all(x.shape[2:]):
            raise ShapeError(f"Upsample needs images of one pixel or more; got {tuple(x.shape)}")
        images = np.transpose(x, (0, 2, 3, 1))
        for axis in (2, 1):
            images = self._stretched(images, axis)
        return np.transpose(images, (0, 3, 1, 2))

    def _stretched(self, images: Any, axis: int) -> Any:
        """Make new rows (axis 1) or columns (axis 2) of channels-last images."""
        old = images.shape[axis]
        if self.size is not None:
            new, step = self.size[axis - 1], old / self.size[axis - 1]
        else:
            factor = _factors(self.scale_factor)[axis - 1]
            new, step = math.floor(old * factor), 1.0 / factor
        if new < 1:
            raise ShapeError(f"Upsample would leave no pixel of {old}")
        if new == old:
            return images
        if self.mode == "nearest":
            return picked(images, nearest(old, new, step), axis)
        left, right, share = between(old, new, step, self.align_corners)
        share = current().asarray(share.tolist(), dtype=images.dtype).reshape((-1,) + (1,) * (3 - axis))
        return picked(images, left, axis) * (1.0 - share) + picked(images, right, axis) * share

    def extra_repr(self) -> str:
        """Say the size or factor, and the mode.

        Examples
        --------
        >>> Upsample(scale_factor=2).extra_repr()
        "scale_factor=(2.0, 2.0), mode='nearest'"
        """
        size = f"scale_factor={self.scale_factor}" if self.size is None else f"size={self.size}"
        return f"{size}, mode={self.mode!r}{', align_corners=True' if self.align_corners else ''}"


def _factors(scale_factor: Any) -> tuple[float, float]:
    both = scale_factor if isinstance(scale_factor, tuple | list) else (scale_factor, scale_factor)
    if len(both) != 2 or not all(is_number(f) and 0 < f < math.inf for f in both):
        raise ValueError(f"scale_factor must be positive and finite, one number or a pair; got {scale_factor!r}")
    return float(both[0]), float(both[1])


def nearest(old: int, new: int, step: float) -> numpy.ndarray:
    """Give the index of the old pixel that each new one takes its number from, along one axis.

    Where their number doubles, each stands twice, also if the step is not exactly one half.

    Examples
    --------
    >>> nearest(2, 4, 0.5)
    array([0, 0, 1, 1])
    """
    i = numpy.arange(new)
    if new == 2 * old:
        return i // 2
    return numpy.minimum(numpy.floor(i * step), old - 1).astype(int)


def between(old: int, new: int, step: float, align_corners: bool) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """Give the indices of the two old pixels that each new one lies between, and the share of the second one.

    Examples
    --------
    >>> between(2, 4, 0.5, False)
    (array([0, 0, 0, 1]), array([1, 1, 1, 1]), array([0.  , 0.25, 0.75, 0.25]))
    """
    i = numpy.arange(new)
    place = i * ((old - 1) / max(new - 1, 1)) if align_corners else numpy.maximum((i + 0.5) * step - 0.5, 0.0)
    left = numpy.minimum(numpy.floor(place), old - 1).astype(int)
    return left, numpy.minimum(left + 1, old - 1), place - left


def picked(x: Any, indices: numpy.ndarray, axis: int) -> Any:
    """Pick elements along an axis by indices in ascending order.

    Neighbours that are picked equally often are cut out and repeated together: the derivative is then made of sums,
    which are faster than adding up by an index.

    Examples
    --------
    >>> picked(numpy.array([5.0, 7.0, 9.0]), numpy.array([0, 0, 1, 1, 2]), axis=0)
    array([5., 5., 7., 7., 9.])
    """
    parts, start, size = [], 0, x.shape[axis]
    for times, neighbours in groupby(numpy.bincount(indices, minlength=size).tolist()):
        stop = start + len(list(neighbours))
        if times:
            part = x if stop - start == size else x[(slice(None),) * axis + (slice(start, stop),)]
            parts.append(repeated(part, times, axis))
        start = stop
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis)


def repeated(x: Any, times: int, axis: int) -> Any:
    """Repeat each element along an axis.

    Examples
    --------
    >>> repeated(numpy.array([5.0, 7.0]), 2, axis=0)
    array([5., 5., 7., 7.])
    """
    if times == 1:
        return x
    *before, size = x.shape[: axis + 1]
    after = x.shape[axis + 1 :]
    wide = np.broadcast_to(np.reshape(x, (*before, size, 1, *after)), (*before, size, times, *after))
    return np.reshape(wide, (*before, size * times, *after))


def _images(name: str, x: Any) -> Any:
    x = floating_input(name, x)
    if x.ndim != 4:
        raise ShapeError(f"{name} needs images of shape (n, channels, height, width); got {tuple(x.shape)}")
    return x
