"""Schedules: how the step size α_j depends on the number j = 1, 2, … of the step."""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from minigrad.optim import checks


@dataclass
class Schedule:
    """A step size for every step: called with j = 1, 2, …, it gives α_j.

    A subclass is a dataclass whose fields are its settings. It defines `_rate`, and `tail_exponent` if that is known;
    with another `_rate` it does not inherit that of its parent.

    Examples
    --------
    >>> @dataclass
    ... class Root(Schedule):
    ...     rate: float
    ...
    ...     def _rate(self, j):
    ...         return self.rate / math.sqrt(j)
    >>> Root(1.0)(4)
    0.5
    """

    kinds: ClassVar[dict[str, type[Schedule]]] = {}

    def __init_subclass__(cls) -> None:
        Schedule.kinds[_name_of(cls)] = cls
        decisive = next(kind for kind in cls.__mro__ if vars(kind).keys() & {"_rate", "__call__", "tail_exponent"})
        if "tail_exponent" not in vars(decisive):
            changed: Any = cls
            changed.tail_exponent = Schedule.tail_exponent

    def __call__(self, j: int) -> float:
        """Give α_j."""
        try:
            return self._rate(checks.whole("the number of a step", j, 1))
        except OverflowError as error:
            raise ValueError(f"{self!r} has no step size for step {j}: {error}") from None

    def _rate(self, j: int) -> float:
        raise TypeError(f"{type(self).__name__} has no _rate method; see the example of Schedule")

    @property
    def tail_exponent(self) -> float | None:
        """The p for which α_j falls like j^−p: infinite if faster than every power, None if not known."""
        return None

    def state_dict(self) -> dict[str, Any]:
        """Give its name and its settings; it has no other state.

        A class that is not minigrad's is saved with the module that it comes from in its name.

        Raises
        ------
        TypeError
            If the fields of its class are not what its constructor takes.

        Examples
        --------
        >>> Constant(0.5).state_dict()
        {'schedule': 'Constant', 'settings': {'rate': 0.5}}
        """
        kind, names = type(self), _setting_names(type(self))
        taken = list(inspect.signature(kind).parameters)
        if sorted(taken) != sorted(names):
            raise TypeError(
                f"{kind.__name__} cannot be saved: its constructor takes {', '.join(taken) or 'nothing'}, and its "
                f"fields are {', '.join(names) or 'none'}; write @dataclass before it, and its settings as fields"
            )
        return {"schedule": _name_of(kind), "settings": {name: _saved(getattr(self, name)) for name in names}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the settings of a saved schedule of the same class; nothing changes unless all of them fit.

        Raises
        ------
        ValueError
            If the state is not that of a schedule of this class.

        Examples
        --------
        >>> schedule = Constant(0.5)
        >>> schedule.load_state_dict(Constant(0.25).state_dict())
        >>> schedule
        Constant(rate=0.25)
        """
        loaded = schedule_from(state)
        if type(loaded) is not type(self):
            raise ValueError(f"got the state of {type(loaded).__name__}, for a schedule {type(self).__name__}")
        vars(self).update(vars(loaded))
        for field in dataclasses.fields(self):  # which are elsewhere if the class has slots
            setattr(self, field.name, getattr(loaded, field.name))


def schedule_from(state: Any) -> Schedule:
    """Make a schedule from its saved state.

    Raises
    ------
    ValueError
        If the state is not that of a schedule.

    Examples
    --------
    >>> schedule_from({"schedule": "Harmonic", "settings": {"rate": 1.0, "offset": 10.0}})
    Harmonic(rate=1.0, offset=10.0)
    """
    if not isinstance(state, dict) or set(state) != {"schedule", "settings"}:
        raise ValueError(f"a saved schedule is a dict with 'schedule' and 'settings'; got {state!r}")
    kind = Schedule.kinds.get(state["schedule"]) if isinstance(state["schedule"], str) else None
    if kind is None:
        raise ValueError(f"unknown schedule {state['schedule']!r}; known: {', '.join(Schedule.kinds)}")
    names = _setting_names(kind)
    if not isinstance(state["settings"], dict) or set(state["settings"]) != set(names):
        raise ValueError(f"{kind.__name__} has the settings {', '.join(names)}; got {state['settings']!r}")
    settings = {name: _restored(x) for name, x in state["settings"].items()}
    try:
        return kind(**settings)
    except TypeError as error:
        raise ValueError(str(error)) from None


def _name_of(kind: type[Schedule]) -> str:
    """Name a class, so that no user's class takes the place of another one."""
    return kind.__name__ if kind.__module__ == __name__ else f"{kind.__module__}.{kind.__qualname__}"


def _setting_names(kind: type[Schedule]) -> list[str]:
    return [field.name for field in dataclasses.fields(kind) if field.init]


def _saved(setting: Any) -> Any:
    """Write a setting with a state in place of each schedule; every other dict is put into a dict of its own."""
    if isinstance(setting, Schedule):
        return setting.state_dict()
    if isinstance(setting, dict):
        return {"dict": {key: _saved(x) for key, x in setting.items()}}
    return type(setting)(map(_saved, setting)) if type(setting) in (list, tuple) else setting


def _restored(setting: Any) -> Any:
    """Undo `_saved`."""
    if isinstance(setting, dict):
        plain = setting.get("dict") if len(setting) == 1 else None
        return {key: _restored(x) for key, x in plain.items()} if isinstance(plain, dict) else schedule_from(setting)
    return type(setting)(map(_restored, setting)) if type(setting) in (list, tuple) else setting


def rate_at(schedule: Callable[[int], float], j: int) -> float:
    """Ask a schedule for α_j, which must be finite and at least 0.

    Examples
    --------
    >>> rate_at(lambda j: 1.0 / j, 4)
    0.25
    """
    return checks.not_negative(f"the step size that {schedule!r} gives for step {j}", schedule(j))


@dataclass
class Constant(Schedule):
    """The same step size always: α_j = α.

    Parameters
    ----------
    rate : float
        The α, positive.

    Examples
    --------
    >>> Constant(0.1)(1000)
    0.1
    """

    rate: float

    def __post_init__(self) -> None:
        self.rate = checks.positive("rate", self.rate)

    def _rate(self, j: int) -> float:
        return self.rate

    @property
    def tail_exponent(self) -> float:
        """0: it does not fall."""
        return 0.0


@dataclass
class Harmonic(Schedule):
    """The step size of stochastic approximation: α_j = α / (j + offset).

    Parameters
    ----------
    rate : float
        The α, positive.
    offset : float
        At least 0; the larger, the later the step size begins to fall.

    References
    ----------
    Ledger: dl10-eq21.

    H. Robbins and S. Monro, A stochastic approximation method, Annals of Mathematical Statistics 22 (1951).

    Examples
    --------
    >>> [Harmonic(1.0)(j) for j in (1, 2, 4)]
    [1.0, 0.5, 0.25]
    """

    rate: float
    offset: float = 0.0

    def __post_init__(self) -> None:
        self.rate = checks.positive("rate", self.rate)
        self.offset = checks.not_negative("offset", self.offset)

    def _rate(self, j: int) -> float:
        return self.rate / (j + self.offset)

    @property
    def tail_exponent(self) -> float:
        """1."""
        return 1.0


@dataclass
class Cosine(Schedule):
    """Half a wave down from α to the floor, then the floor: α_j = f + (α − f) (1 + cos(π min(j − 1, n)/n)) / 2.

    Parameters
    ----------
    rate : float
        The α of the first step, positive.
    steps : int
        The n of the steps that the way down takes; step n + 1 is the first one on the floor.
    floor : float
        The f, from 0 to α.

    References
    ----------
    I. Loshchilov and F. Hutter, SGDR: stochastic gradient descent with warm restarts, ICLR 2017. Here without restarts.

    Examples
    --------
    >>> [Cosine(1.0, steps=2)(j) for j in (1, 2, 3, 4)]
    [1.0, 0.5, 0.0, 0.0]
    """

    rate: float
    steps: int
    floor: float = 0.0

    def __post_init__(self) -> None:
        self.rate = checks.positive("rate", self.rate)
        self.steps = checks.whole("steps", self.steps, 1)
        self.floor = checks.not_negative("floor", self.floor)
        if self.floor > self.rate:
            raise ValueError(f"floor must not exceed rate; got floor {self.floor!r} and rate {self.rate!r}")

    def _rate(self, j: int) -> float:
        if j > self.steps:
            return self.floor
        height = 0.5 * (1.0 + math.cos(math.pi * (j - 1) / self.steps))
        return self.floor + (self.rate - self.floor) * height

    @property
    def tail_exponent(self) -> float:
        """0 if there is a floor, else infinite: no step size is left in the end."""
        return 0.0 if self.floor else math.inf


@dataclass
class Step(Schedule):
    """Smaller by a factor after every so many steps: α_j = α · factor^⌊(j − 1)/every⌋.

    Parameters
    ----------
    rate : float
        The α of the first steps, positive.
    every : int
        How many steps each step size is used for.
    factor : float
        Positive and less than 1.

    Examples
    --------
    >>> [Step(1.0, every=2, factor=0.5)(j) for j in (1, 2, 3, 4, 5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    rate: float
    every: int
    factor: float

    def __post_init__(self) -> None:
        self.rate = checks.positive("rate", self.rate)
        self.every = checks.whole("every", self.every, 1)
        self.factor = checks.positive("factor", self.factor)
        if not self.factor < 1:
            raise ValueError(f"factor must be less than 1; got {self.factor!r}")

    def _rate(self, j: int) -> float:
        return self.rate * self.factor ** ((j - 1) // self.every)

    @property
    def tail_exponent(self) -> float:
        """Infinite: it falls faster than every power."""
        return math.inf


@dataclass
class Warmup(Schedule):
    """Rise in equal parts to the first step size of another schedule, then follow it.

    α_j = j/(n + 1) · then(1) for j ≤ n, and then(j − n) after that.

    Parameters
    ----------
    steps : int
        The n of the steps before the other schedule begins.
    then : Schedule
        The other schedule.

    Examples
    --------
    >>> [Warmup(3, Harmonic(1.0))(j) for j in (1, 2, 3, 4, 5)]
    [0.25, 0.5, 0.75, 1.0, 0.5]
    """

    steps: int
    then: Schedule

    def __post_init__(self) -> None:
        self.steps = checks.whole("steps", self.steps, 1)
        if not isinstance(self.then, Schedule):
            raise TypeError(f"then must be a Schedule, such as Constant(0.1); got {self.then!r}")

    def _rate(self, j: int) -> float:
        return j / (self.steps + 1) * self.then(1) if j <= self.steps else self.then(j - self.steps)

    @property
    def tail_exponent(self) -> float | None:
        """That of the schedule that follows."""
        return self.then.tail_exponent
