"""Adam and AdamW: the mean of the gradient in units of its size, both corrected for their start at zero."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from minigrad.backend import xp
from minigrad.optim import checks
from minigrad.optim.optimizer import Optimizer
from minigrad.tape import Array
from minigrad.tensor import Tensor


class Adam(Optimizer):
    """Adaptive moments: m ← β₁ m + (1 − β₁) ∇, v ← β₂ v + (1 − β₂) ∇², θ ← θ − α m̂ / (√v̂ + ε).

    At a parameter's t-th move, m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ). With AMSGrad, v̂ is made from the largest v
    so far.

    Parameters
    ----------
    params : iterable of Tensor
        What to change: leaves that require a gradient.
    lr : float or callable
        The step size α, or a schedule of it.
    betas : pair of float
        The shares β₁ and β₂ of the past in the two means, at least 0 and less than 1.
    eps : float
        The ε, positive.
    weight_decay : float
        The λ of λθ, which is added to the gradient.
    amsgrad : bool
        Whether v̂ may only grow.
    maximize, project
        See `Optimizer`.

    Raises
    ------
    TypeError, ValueError
        If there are no parameters, or a setting is out of range.

    References
    ----------
    D. P. Kingma and J. Ba, Adam: a method for stochastic optimization, ICLR 2015.
    S. J. Reddi, S. Kale and S. Kumar, On the convergence of Adam and beyond, ICLR 2018, for AMSGrad.

    Examples
    --------
    >>> import minigrad as mg
    >>> x = mg.tensor([1.0, -3.0], requires_grad=True)
    >>> optimizer = Adam([x], lr=0.5)
    >>> (x * x).sum().backward()
    >>> optimizer.step()  # the first step has length α in every coordinate
    >>> x.numpy().round(6).tolist()
    [0.5, -2.5]
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float | Callable[[int], float] = 1e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        project: Callable[[Array], Array] | None = None,
    ) -> None:
        super().__init__(params, lr, maximize=maximize, project=project)
        if not isinstance(betas, list | tuple) or len(betas) != 2:
            raise TypeError(f"betas must be a pair of numbers; got {betas!r}")
        self.betas = (checks.share("betas[0]", betas[0]), checks.share("betas[1]", betas[1]))
        self.eps = self._positive_in_every_dtype("eps", eps)
        self.weight_decay = checks.not_negative("weight_decay", weight_decay)
        self.amsgrad = checks.flag("amsgrad", amsgrad)

    def _slot_names(self) -> list[str]:
        return ["mean", "square", *(["largest"] if self.amsgrad else [])]

    def _decays(self) -> dict[str, float]:
        return {"mean": self.betas[0], "square": self.betas[1]}

    def _move(self, i: int, theta: Array, gradient: Array, rate: float) -> None:
        self._follow(i, theta, self._with_decay(theta, gradient, self.weight_decay), rate)

    def _follow(self, i: int, theta: Array, gradient: Array, rate: float) -> None:
        mean, square = self._slot("mean", i), self._slot("square", i)
        step = self._scratch(theta, "step")
        beta_of_mean, beta_of_square = self.betas
        self._average(mean, beta_of_mean, gradient, step)
        self._average(square, beta_of_square, xp.multiply(gradient, gradient, out=step), step)
        if self.amsgrad:
            largest = self._slot("largest", i)
            square = xp.maximum(largest, square, out=largest)
        t = self._moves[i]
        size = xp.sqrt(square, out=step)
        size /= math.sqrt(1.0 - beta_of_square**t)
        size += self.eps
        xp.divide(mean, size, out=step)
        step *= rate / (1.0 - beta_of_mean**t)
        theta -= step


class AdamW(Adam):
    """Adam with decoupled weight decay: θ ← (1 − α λ) θ, then Adam's step along the gradient alone.

    Parameters
    ----------
    params, lr, betas, eps, amsgrad, maximize, project
        See `Adam`.
    weight_decay : float
        The λ.

    Raises
    ------
    TypeError, ValueError
        If there are no parameters, or a setting is out of range.

    References
    ----------
    I. Loshchilov and F. Hutter, Decoupled weight decay regularization, ICLR 2019.

    Examples
    --------
    >>> import minigrad as mg
    >>> x = mg.tensor(1.0, requires_grad=True)
    >>> optimizer = AdamW([x], lr=0.5, weight_decay=0.5)
    >>> (0.0 * x).backward()
    >>> optimizer.step()  # the gradient is 0, so that only the decay moves x
    >>> x.item()
    0.75
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float | Callable[[int], float] = 1e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        project: Callable[[Array], Array] | None = None,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, project=project)

    def _move(self, i: int, theta: Array, gradient: Array, rate: float) -> None:
        theta *= 1.0 - rate * self.weight_decay
        self._follow(i, theta, gradient, rate)
