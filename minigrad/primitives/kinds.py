"""The six kinds of primitive, and the table that holds them all.

A primitive is declared once, by its kind, and both sweeps follow from that:

===========  ==========================================  ==========================================
kind         push (tangent t)                            pull (cotangent g)
===========  ==========================================  ==========================================
elementwise  t times the partial derivative              g times the same partial derivative
linear       the primitive itself, applied to t          its transpose
bilinear     the primitive with one side replaced by t   the transpose in that side
selection    linear, once the choice is made             the transpose of that linear map
general      given                                       given
zero         nothing                                     nothing
===========  ==========================================  ==========================================

Rules get what they multiply first, then the answer, then the arguments: ``rule(t, ans, x, y, axis=0)``. They must be
linear in their first argument, and they use minigrad's own functions or operators, so that they can be differentiated
again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from minigrad.backend import current
from minigrad.tape import Node, Primitive, Rule

TABLE: dict[str, Primitive] = {}


def declare(primitive: Primitive) -> Primitive:
    """Put a primitive into the table."""
    if primitive.name in TABLE:
        raise ValueError(f"the primitive {primitive.name!r} is declared twice")
    TABLE[primitive.name] = primitive
    return primitive


class ForEach:
    """The same rule for every argument of an operation that takes any number: ``rule(i, t, ans, *args, **params)``."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule

    def __getitem__(self, i: int) -> Rule:
        return partial(self.rule, i)


def elementwise(name: str, *times: Rule, forward: Callable[..., Any] | None = None) -> Primitive:
    """Declare a function of each element alone; ``times[i]`` multiplies by its partial derivative in argument i.

    The Jacobian is diagonal, so multiplying by it and by its transpose are the same thing.
    """
    return declare(Primitive(name, "elementwise", times, times, forward))


def linear(name: str, pull: Rule, forward: Callable[..., Any] | None = None) -> Primitive:
    """Declare a linear map of its one array, by its transpose."""

    def push(t: Any, ans: Any, x: Any, **params: Any) -> Any:
        return primitive(t, **params)

    primitive = declare(Primitive(name, "linear", (push,), (pull,), forward))
    return primitive


def bilinear(name: str, *pulls: Rule, forward: Callable[..., Any] | None = None, each: Rule | None = None) -> Primitive:
    """Declare a map that is linear in each of its arrays, by its transposes (or by one rule for `each` of them)."""

    def push(i: int, t: Any, ans: Any, *args: Any, **params: Any) -> Any:
        return primitive(*args[:i], t, *args[i + 1 :], **params)

    pull = ForEach(each) if each else pulls
    primitive = declare(Primitive(name, "bilinear", ForEach(push), pull, forward))
    return primitive


def selection(
    name: str, choose: Rule, select: Rule, scatter: Rule, forward: Callable[..., Any] | None = None
) -> Primitive:
    """Declare a map that picks elements: linear once ``choice = choose(ans, x, **params)`` is made.

    ``select(t, choice, **params)`` applies the linear map and ``scatter(g, choice, **params)`` its transpose. The
    choice is made on raw values: it is locally constant, so no derivative flows through it.
    """

    def push(t: Any, ans: Any, x: Any, **params: Any) -> Any:
        return select(t, choose(raw(ans), raw(x), **params), **params)

    def pull(g: Any, ans: Any, x: Any, **params: Any) -> Any:
        return scatter(g, choose(raw(ans), raw(x), **params), **params)

    return declare(Primitive(name, "selection", (push,), (pull,), forward))


def general(
    name: str,
    push: tuple[Rule, ...],
    pull: tuple[Rule, ...],
    forward: Callable[..., Any] | None = None,
    keeps: bool = False,
) -> Primitive:
    """Declare a map by both of its rules, one pair for each argument; see `Primitive` for what it may keep for them."""
    return declare(Primitive(name, "general", push, pull, forward, keeps))


class Constant(Primitive):
    """A primitive of derivative zero: nothing flows through it, so its answer is a plain array."""

    def __call__(self, *args: Any, **params: Any) -> Any:
        """Compute the operation on the plain arrays."""
        for x in args:
            if isinstance(x, Node):
                args = tuple(map(beside_a_node, args))
                break
        return super().__call__(*args, **params)


def beside_a_node(x: Any) -> Any:
    """Give the plain array under a node; check anything else as an operand of one, and let None compare as itself.

    Examples
    --------
    >>> beside_a_node(None) is None
    True
    """
    return x.data if isinstance(x, Node) else x if x is None else current().operand(x)


def zero(name: str, forward: Callable[..., Any] | None = None) -> Primitive:
    """Declare a piecewise constant map."""
    return declare(Constant(name, "zero", (), (), forward))


def raw(x: Any) -> Any:
    """Give the plain array under a Tensor, and anything else as it is.

    Examples
    --------
    >>> raw(3.0)
    3.0
    """
    return x.data if isinstance(x, Node) else x
