"""Batch and layer normalisation: mean 0 and variance 1, over the batch for each channel, or over each sample."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar

from minigrad.backend import xp
from minigrad.nn.checks import check_eps, check_finite, check_sizes, floating_input
from minigrad.nn.module import Buffer, Module, Parameter
from minigrad.primitives import normalization
from minigrad.primitives.kinds import raw
from minigrad.tape import ShapeError

_frozen: ContextVar[bool] = ContextVar("minigrad_frozen_statistics", default=False)


@contextmanager
def frozen_statistics() -> Iterator[None]:
    """Leave the running statistics of all batch normalisation alone, in a ``with`` block.

    An optimizer that evaluates the network more than once in a step, such as SAM, wants one update per step.

    Examples
    --------
    >>> import numpy
    >>> layer = BatchNorm1d(2)
    >>> with frozen_statistics():
    ...     y = layer(numpy.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> layer.num_batches_tracked.item()
    0
    """
    token = _frozen.set(True)
    try:
        yield
    finally:
        _frozen.reset(token)


def normalized(x: Any, weight: Any, bias: Any, axes: tuple[int, ...], eps: float) -> tuple[Any, Any, Any]:
    """Give (x − mean) / sqrt(variance + eps) · weight + bias along axes, and the plain mean and variance.

    Parameters
    ----------
    x : array or Tensor
    weight, bias : array, Tensor or None
        They broadcast against x; None for 1 and 0.
    axes : tuple of int
        Which elements are normalised together. They stay, with size 1, in the mean and the variance.
    eps : float
        Keeps the division finite where all elements are equal.

    Examples
    --------
    >>> import numpy
    >>> y, mean, variance = normalized(numpy.array([[1.0, 3.0], [5.0, 5.0]]), None, None, axes=(1,), eps=1e-12)
    >>> y.round(6), mean.ravel(), variance.ravel()
    (array([[-1.,  1.],
           [ 0.,  0.]]), array([2., 5.]), array([1., 0.]))
    """
    mean, variance = normalization.mean_and_variance(raw(x), axes)
    known = (mean, normalization.inverse_deviation(variance, eps))
    weight, bias = (1.0 if weight is None else weight), (0.0 if bias is None else bias)
    return normalization.normalize(x, weight, bias, axes=axes, eps=eps, known=known), mean, variance


def precise_input(layer: str, x: Any) -> Any:
    """Give the input of a layer as an array or Tensor, and refuse numbers whose sum of squares would overflow.

    Raises
    ------
    TypeError
        For whole numbers and for half precision.

    Examples
    --------
    >>> precise_input("LayerNorm", [0.5, 1.5])
    array([0.5, 1.5])
    """
    x = floating_input(layer, x)
    if x.dtype == "float16":
        raise TypeError(
            f"{layer} needs float32 or float64, because sums of squares soon overflow in float16. "
            "Convert: x.astype('float32')"
        )
    return x


class _BatchNorm(Module):
    """Each channel is normalised over the batch and over its places, if it has any."""

    inputs: ClassVar[dict[int, str]]  # for each number of axes that an input may have, what they are
    running_mean: Any  # these three are a Buffer, or None where no statistics are kept
    running_var: Any
    num_batches_tracked: Any

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: Any = "float32",
    ) -> None:
        name = type(self).__name__
        (self.num_features,) = check_sizes(name, num_features=num_features)
        self.eps = check_eps(name, eps)
        self.momentum = None if momentum is None else check_finite(name, "momentum", momentum)
        if self.momentum is not None and not 0 <= self.momentum <= 1:
            raise ValueError(f"{name} needs a momentum from 0 to 1, or None for the plain average; got {momentum!r}")
        shape = (self.num_features,)
        self.weight = Parameter(xp.ones(shape, dtype)) if affine else None
        self.bias = Parameter(xp.zeros(shape, dtype)) if affine else None
        self.running_mean = Buffer(xp.zeros(shape, dtype)) if track_running_stats else None
        self.running_var = Buffer(xp.ones(shape, dtype)) if track_running_stats else None
        self.num_batches_tracked = Buffer(xp.zeros((), "int64")) if track_running_stats else None

    def forward(self, x: Any) -> Any:
        """Normalise by the statistics of the batch, in training, or by the running ones, in evaluation."""
        x = self._checked(x)
        column = (self.num_features,) + (1,) * (x.ndim - 2)  # broadcasts against x along the channels
        weight = None if self.weight is None else self.weight.reshape(column)
        bias = None if self.bias is None else self.bias.reshape(column)
        if not self.training and self.running_mean is not None:
            return self._by_running_statistics(x, weight, bias, column)
        axes = (0, *range(2, x.ndim))
        count = normalization.count(x.shape, axes)
        if count < 2:
            raise ShapeError(
                f"{type(self).__name__} needs more than one value per channel in training; got an input of shape "
                f"{tuple(x.shape)}. Use larger batches, or eval() outside of training"
            )
        out, mean, variance = normalized(x, weight, bias, axes, self.eps)
        if self.running_mean is not None and not _frozen.get():
            self._remember(mean, variance * (count / (count - 1)))
        return out

    def _checked(self, x: Any) -> Any:
        x = precise_input(type(self).__name__, x)
        if x.ndim not in self.inputs or x.shape[1] != self.num_features:
            expected = " or ".join(text.format(c=self.num_features) for text in self.inputs.values())
            raise ShapeError(f"{type(self).__name__} needs an input of shape {expected}; got {tuple(x.shape)}")
        return x

    def _by_running_statistics(self, x: Any, weight: Any, bias: Any, column: tuple[int, ...]) -> Any:
        dtype = normalization.joint_dtype(x, weight)
        mean = self.running_mean.data.reshape(column).astype(dtype)
        scale = normalization.inverse_deviation(self.running_var.data, self.eps).reshape(column).astype(dtype)
        out = (x - mean) * (scale if weight is None else scale * weight)
        return out if bias is None else out + bias

    def _remember(self, mean: Any, variance: Any) -> None:
        self.num_batches_tracked.data += 1
        share = 1.0 / self.num_batches_tracked.data if self.momentum is None else self.momentum
        for running, new in ((self.running_mean, mean), (self.running_var, variance)):
            running.data += share * (new.reshape(-1) - running.data)

    def extra_repr(self) -> str:
        """Say the number of channels, and what differs from the usual."""
        plain = "" if self.weight is not None else ", affine=False"
        untracked = "" if self.running_mean is not None else ", track_running_stats=False"
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}{plain}{untracked}"


class BatchNorm1d(_BatchNorm):
    """Normalise each channel over the batch: (x − mean) / sqrt(variance + eps) · weight + bias.

    In training the mean and the variance are those of the batch, and each call moves the running ones towards them by
    the share `momentum`, the variance in its unbiased form. In evaluation the running ones are used. No derivative
    flows through the running statistics.

    Parameters
    ----------
    num_features : int
        The number of channels c, of inputs of shape (n, c) or (n, c, l).
    eps : float
        Keeps the division finite.
    momentum : float or None
        None averages all batches with equal weight.
    affine : bool
        Whether there are a weight and a bias to learn.
    track_running_stats : bool
        With False the statistics are those of the batch in evaluation, too.
    dtype : dtype
        Of parameters and running statistics.

    Attributes
    ----------
    weight, bias : Parameter or None
        Of shape (c,).
    running_mean, running_var, num_batches_tracked : Buffer or None
        The statistics, and the number of batches that went into them.

    Raises
    ------
    ShapeError
        When called, if the input has another shape, or in training one value per channel.

    References
    ----------
    Ioffe, S. and Szegedy, C. (2015). Batch Normalization: Accelerating Deep Network Training by Reducing Internal
    Covariate Shift. ICML.

    Examples
    --------
    >>> import numpy
    >>> layer = BatchNorm1d(1, dtype="float64")
    >>> layer(numpy.array([[1.0], [3.0]])).numpy().round(3).ravel()
    array([-1.,  1.])
    >>> layer.running_mean.item(), layer.running_var.item()
    (0.2, 1.1)
    """

    inputs: ClassVar = {2: "(n, {c})", 3: "(n, {c}, l)"}


class BatchNorm2d(_BatchNorm):
    """Normalise each channel of images over the batch and all places; see `BatchNorm1d`.

    Parameters
    ----------
    num_features : int
        The number of channels c, of inputs of shape (n, c, h, w).
    eps, momentum, affine, track_running_stats, dtype
        As for `BatchNorm1d`.

    Examples
    --------
    >>> import numpy
    >>> BatchNorm2d(3)(numpy.zeros((8, 3, 4, 4), "float32")).shape
    (8, 3, 4, 4)
    """

    inputs: ClassVar = {4: "(n, {c}, h, w)"}


class LayerNorm(Module):
    """Normalise each sample over its last axes: (x − mean) / sqrt(variance + eps) · weight + bias.

    Parameters
    ----------
    normalized_shape : int, or tuple or list of int
        The sizes of these axes.
    eps : float
        Keeps the division finite.
    elementwise_affine : bool
        Whether there is a weight to learn.
    bias : bool
        Whether there is a bias, too.
    dtype : dtype
        Of the parameters.

    Attributes
    ----------
    weight, bias : Parameter or None
        Of shape `normalized_shape`.

    Raises
    ------
    ShapeError
        When called, if the last sizes of the input are others.

    References
    ----------
    Ba, J. L., Kiros, J. R. and Hinton, G. E. (2016). Layer Normalization. arXiv:1607.06450.

    Examples
    --------
    >>> import numpy
    >>> LayerNorm(2)(numpy.array([[1.0, 3.0], [10.0, 30.0]])).numpy().round(3)
    array([[-1.,  1.],
           [-1.,  1.]])
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...] | list[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: Any = "float32",
    ) -> None:
        sizes = normalized_shape if isinstance(normalized_shape, tuple | list) else (normalized_shape,)
        shape = tuple(check_sizes("LayerNorm", normalized_shape=size)[0] for size in sizes or (0,))
        self.normalized_shape = shape
        self.eps = check_eps("LayerNorm", eps)
        self.weight = Parameter(xp.ones(shape, dtype)) if elementwise_affine else None
        self.bias = Parameter(xp.zeros(shape, dtype)) if elementwise_affine and bias else None

    def forward(self, x: Any) -> Any:
        """Normalise each sample."""
        x = precise_input("LayerNorm", x)
        first = x.ndim - len(self.normalized_shape)
        if first < 0 or tuple(x.shape[first:]) != self.normalized_shape:
            raise ShapeError(f"{self!r} needs an input with these last sizes; got {tuple(x.shape)}")
        return normalized(x, self.weight, self.bias, tuple(range(first, x.ndim)), self.eps)[0]

    def extra_repr(self) -> str:
        """Say the shape, and what differs from the usual.

        Examples
        --------
        >>> LayerNorm(4).extra_repr(), LayerNorm((2, 3), bias=False).extra_repr()
        ('(4,), eps=1e-05', '(2, 3), eps=1e-05, bias=False')
        """
        plain = ", elementwise_affine=False" if self.weight is None else ", bias=False" if self.bias is None else ""
        return f"{self.normalized_shape}, eps={self.eps}{plain}"
