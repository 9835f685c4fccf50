"""Side by side with what a user would pick instead: ``python -m benchmarks``.

Each file in ``workloads/`` describes one workload and knows nothing of timing. It has

- a docstring that says what is measured; its first line stands above the table;
- ``problem(seed)``, which gives the NumPy arrays of the problem as a dict;
- one plain function per contender, written as its users would write it, with that contender's imports inside. It gets
  the arrays by name, does what is done once, and returns ``step``: a function without arguments that does the measured
  work and returns ``(loss, gradient, ...)``. A step on a GPU waits for the device before it returns;
- ``CONTENDERS``, the list of them; ratios in the table are taken to the first;
- ``UNIT``, what the time is counted in and how many of those one step does;
- ``TOLERANCE``, the relative deviation up to which two numbers count as equal;
- ``MEMORY``, True if the table shall show how much memory the first steps took.

`runner` starts the contenders, checks them and times them; `worker` is the process of one contender; `report` writes
the tables.
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
        The same for the ratio of peak memories.
    library : str
        What is imported before memory is counted.
    """

    name: str
    make: Callable[..., Callable[[], Any]]
    like: str | None = None
    targets: dict[str, float] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)
    library: str = "numpy"
