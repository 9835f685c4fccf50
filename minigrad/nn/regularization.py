"""Dropout."""

from __future__ import annotations

from typing import Any

import numpy

from minigrad.backend import current
from minigrad.checks import check_generator, is_number
from minigrad.nn.checks import floating_input
from minigrad.nn.module import Module


class Dropout(Module):
    """In training, set each element to 0 with probability p and divide the others by 1 − p; else change nothing.

    The expected value of every element is then that element. A new mask is drawn at each call, so two calls with the
    same input differ. Only a call that begins with an equal generator gives the same function again.

    Parameters
    ----------
    p : float
        From 0, for no change, to 1, for zeros alone.
    rng : numpy.random.Generator
        Draws the masks, on the host, so they are the same on every backend.

    Raises
    ------
    ValueError
        If p is no probability.
    TypeError
        If rng is no generator; when called in training, if the input is not floating-point.

    References
    ----------
    Srivastava, N. et al. (2014). Dropout: A Simple Way to Prevent Neural Networks from Overfitting. JMLR 15, 1929-1958.

    Examples
    --------
    >>> layer = Dropout(0.5, rng=numpy.random.default_rng(0))
    >>> layer(numpy.ones(6))
    array([2., 0., 0., 0., 2., 2.])
    >>> layer.eval()(numpy.ones(6))
    array([1., 1., 1., 1., 1., 1.])
    """

    def __init__(self, p: float = 0.5, *, rng: numpy.random.Generator) -> None:
        if not is_number(p) or not 0 <= p <= 1:
            raise ValueError(f"Dropout needs a probability p from 0 to 1; got {p!r}")
        self.p = float(p)
        self.rng = check_generator(rng)

    def forward(self, x: Any) -> Any:
        """Apply a newly drawn mask, in training; give back the input, in evaluation."""
        x = floating_input("Dropout", x)
        if not self.training or self.p == 0:
            return x
        kept = current().apart(self.rng.random, x.shape) >= self.p
        factor = 0.0 if self.p == 1 else 1.0 / (1.0 - self.p)
        return x * current().asarray(kept * factor, dtype=x.dtype)

    def extra_repr(self) -> str:
        """Say the probability.

        Examples
        --------
        >>> Dropout(0.2, rng=numpy.random.default_rng(0)).extra_repr()
        'p=0.2'
        """
        return f"p={self.p}"
