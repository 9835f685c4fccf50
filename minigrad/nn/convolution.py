"""Convolution layers: the three primitives of `minigrad.primitives.convolution` with weights."""

from __future__ import annotations

import math
from typing import Any

import numpy

import minigrad.numpy as np
from minigrad.checks import is_whole
from minigrad.nn import init
from minigrad.nn.checks import check_sizes
from minigrad.nn.module import Module
from minigrad.primitives import convolution
from minigrad.tape import ShapeError

Size = int | tuple[int, int]


def conv2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Any:
    """Slide kernels over images: y[n, o, p] = b[o] + Σ w[o, c, k] · x[n, c, stride · p + dilation · k − padding].

    Parameters
    ----------
    x : array or Tensor, shape (n, channels, height, width)
        Taken as zero outside of its frame.
    weight : array or Tensor, shape (outputs, channels / groups, kernel height, kernel width)
    bias : array or Tensor, shape (outputs,), optional
    stride, padding, dilation : int or pair of int
        The step between places, the width of the frame of zeros, and the step between the numbers under the kernel;
        one number stands for both directions.
    groups : int
        Parts into which channels and outputs fall; each part of the outputs sees its part of the channels.

    Returns
    -------
    array or Tensor, shape (n, outputs, rows, columns)
        With (height + 2 padding − dilation (kernel height − 1) − 1) // stride + 1 rows, and columns likewise.

    Raises
    ------
    ShapeError
        If the shapes do not fit each other, or the kernel is larger than the framed image.
    ValueError
        If a setting is out of range.

    References
    ----------
    Dumoulin, V. and Visin, F. (2016). A guide to convolution arithmetic for deep learning. arXiv:1603.07285.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)))
    array([[[[4., 4.],
             [4., 4.]]]])
    """
    x, weight = np.as_array(x), np.as_array(weight)
    settings = settings_of(stride, padding, dilation, groups)
    _check_shapes("conv2d", x, weight, weight.shape[1] * groups if weight.ndim == 4 else 0, groups)
    size = rows_and_columns(tuple(x.shape[2:]), tuple(weight.shape[2:]), **settings)
    if min(size) < 1:
        raise ShapeError(
            f"conv2d: a kernel of {tuple(weight.shape[2:])} with dilation {settings['dilation']} is larger than an "
            f"image of {tuple(x.shape[2:])} with padding {settings['padding']}"
        )
    return _with_bias(convolution.conv2d(x, weight, size=size, groups=groups, **settings), bias)


def conv_transpose2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Any:
    """Apply the adjoint of `conv2d`: every number of a map spreads a copy of its kernel over the image.

    With the same weight and settings, ⟨conv2d(u), x⟩ = ⟨u, conv_transpose2d(x)⟩ for all u and x.

    Parameters
    ----------
    x : array or Tensor, shape (n, inputs, rows, columns)
    weight : array or Tensor, shape (inputs, outputs / groups, kernel height, kernel width)
    bias : array or Tensor, shape (outputs,), optional
    stride, padding, dilation : int or pair of int
        Those of the convolution whose adjoint this is.
    output_padding : int or pair of int
        Rows and columns more than the smallest image that such a convolution maps to this size; less than the stride
        or the dilation.
    groups : int
        As in `conv2d`.

    Returns
    -------
    array or Tensor, shape (n, outputs, height, width)
        With (rows − 1) stride − 2 padding + dilation (kernel height − 1) + output_padding + 1 rows.

    Raises
    ------
    ShapeError
        If the shapes do not fit each other, or nothing would be left of the image.
    ValueError
        If a setting is out of range.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> conv_transpose2d(np.ones((1, 1, 2, 2)), np.ones((1, 1, 2, 2)))
    array([[[[1., 2., 1.],
             [2., 4., 2.],
             [1., 2., 1.]]]])
    """
    x, weight = np.as_array(x), np.as_array(weight)
    settings = settings_of(stride, padding, dilation, groups)
    more = pair("output_padding", output_padding, least=0)
    _check_shapes("conv_transpose2d", x, weight, weight.shape[0] if weight.ndim else 0, groups)
    if not all(x.shape[2:]):
        raise ShapeError(f"conv_transpose2d needs a map of one row and column or more; got {tuple(x.shape)}")
    for extra, step, gap in zip(more, settings["stride"], settings["dilation"], strict=True):
        if extra >= max(step, gap):
            raise ValueError(
                f"output_padding must be less than the stride or the dilation; got {more} with stride "
                f"{settings['stride']} and dilation {settings['dilation']}"
            )
    size = tuple(
        (places - 1) * step - 2 * frame + gap * (kernel - 1) + extra + 1
        for places, kernel, step, frame, gap, extra in zip(
            x.shape[2:],
            weight.shape[2:],
            *(settings[key] for key in ("stride", "padding", "dilation")),
            more,
            strict=True,
        )
    )
    if min(size) < 1:
        raise ShapeError(
            f"conv_transpose2d: padding {settings['padding']} leaves nothing of the image that a map of "
            f"{tuple(x.shape[2:])} spreads to"
        )
    return _with_bias(convolution.conv2d_transpose(x, weight, size=size, groups=groups, **settings), bias)


