"""Singular values: the largest one, their sum, and matrices in which they are cut off.

A first derivative needs the singular vectors and nothing else. The higher orders solve an equation for how the vectors
turn, with primitives, so that the solution can be differentiated again: a bordered system for the top pair, and
Sylvester's equation for the polar factor.
"""

from __future__ import annotations

from typing import Any

import numpy

from minigrad.backend import floating, xp
from minigrad.primitives.elementwise import where
from minigrad.primitives.general import solve, symmetric, transposed
from minigrad.primitives.kinds import general, raw
from minigrad.primitives.linear import concatenate, sum
from minigrad.tape import Primitive, Rule


def _finite(x: Any) -> tuple[Any, Any]:
    """Give the matrices that are finite, zeros in place of the others, and 1 or NaN for each: LAPACK takes no NaN."""
    finite = xp.isfinite(x).all(axis=(-2, -1), keepdims=True)
    return xp.where(finite, x, 0.0), xp.where(finite[..., 0], 1.0, numpy.nan).astype(x.dtype)


def _svd(x: Any) -> tuple[Any, Any, Any]:
    x, one = _finite(floating(x))
    u, s, vt = xp.linalg.svd(x, full_matrices=False)
    return u, s * one, vt


def _singular_values(x: Any) -> Any:
    x, one = _finite(floating(x))
    return xp.linalg.svd(x, compute_uv=False) * one


def _eigh(x: Any) -> tuple[Any, Any]:
    x, one = _finite(symmetric(x))
    values, vectors = xp.linalg.eigh(x)
    return values * one, vectors


def _place(x: Any, i: int) -> Any:
    """Give the i-th of the last axis, and 0 where it has fewer."""
    return x[..., i : i + 1].sum(axis=-1)


def _rounding(x: Any) -> float:
    """Give the relative error of the singular values of a matrix."""
    return float(numpy.finfo(x.dtype).eps) * max(x.shape[-2:])


def _dilation(x: Any, diagonal: Any) -> Any:
    """Give [[d, x], [x^T, d]], whose eigenvalues are d plus and minus each singular value of x, and d itself."""
    *stack, m, n = x.shape
    upper = concatenate(xp.zeros((*stack, m, m), x.dtype), x, axis=len(stack) + 1)
    lower = concatenate(transposed(x), xp.zeros((*stack, n, n), x.dtype), axis=len(stack) + 1)
    return concatenate(upper, lower, axis=len(stack)) + diagonal * xp.eye(m + n, dtype=x.dtype)


def matrix_norm(name: str, subgradient: Rule, forward: Rule) -> Primitive:
    """Declare a norm of the matrices in the last two axes, by ``subgradient(x)``."""
    return general(
        name,
        push=(lambda t, ans, x: sum(t * subgradient(x), axis=(-2, -1)),),
        pull=(lambda g, ans, x: g[..., None, None] * subgradient(x),),
        forward=forward,
    )


# The largest singular value s, and the pair of vectors with x v = s u and x^T u = s v


def _top_singular_pair(x: Any) -> Any:
    """Give u and v in one vector p, so signed that the elements of u do not add up to less than 0; for s = 0 give 0."""
    u, s, vt = _svd(x)
    u, v, s = _place(u, 0), _place(transposed(vt), 0), _place(s, 0)[..., None]
    pair = xp.concatenate([u, v], axis=-1)
    pair = xp.where(u.sum(axis=-1, keepdims=True) < 0.0, -pair, pair)
    return xp.where(s > 0.0, pair, s)  # where s is NaN, so are they


def _turned(pair: Any, x: Any, rhs: Any) -> Any:
    """Solve (K - s) dp - ds p = rhs with p^T dp = 0 for dp; K is the dilation of x, so K p = s p and p^T p = 2."""
    _refuse_tie(raw(x))
    s = spectral_norm(x)[..., None, None]
    axis = len(x.shape) - 1
    border = s * pair  # times s, so that the system has one scale
    zero = xp.zeros((*x.shape[:-2], 1, 1), x.dtype)
    upper = concatenate(_dilation(x, -s), border, axis=axis)
    lower = concatenate(transposed(border), zero, axis=axis)
    system = concatenate(upper, lower, axis=axis - 1)
    return solve(system, concatenate(rhs, zero, axis=axis - 1))[..., :-1, :]


def _refuse_tie(x: Any) -> None:
    s = _singular_values(x)
    first, second = _place(s, 0), _place(s, 1)
    if bool((first - second <= 64.0 * _rounding(x) * first).any()):
        raise numpy.linalg.LinAlgError(
            "the spectral norm has no second derivative where its singular value is not simple: at a zero matrix, and "
            "where the two largest singular values are equal, as those of an orthogonal matrix are"
        )


