"""minigrad.numpy: the values are NumPy's, and the gradients are those of another engine."""

import autograd
import autograd.numpy as anp
import autograd.scipy.special as asp
import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
import minigrad.numpy as np
from minigrad.testing import close
from minigrad.testing import strategies as ms

X = numpy.array([[0.5, -1.25, 2.0], [1.5, 0.75, -0.5]])
SQUARE = numpy.array([[3.0, 0.5, -1.0], [0.25, 2.0, 0.5], [1.0, -0.5, 4.0]])
POSITIVE = SQUARE @ SQUARE.T + numpy.eye(3)

# name: a function of the namespace, and its argument. The namespaces are minigrad.numpy, numpy, and autograd.numpy.
COMPOSITIONS = {
    "prod": (lambda np, x: np.prod(x), X),
    "prod along an axis": (lambda np, x: np.prod(x, axis=1, keepdims=True), X),
    "var": (lambda np, x: np.var(x, axis=0, ddof=1), X),
    "std": (lambda np, x: np.std(x, axis=1), X),
    "ptp": (lambda np, x: np.max(x, axis=1) - np.min(x, axis=1), X),
    "dot": (lambda np, x: np.dot(x, x.T), X),
    "inner": (lambda np, x: np.inner(x, x), X),
    "kron": (lambda np, x: np.kron(x, x[:, :2]), X),
    "tensordot": (lambda np, x: np.tensordot(x, x, axes=([0, 1], [0, 1])), X),
    "einsum with a lone index": (lambda np, x: np.einsum("ij,k->k", x, x[0]), X),
    "einsum with an ellipsis": (lambda np, x: np.einsum("...j,jk->...k", x, SQUARE), X),
    "einsum with implied output": (lambda np, x: np.einsum("ij,jk", x, SQUARE), X),
    "trace": (lambda np, x: np.trace(x), SQUARE),
    "diag of a vector": (lambda np, x: np.diag(x[0], 1), X),
    "diag of a matrix": (lambda np, x: np.diag(x, -1), SQUARE),
    "tril": (lambda np, x: np.tril(x, -1), SQUARE),
    "triu": (lambda np, x: np.triu(x), SQUARE),
    "swapaxes": (lambda np, x: np.swapaxes(x[None], 0, 2), X),
    "moveaxis": (lambda np, x: np.moveaxis(x[None], 0, -1), X),
    "expand_dims": (lambda np, x: np.expand_dims(x, 1), X),
    "squeeze": (lambda np, x: np.squeeze(x[:, None]), X),
    "concatenate": (lambda np, x: np.concatenate([x, x[:1]], axis=0), X),
    "stack": (lambda np, x: np.stack([x, 2.0 * x], axis=1), X),
    "vstack": (lambda np, x: np.vstack([x[0], x]), X),
    "hstack": (lambda np, x: np.hstack([x, x]), X),
    "dstack": (lambda np, x: np.dstack([x, x]), X),
    "column_stack": (lambda np, x: np.column_stack([x[0], x[1]]), X),
    "append": (lambda np, x: np.append(x, x[0]), X),
    "split": (lambda np, x: np.split(x, 3, axis=1)[1], X),
    "array_split": (lambda np, x: np.array_split(x, 2, axis=1)[0], X),
    "tile": (lambda np, x: np.tile(x, (2, 1, 2)), X),
    "repeat": (lambda np, x: np.repeat(x, 2, axis=1), X),
    "roll": (lambda np, x: np.roll(x, 4), X),
    "cumsum": (lambda np, x: np.cumsum(x), X),
    "clip": (lambda np, x: np.clip(x, -1.0, 1.0), X),
    "norm": (lambda np, x: np.linalg.norm(x), X),
    "norm of order 3": (lambda np, x: np.linalg.norm(x, 3, axis=1), X),
    "slogdet": (lambda np, x: np.linalg.slogdet(x)[1], SQUARE),
    "solve": (lambda np, x: np.linalg.solve(x, x[:, 0]), SQUARE),
    "cholesky": (lambda np, x: np.linalg.cholesky(x), POSITIVE),
    "inv": (lambda np, x: np.linalg.inv(x), SQUARE),
    "det": (lambda np, x: np.linalg.det(x), SQUARE),
    "power": (lambda np, x: np.abs(x) ** 1.5, X),
    "mod": (lambda np, x: np.mod(x, 0.7), X),
    "where": (lambda np, x: np.where(x > 0.0, x, x * x), X),
    "sinc": (lambda np, x: np.sinc(x), X),
    "arctan2": (lambda np, x: np.arctan2(x, 2.0), X),
    "logaddexp": (lambda np, x: np.logaddexp(x, 1.0), X),
    "pad": (lambda np, x: np.pad(x, ((1, 0), (0, 2)), "constant"), X),
    "mean": (lambda np, x: np.mean(x, axis=(0, 1)), X),
}
NUMPY_ONLY = {  # autograd has no rule for these, or one that fails on them
    "average": (lambda np, x: np.average(x, axis=1, weights=numpy.array([[1.0, 2.0, 0.5]] * 2)), X),
    "average along an axis": (lambda np, x: np.average(x, axis=0, weights=[1.0, 3.0]), X),
    "broadcast_to": (lambda np, x: np.broadcast_to(x, (2, 2, 3)), X),
    "outer": (lambda np, x: np.outer(x, x[0]), X),
    "einsum with a diagonal": (lambda np, x: np.einsum("ii->i", x), SQUARE),
    "diagonal": (lambda np, x: np.diagonal(x, 1), SQUARE),
    "roll along axes": (lambda np, x: np.roll(x, (1, 2), axis=(0, 1)), X),
    "flip": (lambda np, x: np.flip(x), X),
    "sort": (lambda np, x: np.sort(x, axis=None), X),
    "norm along an axis": (lambda np, x: np.linalg.norm(x, axis=1, keepdims=True), X),
    "norm of order 1": (lambda np, x: np.linalg.norm(x, 1, axis=0), X),
    "norm of order inf": (lambda np, x: np.linalg.norm(x, numpy.inf, axis=1), X),
    "take": (lambda np, x: np.take(x, [2, 0, 0], axis=1), X),
    "take_along_axis": (lambda np, x: np.take_along_axis(x, numpy.array([[0, 2], [1, 1]]), axis=1), X),
    "pad by reflection": (lambda np, x: np.pad(x, 1, mode="reflect"), X),
    "pad with a constant": (lambda np, x: np.pad(x, 1, constant_values=2.0), X),
    "repeat unevenly": (lambda np, x: np.repeat(x, [0, 2, 1], axis=1), X),
    "cbrt": (lambda np, x: np.cbrt(np.abs(x)), X),
    "hypot": (lambda np, x: np.hypot(x, 1.0), X),
    "vdot": (lambda np, x: np.vdot(x, x), X),
}


