"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from minigrad.backend import xp
from minigrad.optim import checks
from minigrad.optim.optimizer import Optimizer
from minigrad.tape import Array
from minigrad.tensor import Tensor


class SGD(Optimizer):
    """Gradient descent with momentum: v ← μ v + (1 − τ) ∇, θ ← θ − α v.

    The first velocity v is the gradient. With Nesterov's momentum, θ ← θ − α (∇ + μ v).

    Parameters
    ----------
    params : iterable of Tensor
        What to change: leaves that require a gradient.
    lr : float or callable
        The step size α, or a schedule of it.
    momentum : float
        The share μ of the last direction that is kept, at least 0 and less than 1.
    dampening : float
        The share τ of the gradient that is left out of the velocity, at least 0 and less than 1.
    weight_decay : float
        The λ of λθ, which is added to the gradient.
    nesterov : bool
        Whether to look ahead; needs momentum and no dampening.
    maximize, project
        See `Optimizer`.

    Raises
    ------
    TypeError, ValueError
        If there are no parameters, or a setting is out of range.

    References
    ----------
    Ledger: dl10-eq45.

    B. T. Polyak, Some methods of speeding up the convergence of iteration methods (1964).
    I. Sutskever et al., On the importance of initialization and momentum in deep learning, ICML 2013.

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

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float | Callable[[int], float] = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        project: Callable[[Array], Array] | None = None,
    ) -> None:
        super().__init__(params, lr, maximize=maximize, project=project)
        self.momentum = checks.share("momentum", momentum)
        self.dampening = checks.share("dampening", dampening)
        self.weight_decay = checks.not_negative("weight_decay", weight_decay)
        self.nesterov = checks.flag("nesterov", nesterov)
        if nesterov and not (self.momentum and not self.dampening):
            raise ValueError(
                "nesterov needs a positive momentum and no dampening; "
                f"got momentum {momentum!r} and dampening {dampening!r}"
            )

    def _slot_names(self) -> list[str]:
        return ["velocity"] if self.momentum else []

    def _decays(self) -> dict[str, float]:
        return {"velocity": self.momentum} if self.momentum else {}

    def _move(self, i: int, theta: Array, gradient: Array, rate: float) -> None:
        gradient = self._with_decay(theta, gradient, self.weight_decay)
        step = self._scratch(theta, "step")
        direction = gradient
        if self.momentum:
            direction = velocity = self._slot("velocity", i)
            velocity *= self.momentum
            dampened = self.dampening and self._moves[i] > 1
            velocity += xp.multiply(gradient, 1.0 - self.dampening, out=step) if dampened else gradient
            if self.nesterov:
                direction = xp.multiply(velocity, self.momentum, out=step)
                direction += gradient
        theta -= xp.multiply(direction, rate, out=step)
