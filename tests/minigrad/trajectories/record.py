"""Write down the trajectories of PyTorch's optimizers, with the problems they solve, into trajectories.npz.

Run it by hand where PyTorch is installed, from the root of the repository::

    python -m tests.minigrad.trajectories.record

For each problem the file holds its arrays, ``start`` and ``constants``, and ``seen``: the parameters by case, step and
coordinate.
"""

from __future__ import annotations

import numpy

from tests.minigrad.trajectories.problems import CASES, RECORD, network, quadratic, solve_with_torch


def main() -> None:
    """Draw two quadratics and two networks, and run PyTorch on each with every optimizer."""
    import torch

    rng = numpy.random.default_rng(2)
    arrays = {"torch": numpy.array(torch.__version__), "cases": numpy.array(list(CASES))}
    for name, draw in {
        "quadratic 1": quadratic,
        "quadratic 2": quadratic,
        "network 1": network,
        "network 2": network,
    }.items():
        problem = draw(rng)
        arrays |= {f"{name}/start/{i}": part for i, part in enumerate(problem.start)}
        arrays |= {f"{name}/constants/{i}": part for i, part in enumerate(problem.constants)}
        arrays[f"{name}/seen"] = numpy.stack([solve_with_torch(torch, case, problem) for case in CASES])
    numpy.savez_compressed(RECORD, **arrays)
    print(f"{len(arrays)} arrays, {RECORD.stat().st_size} bytes: {RECORD}")


if __name__ == "__main__":
    main()
