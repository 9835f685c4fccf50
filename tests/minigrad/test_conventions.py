"""One test for each row of docs/conventions.md."""

import math
import re
from pathlib import Path

import numpy
import pytest

import minigrad as mg
import minigrad.numpy as np
from minigrad import nn, prox
from minigrad.backend import current
from minigrad.testing import check_grads, close

pytestmark = pytest.mark.usefixtures("each_backend")
TABLE = Path(__file__).parents[2] / "docs" / "conventions.md"


def on(x):
    return current().asarray(x)


def slope(f, x):
    return mg.grad(lambda x: np.sum(f(x)))(on(x)).tolist()


def second(f, x):
    return mg.hvp(lambda x: np.sum(f(x)), on(x), on(numpy.ones_like(x))).tolist()


def test_abs():
    assert slope(np.abs, [0.0, -2.0, 3.0]) == [0.0, -1.0, 1.0]


def test_sign():
    for f in (np.sign, np.floor, np.ceil, np.rint, lambda x: x > 0.0):
        assert slope(lambda x, f=f: f(x) * x * 0.0, [0.5, -1.5]) == [0.0, 0.0]


def test_relu():
    assert slope(np.relu, [0.0, -1.0, 1.0]) == [0.0, 0.0, 1.0]
    assert slope(lambda x: np.leaky_relu(x, 0.25), [0.0, -1.0, 1.0]) == [0.25, 0.25, 1.0]
    assert slope(lambda x: np.elu(x, 0.25), [0.0, 1.0]) == [0.25, 1.0]
    assert second(np.elu, [0.0, 1.0]) == [1.0, 0.0]


def test_maximum():
    for f in (np.maximum, np.minimum):
        gradients = mg.grad(lambda x, y, f=f: f(x, y), (0, 1))(on(2.0), on(2.0))
        assert [float(g) for g in gradients] == [0.5, 0.5]


def test_max():
    assert slope(np.max, [1.0, 3.0, 3.0, 2.0]) == [0.0, 0.5, 0.5, 0.0]
    assert slope(np.min, [1.0, 1.0, 1.0, 2.0]) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0.0])


def test_MaxPool2d():
    corner = slope(nn.MaxPool2d(3, stride=3, padding=1), numpy.ones((1, 1, 2, 2)))
    assert corner == [[[[0.25, 0.25], [0.25, 0.25]]]]


def test_clip():
    assert slope(lambda x: np.clip(x, -1.0, 1.0), [-1.0, 1.0, 0.0, 1.5, -1.5]) == [1.0, 1.0, 1.0, 0.0, 0.0]


def test_linalg_norm():
    for f in (np.linalg.norm, lambda x: np.linalg.norm(x, 2), lambda x: np.linalg.norm(x, 3)):
        assert slope(f, [0.0, 0.0]) == [0.0, 0.0]
    assert second(np.linalg.norm, [0.0, 0.0]) == [0.0, 0.0]
    rows = slope(lambda x: np.linalg.norm(x, axis=1), [[0.0, 0.0], [3.0, 4.0]])
    assert close(rows, [[0.0, 0.0], [0.6, 0.8]])


def test_hypot():
    assert slope(lambda x: np.hypot(x, 0.0), [0.0, 2.0]) == [0.0, 1.0]


def test_std():
    assert slope(np.std, [2.0, 2.0, 2.0]) == [0.0, 0.0, 0.0]


def test_prod():
    assert slope(np.prod, [2.0, 0.0, 3.0]) == [0.0, 6.0, 0.0]
    assert slope(np.prod, [2.0, 0.0, 0.0]) == [0.0, 0.0, 0.0]
    assert mg.hessian(np.prod)(on([2.0, 0.0, 0.0])).tolist() == [[0.0, 0.0, 0.0], [0.0, 0.0, 2.0], [0.0, 2.0, 0.0]]
    check_grads(np.prod, numpy.zeros(4), order=2)


def test_power_x_p_in_x():
    for p, expected in ((0, 0.0), (1, 1.0), (2, 0.0), (0.0, 0.0), (1.0, 1.0), (2.0, 0.0)):
        assert slope(lambda x, p=p: x**p, [0.0]) == [expected]
    assert slope(lambda x: np.power(x, on([0.0, 1.0, 2.0])), [0.0, 0.0, 0.0]) == [0.0, 1.0, 0.0]
    assert second(lambda x: x**2, [0.0]) == [2.0]
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert slope(lambda x: x**0.5, [0.0]) == [numpy.inf]


def test_power_x_p_in_p():
    assert slope(lambda p: np.power(0.0, p), [1.0, 2.0]) == [0.0, 0.0]
    assert slope(lambda p: np.power(on([0.0, 0.0]), p), [0.0, 2.0]) == [0.0, 0.0]


def test_sqrt():
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert slope(np.sqrt, [0.0]) == [numpy.inf]


