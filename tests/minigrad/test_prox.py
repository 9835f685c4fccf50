"""Projections find the nearest member of their set, proximal operators the best compromise, and the two are dual."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import brentq

import minigrad as mg
import minigrad.numpy as np
from minigrad.backend import current
from minigrad.prox import (
    project_affine,
    project_box,
    project_l1,
    project_l2,
    project_linf,
    project_simplex,
    project_spectral,
    prox_l2,
    prox_nuclear,
    soft_threshold,
)
from minigrad.testing import (
    assert_identity,
    assert_maximizer,
    assert_nonexpansive,
    assert_projection,
    assert_upper_bound,
    check_grads,
    close,
)
from minigrad.testing import strategies as ms
from tests.fake_device import syncs

pytestmark = pytest.mark.usefixtures("each_backend")

VECTORS = st.integers(1, 5).map(lambda n: (n,))
MATRICES = ms.shapes(2, 2, 3)
EQUATIONS = numpy.array([[1.0, -2.0, 0.5, 0.0, 1.5], [0.5, 1.0, 0.0, -1.0, 2.0], [1.5, -1.0, 0.5, -1.0, 3.5]])


def on(x: Any) -> Any:
    return current().asarray(x)


def equations(n: int) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Two equations for n coordinates, and a third that is their sum; for one coordinate, one equation."""
    a = EQUATIONS[:, :n] if n > 1 else EQUATIONS[:1, :1]
    return a, a.sum(axis=1)


def onto_solutions(x: Any, size: float) -> Any:
    a, b = equations(math.prod(x.shape[-1:]))
    return project_affine(x, on(a), on(size * b))


def solutions_support(z: numpy.ndarray, size: float) -> float:
    """The largest <z, x> over the solutions of A x = b, for a combination z of the rows of A."""
    a, b = equations(z.size)
    return float(size * b @ numpy.linalg.lstsq(a.T, z)[0])


@dataclass(frozen=True)
class ConvexSet:
    """The sets of a family, by size: the projection, how far a point is outside, and the support function max <z, x>.

    ``dual`` makes any point into one where the support function is finite.
    """

    project: Callable[..., Any]
    excess: Callable[[numpy.ndarray, float], float]
    support: Callable[[numpy.ndarray, float], float]
    shapes: Any = VECTORS
    dual: Callable[[numpy.ndarray], numpy.ndarray] = lambda z: z

    def member(self, x: numpy.ndarray, size: float) -> bool:
        return bool(self.excess(x, size) <= 1e-12 * (size + abs(x).max()))


SETS = {
    "linf": ConvexSet(project_linf, lambda x, r: abs(x).max() - r, lambda z, r: r * abs(z).sum(), ms.shapes(1)),
    "l2": ConvexSet(project_l2, lambda x, r: numpy.linalg.norm(x) - r, lambda z, r: r * numpy.linalg.norm(z)),
    "l1": ConvexSet(project_l1, lambda x, r: abs(x).sum() - r, lambda z, r: r * abs(z).max()),
    "simplex": ConvexSet(
        project_simplex,
        lambda x, r: math.inf if x.min() < 0.0 else abs(x.sum() - r),
        lambda z, r: r * z.max(),
    ),
    "box": ConvexSet(
        lambda x, r: project_box(x, -r, 2.0 * r),
        lambda x, r: max(x.max() - 2.0 * r, -r - x.min()),
        lambda z, r: numpy.maximum(-r * z, 2.0 * r * z).sum(),
        ms.shapes(1),
    ),
    "affine": ConvexSet(
        onto_solutions,
        lambda x, r: abs(equations(x.size)[0] @ x - r * equations(x.size)[1]).max(),
        solutions_support,
        dual=lambda z: equations(z.size)[0].T @ equations(z.size)[0] @ z,
    ),
    "spectral": ConvexSet(
        project_spectral,
        lambda x, r: numpy.linalg.norm(x, 2) - r,
        lambda z, r: r * numpy.linalg.norm(z, "nuc"),
        MATRICES,
    ),
}


