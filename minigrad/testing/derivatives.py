"""`check_grads`: is this derivative right, in both modes, to second order?"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy

from minigrad.backend import current
from minigrad.containers import flatten
from minigrad.testing.compare import host, unit_roundoff
from minigrad.transforms import linearize

Function = Callable[..., Any]
Vectors = list[numpy.ndarray]


class DerivativeError(AssertionError):
    """A derivative is wrong: two ways to compute it disagree."""


def check_grads(
    f: Function, *args: Any, modes: tuple[str, ...] = ("push", "pull"), order: int = 2, seed: int = 0
) -> None:
    """Check the derivatives of a function at one point.

    Along random directions v and cotangents u it compares

    - J v from the forward sweep, and ⟨u, J v⟩ from the reverse sweep, with finite differences in float64;
    - ⟨u, J v⟩ with ⟨Jᵀ u, v⟩, the adjoint identity;
    - for order 2, the same for the functions x ↦ Jᵀ u and x ↦ J v, which covers every mixture of the modes; and
      reverse-over-reverse with forward-over-reverse, which agree because a Hessian is symmetric.

    Parameters
    ----------
    f : callable
        From arrays to an array or a container of arrays; smooth near the point.
    *args : arrays or containers
        The point, of floating-point dtype.
    modes : tuple of {"push", "pull"}
        Which sweeps to check.
    order : int
        To which order: 1, 2 or more.
    seed : int
        Draws the directions.

    Raises
    ------
    DerivativeError
        If two of them disagree by more than rounding and the error of the finite differences explain, or if the finite
        differences do not converge because the function has a kink at the point.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> check_grads(lambda x, y: np.tanh(x) * y, np.array([0.5, 1.0]), 2.0)
    """
    unknown = set(modes) - {"push", "pull"}
    if unknown or not modes:
        raise ValueError(f"modes are 'push' and 'pull'; got {modes!r}")
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"order must be 1 or more; got {order!r}")
    rng = numpy.random.default_rng(seed)
    leaves, rebuild = flatten(args)
    point = [host(x) for x in leaves]

    def of_leaves(*flat: Any) -> list[Any]:
        return flatten(f(*rebuild(flat)))[0]

    _check(of_leaves, point, modes, order, rng, "f")


def _check(
    f: Function, point: Vectors, modes: tuple[str, ...], order: int, rng: Any, name: str, noise: float = 0.0
) -> None:
    """Check one order and those above; `noise` is the rounding error that lower orders bring into the values of f."""
    outs, linearization = linearize(f, *_placed(point))
    if len(outs) > 1:  # one by one, so that a large part does not hide the error of a small one
        for k in range(len(outs)):
            _check(_part(f, k), point, modes, order, rng, f"part {k} of {name}", noise)
        return
    values = [host(x) for x in outs]
    v = [_direction(rng, x) for x in point]
    u = [_direction(rng, x) for x in values]
    numeric, error = directional_difference(f, point, v)
    size = _size(values) + _size(numeric)
    eps = max(unit_roundoff(*point, *values), 1e-13)
    noise = max(noise, 1e2 * eps * size)
    allowed = 1e3 * eps**0.75 * (size + 1e-6) + 10.0 * error + noise
    if error > 1e-4 * (size + 1e-6):
        raise DerivativeError(
            f"finite differences of {name} do not converge (their error is {error:.1e}): "
            "is there a kink, or the edge of the domain, close to the point?"
        )
    pushed = pulled = None
    if "push" in modes:
        pushed = [host(x) for x in linearization.push(*_placed(v))]
        _compare(f"push of {name}", pushed, numeric, allowed)
    if "pull" in modes:
        pulled = [host(x) for x in linearization.pull(_placed(u))]
        _compare(f"<u, pull of {name}>", [_inner(pulled, v)], [_inner(u, numeric)], allowed * (1.0 + _size(u)))
    if pushed is not None and pulled is not None:
        rounding = 1e3 * eps * (_size(u) * _size(pushed) + _size(v) * _size(pulled) + size) + noise
        _compare(f"the adjoint identity of {name}", [_inner(u, pushed)], [_inner(pulled, v)], rounding)
    if order > 1:
        if "push" in modes:
            tangent = _tangent_along(f, v)
            _check(tangent, point, modes, order - 1, rng, f"J v of {name}", noise)
        if "pull" in modes:
            gradient = _gradient_along(f, u)
            _check(gradient, point, modes, order - 1, rng, f"J^T u of {name}", noise)
            if len(modes) == 2:
                _check_symmetry(gradient, point, v, allowed, name)


def _part(f: Function, k: int) -> Function:
    return lambda *x: [f(*x)[k]]


def _tangent_along(f: Function, v: Vectors) -> Function:
    return lambda *x: linearize(f, *x)[1].push(*_placed(v))


def _gradient_along(f: Function, u: Vectors) -> Function:
    return lambda *x: list(linearize(f, *x)[1].pull(_placed(u)))


def _check_symmetry(gradient: Function, point: Vectors, v: Vectors, allowed: float, name: str) -> None:
    _, second = linearize(gradient, *_placed(point))
    forward = [host(x) for x in second.push(*_placed(v))]
    reverse = [host(x) for x in second.pull(_placed(v))]
    what = f"reverse over reverse against forward over reverse of {name}"
    _compare(what, reverse, forward, allowed + 1e-6 * _size(forward))


def directional_difference(f: Function, point: Vectors, v: Vectors) -> tuple[Vectors, float]:
    """Estimate the derivative of f along v by central differences in float64, with an error estimate.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> (slope,), error = directional_difference(lambda x: [np.exp(x)], [numpy.array(0.0)], [numpy.array(1.0)])
    >>> bool(abs(slope - 1.0) < 1e-9), error < 1e-9
    (True, True)
    """
    base = [x.astype("float64") for x in point]
    along = [x.astype("float64") for x in v]
    best: tuple[Vectors, float] | None = None
    for exponent in (-9, -12, -6, -15):
        estimate, error = _extrapolated(f, base, along, 2.0**exponent)
        if best is None or error < best[1]:
            best = (estimate, error)
        if best[1] <= 1e-10 * (1.0 + _size(best[0])):
            break
    assert best is not None
    return best


def _extrapolated(f: Function, base: Vectors, along: Vectors, h: float) -> tuple[Vectors, float]:
    """Richardson's scheme: each column removes the next even power of h from the error."""
    columns = [_central(f, base, along, h / 2**i) for i in range(3)]
    previous = columns
    for k in (1, 2):
        factor = 4.0**k
        previous = columns
        columns = [
            [(factor * fine - coarse) / (factor - 1.0) for coarse, fine in zip(a, b, strict=True)]
            for a, b in pairwise(columns)
        ]
    error = _size([a - b for a, b in zip(columns[-1], previous[-1], strict=True)])
    return columns[-1], error if numpy.isfinite(error) else numpy.inf


