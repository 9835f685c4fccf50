"""Markov chains: the likelihood is exact, the samples follow it, and the stationary distribution stays."""

import itertools
import math

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.backend import current
from minigrad.data import MarkovChain
from minigrad.testing import close
from minigrad.testing import strategies as ms

pytestmark = pytest.mark.usefixtures("each_backend")

CAUGHT = [[1.0, 0.0, 0.0], [0.25, 0.5, 0.25], [0.0, 0.0, 1.0]]  # in state 0, or in state 2


def generator(seed=0):
    return numpy.random.default_rng(seed)


@st.composite
def chains(draw, positive=False):
    states = draw(st.integers(1, 4))
    rows = st.lists(ms.probabilities(states, positive=positive), min_size=states, max_size=states)
    return MarkovChain(draw(rows), draw(ms.probabilities(states, positive=positive)))


def parts_of(chain):
    return mg.asnumpy(chain.transition), mg.asnumpy(chain.initial)


@given(chain=chains(), length=st.integers(1, 4))
def test_the_likelihoods_of_all_sequences_are_products_of_the_steps_and_sum_to_one(chain, length):
    p, initial = parts_of(chain)
    everything = list(itertools.product(range(len(p)), repeat=length))
    likelihood = numpy.exp(mg.asnumpy(chain.log_likelihood(current().asarray(everything))))
    products = [initial[s[0]] * math.prod(p[step] for step in itertools.pairwise(s)) for s in everything]
    assert close(likelihood, products)
    assert close(likelihood.sum(), 1.0)


@given(chain=chains(), n=st.integers(1, 5), length=st.integers(1, 30), seed=st.integers(0, 100))
def test_no_sample_is_impossible_and_more_samples_begin_with_the_same_ones(chain, n, length, seed):
    s = chain.sample(n, length, generator(seed))
    assert isinstance(s, current().ndarray)
    assert (s.shape, s.dtype) == ((n, length), "int64")
    assert numpy.isfinite(mg.asnumpy(chain.log_likelihood(s))).all()
    assert chain.sample(n + 3, length, generator(seed))[:n].tolist() == s.tolist()


@given(chain=chains(), seed=st.integers(0, 100))
def test_samples_follow_the_likelihood(chain, seed):
    n = 4000
    drawn = mg.asnumpy(chain.sample(n, 3, generator(seed))).tolist()
    states = len(parts_of(chain)[0])
    for s in itertools.product(range(states), repeat=3):
        expected = math.exp(float(chain.log_likelihood(current().asarray(s))))
        spread = math.sqrt(expected * (1.0 - expected) / n)
        assert abs(drawn.count(list(s)) / n - expected) <= 5.0 * spread + 1e-9


def test_a_state_of_probability_0_is_never_drawn_also_at_the_ends_of_the_unit_interval():
    class Ends(numpy.random.Generator):
        def random(self, shape):
            return numpy.broadcast_to([[0.0], [numpy.nextafter(1.0, 0.0)]], shape)

    thirds = [0.0, 1 / 3, 0.0, 1 / 3, 1 / 3, 0.0]
    chain = MarkovChain([thirds] * 6, thirds)
    assert chain.sample(2, 3, Ends(numpy.random.PCG64())).tolist() == [[1, 1, 1], [4, 4, 4]]
    tenths = [*[0.1] * 10, 0.0]  # as floats they add up to a little less than the largest draw
    assert MarkovChain([tenths] * 11, tenths).sample(2, 2, Ends(numpy.random.PCG64())).tolist() == [[0, 0], [9, 9]]


@given(chain=chains())
def test_the_stationary_distribution_is_left_as_it_is_and_there_is_one_if_1_is_a_simple_eigenvalue(chain):
    p, _ = parts_of(chain)
    if numpy.linalg.matrix_rank(p - numpy.eye(len(p))) < len(p) - 1:
        with pytest.raises(ValueError, match="the stationary distribution is not unique"):
            chain.stationary()
    else:
        pi = mg.asnumpy(chain.stationary())
        assert close(pi @ p, pi)
        assert close(pi.sum(), 1.0)
        assert (pi >= 0).all()


@given(escape=st.sampled_from([1e-3, 1e-9, 1e-15]))
def test_small_stationary_probabilities_are_exact_too(escape):
    chain = MarkovChain([[1.0 - escape, escape, 0.0], [0.5, 0.5, 0.0], [0.5, 0.25, 0.25]], [0.0, 0.0, 1.0])
    total = 0.5 + escape
    rare = chain.stationary()[1]
    assert close(rare / escape, 1.0 / total), "in proportion, not only in absolute value"
    assert close(chain.stationary(), [0.5 / total, escape / total, 0.0]), "state 2 is left for ever"