@dataclass(frozen=True)
class Penalty:
    """A norm, its proximal operator, and the projection onto the ball of the dual norm."""

    prox: Callable[..., Any]
    norm: Callable[[numpy.ndarray], float]
    dual_projection: Callable[..., Any]
    shapes: Any = VECTORS


PENALTIES = {
    "l1": Penalty(soft_threshold, lambda z: abs(z).sum(), project_linf),
    "l2": Penalty(prox_l2, numpy.linalg.norm, project_l2),
    "nuclear": Penalty(prox_nuclear, lambda z: numpy.linalg.norm(z, "nuc"), project_spectral, MATRICES),
}
MAPS = {name: c.project for name, c in SETS.items()} | {f"prox of {name}": p.prox for name, p in PENALTIES.items()}
SHAPES = {name: c.shapes for name, c in SETS.items()} | {f"prox of {name}": p.shapes for name, p in PENALTIES.items()}

sizes = ms.numbers(0.0, 2.0)
each_set = pytest.mark.parametrize("name", SETS)
each_penalty = pytest.mark.parametrize("name", PENALTIES)
each_map = pytest.mark.parametrize("name", MAPS)


def hosted(f: Callable[..., Any], size: float) -> Callable[[numpy.ndarray], numpy.ndarray]:
    """Run f(x, size) on the active backend, from the host and back to it."""
    return lambda x: mg.asnumpy(f(on(x), size))


def assert_prox(
    p: numpy.ndarray, f: Callable[[numpy.ndarray], float], x: numpy.ndarray, domain: Any = lambda z: z
) -> None:
    """p = prox_f(x) says that x - p is a subgradient of f at p: f(z) >= f(p) + <x - p, z - p> for all z."""

    def tangent(z: numpy.ndarray) -> float:
        return float(f(p) + ((x - p) * (domain(z) - p)).sum())

    assert_upper_bound(tangent, lambda z: f(domain(z)), x.shape, condition=10.0, scale=100.0)


# What makes a projection


@pytest.mark.proves("dl10-eq17")
@each_set
@given(data=st.data(), size=sizes)
def test_the_projection_is_the_nearest_member(name, data, size):
    c, shape = SETS[name], data.draw(SETS[name].shapes)
    assume(name != "affine" or size > 0.0)  # the one solution can be 0, which is met but for rounding
    assert_projection(hosted(c.project, size), lambda x: c.member(x, size), shape)


@each_set
@given(data=st.data(), size=ms.numbers(0.125, 2.0), share=st.sampled_from([0.0, 1e-9, 1e-4, 0.5, 3.0, 100.0]))
def test_every_point_on_the_way_out_comes_back_to_the_same_member(name, data, size, share):
    """The projection of P x + s (x − P x) is P x for every s ≥ 0."""
    project = hosted(SETS[name].project, size)
    x = data.draw(SETS[name].shapes.flatmap(ms.arrays))
    nearest = project(x)
    assert close(project(nearest + share * (x - nearest)), nearest, scale=3.0 * (1.0 + share))


@pytest.mark.proves("opt19-prox-clip", "epfl11-prox-projection")
@given(radius=sizes)
def test_clipping_is_the_projection_onto_the_linf_ball(radius):
    project = hosted(project_linf, radius)
    assert_projection(project, lambda x: abs(x).max() <= radius)
    assert_nonexpansive(project)
    assert_identity(project, lambda x: numpy.clip(x, -radius, radius))


@pytest.mark.proves("opt19-prox-clip", "epfl11-prox-projection")
@given(x=ms.vectors(3), step=ms.numbers(0.125, 3.0), radius=ms.numbers(0.125, 2.0))
def test_the_prox_of_the_indicator_is_the_projection_whatever_the_step(x, step, radius):
    """prox_{λg}(x) minimises g(z) + ‖z − x‖²/(2λ); on the ball, where g = 0, the projection does for every λ."""
    objective = lambda z: -((z - x) ** 2).sum() / (2.0 * step)  # noqa: E731
    feasible = ms.inside_ball(3, "linf", radius)
    assert_maximizer(objective, hosted(project_linf, radius)(x), feasible, condition=10.0)


