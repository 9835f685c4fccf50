"""The process of one contender: it imports that contender's library, says what it computed, and times on request."""

from __future__ import annotations

import importlib
import importlib.util
import pickle
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy

SEED = 0
CHECKED_STEPS = 3


def load(path: Path) -> Any:
    """Import a workload's file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


def copied(outcome: Any) -> list[numpy.ndarray]:
    """Copy what a step returned, because the next step may write into the same arrays."""
    return [numpy.asarray(value).copy() for value in (() if outcome is None else outcome)]


def seconds_per_step(step: Callable[[], Any], at_least: float) -> float:
    """Take steps until that much time has gone by, after one that is not counted."""
    step()
    count, start, passed = 0, time.perf_counter(), 0.0
    while passed < at_least:
        step()
        count += 1
        passed = time.perf_counter() - start
    return passed / count


def resident(field: str) -> int:
    """Read how many bytes of this process lie in memory, now (VmRSS) or at most so far (VmHWM); 0 without Linux."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), 0)


def main() -> None:
    """Answer on standard output: first the outcomes, or why there are none; then a time for each line that comes in."""
    path, name, threads = sys.argv[1:]
    answers, sys.stdout = sys.stdout.buffer, sys.stderr  # what a library prints must not get between the answers

    def answer(kind: str, value: Any) -> None:
        pickle.dump((kind, value), answers)
        answers.flush()

    try:
        workload = load(Path(path))
        contender = next(contender for contender in workload.CONTENDERS if contender.name == name)
        problem = workload.problem(SEED)
        importlib.import_module(contender.library)
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(int(threads))
        before = resident("VmRSS")
        with suppress(OSError):  # from here on VmHWM counts anew
            Path("/proc/self/clear_refs").write_text("5")
        step = contender.make(**problem)
        outcomes = [copied(step()) for _ in range(CHECKED_STEPS)]
        peak = resident("VmHWM") - before
    except ModuleNotFoundError as error:
        return answer("missing", (error.name or "").partition(".")[0])
    except Exception as error:
        return answer("failed", f"{type(error).__name__}: {error}")
    answer("ready", (outcomes, peak))
    for line in sys.stdin:
        answer("time", seconds_per_step(step, float(line)))
    return None


if __name__ == "__main__":
    main()