def _central(f: Function, base: Vectors, along: Vectors, h: float) -> Vectors:
    with numpy.errstate(all="ignore"):
        ahead = f(*_placed([x + h * t for x, t in zip(base, along, strict=True)]))
        behind = f(*_placed([x - h * t for x, t in zip(base, along, strict=True)]))
    return [
        (host(a).astype("float64") - host(b).astype("float64")) / (2.0 * h) for a, b in zip(ahead, behind, strict=True)
    ]


def _placed(arrays: Vectors) -> list[Any]:
    return [current().asarray(x) for x in arrays]


def _direction(rng: Any, like: numpy.ndarray) -> numpy.ndarray:
    return numpy.asarray(rng.standard_normal(like.shape), dtype=like.dtype)


def _inner(left: Vectors, right: Vectors) -> numpy.ndarray:
    pairs = zip(left, right, strict=True)
    return numpy.asarray(sum(float((a.astype("float64") * b.astype("float64")).sum()) for a, b in pairs))


def _size(arrays: Vectors) -> float:
    return float(max((numpy.abs(x).max(initial=0.0) for x in arrays), default=0.0))


def _compare(what: str, got: Vectors, expected: Vectors, allowed: float) -> None:
    for i, (a, b) in enumerate(zip(got, expected, strict=True)):
        if a.shape != b.shape:
            raise DerivativeError(f"{what}: part {i} has shape {a.shape}, expected {b.shape}")
        gap = numpy.abs(a.astype("float64") - b)
        if not gap.size or (gap <= allowed).all():
            continue
        worst = tuple(int(k) for k in numpy.argwhere(~(gap <= allowed))[0])
        raise DerivativeError(
            f"{what}: {a[worst]} against {b[worst]} at {worst} of part {i}; "
            f"they differ by {gap[worst]:.2g}, and {allowed:.2g} is allowed"
        )
