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

    The first weights and biases are uniform on ±1/sqrt(inputs).

    Parameters
    ----------
    inputs, outputs : int
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
        W, of shape (outputs, inputs).
    bias : Parameter or None
        b, of shape (outputs,).

    Examples
    --------
    >>> import numpy
    >>> Linear(3, 2, rng=numpy.random.default_rng(1))(numpy.ones((5, 3), "float32")).shape
    (5, 2)
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        bias: bool = True,
        *,
        rng: numpy.random.Generator | None = None,
        dtype: Any = "float32",
    ) -> None:
        check_sizes("Linear", inputs=inputs, outputs=outputs)
        bound, rng = 1.0 / math.sqrt(inputs), init.generator(rng)
        self.weight = init.drawn((outputs, inputs), bound, rng, dtype)
        self.bias = init.drawn((outputs,), bound, rng, dtype) if bias else None

    def forward(self, x: Any) -> Any:
        """Apply the layer to the last axis of x."""
        x = np.as_array(x)
        outputs, inputs = self.weight.shape
        if not x.ndim or x.shape[-1] != inputs:
            raise ShapeError(f"Linear({inputs}, {outputs}) needs {inputs} as the last size of its input; got {x.shape}")
        return np.matmul(x, self.weight.T) if self.bias is None else affine(x, self.weight, self.bias)

    def settings(self) -> str:
        """Say the sizes.

        Examples
        --------
        >>> Linear(3, 2, bias=False).settings()
        '3, 2, bias=False'
        """
        outputs, inputs = self.weight.shape
        return f"{inputs}, {outputs}{'' if self.bias is not None else ', bias=False'}"
