"""The fully connected layer."""

from __future__ import annotations

import math
from typing import Any

import numpy

import minigrad.numpy as np
from minigrad.nn import init
from minigrad.nn.checks import check_sizes
from minigrad.nn.module import Module
from minigrad.primitives.general import affine
from minigrad.tape import ShapeError


class Linear(Module):
    """Fully connected layer: x Wᵀ + b.

    The first weights and biases are uniform on ±1/sqrt(in_features).

    Parameters
    ----------
    in_features, out_features : int
        Sizes of the last axis before and after.
    bias : bool
        Whether there is a b.
    rng : numpy.random.Generator, optional
        Draws the first weights. Without it they are those of ``numpy.random.default_rng(0)``.
    dtype : dtype
        Of weight and bias.

    Attributes
    ----------
    weight : Parameter
        W, of shape (out_features, in_features).
    bias : Parameter or None
        b, of shape (out_features,).

    Examples
    --------
    >>> import numpy
    >>> Linear(3, 2, rng=numpy.random.default_rng(1))(numpy.ones((5, 3), "float32")).shape
    (5, 2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rng: numpy.random.Generator | None = None,
        dtype: Any = "float32",
    ) -> None:
        columns, rows = check_sizes("Linear", in_features=in_features, out_features=out_features)
        bound, rng = 1.0 / math.sqrt(columns), init.generator(rng)
        self.weight = init.drawn((rows, columns), bound, rng, dtype)
        self.bias = init.drawn((rows,), bound, rng, dtype) if bias else None

    def forward(self, x: Any) -> Any:
        """Apply the layer to the last axis of x."""
        x = np.as_array(x)
        outputs, inputs = self.weight.shape
        if not x.ndim or x.shape[-1] != inputs:
            raise ShapeError(f"Linear({inputs}, {outputs}) needs {inputs} as the last size of its input; got {x.shape}")
        return project(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Say the sizes.

        Examples
        --------
        >>> Linear(3, 2, bias=False).extra_repr()
        '3, 2, bias=False'
        """
        outputs, inputs = self.weight.shape
        return f"{inputs}, {outputs}{'' if self.bias is not None else ', bias=False'}"


def project(x: Any, weight: Any, bias: Any) -> Any:
    """Give x Wᵀ + b, or x Wᵀ where there is no b.

    Examples
    --------
    >>> import numpy
    >>> project(numpy.array([1.0, 2.0]), numpy.array([[3.0, 4.0]]), None)
    array([11.])
    """
    return np.matmul(x, weight.T) if bias is None else affine(x, weight, bias)
