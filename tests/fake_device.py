"""A stand-in for CuPy where there is no GPU: it refuses what CuPy refuses, and computes with NumPy.

After ``install()`` the engine finds it as ``minigrad.use("fake")``. Its arrays keep their numbers to themselves:

- no NumPy array mixes with them, neither as an operand nor as an index, and NumPy cannot read them;
- reductions and full indexing give arrays without axes, never scalars;
- it knows only the names and the arguments that CuPy has, by the list in cupy_signatures.json;
- whatever would make the processor wait for a GPU is written down in `syncs`.

Operators, ``__array_ufunc__`` and ``__array_function__`` follow CuPy's, and so does an index array that points
outside: it wraps around. The fake is stricter than CuPy in three places, where CuPy copies host data silently: a NumPy
array as an index, as the value of an assignment, and as an operand of einsum. It cannot show what only the hardware
shows: rounding, streams, and results that are wrong without an error, such as the inverse of a singular matrix.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy

from minigrad.backend import Backend, register

RECORD: dict[str, Any] = json.loads(Path(__file__).with_name("cupy_signatures.json").read_text(encoding="utf-8"))

syncs: list[str] = []
"""What has made the host wait for the device since the last ``syncs.clear()``, one name for each time."""

SCALARS = (bool, int, float, complex, numpy.bool_, numpy.number)
CONVERSIONS = ("array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray")
# CuPy's functions convert nothing but these, which take any number or list in place of an array:
TAKE_ANYTHING = {*CONVERSIONS, "allclose", "around", "average", "isclose", "iscomplexobj", "isrealobj", "isscalar"}
TAKE_ANYTHING |= {"array2string", "array_repr", "array_str", "iterable", "min_scalar_type", "ndim", "round", "shape"}
FIRST_ARRAYS = {"a", "a1", "ar", "arr", "array", "ary", "element", "m", "prototype", "v", "x", "y"}
HOST_PARAMETERS = {"K", "M", "N", "axes", "axis", "dtype", "k", "keepdims", "newshape", "pad_width", "reps", "shape"}
# NumPy answers these in Python's bool or int, CuPy in an array:
ANSWER_IN_ARRAYS = {"allclose", "array_equal", "array_equiv", "count_nonzero"}
WAITING = {"argwhere", "array2string", "array_repr", "array_str", "bincount", "compress", "extract", "flatnonzero"}
WAITING |= {"intersect1d", "nonzero", "setdiff1d", "tobytes", "union1d", "unique"}
SCATTERED = (numpy.int32, numpy.uint32, numpy.uint64, numpy.float16, numpy.float32, numpy.float64)


# Arguments and results


@functools.cache
def signature_of(parameters: tuple[str, ...]) -> inspect.Signature:
    """Make the signature that a recorded list of parameters describes; every argument may be left out."""
    kind = inspect.Parameter
    positional_only = parameters.index("/") if "/" in parameters else 0
    listed = []
    current: Any = kind.POSITIONAL_OR_KEYWORD
    for i, name in enumerate(parameters):
        if name.startswith("**"):
            listed.append(kind(name[2:], kind.VAR_KEYWORD))
        elif name.startswith("*"):
            current = kind.KEYWORD_ONLY
            if len(name) > 1:
                listed.append(kind(name[1:], kind.VAR_POSITIONAL))
        elif name != "/":
            listed.append(kind(name, kind.POSITIONAL_ONLY if i < positional_only else current, default=None))
    return inspect.Signature(listed)


def bind(name: str, parameters: Iterable[str], args: Any, kwargs: Any) -> dict[str, Any]:
    """Match arguments to a recorded list of parameters, or raise TypeError."""
    try:
        return signature_of(tuple(parameters)).bind(*args, **kwargs).arguments
    except TypeError as error:
        raise TypeError(f"CuPy's {name}: {error}") from None


def on_host(value: Any) -> Any:
    """Take the numbers out of device arrays, also inside lists and tuples, and refuse arrays of the host."""
    if isinstance(value, DeviceArray):
        return value._host
    if isinstance(value, numpy.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if type(value) in (list, tuple):
        return type(value)(on_host(part) for part in value)
    return value


def operand(value: Any) -> Any:
    """Take the numbers out of a device array, let scalars pass, and refuse everything else, as CuPy's ufuncs do."""
    if isinstance(value, DeviceArray):
        return value._host
    if isinstance(value, SCALARS):
        return value
    raise TypeError(f"Unsupported type {type(value)}")


