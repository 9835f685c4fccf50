"""Called through NumPy itself: ``numpy.exp(tensor)`` and ``numpy.sum(tensor)`` find the functions of this package."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

import numpy

import minigrad.numpy as namespace
from minigrad.numpy import linalg, reductions

_REDUCTIONS: dict[Any, Callable[..., Any]] = {
    numpy.add: reductions.sum,
    numpy.multiply: reductions.prod,
    numpy.maximum: reductions.max,
    numpy.minimum: reductions.min,
}


def called_as_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Answer ``numpy.exp(tensor)`` and ``array * tensor``: the entry behind ``Tensor.__array_ufunc__``.

    Raises
    ------
    TypeError
        If the function has no derivative here, or is asked to write into an array.

    Examples
    --------
    >>> import minigrad as mg
    >>> numpy.exp(mg.tensor([0.0])), numpy.array([2.0]) * mg.tensor([3.0]), numpy.add.reduce(mg.tensor([1.0, 2.0]))
    (tensor([1.]), tensor([6.]), tensor(3.))
    """
    if _any_given(kwargs.get("out")):
        raise TypeError(
            f"{ufunc.__name__} was asked to write a Tensor's values into an array (out= or an operation like a += t), "
            "which would lose the derivative. Write a = a + t."
        )
    kwargs.pop("out", None)
    if method == "reduce" and ufunc in _REDUCTIONS:
        return _REDUCTIONS[ufunc](*inputs, axis=kwargs.pop("axis", 0), **kwargs)
    function = vars(namespace).get(ufunc.__name__)
    if method != "__call__" or kwargs or function is None:
        given = "".join(f", {key}=" for key in kwargs)
        raise _no_derivative(f"{ufunc.__name__}{'' if method == '__call__' else '.' + method}{given}")
    return function(*inputs)


def _any_given(out: Any) -> bool:
    """Tell whether an ``out=`` argument names an array."""
    return any(x is not None for x in out) if isinstance(out, tuple) else out is not None


def called_as_function(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Answer ``numpy.sum(tensor)``: the entry behind ``Tensor.__array_function__``.

    Raises
    ------
    TypeError
        If the function has no derivative here.

    Examples
    --------
    >>> import minigrad as mg
    >>> numpy.sum(mg.tensor([1.0, 2.0])), numpy.linalg.norm(mg.tensor([3.0, 4.0]))
    (tensor(3.), tensor(5.))
    """
    place = linalg if getattr(function, "__module__", "") == "numpy.linalg" else namespace
    own: Any = vars(place).get(function.__name__)
    if place is linalg and own is None and function.__name__ in ("outer", "matmul", "tensordot"):
        own = vars(namespace)[function.__name__]
    if own is None or not callable(own):
        raise _no_derivative(function.__name__)
    return own(*args, **kwargs)


def _no_derivative(name: str) -> TypeError:
    known = [n for n, value in vars(namespace).items() if callable(value) and not n.startswith("_")]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near and near[0] != name else ""
    return TypeError(
        f"minigrad has no derivative for numpy.{name}, so it cannot take a Tensor.{hint} "
        "Build it from functions of minigrad.numpy, or call it on the plain array x.data if no derivative is wanted."
    )
