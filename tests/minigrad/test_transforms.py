"""The transforms: what they promise alone, and in any mixture."""

import threading

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
import minigrad.numpy as np
from minigrad.backend import current
from minigrad.testing import check_grads, close
from minigrad.testing import strategies as ms

pytestmark = pytest.mark.usefixtures("each_backend")


def on(x):
    return current().asarray(x)


def f(x):
    """A scalar function whose Hessian is neither diagonal nor constant."""
    return np.sum(np.tanh(x[:-1] * x[1:])) + np.sum(x) ** 2 * x[0]


vectors = ms.vectors().filter(lambda x: len(x) > 1)


@given(x=vectors)
def test_the_hessian_is_symmetric_and_its_columns_are_products_with_unit_vectors(x):
    x = on(x)
    hessian = mg.asnumpy(mg.hessian(f)(x))
    columns = [mg.asnumpy(mg.hvp(f, x, on(unit))) for unit in numpy.eye(len(x))]
    assert close(hessian, hessian.T, condition=10.0)
    assert close(hessian, numpy.stack(columns, axis=1), condition=10.0)


@given(x=vectors, data=st.data())
@pytest.mark.proves("dl10-hvp-derivation")
def test_every_order_of_modes_gives_the_same_hessian_vector_product(x, data):
    v = on(data.draw(ms.arrays(x.shape)))
    x = on(x)
    forward_over_reverse = mg.hvp(f, x, v)
    reverse_over_reverse = mg.grad(lambda x: np.sum(mg.grad(f)(x) * v))(
        x
    )  # the lecture's d/dx (z^T grad f), z constant
    reverse_over_forward = mg.grad(lambda x: mg.jvp(f, (x,), (v,))[1])(x)
    forward_over_forward = [mg.jvp(lambda x: mg.jvp(f, (x,), (v,))[1], (x,), (on(e),))[1] for e in numpy.eye(len(x))]
    for other in (reverse_over_reverse, reverse_over_forward, [mg.asnumpy(x) for x in forward_over_forward]):
        assert close(forward_over_reverse, numpy.asarray(other) if isinstance(other, list) else other, condition=100.0)


@given(network=ms.networks(), data=st.data())
def test_the_gauss_newton_product_is_j_transpose_h_j(network, data):
    model, theta, x = network
    weight, bias = theta[0]

    def outputs(w):
        return model([(w, on(bias)), *[(on(a), on(b)) for a, b in theta[1:]]], on(x))

    def loss(z):
        return np.sum(np.logaddexp(z, 0.0)) + np.sum(z * z)

    w, v = on(weight), on(data.draw(ms.arrays(weight.shape)))
    out, lin = mg.linearize(outputs, w)
    expected = lin.pull(mg.hvp(loss, out, lin.push(v)))[0]
    jacobian = mg.asnumpy(mg.jacobian(outputs)(w)).reshape(out.size, w.size)
    curvature = mg.asnumpy(mg.hessian(loss)(out)).reshape(out.size, out.size)
    by_matrices = (jacobian.T @ curvature @ jacobian @ mg.asnumpy(v).ravel()).reshape(weight.shape)
    assert close(mg.ggnvp(outputs, loss, w, v), expected, condition=10.0)
    assert close(expected, by_matrices, condition=1e3)


@given(x=vectors, data=st.data())
def test_the_gauss_newton_matrix_is_made_once_and_is_linear_and_symmetric(x, data):
    u, v = (on(data.draw(ms.arrays(x.shape))) for _ in range(2))
    x, runs = on(x), []

    def model(x):
        runs.append("model")
        return {"products": x[:-1] * x[1:], "sines": np.sin(x)}

    def loss(z):
        runs.append("loss")
        return np.logsumexp(z["products"]) + np.sum(z["sines"] ** 2)

    product = mg.gauss_newton(model, loss, x)
    expected = mg.ggnvp(model, loss, x, u)
    runs.clear()
    x += 1.0  # the matrix stays that of the point it was made at
    gu, gv = product(u), product(v)
    assert not runs
    assert close(gu, expected)
    assert close(gu, product(u))
    assert close(np.sum(v * gu), np.sum(u * gv), condition=1e3)
    assert close(product(2.0 * u - v), 2.0 * gu - gv, condition=1e3)