def arrays_in(values: Iterable[Any]) -> list[DeviceArray]:
    """List the device arrays among arguments, also inside lists and tuples."""
    found = []
    for value in values:
        if isinstance(value, DeviceArray):
            found.append(value)
        elif isinstance(value, list | tuple):
            found += arrays_in(value)
    return found


def on_device(result: Any, sources: Iterable[DeviceArray] = ()) -> Any:
    """Wrap NumPy's result: an argument that was returned as itself, a view of one, or a new array."""
    if isinstance(result, tuple | list):
        return (list if isinstance(result, list) else tuple)(on_device(part, sources) for part in result)
    if isinstance(result, numpy.generic):
        return DeviceArray(numpy.asarray(result))
    if not isinstance(result, numpy.ndarray):
        return result
    for source in sources:
        if result is source._host:
            return source
    for source in sources:
        if result.base is not None and numpy.may_share_memory(result, source._host):
            return DeviceArray(result, source if source.base is None else source.base)
    return DeviceArray(result)


# The array


class DeviceArray:
    """An array with the attributes of cupy.ndarray; its numbers are in reach of this module's functions only."""

    __slots__ = ("_host", "base")
    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]

    base: DeviceArray | None
    shape: tuple[int, ...]
    ndim: int
    dtype: Any

    def __init__(self, host: numpy.ndarray, base: DeviceArray | None = None) -> None:
        self._host = host
        self.base = base

    # What it tells without waiting

    @property
    def T(self) -> DeviceArray:
        """The array with its axes in reverse order; itself if there are fewer than two."""
        return self if self.ndim < 2 else on_device(self._host.T, [self])

    @property
    def mT(self) -> DeviceArray:
        """The array with its last two axes exchanged."""
        return on_device(self._host.mT, [self])

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {"shape": self.shape, "typestr": self.dtype.str, "version": 3}

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self) -> Any:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    # Copies to the host

    def _waited_for(self, operation: str) -> numpy.ndarray:
        syncs.append(operation)
        return self._host.copy()

    def get(self) -> numpy.ndarray:
        """Copy to the host."""
        return self._waited_for("get")

    def item(self) -> Any:
        """Give the only element as a Python number."""
        return self._waited_for("item").item()

    def tolist(self) -> Any:
        """Give the elements as nested lists."""
        return self._waited_for("tolist").tolist()

    def __bool__(self) -> bool:
        return bool(self._waited_for("bool"))

    def __int__(self) -> int:
        return int(self._waited_for("int"))

    def __float__(self) -> float:
        return float(self._waited_for("float"))

    def __complex__(self) -> complex:
        return complex(self._waited_for("complex"))

    def __repr__(self) -> str:
        return repr(self._waited_for("repr"))

    def __str__(self) -> str:
        return str(self._waited_for("str"))

    def __format__(self, spec: str) -> str:
        return format(self._waited_for("format"), spec)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    # Indexing

    def __getitem__(self, index: Any) -> DeviceArray:
        return on_device(self._host[host_index(self.shape, index)], [self])

    def __setitem__(self, index: Any, value: Any) -> None:
        self._host[host_index(self.shape, index)] = operand(value)

    # Copies on the device

    def astype(
        self, dtype: Any, order: Any = "K", casting: Any = None, subok: Any = None, copy: bool = True
    ) -> DeviceArray:
        """Convert to another type; a copy, also where the type is the same."""
        if casting is not None or subok is not None:
            raise TypeError("casting and subok are not supported yet")
        return on_device(self._host.astype(dtype, order=order, copy=copy), [self])

    def __copy__(self) -> DeviceArray:
        return DeviceArray(self._host.copy())

    def __deepcopy__(self, memo: Any) -> DeviceArray:
        return DeviceArray(self._host.copy())

    # NumPy's functions, called on this

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if "out" in kwargs:
            (kwargs["out"],) = kwargs["out"]
        function = getattr(module, ufunc.__name__, None)
        if method != "__call__":
            function = getattr(function, method, None)
        known = (DeviceArray, numpy.ndarray, *SCALARS)
        if function is None or not all(isinstance(x, known) for x in (*inputs, kwargs.get("out", 0))):
            return NotImplemented
        return function(*inputs, **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        place = module.linalg if function.__module__ == "numpy.linalg" else module
        own = getattr(place, function.__name__, None)
        if own is None or not all(issubclass(t, DeviceArray | numpy.ndarray) for t in types):
            return NotImplemented
        return own(*args, **kwargs)


def host_index(shape: tuple[int, ...], index: Any) -> tuple[Any, ...]:
    """Translate an index for NumPy: arrays wrap around, and an ellipsis at the end keeps NumPy from scalars."""
    parts = index if isinstance(index, tuple) else (index,)
    parts = tuple(module.asarray(part) if isinstance(part, list) else part for part in parts)
    for part in parts:
        if not (part is None or part is Ellipsis or isinstance(part, slice | int | numpy.integer | DeviceArray)):
            raise TypeError(f"Unsupported type {type(part)} as an index")
        if isinstance(part, DeviceArray) and part.dtype.kind not in "iub":
            raise IndexError(f"arrays used as indices must be of integer or boolean type. (actual: {part.dtype.type})")
    taken = sum(axes_taken(part) for part in parts)
    axis = 0
    translated: list[Any] = []
    for part in parts:
        if not isinstance(part, DeviceArray):
            translated.append(part)
        elif part.dtype == bool:
            syncs.append("boolean index")  # the number of elements is counted on the device and read by the host
            translated.append(part._host)
        else:
            inside = axis < len(shape) and shape[axis]
            translated.append(part._host % shape[axis] if inside else part._host)
        axis += len(shape) - taken if part is Ellipsis else axes_taken(part)
    if not any(part is Ellipsis for part in parts):
        translated.append(Ellipsis)
    return tuple(translated)


def axes_taken(part: Any) -> int:
    """Count the axes of the array that one part of an index speaks of."""
    if part is None or part is Ellipsis:
        return 0
    return part.ndim if isinstance(part, DeviceArray) and part.dtype == bool else 1


# The namespace


class DeviceUfunc:
    """A ufunc of CuPy: elementwise on device arrays and scalars, and nothing else."""

    def __init__(self, name: str, entry: dict[str, Any]) -> None:
        self.name = f"cupy_{name}"
        self._numpy = getattr(numpy, name)
        self._parameters = entry["parameters"]
        self._methods = entry["methods"]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        bind(self.name, self._parameters, args, kwargs)
        out = kwargs.pop("out", None)
        if out is not None:
            kwargs["out"] = operand(out)
        return on_device(self._numpy(*map(operand, args), **kwargs), arrays_in([*args, out]))

    def at(self, a: DeviceArray, indices: Any, b: Any = None) -> None:
        """Add, or whatever the ufunc does, in place; places that are named twice are added to twice."""
        self._require("at")
        if a.dtype.type not in SCATTERED:
            raise TypeError(f"scatter_add only supports {', '.join(t.__name__ for t in SCATTERED)}, as data type")
        self._numpy.at(a._host, host_index(a.shape, indices), operand(b))

    def reduce(
        self, array: DeviceArray, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False
    ) -> Any:
        """Reduce an axis."""
        self._require("reduce")
        return on_device(self._numpy.reduce(operand(array), axis, dtype, on_host(out), keepdims), arrays_in([out]))

    def accumulate(self, array: DeviceArray, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
        """Accumulate along an axis."""
        self._require("accumulate")
        return on_device(self._numpy.accumulate(operand(array), axis, dtype, on_host(out)), arrays_in([out]))

    def outer(self, a: Any, b: Any) -> Any:
        """Apply to all pairs."""
        self._require("outer")
        return on_device(self._numpy.outer(operand(a), operand(b)))

    def _require(self, method: str) -> None:
        if method not in self._methods:
            raise NotImplementedError(f"`{self.name}.{method}` is not supported yet")


def device_function(name: str, parameters: list[str], function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function of device arrays from NumPy's, with the parameters that CuPy's has."""

    def on_arrays(*args: Any, **kwargs: Any) -> Any:
        given = bind(name, parameters, args, kwargs)
        first = next(iter(given), None)
        if first in FIRST_ARRAYS and name not in TAKE_ANYTHING and not isinstance(given[first], DeviceArray):
            raise TypeError(f"CuPy's {name} needs a cupy.ndarray, and was given {type(given[first])}")
        for parameter in HOST_PARAMETERS & given.keys():
            if arrays_in([given[parameter]]):
                raise TypeError(f"CuPy's {name} needs {parameter}= on the host, and was given a device array")
        if name in WAITING:
            syncs.append(name)
        result = function(*map(on_host, args), **{key: on_host(value) for key, value in kwargs.items()})
        if name in ANSWER_IN_ARRAYS:
            result = numpy.asarray(result)
        return on_device(result, arrays_in([*args, *kwargs.values()]))

    on_arrays.__name__ = on_arrays.__qualname__ = name
    return on_arrays


def conversion(name: str, parameters: list[str]) -> Callable[..., Any]:
    """Make one of the functions that turn numbers, lists and arrays of the host into device arrays."""

    def converted(*args: Any, **kwargs: Any) -> DeviceArray:
        given = list(bind(name, parameters, args, kwargs).items())
        value = given[0][1]
        settings = {key: setting for key, setting in given[1:] if key in ("dtype", "ndmin")}
        if isinstance(value, DeviceArray) and name != "array" and settings.get("dtype") in (None, value.dtype):
            return value
        host = numpy.array(parts_on_host(value), **settings)
        if host.dtype.kind not in "fiubc":
            raise ValueError(f"Unsupported dtype {host.dtype}")
        return DeviceArray(host)

    return converted


def parts_on_host(value: Any) -> Any:
    """Take the numbers out of the device arrays in a nested list."""
    if isinstance(value, list | tuple):
        return [parts_on_host(part) for part in value]
    return value._host if isinstance(value, DeviceArray) else value


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """Choose between two values; CuPy calls the condition's astype, so it may not be a Python bool."""
    if x is None and y is None:
        return module.nonzero(condition)
    if not isinstance(condition, DeviceArray | numpy.generic):
        raise AttributeError(f"{type(condition).__name__!r} object has no attribute 'astype'")
    return on_device(numpy.where(operand(condition), operand(x), operand(y)))


def solve(a: Any, b: Any) -> Any:
    """Solve linear systems; CuPy does not broadcast the stacks of matrices and of right-hand sides."""
    if not isinstance(a, DeviceArray) or not isinstance(b, DeviceArray):
        raise numpy.linalg.LinAlgError("cupy.linalg only supports cupy.ndarray")
    if b.ndim != 1 and a.shape[:-1] != b.shape[:-1]:
        raise ValueError("a must have (..., M, M) shape and b must have (..., M, K) for multidimensional b")
    return on_device(numpy.linalg.solve(a._host, b._host))


def asnumpy(a: Any) -> numpy.ndarray:
    """Copy a device array to the host."""
    return a._waited_for("asnumpy") if isinstance(a, DeviceArray) else numpy.asarray(a)


class Namespace:
    """CuPy's names, as far as NumPy has them too: those of one section of the record."""

    def __init__(self, section: str, model: Any, **own: Any) -> None:
        self._section = section
        self._model = model
        vars(self).update(own)

    def __getattr__(self, name: str) -> Any:
        entry = RECORD[self._section].get(name)
        if entry is None:
            raise AttributeError(f"module 'cupy' has no attribute {name!r}")
        value = self._made(name, entry)
        setattr(self, name, value)
        return value

    def _made(self, name: str, entry: dict[str, Any]) -> Any:
        kind = entry["kind"]
        theirs = getattr(self._model, name)
        if kind == "ufunc":
            return DeviceUfunc(name, entry)
        if name in CONVERSIONS:
            return conversion(name, entry["parameters"])
        if kind == "function":
            return device_function(name, entry["parameters"], theirs)
        if kind == "module" or (kind == "class" and not issubclass(theirs, numpy.generic | numpy.dtype | numpy.finfo)):
            raise AttributeError(f"the fake device does not offer {name!r}")
        return theirs


module: Any = Namespace("module", numpy, asnumpy=asnumpy, ndarray=DeviceArray, where=where)
module.linalg = Namespace("linalg", numpy.linalg, solve=solve)
module.lib = SimpleNamespace(stride_tricks=Namespace("lib.stride_tricks", numpy.lib.stride_tricks))


# CuPy's attributes, operators and methods


def _attribute(name: str) -> property:
    return property(lambda self: getattr(self._host, name))


def _method(name: str, parameters: list[str]) -> Callable[..., Any]:
    def method(self: DeviceArray, *args: Any, **kwargs: Any) -> Any:
        return device_function(name, ["x", *parameters], getattr(numpy.ndarray, name))(self, *args, **kwargs)

    method.__name__ = method.__qualname__ = name
    return method


def _unary(name: str) -> Callable[[DeviceArray], Any]:
    return lambda self: getattr(module, name)(self)


def _defers(x: Any, y: Any) -> bool:
    if hasattr(type(y), "__array_ufunc__"):
        return type(y).__array_ufunc__ is None
    return getattr(x, "__array_priority__", 0) < getattr(y, "__array_priority__", 0)


def _binary(name: str) -> Callable[[DeviceArray, Any], Any]:
    def method(self: DeviceArray, other: Any) -> Any:
        if isinstance(other, DeviceArray):
            return getattr(module, name)(self, other)
        if _defers(self, other):
            return NotImplemented
        if other is None and name in ("equal", "not_equal"):
            return module.full(self.shape, name == "not_equal")
        return getattr(numpy, name)(self, other)  # NumPy asks both operands in turn: a Tensor answers through this

    return method


def _reflected(name: str) -> Callable[[DeviceArray, Any], Any]:
    return lambda self, other: getattr(numpy, name)(other, self)


def _in_place(name: str) -> Callable[[DeviceArray, Any], DeviceArray]:
    return lambda self, other: getattr(module, name)(self, other, out=self)


ARITHMETIC = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "true_divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "power",
    "matmul": "matmul",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
}
COMPARISONS = {
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "eq": "equal",
    "ne": "not_equal",
}

for _name in ("dtype", "shape", "ndim", "size", "itemsize", "nbytes", "strides", "flags"):
    setattr(DeviceArray, _name, _attribute(_name))
for _name, _ufunc in {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert"}.items():
    setattr(DeviceArray, f"__{_name}__", _unary(_ufunc))
for _name, _ufunc in (ARITHMETIC | COMPARISONS).items():
    setattr(DeviceArray, f"__{_name}__", _binary(_ufunc))
for _name, _ufunc in ARITHMETIC.items():
    setattr(DeviceArray, f"__r{_name}__", _reflected(_ufunc))
    if _name != "matmul":  # CuPy has no in-place matrix product
        setattr(DeviceArray, f"__i{_name}__", _in_place(_ufunc))
for _name, _entry in RECORD["ndarray"].items():
    _new = _entry["kind"] == "method" and _name not in vars(DeviceArray)
    if _new and hasattr(numpy.ndarray, _name) and _name not in ("dump", "dumps", "tofile", "view"):
        setattr(DeviceArray, _name, _method(_name, _entry["parameters"]))


def install() -> None:
    """Make the fake known to the engine as the backend "fake"."""
    register("fake", lambda: Backend("fake", module, DeviceArray, asnumpy))
