"""Convolution in two dimensions: one trilinear form, three primitives.

An image x of shape (n, channels, height, width), a kernel w of shape (outputs, channels, kernel height, kernel width)
and a map y of shape (n, outputs, rows, columns) meet in one number,

    T(x, w, y) = Σ y[n, o, p] · w[o, c, k] · x[n, c, stride · p + dilation · k − padding],

in which x is zero outside of its frame. Leave one of the three out, and what multiplies it is a bilinear function of
the other two: `conv2d` (y is left out), `conv2d_transpose` (x is left out) and `conv2d_weight` (w is left out). So the
derivatives of each are the other two, to any order.

Each primitive is told the two sizes of its result as ``size``, because one of several image sizes, or kernel sizes, may
give the same map. With groups, the channels and outputs fall into that many parts, and each part of the outputs sees
only its part of the channels; w then has shape (outputs, channels / groups, ...).

All three are matrix products. In `conv2d` and `conv2d_weight` they are taken over the *columns* of an image: for each
place of the map, the numbers under the kernel. `conv2d_transpose` multiplies the map with one part of the kernel after
the other, and adds each product to the image where that part of the kernel sees it. Inside, the channels come last, so
that numbers which are copied or added together lie side by side. What is given back has the channels second, as a view
of such an array, so the next layer finds it as it needs it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy

from minigrad.backend import current, xp
from minigrad.primitives.kinds import bilinear, linear
from minigrad.tape import Primitive

Pair = tuple[int, int]

# How many numbers the columns of one piece of the work may have: enough for a full matrix product, and on the host few
# enough to stay in the processor's cache.
COLUMNS = dict.fromkeys(("numpy", "recording"), 1 << 19)
COLUMNS_ON_A_DEVICE = 1 << 26


def windows_of(image: Any, kernel: Pair, size: Pair, stride: Pair, dilation: Pair) -> Any:
    """Show an image (n, height, width, ...) as (n, rows, columns, kernel height, kernel width, ...), without a copy."""
    n, _, _, *rest = image.shape
    over_n, down, right, *inner = image.strides
    strides = (over_n, stride[0] * down, stride[1] * right, dilation[0] * down, dilation[1] * right, *inner)
    return xp.lib.stride_tricks.as_strided(image, (n, *size, *kernel, *rest), strides)


def apart(image: Any, kernel: Pair, size: Pair, stride: Pair, dilation: Pair) -> Iterator[tuple[int, slice, Any]]:
    """Walk over parts of a kernel whose windows do not overlap: its row, its columns, and what they see of the image.

    That is shown as (n, rows, columns, 1, columns of the part, ...), and may be added to in place.
    """
    width = stride[1] // math.gcd(stride[1], dilation[1])
    for i in range(kernel[0]):
        for j in range(0, kernel[1], width):
            part = slice(j, min(j + width, kernel[1]))
            corner = image[:, i * dilation[0] :, j * dilation[1] :]
            yield i, part, windows_of(corner, (1, part.stop - j), size, stride, dilation)


# Windows of an image, and adding them back


def _windows(x: Any, *, kernel: Pair, size: Pair, stride: Pair, dilation: Pair) -> Any:
    return windows_of(x, kernel, size, stride, dilation)


def _overlap_add(g: Any, *, size: Pair, stride: Pair, dilation: Pair) -> Any:
    image = xp.zeros((g.shape[0], *size, *g.shape[5:]), g.dtype)
    for i, part, seen in apart(image, g.shape[3:5], g.shape[1:3], stride, dilation):
        seen += g[:, :, :, i : i + 1, part]
    return image


windows = linear(
    "windows",
    lambda g, ans, x, kernel, size, stride, dilation: overlap_add(
        g, size=tuple(x.shape[1:3]), stride=stride, dilation=dilation
    ),
    forward=_windows,
)
overlap_add: Primitive = linear(
    "overlap_add",
    lambda g, ans, x, size, stride, dilation: windows(
        g, kernel=tuple(x.shape[3:5]), size=tuple(x.shape[1:3]), stride=stride, dilation=dilation
    ),
    forward=_overlap_add,
)

# The work in pieces


def pieces(count: int, numbers_each: int) -> Iterator[slice]:
    """Cut a range into pieces of at most so many numbers that a piece of the work may have."""
    allowed = COLUMNS.get(current().name, COLUMNS_ON_A_DEVICE)
    step = max(1, allowed // max(1, numbers_each))
    return (slice(start, min(start + step, count)) for start in range(0, count, step))


def channels_last(x: Any, groups: int) -> Any:
    """Show (n, channels, height, width) as (n, height, width, groups, channels of a group)."""
    n, channels, height, width = x.shape
    return x.transpose(0, 2, 3, 1).reshape((n, height, width, groups, channels // groups))


def channels_second(x: Any) -> Any:
    """Show (n, height, width, groups, channels of a group) as (n, channels, height, width)."""
    n, height, width, groups, channels = x.shape
    return x.reshape((n, height, width, groups * channels)).transpose(0, 3, 1, 2)


def padded(image: Any, padding: Pair) -> Any:
    """Copy images with a frame of zeros around them, channels last; without a frame, only what is not yet so."""
    if padding == (0, 0):
        return xp.ascontiguousarray(image)
    n, height, width, *rest = image.shape
    (down, right) = padding
    framed = xp.zeros((n, height + 2 * down, width + 2 * right, *rest), image.dtype)
    framed[:, down : down + height, right : right + width] = image
    return framed


def without_frame(framed: Any, padding: Pair) -> Any:
    """Cut the frame off images, channels last."""
    (down, right), (_, height, width, *_) = padding, framed.shape
    return xp.ascontiguousarray(framed[:, down : height - down, right : width - right])


def column_pieces(
    x: Any, kernel: Pair, size: Pair, groups: int, stride: Pair, padding: Pair, dilation: Pair
) -> Iterator[tuple[slice, slice, Any]]:
    """Walk over the columns of images: which samples, which rows of the map, and (groups, places, numbers) of them."""
    images = channels_last(x, groups)
    numbers = math.prod(kernel) * images.shape[4]
    for some in pieces(len(images), size[0] * size[1] * numbers * groups):
        framed = padded(images[some], padding)
        for rows in pieces(size[0], len(framed) * size[1] * numbers * groups):
            part = framed[:, rows.start * stride[0] :]
            seen = windows_of(part, kernel, (rows.stop - rows.start, size[1]), stride, dilation)
            yield some, rows, seen.transpose(5, 0, 1, 2, 3, 4, 6).reshape((groups, -1, numbers))


def places(y: Any) -> Any:
    """Show a piece (n, rows, columns, groups, outputs) as (groups, places, outputs)."""
    return y.reshape((-1, *y.shape[3:])).transpose(1, 0, 2)


def as_matrices(w: Any, groups: int) -> Any:
    """Write a kernel as one matrix for each group: (groups, outputs, numbers of a column)."""
    outputs, channels, height, width = w.shape
    last = w.transpose(0, 2, 3, 1)
    return last.reshape((groups, outputs // groups, height * width * channels))


def _promoted(x: Any, y: Any) -> Any:
    return numpy.promote_types(x.dtype, y.dtype)


# Depthwise convolution: each channel is a group with one output. A matrix would hold one number, so these are sums over
# the numbers of a kernel, its taps.


def taps(framed: Any, kernel: Pair, size: Pair, stride: Pair, dilation: Pair) -> Iterator[tuple[Pair, Any]]:
    """Walk over the taps of a kernel: which one, and what it meets, as (n, rows, columns, channels)."""
    seen = windows_of(framed, kernel, size, stride, dilation)
    return (((i, j), seen[:, :, :, i, j]) for i in range(kernel[0]) for j in range(kernel[1]))


def _depthwise(x: Any, w: Any, size: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Any:
    framed = padded(x.transpose(0, 2, 3, 1), padding)
    by_tap = xp.ascontiguousarray(w[:, 0].transpose(1, 2, 0))
    y = xp.zeros((x.shape[0], *size, x.shape[1]), _promoted(x, w))
    for tap, seen in taps(framed, w.shape[2:], size, stride, dilation):
        y += seen * by_tap[tap]
    return y.transpose(0, 3, 1, 2)


def _depthwise_transpose(y: Any, w: Any, size: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Any:
    maps = xp.ascontiguousarray(y.transpose(0, 2, 3, 1))
    by_tap = xp.ascontiguousarray(w[:, 0].transpose(1, 2, 0))
    down, right = padding
    x = xp.zeros((y.shape[0], size[0] + 2 * down, size[1] + 2 * right, y.shape[1]), _promoted(y, w))
    for tap, seen in taps(x, w.shape[2:], y.shape[2:], stride, dilation):
        seen += maps * by_tap[tap]
    return without_frame(x, padding).transpose(0, 3, 1, 2)


def _depthwise_weight(x: Any, y: Any, size: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Any:
    framed = padded(x.transpose(0, 2, 3, 1), padding)
    maps = xp.ascontiguousarray(y.transpose(0, 2, 3, 1))
    w = xp.empty((x.shape[1], 1, *size), _promoted(x, y))
    for tap, seen in taps(framed, size, y.shape[2:], stride, dilation):
        w[:, 0, *tap] = xp.einsum("nrcg,nrcg->g", seen, maps)
    return w


# The three primitives


def _conv2d(x: Any, w: Any, *, size: Pair, groups: int, **settings: Pair) -> Any:
    if w.shape[:2] == (groups, 1):
        return _depthwise(x, w, size, **settings)
    outputs, _, *kernel = w.shape
    matrices = as_matrices(w, groups).transpose(0, 2, 1)
    y = xp.empty((x.shape[0], *size, groups, outputs // groups), _promoted(x, w))
    for some, rows, columns in column_pieces(x, tuple(kernel), size, groups, **settings):
        xp.matmul(columns, matrices, out=places(y[some, rows]))
    return channels_second(y)


def _conv2d_transpose(y: Any, w: Any, *, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    if w.shape[:2] == (groups, 1):
        return _depthwise_transpose(y, w, size, stride, padding, dilation)
    maps = xp.ascontiguousarray(channels_last(y, groups))
    n, rows, columns, _, outputs = maps.shape
    channels, kernel = w.shape[1], w.shape[2:]
    by_tap = as_matrices(w, groups).reshape((groups, outputs, *kernel, channels))
    down, right = padding
    x = xp.zeros((n, size[0] + 2 * down, size[1] + 2 * right, groups, channels), _promoted(y, w))
    for i, part, seen in apart(x, kernel, (rows, columns), stride, dilation):
        spread = xp.matmul(places(maps), by_tap[:, :, i, part].reshape((groups, outputs, -1)))
        seen += spread.reshape((groups, *seen.shape[:5], channels)).transpose(1, 2, 3, 4, 5, 0, 6)
    return channels_second(without_frame(x, padding))


def _conv2d_weight(x: Any, y: Any, *, size: Pair, groups: int, **settings: Pair) -> Any:
    if x.shape[1] == y.shape[1] == groups:
        return _depthwise_weight(x, y, size, **settings)
    maps = channels_last(y, groups)
    channels, outputs = x.shape[1] // groups, maps.shape[4]
    w = xp.zeros((groups, outputs, math.prod(size) * channels), _promoted(x, y))
    for some, rows, columns in column_pieces(x, size, maps.shape[1:3], groups, **settings):
        w += xp.matmul(places(xp.ascontiguousarray(maps[some, rows])).transpose(0, 2, 1), columns)
    return w.reshape((groups * outputs, *size, channels)).transpose(0, 3, 1, 2)


def _sizes(x: Any) -> Pair:
    return tuple(x.shape[2:])


conv2d: Primitive = bilinear(
    "conv2d",
    lambda g, ans, x, w, size, **settings: conv2d_transpose(g, w, size=_sizes(x), **settings),
    lambda g, ans, x, w, size, **settings: conv2d_weight(x, g, size=_sizes(w), **settings),
    forward=_conv2d,
)
conv2d_transpose: Primitive = bilinear(
    "conv2d_transpose",
    lambda g, ans, y, w, size, **settings: conv2d(g, w, size=_sizes(y), **settings),
    lambda g, ans, y, w, size, **settings: conv2d_weight(g, y, size=_sizes(w), **settings),
    forward=_conv2d_transpose,
)
conv2d_weight: Primitive = bilinear(
    "conv2d_weight",
    lambda g, ans, x, y, size, **settings: conv2d_transpose(y, g, size=_sizes(x), **settings),
    lambda g, ans, x, y, size, **settings: conv2d(x, g, size=_sizes(y), **settings),
    forward=_conv2d_weight,
)
