"""A hundred steps of every optimizer, beside PyTorch's."""

import warnings

import numpy
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.minigrad.trajectories.problems import (
    CASES,
    difference,
    network,
    quadratic,
    recorded,
    shaken,
    solve,
    solve_with_torch,
)


@pytest.fixture(scope="module")
def record():
    return recorded()


@pytest.mark.usefixtures("each_backend")
@pytest.mark.parametrize("case", CASES)
def test_trajectories_are_those_that_pytorch_was_recorded_with(case, record):
    for problem, seen in record.values():
        assert difference(solve(case, problem), seen[case]) <= 1e-6


def test_the_record_has_quadratics_and_networks_and_every_case(record):
    assert {problem.loss for problem, _ in record.values()} == {"quadratic", "network"}
    assert all(list(seen) == list(CASES) for _, seen in record.values())


@pytest.fixture(scope="module")
def torch():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("torch")


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=5)
@given(draw=st.sampled_from([quadratic, network]), seed=st.integers(0, 2**32 - 1))
def test_trajectories_are_pytorchs(torch, case, draw, seed):
    """Where the trajectory is no chaotic one, which rounding alone would carry away."""
    problem = draw(numpy.random.default_rng(seed))
    ours = solve(case, problem)
    assume(difference(solve(case, shaken(problem)), ours) <= 1e-7)
    assert difference(ours, solve_with_torch(torch, case, problem)) <= 1e-6
