"""Run the workloads.

For each workload: start one process per contender; compare the first losses and gradients; drop who is wrong; then,
round by round, let each of the others work for a moment, in random order and one at a time. A ratio is taken between
two times of the same round, so that whatever else the machine was doing then is in both.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import random
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy
from tqdm import tqdm

from benchmarks import Contender, Measured, Run
from benchmarks.machine import cores, setting
from benchmarks.report import heading, table
from benchmarks.worker import SEED, load

ROOT = Path(__file__).resolve().parents[1]
WORKLOADS = {path.stem: path for path in sorted((ROOT / "benchmarks" / "workloads").glob("*.py"))}
BACKENDS = ("numpy", "cupy")
TURN = 0.1  # seconds that a contender works in one round
Answer = tuple[str, Any]


class Worker:
    """A contender's process, to be used in a ``with`` block."""

    def __init__(self, path: Path, contender: Contender, threads: int, backend: str, size: dict[str, int]) -> None:
        limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        with only_cores(threads):
            self.process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.worker", str(path), contender.name, str(threads), json.dumps(size)],
                cwd=ROOT,
                env=os.environ | limits | {"MINIGRAD_BACKEND": backend},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        with suppress(BrokenPipeError):
            self.process.__exit__(None, None, None)

    def answer(self) -> Answer:
        """Wait for the next answer: a word and what belongs to it."""
        try:
            return pickle.load(self.process.stdout)  # type: ignore[arg-type]
        except EOFError:
            return "failed", f"its process ended with code {self.process.wait()}"

    def seconds_per_step(self) -> float:
        """Let it work for one turn."""
        self.process.stdin.write(f"{TURN}\n".encode())  # type: ignore[union-attr]
        self.process.stdin.flush()  # type: ignore[union-attr]
        word, value = self.answer()
        if word != "time":
            raise ChildProcessError(value)
        return value


