"""Gradient clipping: by the norm of all gradients together, and element by element."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import optim, prox
from minigrad.backend import current
from minigrad.testing import close
from minigrad.testing import strategies as ms
from tests import fake_device

pytestmark = pytest.mark.usefixtures("each_backend")
bounds = ms.numbers(0.125, 4.0)
two_gradients = st.tuples(ms.arrays((2, 3)), ms.arrays(()))


def with_gradients(*gradients, dtype="float64"):
    params = [mg.tensor(numpy.zeros_like(g), dtype, requires_grad=True) for g in gradients]
    for p, g in zip(params, gradients, strict=True):
        p.grad = mg.tensor(g, dtype)
    return params


def joined(params):
    return numpy.concatenate([mg.asnumpy(p.grad).ravel() for p in params])


@given(gradients=two_gradients, bound=bounds)
def test_clipping_the_norm_projects_all_gradients_together_onto_a_ball(gradients, bound):
    params = with_gradients(*gradients)
    before = joined(params)
    norm = optim.clip_grad_norm(params, bound)
    assert close(norm, numpy.linalg.norm(before))
    assert close(joined(params), prox.project_l2(current().asarray(before), bound))
    assert [p.grad.shape for p in params] == [(2, 3), ()]


@given(gradients=two_gradients, dtype=st.sampled_from(["float32", "float64"]))
def test_a_norm_that_is_small_enough_changes_no_bit(gradients, dtype):
    params = with_gradients(*gradients, dtype=dtype)
    before = joined(params)
    bound = max(float(numpy.linalg.norm(before)) * 1.001, 1e-3)
    for largest in (bound, float("inf")):
        norm = optim.clip_grad_norm(params, largest)
        assert (norm.shape, norm.dtype) == ((), "float64")
        assert joined(params).tolist() == before.tolist()
        assert all(p.grad.dtype == dtype for p in params)


@given(gradients=two_gradients, bound=bounds, up=st.booleans())
def test_gradients_of_any_size_are_clipped_alike_bit_for_bit(gradients, bound, up):
    """Powers of two scale every number exactly, unless something overflows or underflows on the way."""
    for dtype, power in (("float32", 100), ("float64", 900)):
        scale = 2.0 ** (power if up else -power)
        small, large = (
            with_gradients(*gradients, dtype=dtype),
            with_gradients(*(g * scale for g in gradients), dtype=dtype),
        )
        norm = optim.clip_grad_norm(small, bound)
        assert float(optim.clip_grad_norm(large, bound * scale)) == float(norm) * scale
        assert joined(large).tolist() == (joined(small) * numpy.asarray(scale, dtype)).tolist()


@pytest.mark.parametrize(
    ("dtype", "g", "bound"),
    [
        ("float32", [3e38, 1e38], 1e-8),
        ("float32", [3e38, 1e38], 1e-3),
        ("float16", [6e4, 6e4], 1.0),
        ("float64", [1.5e308, -5e307], 1e-8),
        ("float64", [1.7e308, 1.7e308], 1.0),
        ("float64", [1.7e308, 1.7e308], 1e308),
    ],
)
def test_no_factor_is_too_small_and_no_norm_too_large_to_clip(dtype, g, bound):
    params = with_gradients(numpy.array(g), dtype=dtype)
    scaled = joined(params).astype("float64") / abs(joined(params)).max()
    expected = scaled / numpy.linalg.norm(scaled) * bound
    optim.clip_grad_norm(params, bound)
    assert params[0].grad.dtype == dtype
    assert (abs(joined(params) - expected) <= 4 * numpy.finfo(dtype).eps * abs(expected)).all()


def test_a_norm_above_the_largest_number_is_infinite_and_with_an_infinite_bound_nothing_changes():
    params = with_gradients(numpy.full(4, 1.5e308))
    assert float(optim.clip_grad_norm(params, numpy.inf)) == numpy.inf
    assert joined(params).tolist() == [1.5e308] * 4
    assert float(optim.clip_grad_norm(params, 1.0)) == numpy.inf
    assert joined(params).tolist() == [0.5] * 4


@given(g=ms.arrays((4,), avoid=[0.0]), excess=st.sampled_from([1e-3, 1e-6, 1e-9]))
def test_a_norm_just_above_the_bound_is_clipped(g, excess):
    params = with_gradients(g)
    bound = float(numpy.linalg.norm(g)) / (1.0 + excess)
    optim.clip_grad_norm(params, bound)
    assert numpy.linalg.norm(joined(params)) <= bound * (1.0 + 1e-14)


@given(g=ms.arrays((2, 3)), bound=bounds)
def test_clipping_values_bounds_every_element(g, bound):
    params = with_gradients(g)
    assert optim.clip_grad_value(params, bound) is None
    assert joined(params).tolist() == numpy.clip(g, -bound, bound).ravel().tolist()


@pytest.mark.parametrize("clip", [optim.clip_grad_norm, optim.clip_grad_value])
def test_an_array_that_two_gradients_share_is_left_alone_and_both_are_clipped(clip):
    p, q = (mg.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    seed = current().asarray([3.0, -4.0])
    (p + q).backward(seed)
    clip([p, q], 1.0)
    expected = [3.0 / 50**0.5, -4.0 / 50**0.5] if clip is optim.clip_grad_norm else [1.0, -1.0]
    assert close(p.grad, expected)
    assert close(q.grad, expected)
    assert seed.tolist() == [3.0, -4.0]


def test_the_gradient_of_a_sum_is_clipped_once_for_each_summand():
    p, q = (mg.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    (p + q).sum().backward()
    assert float(optim.clip_grad_norm([p, q], 1.0)) == 2.0
    assert joined([p, q]).tolist() == [0.5, 0.5, 0.5, 0.5]


def test_a_clipped_gradient_is_a_constant():
    p = mg.tensor(3.0, requires_grad=True)
    (p * p * p).backward(create_graph=True)
    optim.clip_grad_value([p], 1.0)
    assert not p.grad.requires_grad


def test_parameters_without_a_gradient_and_without_elements_are_passed_over():
    without = mg.tensor([1.0], requires_grad=True)
    params = [without, *with_gradients(numpy.array([3.0, 4.0]), numpy.zeros((0, 2)))]
    assert float(optim.clip_grad_norm(params, 1.0)) == 5.0
    optim.clip_grad_value(params, 0.5)
    assert without.grad is None
    assert float(optim.clip_grad_norm([without], 1.0)) == 0.0
    assert float(optim.clip_grad_norm(with_gradients(numpy.zeros(3)), 1.0)) == 0.0


def test_frozen_parameters_are_passed_over_also_where_all_are_frozen():
    frozen, (trained,) = mg.tensor([1.0]), with_gradients(numpy.array([3.0, 4.0]))
    assert float(optim.clip_grad_norm([frozen, trained], 1.0)) == 5.0
    optim.clip_grad_value([frozen, trained], 0.5)
    assert trained.grad.tolist() == [0.5, 0.5]
    assert float(optim.clip_grad_norm([frozen], 1.0)) == 0.0
    with pytest.raises(TypeError, match="clip_grad_norm needs leaves; parameter 0 is the result of an operation"):
        optim.clip_grad_norm([trained * 2.0], 1.0)


def test_clipping_does_not_wait_for_the_device():
    params = with_gradients(numpy.ones((2, 3)), numpy.ones(4))
    fake_device.syncs.clear()
    optim.clip_grad_value(params, 0.5)
    optim.clip_grad_norm(params, 0.5)
    assert fake_device.syncs == []


@pytest.mark.parametrize("bad", [numpy.nan, numpy.inf, -numpy.inf])
def test_gradients_without_a_finite_norm_are_refused_and_stay(bad):
    params = with_gradients(numpy.array([3.0, 4.0]), numpy.array([bad]))
    with pytest.raises(ValueError, match="the gradients are not finite, so that no factor"):
        mg.asnumpy(optim.clip_grad_norm(params, 1.0))
    assert params[0].grad.tolist() == [3.0, 4.0]


def test_what_clipping_refuses():
    params = with_gradients(numpy.ones(2))
    for bound in (0.0, -1.0, numpy.nan):
        with pytest.raises(ValueError, match="max_norm must be positive; got"):
            optim.clip_grad_norm(params, bound)
    for bound in (0.0, numpy.inf):
        with pytest.raises(ValueError, match="max_value must be positive and finite; got"):
            optim.clip_grad_value(params, bound)
    with pytest.raises(TypeError, match="max_norm must be a number; got '1'"):
        optim.clip_grad_norm(params, "1")
    with pytest.raises(TypeError, match=r"clip_grad_value takes a list of parameters; .* write \[x\]"):
        optim.clip_grad_value(params[0], 1.0)
    params[0].grad = mg.tensor([1.0])
    with pytest.raises(mg.ShapeError, match=r"parameter 0 has shape \(2,\), and its gradient \(1,\)"):
        optim.clip_grad_norm(params, 1.0)
