"""Activation functions as layers."""

from __future__ import annotations

from typing import Any

import minigrad.numpy as np
from minigrad.nn.module import Module


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