@pytest.mark.parametrize("name", COMPOSITIONS | NUMPY_ONLY)
def test_values_are_those_of_numpy(name):
    f, x = (COMPOSITIONS | NUMPY_ONLY)[name]
    expected = f(numpy, x)
    assert close(f(np, x), expected)
    assert close(f(np, mg.tensor(x)), expected)
    assert close(f(numpy, mg.tensor(x)), expected), "NumPy's own function, called on a Tensor"


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_gradients_are_those_of_autograd(name):
    f, x = COMPOSITIONS[name]
    weights = numpy.cos(numpy.arange(numpy.size(f(numpy, x)))).reshape(numpy.shape(f(numpy, x)))
    expected = autograd.grad(lambda x: anp.sum(f(anp, x) * weights))(x)
    if name == "cholesky":  # a symmetric argument: conventions differ in the antisymmetric part only
        expected = (expected + expected.T) / 2.0
    assert close(mg.grad(lambda x: np.sum(f(np, x) * weights))(x), expected, condition=100.0)


@pytest.mark.parametrize("name", NUMPY_ONLY)
def test_gradients_without_another_engine_pass_finite_differences(name):
    f, x = NUMPY_ONLY[name]
    mg.testing.check_grads(lambda x: f(np, x), x)


UNARY = (
    "exp log sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arctanh sqrt square exp2 expm1 log1p log2 log10 "
    "reciprocal negative absolute sinc"
).split()


@pytest.mark.parametrize("name", UNARY)
@given(x=ms.arrays(None, 0.125, 0.875))
def test_elementwise_gradients_are_those_of_autograd(name, x):
    expected = autograd.grad(lambda x: anp.sum(getattr(anp, name)(x)))(x)
    assert close(mg.grad(lambda x: np.sum(getattr(np, name)(x)))(x), expected, condition=100.0)


@pytest.mark.parametrize("name", "add subtract multiply divide power maximum minimum logaddexp arctan2 mod".split())
@given(data=st.data())
def test_gradients_of_two_arguments_are_those_of_autograd(name, data):
    shape_x, shape_y = data.draw(ms.broadcastable())
    x, y = data.draw(ms.arrays(shape_x, 0.25, 3.0)), data.draw(ms.arrays(shape_y, 0.25, 3.0)) + 1.0 / 128
    expected = autograd.grad(lambda args: anp.sum(getattr(anp, name)(*args)))((x, y))
    gradients = mg.grad(lambda x, y: np.sum(getattr(np, name)(x, y)), (0, 1))(x, y)
    assert all(close(a, b, condition=100.0) for a, b in zip(gradients, expected, strict=True))


