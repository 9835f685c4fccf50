"""Optimizers keep no subnormal numbers, and forget nothing but what is hardly larger."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import optim
from minigrad.backend import current
from minigrad.optim.subnormal import forget_tiny, moves_between
from minigrad.testing import strategies as ms
from tests import fake_device

pytestmark = pytest.mark.usefixtures("each_backend")

THRESHOLD = {"float32": 2.0**-101, "float64": 2.0**-997}
SMALL = {"float32": 2.0**-45, "float64": 2.0**-490}  # its square is still above the threshold
DECAYING = {
    "momentum": lambda params, share: optim.SGD(params, 0.125, share),
    "dampened": lambda params, share: optim.SGD(params, 0.125, share, dampening=0.5),
    "nesterov": lambda params, share: optim.SGD(params, 0.125, share, nesterov=True),
    "rmsprop": lambda params, share: optim.RMSprop(params, 0.125, share, 1.0, momentum=share, centered=True),
    "adam": lambda params, share: optim.Adam(params, 0.125, (share, share)),
    "adamw": lambda params, share: optim.AdamW(params, 0.125, (0.0, share), amsgrad=True),
}
every_method = pytest.mark.parametrize("method", DECAYING)
shares = st.sampled_from([0.125, 0.5, 0.75, 0.9])
dtypes = st.sampled_from(list(THRESHOLD))


def leaf(x, dtype):
    return mg.tensor(x, dtype, requires_grad=True)


def push(optimizer, *gradients):
    """Take one step along the given gradients."""
    for p, g in zip(optimizer.params, gradients, strict=True):
        p.grad = None if g is None else mg.tensor(g, p.dtype)
    optimizer.step()


def kept(optimizer):
    """List the arrays that an optimizer keeps."""
    slots = optimizer.state_dict()["slots"].values()
    return [mg.asnumpy(x) for arrays in slots for x in arrays if x is not None]


def are_subnormal(x):
    return (x != 0.0) & (abs(x) < numpy.finfo(x.dtype).smallest_normal)


def lists(optimizer):
    return [x.tolist() for x in kept(optimizer)]


@every_method
@given(g=ms.arrays((3,), avoid=[0.0]), share=shares, dtype=dtypes)
def test_what_is_kept_decays_to_zero_without_becoming_subnormal(method, g, share, dtype):
    optimizer = DECAYING[method]([leaf(numpy.ones(3), dtype)], share)
    push(optimizer, g * SMALL[dtype])
    for _ in range(4 * moves_between(share)):
        push(optimizer, numpy.zeros(3))
        assert not any(are_subnormal(x).any() for x in kept(optimizer))


@given(share=shares, dtype=dtypes, every=st.integers(1, 4), g=ms.arrays((2,), avoid=[0.0]))
def test_a_parameter_that_moves_now_and_then_is_looked_after_by_its_own_moves(share, dtype, every, g):
    theta = leaf([0.0, 0.0], dtype)
    optimizer = optim.SGD([leaf(0.0, dtype), theta], 0.125, share)
    push(optimizer, 1.0, g * THRESHOLD[dtype])
    for step in range(1, 2 * every * moves_between(share)):
        push(optimizer, 1.0, None if step % every else numpy.zeros(2))
    state = optimizer.state_dict()
    assert not mg.asnumpy(state["slots"]["velocity"][1]).any()


@given(g=ms.arrays((40, 2)), share=ms.numbers(0.125, 0.9), lr=ms.numbers(0.125, 1.0), dtype=dtypes)
def test_each_time_something_is_forgotten_moves_the_parameters_hardly(g, share, lr, dtype):
    """What is forgotten is less than the threshold T, and would have moved θ by at most α T (μ + μ² + …)."""
    threshold, n = THRESHOLD[dtype], moves_between(share)
    optimizer = optim.SGD([leaf(numpy.zeros(2), dtype)], lr, share)
    theta, velocity = numpy.zeros(2), numpy.zeros(2)
    for gradient in g / 8.0:
        push(optimizer, gradient * threshold)
        velocity = share * velocity + gradient  # in units of the threshold, so that nothing is forgotten here
        theta = theta - lr * velocity
    difference = abs(mg.asnumpy(optimizer.params[0]) / threshold - theta)
    rounding = 1e-3 if dtype == "float32" else 1e-9
    assert (difference <= 40 // n * lr * share / (1.0 - share) + rounding).all()


@given(g=ms.arrays((60, 3), avoid=[0.0]), share=shares, dtype=dtypes)
def test_numbers_of_an_ordinary_size_keep_every_bit(g, share, dtype):
    optimizer = optim.SGD([leaf(numpy.zeros(3), dtype)], 0.125, share)
    velocity = numpy.zeros(3, dtype)
    for gradient in g.astype(dtype):
        push(optimizer, gradient)
        velocity = velocity * share + gradient
        assert lists(optimizer) == [velocity.tolist()]


@every_method
@given(data=st.data(), share=shares, dtype=dtypes)
def test_a_run_that_is_split_forgets_at_the_same_moves(method, data, share, dtype):
    n = moves_between(share)
    k = data.draw(st.integers(0, 2 * n), "the split")
    g = data.draw(ms.arrays((3,), avoid=[0.0])) * SMALL[dtype]
    gradients = [g, *[numpy.zeros(3)] * (4 * n)]
    whole, first = (DECAYING[method]([leaf(numpy.ones(3), dtype)], share) for _ in range(2))
    for gradient in gradients[:k]:
        push(first, gradient)
    second = DECAYING[method]([leaf(first.params[0].data, dtype)], share)
    second.load_state_dict(first.state_dict())
    for optimizer, rest in ((whole, gradients), (second, gradients[k:])):
        for gradient in rest:
            push(optimizer, gradient)
    assert lists(second) == lists(whole)
    assert second.params[0].tolist() == whole.params[0].tolist()


@given(share=ms.numbers(2.0**-30, 1.0 - 2.0**-10))
def test_between_two_looks_a_share_takes_at_most_24_binary_places(share):
    n = moves_between(share)
    assert n == 1 or share**n >= 2.0**-24 * (1.0 - 1e-12)
    assert share ** (n + 1) < 2.0**-24


@given(x=ms.arrays((4,), avoid=[0.0]), power=st.integers(-40, 40), dtype=dtypes)
def test_only_numbers_below_the_threshold_are_forgotten_and_all_of_them(x, power, dtype):
    x = (x * 2.0**power * THRESHOLD[dtype]).astype(dtype)
    x = numpy.concatenate([x, numpy.array([0.0, THRESHOLD[dtype], numpy.inf, -numpy.inf], dtype)])
    found = current().asarray(x)
    fake_device.syncs.clear()
    forget_tiny(found, current().asarray(numpy.empty_like(x)))
    assert fake_device.syncs == []
    assert found.dtype == dtype
    assert found.tolist() == numpy.where(abs(x) < THRESHOLD[dtype], 0.0, x).tolist()


def test_a_number_that_is_none_stays_none_and_float16_keeps_its_few_numbers():
    for dtype in THRESHOLD:
        found = current().asarray(numpy.array([numpy.nan], dtype))
        forget_tiny(found, current().asarray(numpy.empty(1, dtype)))
        assert numpy.isnan(mg.asnumpy(found)).all()
    half = current().asarray(numpy.array([6e-8, 1e-3, 1.0], "float16"))
    forget_tiny(half, current().asarray(numpy.empty(3, "float16")))
    assert half.tolist() == numpy.array([6e-8, 1e-3, 1.0], "float16").tolist()
