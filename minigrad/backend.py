"""Which array library computes: NumPy, or CuPy after ``use("cupy")``.

This is the only file that imports an array library by name for the engine's arithmetic. Everything else writes
``xp.exp(x)`` and gets the function of the backend that is active here and now. The choice is a context variable, so one
thread can work on the GPU while another stays on the CPU.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy

_SCALARS = (numpy.generic, float, int)
REAL = "fiub"  # the kinds of dtype that hold real numbers
MOST_UNSETTLED = 1000
LARGEST_REMEMBERED = (32 << 20) - (1 << 16)  # bytes; the C library learns nothing from larger blocks


class BackendError(RuntimeError):
    """The backend that was asked for cannot be used here."""


class MixedDevicesError(TypeError):
    """One operation was given arrays of two array libraries."""


@dataclass(frozen=True, eq=False)
class Backend:
    """An array library: its name, its namespace, its array type, and the way back to NumPy.

    Parameters
    ----------
    name : str
        What the user calls it.
    module : Any
        The namespace that `xp` reads from, with NumPy's names.
    ndarray : type
        The type of its arrays.
    asnumpy : callable
        Copies one of its arrays to the host as a NumPy array.

    Examples
    --------
    >>> Backend("numpy", numpy, numpy.ndarray, numpy.asarray).module.pi
    3.141592653589793
    """

    name: str
    module: Any
    ndarray: type
    asnumpy: Callable[[Any], numpy.ndarray]

    def apart(self, function: Callable[..., Any], *args: Any, tensors: Iterable[Any] = ()) -> Any:
        """Call something that is no arithmetic, such as a draw of random numbers, or that moves tensors in place.

        Here it is just called. The recorder of `minigrad.compile` keeps it as one call.

        Examples
        --------
        >>> load("numpy").apart(max, 1, 2)
        2
        """
        return function(*args)

    def own(self, value: Any) -> Any:
        """Give the result of an operation as an array of this backend (reductions give NumPy scalars).

        Examples
        --------
        >>> load("numpy").own(numpy.float64(2.0))
        array(2.)
        """
        if isinstance(value, _SCALARS):
            return self.module.asarray(value)
        if not isinstance(value, self.ndarray):
            raise MixedDevicesError(
                f"the active backend is {self.name!r}, and the operation gave a {_library(value)} array. "
                "Make every array under the same backend (see minigrad.use), or copy with minigrad.asnumpy."
            )
        return value

    def scalar(self, value: Any) -> Any:
        """Give a host array without axes as a NumPy scalar, which prints and compares as a number.

        Examples
        --------
        >>> load("numpy").scalar(numpy.array(2.0))
        np.float64(2.0)
        """
        return value[()] if isinstance(value, numpy.ndarray) and not value.ndim else value

    def operand(self, value: Any) -> Any:
        """Check and convert what stands beside a Tensor in an operation: an array, a list, or a scalar.

        Examples
        --------
        >>> load("numpy").operand([1.0, 2.0])
        array([1., 2.])
        """
        if isinstance(value, (self.ndarray, *_SCALARS)):
            dtype = getattr(value, "dtype", numpy.dtype(float))
            if dtype.kind not in REAL:
                raise TypeError(f"got data of type {dtype} beside a Tensor; minigrad computes with real numbers")
            refuse_masked(value)
            # a subclass such as numpy.matrix gives other meanings to the operators that rules are written with
            return self.module.asarray(value) if isinstance(value, self.ndarray) else value
        if isinstance(value, list | tuple):
            return self.module.asarray(value)
        if value is None or isinstance(value, str | bytes) or not hasattr(value, "dtype"):
            raise TypeError(
                f"got a {type(value).__name__} where an array is needed. Pass an array, a Tensor, a list or a number."
            )
        raise MixedDevicesError(
            f"a {_library(value)} array met a Tensor on the backend {self.name!r}. "
            "Move it on purpose: minigrad.tensor(x) puts it on the active backend, minigrad.asnumpy(x) on the host."
        )

    def asarray(self, value: Any, dtype: Any = None) -> Any:
        """Make an array of this backend out of anything; this is the one place where data changes device.

        Examples
        --------
        >>> load("numpy").asarray([1, 2], "float32")
        array([1., 2.], dtype=float32)
        """
        refuse_masked(value)
        if isinstance(value, self.ndarray) or not hasattr(value, "__cuda_array_interface__"):
            return self.module.asarray(value, dtype=dtype)
        raise MixedDevicesError(
            f"a {_library(value)} array was given to the backend {self.name!r}; copy it first with minigrad.asnumpy(x)."
        )


def floating(x: Any) -> Any:
    """Give anything as a floating-point array, so that integers neither wrap around nor lose their fractions.

    Examples
    --------
    >>> floating([1, 2])
    array([1., 2.])
    """
    array = x if hasattr(x, "dtype") else current().asarray(x)
    return array if array.dtype.kind == "f" else array.astype("float64")


def refuse_masked(value: Any) -> Any:
    """Return the value, unless it is a masked array, whose mask the arithmetic would silently drop.

    Examples
    --------
    >>> refuse_masked(2.0)
    2.0
    """
    if isinstance(value, numpy.ma.MaskedArray):
        raise TypeError("got a masked array, whose mask would be lost; fill it first: x.filled(0.0)")
    return value


def _library(value: Any) -> str:
    return type(value).__module__.partition(".")[0]


def _numpy() -> Backend:
    # Linux's C library gives freed memory back to the system, to take it again for the next array, unless it has seen
    # a block as large as this one freed before. Without this line every sweep pays for its memory page by page.
    numpy.empty(LARGEST_REMEMBERED, "uint8")
    return Backend("numpy", numpy, numpy.ndarray, numpy.asarray)


def _cupy() -> Backend:
    try:
        import cupy
    except ImportError as error:
        raise BackendError(
            "the backend 'cupy' needs the package CuPy, which is not installed. "
            "Install it with: pip install 'minigrad-lectures[gpu]'"
        ) from error
    try:
        devices = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise BackendError(f"CuPy is installed, but finds no usable GPU: {error}") from error
    if not devices:
        raise BackendError("CuPy is installed, but this machine has no CUDA GPU; use the backend 'numpy'.")
    return Backend("cupy", cupy, cupy.ndarray, cupy.asnumpy)


_loaders: dict[str, Callable[[], Backend]] = {"numpy": _numpy, "cupy": _cupy}
_loaded: dict[str, Backend] = {}
active: ContextVar[Backend | None] = ContextVar("minigrad_backend", default=None)


def register(name: str, loader: Callable[[], Backend]) -> None:
    """Make a backend known under a name, so that `use` finds it.

    Examples
    --------
    >>> import numpy
    >>> register("also-numpy", lambda: Backend("also-numpy", numpy, numpy.ndarray, numpy.asarray))
    >>> "also-numpy" in names()
    True
    """
    _loaders[name] = loader
    _loaded.pop(name, None)


def names() -> list[str]:
    """List the names that `use` accepts.

    Examples
    --------
    >>> names()[:2]
    ['numpy', 'cupy']
    """
    return list(_loaders)


def load(name: str) -> Backend:
    """Return the backend of that name.

    Raises
    ------
    BackendError
        If the name is unknown, the library is missing, or there is no GPU for it.

    Examples
    --------
    >>> load("numpy").name
    'numpy'
    """
    if name not in _loaders:
        raise BackendError(f"unknown backend {name!r}; known: {', '.join(_loaders)}")
    if name not in _loaded:
        _loaded[name] = _loaders[name]()
    return _loaded[name]


def current() -> Backend:
    """Return the active backend: the one of `use`, else of the variable MINIGRAD_BACKEND, else NumPy.

    Examples
    --------
    >>> current().name
    'numpy'
    """
    backend = active.get()
    if backend is None:
        backend = load(os.environ.get("MINIGRAD_BACKEND") or "numpy")
        active.set(backend)
    return backend


class use:
    """Choose the backend, for the rest of this thread or for a ``with`` block.

    Parameters
    ----------
    name : str
        ``"numpy"`` or ``"cupy"``.

    Raises
    ------
    BackendError
        If the name is unknown, CuPy is not installed, or there is no GPU.

    Examples
    --------
    >>> with use("numpy"):
    ...     current().name
    'numpy'
    """

    def __init__(self, name: str) -> None:
        self._token: Token[Backend | None] = active.set(load(name))

    def __enter__(self) -> Backend:
        return current()

    def __exit__(self, *exception: object) -> None:
        active.reset(self._token)


class _ActiveNamespace:
    """``xp.name`` is the active backend's ``name``."""

    def __getattribute__(self, name: str) -> Any:  # faster than __getattr__, which waits for a search to fail
        return getattr((active.get() or current()).module, name)


