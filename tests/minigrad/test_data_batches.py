"""Splits take every sample once; batches too, and go on after a stop as if there had been none."""

import copy
import json
import pickle

import numpy
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import data
from minigrad.backend import current

pytestmark = pytest.mark.usefixtures("each_backend")

counts = st.integers(1, 30)
sizes = st.integers(1, 35)
seeds = st.integers(0, 100)
BIT_GENERATORS = [numpy.random.PCG64, numpy.random.MT19937, numpy.random.Philox, numpy.random.SFC64]


def generator(seed=0):
    return numpy.random.default_rng(seed)


def numbered(n):
    """Give n samples and their labels, so that each tells its number."""
    return current().asarray(numpy.arange(float(n))[:, None]), current().asarray(numpy.arange(n))


def listed(parts):
    return [mg.asnumpy(part).ravel().tolist() for part in parts]


@given(n=st.integers(2, 50), seed=seeds, share=st.sampled_from([0.2, 0.5]))
def test_a_split_takes_every_sample_once_with_its_label(n, seed, share):
    assume(0 < round(share * n) < n)
    x_train, y_train, x_test, y_test = listed(data.split(*numbered(n), generator(seed), share))
    assert sorted([*y_train, *y_test]) == list(range(n))
    assert (x_train, x_test) == (y_train, y_test)
    assert len(y_test) == round(share * n)


@given(n=counts, size=sizes, seed=seeds)
def test_an_epoch_takes_every_sample_once_with_its_label_in_an_order_that_the_seed_decides(n, size, seed):
    x, y = numbered(n)
    walk = data.batches(x, y, size, generator(seed))
    pairs = list(walk)
    labels = [label for _, part in pairs for label in part.tolist()]
    assert len(walk) == len(pairs)
    assert sorted(labels) == list(range(n))
    assert {len(part) for _, part in pairs[:-1]} <= {size}
    assert [part.tolist() for _, part in pairs] == listed(part for part, _ in pairs)
    assert labels == [label for _, part in data.batches(x, y, size, generator(seed)) for label in part.tolist()]


@given(n=counts, size=sizes, seed=seeds)
def test_dropping_the_last_batch_leaves_out_the_smaller_one_and_nothing_else(n, size, seed):
    assume(size <= n)
    x, _ = numbered(n)
    kept = listed(data.batches(x, None, size, generator(seed), drop_last=True))
    assert kept == [part for part in listed(data.batches(x, None, size, generator(seed))) if len(part) == size]


@given(n=counts, size=sizes, seed=seeds)
def test_every_epoch_has_the_order_that_the_generator_draws_at_its_beginning(n, size, seed):
    x, _ = numbered(n)
    walk, rng = data.batches(x, None, size, generator(seed)), generator(seed)
    for _ in range(3):
        assert [number for part in listed(walk) for number in part] == rng.permutation(n).tolist()


@given(n=counts, size=sizes, seed=seeds)
def test_the_next_batches_are_the_epochs_one_after_the_other(n, size, seed):
    x, _ = numbered(n)
    epochs, endless = (data.batches(x, None, size, generator(seed)) for _ in range(2))
    walked = [part for _ in range(3) for part in listed(epochs)]
    assert walked == listed(endless.next_batch() for _ in walked)
    assert epochs.epoch == 3
    assert endless.epoch == 2, "the third epoch ends when the fourth one begins"


@given(n=counts, size=sizes, seed=seeds, stop=st.integers(0, 40), kind=st.sampled_from(BIT_GENERATORS))
def test_a_resumed_walk_gives_the_batches_that_an_uninterrupted_one_gives(n, size, seed, stop, kind):
    """Of this epoch and of the next ones, also when others draw from the generator in between."""
    x, y = numbered(n)

    def begin(seed):
        rng = numpy.random.Generator(kind(seed))
        return rng, data.batches(x, y, size, rng)

    def draws(rng, walk, count):
        return [(rng.random(), mg.asnumpy(walk.next_batch()[1]).tolist()) for _ in range(count)]

    rng, walk = begin(seed)
    draws(rng, walk, stop)
    state = copy.deepcopy(walk.state_dict())
    saved = walk.state_dict()
    expected = draws(rng, walk, 3 * len(walk))
    assert str(saved) == str(state), "a saved state does not change when the walk goes on"
    rng, walk = begin(seed + 1)
    walk.next_batch()
    walk.load_state_dict(state)
    assert draws(rng, walk, 3 * len(walk)) == expected


