"""RMSprop: steps measured in units of the gradient's recent size."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from minigrad.backend import xp
from minigrad.optim import checks
from minigrad.optim.optimizer import Optimizer
from minigrad.tape import Array
from minigrad.tensor import Tensor


class RMSprop(Optimizer):
    """Divide the gradient by the root of its mean square: s ← ρ s + (1 − ρ) ∇², θ ← θ − lr · ∇ / (√s + ε).

    Centered, the root is that of the variance, s − m² with m ← ρ m + (1 − ρ) ∇. With momentum, v ← μ v + ∇ / (√s + ε)
    and θ ← θ − lr · v.

    Parameters
    ----------
    params : iterable of Tensor
        What to change: leaves that require a gradient.
    lr : float or callable
        The step size, or a schedule of it.
    alpha : float
        The share ρ of the past in the mean square, at least 0 and less than 1.
    eps : float
        The ε, positive.
    weight_decay : float
        The λ of λθ, which is added to the gradient.
    momentum : float
        The share μ of the last direction that is kept, at least 0 and less than 1.
    centered : bool
        Whether to divide by the standard deviation. Where rounding would make the variance negative, it is 0.
    maximize, project
        See `Optimizer`.

    Raises
    ------
    TypeError, ValueError
        If there are no parameters, or a setting is out of range.

    References
    ----------
    T. Tieleman and G. Hinton, Lecture 6.5 of Neural networks for machine learning (2012).
    A. Graves, Generating sequences with recurrent neural networks (2013), for the centered form.

    Examples
    --------
    >>> import minigrad as mg
    >>> x = mg.tensor(1.0, requires_grad=True)
    >>> optimizer = RMSprop([x], lr=0.1, alpha=0.75)
    >>> (x * x).backward()
    >>> optimizer.step()  # the first mean square is 0.25 · ∇², so the step is 0.1 / 0.5
    >>> round(x.item(), 6)
    0.8
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float | Callable[[int], float] = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
        project: Callable[[Array], Array] | None = None,
    ) -> None:
        super().__init__(params, lr, maximize=maximize, project=project)
        self.alpha = checks.share("alpha", alpha)
        self.eps = self._positive_in_every_dtype("eps", eps)
        self.weight_decay = checks.not_negative("weight_decay", weight_decay)
        self.momentum = checks.share("momentum", momentum)
        self.centered = checks.flag("centered", centered)

    def _slot_names(self) -> list[str]:
        return ["square", *(["mean"] if self.centered else []), *(["velocity"] if self.momentum else [])]

    def _decays(self) -> dict[str, float]:
        shares = {"square": self.alpha, "mean": self.alpha, "velocity": self.momentum}
        return {name: shares[name] for name in self._slot_names()}

    def _move(self, i: int, theta: Array, gradient: Array, rate: float) -> None:
        gradient = self._with_decay(theta, gradient, self.weight_decay)
        square, step = self._slot("square", i), self._scratch(theta, "step")
        self._average(square, self.alpha, xp.multiply(gradient, gradient, out=step), step)
        if self.centered:
            mean = self._slot("mean", i)
            self._average(mean, self.alpha, gradient, step)
            xp.multiply(mean, mean, out=step)
            square = xp.maximum(xp.subtract(square, step, out=step), 0.0, out=step)
        size = xp.sqrt(square, out=step)
        size += self.eps
        direction = xp.divide(gradient, size, out=step)
        if self.momentum:
            velocity = self._slot("velocity", i)
            velocity *= self.momentum
            velocity += direction
            direction = velocity
        theta -= xp.multiply(direction, rate, out=step)
