"""The norms of matrices: equal to NumPy's, differentiable to any order, and what the lectures say of the largest."""

from itertools import pairwise

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
import minigrad.numpy as np
from minigrad.backend import current
from minigrad.primitives.spectral import polar, sylvester, top_singular_pair
from minigrad.testing import assert_upper_bound, check_grads, close
from minigrad.testing import strategies as ms
from tests.fake_device import syncs
from tests.minigrad.cases import with_singular_values

pytestmark = pytest.mark.usefixtures("each_backend")

MATRICES = ms.arrays(ms.shapes(2, 2))
SEPARATED = with_singular_values("polar").map(lambda case: case[1][0])  # one matrix, or a stack


def on(x):
    return current().asarray(x)


# The values


@pytest.mark.parametrize("order", [2, "nuc"])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [(0, 1), (1, 0), (-1, 0), [1, 2], (2, 1)])
@given(x=ms.arrays((2, 3, 4)))
def test_the_norms_are_numpys_along_any_two_axes(order, keepdims, axis, x):
    expected = numpy.linalg.norm(x, order, tuple(axis), keepdims)
    assert close(np.linalg.norm(on(x), order, axis, keepdims), expected, scale=1.0)
    assert close(numpy.linalg.norm(mg.tensor(x), order, tuple(axis), keepdims), expected, scale=1.0)


@pytest.mark.parametrize("order", [2, "nuc"])
@given(x=MATRICES)
def test_a_matrix_needs_no_axes(order, x):
    for matrix in (x, x.astype("float32"), (64 * x).astype("int64")):
        value = np.linalg.norm(on(matrix), order)
        assert value.dtype == numpy.linalg.norm(matrix, order).dtype
        assert close(value, numpy.linalg.norm(matrix, order), scale=1.0)


@pytest.mark.proves("disc-linear-lipschitz")
@given(w=MATRICES)
def test_the_largest_singular_value_is_the_lipschitz_constant_of_the_linear_map(w):
    """It bounds ‖W x‖ for unit x, the top right singular vector attains it, and power iteration climbs to it."""
    sigma = float(np.linalg.norm(on(w), 2))
    length = numpy.linalg.norm
    assert_upper_bound(lambda x: length(w @ x), lambda x: sigma * length(x), w.shape[1])
    u, v = numpy.split(mg.asnumpy(top_singular_pair(on(w))), [w.shape[0]])
    assert close(w @ v, sigma * u, scale=1.0)
    assert u.sum() >= -1e-12  # of the two signs, this one is given
    assert close(length(w @ v), sigma, scale=1.0)
    x, slopes = numpy.cos(numpy.arange(w.shape[1])), []
    for _ in range(300):
        x = x / max(length(x), 1e-300)
        slopes.append(length(w @ x))
        x = w.T @ (w @ x)
    assert all(later >= earlier - 1e-12 for earlier, later in pairwise(slopes))
    assert slopes[-1] <= sigma + 1e-12
    assert abs(v @ numpy.cos(numpy.arange(w.shape[1]))) < 0.1 or slopes[-1] >= 0.99 * sigma


@given(data=st.data())
def test_the_two_norms_are_dual(data):
    """⟨x, z⟩ ≤ ‖x‖₂ ‖z‖_*, with equality for z = u vᵀ, and for x the polar factor of z."""
    shape = data.draw(ms.shapes(2, 2))
    x, z = data.draw(ms.arrays(shape)), data.draw(ms.arrays(shape))
    spectral, nuclear = float(np.linalg.norm(on(x), 2)), float(np.linalg.norm(on(z), "nuc"))
    assert (x * z).sum() <= spectral * nuclear + 1e-12
    top, factor = mg.grad(lambda x: np.linalg.norm(x, 2))(on(x)), polar(on(z))
    assert close((mg.asnumpy(top) * x).sum(), spectral, scale=1.0)
    assert close((mg.asnumpy(factor) * z).sum(), nuclear, scale=1.0)
    assert float(np.linalg.norm(factor, 2)) <= 1.0 + 1e-12