@pytest.mark.refutes("epfl11-prox-projection")
def test_with_one_letter_for_step_and_radius_the_projection_would_depend_on_the_step():
    x = numpy.array([2.0])
    ball_of_radius_one = [x.clip(-step, step).tolist() for step in (1.0, 0.5)]  # the slide's λ read in both roles
    assert ball_of_radius_one == [[1.0], [0.5]]


@given(data=st.data())
def test_the_box_may_differ_by_coordinate(data):
    low = data.draw(ms.vectors(3, -2.0, 0.0))
    high = data.draw(ms.vectors(3, 0.0, 2.0))
    project = lambda x: mg.asnumpy(project_box(on(x), on(low), on(high)))  # noqa: E731
    assert_projection(project, lambda x: ((low <= x) & (x <= high)).all(), 3)


# What makes a proximal operator


@each_penalty
@given(data=st.data(), t=sizes)
def test_the_prox_of_a_norm_minimises_it_plus_half_the_squared_distance(name, data, t):
    penalty = PENALTIES[name]
    x = data.draw(penalty.shapes.flatmap(ms.arrays))
    assert_prox(hosted(penalty.prox, t)(x), lambda z: t * penalty.norm(z), x)


@each_map
@given(data=st.data(), size=sizes)
def test_every_prox_is_firmly_nonexpansive(name, data, size):
    """‖p − q‖² ≤ ⟨p − q, x − y⟩ for p = prox(x), q = prox(y), and so ‖p − q‖ ≤ ‖x − y‖."""
    shape = data.draw(SHAPES[name])
    x, y = data.draw(ms.arrays(shape)), data.draw(ms.arrays(shape))
    moved = hosted(MAPS[name], size)(x) - hosted(MAPS[name], size)(y)
    assert (moved**2).sum() <= (moved * (x - y)).sum() + 1e-12 * (1.0 + ((x - y) ** 2).sum())
    assert_nonexpansive(hosted(MAPS[name], size), shape)


# Moreau's decomposition: x = prox_f(x) + prox_{f*}(x)


@each_penalty
@given(data=st.data(), t=sizes)
def test_the_prox_of_a_norm_and_the_projection_onto_the_dual_ball_add_up_to_the_point(name, data, t):
    penalty = PENALTIES[name]
    x = data.draw(penalty.shapes.flatmap(ms.arrays))
    total = hosted(penalty.prox, t)(x) + hosted(penalty.dual_projection, t)(x)
    assert close(total, x, scale=1.0)


@each_set
@given(data=st.data(), size=sizes)
def test_what_a_projection_leaves_over_is_the_prox_of_the_support_function(name, data, size):
    """The conjugate of the indicator function of C is the support function of C."""
    c = SETS[name]
    x = data.draw(c.shapes.flatmap(ms.arrays))
    assert_prox(x - hosted(c.project, size)(x), lambda z: c.support(z, size), x, c.dual)


# Other ways to the same point


def threshold(x: numpy.ndarray, total: float) -> float:
    """Find the θ with Σ max(x − θ, 0) = total by bisection."""
    return brentq(lambda theta: numpy.maximum(x - theta, 0.0).sum() - total, x.min() - total, x.max(), xtol=1e-15)


@given(x=ms.vectors(), total=ms.numbers(0.125, 3.0))
def test_the_projection_onto_the_simplex_lowers_all_by_the_threshold_that_bisection_finds(x, total):
    expected = numpy.maximum(x - threshold(x, total), 0.0)
    assert close(hosted(project_simplex, total)(x), expected, scale=3.0)


@given(x=ms.vectors(), radius=ms.numbers(0.125, 3.0))
def test_the_projection_onto_the_l1_ball_is_a_soft_threshold_that_bisection_finds(x, radius):
    theta = threshold(abs(x), radius) if abs(x).sum() > radius else 0.0
    expected = numpy.sign(x) * numpy.maximum(abs(x) - theta, 0.0)
    assert close(hosted(project_l1, radius)(x), expected, scale=3.0)