xp: Any = _ActiveNamespace()


_unsettled: ContextVar[tuple[int, dict[Any, Any]] | None] = ContextVar("minigrad_unsettled", default=None)


def settle_later(condition: Any, error: Callable[..., Exception], arrays: Sequence[Any], line: str) -> None:
    """Keep a condition that a device still computes, and the error to raise at the next `settle` if it does not hold.

    They are kept for this thread. A call that is repeated adds to what was kept for it, with the arrays of the first
    time that the condition did not hold, so that a loop that never reads a number does not fill the memory. At every
    thousandth condition the host waits.

    Parameters
    ----------
    condition : array of shape ()
        On a device.
    error : callable
        Makes the error of the arrays; called only if the condition does not hold.
    arrays : sequence of array
        They are copied, because they may be changed before the error is made.
    line : str
        The line of the call that it is about.

    Examples
    --------
    >>> settle_later(xp.asarray(True), ValueError, [], "train.py:7: loss = cross_entropy(model(x), labels)")
    >>> settle()
    """
    count, kept = _unsettled.get() or (0, {})
    site = (line, *_parts(error), type(condition), *((x.shape, x.dtype) for x in arrays))
    if site in kept:
        earlier, error, copies = kept[site]
        copies = [xp.where(earlier, new, old) for new, old in zip(arrays, copies, strict=True)]
        condition = earlier & condition
    else:
        copies = [x.copy() for x in arrays]
    _unsettled.set((count + 1, kept | {site: (condition, error, copies)}))
    if count + 1 == MOST_UNSETTLED:
        settle()


