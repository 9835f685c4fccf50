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

All three are matrix products over the *columns* of an image: for each place of the map, the numbers under the kernel.
Inside, the channels come last, so that a column is made of few long runs of memory. What is given back has the
channels second, as a view of such an array, so the next layer finds it as it needs it.
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
COLUMNS = {"numpy": 1 << 19}
COLUMNS_ON_A_DEVICE = 1 << 26


def windows_of(image: Any, kernel: Pair, size: Pair, stride: Pair, dilation: Pair) -> Any:
    """Show an image (n, height, width, ...) as (n, rows, columns, kernel height, kernel width, ...), without a copy."""
    n, _, _, *rest = image.shape
    over_n, down, right, *inner = image.strides
    strides = (over_n, stride[0] * down, stride[1] * right, dilation[0] * down, dilation[1] * right, *inner)
    return xp.lib.stride_tricks.as_strided(image, (n, *size, *kernel, *rest), strides)


def add_windows(image: Any, parts: Any, stride: Pair, dilation: Pair) -> None:
    """Add (n, rows, columns, kernel height, kernel width, ...) into an image where `windows_of` takes it from."""
    _, rows, columns, height, width, *_ = parts.shape
    for i in range(height):
        for j in range(width):
            down = slice(i * dilation[0], i * dilation[0] + stride[0] * (rows - 1) + 1, stride[0])
            right = slice(j * dilation[1], j * dilation[1] + stride[1] * (columns - 1) + 1, stride[1])
            image[:, down, right] += parts[:, :, :, i, j]


# Windows of an image, and adding them back


def _windows(x: Any, *, kernel: Pair, size: Pair, stride: Pair, dilation: Pair) -> Any:
    return windows_of(x, kernel, size, stride, dilation)


def _overlap_add(g: Any, *, size: Pair, stride: Pair, dilation: Pair) -> Any:
    image = xp.zeros((g.shape[0], *size, *g.shape[5:]), g.dtype)
    add_windows(image, g, stride, dilation)
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


def column_pieces(x: Any, kernel: Pair, size: Pair, settings: dict[str, Any]) -> Iterator[tuple[slice, slice, Any]]:
    """Walk over the columns of images: which samples, which rows of the map, and (groups, places, numbers) of them."""
    stride, dilation, groups = settings["stride"], settings["dilation"], settings["groups"]
    images = channels_last(x, groups)
    numbers = math.prod(kernel) * images.shape[4]
    for some in pieces(len(images), size[0] * size[1] * numbers * groups):
        framed = padded(images[some], settings["padding"])
        for rows in pieces(size[0], len(framed) * size[1] * numbers * groups):
            part = framed[:, rows.start * stride[0] :]
            seen = windows_of(part, kernel, (rows.stop - rows.start, size[1]), stride, dilation)
            yield some, rows, seen.transpose(5, 0, 1, 2, 3, 4, 6).reshape((groups, -1, numbers))


def places(y: Any) -> Any:
    """Show a piece (n, rows, columns, groups, outputs) as (groups, places, outputs)."""
    return y.reshape((-1, *y.shape[3:])).transpose(1, 0, 2)


def as_matrices(w: Any, groups: int) -> Any:
    """Write a kernel as one matrix for each group: (groups, numbers of a column, outputs)."""
    outputs, channels, height, width = w.shape
    split = w.reshape((groups, outputs // groups, channels, height, width))
    return split.transpose(0, 3, 4, 2, 1).reshape((groups, height * width * channels, outputs // groups))


def _promoted(x: Any, y: Any) -> Any:
    return numpy.promote_types(x.dtype, y.dtype)


# The three primitives


def _conv2d(x: Any, w: Any, *, size: Pair, **settings: Any) -> Any:
    groups = settings["groups"]
    outputs, _, *kernel = w.shape
    matrices = as_matrices(w, groups)
    y = xp.empty((x.shape[0], *size, groups, outputs // groups), _promoted(x, w))
    for some, rows, columns in column_pieces(x, tuple(kernel), size, settings):
        xp.matmul(columns, matrices, out=places(y[some, rows]))
    return channels_second(y)


def _conv2d_transpose(y: Any, w: Any, *, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    _, channels, *kernel = w.shape
    numbers = channels * math.prod(kernel)
    back = as_matrices(w, groups).transpose(0, 2, 1)
    maps = channels_last(y, groups)
    n, height, width = maps.shape[:3]
    x = xp.empty((n, *size, groups, channels), _promoted(y, w))
    (down, right) = padding
    for some in pieces(n, height * width * numbers * groups):
        framed = xp.zeros((some.stop - some.start, size[0] + 2 * down, size[1] + 2 * right, groups, channels), x.dtype)
        for rows in pieces(height, len(framed) * width * numbers * groups):
            columns = xp.matmul(places(xp.ascontiguousarray(maps[some, rows])), back)
            shape = (groups, len(framed), rows.stop - rows.start, width, *kernel, channels)
            add_windows(
                framed[:, rows.start * stride[0] :],
                columns.reshape(shape).transpose(1, 2, 3, 4, 5, 0, 6),
                stride,
                dilation,
            )
        x[some] = framed[:, down : down + size[0], right : right + size[1]]
    return channels_second(x)


def _conv2d_weight(x: Any, y: Any, *, size: Pair, **settings: Any) -> Any:
    groups = settings["groups"]
    maps = channels_last(y, groups)
    channels, outputs = x.shape[1] // groups, maps.shape[4]
    w = xp.zeros((groups, math.prod(size) * channels, outputs), _promoted(x, y))
    for some, rows, columns in column_pieces(x, size, maps.shape[1:3], settings):
        w += xp.matmul(columns.transpose(0, 2, 1), places(xp.ascontiguousarray(maps[some, rows])))
    split = w.reshape((groups, *size, channels, outputs)).transpose(0, 4, 3, 1, 2)
    return split.reshape((groups * outputs, channels, *size))


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
