"""Where a contender's arrays live: on the CPU, or on the GPU after ``python -m benchmarks --backend cupy``.

The runner tells its workers by the variable MINIGRAD_BACKEND, which minigrad itself reads too.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy


def backend() -> str:
    """Name minigrad's backend of this run: ``"numpy"`` or ``"cupy"``."""
    return os.environ.get("MINIGRAD_BACKEND") or "numpy"


def torch_device() -> str:
    """Name the device on which PyTorch stands beside that backend: ``"cpu"`` or ``"cuda"``."""
    return "cuda" if backend() == "cupy" else "cpu"


def on_torch(x: Any) -> Any:
    """Copy an array into a torch tensor on that device."""
    import torch

    return torch.tensor(x, device=torch_device())


def on_backend(x: Any) -> Any:
    """Give an array as one of minigrad's active backend; a NumPy array stays itself on the CPU."""
    from minigrad.backend import current

    return current().asarray(x)


def reading(step, *arrays):
    """Let a step of these arrays give its loss as a number, which waits for the device."""

    def read():
        loss, *gradients = step(*arrays)
        return loss.item(), *gradients

    return read


def copied_to_host(x: Any) -> numpy.ndarray:
    """Copy an array of any library and any device into a NumPy array."""
    if type(x).__module__.partition(".")[0] == "torch":
        x = x.detach().cpu()
    elif "minigrad" in sys.modules:
        x = sys.modules["minigrad"].asnumpy(x)
    return numpy.array(x)


def unavailable(library: str) -> str | None:
    """Say why a library, torch or minigrad, cannot compute on this run's device; None if it can."""
    if backend() == "numpy":
        return None
    if library == "torch":
        import torch

        return None if torch.cuda.is_available() else f"PyTorch {torch.__version__} finds no CUDA GPU"
    from minigrad.backend import BackendError, load

    try:
        load(backend())
    except BackendError as error:
        return str(error)
    return None
