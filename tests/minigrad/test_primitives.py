"""Every primitive: its derivative is right in both modes to second order, and its dtype is kept."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.backend import current
from minigrad.primitives import TABLE
from minigrad.testing import check_grads, close
from tests.minigrad.cases import CASES

pytestmark = pytest.mark.usefixtures("each_backend")

CONSTANT = {name for name, primitive in TABLE.items() if primitive.kind == "zero"}
OF_TWO = {name for name in CONSTANT if name.startswith(("greater", "less", "equal", "not_", "logical_", "floor_d"))}


def test_every_primitive_has_a_case():
    assert set(CASES) == set(TABLE) - CONSTANT


@pytest.mark.parametrize("name", sorted(CASES))
@given(data=st.data())
def test_derivatives_are_right_in_both_modes_to_second_order(name, data):
    f, args = data.draw(CASES[name])
    dtype = data.draw(st.sampled_from(["float64", "float64", "float32"]))
    check_grads(f, *[x.astype(dtype) for x in args])


@pytest.mark.parametrize("name", sorted(set(CASES) - {"astype"}))
@given(data=st.data())
def test_float32_stays_float32_forward_backward_and_double_backward(name, data):
    f, args = data.draw(CASES[name])
    single = [current().asarray(x.astype("float32")) for x in args]
    tangents = [x * 0.5 for x in single]
    out, derivative = mg.linearize(f, *single)
    gradients, second = mg.linearize(lambda *x: mg.vjp(f, *x)[1](out), *single)
    results = [out, derivative.push(*tangents), *gradients, *second.push(*tangents), *second.pull(gradients)]
    assert {x.dtype for x in results} == {numpy.dtype("float32")}


@pytest.mark.parametrize("name", sorted(CONSTANT - {"signdet"}))
def test_a_piecewise_constant_primitive_gives_a_plain_array_that_no_derivative_flows_through(name):
    x = current().asarray([0.5, -1.5, 2.0])
    rest = (x + 0.25,) if name in OF_TWO - {"logical_not"} else ()
    value = TABLE[name](mg.Tensor(x, requires_grad=True), *rest)
    assert not isinstance(value, mg.Tensor)
    assert close(
        mg.grad(lambda x: (TABLE[name](x, *rest) * x).sum())(x),
        value * (x == x),
    )