@given(x=ms.arrays(ms.shapes(1)))
def test_logsumexp_is_that_of_autograd(x):
    assert close(mg.grad(np.logsumexp)(x), autograd.grad(asp.logsumexp)(x), condition=10.0)


@given(data=st.data())
def test_var_and_std_are_invariant_under_shifts(data):
    x = data.draw(ms.arrays(ms.shapes(1)))
    assert close(np.var(x + 8.0), np.var(x), condition=1000.0)
    assert close(np.std(x) ** 2, np.var(x), condition=10.0)


METHOD_CALLS = {
    "sum": lambda x: x.sum(axis=0),
    "mean": lambda x: x.mean(1),
    "max": lambda x: x.max(),
    "min": lambda x: x.min(axis=1),
    "prod": lambda x: x.prod(),
    "var": lambda x: x.var(),
    "std": lambda x: x.std(axis=0),
    "reshape": lambda x: x.reshape(3, 2),
    "reshape with a tuple": lambda x: x.reshape((3, -1)),
    "transpose": lambda x: x.transpose(1, 0),
    "T": lambda x: x.T,
    "ravel": lambda x: x.ravel(),
    "flatten": lambda x: x.flatten(),
    "swapaxes": lambda x: x.swapaxes(0, 1),
    "squeeze": lambda x: x[None].squeeze(),
    "clip": lambda x: x.clip(0.0, 1.0),
    "cumsum": lambda x: x.cumsum(axis=1),
    "dot": lambda x: x.dot(x.T),
    "trace": lambda x: x.trace(),
    "diagonal": lambda x: x.diagonal(),
    "take": lambda x: x.take([0, 5]),
    "repeat": lambda x: x.repeat(2),
    "argmax": lambda x: x.argmax(axis=1),
    "argsort": lambda x: x.argsort(axis=0),
    "all": lambda x: (x > -9.0).all(),
    "astype": lambda x: x.astype("float32"),
    "copy": lambda x: x.copy(),
    "abs": abs,
    "divmod": lambda x: divmod(x, 0.5)[1],
    "pow": lambda x: 2.0**x,
    "item": lambda x: x[0, 0].item(),
    "tolist": lambda x: x.tolist(),
    "len": len,
    "iteration": lambda x: [row.sum() for row in x][1],
    "float": lambda x: float(x[0, 1]),
    "int": lambda x: int(x[0, 2]),
    "comparison": lambda x: x >= 0.5,
    "shape": lambda x: x.shape,
    "ndim": lambda x: x.ndim,
    "size": lambda x: x.size,
}


@pytest.mark.parametrize("name", METHOD_CALLS)
def test_operators_and_methods_are_those_of_numpy(name):
    assert close(METHOD_CALLS[name](mg.tensor(X)), METHOD_CALLS[name](X))


def test_arrays_on_the_left_leave_the_operation_to_the_tensor():
    x = mg.tensor(X, requires_grad=True)
    for result in (X + x, X * x, X - x, X / x, X @ x.T, numpy.float64(2.0) * x, 2.0**x, abs(X) ** x):
        assert isinstance(result, mg.Tensor)
        assert result.requires_grad


def test_other_names_pass_through():
    assert np.pi == numpy.pi
    assert np.e == numpy.e
    assert np.random is numpy.random
    assert np.zeros is numpy.zeros
    assert np.linalg.svd is numpy.linalg.svd
    assert np.shape(mg.tensor(X)) == (2, 3)
    assert np.zeros_like(mg.tensor(X)).tolist() == numpy.zeros_like(X).tolist()
    assert np.allclose(mg.tensor(X), X)


def test_array_of_a_list_with_tensors_keeps_their_derivatives():
    assert mg.grad(lambda x: np.sum(np.array([[x[0], 2.0], [x[1] * x[0], 1.0]]) ** 2))(
        numpy.array([1.0, 3.0])
    ).tolist() == [20.0, 6.0]


def test_sum_of_a_reduction_ufunc():
    x = mg.tensor(X, requires_grad=True)
    assert close(numpy.add.reduce(x, axis=1), X.sum(axis=1))
    assert close(numpy.maximum.reduce(x, axis=None), X.max())
