"""What can be restored in place: how to take its state, and how to put it back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy

from minigrad.backend import current, to_host
from minigrad.checkpoint.trees import is_array, is_stateful
from minigrad.tape import changed_in_place
from minigrad.tensor import Tensor

KINDS = {
    "state": "the state of an object",
    "generator": "the state of a generator",
    "array": "an array",
    "value": "a plain value",
}
"""What an entry of a checkpoint can be, and how messages call it; a plain value is no target."""


@dataclass(frozen=True)
class Target:
    """An object that can be restored in place.

    Attributes
    ----------
    kind : str
        What is saved of it; a key of `KINDS`.
    take : callable
        Gives a copy of its state.
    put : callable
        Sets it to a state; raises an exception if the state does not fit.

    Examples
    --------
    >>> x = numpy.ones(2)
    >>> target = target_of(x)
    >>> before = target.take()
    >>> x[0] = 5.0
    >>> target.put(before)
    >>> x
    array([1., 1.])
    """

    kind: str
    take: Callable[[], Any]
    put: Callable[[Any], None]


def target_of(value: Any) -> Target | None:
    """Say how to restore an object, or None if it cannot be changed in place.

    Examples
    --------
    >>> target_of(numpy.random.default_rng(0)).kind
    'generator'
    >>> target_of(3)
    """
    if isinstance(value, numpy.random.Generator):
        return Target("generator", lambda: value.bit_generator.state, lambda s: _put_generator(value, s))
    if isinstance(value, Tensor):
        return Target("array", value.data.copy, lambda state: _put_tensor(value, state))
    if is_array(value):
        return Target("array", value.copy, lambda state: _put_array(value, state))
    if is_stateful(value):
        return Target("state", value.state_dict, value.load_state_dict)
    return None


def _put_generator(rng: numpy.random.Generator, state: Any) -> None:
    rng.bit_generator.state = state


def _put_tensor(tensor: Tensor, state: Any) -> None:
    if tensor.primitive is not None:
        raise ValueError("this Tensor is the result of an operation, and only a leaf can be overwritten")
    _put_array(tensor.data, state)
    changed_in_place(tensor)


def _put_array(array: Any, state: Any) -> None:
    if (array.dtype, tuple(array.shape)) != (state.dtype, tuple(state.shape)):
        raise ValueError(
            f"it is {state.dtype} of shape {tuple(state.shape)}, and the array to overwrite is {array.dtype} of shape "
            f"{tuple(array.shape)}"
        )
    array[...] = to_host(state) if isinstance(array, numpy.ndarray) else current().asarray(state)
