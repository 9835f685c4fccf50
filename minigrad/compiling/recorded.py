"""`Recorded`: an array that computes as NumPy does, and lets a recording write down every call.

It has NumPy's operators, methods and protocols, so the engine and the user's own code run on it unchanged. What it does
not give away is its numbers: a step that reads one decides by it, or takes it out, and a replay could do neither.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import numpy

from minigrad.tape import Node

if TYPE_CHECKING:
    from minigrad.compiling.recording import Recording


class CompileError(RuntimeError):
    """The step does something that a replay could not repeat."""


class Recorded:
    """An array of a recording.

    Parameters
    ----------
    host : numpy.ndarray
        The value that it has while the step is recorded.
    number : int
        Which value of the recording it is.
    recording : Recording
        What writes down its calls.

    Examples
    --------
    >>> from minigrad.compiling.recording import Recording
    >>> recording = Recording()
    >>> x = recording.argument(numpy.array([1.0, 2.0]))
    >>> (x * 2.0).host, [call.function.__name__ for call in recording.calls]
    (array([2., 4.]), ['multiply'])
    """

    __slots__ = ("host", "number", "recording", "__weakref__")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, host: Any, number: int, recording: Recording) -> None:
        self.host = host
        self.number = number
        self.recording = recording

    @property
    def T(self) -> Any:
        """The array with its axes in reverse order."""
        return self.recording.call(numpy.transpose, self)

    @property
    def base(self) -> Any:
        """None if the step made it and it is no view."""
        return None if self.recording.owns_memory(self) else self

    def __len__(self) -> int:
        return len(self.host)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self.host)))

    def __getitem__(self, index: Any) -> Any:
        return self.recording.call(operator.getitem, self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        self.recording.call(operator.setitem, self, index, value)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(isinstance(x, Node) for x in (*inputs, *(kwargs.get("out") or ()))):
            return NotImplemented
        return self.recording.call(ufunc if method == "__call__" else getattr(ufunc, method), *inputs, **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if any(issubclass(kind, Node) for kind in types):
            return NotImplemented
        return self.recording.call(function, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__array"):
            return self.__array__()
        if hasattr(numpy.ndarray, name):
            raise CompileError(f"the step uses .{name} of an array, which is not recorded. Do it outside of the step")
        raise AttributeError(f"an array has no attribute {name!r}")

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    def __repr__(self) -> str:
        return f"<an array of shape {self.host.shape} and type {self.host.dtype}, in a step that is being compiled>"


class RecordedNumber(Recorded):
    """What a recording has in the place of one of NumPy's numbers, such as ``x.sum()``, which nothing changes in place.

    Examples
    --------
    >>> from minigrad.compiling.recording import Recording
    >>> x = Recording().argument(numpy.array([1.0, 2.0]))
    >>> before = after = x.sum()
    >>> after += 1.0
    >>> before.host, after.host
    (np.float64(3.0), np.float64(4.0))
    """

    __slots__ = ()


def _reading(how: str) -> Callable[..., NoReturn]:
    def refuse(self: Recorded, *args: Any, **kwargs: Any) -> NoReturn:
        self.recording.refuse_outside()
        raise CompileError(
            f"the step reads a value, by {how}, which a replay cannot do. Return the array or Tensor and read it "
            "outside of the step; choose between values with numpy.where instead of if."
        )

    return refuse


for _name, _how in {
    "__bool__": "if, and, or, not or bool()",
    "__int__": "int()",
    "__float__": "float()",
    "__complex__": "complex()",
    "__round__": "round()",
    "__index__": "using it as an index",
    "__format__": "printing it",
    "__array__": "making it a plain NumPy array",
    "__reduce_ex__": "pickling it",
    "item": "item()",
    "tolist": "tolist()",
    "tobytes": "tobytes()",
}.items():
    setattr(Recorded, _name, _reading(_how))


# NumPy's attributes, operators and methods

OPERATORS: dict[str, Any] = {
    "add": numpy.add,
    "sub": numpy.subtract,
    "mul": numpy.multiply,
    "truediv": numpy.true_divide,
    "floordiv": numpy.floor_divide,
    "mod": numpy.remainder,
    "pow": operator.pow,  # NumPy chooses: x ** 2 is a square, whose last bit may differ from a power's
    "matmul": numpy.matmul,
    "and": numpy.bitwise_and,
    "or": numpy.bitwise_or,
    "xor": numpy.bitwise_xor,
    "lshift": numpy.left_shift,
    "rshift": numpy.right_shift,
}
COMPARISONS: dict[str, Any] = {
    "lt": numpy.less,
    "le": numpy.less_equal,
    "gt": numpy.greater,
    "ge": numpy.greater_equal,
    "eq": numpy.equal,
    "ne": numpy.not_equal,
}
OF_ONE: dict[str, Any] = {
    "neg": numpy.negative,
    "pos": numpy.positive,
    "abs": numpy.absolute,
    "invert": numpy.invert,
}
ATTRIBUTES = "dtype shape ndim size itemsize nbytes strides flags"
METHODS = """all any argmax argmin argsort astype clip conj copy cumprod cumsum diagonal dot fill flatten max mean min
nonzero prod ravel repeat reshape round searchsorted sort squeeze std sum swapaxes take trace transpose var"""


def _attribute(name: str) -> property:
    return property(lambda self: getattr(self.host, name))


def _of_one(function: Callable[..., Any]) -> Callable[[Recorded], Any]:
    return lambda self: self.recording.call(function, self)


def _binary(name: str, function: Callable[..., Any]) -> Callable[[Recorded, Any], Any]:
    of_numbers = getattr(operator, f"__{name}__")

    def method(self: Recorded, other: Any) -> Any:
        if isinstance(other, Node):
            return NotImplemented
        return self.recording.call(of_numbers if _are_numbers(self, other) else function, self, other)

    return method


def _reflected(name: str, function: Callable[..., Any]) -> Callable[[Recorded, Any], Any]:
    of_numbers = getattr(operator, f"__{name}__")

    def method(self: Recorded, other: Any) -> Any:
        return self.recording.call(of_numbers if _are_numbers(self, other) else function, other, self)

    return method


def _are_numbers(x: Recorded, y: Any) -> bool:
    """Tell whether NumPy's numbers compute by themselves, which round powers, and choose a NaN, in their own way."""
    return isinstance(x, RecordedNumber) and isinstance(y, RecordedNumber | bool | int | float | numpy.generic)