def _parts(error: Any) -> tuple[Any, ...]:
    """Give what is equal in two partial functions that are made alike."""
    return (error.func, *error.args, *error.keywords.items()) if isinstance(error, partial) else (error,)


def settle() -> None:
    """Wait for the conditions that were kept, and raise the error of the first that does not hold.

    Whatever reads a number from a device calls this first. Notes at the error tell where the call was that it is about,
    and which other calls were wrong.

    Examples
    --------
    >>> settle()  # nothing was kept
    """
    unsettled = _unsettled.get()
    if unsettled is None:
        return
    _, kept = unsettled
    _unsettled.set(None)
    failed = [(error(*copies), site[0]) for site, (condition, error, copies) in kept.items() if not bool(condition)]
    if failed:
        (first, line), *others = failed
        first.add_note(f"This is about the call at {line}. A device tells such an error only when a number is read.")
        for error, line in others:
            first.add_note(f"Wrong was also the call at {line}. {error}")
        raise first


def to_host(value: Any) -> numpy.ndarray:
    """Copy an array of any backend to the host as a NumPy array.

    Examples
    --------
    >>> to_host([1.0, 2.0])
    array([1., 2.])
    """
    if isinstance(value, numpy.ndarray):
        return value
    for backend in (*_loaded.values(), current()):
        if isinstance(value, backend.ndarray):
            settle()
            return backend.asnumpy(value)
    return numpy.asarray(value)
