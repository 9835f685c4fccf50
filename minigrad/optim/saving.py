"""The saved state of an optimizer: what is in it, and all that can be wrong with it."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy

from minigrad.backend import current
from minigrad.optim.schedules import Schedule, schedule_from
from minigrad.tensor import Tensor

KEYS = ["kind", "settings", "steps", "moves", "slots"]


def saved(setting: Any) -> Any:
    """Give a setting in a form that can be saved; a function cannot, and gives None.

    Examples
    --------
    >>> saved((0.9, 0.999)), saved(lambda j: 1.0 / j)
    ([0.9, 0.999], None)
    """
    if isinstance(setting, Schedule):
        return setting.state_dict()
    if isinstance(setting, tuple):
        return list(setting)
    return None if callable(setting) else setting


def copied(x: Any) -> Any:
    """Copy an array to the active backend; None stays None.

    Examples
    --------
    >>> copied(numpy.ones(2)), copied(None)
    (array([1., 1.]), None)
    """
    return None if x is None else current().asarray(x).copy()


def refuse(kind: str, faults: list[str]) -> None:
    """Raise one error for all that is wrong, if something is.

    Examples
    --------
    >>> refuse("SGD", [])
    """
    if faults:
        raise ValueError(f"this state cannot be loaded into {kind}:" + "".join(f"\n- {fault}" for fault in faults))


def faults_of_form(state: Any, kind: str, settings: list[str]) -> list[str]:
    """Say what is wrong with the form of a state: its keys, its kind, and the names of its settings.

    Examples
    --------
    >>> faults_of_form({"kind": "Adam"}, "SGD", ["lr"])
    ["the state lacks 'settings', 'steps', 'moves', 'slots'"]
    """
    faults = _faults_of_names("the state", state, KEYS)
    if faults:
        return faults
    if state["kind"] != kind:
        return [f"it was saved from {state['kind']!r}"]
    return _faults_of_names("settings", state["settings"], settings)


def settings_from(settings: dict[str, Any], lr: Any) -> tuple[dict[str, Any], list[str]]:
    """Make a constructor's arguments from saved settings, and say what is wrong with the schedule.

    Parameters
    ----------
    settings : dict
        From a saved state.
    lr : float or callable
        That of the loading optimizer. A function is not saved, so there it must be one, and it stays.

    Examples
    --------
    >>> settings_from({"lr": {"schedule": "Constant", "settings": {"rate": 0.5}}}, 0.1)
    ({'lr': Constant(rate=0.5)}, [])
    """
    known, faults = settings["lr"], []
    if known is None and (isinstance(lr, Schedule) or not callable(lr)):
        faults = ["its lr was a function, which is not saved; give that function to the optimizer before loading"]
    elif isinstance(known, dict):
        try:
            lr = schedule_from(known)
        except ValueError as error:
            faults = [f"settings: lr: {error}"]
    elif known is not None:
        lr = known
    return settings | {"lr": lr}, faults


def faults_of_contents(state: dict[str, Any], names: list[str], params: list[Tensor]) -> list[str]:
    """Say what is wrong with the counters of a state, and with the arrays that were kept for the parameters.

    Examples
    --------
    >>> state = {"steps": 1, "moves": [1], "slots": {"velocity": [numpy.ones(3)]}}
    >>> faults_of_contents(state, ["velocity"], [Tensor([1.0, 2.0])])
    ["slots: 'velocity' of parameter 0 has shape (3,), and the parameter (2,)"]
    """
    slots = state["slots"]
    faults = _faults_of_counts(state["steps"], state["moves"], len(params))
    moves = [None] * len(params) if faults else state["moves"]
    faults += (of_names := _faults_of_names("slots", slots, names))
    for name in names if not of_names else []:
        arrays = slots[name]
        if isinstance(arrays, list) and len(arrays) == len(params):
            found = [(i, _fault_of_array(arrays[i], p, moves[i])) for i, p in enumerate(params)]
            faults += [f"slots: {name!r} of parameter {i} {fault}" for i, fault in found if fault]
        else:
            faults.append(f"slots: {name!r} must list one array for each of {len(params)} parameters; {_got(arrays)}")
    return faults


def _faults_of_counts(steps: Any, moves: Any, count: int) -> list[str]:
    if not _is_count(steps):
        return [f"steps must be a whole number of at least 0; got {steps!r}"]
    if not isinstance(moves, list) or len(moves) != count:
        return [f"moves must list one number for each of {count} parameters; {_got(moves)}"]
    impossible = [(i, n) for i, n in enumerate(moves) if not _is_count(n) or n > steps]
    return [f"moves: parameter {i} cannot have moved {n!r} times in {steps} steps" for i, n in impossible]


def _is_count(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 0


def _fault_of_array(x: Any, p: Tensor, moves: int | None) -> str | None:
    if x is None:
        return f"is missing, although it moved {moves} times" if moves else None
    known: Any = (numpy.ndarray, current().ndarray)
    if not isinstance(x, known):
        return f"must be an array or None; {_got(x)}"
    if moves == 0:
        return "is there, although it never moved"
    if x.shape != p.shape:
        return f"has shape {x.shape}, and the parameter {p.shape}"
    return f"is {x.dtype}, and the parameter {p.dtype}" if x.dtype != p.dtype else None


def _faults_of_names(what: str, got: Any, expected: list[str]) -> list[str]:
    if not isinstance(got, dict):
        return [f"{what} must be a dict; {_got(got)}"]
    missing, unknown = [name for name in expected if name not in got], [name for name in got if name not in expected]
    faults = [f"{what} lacks {', '.join(map(repr, missing))}"] if missing else []
    return faults + ([f"{what} has the unknown {', '.join(map(repr, unknown))}"] if unknown else [])


def _got(x: Any) -> str:
    return f"got a list of {len(x)}" if isinstance(x, list) else f"got a {type(x).__name__}"
