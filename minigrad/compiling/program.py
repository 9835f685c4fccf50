"""`Program`: a recording, written as a plain function of NumPy that computes into arrays made once.

1. `needed_calls` drops the calls whose results nobody needs.
2. What is the same at every call, such as an array of ones, is made once.
3. Every other result gets a place in memory. What is free again is used again, the latest first. Only what leaves the
   step is new memory each time.
4. `Source` writes a line for each call that remains. A view of an array that stays where it is needs none.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy

from minigrad import tape
from minigrad.compiling.calls import CREATORS, Call, Gradients, Ref, Value, name_of
from minigrad.compiling.comparing import alike
from minigrad.compiling.lowering import lowered
from minigrad.compiling.memory import Memory, bytes_of, has_no_gaps, laid_out
from minigrad.compiling.recorded import CompileError
from minigrad.compiling.recording import Recording
from minigrad.compiling.source import Source
from minigrad.tape import Node

BLANKS = {numpy.empty, numpy.empty_like}

LARGE = 1 << 16  # bytes from which a result of the step is let go as soon as it is not needed any more

MAKERS = {numpy.zeros, numpy.ones, numpy.full, numpy.empty, numpy.arange, numpy.eye, numpy.tri, numpy.array}
MAKERS |= {numpy.asarray, numpy.identity, numpy.linspace} | CREATORS

SHAPED = {operator.getitem, operator.pow, numpy.transpose, numpy.broadcast_to, numpy.pad, numpy.flip, numpy.roll}
SHAPED |= {numpy.lib.stride_tricks.as_strided, numpy.asarray, numpy.where, numpy.argsort, numpy.ascontiguousarray}
SHAPED |= {getattr(numpy.ndarray, name) for name in ("reshape", "transpose", "swapaxes", "squeeze", "ravel", "flatten")}
SHAPED |= MAKERS
"""What gives the same shape for the same shapes, beside the functions that can write into an array."""


@dataclass
class Ending:
    """What a step leaves behind.

    Parameters
    ----------
    outputs : list
        What it returns: a `Ref` for every array, anything else as it is.
    are_tensors : list of bool
        Which of them it returns as a Tensor.
    rebuild : callable
        Puts the outputs into the containers that it returns them in.
    gradients : tuple of (Node, int or None)
        The tensors whose gradient it changes, each with the value that the gradient is in the end.
    changed : list of Node
        The tensors that it says were changed in place.

    Examples
    --------
    >>> Ending([Ref(0)], [True], tuple).handed_out([numpy.ones(1)])
    (tensor([1.]),)
    """

    outputs: list[Any]
    are_tensors: list[bool]
    rebuild: Callable[[list[Any]], Any]
    gradients: Gradients = ()
    changed: list[Node] = field(default_factory=list)

    def handed_out(self, arrays: list[Any]) -> Any:
        """Give the outputs as the step returned them, with these arrays in the place of the values."""
        outputs = [
            x if not isinstance(x, Ref) else tape.leaf(array, 0) if is_tensor else array
            for x, array, is_tensor in zip(self.outputs, arrays, self.are_tensors, strict=True)
        ]
        return self.rebuild(outputs)

    def same_as(self, other: Ending) -> bool:
        """Tell whether a step leaves the same behind as in another call."""
        places = range(len(self.outputs))
        return (
            alike(self.outputs, other.outputs)
            and self.are_tensors == other.are_tensors
            and self.rebuild(list(places)) == other.rebuild(list(places))
            and alike(self.gradients, other.gradients)
            and alike(self.changed, other.changed)
        )


def refs(x: Any) -> Iterator[int]:
    """Walk over the numbers of the values in the arguments of a call.

    Examples
    --------
    >>> list(refs((Ref(1), [2.0, Ref(3)])))
    [1, 3]
    """
    if isinstance(x, Ref):
        yield x.number
    elif isinstance(x, tuple | list):
        for part in x:
            yield from refs(part)


def values_of(gradients: Gradients) -> list[int]:
    """List the numbers of the values that are gradients."""
    return [number for _, number in gradients if number is not None]


def read_by(call: Call) -> list[int]:
    """List the numbers of all values that a call reads or changes."""
    return [*refs(call.args), *refs(tuple(call.kwargs.values())), *values_of(call.gradients or ())]


def needed_calls(recording: Recording, leaving: set[int]) -> list[Call]:
    """Drop the calls whose results do not leave the step and go into nothing that does."""
    values = recording.values
    numbers, roots = set(leaving), {values[n].root for n in leaving}
    kept = []
    for call in reversed(recording.calls):
        lasting = any(values[root].origin != "result" for root in call.writes)
        if call.apart or lasting or numbers.intersection(call.results) or roots.intersection(call.writes):
            kept.append(call)
            read = read_by(call)
            numbers.update(read)
            roots.update(values[n].root for n in read)
    return kept[::-1]


class Program:
    """A step as straight-line code.

    Parameters
    ----------
    recording : Recording
        What the step called.
    ending : Ending
        What it returned and changed.

    Attributes
    ----------
    text : str
        The code.
    size : int
        How many bytes of memory it keeps for its results.

    Examples
    --------
    >>> recording = Recording()
    >>> x = recording.argument(numpy.array([1.0, 2.0]))
    >>> y = numpy.exp(x * 0.5)
    >>> program = Program(recording, Ending([Ref(y.number)], [False], list))
    >>> print(program.text)
    # k0 = 0.5, float64
    <BLANKLINE>
    def part0():
        global out0, v2
        multiply(a0, k0, v1)  # (2,) float64
        v2 = exp(v1)  # (2,) float64
        out0 = v2
    <BLANKLINE>
    >>> program.run([numpy.array([0.0, 2.0])])
    [array([1.        , 2.71828183])]
    """

    def __init__(self, recording: Recording, ending: Ending) -> None:
        self.values = recording.values
        self.ending = ending
        self.source = Source(recording.values)
        self.fixed: dict[int, numpy.ndarray] = {}
        self.memory = Memory()
        self._write(recording)
        self.text, self.parts = self.source.compiled()
        self.size = self.memory.size

    def fits(self) -> bool:
        """Tell whether the tensors have gradients as it expects them; most steps forget them first."""
        expected = all(node.grad is not None and form_of(node.grad) == form for node, form in self.expected)
        return expected and all(node.grad is None for node in self.without)

    def run(self, arguments: list[numpy.ndarray]) -> Any:
        """Run the step with these arrays in the place of its arguments, and give what it returns."""
        names = self.source.names
        names.update(zip(self.arguments, arguments, strict=True))
        try:
            for part in self.parts:
                part()
            outputs = [None if name is None else names[name] for name in self.returned]
        finally:  # let go of what is not the program's own
            names.update(self.nothing)
        return self.ending.handed_out(outputs)

    # Planning

    def _write(self, recording: Recording) -> None:
        values, ending = self.values, self.ending
        self.gradients = {id(x.node): None if x.gradient is None else x.number for x in recording.held.values()}
        for call in recording.calls:
            if call.gradients is not None:
                call.gradients = self._changed(call.gradients)
        ending.gradients = self._changed(ending.gradients)
        changed = (*ending.gradients, *(pair for call in recording.calls for pair in call.gradients or ()))
        leaving = {*refs(tuple(ending.outputs)), *values_of(changed)}
        calls = needed_calls(recording, leaving)
        used = {n for call in calls for n in (*call.results, *read_by(call))} | leaving
        self.last = {values[n].root: i for i, call in enumerate(calls) for n in (*call.results, *read_by(call))}
        self.kept = {values[n].root for n in leaving}
        self.written = {root for call in calls for root in call.writes}
        self.hoisted: set[int] = set()
        self.rooms: dict[int, numpy.ndarray] = {}
        self.views = defaultdict(list)
        for n, value in enumerate(values):
            if value.origin == "result":
                self.views[value.root].append(n)
            elif value.array is not None:
                self._fix(n, value.array)
        self.arguments = [self.source.name(n) for n, value in enumerate(values) if value.origin == "argument"]
        self._write_beginning(recording, used)
        for i, call in enumerate(calls):
            self._write_call(i, call)
        self._write_ending()

    def _changed(self, gradients: Gradients) -> Gradients:
        """Give those that are not what they were at the last time, or are views of what may have changed since."""
        values, before = self.values, self.gradients
        changed = [
            (node, n)
            for node, n in gradients
            if n != before[id(node)] or (n is not None and values[n].origin != "gradient" and values[n].root != n)
        ]
        self.gradients = before | {id(node): n for node, n in changed}
        return tuple(changed)

    def _write_beginning(self, recording: Recording, used: set[int]) -> None:
        """Read the gradients that the step begins with, as far as it needs them."""
        held = recording.held.values()
        self.without = [x.node for x in held if x.gradient is None]
        self.expected = [(x.node, form_of(x.gradient)) for x in held if x.gradient is not None and x.number in used]
        for x in held:
            if x.number in used:
                name = self.source.name(x.number)
                self.source.write(f"{name} = {self.source.object('t', x.node)}.grad.data", name)

    def _write_call(self, i: int, call: Call) -> None:
        if call.apart:
            self._write_apart(call)
        elif not self._made_once(call) and not self._stays(call):
            self._write_arithmetic(i, call)
        for root in {self.values[n].root for n in (*call.results, *read_by(call))}:
            if self.last[root] == i and root not in self.kept:
                self._let_go(root)

    def _made_once(self, call: Call) -> bool:
        """Make now what needs no array that could change, and is never changed itself."""
        read = read_by(call)
        same = call.function in MAKERS if not read else call.function in CREATORS or self.hoisted.issuperset(read)
        roots = {self.values[n].root for n in call.results}
        if not same or call.writes or call.several or roots & (self.written | self.kept):
            return False
        (number,) = call.results
        try:
            with numpy.errstate(all="raise"):
                made = self._made_like(call) if call.function in CREATORS else self._called_now(call)
        except FloatingPointError:  # to be warned of at each call
            return False
        self.hoisted.add(number)
        self._fix(number, numpy.asarray(made))
        return True

    def _made_like(self, call: Call) -> Any:
        """Make an array like one of which there may be only the form."""
        like = self.values[next(refs(call.args))]
        stand_in = numpy.lib.stride_tricks.as_strided(numpy.empty((), like.dtype), like.shape, like.strides)
        return call.function(stand_in, *call.args[1:], **call.kwargs)

    def _stays(self, call: Call) -> bool:
        """Make now a view of an array that stays where it is."""
        views = [n for n in call.results if self.values[n].root != n]
        if call.several or not views or not all(n in self.fixed for n in read_by(call)):
            return False
        self._fix(views[0], self._called_now(call))
        return True

    def _called_now(self, call: Call) -> Any:
        def put(x: Any) -> Any:
            if isinstance(x, Ref):
                array = self.fixed[x.number]
                return array[()] if self.values[x.number].is_number else array
            return type(x)(put(part) for part in x) if isinstance(x, tuple | list) else x

        return call.function(*put(call.args), **{name: put(x) for name, x in call.kwargs.items()})

    def _fix(self, number: int, array: numpy.ndarray) -> None:
        self.fixed[number] = self.source.names[self.source.name(number)] = array

    def _place(self, i: int, call: Call) -> bool:
        """Give the only result of a call a place of its own, if it may have one."""
        (number,) = call.results
        value = self.values[number]
        if number in self.kept or value.root != number or not has_no_gaps(value):
            return False
        room = self._over_an_operand(i, call)
        self.rooms[number] = self.memory.take(bytes_of(value)) if room is None else room
        self._fix(number, laid_out(value, self.rooms[number]))
        return True

    def _over_an_operand(self, i: int, call: Call) -> numpy.ndarray | None:
        """Give the memory of an operand that is not needed any more, where each element depends on its own alone."""
        if not isinstance(call.function, numpy.ufunc) or call.function.signature is not None:
            return None
        wanted = self.values[call.results[0]]
        read = read_by(call)
        for n in refs(call.args):
            value = self.values[n]
            alone = all(m == n for m in read if self.values[m].root == value.root)
            alike = (value.shape, value.strides, value.dtype) == (wanted.shape, wanted.strides, wanted.dtype)
            if alone and alike and n in self.rooms and self.last[n] == i:
                return self.rooms.pop(n)
        return None

    def _let_go(self, root: int) -> None:
        if root in self.rooms:
            self.memory.give_back(self.rooms.pop(root))
        elif root not in self.fixed and bytes_of(self.values[root]) >= LARGE:
            names = [self.source.name(n) for n in self.views[root] if n not in self.fixed]
            if names:
                self.source.write(" = ".join([*names, "None"]), *names)

    # Lines

    def _write_arithmetic(self, i: int, call: Call) -> None:
        source = self.source
        single = len(call.results) == 1 and not call.several
        steps = lowered(call, Ref(call.results[0]), self.values) if single else []
        if single and (steps or call.function in BLANKS) and self._place(i, call):
            for function, args, kwargs in steps:
                source.write(source.call(function, args, kwargs) + source.comment(call.results), errors=call.errors)
            return
        self._write_results(call)
        if not (steps or isinstance(call.function, numpy.ufunc) or call.function in SHAPED):
            for n in call.results:
                expected = self.values[n].shape, self.values[n].dtype, name_of(call.function)
                source.write(source.call(check_form, (Ref(n), *expected), {}))

    def _write_results(self, call: Call) -> None:
        """Write the line of a call that makes its results anew."""
        source, names = self.source, [self.source.name(n) for n in call.results]
        scalars = not isinstance(call.function, numpy.ufunc)  # which makes no difference between them
        text = source.call(call.function, call.args, call.kwargs, scalars)
        if call.function is not numpy.asarray and not all(
            self.values[n].shape for n in call.results
        ):  # NumPy gives numbers in the place of such arrays
            text = f"map(asarray, {text})" if call.several else f"asarray({text})"
        left = f"{', '.join(names)}{',' * (call.several and len(names) == 1)} = " if names else ""
        source.write(left + text + source.comment(call.results), *names, errors=call.errors)

    def _write_apart(self, call: Call) -> None:
        self._write_gradients(call.gradients or ())
        self._write_results(call)

    def _write_gradients(self, gradients: Gradients) -> None:
        for node, number in gradients:
            value = "None" if number is None else f"leaf({self._leaving(number)}, 0)"
            self.source.write(f"{self.source.object('t', node)}.grad = {value}")

    def _write_ending(self) -> None:
        source = self.source
        for node in self.ending.changed:
            source.write(f"{source.object('f', tape.changed_in_place)}({source.object('t', node)})")
        self._write_gradients(self.ending.gradients)
        self.returned: list[str | None] = [None] * len(self.ending.outputs)
        for i, x in enumerate(self.ending.outputs):
            if isinstance(x, Ref):
                self.returned[i] = f"out{i}"
                source.write(f"out{i} = {self._leaving(x.number)}", f"out{i}")
        own = {source.name(n) for n in self.fixed}
        assigned = {name for line in source.lines for name in line.assigned}
        self.nothing = dict.fromkeys([*self.arguments, *(assigned - own)])

    def _leaving(self, number: int) -> str:
        """Name what leaves the step; a copy, if the next step would change it, or its owner could change what it is."""
        name = self.source.name(number)
        if self.values[number].is_number:
            return f"{name}[()]"
        return name if leaves_as_it_is(self.values[number], number) else f"{name}.copy('K')"


def leaves_as_it_is(value: Value, number: int) -> bool:
    """Tell whether a step gives away an array itself: one that it made or was given, but no view."""
    return value.origin in ("argument", "result") and value.root == number


def form_of(node: Node) -> tuple[Any, ...]:
    """Give the shape, the strides and the type of a tensor's array.

    Examples
    --------
    >>> import minigrad as mg
    >>> form_of(mg.tensor([1.0, 2.0]))
    ((2,), (8,), dtype('float64'))
    """
    return node.data.shape, node.data.strides, node.data.dtype


def check_form(array: numpy.ndarray, shape: tuple[int, ...], dtype: Any, name: str) -> None:
    """Refuse an array of another shape or type than when the step was recorded.

    Examples
    --------
    >>> check_form(numpy.zeros(2), (2,), numpy.dtype("float64"), "unique")
    """
    if array.shape != shape or array.dtype != dtype:
        raise CompileError(
            f"{name} gives an array of {array.dtype}{list(array.shape)}, and gave one of {dtype}{list(shape)} when "
            "the step was recorded. The step is half done; call the step itself"
        )