@given(data=st.data(), m=st.integers(1, 4), n=st.integers(1, 4))
def test_the_projection_onto_solutions_is_the_correction_of_least_norm(data, m, n):
    """Whatever the rank of A, as long as A x = b has a solution."""
    a = data.draw(ms.arrays((m, n)))
    b = a @ data.draw(ms.arrays((n,)))
    x = data.draw(ms.arrays((n,)))
    singular_values = numpy.linalg.svd(a, compute_uv=False)
    assume(((singular_values > 0.01) | (singular_values < 1e-12)).all())
    expected = x + numpy.linalg.lstsq(a, b - a @ x)[0]
    assert close(project_affine(on(x), on(a), on(b)), expected, condition=1e3, scale=10.0)


def test_one_equation_is_a_hyperplane():
    x, normal = numpy.array([3.0, 1.0]), numpy.array([1.0, 1.0])
    assert close(project_affine(on(x), on(normal), 2.0), [2.0, 0.0])


def test_no_equation_is_no_restriction():
    assert close(project_affine(on(numpy.ones(3)), on(numpy.zeros((0, 3))), on(numpy.zeros(0))), numpy.ones(3))
    assert close(project_affine(on(numpy.ones(3)), on(numpy.zeros((1, 3))), 0.0), numpy.ones(3))


# Stacks, dtypes, sizes


@pytest.mark.parametrize("name", ["l2", "l1", "simplex", "prox of l2"])
@given(x=ms.arrays((3, 2, 2)))
def test_a_stack_of_points_is_treated_one_by_one(name, x):
    f = hosted(MAPS[name], 1.0)
    assert close(f(x), numpy.stack([f(part.ravel()).reshape(2, 2) for part in x]), scale=3.0)


@given(x=ms.arrays((3, 2, 2)))
def test_equations_are_solved_by_each_point_of_a_stack(x):
    a, b = equations(4)
    p = mg.asnumpy(project_affine(on(x), on(a), on(b)))
    assert close(p.reshape(3, 4), numpy.stack([hosted(onto_solutions, 1.0)(part) for part in x.reshape(3, 4)]))


@pytest.mark.parametrize("name", ["spectral", "prox of nuclear"])
@given(x=ms.arrays((2, 2, 3, 2)))
def test_a_stack_of_matrices_is_treated_one_by_one_over_all_leading_axes(name, x):
    f = hosted(MAPS[name], 1.0)
    assert close(f(x), numpy.stack([[f(matrix) for matrix in row] for row in x]), scale=3.0)


@each_map
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [0.5, numpy.float64(0.5), numpy.array(0.5)])
def test_the_dtype_of_the_point_is_kept_whatever_that_of_the_size(name, dtype, size):
    x = on(numpy.array([[3.0, -4.0], [0.5, 0.25]], dtype))
    assert MAPS[name](x, float(size) if name in ("affine", "box") else size).dtype == dtype


@each_map
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1e-30, 1e-8, 1e8, 1e30])
def test_point_and_set_may_have_any_scale(name, dtype, scale):
    """prox of s·C at s·x is s times that of C at x."""
    x = numpy.array([[0.75, -1.25, 0.25], [1.25, 0.5, -1.0]], dtype)
    expected = hosted(MAPS[name], 0.75)(x)
    scaled = hosted(MAPS[name], 0.75 * scale)(x * numpy.asarray(scale, dtype))
    assert close(scaled.astype("float64") / scale, expected.astype(dtype), condition=10.0)


@pytest.mark.parametrize("name", sorted(set(SETS) - {"affine"}))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e8, 1e30])
def test_a_point_of_any_size_goes_to_a_member_up_to_rounding(name, dtype, scale):
    x = (numpy.random.default_rng(0).standard_normal((40, 30)) * scale).astype(dtype)
    for part in [x] if name == "spectral" else x:
        p = hosted(SETS[name].project, 1.0)(part).astype("float64")
        assert SETS[name].excess(p, 1.0) <= 64.0 * numpy.finfo(dtype).eps


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_far_from_the_solutions_the_projection_still_solves_the_equations(dtype):
    rng = numpy.random.default_rng(0)
    a, b = rng.standard_normal((3, 8)).astype(dtype), rng.standard_normal(3).astype(dtype)
    x = 1e12 * a.sum(axis=0)  # all of it has to go
    p = mg.asnumpy(project_affine(on(x), on(a), on(b)))
    assert close(a @ p, b, condition=10.0, scale=float(numpy.linalg.norm(p)))


