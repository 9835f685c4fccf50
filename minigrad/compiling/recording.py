"""`Recording`: what a step calls, in order, while it really computes.

Each call of NumPy becomes a `Call`: the function, its arguments, and the numbers of the values that came out. A `Value`
is an array of the step: one that was given to it, one that was there before, or the result of a call.
"""

from __future__ import annotations

import gc
import operator
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy

from minigrad.backend import active, load
from minigrad.compiling.calls import (
    PASSING,
    SIZED_BY_DATA,
    TELLING,
    WRITERS,
    Call,
    Gradients,
    Ref,
    Value,
    name_of,
    not_recorded,
    place,
    static,
    with_out_by_name,
)
from minigrad.compiling.discovery import SMALL, Surroundings
from minigrad.compiling.recorded import CompileError, Recorded, RecordedNumber
from minigrad.tape import Node, leaf


@dataclass
class Held:
    """A tensor that was there before the step, and what it held.

    Parameters
    ----------
    node : Node
        The tensor.
    array : numpy.ndarray
        Its array.
    serial : int
        Its serial number.
    gradient : Node, optional
        Its gradient.
    number : int
        Which value the gradient is.
    stand_in : Node, optional
        What it has as its gradient while the step is recorded, until the step gives it another one.
    """

    node: Node
    array: numpy.ndarray
    serial: int
    gradient: Node | None
    number: int = 0
    stand_in: Node | None = None


@dataclass
class Given:
    """An array among the arguments of a call, as it was given and as a recorded one."""

    what: Any
    recorded: Recorded

    @property
    def host(self) -> Any:
        """The plain array."""
        return self.recorded.host

    @property
    def number(self) -> int:
        """Its number in the recording."""
        return self.recorded.number


