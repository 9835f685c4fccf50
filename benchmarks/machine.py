"""What made the tables: the command, the versions and the machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy

LIBRARIES = ("numpy", "torch", "autograd", "mygrad", "jax", "jaxlib")


def cores() -> int:
    """Count the processor's cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor() -> str:
    """Name the processor."""
    information = Path("/proc/cpuinfo")
    for line in information.read_text().splitlines() if information.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def gpu() -> str:
    """Name the GPU, as CuPy sees it."""
    with suppress(Exception):  # without CuPy, a driver or a GPU there is no name to be had
        import cupy

        name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
        return f"{name}, CUDA {cupy.cuda.runtime.runtimeGetVersion()}, CuPy {cupy.__version__}"
    return "none"


def versions() -> dict[str, str]:
    """Look up the versions of Python and of the libraries that are compared."""
    found = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            found[library] = "not installed"
    blas = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return found | {"numpy's BLAS": f"{blas['name']} {blas['version']}"}


def environment() -> str:
    """List the variables of the environment that the libraries' arithmetic and memory listen to."""
    listened_to = ("OPENBLAS_", "MKL_", "OMP_", "GOMP_", "KMP_", "MALLOC_", "XLA_")
    given = sorted(f"{name}={value}" for name, value in os.environ.items() if name.startswith(listened_to))
    return ", ".join(given) or "nothing set"


def setting(command: str, threads: int, rounds: int, backend: str) -> dict[str, Any]:
    """Say what made the tables."""
    return {
        "command": command,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "versions": versions(),
        "processor": processor(),
        "cores": cores(),
        "system": platform.platform(),
        "environment": environment(),
        "backend": backend,
        **({} if backend == "numpy" else {"gpu": gpu()}),
        "threads per contender": threads,
        "rounds at most": rounds,
    }