@given(x=ms.vectors(dtype="float32"), radius=sizes)
def test_equal_coordinates_stay_equal(x, radius):
    twice = numpy.concatenate([x, x])
    for f in (project_l1, project_simplex, project_l2, prox_l2):
        p = hosted(f, radius)(twice)
        assert close(p[: x.size], p[x.size :], scale=1.0)


def test_ties_share():
    assert close(project_simplex(on(numpy.full(4, 7.0))), numpy.full(4, 0.25))
    assert close(project_l1(on(numpy.array([2.0, -2.0])), 1.0), [0.5, -0.5])


@pytest.mark.parametrize("name", sorted(set(MAPS) - {"affine"}))
def test_a_set_of_size_zero_is_one_point_and_a_step_of_zero_moves_nothing(name):
    x = on(numpy.array([[2.0, 2.0, -1.0], [2.0, 0.5, 2.0]]))
    weights = on(numpy.array([1.0, 2.0, 4.0]))
    slope = mg.grad(lambda x: (MAPS[name](x, 0.0) * weights).sum())(x)
    if name.startswith("prox"):
        assert close(MAPS[name](x, 0.0), x)
        assert close(slope, weights + 0.0 * x)
    else:
        assert not MAPS[name](x, 0.0).any()
        assert not slope.any()


def test_a_step_of_zero_moves_nothing_at_zero_either():
    for f in (soft_threshold, prox_l2, prox_nuclear):
        assert mg.grad(lambda x, f=f: f(x, 0.0).sum())(on(numpy.zeros((2, 2)))).tolist() == [[1.0, 1.0], [1.0, 1.0]]


@pytest.mark.parametrize("name", ["linf", "l2", "l1", "spectral"])
def test_an_infinite_ball_holds_everything(name):
    x = on(numpy.array([[3.0, -4.0], [0.0, 0.25]]))
    assert close(MAPS[name](x, math.inf), x)
    assert close(mg.grad(lambda x: (MAPS[name](x, math.inf) ** 2).sum())(x), 2.0 * x)


@pytest.mark.parametrize("name", ["l2", "l1", "linf", "spectral", "prox of l1", "prox of l2", "prox of nuclear"])
def test_no_points_and_points_without_coordinates(name):
    for shape in ((0, 3), (2, 0), (0, 2, 3)):
        assert MAPS[name](on(numpy.zeros(shape)), 1.0).shape == shape


def test_lists_and_whole_numbers_are_points():
    assert project_simplex([3, 1]).tolist() == [1.0, 0.0]
    assert project_l1([3, 0], 1).tolist() == [1.0, 0.0]
    assert soft_threshold([3, -1], 1).tolist() == [2.0, 0.0]
    assert project_l2([3, 4], 1).tolist() == [0.6, 0.8]
    assert project_box([3.0, -1.0], 0.0, 1.0).tolist() == [1.0, 0.0]


# Derivatives


def distance_to_a_kink(name: str, x: numpy.ndarray) -> float:
    """How far x is from where the map of size 1 has no derivative."""
    if name in ("spectral", "prox of nuclear"):
        return float(abs(numpy.linalg.svd(x, compute_uv=False) - 1.0).min())
    if name in ("l2", "prox of l2"):
        return float(abs(numpy.linalg.norm(x) - 1.0))
    if name == "l1" and abs(x).sum() > 1.0:
        return min(abs(x).sum() - 1.0, abs(x).min(), abs(abs(x) - threshold(abs(x), 1.0)).min())
    if name == "simplex":
        return float(abs(x - threshold(x, 1.0)).min())
    kinks = {"linf": (-1.0, 1.0), "box": (-1.0, 2.0), "prox of l1": (-1.0, 1.0)}
    return min((abs(x - kink).min() for kink in kinks.get(name, ())), default=1.0)


