"""The settings of all runs of a grid. They are plain and never change, so they can be compared, saved and printed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Set
from typing import Any

import numpy

PLAIN = "settings are numbers, text, bools, None, and tuples of them"


def combinations(grid: Any) -> list[dict[str, Any]]:
    """List the settings of all runs.

    Parameters
    ----------
    grid : dict or iterable of dicts
        Either the values of each setting by its name, of which every combination is made, the last one changing
        fastest; or the settings of the runs one by one.

    Raises
    ------
    TypeError
        If the grid is neither of them, or a setting is no number, text, bool, None or tuple of them.
    ValueError
        If it holds no run, the same run twice, or NaN.

    Examples
    --------
    >>> combinations({"lr": [0.1, 0.01], "seed": range(2)})
    [{'lr': 0.1, 'seed': 0}, {'lr': 0.1, 'seed': 1}, {'lr': 0.01, 'seed': 0}, {'lr': 0.01, 'seed': 1}]
    """
    listed = _product(grid) if isinstance(grid, Mapping) else _listed(grid)
    runs = [{name: _setting(name, value) for name, value in settings.items()} for settings in listed]
    seen = set()
    for settings in runs:
        if key(settings) in seen:
            raise ValueError(f"the grid holds {described(settings)} twice")
        seen.add(key(settings))
    return runs


def key(settings: dict[str, Any]) -> frozenset[tuple[str, Any]]:
    """Give what two runs with equal settings have in common.

    Examples
    --------
    >>> key({"lr": 1, "seed": 0}) == key({"seed": 0, "lr": 1.0})
    True
    """
    return frozenset(settings.items())


def described(settings: dict[str, Any]) -> str:
    """Write settings as in a call.

    Examples
    --------
    >>> described({"lr": 0.1, "seed": 0})
    'lr=0.1, seed=0'
    """
    return ", ".join(f"{name}={value!r}" for name, value in settings.items())


def _product(grid: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not grid:
        raise ValueError("the grid is empty; write for instance {'seed': range(5)}")
    axes = [_axis(name, values) for name, values in grid.items()]
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*axes)]


def _axis(name: str, values: Any) -> list[Any]:
    unordered = isinstance(values, str | bytes | Mapping | Set)
    if unordered or not isinstance(values, Iterable) or getattr(values, "ndim", 1) == 0:
        raise TypeError(f"the grid needs the values of {name!r} in order, as a list or a range; got {values!r}")
    if not (axis := list(values)):
        raise ValueError(f"the grid has no values of {name!r}")
    return axis


def _listed(grid: Any) -> list[dict[str, Any]]:
    listed: list[Any] = list(grid) if isinstance(grid, Iterable) and not isinstance(grid, str | bytes) else [None]
    for settings in listed:
        if not isinstance(settings, Mapping):
            raise TypeError(
                "a grid is a dict of lists, such as {'seed': range(5)}, or a list of dicts, such as [{'seed': 0}]; got "
                f"{grid!r}"
            )
    if not listed or not all(listed):
        raise ValueError(f"the grid holds {'a run without settings' if listed else 'no runs'}")
    return listed


def _setting(name: str, value: Any) -> Any:
    if not isinstance(name, str):
        raise TypeError(f"the names of settings are text; got {name!r}")
    if isinstance(value, numpy.generic):
        value = value.item()
    if isinstance(value, tuple):
        return tuple(_setting(name, part) for part in value)
    if value is not None and not isinstance(value, bool | int | float | str):
        raise TypeError(f"{name} is a {type(value).__name__}, and {PLAIN}{_advice(value)}")
    if value != value:
        raise ValueError(f"{name} is NaN, which equals nothing, so no run could be found by it")
    return value


def _advice(value: Any) -> str:
    if isinstance(value, list):
        return f"; write {tuple(value)!r}"
    return "; give a name or a seed, and let the function make what it stands for"
