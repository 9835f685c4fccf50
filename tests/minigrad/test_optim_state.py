"""Saving an optimizer: what a state holds, that it resumes bit for bit, and what is refused."""

import copy

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import optim
from minigrad.backend import current
from minigrad.testing import strategies as ms
from tests.minigrad.trajectories.problems import CASES

pytestmark = pytest.mark.usefixtures("each_backend")
every_case = pytest.mark.parametrize("case", CASES)
SCHEDULES = [optim.Cosine(0.125, 4), optim.Warmup(2, optim.Step(0.125, 1, 0.5))]


def leaves(dtype="float64"):
    """Make a vector, a parameter without axes, and one that never has a gradient."""
    return [mg.tensor(x, dtype, requires_grad=True) for x in ([1.0, -2.0], 0.5, [3.0])]


def optimizer_of(case, params, **settings):
    kind, known = CASES[case]
    return getattr(optim, kind)(params, **(known | settings))


def walk(optimizer, gradients):
    for vector, number in gradients:
        for p, g in zip(optimizer.params, (vector, number), strict=False):
            p.grad = mg.tensor(g, p.dtype)
        optimizer.step()
    return [p.tolist() for p in optimizer.params]


def like(params):
    return [mg.tensor(p.data, requires_grad=True) for p in params]


def on_host(state):
    """Take the arrays of a state to the host, as a file would have them."""
    slots = {name: [None if x is None else mg.asnumpy(x) for x in arrays] for name, arrays in state["slots"].items()}
    return state | {"slots": slots}


def plain(state):
    """Write a state with lists in place of arrays, so that two can be compared."""
    state = on_host(state)
    slots = {name: [x if x is None else x.tolist() for x in arrays] for name, arrays in state["slots"].items()}
    return state | {"slots": slots}


gradients = st.lists(st.tuples(ms.vectors(2), ms.numbers()), min_size=1, max_size=6)


@every_case
@given(data=st.data(), gradients=gradients, dtype=st.sampled_from(["float32", "float64"]))
def test_a_run_that_is_split_by_a_save_is_the_uninterrupted_run_bit_for_bit(case, data, gradients, dtype):
    k = data.draw(st.integers(0, len(gradients)), "the split")
    schedule = data.draw(st.sampled_from([{}, *({"lr": schedule} for schedule in SCHEDULES)]))
    whole, first = optimizer_of(case, leaves(dtype), **schedule), optimizer_of(case, leaves(dtype), **schedule)
    walk(first, gradients[:k])
    second = getattr(optim, CASES[case][0])(like(first.params))
    second.load_state_dict(data.draw(st.sampled_from([on_host, copy.deepcopy]))(first.state_dict()))
    assert walk(second, gradients[k:]) == walk(whole, gradients)
    assert plain(second.state_dict()) == plain(whole.state_dict())
    assert repr(second) == repr(whole)


def test_a_state_is_made_of_plain_things_only():
    def check(x):
        if isinstance(x, dict):
            assert all(isinstance(key, str) for key in x)
            check(list(x.values()))
        elif isinstance(x, list):
            for part in x:
                check(part)
        else:
            assert x is None or type(x) in (str, int, float, bool, current().ndarray), x

    for case in CASES:
        optimizer = optimizer_of(case, leaves(), lr=optim.Warmup(3, optim.Harmonic(0.5)))
        walk(optimizer, [([1.0, 2.0], 3.0)])
        check(optimizer.state_dict())


def test_what_a_state_holds():
    optimizer = optim.Adam(leaves(), optim.Warmup(3, optim.Harmonic(0.5)), amsgrad=True)
    walk(optimizer, [([1.0, 2.0], 3.0), ([1.0, 2.0], 3.0)])
    state = plain(optimizer.state_dict())
    harmonic = {"schedule": "Harmonic", "settings": {"rate": 0.5, "offset": 0.0}}
    assert state["settings"] == {
        "lr": {"schedule": "Warmup", "settings": {"steps": 3, "then": harmonic}},
        "betas": [0.9, 0.999],
        "eps": 1e-8,
        "weight_decay": 0.0,
        "amsgrad": True,
        "maximize": False,
    }
    assert (state["kind"], state["steps"], state["moves"]) == ("Adam", 2, [2, 2, 0])
    assert list(state["slots"]) == ["mean", "square", "largest"]
    assert [x is None for x in state["slots"]["mean"]] == [False, False, True]


def test_a_state_is_a_copy_in_both_directions():
    optimizer = optim.SGD(leaves(), 0.5, momentum=0.5)
    walk(optimizer, [([1.0, 2.0], 3.0)])
    saved = optimizer.state_dict()
    walk(optimizer, [([1.0, 2.0], 3.0)])
    assert plain(saved)["slots"]["velocity"] == [[1.0, 2.0], 3.0, None]
    optimizer.load_state_dict(saved)
    walk(optimizer, [([1.0, 2.0], 3.0)])
    assert plain(saved)["slots"]["velocity"] == [[1.0, 2.0], 3.0, None]


