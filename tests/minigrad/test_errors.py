"""Wrong input: every message says what was got, what was expected, and what to do."""

import math
import subprocess
import sys

import numpy
import pytest

import minigrad as mg
import minigrad.numpy as np


def raises(error, *words):
    pattern = "(?s)" + "".join(f"(?=.*{word})" for word in words)
    return pytest.raises(error, match=pattern)


X = numpy.array([1.0, 2.0])


@pytest.fixture
def x():
    return mg.tensor(X, requires_grad=True)


def test_integers_that_require_a_gradient():
    with raises(TypeError, "int64", "3.0 instead of 3"):
        mg.tensor([1, 2], requires_grad=True)
    with raises(TypeError, "int64", "astype"):
        mg.grad(lambda x: x)(3)
    with raises(TypeError, "bool"):
        mg.jvp(lambda x: x, (True,), (1.0,))


def test_in_place_assignment(x):
    with raises(TypeError, "in place", "np.where"):
        x[0] = 1.0
    with raises(TypeError, "minigrad.numpy", "x.numpy"):
        numpy.zeros(2)[:] = x
    a = numpy.zeros(2)
    with raises(TypeError, "a = a \\+ t"):
        a += x
    with raises(TypeError, "out="):
        numpy.add(X, x, out=numpy.zeros(2))
    with raises(TypeError, "out="):
        np.sum(x, out=numpy.zeros(()))
    with raises(TypeError, "exp", "out="):
        np.exp(x, out=numpy.zeros(2))


def test_backward_of_a_vector_without_a_cotangent(x):
    with raises(mg.ShapeError, "\\(2,\\)", "x.sum"):
        (x * x).backward()
    with raises(mg.ShapeError, "\\(3,\\)", "\\(2,\\)"):
        (x * x).backward(numpy.ones(3))


def test_backward_without_a_leaf():
    with raises(mg.GraphError, "requires_grad=True"):
        mg.tensor(1.0).backward()


def test_shape_mismatches_name_the_operation_and_the_shapes(x):
    for call, name in (
        (lambda: x + numpy.ones(3), "add"),
        (lambda: x @ numpy.ones((3, 2)), "matmul"),
        (lambda: np.reshape(x, (3, 1)), "reshape"),
        (lambda: np.concatenate([x, numpy.ones((2, 2))]), "concatenate"),
        (lambda: np.stack([x, numpy.ones(3)]), "stack"),
        (lambda: np.einsum("ij->i", x), "einsum"),
        (lambda: np.tensordot(x, numpy.ones(3), 1), "tensordot"),
        (lambda: np.linalg.solve(x, x), "solve"),
        (lambda: np.squeeze(x, 0), "squeeze"),
    ):
        with raises((mg.ShapeError, numpy.linalg.LinAlgError), name, "\\(2,\\)|i"):
            call()


def test_axes_and_indices_out_of_range(x):
    with raises(ValueError, "axis 1", "1 axes"):
        np.cumsum(x, axis=1)
    with raises(IndexError, "getitem", "out of bounds"):
        x[2]
    with raises(ValueError, "equal parts", "array_split"):
        np.split(x, 3)


def test_functions_without_a_derivative(x):
    with raises(TypeError, "numpy.interp", "x.data"):
        numpy.interp(x, X, X)
    with raises(TypeError, "linalg|svd"):
        numpy.linalg.svd(x)
    with raises(TypeError, "nextafter"):
        numpy.nextafter(x, X)
    with raises(TypeError, "accumulate"):
        numpy.add.accumulate(x)
    with raises(AttributeError, "nosuchthing"):
        x.nosuchthing  # noqa: B018


def test_a_derivative_cannot_be_lost_silently(x):
    with raises(TypeError, "lose its derivative", "item"):
        mg.grad(lambda x: math.sin(x))(1.0)
    with raises(TypeError, "lose its derivative", "np.stack"):
        mg.grad(lambda x: numpy.array([x, x]).sum())(1.0)
    with raises(TypeError, "condition"):
        mg.grad(lambda x: np.sum(np.where(x, x, 0.0)))(X)


