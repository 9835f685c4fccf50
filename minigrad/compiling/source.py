"""`Source`: the lines of a program, and the names that stand in them."""

from __future__ import annotations

import itertools
import keyword
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import BuiltinMethodType, MethodType
from typing import Any

import numpy

from minigrad import tape
from minigrad.compiling.calls import Ref, Value
from minigrad.compiling.lowering import Number

LONGEST = 1000  # lines in one function of the source, because Python's compiler is slow with longer ones
LETTERS = {"argument": "a", "constant": "c", "gradient": "g", "result": "v"}
RESERVED = re.compile(r"([acgkvotf]|out|part)\d+|map|slice")  # what other things are called in the source


@dataclass
class Line:
    """A line of the source, the names that it assigns to, and the error state of NumPy that it runs under."""

    text: str
    assigned: tuple[str, ...]
    errors: Any


def identity(x: Any) -> Any:
    """Give what tells an object from all others; a method is made anew each time that one asks for it.

    Examples
    --------
    >>> identity(numpy.add.reduce) == identity(numpy.add.reduce)
    True
    """
    return x if isinstance(x, MethodType | BuiltinMethodType) else id(x)


class Source:
    """The lines of a program, as they are written one after the other.

    Parameters
    ----------
    values : list of Value
        Those of the recording, which the lines name.

    Attributes
    ----------
    names : dict
        What the names in the lines mean.

    Examples
    --------
    >>> source = Source([Value("argument", (2,), (8,), numpy.dtype(float), 0)])
    >>> source.call(numpy.exp, (Ref(0),), {"where": True})
    'exp(a0, where=True)'
    """

    def __init__(self, values: list[Value]) -> None:
        self.values = values
        self.names: dict[str, Any] = {"errstate": numpy.errstate, "leaf": tape.leaf, "asarray": numpy.asarray}
        self.lines: list[Line] = []
        self._numbers: dict[Any, str] = {}
        self._objects: dict[Any, str] = {identity(x): name for name, x in self.names.items()}
        self._counts: dict[str, Iterator[int]] = defaultdict(itertools.count)

    # Names

    def name(self, number: int) -> str:
        """Name a value: a for an argument, c for a constant, g for a gradient, v for a result."""
        return f"{LETTERS[self.values[number].origin]}{number}"

    def number(self, x: Number) -> str:
        """Name a number that is made once."""
        key = repr(x.value), x.dtype
        if key not in self._numbers:
            self._numbers[key] = f"k{len(self._numbers)}"
            self.names[self._numbers[key]] = numpy.asarray(x.value, x.dtype)
        return self._numbers[key]

    def object(self, letter: str, x: Any) -> str:
        """Name what is neither an array nor a number: a function by its own name, anything else by a letter."""
        key = identity(x)
        if key not in self._objects:
            owner, name = getattr(x, "__self__", None), str(getattr(x, "__name__", ""))
            if isinstance(owner, numpy.ufunc):
                name = f"{owner.__name__}_{name}"
            if not name.isidentifier() or keyword.iskeyword(name) or RESERVED.fullmatch(name) or name in self.names:
                name = f"{letter}{next(self._counts[letter])}"
            self._objects[key] = name
            self.names[name] = x
        return self._objects[key]

    # Lines

    def word(self, x: Any, scalars: bool = False) -> str:
        """Write an argument."""
        if isinstance(x, Ref):
            return f"{self.name(x.number)}[()]" if scalars and self.values[x.number].is_number else self.name(x.number)
        if isinstance(x, Number):
            return self.number(x)
        if isinstance(x, tuple):
            return f"({', '.join(self.word(part, scalars) for part in x)}{',' * (len(x) == 1)})"
        if isinstance(x, list):
            return f"[{', '.join(self.word(part, scalars) for part in x)}]"
        if isinstance(x, slice):
            return f"slice{self.word((x.start, x.stop, x.step))}"
        plain = x is None or type(x) in (bool, int, str) or (type(x) is float and math.isfinite(x))
        return "..." if x is ... else repr(x) if plain else self.object("o", x)

    def call(
        self, function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], scalars: bool = False
    ) -> str:
        """Write a call; with `scalars`, what was a number of NumPy becomes one again."""
        given = [self.word(x, scalars) for x in args]
        given += [f"{name}={self.word(x, scalars)}" for name, x in kwargs.items()]
        return f"{self.object('f', function)}({', '.join(given)})"

    def write(self, text: str, *assigned: str, errors: Any = None) -> None:
        """Add a line, with the names that it assigns to, and the error state of NumPy that it runs under."""
        self.lines.append(Line(text, assigned, errors))

    def comment(self, numbers: Sequence[int]) -> str:
        """Say of which form values are."""
        forms = ", ".join(f"{self.values[n].shape} {self.values[n].dtype}" for n in numbers)
        return f"  # {forms}" if forms else ""

    def compiled(self) -> tuple[str, list[Callable[[], None]]]:
        """Give the text of all lines, and the functions that they are."""
        header = [f"# {name} = {value}, {dtype}" for (value, dtype), name in self._numbers.items()]
        texts, names = ["\n".join(header)] if header else [], []
        for i, start in enumerate(range(0, len(self.lines), LONGEST)):
            lines = self.lines[start : start + LONGEST]
            names.append(f"part{i}")
            assigned = sorted({name for line in lines for name in line.assigned})
            body = [f"    global {', '.join(assigned)}"] if assigned else []
            for errors, group in itertools.groupby(lines, lambda line: line.errors):
                if errors is None:
                    body += [f"    {line.text}" for line in group]
                else:
                    settings = ", ".join(f"{name}={value!r}" for name, value in errors)
                    body += [f"    with errstate({settings}):", *(f"        {line.text}" for line in group)]
            texts.append("\n".join([f"def part{i}():", *body]))
        text = "\n\n".join(texts) + "\n"
        exec(compile(text, "<compiled step>", "exec"), self.names)
        return text, [self.names[name] for name in names]