@each_map
@given(data=st.data())
def test_derivatives_are_right_in_both_modes_to_second_order(name, data):
    x = data.draw(SHAPES[name].flatmap(ms.arrays))
    assume(distance_to_a_kink(name, x) > 0.03)
    check_grads(lambda x: np.sin(x + MAPS[name](x, 1.0)), x)  # where the map is constant, its derivative is rounding


@given(x=ms.arrays((3, 3, 2), unique=True))
def test_derivatives_of_a_stack_are_those_of_its_points(x):
    x = 0.25 * x
    for f in (project_l1, project_simplex, prox_l2, project_spectral, prox_nuclear):
        weights = on(numpy.cos(numpy.arange(x.size)).reshape(x.shape))
        together = mg.grad(lambda x, f=f, w=weights: (f(x, 0.75) * w).sum())(on(x))
        alone = [
            mg.asnumpy(mg.grad(lambda x, f=f, w=w: (f(x[None], 0.75)[0] * w).sum())(on(part)))
            for part, w in zip(x, weights, strict=True)
        ]
        assert close(together, numpy.stack(alone), condition=100.0)


# Bad input


@pytest.mark.parametrize("name", MAPS)
def test_a_point_with_nan_comes_back_with_nan_and_alone(name):
    x = numpy.array([[0.5, numpy.nan, 1.0], [2.0, 0.25, 0.5]])[:, None]
    p = hosted(MAPS[name], 1.0)(x)
    assert numpy.isnan(p[0]).any()
    assert close(p[1], hosted(MAPS[name], 1.0)(x[1:])[0])


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("bad", [numpy.inf, -numpy.inf])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_an_infinite_point_comes_back_as_its_limit_or_with_nan(name, bad):
    p = hosted(MAPS[name], 1.0)(numpy.array([[0.5, bad, 1.0]]))[0]
    limits = {"linf": [0.5, numpy.sign(bad), 1.0], "box": [0.5, 2.0 if bad > 0 else -1.0, 1.0]}
    limits |= {"prox of l1": [0.0, bad, 0.0], "prox of l2": [0.5, bad, 1.0], "simplex": [0.25, 0.0, 0.75]}
    assert numpy.isnan(p).any() or close(p, limits[name])


@pytest.mark.parametrize("name", sorted(set(MAPS) - {"affine", "box"}))
def test_nothing_is_read_back_from_the_device(name, each_backend):
    x = on(numpy.array([[3.0, -4.0], [0.5, 0.25]]))
    syncs.clear()
    mg.grad(lambda x: MAPS[name](x, 1.0).sum())(x)
    assert not syncs


def test_impossible_sets_are_refused():
    x = on(numpy.ones(2))
    for f in (project_linf, project_l2, project_l1):
        with pytest.raises(ValueError, match=r"a ball needs a radius of at least 0; got -1"):
            f(x, -1.0)
        with pytest.raises(ValueError, match="radius of at least 0; got nan"):
            f(x, float("nan"))
    with pytest.raises(ValueError, match="radius of at least 0; got -1"):
        project_spectral(x[None], -1.0)
    for f in (soft_threshold, prox_l2, lambda x, t: prox_nuclear(x[None], t)):
        for wrong in (-1.0, math.nan, math.inf):
            with pytest.raises(ValueError, match=rf"needs a step of at least 0 and finite; got {wrong}"):
                f(x, wrong)
    for wrong in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match=f"a simplex needs a total of at least 0 and finite; got {wrong}"):
            project_simplex(x, wrong)
    with pytest.raises(ValueError, match="box is empty"):
        project_box(x, 1.0, 0.0)


@pytest.mark.parametrize("wrong", [None, "1", [1.0], numpy.ones(2), mg.tensor(1.0, requires_grad=True)])
def test_a_size_is_one_plain_number(wrong):
    for name in set(MAPS) - {"affine", "box"}:
        with pytest.raises(TypeError, match=r"of at least 0( and finite)?, as a plain number; got"):
            MAPS[name](on(numpy.ones((2, 2))), wrong)