def test_what_a_transform_returns_and_takes():
    with raises(mg.ShapeError, "\\(2,\\)", "jacobian", "np.sum"):
        mg.grad(lambda x: x)(X)
    with raises(mg.ShapeError, "tuple"):
        mg.grad(lambda x: (x, x))(1.0)
    with raises(TypeError, "None", "must return"):
        mg.grad(lambda x: None)(1.0)
    with raises(mg.ShapeError, "tangent", "\\(3,\\)", "\\(2,\\)"):
        mg.jvp(np.sin, (X,), (numpy.ones(3),))
    with raises(mg.ShapeError, "cotangent", "\\(3,\\)", "\\(2,\\)"):
        mg.vjp(np.sin, X)[1](numpy.ones(3))
    with raises(mg.ShapeError, "container"):
        mg.jvp(np.sin, (X,), ())
    with raises(TypeError, "argnums=2", "1 positional"):
        mg.grad(np.sum, argnums=2)(X)
    with raises(TypeError, "tuples"):
        mg.jvp(np.sin, X, X)
    with raises(TypeError, "one array"):
        mg.jacobian(lambda x: x["a"])({"a": X})


def test_data_that_are_not_numbers():
    for data in ("abc", None, [1.0, "a"], object(), 1j):
        with raises((TypeError, mg.ShapeError)):
            mg.tensor(data)
    with raises(mg.ShapeError, "inhomogeneous"):
        mg.tensor([[1.0, 2.0], [3.0]])
    with raises(TypeError, "masked", "filled"):
        mg.tensor(numpy.ma.masked_array(X, [True, False]))
    with raises(TypeError, "masked"):
        mg.tensor(X) * numpy.ma.masked_array(X, [True, False])
    with raises(TypeError, "NoneType"):
        mg.tensor(X) * None


def test_matrices_that_are_singular():
    with raises(numpy.linalg.LinAlgError, "inv", "[Ss]ingular"):
        np.linalg.inv(mg.tensor(numpy.zeros((2, 2))))
    with raises(ValueError, "undefined"):
        np.var(mg.tensor([1.0]), ddof=1)


def test_backends():
    with raises(mg.BackendError, "unknown backend 'gpu'", "numpy", "cupy"):
        mg.use("gpu")
    code = "import minigrad as mg; mg.tensor(1.0)"
    environment = {"MINIGRAD_BACKEND": "nosuch", "PATH": ""}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert "BackendError: unknown backend 'nosuch'" in run.stderr


def has_a_gpu():
    try:
        import cupy

        return cupy.cuda.runtime.getDeviceCount() > 0
    except Exception:
        return False


@pytest.mark.skipif(has_a_gpu(), reason="the error is about machines without CuPy or without a GPU")
def test_cupy_without_cupy_or_without_a_gpu():
    with raises(mg.BackendError, "pip install|GPU"):
        mg.use("cupy")


def test_anomaly_names_the_operation_and_the_line(x):
    with (
        mg.detect_anomaly(),
        raises(mg.AnomalyError, "log", "an infinite value", "test_errors.py", "np.log\\(x - 1.0\\)"),
    ):
        np.log(x - 1.0)
    with mg.detect_anomaly(), raises(mg.AnomalyError, "backward sweep through sqrt", "root = np.sqrt"):
        root = np.sqrt(x - 1.0)
        root.sum().backward()
    with mg.detect_anomaly(), raises(mg.AnomalyError, "forward sweep through sqrt"):
        mg.jvp(lambda x: np.sqrt(x), (numpy.zeros(1),), (numpy.ones(1),))
    with mg.detect_anomaly(), raises(mg.AnomalyError, "divide", "NaN"):
        (x - x) / (x - x)