def test_tanh():
    far = [1e4, -1e4]
    flat, ramp = [0.0, 0.0], [1.0, 0.0]
    for f, expected in (
        *((f, flat) for f in (np.tanh, np.sigmoid, np.erf)),
        *((f, ramp) for f in (np.softplus, np.elu, np.gelu, lambda x: np.gelu(x, "tanh"))),
    ):
        assert slope(f, far) == expected
        assert second(f, far) == [0.0, 0.0]
    assert close(slope(lambda x: np.log_softmax(x)[0], [-1e4, 1e4]), [1.0, -1.0])
    assert second(lambda x: np.log_softmax(x)[0], [-1e4, 1e4]) == [0.0, 0.0]


def test_logsumexp():
    x = current().asarray([[-math.inf, -math.inf], [0.0, -math.inf]])
    assert np.logsumexp(x, axis=1).tolist() == [-math.inf, 0.0]
    assert mg.grad(lambda x: np.logsumexp(x, axis=1)[1])(x).tolist() == [[0.0, 0.0], [1.0, 0.0]]
    assert mg.jacobian(lambda x: np.logsumexp(x))(x[0]).tolist() == [0.0, 0.0]


def test_sinc():
    derivative, expected = np.sinc, [0.0, -(numpy.pi**2) / 3.0, 0.0, numpy.pi**4 / 5.0]
    for value in expected:
        derivative = mg.grad(derivative)
        assert close(derivative(on(0.0)), value, condition=10.0)


def test_sort():
    assert slope(lambda x: np.sort(x) * on([1.0, 10.0, 100.0]), [2.0, 1.0, 2.0]) == [10.0, 1.0, 100.0]


def test_linalg_cholesky():
    lower = on([[4.0, 1.0], [3.0, 9.0]])
    assert close(np.linalg.cholesky(lower), np.linalg.cholesky((lower + lower.T) * 0.5))
    gradient = mg.grad(lambda a: np.sum(np.linalg.cholesky(a)))(lower)
    assert close(gradient, gradient.T)


def test_spectral_norm():
    for tied in (numpy.eye(2), numpy.zeros((2, 3)), numpy.zeros((1, 1))):
        gradient = numpy.asarray(slope(lambda x: np.linalg.norm(x, 2), tied))
        assert close((gradient * tied).sum(), numpy.linalg.norm(tied, 2))  # of a norm, so of a subgradient
        assert close(numpy.linalg.norm(gradient, "nuc"), numpy.asarray(float(tied.any())))
        with pytest.raises(numpy.linalg.LinAlgError, match="no second derivative where its singular value is not simp"):
            second(lambda x: np.linalg.norm(x, 2), tied)


def test_nuclear_norm():
    deficient = [[3.0, 4.0], [0.0, 0.0]]
    assert close(slope(lambda x: np.linalg.norm(x, "nuc"), deficient), [[0.6, 0.8], [0.0, 0.0]])
    assert slope(lambda x: np.linalg.norm(x, "nuc"), numpy.zeros((2, 3))) == [[0.0] * 3] * 2
    assert second(lambda x: np.linalg.norm(x, "nuc"), numpy.zeros((2, 3))) == [[0.0] * 3] * 2


def test_prox_project_l2():
    assert slope(lambda x: prox.project_l2(x, 5.0), [3.0, 4.0]) == [1.0, 1.0]
    assert slope(lambda x: prox.project_l1(x, 7.0), [3.0, 4.0]) == [1.0, 1.0]


def test_prox_project_simplex():
    weights = on([1.0, 2.0, 4.0])
    assert close(slope(lambda x: prox.project_simplex(x) * weights, [0.5, 0.5, 0.0]), [-0.5, 0.5, 0.0])
    assert close(slope(lambda x: prox.project_l1(x, 1.0) * weights, [1.0, 1.0, 0.5]), [-0.5, 0.5, 0.0])


def test_prox_soft_threshold():
    assert slope(lambda x: prox.soft_threshold(x, 2.0), [2.0, -2.0, 1.0]) == [1.0, 1.0, 0.0]
    assert close(slope(lambda x: prox.prox_l2(x, 5.0) * x.data, [3.0, 4.0]), [3.0, 4.0])


def test_prox_project_spectral():
    for f, outside in ((prox.project_spectral, 0.0), (prox.prox_nuclear, 1.0)):
        assert close(slope(lambda x, f=f: f(x, 1.0)[0, 0], numpy.diag([1.0, 0.5]))[0][0], 1.0 - outside)
        assert close(slope(lambda x, f=f: f(x, 1.0)[0, 0], numpy.diag([1.0, 2.0]))[0][0], 0.5)


def test_where():
    assert slope(lambda x: np.where(x > 0.0, np.log(np.where(x > 0.0, x, 1.0)), 0.0), [0.0, 2.0]) == [0.0, 0.5]


def test_every_row_of_the_table_has_its_test():
    rows = re.findall(r"^\| `(\w+(?:\.\w+)?)`(.*?)\|", TABLE.read_text(), flags=re.MULTILINE)
    names = [re.sub(r"\W+", "_", name + (rest if "x^p" in rest else "")).strip("_") for name, rest in rows]
    assert len(names) == TABLE.read_text().count("\n| `")
    assert [f"test_{name}" for name in names] == [name for name in globals() if name.startswith("test_")][: len(names)]
