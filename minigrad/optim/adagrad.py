"""Adagrad: a step size for each coordinate, which falls with the gradients that it has seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from minigrad.backend import xp
from minigrad.optim import checks
from minigrad.optim.optimizer import Optimizer
from minigrad.tape import Array
from minigrad.tensor import Tensor


class Adagrad(Optimizer):
    """Divide by the root of the sum of squares: s ← s + ∇², θ ← θ − α / (1 + (t − 1) η) · ∇ / (√s + ε).

    Here t counts the moves of the parameter.

    Parameters
    ----------
    params : iterable of Tensor
        What to change: leaves that require a gradient.
    lr : float or callable
        The step size α, or a schedule of it.
    lr_decay : float
        The η, at least 0.
    weight_decay : float
        The λ of λθ, which is added to the gradient.
    initial_accumulator_value : float
        The first s, at least 0.
    eps : float
        The ε, positive.
    maximize, project
        See `Optimizer`.

    Raises
    ------
    TypeError, ValueError
        If there are no parameters, or a setting is out of range.

    References
    ----------
    J. Duchi, E. Hazan and Y. Singer, Adaptive subgradient methods for online learning and stochastic optimization,
    Journal of Machine Learning Research 12 (2011).

    Examples
    --------
    >>> import minigrad as mg
    >>> x = mg.tensor([1.0, -3.0], requires_grad=True)
    >>> optimizer = Adagrad([x], lr=0.5)
    >>> (x * x).sum().backward()
    >>> optimizer.step()  # the first step has length α in every coordinate
    >>> x.numpy().round(6).tolist()
    [0.5, -2.5]
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float | Callable[[int], float] = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
        project: Callable[[Array], Array] | None = None,
    ) -> None:
        super().__init__(params, lr, maximize=maximize, project=project)
        self.lr_decay = checks.not_negative("lr_decay", lr_decay)
        self.weight_decay = checks.not_negative("weight_decay", weight_decay)
        self.initial_accumulator_value = checks.not_negative("initial_accumulator_value", initial_accumulator_value)
        self.eps = self._positive_in_every_dtype("eps", eps)

    def _slot_names(self) -> list[str]:
        return ["sum"]

    def _new_slot(self, theta: Array) -> Array:
        return xp.full_like(theta, self.initial_accumulator_value)

    def _move(self, i: int, theta: Array, gradient: Array, rate: float) -> None:
        gradient = self._with_decay(theta, gradient, self.weight_decay)
        total, step = self._slot("sum", i), self._scratch(theta, "step")
        total += xp.multiply(gradient, gradient, out=step)
        size = xp.sqrt(total, out=step)
        size += self.eps
        xp.divide(gradient, size, out=step)
        step *= rate / (1.0 + (self._moves[i] - 1) * self.lr_decay)
        theta -= step
