"""Stochastic gradient descent against its formula."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import optim
from minigrad.backend import current
from minigrad.testing import close
from minigrad.testing import strategies as ms

pytestmark = pytest.mark.usefixtures("each_backend")


@given(data=st.data(), lr=ms.numbers(0.015625, 0.125), momentum=ms.numbers(0.0, 0.9375))
def test_steps_follow_the_heavy_ball_recursion_on_a_quadratic(data, lr, momentum):
    matrix, start = data.draw(ms.positive_definite(3)), data.draw(ms.vectors(3))
    theta = mg.tensor(start, requires_grad=True)
    optimizer = optim.SGD([theta], lr, momentum)
    expected, velocity = start.copy(), numpy.zeros(3)
    constant = current().asarray(matrix)
    for _ in range(10):
        optimizer.zero_grad()
        (theta @ (constant @ theta) * 0.5).backward()
        optimizer.step()
        velocity = momentum * velocity + matrix @ expected
        expected = expected - lr * velocity
        assert close(theta, expected, condition=1e4)


def test_a_parameter_without_a_gradient_stays_and_float32_stays():
    moved, kept = (mg.tensor([1.0, 2.0], "float32", requires_grad=True) for _ in range(2))
    optimizer = optim.SGD([moved, kept], lr=0.5, momentum=0.5)
    data = moved.data
    (moved * moved).sum().backward()
    optimizer.step()
    assert moved.tolist() == [0.0, 0.0]
    assert kept.tolist() == [1.0, 2.0]
    assert moved.dtype == "float32"
    assert moved.data is data, "parameters are changed in place"


def test_what_it_refuses():
    theta = mg.tensor(1.0, requires_grad=True)
    for settings, message in (
        (([], 0.1), "no parameters"),
        (([theta], 0.0), "lr must be positive and finite; got 0.0"),
        (([theta], float("nan")), "lr must be positive and finite; got nan"),
        (([theta], 0.1, 1.0), "momentum must be at least 0 and less than 1; got 1.0"),
    ):
        with pytest.raises(ValueError, match=message):
            optim.SGD(*settings)
