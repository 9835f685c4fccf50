"""Layers that compute nothing: they change the shape, or nothing at all."""

from __future__ import annotations

import math
from typing import Any

import minigrad.numpy as np
from minigrad.checks import is_whole
from minigrad.nn.module import Module
from minigrad.primitives.linear import axes_of
from minigrad.tape import ShapeError


class Flatten(Module):
    """Make one axis of several: by default, each sample becomes a vector.

    Parameters
    ----------
    start_dim, end_dim : int
        The first and the last of the axes that become one; negative numbers count from the end.

    Raises
    ------
    ValueError
        If an axis is not a whole number.
    ShapeError
        When called, if the input does not have these axes, or the last one comes before the first.

    Examples
    --------
    >>> import numpy
    >>> Flatten()(numpy.zeros((8, 3, 4, 4))).shape
    (8, 48)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        for name, axis in (("start_dim", start_dim), ("end_dim", end_dim)):
            if not is_whole(axis):
                raise ValueError(f"Flatten needs a whole number as {name}; got {axis!r}")
        self.start_dim = int(start_dim)
        self.end_dim = int(end_dim)

    def forward(self, x: Any) -> Any:
        """Change the shape."""
        x = np.as_array(x)
        shape = tuple(x.shape)
        try:
            first, last = axes_of((self.start_dim, self.end_dim), len(shape))
        except ValueError as error:
            raise ShapeError(f"{self!r} of an input of shape {shape}: {error}") from None
        if first > last:
            raise ShapeError(f"{self!r} of an input of shape {shape}: axis {last} comes before axis {first}")
        return np.reshape(x, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))

    def extra_repr(self) -> str:
        """Say which axes become one.

        Examples
        --------
        >>> Flatten().extra_repr()
        'start_dim=1, end_dim=-1'
        """
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Identity(Module):
    """Give the input as it is, where a network can be built with a layer or without.

    Examples
    --------
    >>> import numpy
    >>> Identity()(numpy.array([1.0, 2.0]))
    array([1., 2.])
    """

    def forward(self, x: Any) -> Any:
        """Give it back."""
        return np.as_array(x)