def _pair_push(t: Any, ans: Any, x: Any) -> Any:
    pair = ans[..., None]
    return -_turned(pair, x, _dilation(t, 0.0) @ pair)[..., 0]


def _pair_pull(g: Any, ans: Any, x: Any) -> Any:
    pair, rows = ans[..., None], x.shape[-2]
    of_dilation = _turned(pair, x, g[..., None]) @ transposed(pair)
    return -(of_dilation[..., :rows, rows:] + transposed(of_dilation[..., rows:, :rows]))


def _top_rank_one(x: Any) -> Any:
    """Give u v^T."""
    pair, rows = top_singular_pair(x), x.shape[-2]
    return pair[..., :rows, None] * pair[..., None, rows:]


top_singular_pair = general("top_singular_pair", push=(_pair_push,), pull=(_pair_pull,), forward=_top_singular_pair)
spectral_norm = matrix_norm("spectral_norm", _top_rank_one, lambda x: _place(_singular_values(x), 0))

# The sum of the singular values, and the polar factor u v^T of x = u s v^T


def _sylvester(a: Any, b: Any, c: Any) -> Any:
    (left, u), (right, v) = _eigh(a), _eigh(b)
    sums = left[..., :, None] + right[..., None, :]
    largest = abs(sums).max(axis=(-2, -1), keepdims=True)
    none = sums <= _rounding(c) * largest
    return u @ xp.where(none, 0.0, (transposed(u) @ c @ v) / xp.where(none, 1.0, sums)) @ transposed(v)


# a y + y b = c, with symmetric a and b. Where eigenvalues of a and b add up to 0, that part of y is 0.
sylvester: Primitive = general(
    "sylvester",
    push=(
        lambda t, ans, a, b, c: -sylvester(a, b, symmetric(t) @ ans),
        lambda t, ans, a, b, c: -sylvester(a, b, ans @ symmetric(t)),
        lambda t, ans, a, b, c: sylvester(a, b, t),
    ),
    pull=(
        lambda g, ans, a, b, c: -symmetric(sylvester(a, b, g) @ transposed(ans)),
        lambda g, ans, a, b, c: -symmetric(transposed(ans) @ sylvester(a, b, g)),
        lambda g, ans, a, b, c: sylvester(a, b, g),
    ),
    forward=_sylvester,
)


def _polar(x: Any) -> Any:
    u, s, vt = _svd(x)
    one = 1.0 + 0.0 * s  # NaN where s is
    return (u * xp.where(s <= _rounding(x) * s[..., :1], 0.0, one)[..., None, :]) @ vt


def _polar_rule(t: Any, ans: Any, x: Any) -> Any:
    """The Jacobian is symmetric, as that of every gradient, so one rule serves both sweeps."""
    turned = t - ans @ transposed(t) @ ans
    return sylvester(x @ transposed(ans), transposed(ans) @ x, turned)


polar = general("polar", push=(_polar_rule,), pull=(_polar_rule,), forward=_polar)
nuclear_norm = matrix_norm("nuclear_norm", polar, lambda x: _singular_values(x).sum(axis=-1))

# The nearest matrix whose singular values are at most a radius, and what is left over


def _clip(x: Any, *, radius: float) -> Any:
    u, s, vt = _svd(x)
    inside = (s <= radius).all(axis=-1)[..., None, None]
    return xp.where(inside, x, (u * xp.minimum(s, radius)[..., None, :]) @ vt)


def _clip_rule(t: Any, ans: Any, x: Any, radius: float) -> Any:
    """Differentiate the upper right block of -|m|, where m is the dilation of x with -radius, and |m| = polar(m) m."""
    if radius == 0.0:
        return t * 0.0
    rows, m, dm = x.shape[-2], _dilation(x, -radius), _dilation(t, 0.0)
    q = polar(m)
    outside = -(_polar_rule(dm, q, m) @ m + q @ dm)[..., :rows, rows:]
    return where((raw(ans) == raw(x)).all(axis=(-2, -1), keepdims=True), t, outside)


def _shrink(x: Any, *, threshold: float) -> Any:
    u, s, vt = _svd(x)
    return (u * xp.maximum(s - threshold, 0.0)[..., None, :]) @ vt


def _shrink_rule(t: Any, ans: Any, x: Any, threshold: float) -> Any:
    return t - _clip_rule(t, x - ans, x, threshold)


clip_singular_values = general("clip_singular_values", push=(_clip_rule,), pull=(_clip_rule,), forward=_clip)
shrink_singular_values = general("shrink_singular_values", push=(_shrink_rule,), pull=(_shrink_rule,), forward=_shrink)
