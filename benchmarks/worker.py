"""The process of one contender: it imports that contender's library, says what it computed, and times on request."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import pickle
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy

from benchmarks import devices

SEED = 0
CHECKED_STEPS = 3


def load(path: Path) -> Any:
    """Import a workload's file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


def loss_of(outcome: Any) -> numpy.ndarray:
    """Take the loss out of what a step returned, which may be nothing."""
    return numpy.array(float(outcome[0]) if outcome else numpy.nan)


def seconds_per_step(step: Callable[[], Any], at_least: float) -> float:
    """Take steps until that much time has gone by; the first is not counted, unless it takes as long by itself."""
    start = time.perf_counter()
    step()
    passed = time.perf_counter() - start
    if passed >= at_least:
        return passed
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


def start(contender: Any, problem: dict[str, Any]) -> tuple[Callable[[], Any], dict[str, Any]]:
    """Take the first steps; give the step, and what the runner has to know before it asks for times."""
    before = resident("VmRSS")
    with suppress(OSError):  # from here on VmHWM counts anew
        Path("/proc/self/clear_refs").write_text("5")
    began = time.perf_counter()
    step = contender.make(**problem)
    outcome = step()
    first_step = time.perf_counter() - began
    gradients = [devices.copied_to_host(value) for value in (outcome or ())[1:]]
    losses = [loss_of(outcome)]
    del outcome
    losses += [loss_of(step()) for _ in range(CHECKED_STEPS - 1)]
    process = resident("VmHWM")
    known = {"losses": losses, "gradients": gradients, "first_step": first_step}
    return step, known | {"process": process, "beyond": process - before}


def main() -> None:
    """Answer on standard output: first what came of the start; then a time for each line that comes in."""
    path, name, threads, size = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library or a child process prints must not get between the answers

    def answer(kind: str, value: Any) -> None:
        pickle.dump((kind, value), answers)
        answers.flush()

    try:
        workload = load(Path(path))
        contender = next(contender for contender in workload.CONTENDERS if contender.name == name)
        problem = workload.problem(SEED, **json.loads(size))
        importlib.import_module(contender.library)
        reason = devices.unavailable(contender.library)
        if reason:
            return answer("cannot run", reason)
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(int(threads))
        step, known = start(contender, problem)
    except ModuleNotFoundError as error:
        return answer("missing", (error.name or "").partition(".")[0])
    except Exception as error:
        return answer("failed", f"{type(error).__name__}: {error}")
    answer("ready", known)
    for line in sys.stdin:
        answer("time", seconds_per_step(step, float(line)))
    return None


if __name__ == "__main__":
    main()