def test_a_periodic_chain_has_a_stationary_distribution_and_one_with_two_traps_has_none():
    ring_road = numpy.roll(numpy.eye(7), 1, axis=1)
    assert close(MarkovChain(ring_road, ring_road[0]).stationary(), numpy.full(7, 1 / 7))
    chain = MarkovChain(CAUGHT, [0.0, 1.0, 0.0])
    for ask in (chain.stationary, chain.entropy_rate):
        with pytest.raises(ValueError, match=r"not unique: .* does not leave for ever are \[0, 2\]"):
            ask()


@given(chain=chains(positive=True))
def test_the_entropy_rate_is_what_a_stationary_chain_gains_with_each_state(chain):
    """H(s₁..s₃) − H(s₁..s₂), summed over all sequences."""
    p, _ = parts_of(chain)
    stationary = MarkovChain(p, mg.asnumpy(chain.stationary()))

    def entropy(length):
        everything = list(itertools.product(range(len(p)), repeat=length))
        logs = mg.asnumpy(stationary.log_likelihood(current().asarray(everything)))
        return -(numpy.exp(logs) * logs).sum()

    assert close(chain.entropy_rate(), entropy(3) - entropy(2), scale=5.0)
    assert chain.entropy_rate() <= math.log(len(p)) + 1e-12


def test_a_chain_without_choice_has_no_entropy():
    assert MarkovChain([[0.0, 1.0], [1.0, 0.0]], [1.0, 0.0]).entropy_rate() == 0.0


def test_rounded_rows_are_accepted_and_divided_out_and_the_chain_keeps_its_own_copy():
    p = numpy.full((3, 3), 1 / 3, "float32")
    chain = MarkovChain(p, [1.0, 0.0, 0.0])
    p[:] = 0.0
    chain.transition[:] = 0.0
    assert close(mg.asnumpy(chain.transition).sum(axis=1), numpy.ones(3))
    assert chain.initial.tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("transition", "initial", "message"),
    [
        ([[0.5, 0.5], [0.5, 0.6]], [1, 0], r"probabilities in transition must sum to 1; got the sum 1\.1"),
        ([[1.5, -0.5], [0.5, 0.5]], [1, 0], "probabilities in transition must be numbers of at least 0; got"),
        ([[math.nan, 1.0], [0.5, 0.5]], [1, 0], "probabilities in transition must be numbers of at least 0; got"),
        ([[math.inf, 1.0], [0.5, 0.5]], [1, 0], r"must sum to 1; got the sum inf"),
        ([[0.5, 0.5], [0.5, 0.5]], [0.9999, 0.0], r"probabilities in initial must sum to 1; got the sum 0\.9999"),
        ([[0.5, 0.5], [0.5, 0.5]], [1, 1], "probabilities in initial must sum to 1"),
        ([[0.5, 0.5], [0.5, 0.5]], [1, 0, 0], r"shape \(k, k\) .* got \(2, 2\) and \(3,\)"),
        ([[0.5, 0.5]], [1, 0], r"shape \(k, k\) .* got \(1, 2\) and \(2,\)"),
        ([0.5, 0.5], [1, 0], r"shape \(k, k\) .* got \(2,\) and \(2,\)"),
        ([], [], r"transition must hold probabilities; got an array of shape \(0,\)"),
        (1.0, [1.0], r"transition must hold probabilities; got an array of shape \(\)"),
    ],
)
def test_what_is_no_chain_is_refused(transition, initial, message):
    with pytest.raises(ValueError, match=message):
        MarkovChain(transition, initial)


def test_what_is_no_sequence_of_its_states_is_refused():
    chain = MarkovChain([[0.5, 0.5], [0.5, 0.5]], [1.0, 0.0])
    for wrong in ([0, 1, 2], [0, -1]):
        with pytest.raises(ValueError, match="states of this chain go from 0 to 1; got values from"):
            chain.log_likelihood(current().asarray(wrong))
    for wrong in ([0.0, 1.0], numpy.zeros((2, 0), int), 1):
        with pytest.raises(ValueError, match=r"whole numbers, of shape \(..., length\); got"):
            chain.log_likelihood(current().asarray(wrong))
    with pytest.raises(ValueError, match="length must be a whole number of at least 1; got 0"):
        chain.sample(1, 0, generator())
    with pytest.raises(TypeError, match=r"rng must be a numpy.random.Generator.*got 3"):
        chain.sample(1, 2, 3)
