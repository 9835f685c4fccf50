"""Nested tuples, lists and dicts of arrays: taking the arrays out, and putting others back in their places."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def flatten(container: Any) -> tuple[list[Any], Callable[[Iterable[Any]], Any]]:
    """List the arrays of a nested container, and give the function that rebuilds it around others.

    Dictionaries are read in the order of their keys' insertion.

    Examples
    --------
    >>> leaves, rebuild = flatten({"w": 1.0, "b": (2.0, [3.0])})
    >>> leaves
    [1.0, 2.0, 3.0]
    >>> rebuild(x * 10 for x in leaves)
    {'w': 10.0, 'b': (20.0, [30.0])}
    """
    if isinstance(container, dict):
        parts = [flatten(part) for part in container.values()]
        keys = list(container)
        return _joined(parts, lambda values: dict(zip(keys, values, strict=True)))
    if isinstance(container, tuple) and hasattr(container, "_fields"):
        kind = type(container)
        return _joined([flatten(part) for part in container], lambda values: kind(*values))
    if isinstance(container, tuple):
        return _joined([flatten(part) for part in container], tuple)
    if isinstance(container, list):
        return _joined([flatten(part) for part in container], list)
    return [container], _only


def _only(leaves: Iterable[Any]) -> Any:
    (leaf,) = leaves
    return leaf


def _joined(
    parts: list[tuple[list[Any], Callable[[Iterable[Any]], Any]]], wrap: Callable[[list[Any]], Any]
) -> tuple[list[Any], Callable[[Iterable[Any]], Any]]:
    inside = [(len(leaves), inner) for leaves, inner in parts]  # not the leaves, which it would keep alive

    def rebuild(leaves: Iterable[Any]) -> Any:
        rest = iter(leaves)
        return wrap([inner([next(rest) for _ in range(n)]) for n, inner in inside])

    return [leaf for leaves, _ in parts for leaf in leaves], rebuild


def same_structure(left: Any, right: Any) -> bool:
    """Tell whether two containers hold their arrays in the same places.

    Examples
    --------
    >>> same_structure((1.0, [2.0]), (3.0, [4.0])), same_structure((1.0, 2.0), [1.0, 2.0])
    (True, False)
    """
    if isinstance(left, dict):
        same = isinstance(right, dict) and set(left) == set(right)
        return same and all(same_structure(left[key], right[key]) for key in left)
    if isinstance(left, tuple | list):
        same = isinstance(right, type(left)) and len(left) == len(right)
        return same and all(same_structure(a, b) for a, b in zip(left, right, strict=True))
    return not isinstance(right, dict | tuple | list)


def arranged_like(container: Any, like: Any) -> Any:
    """Give a container of the same structure the order of the other one's dictionary keys.

    Examples
    --------
    >>> arranged_like({"b": 2.0, "a": 1.0}, {"a": 0.0, "b": 0.0})
    {'a': 1.0, 'b': 2.0}
    """
    if isinstance(like, dict):
        return {key: arranged_like(container[key], part) for key, part in like.items()}
    if isinstance(like, tuple | list):
        return [arranged_like(a, b) for a, b in zip(container, like, strict=True)]
    return container
