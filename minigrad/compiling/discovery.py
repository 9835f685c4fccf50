"""What a step refers to: tensors, arrays, generators, and everything else whose change would make it another step.

What can be reached is found from the names that the code of the step, and of what it calls, mentions. Of an object of a
user's class only the mentioned attributes count, so that a trainer may keep its books in others.
"""

from __future__ import annotations

import dis
import functools
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from operator import is_
from pathlib import Path
from types import BuiltinMethodType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy

import minigrad.backend
from minigrad.nn.module import Module
from minigrad.optim.optimizer import Optimizer
from minigrad.tape import Node, Primitive

Values = Callable[[], Iterable[Any]]

NUMBERS = (bool, int, float, complex, str, bytes, type(None))
OPAQUE = (*NUMBERS, numpy.generic, numpy.dtype, numpy.ufunc, Primitive, ModuleType, CodeType)
LIBRARIES = {"minigrad", "numpy", *sys.stdlib_module_names}
FOLDERS = tuple(str(Path(str(module.__file__)).parent) for module in (minigrad.backend, numpy, functools))
"""Packages whose functions and classes refer to nothing that a step could change, and where these three lie."""

SMALL = 1 << 16  # bytes up to which an array is looked after that no recorded call uses, as plain Python may do so

MISSING = object()


class Surroundings:
    """What a step refers to, as it is now.

    Parameters
    ----------
    step : callable
        The step.

    Attributes
    ----------
    tensors, arrays, generators : list
        Those that it can reach.

    Examples
    --------
    >>> import minigrad as mg
    >>> layer = mg.nn.Dropout(0.5, rng=numpy.random.default_rng(0))
    >>> now = Surroundings(lambda x: layer(x))
    >>> now.change(), layer.eval(), now.change()
    (None, Dropout(p=0.5), 'how many parts a Dropout has')
    """

    def __init__(self, step: Any) -> None:
        found, mentioned = reachable(step)
        self.tensors = [x for x in found if isinstance(x, Node)]
        self.arrays = [x for x in found if isinstance(x, numpy.ndarray)]
        self.generators = [x for x in found if isinstance(x, numpy.random.Generator)]
        self._held = {id(memory_of(x)) for x in (*self.arrays, *(node.data for node in self.tensors))}
        self._nodes = [(node, node.data, node.needs) for node in self.tensors]
        watched = ((type(x).__name__, *parts(x, mentioned)) for x in found)
        self._holders = [(kind, names, values, list(values())) for kind, names, values in watched if names]
        self._contents: list[tuple[numpy.ndarray, bytes]] = []

    def hold(self, array: numpy.ndarray) -> bool:
        """Tell whether an array is one of those that can be reached, or a view of one.

        Examples
        --------
        >>> table = numpy.eye(2)
        >>> Surroundings(lambda: table).hold(table[0]), Surroundings(lambda: table).hold(numpy.eye(2))
        (True, False)
        """
        return id(memory_of(array)) in self._held

    def watch(self, used: Iterable[numpy.ndarray]) -> None:
        """Remember the contents of small arrays that no recorded call used, but plain Python may have read.

        Examples
        --------
        >>> factor = numpy.array([2.0])
        >>> now = Surroundings(lambda x: x * float(factor[0]))
        >>> now.watch([])
        >>> factor[0] = 3.0
        >>> now.change()
        'the contents of an array of float64[1]'
        """
        known = {id(memory_of(x)) for x in used}
        small = [x for x in self.arrays if x.nbytes <= SMALL and id(memory_of(x)) not in known]
        self._contents = [(x, x.tobytes()) for x in small]

    def change(self) -> str | None:
        """Name something that has another value by now; None if nothing has.

        Examples
        --------
        >>> settings = {"scale": 2.0}
        >>> now = Surroundings(lambda x: x * settings["scale"])
        >>> settings["scale"] = 3.0
        >>> now.change()
        "'scale'"
        """
        for node, array, needs in self._nodes:
            if node.data is not array or node.needs != needs:
                return f"the data or requires_grad of a Tensor of shape {tuple(array.shape)}"
        for array, contents in self._contents:
            if array.tobytes() != contents:
                return f"the contents of an array of {array.dtype}{list(array.shape)}"
        for kind, names, values, before in self._holders:
            now = list(values())
            if len(now) == len(before) and all(map(is_, now, before)):
                continue
            if len(now) != len(before):
                return f"how many parts a {kind} has"
            for name, x, y in zip(names, now, before, strict=True):
                if not (x is y or (type(x) is type(y) and isinstance(x, NUMBERS) and repr(x) == repr(y))):
                    return name
        return None