def _in_place(ufunc: Any) -> Callable[[Recorded, Any], Any]:
    def method(self: Recorded, other: Any) -> Any:
        if isinstance(self, RecordedNumber):
            return NotImplemented  # Python then takes the operator that makes a new one
        return self.recording.call(ufunc, self, other, out=self)

    return method


def _power_in_place(self: Recorded, other: Any) -> Any:
    return NotImplemented if isinstance(self, RecordedNumber) else self.recording.call(operator.ipow, self, other)


def _method(name: str) -> Callable[..., Any]:
    of_array, of_number = getattr(numpy.ndarray, name), getattr(numpy.generic, name, None)

    def method(self: Recorded, *args: Any, **kwargs: Any) -> Any:
        function: Any = of_number if isinstance(self, RecordedNumber) else of_array
        return self.recording.call(function, self, *args, **kwargs)

    return method


for _name in ATTRIBUTES.split():
    setattr(Recorded, _name, _attribute(_name))
for _name, _function in OF_ONE.items():
    setattr(Recorded, f"__{_name}__", _of_one(_function))
for _name, _function in (OPERATORS | COMPARISONS).items():
    setattr(Recorded, f"__{_name}__", _binary(_name, _function))
for _name, _function in OPERATORS.items():
    setattr(Recorded, f"__r{_name}__", _reflected(_name, _function))
    setattr(Recorded, f"__i{_name}__", _power_in_place if _name == "pow" else _in_place(_function))
for _name in METHODS.split():
    setattr(Recorded, _name, _method(_name))