def pair(name: str, value: Any, least: int) -> tuple[int, int]:
    """Give a setting for both directions as a pair of whole numbers.

    Examples
    --------
    >>> pair("stride", 2, least=1)
    (2, 2)
    """
    both = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(both) != 2 or not all(is_whole(n) and n >= least for n in both):
        raise ValueError(f"{name} must be a whole number of at least {least}, or a pair of them; got {value!r}")
    return int(both[0]), int(both[1])


def settings_of(stride: Size, padding: Size, dilation: Size, groups: int) -> dict[str, Any]:
    """Check the settings of a convolution and give those that have a direction as pairs.

    Examples
    --------
    >>> settings_of(2, 1, 1, groups=1)
    {'stride': (2, 2), 'padding': (1, 1), 'dilation': (1, 1)}
    """
    check_sizes("a convolution", groups=groups)
    return {
        "stride": pair("stride", stride, least=1),
        "padding": pair("padding", padding, least=0),
        "dilation": pair("dilation", dilation, least=1),
    }


def rows_and_columns(
    image: tuple[int, ...], kernel: tuple[int, ...], stride: Size, padding: Size, dilation: Size
) -> tuple[int, int]:
    """Count the places of a kernel on a framed image.

    Examples
    --------
    >>> rows_and_columns((5, 6), (3, 3), (2, 2), (0, 0), (1, 1))
    (2, 2)
    """
    rows, columns = (
        (n + 2 * frame - gap * (k - 1) - 1) // step + 1
        for n, k, step, frame, gap in zip(image, kernel, stride, padding, dilation, strict=True)  # type: ignore[arg-type]
    )
    return rows, columns


def _check_shapes(name: str, x: Any, weight: Any, channels: int, groups: int) -> None:
    if x.ndim != 4 or weight.ndim != 4:
        raise ShapeError(
            f"{name} needs x of shape (n, channels, height, width) and a weight of four axes; "
            f"got {tuple(x.shape)} and {tuple(weight.shape)}"
        )
    if not all(weight.shape):
        raise ShapeError(f"{name}: a weight of shape {tuple(weight.shape)} has nothing in it")
    if x.shape[1] != channels:
        raise ShapeError(
            f"{name}: a weight of shape {tuple(weight.shape)} with {groups} group{'s'[: groups > 1]} needs x with "
            f"{channels} channels; got x of shape {tuple(x.shape)}"
        )
    if weight.shape[0] % groups:
        raise ShapeError(f"{name}: {groups} groups do not divide a weight of shape {tuple(weight.shape)}")


def _with_bias(y: Any, bias: Any) -> Any:
    if bias is None:
        return y
    bias = np.as_array(bias)
    if tuple(bias.shape) != (y.shape[1],):
        raise ShapeError(
            f"the bias of a convolution to {y.shape[1]} channels has shape ({y.shape[1]},); got {tuple(bias.shape)}"
        )
    return y + bias.reshape((-1, 1, 1))