@given(n=counts, size=sizes, stop=st.integers(1, 40))
def test_a_training_loop_that_is_killed_after_any_batch_and_resumed_sees_what_it_would_have_seen(n, size, stop):
    """The state is saved inside the loop over an epoch, also after its last batch."""
    x, _ = numbered(n)

    def train(walk, epoch, killed_after=None):
        seen = []
        while epoch < 3:
            for part in walk:
                seen += mg.asnumpy(part).ravel().tolist()
                if len(seen) == killed_after:
                    return seen, epoch, walk.state_dict()
            epoch += 1
        return seen, epoch, walk.state_dict()

    whole, _, last = train(data.batches(x, None, size, generator()), 0)
    begun, epoch, state = train(data.batches(x, None, size, generator()), 0, killed_after=stop * size)
    resumed = data.batches(x, None, size, generator(1))
    resumed.load_state_dict(state)
    rest, _, same = train(resumed, epoch)
    assert begun + rest == whole
    assert str(same) == str(last)
    assert resumed.epoch == 3


def test_a_walk_that_is_broken_off_goes_on_where_it_stopped():
    x, _ = numbered(6)
    walk = data.batches(x, None, 2, generator())
    whole = listed(data.batches(x, None, 2, generator()))
    for part in walk:
        assert listed([part]) == whole[:1]
        break
    assert listed(walk) == whole[1:]


@given(n=counts, size=sizes, others=st.lists(st.booleans(), max_size=6))
def test_what_happens_inside_of_a_loop_gives_no_empty_batch_and_ends_it_with_its_epoch(n, size, others):
    """Inside of the loop, another loop is begun, or next_batch is called."""
    x, _ = numbered(n)
    walk, alone = (data.batches(x, None, size, generator()) for _ in range(2))
    seen, loop = [], iter(walk)
    for begin in (*others, None):
        if (part := next(loop, None)) is None:
            break
        assert walk.epoch == 0, "the loop is one over the first epoch"
        seen.append(part)
        if begin is not None:
            seen.append(next(iter(walk)) if begin and len(seen) % len(walk) else walk.next_batch())
    assert listed(seen) == listed(alone.next_batch() for _ in seen)


def test_a_loop_inside_of_a_loop_ends_both():
    x, _ = numbered(7)
    walk = data.batches(x, None, 2, generator())
    assert [[len(part) for part in walk] for _ in walk] == [[2, 2, 1]]
    assert walk.epoch == 1


@pytest.mark.parametrize("saved_after", [0, 1, 3, 4])
def test_a_state_that_is_loaded_inside_of_a_loop_is_where_it_goes_on(saved_after):
    x, _ = numbered(8)
    walk, source = (data.batches(x, None, 2, generator()) for _ in range(2))
    states = [source.state_dict()]
    whole = listed(source.next_batch() for _ in [0] * 4)
    for _ in range(saved_after):
        states.append((walk.next_batch(), walk.state_dict())[1])
    walk = data.batches(x, None, 2, generator(1))
    seen = []
    for part in walk:
        seen += listed([part])
        if len(seen) == 2:
            walk.load_state_dict(states[-1])
    assert seen[2:] == whole[saved_after:]
    assert walk.epoch == 1
    walk.load_state_dict(states[-1])
    assert listed(walk) == whole[saved_after:]
    later = walk.state_dict()
    walk.load_state_dict(states[0])
    for _ in walk:
        walk.load_state_dict(later)
    assert walk.epoch == 1, "a loop ends when a state of another epoch is loaded"


def test_they_can_be_copied_and_pickled_and_keep_their_backend(each_backend):
    x, y = numbered(5)
    walk = data.batches(x, y, 2, generator())
    walk.next_batch()
    copied = [copy.deepcopy(walk)]
    if each_backend == "numpy":  # the arrays of the fake device cannot be pickled
        copied.append(pickle.loads(pickle.dumps(walk)))
    with mg.use("numpy"):
        expected = [listed(pair) for pair in walk]
        assert [[listed(pair) for pair in other] for other in copied] == [expected] * len(copied)


