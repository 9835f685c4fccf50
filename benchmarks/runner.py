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
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy
from tqdm import tqdm

from benchmarks import Contender
from benchmarks.report import setting, table
from benchmarks.worker import SEED, load

ROOT = Path(__file__).resolve().parents[1]
WORKLOADS = {path.stem: path for path in sorted((ROOT / "benchmarks" / "workloads").glob("*.py"))}
TURN = 0.1  # seconds that a contender works in one round
Outcomes = list[list[numpy.ndarray]]  # for each of the first steps: loss, gradient, ...


class Worker:
    """A contender's process, to be used in a ``with`` block."""

    def __init__(self, path: Path, contender: Contender, threads: int) -> None:
        limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", str(path), contender.name, str(threads)],
            cwd=ROOT,
            env=os.environ | limits,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        with suppress(BrokenPipeError):
            self.process.__exit__(None, None, None)

    def answer(self) -> tuple[str, Any]:
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


def difference(outcomes: Outcomes, expected: Outcomes, tolerance: float) -> str | None:
    """Say where the first gradients or the losses differ, relative to their largest entry; None if they are equal."""
    counts = len(outcomes[0]), len(expected[0])
    if counts[0] != counts[1]:
        return f"its step returns {counts[0]} values, not {counts[1]}"
    losses = [(float(a[0]), float(b[0])) for a, b in zip(outcomes, expected, strict=True)]
    pairs = [(f"loss {i}", numpy.array(x), numpy.array(y)) for i, (x, y) in enumerate(losses, 1)]
    gradients = zip(outcomes[0][1:], expected[0][1:], strict=True)
    pairs += [(f"gradient {i}", x, y) for i, (x, y) in enumerate(gradients, 1)]
    for what, x, y in pairs:
        if (x.dtype, x.shape) != (y.dtype, y.shape):
            return f"{what} is {x.dtype}{list(x.shape)}, not {y.dtype}{list(y.shape)}"
        deviation = abs(x - y).max() / (abs(y).max() or 1.0)
        if not deviation <= tolerance:  # so that NaN is a difference
            return f"{what} deviates by {deviation:.1e}, allowed {tolerance:.0e}"
    return None


def verdict(contender: Contender, answers: dict[str, tuple[str, Any]], tolerance: float) -> str:
    """Say "ok" for a contender that may be timed, and otherwise what stands in its place in the table."""
    word, value = answers[contender.name]
    if word == "missing":
        return f"not installed: pip install {value}"
    if word != "ready":
        return f"failed: {value}"
    if contender.like is None:
        return "ok"
    if answers[contender.like][0] != "ready":
        return f"not timed, because there is no {contender.like} to check it against"
    wrong = difference(value[0], answers[contender.like][1][0], tolerance)
    return f"WRONG: {wrong}" if wrong else "ok"


def measure(path: Path, rounds: int, threads: int) -> dict[str, Any]:
    """Check and time the contenders of one workload.

    Returns
    -------
    dict
        ``status``, one line per contender; for each that is "ok" in ``seconds`` its time per step in each round, and in
        ``bytes`` the memory that its first steps took at most.
    """
    workload = load(path)
    order = random.Random(SEED)
    with ExitStack() as stack:
        workers = {c.name: stack.enter_context(Worker(path, c, threads)) for c in workload.CONTENDERS}
        answers = {name: worker.answer() for name, worker in workers.items()}
        status = {c.name: verdict(c, answers, workload.TOLERANCE) for c in workload.CONTENDERS}
        seconds: dict[str, list[float]] = {name: [] for name in workers if status[name] == "ok"}
        for _ in tqdm(range(rounds), desc=path.stem, unit="round", file=sys.stderr, disable=None):
            for name in order.sample(list(seconds), len(seconds)):
                try:
                    seconds[name].append(workers[name].seconds_per_step())
                except OSError as error:
                    status[name] = f"failed: {error}"
                    del seconds[name]
    return {"status": status, "seconds": seconds, "bytes": {name: answers[name][1][1] for name in seconds}}


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, run, and print."""
    given = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Side by side with what you would pick instead."
    )
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, metavar="NAME", help=", ".join(WORKLOADS))
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="for each contender (1)")
    parser.add_argument("--rounds", type=int, default=21, metavar="N", help="turns of each contender (21)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all rounds there")
    options = parser.parse_args(given)
    for name in ("threads", "rounds"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1")
    names = options.only or list(WORKLOADS)
    results = {name: measure(WORKLOADS[name], options.rounds, options.threads) for name in names}
    facts = setting(" ".join(["python -m benchmarks", *given]), options.threads)
    for name, result in results.items():
        print(table(WORKLOADS[name], result), end="\n\n")
    for what, text in facts.items():
        print(f"- {what}: {text}")
    if options.json:
        options.json.write_text(json.dumps({"setting": facts, "workloads": results}, indent=1))
