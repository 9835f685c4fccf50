"""What a function may return, and how a file holds it.

A result is a tree of plain values as in `minigrad.save`, and may hold a `History` anywhere. In a file the state of a
history stands in its place, and a list says where such places are.
"""

from __future__ import annotations

from typing import Any

import numpy

from minigrad.checkpoint.trees import decode, encode, is_stateful
from minigrad.history import History

Place = list[str | int]


def as_saved(value: Any) -> Any:
    """Give a value as it would be after saving and loading it: Tensors as arrays of the host, and nothing shared.

    Every run goes through this, so that results are the same with and without processes and files between.

    Raises
    ------
    TypeError
        If something in it cannot be saved; the message says where it is.
    ValueError
        If it is nested too deeply.

    Examples
    --------
    >>> from minigrad import tensor
    >>> as_saved({"loss": tensor([0.5]), "history": History()})
    {'loss': array([0.5]), 'history': History(step=0)}
    """
    tree, histories = pack(value)
    arrays: list[numpy.ndarray] = []
    encoded = encode(tree, arrays, "the result")
    return unpack(decode(encoded, [array.copy() for array in arrays]), histories)


def pack(value: Any) -> tuple[Any, list[Place]]:
    """Put the states of histories in their places, and list these.

    Examples
    --------
    >>> pack({"loss": 0.5, "history": History()})
    ({'loss': 0.5, 'history': {'stopped': None, 'state': {'step': 0, 'metrics': {}}}}, [['history']])
    """
    places: list[Place] = []
    return _packed(value, [], places), places


def unpack(tree: Any, places: list[Place]) -> Any:
    """Undo `pack`.

    Examples
    --------
    >>> unpack(*pack([0.5, History()]))
    [0.5, History(step=0)]
    """
    return _unpacked(tree, [], places)


def _packed(value: Any, place: Place, places: list[Place]) -> Any:
    if isinstance(value, History):
        places.append(place)
        return {"stopped": value.stopped, "state": value.state_dict()}
    if is_stateful(value) or isinstance(value, numpy.random.Generator):
        raise TypeError(
            f"the result holds a {type(value).__name__}{f' at {place}' if place else ''}, which is no plain value; "
            "return numbers, text, arrays or histories, or the state: model.state_dict()"
        )
    if isinstance(value, dict):
        return {name: _packed(part, [*place, name], places) for name, part in value.items()}
    if isinstance(value, list | tuple):
        parts = [_packed(part, [*place, i], places) for i, part in enumerate(value)]
        return tuple(parts) if isinstance(value, tuple) else parts
    return value


def _unpacked(tree: Any, place: Place, places: list[Place]) -> Any:
    if place in places:
        history = History()
        history.load_state_dict(tree["state"])
        history.stopped = tree["stopped"]
        return history
    if isinstance(tree, dict):
        return {name: _unpacked(part, [*place, name], places) for name, part in tree.items()}
    if isinstance(tree, list | tuple):
        parts = [_unpacked(part, [*place, i], places) for i, part in enumerate(tree)]
        return tuple(parts) if isinstance(tree, tuple) else parts
    return tree
