"""Write what was measured as Markdown."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
from pathlib import Path
from typing import Any

import numpy

from benchmarks import Contender
from benchmarks.worker import load

LIBRARIES = ("numpy", "torch", "autograd")
Spread = tuple[float, float, float]


def spread(values: list[float]) -> Spread:
    """Give the median, the 10th and the 90th percentile."""
    low, high = numpy.percentile(values, (10, 90)).tolist()
    return statistics.median(values), low, high


def ratio(seconds: dict[str, list[float]], name: str, other: str) -> Spread:
    """Give the spread of the ratios of two contenders' times, each taken within a round."""
    return spread([a / b for a, b in zip(seconds[name], seconds[other], strict=True)])


def target_cell(contender: Contender, seconds: dict[str, list[float]], taken: dict[str, int]) -> str:
    """Say how each target of a contender came out."""
    lines = []
    for other, wanted in contender.targets.items():
        if other in seconds:
            median, low, high = ratio(seconds, contender.name, other)
            lines.append(came_out(f"{median:.2f} ({low:.2f}–{high:.2f}) × {other}", median, wanted))
        else:
            lines.append(f"? × {other}, target ≤ {wanted}: not measured")
    for other, wanted in contender.memory.items():
        if taken.get(other):
            share = taken[contender.name] / taken[other]
            lines.append(came_out(f"{share:.2f} × the memory of {other}", share, wanted))
        else:
            lines.append(f"? × the memory of {other}, target ≤ {wanted}: not measured")
    return "<br>".join(lines)


def came_out(what: str, came: float, wanted: float) -> str:
    """Say whether a ratio is as small as wanted."""
    return f"{what}, target ≤ {wanted}: {'met' if came <= wanted else 'MISSED'}"


def table(path: Path, result: dict[str, Any]) -> str:
    """Write a workload's result as a table, one row per contender."""
    workload, seconds, taken = load(path), result["seconds"], result["bytes"]
    unit, per_step = workload.UNIT
    base = workload.CONTENDERS[0].name
    shown = getattr(workload, "MEMORY", False)
    columns = ["contender", f"median per {unit}", "p10–p90", f"× {base}", *["peak memory"][:shown], "target"]
    lines = [
        f"### {path.stem}: {(workload.__doc__ or '').splitlines()[0]}\n",
        f"| {' | '.join(columns)} |",
        "|---" * len(columns) + "|",
    ]
    for contender in workload.CONTENDERS:
        name = contender.name
        if name not in seconds:
            lines.append(f"| {name} | {result['status'][name]} |" + " |" * (len(columns) - 2))
            continue
        median, low, high = spread([s / per_step for s in seconds[name]])
        scale, symbol = (1e3, "ms") if median >= 1e-3 else (1e6, "µs")
        times = f"{median * scale:.2f} {symbol} | {low * scale:.2f}–{high * scale:.2f} {symbol}"
        relative = "{:.2f} ({:.2f}–{:.2f})".format(*ratio(seconds, name, base)) if base in seconds else ""
        memory = f"{taken[name] / 2**20:.0f} MiB | " if shown else ""
        lines.append(f"| {name} | {times} | {relative} | {memory}{target_cell(contender, seconds, taken)} |")
    return "\n".join(lines)


def processor() -> str:
    """Name the processor."""
    information = Path("/proc/cpuinfo")
    for line in information.read_text().splitlines() if information.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def setting(command: str, threads: int) -> dict[str, str]:
    """Say what made the tables: versions, machine and command."""
    versions = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            versions[library] = "not installed"
    blas = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
    versions["numpy"] += f" with {blas['name']} {blas['version']}"
    return {
        "Versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "Machine": f"{processor()}, cores: {os.cpu_count()}, threads per contender: {threads}",
        "Command": f"`{command}`",
    }
