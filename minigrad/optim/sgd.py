"""Stochastic gradient descent."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from minigrad.backend import xp
from minigrad.tape import changed_in_place
from minigrad.tensor import Tensor


class SGD:
    """Gradient descent with momentum: v ← μ v + ∇, θ ← θ − α v.

    The parameters are changed in place, and no memory is allocated after the first step.

    Parameters
    ----------
    params : iterable of Tensor
        What to change: leaves that require a gradient.
    lr : float
        The step size α.
    momentum : float
        The share μ of the last direction that is kept, at least 0 and less than 1.

    Raises
    ------
    ValueError
        If there are no parameters, or a setting is out of range.

    Examples
    --------
    >>> import minigrad as mg
    >>> x = mg.tensor(1.0, requires_grad=True)
    >>> optimizer = SGD([x], lr=0.1)
    >>> (x * x).backward()
    >>> optimizer.step()
    >>> x.item()
    0.8
    """

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = 0.0) -> None:
        if isinstance(params, Tensor):
            raise TypeError("SGD takes a list of parameters; got a single Tensor x, so write [x]")
        self.params = list(params)
        if not self.params:
            raise ValueError("SGD was given no parameters; pass model.parameters()")
        for i, p in enumerate(self.params):
            if not (isinstance(p, Tensor) and p.primitive is None and p.requires_grad):
                raise TypeError(
                    f"SGD moves leaves with requires_grad=True; parameter {i} is {type(p).__name__} without it"
                )
        if len({id(p) for p in self.params}) < len(self.params):
            raise ValueError("SGD was given a parameter twice; it would be moved twice in each step")
        if not 0 < lr < math.inf:
            raise ValueError(f"the step size lr must be positive and finite; got {lr!r}")
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must be at least 0 and less than 1; got {momentum!r}")
        self.lr = lr
        self.momentum = momentum
        self._directions: list[Any] = [None] * len(self.params)
        self._steps: list[Any] = [None] * len(self.params)

    def zero_grad(self) -> None:
        """Forget the gradients of the parameters.

        Examples
        --------
        >>> import minigrad as mg
        >>> SGD([mg.tensor(1.0, requires_grad=True)], lr=0.1).zero_grad()
        """
        for p in self.params:
            p.grad = None

    def step(self) -> None:
        """Move every parameter that has a gradient.

        Examples
        --------
        >>> import minigrad as mg
        >>> SGD([mg.tensor(1.0, requires_grad=True)], lr=0.1).step()  # no gradient yet: nothing moves
        """
        for i, p in enumerate(self.params):
            if p.grad is None:
                continue
            direction = p.grad.data
            if self._steps[i] is None:
                self._steps[i], self._directions[i] = xp.empty_like(p.data), xp.zeros_like(p.data)
            if self.momentum:
                kept = self._directions[i]
                kept *= self.momentum
                kept += direction
                direction = kept
            xp.multiply(direction, self.lr, out=self._steps[i])
            p.data -= self._steps[i]
            changed_in_place(p)