def test_points_are_real_numbers():
    with pytest.raises(TypeError, match="real numbers"):
        soft_threshold(on(numpy.array([1j])), 1.0)
    with pytest.raises((TypeError, ValueError), match=r"real numbers; got <U1|Unsupported dtype <U1"):
        soft_threshold(["a"], 1.0)


def test_there_is_no_simplex_without_coordinates():
    with pytest.raises(mg.ShapeError, match=r"at least one coordinate; got shape \(2, 0\)"):
        project_simplex(on(numpy.zeros((2, 0))))


def test_singular_values_are_those_of_matrices():
    with pytest.raises(mg.ShapeError, match=r"project_spectral needs a matrix, or a stack of them; got shape \(3,\)"):
        project_spectral(on(numpy.ones(3)), 1.0)
    with pytest.raises(mg.ShapeError, match=r"prox_nuclear needs a matrix"):
        prox_nuclear(on(numpy.ones(3)), 1.0)


def test_equations_that_contradict_each_other_are_refused():
    x, a = on(numpy.ones(3)), on(numpy.array([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0]]))
    assert close(project_affine(x, a, on(numpy.array([3.0, 6.0]))), numpy.ones(3))
    with pytest.raises(ValueError, match=r"A x = b has no solution: .* misses b by 0\.16"):
        project_affine(x, a, on(numpy.array([3.0, 7.0])))
    with pytest.raises(ValueError, match="has no solution"):
        project_affine(x, a, on(numpy.array([3.0, 6.0 + 1e-9])))
    with pytest.raises(ValueError, match="has no solution"):
        project_affine(x, on(numpy.zeros(3)), 1.0)


def test_equations_must_fit_the_points_and_be_finite_constants():
    x, a = on(numpy.ones((4, 3))), on(numpy.eye(3))
    for wrong_a, wrong_b in ((a[:, :2], numpy.ones(3)), (a, numpy.ones(2)), (a[None], numpy.ones(3)), (a, 1.0)):
        with pytest.raises(mg.ShapeError, match=r"needs A of shape \(m, 3\) and b of shape \(m,\) .*; got A of shape"):
            project_affine(x, wrong_a, on(wrong_b))
    with pytest.raises(ValueError, match="finite numbers in A and b; got NaN or infinity"):
        project_affine(x, a, on(numpy.array([1.0, numpy.nan, 1.0])))
    with pytest.raises(TypeError, match="takes A and b as constants"):
        mg.grad(lambda a: project_affine(x, a, on(numpy.ones(3))).sum())(a)


@pytest.mark.parametrize(("size", "radius"), [(1e30, 1e-15), (1e30, 1e-20), (2e38, 1e-3)])
def test_a_point_that_is_far_longer_than_the_radius_still_lands_on_the_sphere(size, radius):
    x = on(numpy.array([size, size], "float32"))
    assert close(np.linalg.norm(project_l2(x, radius)), numpy.float32(radius))


def test_contradicting_equations_are_refused_beside_one_with_a_large_right_hand_side():
    a = numpy.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]], "float32")
    for b in ([1e5, 1.0, 1.5], [1e6, 1.0, 3.0]):
        with pytest.raises(ValueError, match="A x = b has no solution"):
            project_affine(on(numpy.zeros(3, "float32")), on(a), on(numpy.array(b, "float32")))
    with pytest.raises(ValueError, match="A x = b has no solution"):
        project_affine(on(numpy.zeros(2)), on([[1.0, 0.0], [0.0, 0.0]]), on([1e15, 1.0]))


@pytest.mark.parametrize(("x", "t"), [(1e-39, 1.0), (1e-20, 1e20)])
def test_the_gradient_of_what_is_shortened_to_nothing_is_zero_however_short_it_was(x, t):
    point = on(numpy.array([x, x], "float32"))
    assert mg.grad(lambda x: prox_l2(x, t).sum())(point).tolist() == [0.0, 0.0]


def test_a_long_vector_lands_in_the_l1_ball_in_float32_too():
    x = (1e-3 * numpy.random.default_rng(0).standard_normal(1_000_000)).astype("float32")
    assert abs(abs(mg.asnumpy(project_l1(on(x), 500.0))).sum(dtype="float64") / 500.0 - 1.0) < 1e-6