def test_a_projection_is_code_and_stays_with_the_optimizer():
    bounded = optim.SGD(leaves(), 0.5, project=lambda w: w.clip(-1.0, 1.0))
    bounded.load_state_dict(optim.SGD(leaves(), 0.25).state_dict())
    assert bounded.rate == 0.25
    assert walk(bounded, [([9.0, 9.0], -9.0)]) == [[-1.0, -1.0], 1.0, [3.0]]


def test_a_function_as_step_size_is_not_saved_and_has_to_be_given_again():
    def rate(j):
        return 0.5 / j

    saved = optim.SGD(leaves(), rate)
    walk(saved, [([1.0, 2.0], 3.0)])
    state = saved.state_dict()
    assert state["settings"]["lr"] is None
    again = optim.SGD(leaves(), rate)
    again.load_state_dict(state)
    assert (again.lr, again.rate) == (rate, 0.25)
    for lr in (0.5, optim.Harmonic(0.5)):
        with pytest.raises(ValueError, match="lr was a function, which is not saved; give that function to the opt"):
            optim.SGD(leaves(), lr).load_state_dict(state)


@every_case
def test_an_optimizer_whose_parameters_were_frozen_is_still_loaded(case):
    optimizer = optimizer_of(case, leaves())
    walk(optimizer, [([1.0, 2.0], 3.0)])
    for frozen in (optimizer.params[:1], optimizer.params):
        for p in frozen:
            p.requires_grad = False
        state = optimizer.state_dict()
        optimizer.load_state_dict(state)
        assert plain(optimizer.state_dict()) == plain(state)


def test_a_shared_schedule_stays_shared_and_takes_the_saved_settings():
    shared, other = optim.Harmonic(0.5), optim.Harmonic(0.25, 3.0)
    one, two = optim.SGD(leaves(), shared), optim.Adam(leaves(), shared)
    state = optim.SGD(leaves(), other).state_dict()
    with pytest.raises(ValueError, match="steps must be a whole number"):
        one.load_state_dict(state | {"steps": -1})
    assert shared == optim.Harmonic(0.5)
    one.load_state_dict(state)
    assert one.lr is two.lr is shared
    assert shared == other
    assert shared is not other
    one.load_state_dict(optim.SGD(leaves(), 0.125).state_dict())
    assert (one.lr, two.lr) == (0.125, other)
    one.load_state_dict(state)
    assert one.lr == other
    two.load_state_dict(optim.Adam(leaves(), optim.Constant(0.5)).state_dict())
    assert (two.lr, shared) == (optim.Constant(0.5), other)


def test_an_optimizer_with_slots_that_overflowed_takes_its_own_state_back():
    optimizer = optim.Adam(leaves("float32"), 0.5)
    with numpy.errstate(over="ignore"):
        walk(optimizer, [([1e30, 2.0], numpy.nan)])
    state = optimizer.state_dict()
    assert plain(state)["slots"]["square"][0][0] == numpy.inf
    optimizer.load_state_dict(state)
    assert str(plain(optimizer.state_dict())) == str(plain(state))


def test_a_setting_that_needs_a_slot_may_be_switched_on_before_a_save():
    whole = optim.SGD(leaves(), 0.5)
    walk(whole, [([1.0, 2.0], 3.0)])
    whole.momentum = 0.5
    resumed = optim.SGD(like(whole.params), 0.5)
    resumed.load_state_dict(whole.state_dict())
    more = [([1.0, -2.0], 0.5), ([0.25, 2.0], 1.0)]
    assert walk(resumed, more) == walk(whole, more)
    assert plain(resumed.state_dict()) == plain(whole.state_dict())


class Passing(optim.SGD):
    """An optimizer of a user, which passes on what it does not know."""

    def __init__(self, params, lr=0.5, *, twist=1.0, **settings):
        super().__init__(params, lr, **settings)
        self.twist = twist


class Fixed(optim.SGD):
    """An optimizer of a user, which leaves no choice but one."""

    def __init__(self, params, lr):
        super().__init__(params, lr, momentum=0.5)


class Careless(optim.SGD):
    """An optimizer of a user, which forgets what it was given under that name."""

    def __init__(self, params, lr=0.5, heat=1.0):
        super().__init__(params, lr)
        self.temperature = heat


def test_settings_that_a_class_passes_on_to_its_parent_are_saved_too():
    saved = Passing(leaves(), twist=2.0, momentum=0.5, maximize=True)
    assert list(saved.state_dict()["settings"])[:3] == ["lr", "twist", "momentum"]
    again = Passing(leaves(), 0.25, project=abs)
    again.load_state_dict(saved.state_dict())
    assert repr(again) == repr(saved)
    assert (again.twist, again.momentum, again.maximize, again.project) == (2.0, 0.5, True, abs)


def test_a_constructor_without_a_projection_can_be_loaded():
    again = Fixed(leaves(), 0.25)
    again.load_state_dict(Fixed(leaves(), 0.5).state_dict())
    assert (again.lr, again.momentum) == (0.5, 0.5)


