"""Schedules against their formulas, and the Robbins-Monro conditions against sums that are known."""

import math
import warnings
from dataclasses import dataclass, field
from itertools import pairwise

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
import minigrad.numpy as np
from minigrad import optim
from minigrad.optim.convergence import RobbinsMonro, fitted_exponent
from minigrad.optim.schedules import schedule_from
from minigrad.testing import close
from minigrad.testing import strategies as ms

rates = ms.numbers(0.125, 2.0)
counts = st.integers(1, 40)


@dataclass
class Power(optim.Schedule):
    """A schedule of a user: α_j = α j^(−p)."""

    rate: float
    p: float

    def _rate(self, j):
        return self.rate * j**-self.p

    @property
    def tail_exponent(self):
        return self.p


@dataclass
class Sequence(optim.Schedule):
    """A schedule of a user with settings that are not numbers: one schedule for each step, and notes."""

    parts: list
    notes: dict

    def _rate(self, j):
        return self.parts[j % len(self.parts)](j)


@dataclass(slots=True)
class Slotted(optim.Schedule):
    rate: float
    half: float = field(init=False)

    def __post_init__(self):
        self.half = self.rate / 2.0

    def _rate(self, j):
        return self.half


class Undecorated(optim.Schedule):
    def __init__(self, rate=1.0):
        self.rate = rate

    def _rate(self, j):
        return self.rate


class SlowHarmonic(optim.Harmonic):
    def _rate(self, j):
        return self.rate / j**0.25


class Tempered:
    def _rate(self, j):
        return 1.0 / j**0.25


class TemperedHarmonic(Tempered, optim.Harmonic):
    """Its step sizes come from a class that is no schedule."""


class SquareRoot(optim.Harmonic):
    def __call__(self, j):
        return super().__call__(j) ** 0.5


class Renamed(optim.Harmonic):
    """The step sizes of its parent under another name."""


@st.composite
def schedules(draw):
    rate, n = draw(rates), draw(counts)
    simple = [
        optim.Constant(rate),
        optim.Harmonic(rate, draw(ms.numbers(0.0, 9.0))),
        optim.Cosine(rate, n, floor=rate * draw(ms.numbers(0.0, 1.0))),
        optim.Step(rate, n, draw(ms.numbers(0.125, 0.875))),
        Power(rate, draw(ms.numbers(0.0, 2.0))),
        Renamed(rate, 3.0),
    ]
    chosen = draw(st.sampled_from(simple))
    return optim.Warmup(draw(counts), chosen) if draw(st.booleans()) else chosen


def sums(schedule, n):
    """Give Σ α_j and Σ α_j² up to n."""
    rates = numpy.array([schedule(j) for j in range(1, n + 1)])
    return float(rates.sum()), float((rates**2).sum())


# Formulas


@pytest.mark.proves("dl10-eq21")
@given(rate=rates, offset=ms.numbers(0.0, 9.0), n=st.integers(1, 2000))
def test_harmonic_steps_reach_any_distance_and_their_squares_do_not(rate, offset, n):
    """ln((n + 1 + s)/(1 + s)) ≤ Σ 1/(j + s) by the integral of 1/x, and Σ 1/(j + s)² ≤ Σ 1/j² = π²/6."""
    total, squares = sums(optim.Harmonic(rate, offset), n)
    assert rate * math.log((n + 1 + offset) / (1 + offset)) <= total * (1.0 + 1e-12)
    assert squares <= rate**2 * math.pi**2 / 6.0
    with pytest.raises(ValueError, match="the number of a step must be at least 1; got 0"):
        optim.Harmonic(rate)(0)  # the recursion of the lecture starts at θ₀, for which α/j has no value


@given(rate=rates, steps=counts, share=ms.numbers(0.0, 1.0))
def test_cosine_falls_from_the_rate_to_the_floor_and_its_mean_is_half_way(rate, steps, share):
    floor = share * rate
    schedule = optim.Cosine(rate, steps, floor)
    rates = [schedule(j) for j in range(1, steps + 2)]
    assert close(rates[0], rate)
    assert rates[-1] == schedule(steps + 100) == floor
    assert all(a >= b * (1.0 - 1e-12) for a, b in pairwise(rates))
    assert close(sum(rates), (steps + 1) * (rate + floor) / 2.0, condition=10.0)


