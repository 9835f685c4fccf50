"""Functions whose two rules are both written out: norms, the softmax family, and linear algebra."""

from __future__ import annotations

import math
from typing import Any

import numpy

from minigrad.backend import floating, xp
from minigrad.primitives.elementwise import exp, finite, ratio_or_zero
from minigrad.primitives.kinds import general, raw, zero
from minigrad.primitives.linear import broadcast_to, mean, restore_axes, sum
from minigrad.tape import Node, Primitive, Rule

# Norms and the softmax family, along one axis, several, or all


def weighted_reduction(name: str, weights: Rule, forward: Rule) -> Primitive:
    """Declare a reduction along axes by its gradient: ``weights(ans, x, axis, keepdims)``, of the shape of x."""

    def push(t: Any, ans: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return sum(t * weights(ans, x, axis, keepdims), axis=axis, keepdims=keepdims)

    def pull(g: Any, ans: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return restore_axes(g, x.shape, axis, keepdims) * weights(ans, x, axis, keepdims)

    return general(name, push=(push,), pull=(pull,), forward=forward)


def _norm(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    x = floating(x)
    if not x.size:
        return xp.sqrt(xp.sum(x, axis=axis, keepdims=keepdims))
    largest = abs(x).max(axis=axis, keepdims=True)
    scale = xp.where(xp.isfinite(largest) & (largest > 0.0), largest, 1.0).astype(x.dtype)
    scaled = x / scale  # squares of x itself could leave the range of floating-point numbers
    length = xp.sqrt(xp.sum(scaled * scaled, axis=axis, keepdims=True)) * scale
    return length if keepdims else length.squeeze(axis=axis)


def _unit(ans: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return ratio_or_zero(x, restore_axes(ans, x.shape, axis, keepdims))


norm = weighted_reduction("norm", _unit, _norm)


def _logsumexp(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    x = floating(x)
    top = x.max(axis=axis, keepdims=True)
    top = xp.where(xp.isfinite(top), top, 0.0)
    with numpy.errstate(divide="ignore"):  # where every element is -inf, so is the result
        out = xp.log(xp.exp(x - top).sum(axis=axis, keepdims=True)) + top
    return out if keepdims else out.squeeze(axis=axis)


def _shares(ans: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return exp(x - finite(restore_axes(ans, x.shape, axis, keepdims)))


logsumexp = weighted_reduction("logsumexp", _shares, _logsumexp)


def _softmax(x: Any, *, axis: int = -1) -> Any:
    x = floating(x)
    out = xp.exp(x - x.max(axis=axis, keepdims=True))
    out /= out.sum(axis=axis, keepdims=True)
    return out


def _log_softmax(x: Any, *, axis: int = -1) -> Any:
    x = floating(x)
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - xp.log(xp.exp(shifted).sum(axis=axis, keepdims=True))


def _softmax_rule(t: Any, ans: Any, x: Any, axis: int = -1) -> Any:
    """The Jacobian diag(p) - p p^T is symmetric, so one rule serves both sweeps."""
    return ans * (t - sum(t * ans, axis=axis, keepdims=True))


softmax = general("softmax", push=(_softmax_rule,), pull=(_softmax_rule,), forward=_softmax)
log_softmax = general(
    "log_softmax",
    push=(lambda t, ans, x, axis=-1: t - sum(t * exp(ans), axis=axis, keepdims=True),),
    pull=(lambda g, ans, x, axis=-1: g - exp(ans) * sum(g, axis=axis, keepdims=True),),
    forward=_log_softmax,
)


def _cross_entropy(logits: Any, labels: Any, *, averaged: bool = False) -> tuple[Any, Any]:
    """Give the losses, and the softmax of the logits, which both rules need."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    shares = xp.exp(shifted)
    total = shares.sum(axis=-1, keepdims=True)
    shares /= total
    losses = xp.log(total[:, 0]) - shifted[xp.arange(len(shifted)), labels]
    return losses.mean() if averaged else losses, shares


def _softmax_minus_one_hot(logits: Any, labels: Any, shares: Any) -> Any:
    one_hot = (xp.arange(logits.shape[-1]) == raw(labels)[:, None]).astype(logits.dtype)
    return (softmax(logits, axis=-1) if isinstance(logits, Node) else shares) - one_hot


def _cross_entropy_push(t: Any, ans: Any, logits: Any, labels: Any, kept: Any, averaged: bool = False) -> Any:
    losses = sum(t * _softmax_minus_one_hot(logits, labels, kept), axis=-1)
    return mean(losses) if averaged else losses


def _cross_entropy_pull(g: Any, ans: Any, logits: Any, labels: Any, kept: Any, averaged: bool = False) -> Any:
    of_each = g / logits.shape[0] if averaged else g[:, None]
    return of_each * _softmax_minus_one_hot(logits, labels, kept)


cross_entropy = general(
    "cross_entropy", push=(_cross_entropy_push,), pull=(_cross_entropy_pull,), forward=_cross_entropy, keeps=True
)

# The affine map x W^T + b of a fully connected layer, with W of shape (outputs, inputs)


def _affine(x: Any, weight: Any, bias: Any) -> Any:
    out = x @ weight.T
    out += bias
    return out


def _rows(x: Any) -> Any:
    return x if x.ndim == 2 else x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))


def _sum_of_rows(g: Any) -> Any:
    rows = _rows(g)
    return xp.ones(rows.shape[0], rows.dtype) @ rows  # a matrix product is faster than sum(axis=0)


affine = general(
    "affine",
    push=(
        lambda t, ans, x, weight, bias: t @ weight.T,
        lambda t, ans, x, weight, bias: x @ t.T,
        lambda t, ans, x, weight, bias: broadcast_to(t, shape=ans.shape),
    ),
    pull=(
        lambda g, ans, x, weight, bias: g @ weight,
        lambda g, ans, x, weight, bias: _rows(g).T @ _rows(x),
        lambda g, ans, x, weight, bias: _sum_of_rows(g),
    ),
    forward=_affine,
)

# Linear algebra, on one matrix or a stack of them


def transposed(x: Any) -> Any:
    """Exchange the rows and the columns of each matrix."""
    return x.swapaxes(-1, -2)


def _as_columns(x: Any, like: Any) -> Any:
    """Write a right-hand side that is a vector as a matrix of one column."""
    return x[..., None] if like.ndim == 1 else x


inv = general(
    "linalg.inv",
    push=(lambda t, ans, x: -(ans @ t @ ans),),
    pull=(lambda g, ans, x: -(transposed(ans) @ g @ transposed(ans)),),
)


def _inverse_of(x: Any) -> Any:
    """Give the inverse for the derivative of det, which is det(x) inv(x)^T; at a singular x that formula ends."""
    try:
        return inv(x)
    except numpy.linalg.LinAlgError:
        raise numpy.linalg.LinAlgError(
            "linalg.det: the derivative at a singular matrix is not available here; the matrix has no inverse"
        ) from None


det = general(
    "linalg.det",
    push=(lambda t, ans, x: ans * sum(t * transposed(_inverse_of(x)), axis=(-2, -1)),),
    pull=(lambda g, ans, x: (g * ans)[..., None, None] * transposed(_inverse_of(x)),),
)
logabsdet = general(
    "logabsdet",
    push=(lambda t, ans, x: sum(t * transposed(inv(x)), axis=(-2, -1)),),
    pull=(lambda g, ans, x: g[..., None, None] * transposed(inv(x)),),
    forward=lambda x: xp.linalg.slogdet(x)[1],
)
signdet = zero("signdet", forward=lambda x: xp.linalg.slogdet(x)[0])


def _solve(a: Any, b: Any) -> Any:
    if b.ndim > 1 and a.shape[:-2] != b.shape[:-2]:  # CuPy does not broadcast stacks of matrices
        stack = numpy.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a, b = xp.broadcast_to(a, stack + a.shape[-2:]), xp.broadcast_to(b, stack + b.shape[-2:])
    return xp.linalg.solve(a, b)


solve: Primitive = general(
    "linalg.solve",
    push=(
        lambda t, ans, a, b: -solve(a, t @ _as_columns(ans, b)).reshape(ans.shape),
        lambda t, ans, a, b: solve(a, t),
    ),
    pull=(
        lambda g, ans, a, b: -(solve(transposed(a), _as_columns(g, b)) @ transposed(_as_columns(ans, b))),
        lambda g, ans, a, b: solve(transposed(a), _as_columns(g, b)).reshape(g.shape),
    ),
    forward=_solve,
)


def _lower_half(x: Any) -> Any:
    """The lower triangle with the diagonal halved: the derivative of L given that of L L^T, in the basis of L."""
    n = x.shape[-1]
    return x * (xp.tri(n, dtype=x.dtype) - 0.5 * xp.eye(n, dtype=x.dtype))


def symmetric(x: Any) -> Any:
    """Give the symmetric part of each matrix."""
    return 0.5 * (x + transposed(x))


def _cholesky_pull(g: Any, ans: Any, x: Any) -> Any:
    back = inv(ans)
    return symmetric(transposed(back) @ _lower_half(transposed(ans) @ g) @ back)


# A covariance matrix is symmetric, so the derivative is that of the symmetric part of the argument.
cholesky = general(
    "linalg.cholesky",
    push=(lambda t, ans, x: ans @ _lower_half(inv(ans) @ symmetric(t) @ transposed(inv(ans))),),
    pull=(_cholesky_pull,),
    forward=lambda x: xp.linalg.cholesky(symmetric(x)),
)
