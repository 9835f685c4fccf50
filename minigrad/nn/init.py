"""How parameters begin: each function fills a tensor in place with draws from the generator that it is given.

The variance keeps the size of what flows through a layer: with *fan in* inputs to each output, and *fan out* outputs
from each input, Kaiming's rule keeps it forwards, and Xavier's is a compromise of both directions.
"""

from __future__ import annotations

import math
from typing import Any

import numpy

from minigrad.backend import current
from minigrad.checks import check_generator
from minigrad.nn.module import Parameter
from minigrad.tape import ShapeError, changed_in_place
from minigrad.tensor import Tensor


def generator(rng: numpy.random.Generator | None) -> numpy.random.Generator:
    """Give the generator, or for None the one that layers begin with: ``numpy.random.default_rng(0)``.

    Examples
    --------
    >>> bool(generator(None).random() == numpy.random.default_rng(0).random())
    True
    """
    return numpy.random.default_rng(0) if rng is None else check_generator(rng)


def shape_of(tensor: Tensor) -> tuple[int, ...]:
    """Give the shape of a tensor that can be filled: a leaf of floating-point numbers.

    Raises
    ------
    TypeError
        For an array, for whole numbers, and for what an operation has computed, which nothing would be left of.

    Examples
    --------
    >>> shape_of(Tensor([1.0, 2.0]))
    (2,)
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"only a Tensor can be filled, such as a Parameter; got a {type(tensor).__name__}")
    if tensor.primitive is not None:
        raise TypeError(
            f"this tensor is the result of {tensor.primitive.name}, and filling it would change no parameter. "
            "Fill the parameter that it was computed from"
        )
    if tensor.dtype.kind != "f":
        raise TypeError(f"random numbers need a tensor of floating-point numbers; got {tensor.dtype}")
    return tuple(tensor.shape)


def fans(tensor: Tensor) -> tuple[int, int]:
    """Count the inputs to each output of a layer, and the outputs from each input, by its weight.

    Parameters
    ----------
    tensor : Tensor, shape (outputs, inputs, ...)
        Further axes are those of a convolution's kernel.

    Examples
    --------
    >>> fans(Tensor(numpy.zeros((8, 3, 5, 5))))
    (75, 200)
    """
    shape = shape_of(tensor)
    if len(shape) < 2 or not all(shape):
        raise ShapeError(f"fan in and fan out need a weight of two axes or more, none of size 0; got shape {shape}")
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def fill(tensor: Tensor, values: numpy.ndarray | float) -> Tensor:
    """Overwrite a tensor in place by values of the host, and give it back.

    Examples
    --------
    >>> fill(Tensor([1.0, 2.0]), 0.5)
    tensor([0.5, 0.5])
    """
    shape_of(tensor)
    tensor.data[...] = current().asarray(values, dtype=tensor.dtype)
    changed_in_place(tensor)
    return tensor


def uniform_(
    tensor: Tensor, low: float = -1.0, high: float = 1.0, *, rng: numpy.random.Generator | None = None
) -> Tensor:
    """Draw uniformly from low to high.

    Examples
    --------
    >>> bool(abs(uniform_(Tensor(numpy.zeros(100)), -0.5, 0.5).numpy()).max() <= 0.5)
    True
    """
    return fill(tensor, generator(rng).uniform(low, high, shape_of(tensor)))


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, *, rng: numpy.random.Generator | None = None
) -> Tensor:
    """Draw from the normal distribution; DCGAN uses std 0.02.

    Examples
    --------
    >>> normal_(Tensor(numpy.zeros(3)), std=0.0)
    tensor([0., 0., 0.])
    """
    return fill(tensor, generator(rng).normal(mean, std, shape_of(tensor)))


def kaiming_uniform_(
    tensor: Tensor, gain: float = math.sqrt(2.0), *, rng: numpy.random.Generator | None = None
) -> Tensor:
    """Draw uniformly with standard deviation gain / sqrt(fan in).

    Parameters
    ----------
    tensor : Tensor, shape (outputs, inputs, ...)
    gain : float
        sqrt(2) for ReLU, 1 for a linear layer.

    References
    ----------
    He, K. et al. (2015). Delving Deep into Rectifiers. ICCV.

    Examples
    --------
    >>> bool(abs(kaiming_uniform_(Tensor(numpy.zeros((2, 6)))).numpy()).max() <= 1.0)
    True
    """
    bound = gain * math.sqrt(3.0 / fans(tensor)[0])
    return uniform_(tensor, -bound, bound, rng=rng)


def kaiming_normal_(
    tensor: Tensor, gain: float = math.sqrt(2.0), *, rng: numpy.random.Generator | None = None
) -> Tensor:
    """Draw from the normal distribution with standard deviation gain / sqrt(fan in).

    Parameters
    ----------
    tensor : Tensor, shape (outputs, inputs, ...)
    gain : float
        sqrt(2) for ReLU, 1 for a linear layer.

    References
    ----------
    He, K. et al. (2015). Delving Deep into Rectifiers. ICCV.

    Examples
    --------
    >>> kaiming_normal_(Tensor(numpy.zeros((2, 6))), gain=0.0).sum().item()
    0.0
    """
    return normal_(tensor, std=gain / math.sqrt(fans(tensor)[0]), rng=rng)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, *, rng: numpy.random.Generator | None = None) -> Tensor:
    """Draw uniformly with standard deviation gain · sqrt(2 / (fan in + fan out)).

    References
    ----------
    Glorot, X. and Bengio, Y. (2010). Understanding the difficulty of training deep feedforward networks. AISTATS.

    Examples
    --------
    >>> bool(abs(xavier_uniform_(Tensor(numpy.zeros((3, 3)))).numpy()).max() <= 1.0)
    True
    """
    bound = gain * math.sqrt(6.0 / sum(fans(tensor)))
    return uniform_(tensor, -bound, bound, rng=rng)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, *, rng: numpy.random.Generator | None = None) -> Tensor:
    """Draw from the normal distribution with standard deviation gain · sqrt(2 / (fan in + fan out)).

    References
    ----------
    Glorot, X. and Bengio, Y. (2010). Understanding the difficulty of training deep feedforward networks. AISTATS.

    Examples
    --------
    >>> xavier_normal_(Tensor(numpy.zeros((3, 3))), gain=0.0).sum().item()
    0.0
    """
    return normal_(tensor, std=gain * math.sqrt(2.0 / sum(fans(tensor))), rng=rng)


def orthogonal_(tensor: Tensor, gain: float = 1.0, *, rng: numpy.random.Generator | None = None) -> Tensor:
    """Draw a matrix with orthonormal rows, or columns if there are fewer of them, uniformly, and multiply it by gain.

    Axes after the first count as one.

    References
    ----------
    Saxe, A. et al. (2014). Exact solutions to the nonlinear dynamics of learning in deep linear neural networks. ICLR.

    Examples
    --------
    >>> w = orthogonal_(Tensor(numpy.zeros((2, 5)))).numpy()
    >>> bool(abs(w @ w.T - numpy.eye(2)).max() < 1e-12)
    True
    """
    shape = shape_of(tensor)
    if len(shape) < 2:
        raise ShapeError(f"an orthogonal matrix needs two axes or more; got shape {shape}")
    rows, columns = shape[0], math.prod(shape[1:])
    drawn = generator(rng).standard_normal((max(rows, columns), min(rows, columns)))
    q, r = numpy.linalg.qr(drawn)
    q *= numpy.sign(numpy.diagonal(r))  # without the signs, LAPACK's convention would favour some matrices
    return fill(tensor, gain * (q if rows >= columns else q.T).reshape(shape))


def drawn(shape: tuple[int, ...], bound: float, rng: numpy.random.Generator, dtype: Any) -> Parameter:
    """Make a parameter whose first values are uniform on ±bound.

    Examples
    --------
    >>> drawn((2, 3), 0.0, numpy.random.default_rng(0), "float32").shape
    (2, 3)
    """
    return Parameter(rng.uniform(-bound, bound, shape).astype(dtype))