@given(rate=rates, every=counts, factor=ms.numbers(0.125, 0.875), rounds=st.integers(1, 5))
def test_steps_fall_by_a_factor_so_that_their_sum_is_geometric(rate, every, factor, rounds):
    schedule = optim.Step(rate, every, factor)
    total, _ = sums(schedule, rounds * every)
    assert close(total, rate * every * (1.0 - factor**rounds) / (1.0 - factor), condition=10.0)
    assert schedule(every) == rate
    assert close(schedule(every + 1), rate * factor)
    assert schedule(10**7 * every) == 0.0


@given(steps=counts, then=schedules(), j=counts)
def test_a_warm_up_rises_in_equal_parts_to_the_first_rate_of_what_follows(steps, then, j):
    schedule = optim.Warmup(steps, then)
    ramp = [0.0, *(schedule(i) for i in range(1, steps + 1)), then(1)]
    assert close(numpy.diff(ramp), numpy.full(steps + 1, then(1) / (steps + 1)), scale=then(1))
    assert schedule(steps + j) == then(j)


@given(rate=rates, n=st.integers(2, 20))
def test_cosine_and_step_are_pytorchs(rate, n):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch = pytest.importorskip("torch")
    schedulers = torch.optim.lr_scheduler
    for ours, theirs, settings in (
        (optim.Cosine(rate, n, floor=rate / 8.0), schedulers.CosineAnnealingLR, {"T_max": n, "eta_min": rate / 8.0}),
        (optim.Step(rate, n // 2, 0.5), schedulers.StepLR, {"step_size": n // 2, "gamma": 0.5}),
    ):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate)
        scheduler = theirs(optimizer, **settings)
        for j in range(1, n + 1):
            assert close(ours(j), optimizer.param_groups[0]["lr"], condition=10.0)
            optimizer.step()
            scheduler.step()


# Saving


@given(schedule=schedules(), other=schedules(), j=counts)
def test_a_saved_schedule_comes_back_the_same(schedule, other, j):
    back = schedule_from(schedule.state_dict())
    assert (back, repr(back), back(j)) == (schedule, repr(schedule), schedule(j))
    if type(other) is type(schedule):
        other.load_state_dict(schedule.state_dict())
        assert other == schedule


@given(parts=st.lists(schedules(), min_size=1, max_size=3), rate=rates)
def test_settings_may_hold_dicts_and_schedules_and_dicts_that_look_like_saved_schedules(parts, rate):
    looks = [
        {},
        {"dict": {"dict": 1.0}},
        {"schedule": "Constant", "settings": {"rate": 1.0}},
        {"a": (1.0, {"b": None})},
    ]
    for notes in (*looks, {"then": parts[0], "others": looks}):
        schedule = Sequence(parts, notes)
        state = schedule.state_dict()
        assert schedule_from(state) == schedule
        assert schedule_from(optim.Warmup(3, schedule).state_dict()) == optim.Warmup(3, schedule)
        assert "Constant(" not in str(state)
    with pytest.raises(ValueError, match=r"a dict with 'schedule' and 'settings'; got {'a': 1}"):
        schedule_from({"schedule": "Constant", "settings": {"rate": {"a": 1}}})


def test_a_schedule_with_slots_and_with_derived_attributes_is_loaded_whole():
    schedule = Slotted(1.0)
    schedule.load_state_dict(Slotted(0.5).state_dict())
    assert (schedule, schedule(1)) == (Slotted(0.5), 0.25)


def test_schedules_of_the_same_name_are_told_apart():
    def harmonic():
        @dataclass
        class Harmonic(optim.Schedule):
            rate: float
            offset: float = 0.0

        return Harmonic

    own = harmonic()(0.5)
    assert type(schedule_from(optim.Harmonic(0.5).state_dict())) is optim.Harmonic
    assert type(schedule_from(own.state_dict())) is type(own)
    with pytest.raises(ValueError, match="got the state of Harmonic, for a schedule Harmonic"):
        own.load_state_dict(optim.Harmonic(0.5).state_dict())


def test_a_class_that_is_no_dataclass_is_not_saved_without_its_settings():
    for optimizer in (Undecorated(0.5), optim.Warmup(3, Undecorated(0.5))):
        with pytest.raises(TypeError, match="takes rate, and its fields are none; write @dataclass before it"):
            optimizer.state_dict()


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (3, "a saved schedule is a dict with 'schedule' and 'settings'; got 3"),
        ({"schedule": "Constant"}, "a dict with 'schedule' and 'settings'; got"),
        ({"schedule": ["Constant"], "settings": {}}, r"unknown schedule \['Constant'\]; known: Constant, Harmonic"),
        ({"schedule": "Constant", "settings": {"rate": 1.0, "steps": 3}}, "Constant has the settings rate; got"),
        ({"schedule": "Constant", "settings": [1.0]}, r"Constant has the settings rate; got \[1.0\]"),
        ({"schedule": "Constant", "settings": {"rate": -1.0}}, "rate must be positive and finite; got -1.0"),
        ({"schedule": "Constant", "settings": {"rate": None}}, "rate must be a number; got None"),
        ({"schedule": "Harmonic", "settings": {"rate": 1.0, "offset": 0.0}}, "state of Harmonic, for a schedule Const"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(state, message):
    schedule = optim.Constant(0.5)
    with pytest.raises(ValueError, match=message):
        schedule.load_state_dict(state)
    assert schedule == optim.Constant(0.5)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optim.Constant(0.0), ValueError, "rate must be positive and finite; got 0.0"),
        (lambda: optim.Harmonic(1.0, -1.0), ValueError, "offset must be at least 0 and finite; got -1.0"),
        (lambda: optim.Cosine(1.0, 0), ValueError, "steps must be at least 1; got 0"),
        (lambda: optim.Cosine(1.0, 2.0), TypeError, "steps must be a whole number; got 2.0"),
        (lambda: optim.Cosine(1.0, 2, 1.5), ValueError, "floor must not exceed rate; got floor 1.5 and rate 1.0"),
        (lambda: optim.Step(1.0, 5, 1.0), ValueError, "factor must be less than 1; got 1.0"),
        (lambda: optim.Step(1.0, 0, 0.5), ValueError, "every must be at least 1; got 0"),
        (lambda: optim.Warmup(0, optim.Constant(1.0)), ValueError, "steps must be at least 1; got 0"),
        (lambda: optim.Warmup(5, 0.1), TypeError, r"then must be a Schedule, such as Constant\(0.1\); got 0.1"),
        (lambda: optim.Harmonic(1.0)(10**400), ValueError, "Harmonic.* has no step size for step 1000*: int too large"),
        (lambda: optim.Constant(10**400), ValueError, "rate is too large for a float; got 1000"),
        (lambda: optim.Constant(1.0)(1.5), TypeError, "the number of a step must be a whole number; got 1.5"),
        (lambda: optim.Schedule()(1), TypeError, "Schedule has no _rate method"),
    ],
)
def test_what_schedules_refuse(make, error, message):
    with pytest.raises(error, match=message):
        make()