def test_a_gauss_newton_product_can_be_differentiated():
    """For z^3 at z = x^2 the matrix is 2x * 6z * 2x = 24 x^4, whose derivative is 96 x^3."""
    slope = mg.grad(lambda x: mg.gauss_newton(lambda x: x**2, lambda z: z**3, x)(1.0))
    assert close(slope(on(2.0)), 768.0)


def test_a_gauss_newton_matrix_needs_one_number_and_vectors_of_its_shape():
    with pytest.raises(mg.ShapeError, match="the gradient is that of one number"):
        mg.gauss_newton(np.sin, np.cos, on([1.0, 2.0]))
    product = mg.gauss_newton(np.sin, np.sum, on([1.0, 2.0]))
    with pytest.raises(mg.ShapeError, match=r"the tangent has shape \(3,\), and the primal has shape \(2,\)"):
        product(on([1.0, 2.0, 3.0]))
    assert product(on([1.0, 2.0])).tolist() == [0.0, 0.0]  # a linear loss has no curvature


@given(x=vectors)
def test_a_linearization_is_reusable_linear_and_adjoint_to_itself(x):
    _, lin = mg.linearize(lambda x: np.outer(x, np.sin(x)), on(x))
    v, u = (
        on(numpy.cos(numpy.arange(len(x)))),
        on(numpy.sin(numpy.arange(1.0, len(x) ** 2 + 1.0)).reshape(len(x), len(x))),
    )
    assert close(lin.push(2.0 * v), 2.0 * lin.push(v), condition=10.0)
    assert close(np.sum(u * lin.push(v)), np.sum(lin.pull(u)[0] * v), condition=1e3)
    assert close(lin.push(v), lin.push(v))
    assert close(lin.pull(u)[0], lin.pull(u)[0])


def test_perturbations_of_nested_derivatives_are_not_confused():
    one, three = on(1.0), on(3.0)
    assert mg.grad(lambda x: x * mg.grad(lambda y: x + y)(one))(one) == 1.0
    assert mg.grad(lambda x: x * mg.jvp(lambda y: x * y, (one,), (one,))[1])(three) == 6.0
    assert mg.jvp(lambda x: x * mg.jvp(lambda y: x * y, (one,), (one,))[1], (three,), (one,))[1] == 6.0
    assert mg.jvp(lambda x: x * mg.grad(lambda y: x * y * y)(one), (three,), (one,))[1] == 12.0
    assert mg.grad(lambda x: mg.grad(lambda y: x * y)(x))(three) == 1.0
    assert mg.grad(lambda x: mg.grad(lambda x: x * mg.grad(lambda x: x**3)(x))(x))(one) == 18.0


def test_a_variable_of_an_outer_derivative_may_be_closed_over():
    w = mg.tensor(2.0, requires_grad=True)
    mg.jvp(lambda x: w**2 * x, (on(5.0),), (on(1.0),))[1].backward()
    assert w.grad.item() == 4.0


def test_derivatives_to_the_sixth_order():
    derivative = np.exp
    for _ in range(6):
        derivative = mg.grad(derivative)
    assert close(derivative(on(0.5)), numpy.exp(0.5), condition=10.0)


def test_containers_are_taken_and_given():
    theta = {"w": on([1.0, 2.0]), "rest": (on(3.0), [on([4.0])])}

    def loss(theta):
        return np.sum(theta["w"] ** 2) * theta["rest"][0] + np.sum(theta["rest"][1][0])

    value, gradient = mg.value_and_grad(loss)(theta)
    assert value == 19.0
    assert gradient["w"].tolist() == [6.0, 12.0]
    assert gradient["rest"][0] == 5.0
    assert gradient["rest"][1][0].tolist() == [1.0]
    product = mg.hvp(loss, theta, {"w": on([1.0, 0.0]), "rest": (on(0.0), [on([0.0])])})
    assert product["w"].tolist() == [6.0, 0.0]
    assert product["rest"][0] == 2.0