def memory_of(array: numpy.ndarray) -> Any:
    """Give the array that owns the memory of a view.

    Examples
    --------
    >>> table = numpy.eye(2)
    >>> memory_of(table[0]) is table
    True
    """
    while isinstance(array.base, numpy.ndarray):
        array = array.base
    return array


def reachable(step: Any) -> tuple[list[Any], frozenset[str]]:
    """List what can be reached from a step, each once, and the names that its code mentions.

    Examples
    --------
    >>> import minigrad as mg
    >>> layer = mg.nn.Linear(2, 3)
    >>> found, names = reachable(lambda: layer(numpy.ones((1, 2))))
    >>> [type(x).__name__ for x in found], sorted(names)
    (['function', 'Linear', 'Parameter', 'Parameter', 'type'], ['layer', 'numpy', 'ones'])
    """
    mentioned: frozenset[str] = frozenset()
    while True:  # a name that is met late may be that of an attribute of an object that was met before
        found = list(walk(step, mentioned))
        names = mentioned.union(*(names_in(x.__code__) for x in found if is_own(x)))
        if names == mentioned:
            return found, mentioned
        mentioned = names


def walk(root: Any, mentioned: frozenset[str]) -> Iterator[Any]:
    """Walk over all that can be reached, each once.

    Examples
    --------
    >>> [type(x).__name__ for x in walk([{}, 2.0], frozenset())]
    ['list', 'dict']
    """
    seen: set[int] = set()
    kept: list[Any] = []  # so that no identity is given twice
    waiting = [root]
    while waiting:
        x = waiting.pop()
        if id(x) in seen or isinstance(x, OPAQUE):
            continue
        seen.add(id(x))
        kept.append(x)
        yield x
        waiting += list(parts(x, mentioned)[1]())[::-1]


def is_own(x: Any) -> bool:
    """Tell whether something is a function of the user's.

    Examples
    --------
    >>> is_own(lambda x: x), is_own(memory_of), is_own(numpy.exp)
    (True, False, False)
    """
    if not isinstance(x, FunctionType):
        return False
    file = x.__code__.co_filename
    return not file.startswith(FOLDERS) or ("-packages" in file and not file.startswith(FOLDERS[:2]))


def is_library(module: str | None) -> bool:
    """Tell whether a module belongs to a package that refers to nothing that a step could change.

    Examples
    --------
    >>> is_library("minigrad.nn.linear"), is_library("__main__")
    (True, False)
    """
    return (module or "").partition(".")[0] in LIBRARIES


def parts(x: Any, mentioned: frozenset[str]) -> tuple[list[str], Values]:
    """Give the names of what an object holds or a function refers to, and a function that lists it as it is now.

    There are no names where nothing can change.

    Examples
    --------
    >>> names, values = parts({"scale": 2.0}, frozenset())
    >>> names, values()
    (["'scale'", "'scale'"], ['scale', 2.0])
    """
    if isinstance(x, Node | numpy.ndarray | numpy.random.Generator):
        return [], tuple
    if isinstance(x, dict):
        return [repr(key) for key in x] * 2 or ["an empty dict"], lambda: [*x, *x.values()]
    if isinstance(x, list | set | deque):
        return [f"element {i} of a {type(x).__name__}" for i in range(len(x))] or ["an empty list"], lambda: list(x)
    if isinstance(x, tuple | frozenset):
        return [], lambda: x
    if isinstance(x, MethodType):
        return [], lambda: (x.__self__, x.__func__)
    if isinstance(x, functools.partial):
        return [], lambda: (x.func, x.args, x.keywords)
    if isinstance(x, Optimizer):  # the rest of it is read at each of its steps
        return [], lambda: (x.params,)
    if isinstance(x, FunctionType):
        return of_function(x)
    if isinstance(x, property):
        return [], lambda: (x.fget,)
    if isinstance(x, staticmethod | classmethod):
        return [], lambda: (x.__func__,)
    if isinstance(x, BuiltinMethodType):
        return [], lambda: (x.__self__,)
    if "__wrapped__" in getattr(x, "__dict__", ()):  # a step that is compiled, or a function with a cache
        return [], lambda: (x.__wrapped__,)
    if isinstance(x, type):
        return of_class(x, mentioned)
    return of_object(x, mentioned)


