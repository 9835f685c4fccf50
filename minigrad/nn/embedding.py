"""A table of vectors, one for each whole number."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy

import minigrad.numpy as np
from minigrad.checks import require
from minigrad.nn import init
from minigrad.nn.checks import check_sizes
from minigrad.nn.module import Module, Parameter
from minigrad.primitives.kinds import raw


class Embedding(Module):
    """Look up the vector of each index: row i of the weight for index i.

    The first vectors are drawn from the standard normal distribution. The gradient of a row is the sum over all places
    where its index stands.

    Parameters
    ----------
    num_embeddings : int
        How many vectors there are; indices go from 0 to this minus 1.
    embedding_dim : int
        The size of each.
    rng : numpy.random.Generator, optional
        Draws the first vectors. Without it they are those of ``numpy.random.default_rng(0)``.
    dtype : dtype
        Of the vectors.

    Attributes
    ----------
    weight : Parameter
        The vectors, of shape (num_embeddings, embedding_dim).

    Raises
    ------
    TypeError
        When called, if the indices are not whole numbers.
    IndexError
        When called, if an index is negative, or too large.

    Examples
    --------
    >>> Embedding(10, 3)(numpy.array([[1, 5, 5, 0]])).shape
    (1, 4, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        *,
        rng: numpy.random.Generator | None = None,
        dtype: Any = "float32",
    ) -> None:
        shape = check_sizes("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        drawn = init.generator(rng).standard_normal(shape)
        self.weight = Parameter(drawn.astype(dtype))

    def forward(self, indices: Any) -> Any:
        """Look up the vectors of an array of indices, of any shape; they stand along a new last axis."""
        indices = np.as_array(raw(indices))
        if indices.dtype.kind not in "iu":
            raise TypeError(f"Embedding needs whole numbers as indices; got {indices.dtype}")
        size = self.weight.shape[0]
        require(((indices >= 0) & (indices < size)).all(), partial(_without_vector, size), indices)
        return self.weight[indices]

    def extra_repr(self) -> str:
        """Say the sizes.

        Examples
        --------
        >>> Embedding(10, 3).extra_repr()
        '10, 3'
        """
        return "{}, {}".format(*self.weight.shape)


def _without_vector(size: int, indices: Any) -> IndexError:
    return IndexError(
        f"Embedding has vectors for the indices 0 to {size - 1}; "
        f"got indices from {int(indices.min())} to {int(indices.max())}"
    )
