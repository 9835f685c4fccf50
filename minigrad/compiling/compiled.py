"""`compile`: run a training step without the engine, once it is known what it calls."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import numpy

from minigrad.backend import active, current
from minigrad.compiling.calls import Ref
from minigrad.compiling.comparing import difference
from minigrad.compiling.discovery import Surroundings
from minigrad.compiling.program import Ending, Program, leaves_as_it_is
from minigrad.compiling.recorded import CompileError, Recorded
from minigrad.compiling.recorder import RECORDER, running
from minigrad.compiling.recording import Recording, plain
from minigrad.containers import flatten
from minigrad.tape import Node, leaf, mode
from minigrad.tensor import Tensor

PATIENCE = 4  # recordings, of which two in a row must be the same
FORMS = 16  # ways to call one step: shapes and types of its arrays, and values of what is no array

NUMBERS = (bool, int, float, complex, str, bytes, type(None), numpy.generic)


def compile(step: Callable[..., Any]) -> Compiled:
    """Turn a training step into one that is recorded once, and then replayed without the engine.

    The first calls run the step as it is, and write down what it asks of NumPy. When two calls in a row have asked for
    the same, the list becomes a program: straight lines of NumPy that compute into arrays made once. From then on a
    call runs the program. Its results are those of the step, bit for bit.

    What may change from call to call are the arrays that are arguments, the contents of the arrays and Tensors that the
    step refers to, and random numbers that layers such as `nn.Dropout` draw. Optimizers take their steps as always. All
    else stays as it was recorded: numbers, and which way an ``if`` went. A step of other arguments, where the shape or
    the type of an array or a plain number differs, is recorded anew; so is one after a variable that the step refers to
    was given another value. What the step prints, or appends to a list, it does only while it is recorded.

    Parameters
    ----------
    step : callable
        Takes arrays, numbers, and containers of them. Returns arrays, Tensors, numbers, or containers of them. Tensors
        come back without the graph behind them.

    Returns
    -------
    Compiled
        To be called like the step.

    Raises
    ------
    CompileError
        When called, if the step does something that a replay could not repeat: reads a value, as in ``loss.item()`` or
        ``if loss < 1``; makes arrays of its own by plain NumPy that differ each time; runs under another backend than
        NumPy's; or still asks for something else in the fourth call.

    Examples
    --------
    >>> import minigrad as mg
    >>> x = mg.tensor([3.0], requires_grad=True)
    >>> optimizer = mg.optim.SGD([x], lr=0.25)
    >>> def step():
    ...     optimizer.zero_grad()
    ...     loss = (x * x).sum()
    ...     loss.backward()
    ...     optimizer.step()
    ...     return loss
    >>> fast = compile(step)
    >>> [fast().item() for _ in range(4)]  # two are recorded, and two replayed
    [9.0, 2.25, 0.5625, 0.140625]
    >>> print(fast.source)
    def part0():
        global out0, v4, v9
        multiply(c0, c0, v2)  # (1,) float64
        add_reduce(v2, None, None, v3, False)  # () float64
        v4 = asarray(v3[()])  # () float64
        multiply(v6, c0, v7)  # (1,) float64
        multiply(v6, c0, v8)  # (1,) float64
        v9 = add(v7, v8)  # (1,) float64
        t0.grad = leaf(v9, 0)
        _step()
        out0 = v4
    <BLANKLINE>
    """
    if not callable(step):
        raise TypeError(f"compile takes a function; got a {type(step).__name__}")
    return Compiled(step)


class Compiled:
    """A step that `compile` has made.

    Parameters
    ----------
    step : callable
        The step itself.

    Attributes
    ----------
    step : callable
        The step itself, which may be called as well.
    replays : int
        How many calls were replayed.

    Examples
    --------
    >>> square = Compiled(lambda x: x * x)
    >>> [square(numpy.array([3.0])).item() for _ in range(3)], square.replays
    ([9.0, 9.0, 9.0], 1)
    """

    def __init__(self, step: Callable[..., Any]) -> None:
        self.step = step
        self.replays = 0
        self._ways: dict[Any, Way] = {}
        self._lock = threading.RLock()
        self._busy = False
        functools.update_wrapper(self, step, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Record or replay the step."""
        now = mode.get()
        if now.sites is not None or running.get() is not None:  # someone watches it, or it is a part of another step
            return self.step(*args, **kwargs)
        with self._lock:  # the arrays of a program are for one call at a time
            if self._busy:  # the step calls itself
                return self.step(*args, **kwargs)
            self._busy = True
            try:
                return self._way(now.recording, args, kwargs)(args, kwargs)
            finally:
                self._busy = False

    def _way(self, recording: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Way:
        if current().name != "numpy":
            raise CompileError(f"compile replays NumPy; the active backend is {current().name!r}. Call the step itself")
        key = (recording, form(args), form(kwargs), *numpy.geterr().values())
        way = self._ways.get(key)
        if way is None:
            if len(self._ways) == FORMS:
                raise CompileError(
                    f"the step was called in {FORMS} different ways, and each is recorded anew: {key[1:3]} is another "
                    "one. Pass a number that changes as an array, and arrays of few different shapes"
                )
            way = self._ways[key] = Way(self)
        return way

    @property
    def source(self) -> str:
        """The program that was made last; empty before there is one."""
        programs = [program for way in self._ways.values() for program in way.programs]
        return programs[-1].text if programs else ""

    def __repr__(self) -> str:
        return f"compile({self.step!r})"


def form(x: Any) -> Any:
    """Tell apart arguments that have to be recorded apart.

    Examples
    --------
    >>> form({"x": numpy.zeros(2), "slope": 0.5})
    (<class 'dict'>, ('x', 'slope'), (<class 'numpy.ndarray'>, (2,), (8,), '<f8'), (<class 'float'>, '0.5'))
    """
    if isinstance(x, numpy.ndarray | Tensor):
        array = array_of(x)
        return type(x), array.shape, array.strides, array.dtype.str
    if isinstance(x, NUMBERS):
        return type(x), repr(x)
    if isinstance(x, dict):
        return dict, tuple(x), *map(form, x.values())
    if isinstance(x, tuple | list):
        return type(x), *map(form, x)
    raise CompileError(f"a compiled step takes arrays, numbers, text, and containers of them; got a {type(x).__name__}")


def array_of(x: Any) -> numpy.ndarray:
    """Give the array that is, or is under, an argument.

    Examples
    --------
    >>> array_of(Tensor([1.0]))
    array([1.])
    """
    if isinstance(x, Tensor) and x.needs:
        raise CompileError(
            "a Tensor under differentiation is an argument of a compiled step, which no derivative flows through. "
            "Let the step refer to it as a variable, or call the step itself"
        )
    array = x.data if isinstance(x, Tensor) else x
    if type(array) not in (numpy.ndarray, numpy.memmap) or array.dtype.kind not in "biufc":
        raise CompileError(f"a compiled step takes plain arrays of numbers; got a {type(array).__name__} of {x.dtype}")
    return array


class Way:
    """One way to call a step: what was recorded of it, and then its programs.

    There may be several programs: a step that adds to the gradients does something else where there are none yet.

    Parameters
    ----------
    compiled : Compiled
        The step.

    Examples
    --------
    >>> way = Way(Compiled(lambda x: x + 1.0))
    >>> way((numpy.zeros(1),), {}), len(way.programs)
    (array([1.]), 0)
    """

    def __init__(self, compiled: Compiled) -> None:
        self.compiled = compiled
        self.count = 0
        self._forget()

    def _forget(self) -> None:
        self.programs: list[Program] = []
        self.last: tuple[Recording, Ending] | None = None
        self.surroundings = Surroundings(self.compiled.step)

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Replay the step if a program fits; otherwise record it."""
        change = self.surroundings.change()
        if change is not None:
            self._forget()
        for program in self.programs:
            if program.fits():
                self.compiled.replays += 1
                leaves, _ = flatten((args, kwargs))
                return program.run([array_of(x) for x in leaves if not isinstance(x, NUMBERS)])
        return self._record(args, kwargs, change)

    def _record(self, args: tuple[Any, ...], kwargs: dict[str, Any], change: str | None) -> Any:
        """Run the step and write down what it calls; make a program if that is what it called the last time."""
        recording = Recording(self.surroundings)
        ending, arrays = recorded_run(self.compiled.step, recording, self.last and self.last[0], args, kwargs)
        self.count += 1
        changed = self.surroundings.change()
        difference = (
            f"the step changes {changed}, which a replay would not do"
            if changed
            else self._difference(recording, ending, change)
        )
        if difference is None:
            self.programs.append(Program(recording, ending))
            self.surroundings.watch(value.array for value in recording.values if value.array is not None)
            self.last, self.count = None, 0
        elif self.count == PATIENCE:
            self.count = 0
            self._forget()
            raise CompileError(
                f"the step was recorded {PATIENCE} times, and no two times in a row were the same: {difference}. The "
                "step is done"
            )
        else:
            self.last = recording, ending
        return ending.handed_out(arrays)

    def _difference(self, recording: Recording, ending: Ending, change: str | None) -> str | None:
        if self.last is None:
            return f"what it refers to was changed: {change}" if change else "it was called for the first time"
        before, ending_before = self.last
        return difference(before, recording) or (
            None if ending.same_as(ending_before) else "it returned something else"
        )


def recorded_run(
    step: Callable[..., Any],
    recording: Recording,
    last: Recording | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[Ending, list[Any]]:
    """Run a step so that all it calls is written down; give what it leaves behind, and the arrays that it returned.

    Examples
    --------
    >>> recorded_run(lambda x: (x + 1.0, "done"), Recording(), None, (numpy.zeros(2),), {})[0].outputs
    [Ref(number=1), 'done']
    """
    backend, recorder = active.set(RECORDER), running.set(recording)
    try:
        recording.begin(last)
        ending, arrays = _run(step, recording, args, kwargs)
    finally:
        running.reset(recorder)
        active.reset(backend)
        recording.end()
    recording.refuse_unseen_changes()
    return ending, arrays


def _run(
    step: Callable[..., Any], recording: Recording, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Ending, list[Any]]:
    leaves, rebuild = flatten((args, kwargs))
    given, named = rebuild([_given(x, recording) for x in leaves])
    outputs, rebuild = flatten(step(*given, **named))
    kept = [_output(x, recording) for x in outputs]
    changed = [held.node for held in recording.held.values() if held.node.serial != held.serial]
    ending = Ending(kept, [isinstance(x, Node) for x in outputs], rebuild, recording.gradients(), changed)
    return ending, [_leaving(x, y, recording) for x, y in zip(outputs, kept, strict=True)]


def _given(x: Any, recording: Recording) -> Any:
    if isinstance(x, NUMBERS):
        return x
    argument = recording.argument(array_of(x))
    return leaf(argument, 0) if isinstance(x, Node) else argument


def _output(x: Any, recording: Recording) -> Any:
    """Say what an output is: a value of the recording, or something that is the same each time."""
    if isinstance(x, Node) and id(x) not in recording.held:
        return Ref(recording.number_of(x.data))
    if isinstance(x, Recorded | numpy.ndarray):
        return Ref(recording.number_of(x))
    if isinstance(x, (*NUMBERS, Node)):
        return x
    raise CompileError(
        f"the step returns a {type(x).__name__}; a compiled step returns arrays, Tensors, numbers, text, and "
        "containers of them"
    )


def _leaving(output: Any, kept: Any, recording: Recording) -> Any:
    """Give the array of an output as the program would: a copy, where it is a view or was there before."""
    if not isinstance(kept, Ref):
        return None
    array = plain(output.data if isinstance(output, Node) else output)
    value = recording.values[kept.number]
    return array if value.is_number or leaves_as_it_is(value, kept.number) else array.copy("K")