class Conv2d(Module):
    """Convolution layer; see `conv2d` for the formula.

    The first weights and biases are uniform on ±1/sqrt(channels · kernel height · kernel width / groups).

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, padding, dilation : int or pair of int
    groups : int
        Must divide both numbers of channels.
    bias : bool
        Whether there is one.
    rng : numpy.random.Generator, optional
        Draws the first weights. Without it they are those of ``numpy.random.default_rng(0)``.
    dtype : dtype
        Of weight and bias.

    Attributes
    ----------
    weight : Parameter
        Of shape (out_channels, in_channels / groups, kernel height, kernel width).
    bias : Parameter or None
        Of shape (out_channels,).

    Examples
    --------
    >>> import numpy
    >>> Conv2d(3, 8, 4, stride=2, padding=1)(numpy.ones((5, 3, 16, 16), "float32")).shape
    (5, 8, 8, 8)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        rng: numpy.random.Generator | None = None,
        dtype: Any = "float32",
    ) -> None:
        self._begin(in_channels, out_channels, kernel_size, (stride, padding, dilation), groups)
        inputs, outputs = self.channels
        self._draw((outputs, inputs // self.groups), bias, rng, dtype)

    def _begin(
        self, in_channels: int, out_channels: int, kernel_size: Size, directed: tuple[Size, Size, Size], groups: int
    ) -> None:
        name = type(self).__name__
        sizes = check_sizes(name, in_channels=in_channels, out_channels=out_channels, groups=groups)
        inputs, outputs, self.groups = sizes
        if inputs % self.groups or outputs % self.groups:
            raise ValueError(f"{name}: {groups} groups do not divide {inputs} channels into {outputs}")
        self.channels = inputs, outputs
        self.kernel_size = pair("kernel_size", kernel_size, least=1)
        self.stride, self.padding, self.dilation = settings_of(*directed, groups).values()

    def _draw(self, shape: tuple[int, int], bias: bool, rng: numpy.random.Generator | None, dtype: Any) -> None:
        bound, rng = 1.0 / math.sqrt(shape[1] * math.prod(self.kernel_size)), init.generator(rng)
        self.weight = init.drawn((*shape, *self.kernel_size), bound, rng, dtype)
        self.bias = init.drawn((self.channels[1],), bound, rng, dtype) if bias else None

    def forward(self, x: Any) -> Any:
        """Apply the layer."""
        return self.convolve(x, self.weight, self.bias)

    def convolve(self, x: Any, weight: Any, bias: Any = None) -> Any:
        """Apply the layer with another weight, and with another bias or none.

        Examples
        --------
        >>> import numpy
        >>> Conv2d(1, 1, 2).convolve(numpy.ones((1, 1, 2, 2)), numpy.ones((1, 1, 2, 2)))
        array([[[[4.]]]])
        """
        return conv2d(x, weight, bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        """Say the sizes, and the settings that are not the usual ones.

        Examples
        --------
        >>> Conv2d(3, 8, 4, stride=2).extra_repr()
        '3, 8, kernel_size=(4, 4), stride=(2, 2)'
        """
        usual = {"stride": (1, 1), "padding": (0, 0), "output_padding": (0, 0), "dilation": (1, 1), "groups": 1}
        own = {name: vars(self)[name] for name in usual if name in vars(self)}
        parts = [f"{name}={value}" for name, value in own.items() if value != usual[name]]
        parts += [] if self.bias is not None else ["bias=False"]
        return ", ".join([*map(str, self.channels), f"kernel_size={self.kernel_size}", *parts])


class ConvTranspose2d(Conv2d):
    """Transposed convolution layer, the adjoint of a convolution; see `conv_transpose2d` for the formula.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, padding, output_padding : int or pair of int
    groups : int
        Must divide both numbers of channels.
    bias : bool
        Whether there is one.
    dilation : int or pair of int
    rng : numpy.random.Generator, optional
        Draws the first weights. Without it they are those of ``numpy.random.default_rng(0)``.
    dtype : dtype
        Of weight and bias.

    Attributes
    ----------
    weight : Parameter
        Of shape (in_channels, out_channels / groups, kernel height, kernel width).
    bias : Parameter or None
        Of shape (out_channels,).

    Examples
    --------
    >>> import numpy
    >>> ConvTranspose2d(8, 3, 4, stride=2, padding=1)(numpy.ones((5, 8, 8, 8), "float32")).shape
    (5, 3, 16, 16)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        *,
        rng: numpy.random.Generator | None = None,
        dtype: Any = "float32",
    ) -> None:
        self._begin(in_channels, out_channels, kernel_size, (stride, padding, dilation), groups)
        self.output_padding = pair("output_padding", output_padding, least=0)
        inputs, outputs = self.channels
        self._draw((inputs, outputs // self.groups), bias, rng, dtype)

    def convolve(self, x: Any, weight: Any, bias: Any = None) -> Any:
        """Apply the layer with another weight, and with another bias or none.

        Examples
        --------
        >>> import numpy
        >>> ConvTranspose2d(1, 1, 2).convolve(numpy.ones((1, 1, 1, 1)), numpy.ones((1, 1, 2, 2)))
        array([[[[1., 1.],
                 [1., 1.]]]])
        """
        return conv_transpose2d(
            x, weight, bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation
        )
