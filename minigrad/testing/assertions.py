"""Assertions in the language of the lectures: a gradient, an identity, a bound, a Lipschitz constant, a projection.

Each is a theorem about all points of a set. ``on=`` names the set: a Hypothesis strategy, a size or shape (for all
vectors or arrays of it), or one array or a list of arrays, to check just those. A failure shows the smallest
counterexample that was found, both values, and the size of the violation beside what rounding can explain: 64
roundings of the largest number in sight, times ``condition=``, how much the computation magnifies them. Where the
values are small because large numbers cancel, ``scale=`` says how large those were.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy

from minigrad.testing.compare import ROUNDINGS, close, host, unit_roundoff
from minigrad.testing.derivatives import directional_difference
from minigrad.transforms import grad, jvp

Function = Callable[..., Any]
ORDERS = {"l1": 1, "l2": 2, "linf": numpy.inf}


class Counterexample(AssertionError):
    """A point at which the claim is false."""


def for_all(check: Callable[..., None], *sets: Any, examples: int = 200) -> None:
    """Run a check at every given point, or at points drawn from the given sets, and report the smallest failure.

    Parameters
    ----------
    check : callable
        Takes one point per set and raises `Counterexample` where the claim fails.
    *sets : strategy, int, tuple, array, list of arrays, or None
        Where the points come from; None means vectors of one to five elements.
    examples : int
        How many points are drawn; inside a test of Hypothesis at most 5 for each of its examples.

    Examples
    --------
    >>> for_all(lambda x: None, 3)
    """
    if all(isinstance(s, numpy.ndarray | float | list) for s in sets):
        lists = [s if isinstance(s, list) else [s] for s in sets]
        if len({len(s) for s in lists}) > 1 or not lists[0]:
            raise ValueError(f"a claim needs points, as many for each argument; got lists of {[len(s) for s in lists]}")
        for points in zip(*lists, strict=True):
            check(*points)
        return
    from hypothesis import HealthCheck, currently_in_test_context, given, settings
    from hypothesis.control import current_build_context

    drawn = [_strategy(s) for s in sets]
    if currently_in_test_context():  # a claim inside a test of Hypothesis draws from that test, and shrinks with it
        for _ in range(min(examples, 5)):
            check(*[current_build_context().data.draw(s) for s in drawn])
        return
    quiet = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    quiet(given(*drawn)(check))()


def _strategy(points: Any) -> Any:
    from hypothesis import strategies as st

    from minigrad.testing.strategies import arrays, vectors

    if points is None:
        return vectors()
    if isinstance(points, int):
        return vectors(points)
    if isinstance(points, tuple):
        return arrays(points)
    if isinstance(points, numpy.ndarray | float):
        return st.just(points)
    if isinstance(points, list):
        return st.sampled_from(points)
    return points


def _same_shape_pairs(on: Any) -> Any:
    """Draw two points of one set that have the same shape."""
    from hypothesis import strategies as st

    from minigrad.testing.strategies import arrays

    if isinstance(on, numpy.ndarray | float) or (isinstance(on, list) and len(on) < 2):
        raise ValueError(
            "this claim is about pairs of points; give a strategy, a size, or a list of two points or more"
        )
    if on is None or isinstance(on, int | tuple):
        return _strategy(on).flatmap(lambda x: st.tuples(st.just(x), arrays(x.shape)))
    drawn = _strategy(on)
    return st.tuples(drawn, drawn).filter(lambda pair: numpy.shape(pair[0]) == numpy.shape(pair[1]))


def _rounding(*values: Any, condition: float = 1.0, scale: float = 0.0) -> float:
    arrays = [host(v) for v in values]
    scale = max(scale, *(float(numpy.abs(a[numpy.isfinite(a)]).max(initial=0.0)) for a in arrays))
    return ROUNDINGS * unit_roundoff(*arrays) * condition * scale


def _report(claim: str, left: Any, right: Any, violation: Any, rounding: float, **points: Any) -> Counterexample:
    where = ", ".join(f"{name} = {numpy.array2string(host(x), separator=', ')}" for name, x in points.items())
    return Counterexample(
        f"{claim} fails at {where}: {left} against {right}; "
        f"violated by {violation:.3g}, rounding explains {rounding:.1g}"
    )


def _number(value: Any, claim: str) -> float:
    array = host(value)
    if array.size != 1:
        raise ValueError(f"{claim} is about functions with one number as value; got shape {array.shape}")
    return float(array.reshape(()))


def _at_most(claim: str, left: float, right: float, condition: float, scale: float, **points: Any) -> None:
    rounding = _rounding(left, right, condition=condition, scale=scale)
    if not left <= right + rounding:
        raise _report(claim, left, right, left - right, rounding, **points)


def assert_gradient(f: Function, claimed: Function, x: Any = None) -> None:
    """Assert ``claimed(x) = ∇f(x)``: against the engine's gradient, and against finite differences.

    Parameters
    ----------
    f : callable
        From an array to one number.
    claimed : callable
        The gradient as derived by hand.
    x : point or set of points
        See the module's description of ``on=``.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> assert_gradient(lambda x: np.sum(x**2), lambda x: 2 * x, 3)
    """

    def check(point: numpy.ndarray) -> None:
        by_hand, engine = host(claimed(point)), host(grad(f)(point))
        if by_hand.shape != engine.shape:
            raise Counterexample(f"the claimed gradient has shape {by_hand.shape}, and x has shape {engine.shape}")
        same = close(by_hand, engine, condition=1e4)
        if not same:
            raise Counterexample(f"the claimed gradient fails at x = {point}: {by_hand} against {engine}; {same}")
        direction = numpy.random.default_rng(0).standard_normal(numpy.shape(point))
        (slope,), error = directional_difference(lambda x: [f(x)], [host(point)], [direction])
        claim = float((by_hand * direction).sum())
        allowed = 10.0 * error + 1e-6 * (abs(claim) + 1e-6)
        if not abs(claim - float(slope)) <= allowed:
            raise _report(
                "the claimed gradient, by finite differences,",
                claim,
                float(slope),
                abs(claim - float(slope)),
                allowed,
                x=point,
            )

    for_all(check, x)


def assert_identity(
    left: Function,
    right: Function,
    on: Any = None,
    *,
    condition: float = 100.0,
    scale: float = 0.0,
    examples: int = 200,
) -> None:
    """Assert ``left(x) = right(x)`` for all x, up to rounding.

    Parameters
    ----------
    left, right : callable
        From a point to an array.
    on : set of points
        See the module's description.
    condition : float
        How much the two sides may magnify rounding errors.
    examples : int
        How many points are drawn.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> assert_identity(lambda x: np.sin(x) ** 2 + np.cos(x) ** 2, np.ones_like)
    """

    def check(x: Any) -> None:
        a, b = left(x), right(x)
        same = close(a, b, condition=condition, scale=scale)
        if not same:
            raise Counterexample(f"the identity fails at x = {x}: {host(a)} against {host(b)}; {same}")

    for_all(check, on, examples=examples)


def assert_upper_bound(
    f: Function,
    bound: Function | float,
    on: Any = None,
    *,
    condition: float = 1.0,
    scale: float = 0.0,
    examples: int = 200,
) -> None:
    """Assert ``f(x) <= bound(x)`` for all x, up to rounding.

    Parameters
    ----------
    f : callable
        From a point to one number.
    bound : callable or float
        The bound, as a function of the point or a constant.
    on : set of points
        See the module's description.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> assert_upper_bound(lambda x: np.linalg.norm(x), lambda x: np.sum(np.abs(x)))
    """

    def check(x: Any) -> None:
        right = bound(x) if callable(bound) else bound
        _at_most("the upper bound", _number(f(x), "a bound"), _number(right, "a bound"), condition, scale, x=x)

    for_all(check, on, examples=examples)


def assert_lipschitz(
    f: Function, L: float, on: Any = None, *, norm: str = "l2", condition: float = 1.0, examples: int = 200
) -> None:
    """Assert ``‖f(x) − f(y)‖ <= L ‖x − y‖`` for all x and y.

    Parameters
    ----------
    f : callable
        From an array to an array.
    L : float
        The constant.
    on : set of points
        See the module's description.
    norm : {"l1", "l2", "linf"}
        The norm on both sides.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> assert_lipschitz(np.sin, 1.0)
    """
    if norm not in ORDERS:
        raise ValueError(f"norm must be one of {', '.join(ORDERS)}; got {norm!r}")
    order = ORDERS[norm]

    def check(pair: tuple[Any, Any]) -> None:
        x, y = pair
        fx, fy = host(f(x)), host(f(y))
        left = float(numpy.linalg.norm((fx - fy).ravel(), order))
        right = L * float(numpy.linalg.norm(numpy.ravel(x - y), order))
        rounding = _rounding(fx, fy, left, right, condition=condition)
        if not left <= right + rounding:
            raise _report(f"the Lipschitz bound {L:g}", left, right, left - right, rounding, x=x, y=y)

    for_all(check, _same_shape_pairs(on), examples=examples)


def assert_nonexpansive(map: Function, on: Any = None, *, examples: int = 200) -> None:
    """Assert ``‖map(x) − map(y)‖₂ <= ‖x − y‖₂`` for all x and y, as every projection and proximal operator obeys.

    Parameters
    ----------
    map : callable
        From an array to an array.
    on : set of points
        See the module's description.

    Examples
    --------
    >>> from minigrad import prox
    >>> assert_nonexpansive(lambda x: prox.project_l2(x, 1.0))
    """
    assert_lipschitz(map, 1.0, on, examples=examples)


def assert_convex(f: Function, on: Any = None, *, condition: float = 10.0, examples: int = 200) -> None:
    """Assert ``f(s x + (1 − s) y) <= s f(x) + (1 − s) f(y)`` for all x, y and 0 <= s <= 1.

    Parameters
    ----------
    f : callable
        From an array to one number.
    on : set of points
        A convex set; see the module's description.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> assert_convex(lambda x: np.logsumexp(x))
    """
    from minigrad.testing.strategies import numbers

    def check(pair: tuple[Any, Any], s: float) -> None:
        x, y = pair
        fx, fy = _number(f(x), "convexity"), _number(f(y), "convexity")
        left, right = _number(f(s * x + (1.0 - s) * y), "convexity"), s * fx + (1.0 - s) * fy
        rounding = _rounding(fx, fy, left, condition=condition)
        if not left <= right + rounding:
            raise _report(f"convexity with s = {s}", left, right, left - right, rounding, x=x, y=y)

    for_all(check, _same_shape_pairs(on), numbers(0.0, 1.0), examples=examples)


def assert_projection(project: Function, member: Function, on: Any = None, *, examples: int = 200) -> None:
    """Assert that a map is the projection onto a closed convex set.

    It lands in the set, leaves members where they are, and satisfies ⟨x − P x, z − P x⟩ <= 0 for all members z, which
    says that P x is the nearest member.

    Parameters
    ----------
    project : callable
        From an array to an array.
    member : callable
        Tells whether an array belongs to the set, up to rounding.
    on : set of points
        What is projected; see the module's description.

    Examples
    --------
    >>> from minigrad import prox
    >>> import minigrad.numpy as np
    >>> assert_projection(lambda x: prox.project_linf(x, 1.0), lambda x: np.max(np.abs(x)) <= 1.0)
    """

    def check(pair: tuple[Any, Any]) -> None:
        x, y = pair
        nearest, other = host(project(x)), (host(y) if bool(host(member(y))) else host(project(y)))
        if not bool(host(member(nearest))):
            raise Counterexample(f"the projection of x = {x} is {nearest}, which is not in the set")
        if bool(host(member(x))) and not close(nearest, x):
            raise Counterexample(f"the projection moves x = {x}, which is in the set, to {nearest}")
        again = close(project(nearest), nearest)
        if not again:
            raise Counterexample(f"the projection moves {nearest}, which is in the set; {again}")
        angle = float(((x - nearest) * (other - nearest)).sum())
        rounding = _rounding(x, nearest, other) * (
            _rounding(x, nearest, other) / ROUNDINGS + float(numpy.abs(x - other).sum())
        )
        if not angle <= rounding:
            raise _report("<x - Px, z - Px> <= 0", angle, 0.0, angle, rounding, x=x, Px=nearest, z=other)

    for_all(check, _same_shape_pairs(on), examples=examples)


def assert_maximizer(
    f: Function, maximizer: Any, on: Any, *, condition: float = 1.0, scale: float = 0.0, examples: int = 200
) -> None:
    """Assert ``f(z) <= f(maximizer)`` for all feasible points z.

    Parameters
    ----------
    f : callable
        From a point to one number.
    maximizer : array
        The point that is claimed to be best.
    on : set of points
        The feasible points; see the module's description.

    Examples
    --------
    >>> from minigrad.testing.strategies import inside_ball
    >>> assert_maximizer(lambda z: z.sum(), numpy.ones(3), inside_ball(3, "linf"))
    """
    best = _number(f(maximizer), "a maximum")

    def check(z: Any) -> None:
        _at_most("the maximum", _number(f(z), "a maximum"), best, condition, scale, z=z)

    for_all(check, on, examples=examples)


def assert_descent_direction(f: Function, x: Any, d: Any) -> None:
    """Assert that f falls along d from x: its directional derivative there is negative, and a small step lowers f.

    Parameters
    ----------
    f : callable
        From an array to one number.
    x, d : array
        Point and direction.

    Examples
    --------
    >>> assert_descent_direction(lambda x: (x * x).sum(), numpy.array([1.0, 2.0]), numpy.array([-1.0, 0.0]))
    """
    value, slope = (_number(part, "descent") for part in jvp(f, (x,), (d,)))
    if not slope < 0.0:
        raise _report("descent", slope, 0.0, slope, 0.0, x=x, d=d)
    steps = 2.0 ** -numpy.arange(4.0, 24.0)
    values = [_number(f(x + step * d), "descent") for step in steps]
    if not min(values) < value:
        raise Counterexample(
            f"f does not fall along d = {d} from x = {x}: {value} there, {min(values)} at best along d"
        )