# The conditions of Robbins and Monro


@given(rate=rates, n=counts, factor=ms.numbers(0.125, 0.875))
def test_the_conditions_are_decided_exactly_for_schedules_that_are_known(rate, n, factor):
    for schedule, expected in (
        (optim.Constant(rate), (True, False)),
        (optim.Harmonic(rate, n), (True, True)),
        (optim.Cosine(rate, n), (False, True)),
        (optim.Cosine(rate, n, rate), (True, False)),
        (optim.Step(rate, n, factor), (False, True)),
    ):
        for found in (optim.robbins_monro(schedule), optim.robbins_monro(optim.Warmup(n, schedule))):
            assert (found.sum_diverges, found.squares_converge) == expected
            assert (bool(found), found.exact, found.spread) == (expected == (True, True), True, 0.0)


@pytest.mark.proves("dl10-eq48")
@given(s=st.one_of(st.sampled_from([0.5, 1.0]), ms.numbers(0.0, 2.0)), n=st.integers(10, 1000))
def test_powers_of_the_step_satisfy_the_conditions_for_exponents_above_a_half_and_up_to_one(s, n):
    """The sums are at least, or at most, what the integrals of x^(−s) and of x^(−2s) say."""
    found = optim.robbins_monro(Power(1.0, s))
    assert bool(found) == (0.5 < s <= 1.0)
    total, squares = sums(Power(1.0, s), n)
    if found.sum_diverges:
        assert total >= math.log(n + 1)
    else:
        assert total <= 1.0 + 1.0 / (s - 1.0)
    if found.squares_converge:
        assert squares <= 1.0 + 1.0 / (2.0 * s - 1.0)
    else:
        assert squares >= math.log(n + 1)


@pytest.mark.refutes("dl10-eq48")
def test_with_square_summable_steps_alone_descent_stalls_before_the_minimum():
    """Steps 1/m² satisfy the printed condition; with gradients below 1 they never travel farther than π²/6."""
    schedule = Power(1.0, 2.0)
    found = optim.robbins_monro(schedule)
    assert (found.squares_converge, found.sum_diverges) == (True, False)
    theta = mg.tensor(10.0, requires_grad=True)
    optimizer = optim.SGD([theta], schedule)
    for _ in range(100):
        optimizer.zero_grad()
        np.sqrt(1.0 + theta * theta).backward()
        optimizer.step()
    still_to_come = 1.0 / 100  # Σ 1/m² over m > 100 is less than the integral
    assert theta.item() - still_to_come > 10.0 - math.pi**2 / 6.0 > 0.0
    assert theta.grad.item() > 0.99


