"""The process of one contender: it imports that contender's library, says what it computed, and times on request."""

from __future__ import annotations

import importlib.util
import pickle
import sys
import time
from collections.abc import Callable
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


def main() -> None:
    """Answer on standard output: first the outcomes, or why there are none; then a time for each line that comes in."""
    path, name, threads = sys.argv[1:]
    answers, sys.stdout = sys.stdout.buffer, sys.stderr  # what a library prints must not get between the answers

    def answer(kind: str, value: Any) -> None:
        pickle.dump((kind, value), answers)
        answers.flush()

    try:
        workload = load(Path(path))
        make = next(contender.make for contender in workload.CONTENDERS if contender.name == name)
        step = make(**workload.problem(SEED))
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(int(threads))
        outcomes = [copied(step()) for _ in range(CHECKED_STEPS)]
    except ModuleNotFoundError as error:
        return answer("missing", (error.name or "").partition(".")[0])
    except Exception as error:
        return answer("failed", f"{type(error).__name__}: {error}")
    answer("ready", outcomes)
    for line in sys.stdin:
        answer("time", seconds_per_step(step, float(line)))
    return None


if __name__ == "__main__":
    main()
