"""Random programs: compositions of primitives agree with finite differences and between all mixtures of the modes."""

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad.numpy as np
from minigrad.backend import current
from minigrad.testing import check_grads
from minigrad.testing import strategies as ms

pytestmark = pytest.mark.usefixtures("each_backend")

# Each step takes the list of values so far, all of shape (2, 3), and gives one more; all are smooth and of modest size.
STEPS = {
    "tanh": lambda x, y: np.tanh(x),
    "sin": lambda x, y: np.sin(x),
    "softplus": lambda x, y: np.softplus(x) - 1.0,
    "sigmoid": lambda x, y: 2.0 * np.sigmoid(x),
    "log": lambda x, y: np.log(1.5 + np.square(np.sin(x))),
    "sqrt": lambda x, y: np.sqrt(1.0 + x * x) - 1.0,
    "exp": lambda x, y: np.exp(-x * x),
    "add": lambda x, y: (x + y) / 2.0,
    "subtract": lambda x, y: (x - y) / 2.0,
    "multiply": lambda x, y: np.tanh(x * y),
    "divide": lambda x, y: x / (1.0 + y * y),
    "power": lambda x, y: (1.0 + x * x) ** (np.tanh(y) / 2.0),
    "arctan2": lambda x, y: np.arctan2(x, 2.0 + np.cos(y)),
    "matmul": lambda x, y: np.tanh(x @ y.T) @ x / 2.0,
    "einsum": lambda x, y: np.einsum("ij,kj->ik", x, y) @ y / 4.0,
    "reduce": lambda x, y: x - np.mean(y, axis=1, keepdims=True),
    "normalise": lambda x, y: x / np.sqrt(1.0 + np.sum(y * y, axis=0)),
    "softmax": lambda x, y: np.softmax(x, axis=1) * y,
    "logsumexp": lambda x, y: np.logsumexp(x, axis=0, keepdims=True) + y * 0.5,
    "norm": lambda x, y: y / np.linalg.norm(1.5 + np.cos(x)),
    "transpose": lambda x, y: np.reshape(x.T, (2, 3)),
    "index": lambda x, y: x[::-1, [2, 0, 0]] + y,
    "concatenate": lambda x, y: np.concatenate([x[:, 1:], y[:, :1]], axis=1),
    "roll": lambda x, y: np.roll(x, 1, axis=1) * 0.5 + y * 0.5,
    "cumsum": lambda x, y: np.tanh(np.cumsum(x, axis=1)),
    "solve": lambda x, y: np.linalg.solve(np.eye(2) * 3.0 + np.tanh(x @ y.T), x),
    "prod": lambda x, y: np.prod(np.cos(x), axis=1, keepdims=True) * y,
    "where": lambda x, y: np.where(on_left(x), x, y),
}


def on_left(like):
    return current().asarray([[True, False, True], [False, True, False]])


@st.composite
def programs(draw):
    """A list of (name, place of x, place of y): each step reads two earlier values."""
    length = draw(st.integers(2, 40))
    places = st.integers(1, 4)
    return [(draw(st.sampled_from(sorted(STEPS))), draw(places), draw(places)) for _ in range(length)]


def run(program, *inputs):
    values = list(inputs)
    for name, i, j in program:
        values.append(STEPS[name](values[-min(i, len(values))], values[-min(j, len(values))]))
    return values[-1]


@settings(max_examples=60)
@given(program=programs(), x=ms.arrays((2, 3), -1.5, 1.5), y=ms.arrays((2, 3), -1.5, 1.5))
def test_programs_agree_with_finite_differences_and_between_all_mixtures_of_modes(program, x, y):
    check_grads(lambda x, y: run(program, x, y), x, y)


def test_a_long_program_reads_its_inputs():
    names = sorted(STEPS)
    program = [(name, 1, 2) for name in names]
    check_grads(lambda x, y: run(program, x, y), numpy.full((2, 3), 0.25), numpy.full((2, 3), -0.5))
