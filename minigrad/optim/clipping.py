"""Gradient clipping: bound the gradients before a step.

Both functions give every parameter a new gradient, and leave the old array alone: it may be the gradient of a second
parameter, or belong to the caller of ``backward(gradient)``. The new gradient is a constant for every derivative.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy

from minigrad.backend import current, xp
from minigrad.checks import require
from minigrad.optim import checks
from minigrad.tape import Array
from minigrad.tensor import Tensor


def clip_grad_norm(params: Iterable[Tensor], max_norm: float) -> Array:
    """Shorten all gradients by one factor, so that as one vector they are no longer than max_norm.

    g ← g · min(1, max_norm/‖g‖₂). All is computed in float64 and in units of the largest element, so that nothing
    overflows or vanishes on the way. Gradients that are short enough stay as they are, bit for bit.

    Parameters
    ----------
    params : iterable of Tensor
        Those without a gradient are passed over.
    max_norm : float
        The bound, positive; infinity just measures.

    Returns
    -------
    array of shape ()
        The norm before clipping, in float64, on the active backend; infinite if it exceeds the largest float64.

    Raises
    ------
    ValueError
        If an element of a gradient is infinite or NaN; then every gradient stays as it was. On a device the error
        comes when the host next reads a number, such as the norm by ``minigrad.asnumpy``.

    References
    ----------
    R. Pascanu, T. Mikolov and Y. Bengio, On the difficulty of training recurrent neural networks, ICML 2013.

    Examples
    --------
    >>> import minigrad as mg
    >>> x = mg.tensor([3.0, 4.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> clip_grad_norm([x], 5.0), x.grad
    (array(10.), tensor([3., 4.]))
    """
    bound = checks.number("max_norm", max_norm)
    if not bound > 0:
        raise ValueError(f"max_norm must be positive; got {max_norm!r}")
    listed, gradients = _gradients("clip_grad_norm", params)
    unit, length = _length(gradients)
    with numpy.errstate(over="ignore"):
        norm = current().own(unit * length)
    too_long = norm > bound
    unit, length = xp.where(too_long, unit, 1.0), xp.where(too_long, length, 1.0)
    wanted = xp.where(too_long, bound / length, 1.0)
    for p, g in zip(listed, gradients, strict=True):
        p.grad = Tensor(current().own((g / unit * wanted).astype(g.dtype)))
    return norm


def clip_grad_value(params: Iterable[Tensor], max_value: float) -> None:
    """Clip every element of every gradient: g ← min(max(g, −max_value), max_value). NaN stays NaN.

    Parameters
    ----------
    params : iterable of Tensor
        Those without a gradient are passed over.
    max_value : float
        The bound, positive and finite.

    Examples
    --------
    >>> import minigrad as mg
    >>> x = mg.tensor([3.0, -0.25], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> clip_grad_value([x], 1.0)
    >>> x.grad
    tensor([ 1. , -0.5])
    """
    bound = checks.positive("max_value", max_value)
    listed, gradients = _gradients("clip_grad_value", params)
    for p, g in zip(listed, gradients, strict=True):
        p.grad = Tensor(current().own(g.clip(-bound, bound)))


def _gradients(who: str, params: Iterable[Tensor]) -> tuple[list[Tensor], list[Array]]:
    listed = [(i, p) for i, p in enumerate(checks.leaves(who, params)) if p.grad is not None]
    return [p for _, p in listed], [checks.gradient(i, p) for i, p in listed]


def _length(gradients: list[Array]) -> tuple[Array, Array]:
    """Give the largest element as a unit, and the norm in that unit; their product may overflow."""
    parts = [g for g in gradients if g.size]
    if not parts:
        return xp.ones(()), xp.zeros(())
    with numpy.errstate(all="ignore"):
        largest = xp.stack([xp.abs(g).max().astype("float64") for g in parts]).max()
        unit = xp.where(largest > 0.0, largest, 1.0)
        length = xp.sqrt(xp.stack([((g / unit) ** 2).sum() for g in parts]).sum())
    require(xp.isfinite(length), _not_finite)
    return unit, length


def _not_finite() -> ValueError:
    return ValueError(
        "the gradients are not finite, so that no factor makes them short; "
        "detect_anomaly() finds the operation that the first NaN or infinity came from"
    )