def test_an_argument_that_was_not_kept_is_named():
    optimizer = Careless(leaves())
    assert repr(optimizer) == "Careless(lr=0.5)"
    with pytest.raises(TypeError, match=r"takes the argument heat and has no .* write self\.heat = heat in its"):
        optimizer.state_dict()


# What is refused


def change(*path):
    """Replace what the path leads to by its last part; ``del`` as the last part takes it out."""

    def changed(state):
        *places, last, value = path
        inner = state
        for key in places:
            inner = inner[key]
        if value is del_:
            del inner[last]
        else:
            inner[last] = value
        return state

    return changed


del_ = object()
ALTERED = {
    "no dict": (lambda state: [1.0], "the state must be a dict; got a list of 1"),
    "key gone": (change("moves", del_), "the state lacks 'moves'"),
    "key added": (change("epoch", 3), "the state has the unknown 'epoch'"),
    "kind": (change("kind", "SGD"), "it was saved from 'SGD'"),
    "settings no dict": (change("settings", None), "settings must be a dict; got a NoneType"),
    "setting gone": (change("settings", "eps", del_), "settings lacks 'eps'"),
    "setting added": (change("settings", "momentum", 0.9), "settings has the unknown 'momentum'"),
    "setting wrong": (change("settings", "eps", -1.0), "settings: eps must be positive and finite; got -1.0"),
    "lr": (change("settings", "lr", float("nan")), "settings: the step size lr must be positive and finite; got nan"),
    "betas": (change("settings", "betas", [0.9]), r"settings: betas must be a pair of numbers; got \[0.9\]"),
    "schedule": (
        change("settings", "lr", {"schedule": "Linear", "settings": {}}),
        "settings: lr: unknown schedule 'Linear'; known: .*Constant",
    ),
    "steps": (change("steps", -1), "steps must be a whole number of at least 0; got -1"),
    "steps no number": (change("steps", 2.5), "steps must be a whole number of at least 0; got 2.5"),
    "moves": (change("moves", [1]), "moves must list one number for each of 3 parameters; got a list of 1"),
    "moves too many": (change("moves", 1, 3), "moves: parameter 1 cannot have moved 3 times in 2 steps"),
    "moves no number": (change("moves", 1, True), "moves: parameter 1 cannot have moved True times in 2 steps"),
    "slots no dict": (change("slots", 0), "slots must be a dict; got a int"),
    "slot gone": (change("slots", "square", del_), "slots lacks 'square'"),
    "slot added": (change("slots", "largest", []), "slots has the unknown 'largest'"),
    "slot no list": (change("slots", "mean", "text"), "'mean' must list one array for each of 3 .*; got a str"),
    "too few": (change("slots", "mean", []), "slots: 'mean' must list one array for each of 3 .*; got a list of 0"),
    "no array": (change("slots", "mean", 0, [1.0, 2.0]), "of parameter 0 must be an array or None; got a list of 2"),
    "missing": (change("slots", "mean", 0, None), "'mean' of parameter 0 is missing, although it moved 2 times"),
    "not moved": (change("slots", "mean", 2, numpy.ones(1)), "of parameter 2 is there, although it never moved"),
    "shape": (change("slots", "mean", 0, numpy.ones(3)), r"of parameter 0 has shape \(3,\), and the parameter \(2,\)"),
    "dtype": (change("slots", "mean", 0, numpy.ones(2, "float32")), "0 is float32, and the parameter float64"),
}


def moved_adam():
    optimizer = optim.Adam(leaves(), 0.5)
    walk(optimizer, [([1.0, 2.0], 3.0), ([1.0, 2.0], 3.0)])
    return optimizer


@pytest.mark.parametrize("name", ALTERED)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(name):
    alter, message = ALTERED[name]
    optimizer = moved_adam()
    before = plain(optimizer.state_dict())
    with pytest.raises(ValueError, match=f"(?s)this state cannot be loaded into Adam:\n- .*{message}"):
        optimizer.load_state_dict(alter(optimizer.state_dict()))
    assert plain(optimizer.state_dict()) == before


def test_all_that_is_wrong_is_listed():
    names = ["betas", "steps", "shape", "dtype"]
    optimizer = moved_adam()
    state = optimizer.state_dict()
    for name in names:
        state = ALTERED[name][0](state)
    with pytest.raises(ValueError, match="cannot be loaded") as caught:
        optimizer.load_state_dict(state)
    assert str(caught.value).splitlines() == [
        "this state cannot be loaded into Adam:",
        "- settings: betas must be a pair of numbers; got [0.9]",
        "- steps must be a whole number of at least 0; got -1",
        "- slots: 'mean' of parameter 0 is float32, and the parameter float64",
    ]


def test_a_state_of_other_parameters_is_refused():
    with pytest.raises(ValueError, match="moves must list one number for each of 1 parameters; got a list of 3"):
        optim.Adam([mg.tensor(1.0, requires_grad=True)]).load_state_dict(moved_adam().state_dict())
