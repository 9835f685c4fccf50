"""Side by side with what a user would pick instead: ``python -m benchmarks``.

Each file in ``workloads/`` describes one workload and knows nothing of timing. It has

- a docstring that says what is measured; its first line stands above the table;
- ``problem(seed)``, which gives the NumPy arrays of the problem as a dict;
- one plain function per contender, written as its users would write it, with that contender's imports inside. It gets
  the arrays by name, does what is done once, and returns ``step``: a function without arguments that does the measured
  work and returns ``(loss, gradient, ...)``. A step on a GPU waits for the device before it returns;
- ``CONTENDERS``, the list of them; ratios in the table are taken to the first;
- ``UNIT``, what the time is counted in and how many of those one step does;
- ``TOLERANCE``, the relative deviation up to which two numbers count as equal.

It may also have

- ``MEMORY``, True if the table shall show how much memory a process takes up to the end of its first steps;
- ``ROUNDS``, the largest number of rounds, where a step takes seconds;
- ``DIFFERENCE``, True if what counts is the time beyond the first contender's, and not the ratio to it. Then targets
  are in seconds;
- ``GROWS``, from the name of a size to its values, as in ``{"batch": (16, 64, 256)}``. Then the whole workload is run
  once for each value, on ``problem(seed, batch=64)``, and the tables have a column for each of them.

`runner` starts the contenders, checks them and times them; `worker` is the process of one contender; `devices` says
where its arrays live; `report` writes the tables, and `machine` what they were made with.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Contender:
    """One way to do the work of a workload.

    Parameters
    ----------
    name : str
        What stands in the table.
    make : callable
        Takes the arrays of the problem by name, and returns ``step``.
    like : str, optional
        The contender whose losses and gradients it has to reproduce. None for the hand-written one itself, and for work
        that is no gradient.
    targets : dict
        From the name of another contender to the largest ratio of times to it that is wanted.
    memory : dict
        The same for the ratio of the peak memories of the two processes.
    library : str
        What is imported before the clock starts and before memory is counted.
    gpu : bool
        Whether it can run on a GPU: it puts its arrays where `devices` says.
    largest : int, optional
        The largest size that it is asked for, where the workload grows.
    """

    name: str
    make: Callable[..., Callable[[], Any]]
    like: str | None = None
    targets: dict[str, float] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)
    library: str = "numpy"
    gpu: bool = False
    largest: int | None = None


@dataclass
class Measured:
    """What came of one contender.

    Parameters
    ----------
    status : str
        "ok", or what stands in its place in the table.
    first_step : float
        Seconds for what is done once and the first step, compilation included, but not the import of the library.
    process : int
        Peak memory in bytes of its process, up to the end of the first steps; 0 where it cannot be read.
    beyond : int
        How much of that came after the library was imported and the problem was drawn.
    seconds : list of float
        For each round, seconds per step.
    """

    status: str
    first_step: float = 0.0
    process: int = 0
    beyond: int = 0
    seconds: list[float] = field(default_factory=list)


@dataclass
class Run:
    """One run of one workload, at one size if it grows.

    Parameters
    ----------
    backend : str
        "numpy", or "cupy" for the GPU.
    size : dict
        What was given to ``problem`` beside the seed, as in ``{"batch": 64}``.
    base : str
        The contender to which ratios are taken.
    results : dict
        From each contender's name to what came of it.
    """

    backend: str
    size: dict[str, int]
    base: str
    results: dict[str, Measured]
