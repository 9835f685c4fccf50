"""The layers of a fully connected network."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy

import minigrad.numpy as np
from minigrad.nn.module import Module, Parameter
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
        for size in (inputs, outputs):
            if not isinstance(size, int) or size < 1:
                raise ValueError(f"Linear needs positive whole sizes; got {inputs!r} inputs and {outputs!r} outputs")
        rng = rng or numpy.random.default_rng(0)
        bound = 1.0 / math.sqrt(inputs)
        self.weight = Parameter(rng.uniform(-bound, bound, (outputs, inputs)).astype(dtype))
        self.bias = Parameter(rng.uniform(-bound, bound, outputs).astype(dtype)) if bias else None

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


class ReLU(Module):
    """max(x, 0), elementwise; the derivative at 0 is 0.

    Examples
    --------
    >>> import numpy
    >>> ReLU()(numpy.array([-1.0, 2.0]))
    array([0., 2.])
    """

    def forward(self, x: Any) -> Any:
        """Apply it."""
        return np.relu(np.as_array(x))


class Sequential(Module):
    """Modules applied one after the other.

    Parameters
    ----------
    *modules : Module
        In the order of application.

    Examples
    --------
    >>> Sequential(Linear(4, 3), ReLU(), Linear(3, 1))
    Sequential(
      (0): Linear(4, 3)
      (1): ReLU()
      (2): Linear(3, 1)
    )
    """

    def __init__(self, *modules: Module) -> None:
        for i, module in enumerate(modules):
            if not isinstance(module, Module):
                raise TypeError(f"Sequential takes modules; argument {i} is a {type(module).__name__}")
        self.modules = modules

    def children(self) -> Iterator[tuple[str, Module]]:
        """Walk over the modules, named by their places.

        Examples
        --------
        >>> list(Sequential(Linear(3, 2), ReLU()).children())
        [('0', Linear(3, 2)), ('1', ReLU())]
        """
        return ((str(i), module) for i, module in enumerate(self.modules))

    def forward(self, x: Any) -> Any:
        """Apply all modules in order."""
        for module in self.modules:
            x = module(x)
        return x
