"""The backend under which a step is recorded: NumPy, with every call written down."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any

import numpy

from minigrad.backend import Backend, load
from minigrad.compiling.recorded import CompileError, Recorded
from minigrad.compiling.recording import Recording
from minigrad.tape import Node

running: ContextVar[Recording | None] = ContextVar("minigrad_recording", default=None)


def here() -> Recording:
    """Give the recording that is going on."""
    recording = running.get()
    if recording is None:
        raise CompileError("no step is being recorded here")
    return recording


class RecordedNamespace:
    """NumPy's names; what is called is written down.

    Parameters
    ----------
    module : Any
        NumPy, a part of it, or a function with parts, such as ``numpy.add`` with its ``at``.

    Examples
    --------
    >>> RecordedNamespace(numpy).pi
    3.141592653589793
    """

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        if (callable(value) and not isinstance(value, type)) or type(value) is type(numpy):
            value = RecordedNamespace(value)
        setattr(self, name, value)
        return value

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function, and have the call written down."""
        if getattr(self._module, "__self__", None) is _GLOBAL_GENERATOR:
            raise CompileError(
                "the step draws random numbers. Draw outside of it, and pass the array to it as an argument"
            )
        return here().call(self._module, *args, **kwargs)


_GLOBAL_GENERATOR = numpy.random.random.__self__  # type: ignore[attr-defined]


class RecordingBackend(Backend):
    """NumPy, with every call written down in the recording that is going on."""

    def own(self, value: Any) -> Any:
        """Give the result of an operation as a recorded array."""
        return value if type(value) is Recorded else here().call(numpy.asarray, value)

    def operand(self, value: Any) -> Any:
        """Check and convert what stands beside a Tensor as NumPy's backend does."""
        if isinstance(value, Recorded):
            return value
        checked = load("numpy").operand(value)
        return self.asarray(value) if isinstance(checked, numpy.ndarray) else checked

    def asarray(self, value: Any, dtype: Any = None) -> Any:
        """Make a recorded array out of anything."""
        if isinstance(value, Recorded):
            return self.own(value) if dtype in (None, value.dtype) else value.astype(dtype)
        if isinstance(value, numpy.ndarray):
            checked = load("numpy").asarray(value)
            constant = here().constant(checked)
            return constant if dtype in (None, value.dtype) else constant.astype(dtype)
        return here().call(numpy.asarray, value, dtype=dtype)

    def scalar(self, value: Any) -> Any:
        """Give a recorded array without axes as a recorded number."""
        return value[()] if type(value) is Recorded and not value.ndim else value

    def apart(self, function: Callable[..., Any], *args: Any, tensors: Iterable[Node] = ()) -> Any:
        """Have a call of something that is no arithmetic written down as one."""
        return here().apart(function, *args, tensors=tensors)


def _refuse_reading(value: Any) -> Any:
    if isinstance(value, Recorded):
        value.__array__()
    return value


RECORDER = RecordingBackend("numpy", RecordedNamespace(numpy), Recorded, _refuse_reading)
