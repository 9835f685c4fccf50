"""What optimizers, schedules and clipping ask of their arguments."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from minigrad.backend import current
from minigrad.checks import is_number, is_whole
from minigrad.tape import ShapeError
from minigrad.tensor import Tensor


def number(name: str, value: Any) -> float:
    """Give a real number as a Python float, which leaves float32 arrays float32.

    Examples
    --------
    >>> number("lr", 1)
    1.0
    """
    if not is_number(value):
        raise TypeError(f"{name} must be a number; got {value!r}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} is too large for a float; got {value!r}") from None


def positive(name: str, value: Any) -> float:
    """Check a setting that must be positive and finite.

    Examples
    --------
    >>> positive("lr", 0.1)
    0.1
    """
    checked = number(name, value)
    if not 0 < checked < math.inf:
        raise ValueError(f"{name} must be positive and finite; got {value!r}")
    return checked


def not_negative(name: str, value: Any) -> float:
    """Check a setting that must be at least 0 and finite.

    Examples
    --------
    >>> not_negative("weight_decay", 0)
    0.0
    """
    checked = number(name, value)
    if not 0 <= checked < math.inf:
        raise ValueError(f"{name} must be at least 0 and finite; got {value!r}")
    return checked


def share(name: str, value: Any) -> float:
    """Check the share of the past that an average keeps: at least 0 and less than 1.

    Examples
    --------
    >>> share("momentum", 0.9)
    0.9
    """
    checked = number(name, value)
    if not 0 <= checked < 1:
        raise ValueError(f"{name} must be at least 0 and less than 1; got {value!r}")
    return checked


def whole(name: str, value: Any, least: int) -> int:
    """Check a whole number that must not be smaller than the least.

    Examples
    --------
    >>> whole("steps", 3, least=1)
    3
    """
    if not is_whole(value):
        raise TypeError(f"{name} must be a whole number; got {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}; got {value!r}")
    return int(value)


def flag(name: str, value: Any) -> bool:
    """Check a setting that is either on or off.

    Examples
    --------
    >>> flag("nesterov", True)
    True
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False; got {value!r}")
    return value


def made(name: str, schedule: Any) -> Any:
    """Refuse a class in place of a schedule: it can be called as well, but not with the number of a step.

    Examples
    --------
    >>> made("lr", abs)
    <built-in function abs>
    """
    if isinstance(schedule, type):
        raise TypeError(f"{name} is the class {schedule.__name__}; make a schedule of it, such as Constant(0.1)")
    return schedule


class Leaves(list[Tensor]):
    """Parameters that were checked; they may have been frozen since then.

    Examples
    --------
    >>> Leaves([Tensor(1.0)])
    [tensor(1.)]
    """


def parameters(who: str, params: Any) -> Leaves:
    """List the parameters of an optimizer: different leaves, at least one of which requires a gradient.

    Examples
    --------
    >>> import minigrad as mg
    >>> parameters("SGD", [mg.tensor(1.0, requires_grad=True), mg.tensor(2.0)])
    [tensor(1., requires_grad=True), tensor(2.)]
    """
    if isinstance(params, Leaves):
        return Leaves(params)
    listed = leaves(who, params)
    if not any(p.requires_grad for p in listed):
        raise TypeError(f"{who} needs a parameter with requires_grad=True; none of the {len(listed)} has it")
    return listed


def leaves(who: str, params: Any) -> Leaves:
    """List different leaves that may be changed; frozen ones, which require no gradient, may be among them.

    Examples
    --------
    >>> leaves("clip_grad_norm", [Tensor(1.0)])
    [tensor(1.)]
    """
    if isinstance(params, Tensor):
        raise TypeError(f"{who} takes a list of parameters; got a single Tensor x, so write [x]")
    if not isinstance(params, Iterable):
        raise TypeError(f"{who} takes a list of parameters; got a {type(params).__name__}; pass model.parameters()")
    listed = list(params)
    if not listed:
        raise ValueError(f"{who} was given no parameters; pass model.parameters()")
    for i, p in enumerate(listed):
        if not isinstance(p, Tensor):
            raise TypeError(f"{who} takes a list of Tensors; parameter {i} is a {type(p).__name__}")
        if p.primitive is not None:
            raise TypeError(f"{who} needs leaves; parameter {i} is the result of an operation")
        if p.dtype.kind != "f":
            raise TypeError(f"{who} needs floating-point parameters; parameter {i} is {p.dtype}")
        if not getattr(p.data.flags, "writeable", True):
            raise ValueError(f"{who} changes its parameters in place; the array of parameter {i} is read-only")
    if len({id(p) for p in listed}) < len(listed):
        raise ValueError(f"{who} was given a parameter twice; it would be changed twice")
    return Leaves(listed)


def gradient(i: int, p: Tensor) -> Any:
    """Give the plain gradient of parameter i, which must fit it.

    Raises
    ------
    ShapeError
        If its shape is not that of the parameter.
    TypeError
        If it is no Tensor, or has another dtype, or one of the two is not on the active backend.

    Examples
    --------
    >>> import minigrad as mg
    >>> x = mg.tensor(3.0, requires_grad=True)
    >>> (x * x).backward()
    >>> gradient(0, x)
    array(6.)
    """
    data, backend = p.data, current()
    if not isinstance(p.grad, Tensor):
        raise TypeError(f"the gradient of parameter {i} must be a Tensor; got a {type(p.grad).__name__}")
    found = p.grad.data
    if not type(data) is type(found) is backend.ndarray:
        data, found = backend.own(data), backend.own(found)
    if found.shape != data.shape:
        raise ShapeError(f"parameter {i} has shape {data.shape}, and its gradient {found.shape}")
    if found.dtype != data.dtype:
        raise TypeError(f"parameter {i} is {data.dtype}, and its gradient {found.dtype}; convert one: x.astype(...)")
    return found


def slot(i: int, theta: Any, kept: Any) -> None:
    """Refuse a parameter whose array theta is not like what was kept for it, if something was.

    Raises
    ------
    TypeError
        If shape or dtype are others, or what was kept is not on the active backend.

    Examples
    --------
    >>> import numpy
    >>> slot(0, numpy.zeros(2), numpy.ones(2))
    """
    if kept is None or (type(kept) is type(theta) and kept.shape == theta.shape and kept.dtype == theta.dtype):
        return
    current().own(kept)
    if (kept.shape, kept.dtype) != (theta.shape, theta.dtype):
        raise TypeError(
            f"parameter {i} was {kept.dtype} of shape {kept.shape} when it first moved, and is now "
            f"{theta.dtype} of shape {theta.shape}; make a new optimizer after changing parameters"
        )


def projected(i: int, theta: Any, result: Any) -> Any:
    """Check what a projection made of the array theta of parameter i: a plain array of the same shape and dtype.

    Examples
    --------
    >>> import numpy
    >>> theta = numpy.array([-2.0, 0.5])
    >>> projected(0, theta, theta.clip(-1.0, 1.0))
    array([-1. ,  0.5])
    """
    shape, dtype = getattr(result, "shape", None), getattr(result, "dtype", None)
    if isinstance(result, Tensor) or shape != theta.shape or dtype != theta.dtype:
        got = f"a {type(result).__name__}" + (f" of {dtype} and shape {shape}" if dtype else "")
        raise ValueError(
            f"project must give a plain array like parameter {i}, of {theta.dtype} and shape {theta.shape}; got {got}"
        )
    return current().own(result)