def of_function(function: FunctionType) -> tuple[list[str], Values]:
    """Give the variables that a function refers to, those in modules that it names among them.

    Examples
    --------
    >>> scale = 3.0
    >>> names, values = of_function(lambda x: x * scale)
    >>> names[-1], values()[-1]
    ('scale', 3.0)
    """
    cells = function.__closure__ or ()
    places: list[tuple[dict[str, Any], str]] = []
    for name in globals_in(function.__code__) if is_own(function) else ():
        places.append((function.__globals__, name))
        value = function.__globals__.get(name)
        if isinstance(value, ModuleType) and not is_library(value.__name__):
            places += [(vars(value), name) for name in names_in(function.__code__)]

    def values() -> list[Any]:
        return [
            function.__code__,
            function.__defaults__,
            function.__kwdefaults__,
            *[value_of(cell) for cell in cells],
            *[known.get(name) for known, name in places],
        ]

    own = ["the code of a function", "the defaults of a function", "the defaults of a function"]
    return [*own, *function.__code__.co_freevars, *(name for _, name in places)], values


def value_of(cell: Any) -> Any:
    """Give the value of a variable of an enclosing function; it may have none yet.

    Examples
    --------
    >>> from types import CellType
    >>> value_of(CellType(3.0)), value_of(CellType()) is MISSING
    (3.0, True)
    """
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


def of_class(kind: type, mentioned: frozenset[str]) -> tuple[list[str], Values]:
    """Give the attributes and methods of a user's class that code mentions, and what Python itself calls.

    Examples
    --------
    >>> kind = type("Net", (), {"__module__": "__main__", "scale": 2.0, "other": 3.0})
    >>> "scale" in of_class(kind, frozenset({"scale"}))[0], "other" in of_class(kind, frozenset({"scale"}))[0]
    (True, False)
    """
    if is_library(kind.__module__):
        return [], tuple
    names = [name for name in vars(kind) if name in mentioned or name == "forward" or name.startswith("__")]
    return [*names, "a base"], lambda: [*(vars(kind).get(name) for name in names), kind.__bases__]


def of_object(x: Any, mentioned: frozenset[str]) -> tuple[list[str], Values]:
    """Give the attributes of an object: all of a module, and of others those that code mentions.

    Examples
    --------
    >>> import minigrad as mg
    >>> of_object(mg.nn.Dropout(0.5, rng=numpy.random.default_rng(0)), frozenset())[0]
    ['p', 'rng', 'a class']
    """
    kind = type(x)
    if kind.__module__.partition(".")[0] in ("numpy", "logging", "builtins"):
        return [], tuple
    held: dict[str, Any] = getattr(x, "__dict__", {})
    if isinstance(x, Module) or is_library(kind.__module__):
        return [*held, "a class"], lambda: [*held.values(), kind]
    slots = {name for base in kind.__mro__ for name in slots_of(base)} & mentioned
    names = [*(name for name in held if name in mentioned), *slots]
    return [*names, "an attribute", "a class"], lambda: [
        *(held[name] if name in held else getattr(x, name, MISSING) for name in names),
        len(held),
        kind,
    ]


def slots_of(kind: type) -> tuple[str, ...]:
    """Give the names of the slots that a class adds.

    Examples
    --------
    >>> slots_of(type("Point", (), {"__slots__": ["x"]}))
    ('x',)
    """
    slots = vars(kind).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


@functools.lru_cache(maxsize=4096)
def names_in(code: CodeType) -> frozenset[str]:
    """List the names of global variables and attributes in a function, and in those that are defined inside of it.

    Examples
    --------
    >>> sorted(names_in((lambda x: numpy.exp(x)).__code__))
    ['exp', 'numpy']
    """
    return frozenset(code.co_names).union(*map(names_in, inside(code)))


@functools.lru_cache(maxsize=4096)
def globals_in(code: CodeType) -> tuple[str, ...]:
    """List the names of the global variables alone.

    Examples
    --------
    >>> globals_in((lambda x: numpy.exp(x)).__code__)
    ('numpy',)
    """
    own = [x.argval for x in dis.get_instructions(code) if x.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    return tuple(dict.fromkeys([*own, *(name for part in inside(code) for name in globals_in(part))]))


def inside(code: CodeType) -> list[CodeType]:
    """List the functions that are defined inside of one.

    Examples
    --------
    >>> len(inside((lambda x: lambda y: x + y).__code__))
    1
    """
    return [constant for constant in code.co_consts if isinstance(constant, CodeType)]