@contextmanager
def only_cores(count: int) -> Iterator[None]:
    """Let the processes that are started in the block use that many cores, where the system can see to it."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


# Who runs, and against whom


def excluded(contender: Contender, backend: str, size: dict[str, int]) -> str | None:
    """Say why a contender does not take part; None if it does."""
    if backend != "numpy" and not contender.gpu:
        return "runs on the CPU only"
    if contender.largest is not None and max(size.values(), default=0) > contender.largest:
        return "left out"
    return None


def checked_among(contenders: list[Contender]) -> list[Contender]:
    """Let each be checked against one that takes part: against the first that has the same ``like``, if need be."""
    names = [contender.name for contender in contenders]
    stand_in: dict[str, str] = {}
    aimed = []
    for contender in contenders:
        like = contender.like
        if like is not None and like not in names:
            like = stand_in.setdefault(like, contender.name)
        aimed.append(replace(contender, like=None if like == contender.name else like))
    return aimed


def difference(known: dict[str, Any], expected: dict[str, Any], tolerance: float) -> str | None:
    """Say where the losses or the first gradients differ, relative to their largest entry; None if they are equal."""
    pairs = [("loss", known["losses"], expected["losses"]), ("gradient", known["gradients"], expected["gradients"])]
    for what, arrays, others in pairs:
        if len(arrays) != len(others):
            return f"its step returns {len(arrays)} {what}s, not {len(others)}"
        for i, (x, y) in enumerate(zip(arrays, others, strict=True), 1):
            if (x.dtype, x.shape) != (y.dtype, y.shape):
                return f"{what} {i} is {x.dtype}{list(x.shape)}, not {y.dtype}{list(y.shape)}"
            deviation = numpy.max(abs(x - y)) / (numpy.max(abs(y)) or 1.0)
            if not deviation <= tolerance:  # so that NaN is a difference
                return f"{what} {i} deviates by {deviation:.1e}, allowed {tolerance:.0e}"
    return None


def verdict(contender: Contender, answers: dict[str, Answer], tolerance: float) -> str:
    """Say "ok" for a contender that may be timed, and otherwise what stands in its place in the table."""
    word, value = answers[contender.name]
    if word == "missing":
        return f"not installed: pip install {value}"
    if word != "ready":
        return f"{word}: {value}"
    if contender.like is None:
        return "ok"
    if answers[contender.like][0] != "ready":
        return f"not timed, because there is no {contender.like} to check it against"
    wrong = difference(value, answers[contender.like][1], tolerance)
    return f"WRONG: {wrong}" if wrong else "ok"


# The runs


def measure(path: Path, rounds: int, threads: int, backend: str = "numpy", size: dict[str, int] | None = None) -> Run:
    """Check and time the contenders of one workload, at one size if it grows."""
    workload = load(path)
    size = size or {}
    reasons = {contender.name: excluded(contender, backend, size) for contender in workload.CONTENDERS}
    contenders = checked_among([contender for contender in workload.CONTENDERS if not reasons[contender.name]])
    results = {name: Measured(reason or "ok") for name, reason in reasons.items()}
    what = " ".join([path.stem, *(f"{name} {value}" for name, value in size.items())])
    with ExitStack() as stack:
        workers, answers = {}, {}
        for contender in tqdm(contenders, desc=f"{what}: start", file=sys.stderr, disable=None, leave=False):
            workers[contender.name] = stack.enter_context(Worker(path, contender, threads, backend, size))
            answers[contender.name] = workers[contender.name].answer()  # none starts while another one does
        for contender in contenders:
            came = results[contender.name]
            came.status = verdict(contender, answers, workload.TOLERANCE)
            if came.status == "ok":
                known = answers[contender.name][1]
                came.first_step, came.process, came.beyond = (known[key] for key in ("first_step", "process", "beyond"))
        rounds = min(rounds, getattr(workload, "ROUNDS", rounds))
        take_turns(workers, results, tqdm(range(rounds), desc=what, unit="round", file=sys.stderr, disable=None))
    return Run(backend, size, contenders[0].name if contenders else workload.CONTENDERS[0].name, results)


def take_turns(workers: dict[str, Worker], results: dict[str, Measured], rounds: Iterable[int]) -> None:
    """Let those who are right work for a moment each, in another order every round, and write down how long."""
    order = random.Random(SEED)
    for _ in rounds:
        names = [name for name in workers if results[name].status == "ok"]
        for name in order.sample(names, len(names)):
            try:
                results[name].seconds.append(workers[name].seconds_per_step())
            except OSError as error:
                results[name] = Measured(f"failed: {error}")


def sizes(workload: Any) -> list[dict[str, int]]:
    """List at which sizes a workload is run."""
    grows = getattr(workload, "GROWS", None)
    return [{name: value} for name, values in grows.items() for value in values] if grows else [{}]


def options(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Side by side with what you would pick instead."
    )
    two = min(2, cores())
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, metavar="NAME", help=", ".join(WORKLOADS))
    parser.add_argument("--backend", choices=BACKENDS, default="numpy", help="cupy: minigrad and PyTorch on the GPU")
    parser.add_argument("--threads", type=int, default=two, metavar="N", help=f"and cores of each contender ({two})")
    parser.add_argument("--rounds", type=int, default=21, metavar="N", help="turns of each contender, at most (21)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there")
    given = parser.parse_args(arguments)
    for name in ("threads", "rounds"):
        if getattr(given, name) < 1:
            parser.error(f"--{name} must be at least 1")
    for file in (given.json, given.markdown):
        if file and not file.absolute().parent.is_dir():
            parser.error(f"there is no folder {file.absolute().parent} to write {file.name} to")
    return given


def main(arguments: list[str] | None = None) -> None:
    """Run what the command line asks for; print and write each table as soon as it is there."""
    words = sys.argv[1:] if arguments is None else arguments
    given = options(words)
    facts = setting(" ".join(["python -m benchmarks", *words]), given.threads, given.rounds, given.backend)
    measured: dict[str, list[dict[str, Any]]] = {}
    parts = [heading(facts)]
    print(parts[0])
    for name in given.only or WORKLOADS:
        path = WORKLOADS[name]
        workload = load(path)
        runs = [measure(path, given.rounds, given.threads, given.backend, size) for size in sizes(workload)]
        measured[name] = [asdict(run) for run in runs]
        parts.append(table(name, workload, runs))
        print(f"\n{parts[-1]}", flush=True)
        if given.json:
            given.json.write_text(json.dumps({"setting": facts, "workloads": measured}, indent=1))
        if given.markdown:
            given.markdown.write_text("\n\n".join(["# Results", *parts]) + "\n")