def test_derivatives_have_the_dtype_of_what_they_belong_to():
    """float32 meets float64: the result is float64, so its tangent is; the argument is float32, so its gradient is."""
    single, double = on(numpy.ones(2, "float32")), on(numpy.ones((2, 2)))
    out, lin = mg.linearize(lambda x: x + double, single)
    assert out.dtype == lin.push(single).dtype == "float64"
    assert lin.pull(out)[0].dtype == "float32"
    assert lin.pull(out)[0].shape == (2,)


def test_a_value_that_is_returned_twice_collects_both_cotangents():
    (pulled,) = mg.vjp(lambda x: (y := x * 2.0, y), on(3.0))[1]((on(1.0), on(1.0)))
    assert pulled == 4.0


def test_argnums_and_keywords():
    gradients = mg.grad(lambda x, y, *, power: (x * y) ** power, (1, 0))(on(2.0), on(3.0), power=2)
    assert [float(g) for g in gradients] == [24.0, 36.0]


def test_a_function_that_ignores_its_argument_has_gradient_zero():
    assert mg.grad(lambda x: 1.0)(on([1.0, 2.0])).tolist() == [0.0, 0.0]
    assert mg.jvp(lambda x: on([7.0, 7.0]), (on(1.0),), (on(1.0),))[1].tolist() == [0.0, 0.0]


def test_gradients_are_plain_writable_arrays_that_nobody_else_holds():
    x = on([1.0, 2.0])
    (gx, gy) = mg.grad(lambda x, y: np.sum(x + y), (0, 1))(x, x)
    gx += 1.0
    assert gy.tolist() == [1.0, 1.0]
    seed = on([1.0, 2.0])
    (pulled,) = mg.vjp(lambda x: x, x)[1](seed)
    pushed = mg.linearize(lambda x: x, x)[1].push(seed)
    pulled += 1.0
    pushed += 1.0
    assert seed.tolist() == [1.0, 2.0]
    assert x.tolist() == [1.0, 2.0]


def test_no_grad_makes_constants_for_every_derivative_outside_and_none_inside():
    def constant(x):
        with mg.no_grad():
            inner = mg.grad(lambda y: y**3)(x)
        return inner * x

    assert mg.grad(constant)(on(2.0)) == 12.0


def test_threads_do_not_see_each_others_modes():
    results = {}

    def work(name, quiet):
        with mg.no_grad() if quiet else mg.detect_anomaly():
            results[name] = (mg.tensor(1.0, requires_grad=True) * 2.0).requires_grad

    threads = [threading.Thread(target=work, args=(i, i % 2 == 0)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {i: i % 2 == 1 for i in range(8)}


def test_threads_choose_their_backends_alone():
    chosen = {}

    def work(name):
        with mg.use(name):
            chosen[name] = type(mg.tensor([1.0]).data).__name__

    threads = [threading.Thread(target=work, args=(name,)) for name in ("numpy", "fake")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert chosen == {"numpy": "ndarray", "fake": "DeviceArray"}


def test_backward_accumulates_and_agrees_with_grad():
    x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    f(x).backward()
    f(x).backward()
    assert close(x.grad, 2.0 * mg.grad(f)(x.data))


def test_backward_of_a_backward():
    x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    f(x).backward(create_graph=True)
    gradient, x.grad = x.grad, None
    v = on([1.0, -1.0, 0.5])
    gradient.backward(v)
    assert close(x.grad, mg.hvp(f, x.data, v), condition=10.0)


def test_a_gradient_penalty_is_differentiated():
    """The penalty ‖∇ₓ D(x)‖ of a critic, differentiated by the critic's weight, as in WGAN-GP."""
    x = on([[0.5, -1.0], [0.25, 2.0]])

    def penalty(w):
        slopes = mg.grad(lambda x: np.sum(np.tanh(x @ w)))(x)
        return np.mean((np.linalg.norm(slopes, axis=1) - 1.0) ** 2)

    check_grads(penalty, numpy.array([0.5, 1.5]))