class Recording:
    """The calls of one run of a step, and the values that go through them.

    Parameters
    ----------
    surroundings : Surroundings, optional
        What the step refers to.

    Examples
    --------
    >>> recording = Recording()
    >>> x = recording.argument(numpy.array([1.0, 2.0]))
    >>> numpy.exp(x).shape, x.sum().shape, len(recording.calls)
    ((2,), (), 2)
    """

    def __init__(self, surroundings: Surroundings | None = None) -> None:
        self.surroundings = Surroundings(None) if surroundings is None else surroundings
        self.calls: list[Call] = []
        self.values: list[Value] = []
        self.held: dict[int, Held] = {}
        self.known: dict[Any, int] = {}
        self.errors = numpy.geterr()
        self.thread = threading.get_ident()
        self.ended = False
        self.before: list[tuple[numpy.ndarray, bytes]] = []
        self.written: list[numpy.ndarray] = []
        self.draws = [(rng, rng.bit_generator.state) for rng in self.surroundings.generators]
        self.made: list[weakref.ref[Recorded]] = []

    # The beginning and the end

    def begin(self, last: Recording | None = None) -> None:
        """Let the tensors that the step can reach hold recorded arrays, and remember what it must not change unseen."""
        of_last = [value.array for value in last.values if value.array is not None] if last else []
        small = [array for array in self.surroundings.arrays if array.nbytes <= SMALL]
        self.before = [(array, array.tobytes()) for array in (*of_last, *small)]
        for node in self.surroundings.tensors:
            self._refuse_tensor(node)
            held = self.held[id(node)] = Held(node, node.data, node.serial, node.grad)
            node.data = self.constant(node.data)
            held.number = len(self.values)
            if node.grad is None:  # its number is left free, so that it makes no other recording
                self.values.append(Value("gradient", (), (), None, held.number))
            else:
                held.stand_in = node.grad = leaf(self._recorded(node.grad.data, "gradient"), 0)

    def _refuse_tensor(self, node: Node) -> None:
        if not isinstance(node.data, numpy.ndarray):
            raise CompileError("the step refers to a tensor that another thread is using in a step that it compiles")
        if node.needs & ~1 or (node.needs and node.primitive is not None):
            raise CompileError(
                f"the step refers to a Tensor of shape {tuple(node.data.shape)} that was computed outside of it under "
                "differentiation, and no derivative flows through a compiled step. Call the step itself"
            )

    def end(self) -> None:
        """Give all tensors plain arrays again, and refuse further calls."""
        self.ended = True
        for held in self.held.values():
            node = held.node
            node.data = plain(node.data)
            if held.stand_in is not None:
                held.stand_in.data = plain(held.stand_in.data)
            if node.grad is held.stand_in:
                node.grad = held.gradient
            elif node.grad is not None and isinstance(node.grad.data, Recorded):
                node.grad = leaf(plain(node.grad.data), 0)

    def gradients(self) -> Gradients:
        """List the tensors that were there before, each with the value of its gradient at this time."""
        nodes = [held.node for held in self.held.values()]
        return tuple((node, None if node.grad is None else self.number_of(node.grad.data)) for node in nodes)

    def refuse_unseen_changes(self) -> None:
        """Refuse a step that has changed something although no call that was written down changed it."""
        for held in self.held.values():
            if held.node.data is not held.array:
                raise CompileError(
                    f"the step gives a tensor of shape {tuple(held.array.shape)} another array, which a replay would "
                    "not do. Change the one that it has: x.data[...] = values"
                )
        for array, contents in self.before:
            seen = any(numpy.may_share_memory(array, written) for written in self.written)
            if not seen and array.tobytes() != contents:
                raise CompileError(
                    f"the step changes an array of {array.dtype}{list(array.shape)} by plain NumPy, which a replay "
                    "would not do. Change it outside of the step, or pass it to the step as an argument"
                )
        self._refuse_draws()
        if self._kept_somewhere():
            gc.collect()  # a graph that was made with create_graph=True may hold itself
            if self._kept_somewhere():
                raise CompileError(
                    "the step keeps an array or Tensor that it made, in a list, an attribute, or a Tensor's grad, "
                    "where a replay would not put it. Return it instead"
                )

    def _kept_somewhere(self) -> bool:
        return any(made() is not None for made in self.made)

    def _refuse_draws(self) -> None:
        if any(not same_state(rng.bit_generator.state, state) for rng, state in self.draws):
            raise CompileError(
                "the step draws from a random generator itself, which a replay would not do. Draw outside of the "
                "step, and pass the array to it as an argument. Layers such as nn.Dropout may draw"
            )

    # Values

    def argument(self, array: Any) -> Recorded:
        """Take in an array that may be another one at each call of the step."""
        return self._recorded(array, "argument")

    def constant(self, array: numpy.ndarray) -> Recorded:
        """Take in an array that was there before; the same memory is the same value."""
        key = place(array)
        if key not in self.known:
            if not self.surroundings.hold(array):
                raise CompileError(
                    f"an array of {array.dtype}{list(array.shape)} is made inside of the step by plain NumPy, or held "
                    "where compile does not look, so that a replay could not know it. Make it by minigrad.numpy, or "
                    "before the step, or pass it to the step as an argument"
                )
            self.known[key] = self._recorded(array, "constant").number
        return self._made(array, self.known[key])

    def owns_memory(self, x: Recorded) -> bool:
        """Tell whether an array was made in the step and is no view."""
        value = self.values[x.number]
        return value.origin == "result" and value.root == x.number and getattr(x.host, "base", None) is None

    def number_of(self, data: Any) -> int:
        """Give the number of an array, recorded or plain."""
        return (data if isinstance(data, Recorded) else self.constant(data)).number

    def _recorded(self, host: Any, origin: str, root: int | None = None) -> Recorded:
        number, is_number = len(self.values), isinstance(host, numpy.generic)
        root = number if root is None else root
        kept = host if origin == "constant" else None
        self.values.append(Value(origin, host.shape, host.strides, host.dtype, root, is_number, kept))
        return self._made(host, number)

    def _made(self, host: Any, number: int) -> Recorded:
        recorded = (RecordedNumber if isinstance(host, numpy.generic) else Recorded)(host, number, self)
        self.made.append(weakref.ref(recorded))
        return recorded

    # Calls

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function of NumPy on the plain arrays, write the call down, and give its result as a recorded array.

        Raises
        ------
        CompileError
            If a replay could not do the same: the result is no array but depends on one, its shape depends on the
            numbers in one, or an array is changed that the step did not make and that is no Tensor's.
        """
        self.refuse_outside()
        args, kwargs = with_out_by_name(function, args, kwargs)
        given: list[Given] = []
        hosts, frozen = self._arguments(args, given)
        named_hosts, named = self._arguments(tuple(kwargs.values()), given)
        call = Call(function, frozen, dict(zip(kwargs, named, strict=True)), errors=self._errors())
        self._refuse_size_by_data(call)
        written = self._written_by(call, given)
        before = None if written or isinstance(function, numpy.ufunc) else [x.host.tobytes() for x in given]
        result = function(*hosts, **dict(zip(kwargs, named_hosts, strict=True)))
        if before is not None and before != [x.host.tobytes() for x in given]:
            raise not_recorded(function, "changes an array")
        return self._finished(call, result, given, written)

    def apart(self, function: Callable[..., Any], *args: Any, tensors: Iterable[Node] = ()) -> Any:
        """Call something that is no arithmetic on arrays, such as a draw of random numbers, as one call.

        The tensors are those that it changes in place; while it runs, all tensors hold their plain arrays.
        """
        self.refuse_outside()
        moved = list(tensors)
        for node in moved:
            if id(node) not in self.held or plain(node.data) is not self.held[id(node)].array:
                raise CompileError(
                    "an optimizer moves a tensor that the step has made, or that is held where compile does not look. "
                    "Make both before the step, and let the step refer to them as variables"
                )
        given: list[Given] = []
        hosts, frozen = self._arguments(args, given, anything=True)
        call = Call(function, frozen, {}, gradients=self.gradients())
        self._refuse_draws()
        with self._plain_tensors():
            result = function(*hosts)
        self.draws = [(rng, rng.bit_generator.state) for rng, _ in self.draws]
        for node in moved:
            self.held[id(node)].serial = node.serial
        return self._finished(call, result, given, [self._given(node.data) for node in moved])

    def refuse_outside(self) -> None:
        """Refuse calls after the step has ended, and those of other threads."""
        if self.ended or self.thread != threading.get_ident():
            raise CompileError(
                "an array of a step that was being compiled is used outside of it. Let the step return it; what it "
                "stores elsewhere, a replay would not store. Other threads must wait until a step is compiled"
            )

    @contextmanager
    def _plain_tensors(self) -> Iterator[None]:
        token = active.set(load("numpy"))
        nodes = [held.node for held in self.held.values()]
        holders = [x for node in nodes for x in (node, node.grad) if x is not None]
        kept = [(holder, holder.data) for holder in holders]
        for holder, data in kept:
            holder.data = plain(data)
        try:
            yield
            changed = any(holder.data is not plain(data) for holder, data in kept)
        finally:
            active.reset(token)
            for holder, data in kept:
                holder.data = data
        if changed:
            raise CompileError("an optimizer gives a tensor another array, which a replay could not follow")

    def _given(self, x: Any) -> Given:
        return Given(x, x if isinstance(x, Recorded) else self.constant(x))

    def _errors(self) -> tuple[Any, ...] | None:
        now = numpy.geterr()
        return None if now == self.errors else tuple(now.items())

    def _arguments(
        self, args: tuple[Any, ...], given: list[Given], anything: bool = False
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Give arguments as NumPy is to get them and as they are written down, and list the arrays among them."""
        hosts: list[Any] = []
        frozen: list[Any] = []
        for x in args:
            host = kept = x
            if isinstance(x, Recorded) and x.recording is not self:
                raise CompileError("an array of one step that is being compiled got into another one")
            if isinstance(x, Recorded | numpy.ndarray):
                given.append(self._given(x))
                host, kept = given[-1].host, Ref(given[-1].number)
            elif isinstance(x, tuple | list):
                host, kept = map(type(x), self._arguments(tuple(x), given, anything))
            elif isinstance(x, Node):
                raise CompileError("a Tensor got among the plain arguments of a function of NumPy")
            elif not anything:
                static(x)
            hosts.append(host)
            frozen.append(kept)
        return tuple(hosts), tuple(frozen)

    def _written_by(self, call: Call, given: list[Given]) -> list[Given]:
        """List the arrays that a call changes."""
        first = call.function in WRITERS or getattr(call.function, "__name__", "") == "at"
        ref = call.args[0] if first and call.args else call.kwargs.get("out")
        written = [x for x in given if isinstance(ref, Ref) and x.number == ref.number][:1]
        for x in written:
            if isinstance(x.what, numpy.ndarray):
                raise CompileError(
                    f"the step writes into an array of {x.host.dtype}{list(x.host.shape)} that was there before, where "
                    "a replay could not follow what becomes of it. Pass it to the step as an argument, or let it be "
                    "the data of a Tensor"
                )
        return written

    def _refuse_size_by_data(self, call: Call) -> None:
        function, args = call.function, call.args
        by_data = function in SIZED_BY_DATA or (function is numpy.where and len(args) == 1)
        if function is operator.getitem:
            index = args[1] if isinstance(args[1], tuple) else (args[1],)
            masks = [x for x in index if isinstance(x, Ref) and self.values[x.number].dtype.kind == "b"]
            by_data = any(self.values[x.number].origin != "constant" for x in masks)
        if function in (numpy.repeat, numpy.ndarray.repeat):
            by_data = any(isinstance(x, Ref) for x in (*args[1:], *call.kwargs.values()))
        if by_data:
            raise CompileError(
                f"the step calls {name_of(function)}, where the shape of the result depends on numbers, which a replay "
                "could not follow. Keep the shape and choose with minigrad.numpy.where"
            )

    def _finished(self, call: Call, result: Any, given: list[Given], written: list[Given]) -> Any:
        """Write a call down, and give what came out of it as recorded arrays."""
        call.writes = tuple(self.values[x.number].root for x in written)
        self.written += [x.host for x in written if self.values[self.values[x.number].root].origin != "result"]
        arrays = (*written, *given) if isinstance(result, numpy.ndarray) else ()  # NumPy has one True and one False
        same = next((x.recorded for x in arrays if x.host is result), None)
        if same is not None and not (written or call.function in PASSING):
            raise not_recorded(call.function, "gives back an array that it got")
        out: Any
        if isinstance(result, tuple | list):
            call.several = True
            parts = [self._taken_in(part, given, call) for part in result]
            out = type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
        else:
            out = self._taken_in(result, given, call) if same is None else same
        if call.results or call.writes or call.apart:
            self.calls.append(call)
        elif result is None:
            raise not_recorded(call.function, "gives nothing")
        return out

    def _taken_in(self, result: Any, given: list[Given], call: Call) -> Any:
        """Give an array that came out of a call as a recorded one, and number it."""
        if result is None or (call.function in TELLING and not isinstance(result, numpy.ndarray)):
            return result
        if not isinstance(result, numpy.ndarray | numpy.generic):
            raise not_recorded(call.function, f"gives a {type(result).__name__} that a replay cannot know")
        root = None
        for x in given if call.several or result.base is not None else ():
            if isinstance(result, numpy.ndarray) and numpy.may_share_memory(result, x.host):
                root = self.values[x.number].root
        recorded = self._recorded(result, "result", root)
        call.results += (recorded.number,)
        return recorded


def same_state(x: Any, y: Any) -> bool:
    """Tell whether two states of a random generator are the same.

    Examples
    --------
    >>> rng = numpy.random.default_rng(0)
    >>> before = rng.bit_generator.state
    >>> same_state(before, rng.bit_generator.state), rng.integers(2), same_state(before, rng.bit_generator.state)
    (True, np.int64(1), False)
    """
    if isinstance(x, dict):
        return all(same_state(part, y[name]) for name, part in x.items())
    return bool(numpy.all(x == y))


def plain(data: Any) -> Any:
    """Give the plain array under a recorded one."""
    return data.host if isinstance(data, Recorded) else data
