"""Trees of plain values: as JSON, which keeps text and numbers, with the arrays listed beside it.

JSON's own values stand for themselves. What JSON does not know is an object with a single key that names its kind::

    {"dict": {...}}  {"tuple": [...]}  {"array": 3}  {"int": "0x1f..."}  {"float": "nan"}
"""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy

from minigrad.backend import refuse_masked, to_host
from minigrad.tensor import Tensor

NUMBERS = "fiubc"  # the kinds of dtype that a checkpoint holds
DEEPEST = 100  # levels; a tree that holds itself ends here too
LONGEST = 64  # bits; longer integers are written in hexadecimal, which Python converts at any length


def encode(tree: Any, arrays: list[numpy.ndarray], where: str, depth: int = 0) -> Any:
    """Turn a tree into JSON values, and append its arrays to a list.

    Parameters
    ----------
    tree : dict, list, tuple, array, Tensor, str, bool, int, float or None
        Dicts have str keys.
    arrays : list of numpy.ndarray
        Takes the arrays, on the host.
    where : str
        What error messages call this tree.
    depth : int
        How deep inside of the whole tree this one is.

    Raises
    ------
    TypeError
        If something in it cannot be saved; the message says where it is.
    ValueError
        If it is nested too deeply.

    Examples
    --------
    >>> arrays = []
    >>> encode({"x": numpy.ones(2), "at": (1, math.inf)}, arrays, "state")
    {'dict': {'x': {'array': 0}, 'at': {'tuple': [1, {'float': 'inf'}]}}}
    >>> arrays
    [array([1., 1.])]
    """
    if depth > DEEPEST:
        raise ValueError(f"{where[:60]}... is nested more than {DEEPEST} levels deep, or holds itself")
    if tree is None or isinstance(tree, bool | str):
        return tree
    if is_array(tree) or isinstance(tree, Tensor | numpy.generic):
        arrays.append(_numbers(tree, where))
        return {"array": len(arrays) - 1}
    if isinstance(tree, int):
        return tree if tree.bit_length() < LONGEST else {"int": hex(tree)}
    if isinstance(tree, float):
        return tree if math.isfinite(tree) else {"float": str(tree)}
    if isinstance(tree, list | tuple):
        parts = [encode(part, arrays, f"{where}[{i}]", depth + 1) for i, part in enumerate(tree)]
        return {"tuple": parts} if isinstance(tree, tuple) else parts
    if isinstance(tree, dict):
        for key in tree:
            if not isinstance(key, str):
                raise TypeError(f"{where} has the key {key!r}; keys must be text, so write str({key!r})")
        return {"dict": {key: encode(part, arrays, f"{where}[{key!r}]", depth + 1) for key, part in tree.items()}}
    raise TypeError(f"{where} is a {type(tree).__name__}, which cannot be saved{_advice(tree)}")


def decode(tree: Any, arrays: list[numpy.ndarray]) -> Any:
    """Turn JSON values and a list of arrays back into the tree that `encode` was given.

    Arrays of every kind come back as arrays of the host; NumPy's scalars as arrays without axes.

    Raises
    ------
    ValueError
        If `encode` cannot have made it.

    Examples
    --------
    >>> decode({"dict": {"x": {"array": 0}, "at": {"tuple": [1, {"float": "inf"}]}}}, [numpy.ones(2)])
    {'x': array([1., 1.]), 'at': (1, inf)}
    """
    match tree:
        case None | bool() | int() | float() | str():
            return tree
        case list():
            return [decode(part, arrays) for part in tree]
        case {"tuple": list(parts)}:
            return tuple(decode(part, arrays) for part in parts)
        case {"dict": dict(items)}:
            return {key: decode(part, arrays) for key, part in items.items()}
        case {"array": int(i)} if 0 <= i < len(arrays):
            return arrays[i]
        case {"int": str(digits)}:
            return int(digits, 16)
        case {"float": str(name)}:
            return float(name)
    raise ValueError("it holds a value of an unknown kind")


def copied(tree: Any) -> Any:
    """Copy a tree, so that nothing of it is shared. Tensors become arrays, as they do in a file.

    Examples
    --------
    >>> tree = {"x": [1.0, Tensor([2.0])]}
    >>> copied(tree)
    {'x': [1.0, array([2.])]}
    """
    if isinstance(tree, dict):
        return {key: copied(part) for key, part in tree.items()}
    if isinstance(tree, list | tuple):
        parts = [copied(part) for part in tree]
        return tuple(parts) if isinstance(tree, tuple) else parts
    return tree.data.copy() if isinstance(tree, Tensor) else copy.deepcopy(tree)


def is_array(value: Any) -> bool:
    """Tell whether something is an array, of the host or of a device.

    Examples
    --------
    >>> is_array(numpy.ones(2)), is_array([1.0, 1.0])
    (True, False)
    """
    return isinstance(value, numpy.ndarray) or hasattr(value, "__cuda_array_interface__")


def is_stateful(value: Any) -> bool:
    """Tell whether something is an object with ``state_dict`` and ``load_state_dict``.

    Examples
    --------
    >>> from minigrad import nn
    >>> is_stateful(nn.Linear(2, 1)), is_stateful(nn.Linear)
    (True, False)
    """
    return hasattr(value, "state_dict") and hasattr(value, "load_state_dict") and not isinstance(value, type)


def _numbers(value: Any, where: str) -> numpy.ndarray:
    refuse_masked(value)
    array = numpy.asarray(to_host(value.data if isinstance(value, Tensor) else value))
    if array.dtype.kind not in NUMBERS:
        raise TypeError(f"{where} is an array of type {array.dtype}; a checkpoint holds arrays of numbers and bools")
    return array


def _advice(value: Any) -> str:
    if is_stateful(value) or isinstance(value, numpy.random.Generator):
        return " inside of another entry; give it a name of its own: save(path, name=it)"
    return "; a checkpoint holds dicts, lists, tuples, arrays, Tensors, text, numbers, bools and None"
