"""The digits, and the ways to split and batch data."""

import numpy
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from minigrad import data


def test_the_digits_are_those_of_the_uci_repository():
    x, y = data.digits()
    assert x.shape == (1797, 64)
    assert x.dtype == "float32"
    assert (x.min(), x.max()) == (0.0, 1.0)
    assert numpy.bincount(y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert (x * 16 == (x * 16).round()).all(), "pixels count the dark points of 4 by 4 blocks"
    assert data.digits("float64")[0].dtype == "float64"


@given(n=st.integers(2, 50), seed=st.integers(0, 100), share=st.sampled_from([0.2, 0.5]))
def test_a_split_takes_every_sample_once_with_its_label(n, seed, share):
    x, y = numpy.arange(n, dtype=float)[:, None], numpy.arange(n)
    assume(0 < round(share * n) < n)
    x_train, y_train, x_test, y_test = data.split(x, y, numpy.random.default_rng(seed), share)
    assert sorted([*y_train, *y_test]) == list(range(n))
    assert x_train.ravel().tolist() == y_train.tolist()
    assert x_test.ravel().tolist() == y_test.tolist()
    assert len(y_test) == round(share * n)


@given(n=st.integers(1, 50), size=st.integers(1, 60), seed=st.integers(0, 100))
def test_batches_walk_once_over_all_samples_in_an_order_that_the_seed_decides(n, size, seed):
    x, y = numpy.arange(n, dtype=float), numpy.arange(n)

    def walk():
        return list(data.batches(x, y, size, numpy.random.default_rng(seed)))

    labels = [label for _, part in walk() for label in part]
    assert sorted(labels) == list(range(n))
    assert all(a.tolist() == b.tolist() for a, b in walk())
    assert {len(part) for part, _ in walk()[:-1]} <= {size}
    assert labels == [label for _, part in walk() for label in part]


def test_what_they_refuse():
    x, y = numpy.zeros((4, 2)), numpy.zeros(4)
    rng = numpy.random.default_rng(0)
    with pytest.raises(ValueError, match="4 samples and 3 labels"):
        data.split(x, y[:3], rng)
    with pytest.raises(ValueError, match=r"share of 0.0 leaves 0 of 4"):
        data.split(x, y, rng, 0.0)
    with pytest.raises(ValueError, match="at least one sample; got size 0"):
        next(data.batches(x, y, 0, rng))