def test_the_state_is_made_of_plain_things():
    x, y = numbered(5)
    walk = data.batches(x, y, 2, generator())
    walk.next_batch()
    state = walk.state_dict()
    assert isinstance(state["order"], numpy.ndarray)
    restored = json.loads(json.dumps({**state, "order": state["order"].tolist()}))
    again = data.batches(x, y, 2, generator(1))
    again.load_state_dict(restored)
    assert str(again.state_dict()) == str(state)


def test_data_may_be_lists_or_tensors():
    x, y = [[0.5], [1.5]], mg.tensor([0, 1])
    ((images, labels),) = data.batches(x, y, 2, generator())
    assert isinstance(images, current().ndarray)
    assert isinstance(labels, current().ndarray)
    assert sorted(labels.tolist()) == [0, 1]


def test_what_they_refuse():
    x, y = numbered(4)
    with pytest.raises(ValueError, match="as many labels as samples; got 4 samples and 3 labels"):
        data.split(x, y[:3], generator())
    with pytest.raises(ValueError, match="as many labels as samples; got 4 samples and 3 labels"):
        data.batches(x, y[:3], 2, generator())
    with pytest.raises(ValueError, match=r"share of 0.0 leaves 0 of 4"):
        data.split(x, y, generator(), 0.0)
    with pytest.raises(ValueError, match="size must be a whole number of at least 1; got 0"):
        data.batches(x, y, 0, generator())
    with pytest.raises(ValueError, match=r"size must be a whole number of at least 1; got 2.0"):
        data.batches(x, y, 2.0, generator())
    with pytest.raises(ValueError, match="4 samples do not fill one batch of 5"):
        data.batches(x, y, 5, generator(), drop_last=True)
    with pytest.raises(ValueError, match=r"x needs one sample or more along the first axis; got shape \(0, 1\)"):
        data.batches(x[:0], None, 1, generator())
    with pytest.raises(ValueError, match=r"x needs one sample or more along the first axis; got shape \(\)"):
        data.batches(3.0, None, 1, generator())
    for rng in (None, 0, numpy.random.RandomState(0)):
        with pytest.raises(TypeError, match=r"rng must be a numpy.random.Generator, such as .*; got"):
            data.batches(x, y, 2, rng)
        with pytest.raises(TypeError, match=r"rng must be a numpy.random.Generator, such as .*; got"):
            data.split(x, y, rng)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"samples": 5}, "batches with samples=5, and these have samples=4"),
        ({"size": 3}, "batches with size=3, and these have size=2"),
        ({"drop_last": 1}, "batches with drop_last=1, and these have drop_last=0"),
        ({"epoch": -1}, "epoch must be a whole number of at least 0; got -1"),
        ({"position": 3}, "position 3 is behind the end of its epoch"),
        ({"position": 1, "order": []}, "position 1 is behind the end of its epoch"),
        ({"order": [0, 1, 2, 2]}, "order is no permutation of 4 samples"),
        ({"order": [0, 1, 2]}, "order is no permutation of 4 samples"),
        ({"order": [0.5, 1.0, 2.0, 3.0]}, "order is no permutation of 4 samples"),
        ({"order": [None, 1, 2, 3]}, "order is no permutation of 4 samples"),
        ({"order": "shuffled"}, "order is no permutation of 4 samples"),
        ({"rng": numpy.random.MT19937(0).state}, "state of the generator is none of a PCG64"),
        ({"rng": {**numpy.random.PCG64(0).state, "state": {}}}, "state of the generator is none of a PCG64"),
        ({"rng": 5}, "state of the generator is none of a PCG64"),
        ({"more": 5}, "is a dict with the keys samples, size, drop_last, epoch, position, order, rng; got"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(changes, message):
    x, y = numbered(4)
    walk = data.batches(x, y, 2, generator())
    walk.next_batch()
    before = str(walk.state_dict())
    other = data.batches(x, y, 2, generator(1))
    with pytest.raises(ValueError, match=message):
        walk.load_state_dict({**other.state_dict(), **changes})
    assert str(walk.state_dict()) == before


def test_a_state_of_another_kind_is_refused():
    walk = data.batches(*numbered(4), 2, generator())
    with pytest.raises(ValueError, match=r"is a dict with the keys samples, .*; got list"):
        walk.load_state_dict([])
    with pytest.raises(ValueError, match=r"is a dict with the keys samples, .*; got"):
        walk.load_state_dict({})