@given(a=ms.positive_definite(), b=ms.positive_definite(), data=st.data())
def test_sylvesters_equation_is_solved(a, b, data):
    c = data.draw(ms.arrays((len(a), len(b))))
    y = mg.asnumpy(sylvester(on(a), on(b), on(c)))
    assert close(a @ y + y @ b, c, condition=10.0, scale=3.0)


# Derivatives


@pytest.mark.parametrize("order", [2, "nuc"])
@given(x=SEPARATED)
def test_derivatives_are_right_to_third_order(order, x):
    check_grads(lambda x: np.linalg.norm(x, order, axis=(-2, -1)), x, order=3)


@given(w=SEPARATED.filter(lambda x: x.ndim == 2))
def test_a_gradient_penalty_of_a_normalised_layer_can_be_differentiated(w):
    x = on(numpy.cos(numpy.arange(w.shape[1])))

    def penalty(w):
        slope = mg.grad(lambda x: np.sum(np.tanh((w / np.linalg.norm(w, 2)) @ x)))(x)
        return np.sum(slope**2)

    check_grads(penalty, w)


@given(x=ms.vectors().filter(lambda x: abs(x).max() > 0.125))
def test_a_row_or_column_has_one_singular_value_its_length(x):
    v = on(numpy.cos(numpy.arange(x.size)))
    for order in (2, "nuc"):
        for matrix in (lambda x: x[None], lambda x: x[:, None]):
            f = lambda x, order=order, matrix=matrix: np.linalg.norm(matrix(x), order)  # noqa: E731
            for derivative in (mg.grad, lambda f: lambda x: mg.hvp(f, x, v)):
                assert close(derivative(f)(on(x)), derivative(np.linalg.norm)(on(x)), condition=100.0, scale=1.0)


@pytest.mark.parametrize("gap", [1.0, 1e-4, 1e-8])
def test_the_second_derivative_grows_as_the_gap_closes(gap):
    """Along e₁e₂ᵀ, that of the spectral norm at diag(a, b) is a/(a² − b²)."""
    a, b = 1.0 + gap, 1.0
    direction = on(numpy.array([[0.0, 1.0], [0.0, 0.0]]))
    product = mg.hvp(lambda x: np.linalg.norm(x, 2), on(numpy.diag([a, b])), direction)
    assert close((product * direction).sum(), a / (a**2 - b**2), condition=1.0 / gap)


@pytest.mark.parametrize("order", [2, "nuc"])
@pytest.mark.parametrize(("scale", "dtype"), [(1e-200, "float64"), (1e200, "float64"), (1e-30, "float32")])
def test_a_norm_of_any_scale_has_its_derivatives(order, scale, dtype):
    """The gradient does not depend on the scale of x, and the second derivative goes with its inverse."""
    x = numpy.array([[3.0, 1.0, 0.5], [-1.0, 2.0, 0.25]], dtype)
    v = on(numpy.cos(numpy.arange(6.0)).reshape(2, 3).astype(dtype))
    factor = float(scale)

    def f(x):
        return np.linalg.norm(x, order)

    assert close(mg.grad(f)(on(x * numpy.asarray(scale, dtype))), mg.grad(f)(on(x)), condition=10.0)
    second = mg.hvp(f, on(x * numpy.asarray(scale, dtype)), v)
    assert close(second * factor, mg.hvp(f, on(x), v), condition=10.0)


@given(q=MATRICES.map(lambda x: numpy.linalg.qr(x + 4.0 * numpy.eye(*x.shape))[0]))
def test_the_nuclear_norm_is_smooth_where_equal_singular_values_are_positive(q):
    check_grads(lambda x: np.linalg.norm(x, "nuc"), q)


@pytest.mark.parametrize("order", [2, "nuc"])
def test_the_first_derivative_needs_no_gap_and_does_not_wait_for_the_device(order):
    tied = on(numpy.stack([numpy.eye(2), numpy.zeros((2, 2))]))
    syncs.clear()
    gradient = mg.grad(lambda x: np.sum(np.linalg.norm(x, order, axis=(1, 2))))(tied)
    assert not syncs
    values = numpy.array([1.0 if order == 2 else 2.0, 0.0])
    assert close((gradient * tied).sum(axis=(1, 2)), values)
    assert not gradient[1].any()