@given(p=ms.numbers(0.0, 2.0), q=ms.numbers(-2.0, 2.0), rate=rates)
def test_an_estimate_is_never_wrong_about_powers_with_logarithms(p, q, rate):
    """Σ j^(−p) (log j)^q diverges for p < 1, and for p = 1 where q ≥ −1."""
    found = optim.robbins_monro(lambda j: rate * j**-p * math.log(j + 1) ** q)
    assert not found.exact
    assert found.sum_diverges in (None, p < 1.0 or (p == 1.0 and q >= -1.0))
    assert found.squares_converge in (None, p > 0.5 or (p == 0.5 and q < -0.5))
    assert abs(found.exponent - p) <= found.spread


@given(p=ms.numbers(0.0, 2.0), rate=rates)
def test_an_estimate_of_a_pure_power_is_undecided_only_at_the_limits(p, rate):
    found = optim.robbins_monro(lambda j: rate * j**-p)
    assert found.sum_diverges is (None if p == 1.0 else p < 1.0)
    assert found.squares_converge is (None if p == 0.5 else p > 0.5)
    assert bool(found) == (0.5 < p < 1.0)
    assert close(found.exponent, p, scale=1.0)


def test_what_is_no_power_is_undecided():
    for rate in (lambda j: math.exp(-j / 1000.0), lambda j: 1.0 if j < 5000 else 0.0, lambda j: 1.0 / (j + 10**5)):
        found = optim.robbins_monro(rate)
        assert (found.sum_diverges, bool(found)) == (None, False)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (optim.Harmonic(0.5), "Σ α_j = ∞ holds; Σ α_j² < ∞ holds; exactly: α_j falls like j^−1"),
        (optim.Constant(0.5), "Σ α_j = ∞ holds; Σ α_j² < ∞ fails; exactly: α_j tends to a positive number"),
        (optim.Cosine(0.5, 9), "Σ α_j = ∞ fails; Σ α_j² < ∞ holds; exactly: α_j falls faster than every power of j"),
        (
            lambda j: 1.0 / j,
            "Σ α_j = ∞ is undecided; Σ α_j² < ∞ holds; estimated from j = 10^3 to 10^6: α_j falls like j^−p, "
            "p = 1.000 ± 0.001",
        ),
        (
            lambda j: max(0.0, 1.0 - j / 10**4),
            "Σ α_j = ∞ is undecided; Σ α_j² < ∞ is undecided; estimated from j = 10^3 to 10^6: some α_j are 0, so that "
            "no power of j fits",
        ),
    ],
)
def test_the_outcome_says_in_words_what_is_known_and_from_where(schedule, expected):
    assert repr(optim.robbins_monro(schedule)) == expected


def test_an_unknown_tail_is_estimated_and_zeros_have_no_exponent():
    class Root(optim.Schedule):
        def _rate(self, j):
            return j**-0.75

    assert not optim.robbins_monro(optim.Warmup(3, Root())).exact
    assert all(map(math.isnan, fitted_exponent(lambda j: 0.0)))
    assert not RobbinsMonro(None, True, 1.0, 0.001, exact=False)


def test_an_exponent_belongs_to_the_step_sizes_that_it_was_written_for():
    for schedule, p in ((SlowHarmonic(1.0), 0.25), (TemperedHarmonic(1.0), 0.25), (SquareRoot(1.0), 0.5)):
        for one in (schedule, optim.Warmup(3, schedule)):
            found = optim.robbins_monro(one)
            assert (found.exact, bool(found)) == (False, False)
            assert abs(found.exponent - p) < 0.01
    assert optim.robbins_monro(Renamed(1.0)).exact


def test_what_the_check_refuses():
    with pytest.raises(TypeError, match=r"the schedule is the class Harmonic; make a schedule of it, such as Constant"):
        optim.robbins_monro(optim.Harmonic)
    with pytest.raises(TypeError, match=r"takes a schedule; got 0.1; write optim.Constant\(0.1\)"):
        optim.robbins_monro(0.1)
    with pytest.raises(ValueError, match="gives for step 1000 must be at least 0 and finite; got -1"):
        optim.robbins_monro(lambda j: -1.0)
