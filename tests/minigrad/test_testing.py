"""The derivation kit: it accepts what is true, and refutes what is false with a small counterexample."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad.numpy as np
from minigrad import prox
from minigrad.primitives.kinds import TABLE, elementwise, general
from minigrad.testing import (
    Counterexample,
    DerivativeError,
    assert_convex,
    assert_descent_direction,
    assert_gradient,
    assert_identity,
    assert_lipschitz,
    assert_maximizer,
    assert_nonexpansive,
    assert_projection,
    assert_upper_bound,
    check_grads,
    close,
)
from minigrad.testing import strategies as ms

NAN, INF = float("nan"), float("inf")


def refuted(*words):
    pattern = "(?s)" + "".join(f"(?=.*{word})" for word in words)
    return pytest.raises(Counterexample, match=pattern)


# close


def test_nan_equals_nothing_and_infinities_must_agree():
    assert not close([1.0, NAN], [1.0, NAN])
    assert not close(NAN, 1.0)
    assert close([INF, 1.0], [INF, 1.0])
    assert not close([INF], [-INF])
    assert not close([INF], [1.0])


@given(x=ms.arrays(), factor=st.sampled_from([1.0, 1e-200, 1e200]))
def test_the_tolerance_follows_scale_dtype_and_conditioning(x, factor):
    x = numpy.where(x == 0.0, 1.0, x) * factor
    assert close(x * (1.0 + 1e-15), x)
    assert not close(x * (1.0 + 1e-10), x)
    assert close(x * (1.0 + 1e-10), x, condition=1e5)
    if factor == 1.0:
        assert close((x * (1.0 + 1e-6)).astype("float32"), x)
        assert close(x - x + 1e-14, x * 0.0, scale=1.0)
        assert not close(x - x + 1e-14, x * 0.0)


def test_it_says_what_differs_and_what_was_allowed():
    assert repr(close([1.0, 2.0], [1.0, 3.0])).startswith("differ by 1 at (1,): 2.0 against 3.0; allowed is")
    assert "shapes differ: (2,) against (3,)" in repr(close([1.0, 2.0], [1.0, 2.0, 3.0]))


# check_grads catches every kind of wrong rule


def planted(push=None, pull=None, name="planted"):
    """The function x³ with a wrong rule in one or both sweeps."""
    right = lambda t, ans, x: t * (3.0 * x * x)  # noqa: E731
    try:
        return general(name, (push or right,), (pull or right,), forward=lambda x: x**3)
    finally:
        TABLE.pop(name)


WRONG = {
    "a wrong constant": lambda t, ans, x: t * (2.0 * x * x),
    "a wrong sign": lambda t, ans, x: -t * (3.0 * x * x),
    "a constant that is off by a part in a million": lambda t, ans, x: t * (3.000003 * x * x),
    "a second derivative that is lost": lambda t, ans, x: t * (3.0 * numpy.square(getattr(x, "data", x))),
}


@pytest.mark.parametrize("mistake", WRONG)
@pytest.mark.parametrize("where", ["push", "pull", "both"])
def test_a_wrong_rule_is_caught(mistake, where):
    rule = WRONG[mistake]
    f = planted(push=rule if where != "pull" else None, pull=rule if where != "push" else None)
    with pytest.raises(DerivativeError):
        check_grads(f, numpy.array([0.5, -1.5]))


def test_a_transposed_matrix_is_caught():
    matrix = numpy.array([[1.0, 2.0], [3.0, 4.0]])
    try:
        f = general("planted", (lambda t, ans, x: matrix @ t,), (lambda g, ans, x: matrix @ g,), lambda x: matrix @ x)
    finally:
        TABLE.pop("planted")
    with pytest.raises(DerivativeError, match="pull"):
        check_grads(f, numpy.ones(2))


def test_a_forgotten_argument_is_caught():
    try:
        f = elementwise("planted", lambda t, ans, x, y: t * y, lambda t, ans, x, y: t * 0.0, forward=lambda x, y: x * y)
    finally:
        TABLE.pop("planted")
    with pytest.raises(DerivativeError):
        check_grads(f, numpy.ones(2), numpy.ones(2))


def test_a_large_part_does_not_hide_the_error_of_a_small_one():
    wrong = planted(push=WRONG["a wrong constant"], pull=WRONG["a wrong constant"])
    with pytest.raises(DerivativeError, match="part 1 of f"):
        check_grads(lambda x: (1e7 * x, wrong(x)), numpy.array([0.5]))


def test_a_kink_is_said_to_be_one():
    with pytest.raises(DerivativeError, match="kink"):
        check_grads(lambda x: np.abs(x) * x * 1e3 + np.relu(x), numpy.array([1e-6]))


def test_right_derivatives_pass_in_one_mode_alone_and_to_third_order():
    check_grads(lambda x: np.sin(x) * x, numpy.array([0.5]), order=3)
    check_grads(planted(push=WRONG["a wrong sign"]), numpy.array([0.5]), modes=("pull",))
    with pytest.raises(ValueError, match="modes are 'push' and 'pull'"):
        check_grads(np.sin, 1.0, modes=("backwards",))
    with pytest.raises(ValueError, match="order must be 1 or more; got 0"):
        check_grads(np.sin, 1.0, order=0)


# The assertions


def test_gradients():
    assert_gradient(lambda x: np.logsumexp(x), np.softmax, 3)
    with refuted("fails at x = \\[0\\. +0\\.015625\\]", "against"):
        assert_gradient(lambda x: np.sum(x**3), lambda x: 2.0 * x**2, 2)
    with refuted("shape \\(\\)", "\\(2,\\)"):
        assert_gradient(lambda x: np.sum(x), lambda x: 1.0, 2)


def test_identities():
    assert_identity(lambda x: np.tanh(x), lambda x: 2.0 * np.sigmoid(2.0 * x) - 1.0)
    with refuted("x = \\[-0\\.015625\\]"):
        assert_identity(np.abs, lambda x: x)
    with refuted("NaN"):
        assert_identity(lambda x: x * NAN, lambda x: x * NAN)


def test_upper_bounds():
    assert_upper_bound(lambda x: np.linalg.norm(x), lambda x: np.linalg.norm(x, 1))
    assert_upper_bound(lambda x: np.max(np.sin(x)), 1.0)
    with refuted("violated by 1\\.0", "rounding explains"):
        assert_upper_bound(lambda x: np.sum(np.abs(x)), 1.984375, numpy.array([3.0]))
    with refuted("fails at"):
        assert_upper_bound(lambda x: np.sum(x * NAN), 1.0)


def test_lipschitz_constants():
    assert_lipschitz(np.tanh, 1.0)
    assert_lipschitz(lambda x: np.max(x), 1.0, norm="linf")
    with refuted("Lipschitz bound 1 fails", "x = \\[0\\.\\], y = \\[0\\.015625\\]"):
        assert_lipschitz(lambda x: 1.5 * x, 1.0)


def test_nonexpansive_maps():
    assert_nonexpansive(np.relu)
    with refuted("Lipschitz bound 1 fails"):
        assert_nonexpansive(np.exp)


def test_convexity():
    assert_convex(lambda x: np.sum(np.softplus(x)))
    assert_convex(lambda x: -np.sum(np.log(x)), ms.vectors(3, 0.125, 4.0))
    with refuted("convexity with s ="):
        assert_convex(lambda x: np.sum(np.sin(x)))


def test_projections():
    assert_projection(lambda x: prox.project_l2(x, 1.0), lambda x: numpy.linalg.norm(x) <= 1.0 + 1e-12)
    with refuted("not in the set"):
        assert_projection(lambda x: x, lambda x: numpy.linalg.norm(x) <= 1.0)
    with refuted("<x - Px, z - Px> <= 0"):  # radial scaling lands in the box, but not at the nearest point
        assert_projection(lambda x: x / max(1.0, abs(x).max()), lambda x: abs(x).max() <= 1.0 + 1e-12, 2)
    with refuted("moves"):
        assert_projection(lambda x: 0.5 * x, lambda x: True)


def test_maximizers():
    assert_maximizer(lambda z: z.sum(), numpy.ones(3), ms.inside_ball(3, "linf"))
    with refuted("the maximum fails"):
        assert_maximizer(lambda z: z.sum(), numpy.zeros(3), ms.inside_ball(3, "l1"))


def test_descent_directions():
    f = lambda x: np.sum(x * x)  # noqa: E731
    assert_descent_direction(f, numpy.array([1.0, 2.0]), numpy.array([-1.0, 0.0]))
    with refuted("descent fails"):
        assert_descent_direction(f, numpy.array([1.0, 2.0]), numpy.array([1.0, 0.0]))


def test_a_claim_inside_a_hypothesis_test_shrinks_with_it():
    @given(scale=ms.numbers(1.0, 3.0))
    def claim(scale):
        assert_upper_bound(lambda x: scale * np.sum(np.abs(x)), 4.0, 1)

    with refuted("the upper bound"):
        claim()


# The strategies keep their promises


@given(a=ms.positive_definite(), b=ms.invertible(), p=ms.probabilities())
def test_matrices_and_probabilities(a, b, p):
    assert numpy.array_equal(a, a.T)
    assert numpy.linalg.eigvalsh(a).min() >= 0.5 - 1e-12
    assert numpy.linalg.cond(b) < 50.0
    assert p.min() > 0.0
    assert close(p.sum(), 1.0)


@given(data=st.data(), norm=st.sampled_from(["linf", "l2", "l1"]), radius=ms.numbers(0.125, 2.0))
def test_points_inside_and_outside_of_balls(data, norm, radius):
    order = {"linf": numpy.inf, "l2": 2, "l1": 1}[norm]
    assert numpy.linalg.norm(data.draw(ms.inside_ball(3, norm, radius)), order) <= radius * (1.0 + 1e-15)
    assert numpy.linalg.norm(data.draw(ms.outside_ball(3, norm, radius)), order) > radius


@given(x=ms.arrays((4,), avoid=(0.0,), unique=True), network=ms.networks(), shapes=ms.broadcastable(3))
def test_arrays_networks_and_shapes(x, network, shapes):
    assert abs(x).min() >= 0.125
    assert len(set(x)) == 4
    model, theta, inputs = network
    assert model(theta, inputs).shape[0] == inputs.shape[0]
    numpy.broadcast_shapes(*shapes)