@given(q=ms.arrays((3, 3)).map(lambda x: numpy.linalg.qr(x)[0]), dtype=st.sampled_from(["float32", "float64"]))
def test_equal_singular_values_are_recognised_up_to_rounding(q, dtype):
    """One such matrix in a stack is enough, as an orthogonal one."""
    stack = on(numpy.stack([numpy.diag([3.0, 2.0, 1.0]), q]).astype(dtype))
    with pytest.raises(numpy.linalg.LinAlgError, match="as those of an orthogonal matrix are"):
        mg.hvp(lambda x: np.sum(np.linalg.norm(x, 2, axis=(1, 2))), stack, stack)


# Odd input


@pytest.mark.parametrize("order", [2, "nuc"])
@pytest.mark.parametrize("bad", [numpy.nan, numpy.inf])
def test_a_matrix_that_is_not_finite_has_norm_nan_and_spoils_no_other(order, bad):
    stack = on(numpy.array([[[1.0, bad], [0.0, 1.0]], [[3.0, 0.0], [0.0, 1.0]]]))
    value, gradient = mg.value_and_grad(lambda x: np.sum(np.linalg.norm(x, order, axis=(1, 2))[1:]))(stack)
    assert close(value, 3.0 if order == 2 else 4.0)
    assert numpy.isnan(mg.asnumpy(np.linalg.norm(stack, order, axis=(1, 2)))[0])
    assert close(gradient[1], mg.grad(lambda x: np.linalg.norm(x, order))(stack[1]))
    assert numpy.isnan(mg.asnumpy(mg.grad(lambda x: np.linalg.norm(x, order))(stack[0]))).all()


@pytest.mark.parametrize("order", [2, "nuc"])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0), (0, 2, 2), (2, 0, 3)])
def test_a_matrix_without_elements_has_norm_zero(order, shape):
    x = on(numpy.zeros(shape))
    value, pull = mg.vjp(lambda x: np.linalg.norm(x, order, axis=(-2, -1)), x)
    assert value.shape == shape[:-2]
    assert not value.any()
    assert pull(value)[0].shape == shape


@pytest.mark.parametrize(
    ("x", "order", "axis", "message"),
    [
        (numpy.ones(3), "nuc", None, r"norm of order 'nuc' needs the two axes of matrices, and got shape \(3,\)"),
        (numpy.ones((2, 2)), "nuc", 0, "needs the two axes of matrices, .* with axis=0"),
        (
            numpy.ones((2, 2, 2)),
            2,
            None,
            r"norm of order 2 needs one axis, or two of matrices, and got shape \(2, 2, 2",
        ),
        (numpy.ones((2, 2, 2)), 2, (1, -2), r"needs one axis, or two of matrices, .* with axis=\(1, -2\)"),
        (numpy.ones((2, 2)), 1, None, "norm of order 1 needs one axis, and got"),
    ],
)
def test_an_order_that_does_not_fit_the_axes_is_refused(x, order, axis, message):
    with pytest.raises(mg.ShapeError, match=message):
        np.linalg.norm(on(x), order, axis)


@pytest.mark.parametrize("order", ["foo", 0, -1.0, numpy.nan, True, "2", [2]])
@pytest.mark.parametrize("shape", [(2,), (2, 2)])
def test_an_order_that_is_none_is_refused_whatever_the_shape(order, shape):
    with pytest.raises(
        ValueError, match="norm knows the orders None, 'fro', 'nuc', inf, -inf and positive numbers; got"
    ):
        np.linalg.norm(on(numpy.ones(shape)), order)


@pytest.mark.parametrize("order", [numpy.int64(1), numpy.int64(2), numpy.float32(3.0), numpy.float64(numpy.inf)])
@given(x=ms.vectors())
def test_an_order_may_be_one_of_numpys_numbers(order, x):
    assert close(np.linalg.norm(on(x), order), numpy.linalg.norm(x, order), condition=10.0)
