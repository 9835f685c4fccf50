"""What the optimizers are compared on: the optimizers with their options, and the losses they minimise.

A loss is written with operators and methods that Tensors of minigrad and of PyTorch share. It is given the parameters,
the constants, and the library's tanh.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

import minigrad as mg
from minigrad import optim
from minigrad.backend import current

RECORD = Path(__file__).with_name("trajectories.npz")
STEPS = (1, 2, 5, 10, 50, 100)
"""After which steps the parameters are written down."""

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {"lr": 0.05}),
    "sgd momentum": ("SGD", {"lr": 0.02, "momentum": 0.9}),
    "sgd dampening": ("SGD", {"lr": 0.05, "momentum": 0.5, "dampening": 0.25}),
    "sgd nesterov": ("SGD", {"lr": 0.02, "momentum": 0.9, "nesterov": True}),
    "sgd weight decay": ("SGD", {"lr": 0.02, "momentum": 0.75, "weight_decay": 0.125}),
    "sgd maximize": ("SGD", {"lr": 0.01, "momentum": 0.5, "weight_decay": 0.125, "maximize": True}),
    "rmsprop": ("RMSprop", {"lr": 0.01}),
    "rmsprop momentum": ("RMSprop", {"lr": 0.002, "alpha": 0.98, "momentum": 0.75}),
    "rmsprop centered": ("RMSprop", {"lr": 0.01, "centered": True, "momentum": 0.5}),
    "rmsprop weight decay": ("RMSprop", {"lr": 0.01, "eps": 1e-4, "weight_decay": 0.125, "maximize": True}),
    "adam": ("Adam", {"lr": 0.05}),
    "adam betas": ("Adam", {"lr": 0.02, "betas": (0.5, 0.99), "eps": 1e-6}),
    "adam without momentum": ("Adam", {"lr": 0.01, "betas": (0.0, 0.99)}),
    "adam weight decay": ("Adam", {"lr": 0.05, "weight_decay": 0.125, "maximize": True}),
    "adam amsgrad": ("Adam", {"lr": 0.05, "betas": (0.9, 0.9), "amsgrad": True}),
    "adamw": ("AdamW", {"lr": 0.05}),
    "adamw weight decay": ("AdamW", {"lr": 0.02, "weight_decay": 0.5, "amsgrad": True, "maximize": True}),
    "adagrad": ("Adagrad", {"lr": 0.25}),
    "adagrad decays": ("Adagrad", {"lr": 0.5, "lr_decay": 0.125, "weight_decay": 0.125}),
    "adagrad begun": ("Adagrad", {"lr": 0.25, "initial_accumulator_value": 0.5, "eps": 1e-6, "maximize": True}),
}


def quadratic_loss(theta: Any, constants: Any, tanh: Callable[[Any], Any]) -> Any:
    """½ θᵀAθ − bᵀθ."""
    (x,), (a, b) = theta, constants
    return 0.5 * (x @ (a @ x)) - b @ x


def network_loss(theta: Any, constants: Any, tanh: Callable[[Any], Any]) -> Any:
    """The mean squared error of one hidden layer of tanh."""
    (w1, b1, w2, b2), (x, y) = theta, constants
    residual = tanh(x @ w1.T + b1) @ w2.T + b2 - y
    return (residual * residual).mean()


LOSSES = {"quadratic": quadratic_loss, "network": network_loss}


@dataclass
class Problem:
    """A loss, its constants, and where the parameters start: arrays of float64."""

    loss: str
    start: list[numpy.ndarray]
    constants: list[numpy.ndarray]


def quadratic(rng: numpy.random.Generator) -> Problem:
    """Draw a positive definite quadratic of one to five unknowns."""
    n = int(rng.integers(1, 6))
    a = rng.standard_normal((n, n))
    constants = [a @ a.T / n + 0.5 * numpy.eye(n), rng.standard_normal(n)]
    return Problem("quadratic", [rng.standard_normal(n)], constants)


def network(rng: numpy.random.Generator) -> Problem:
    """Draw a network with one hidden layer, and data for it."""
    inputs, hidden, outputs, samples = (int(n) for n in rng.integers(1, 5, 4))
    shapes = [(hidden, inputs), (hidden,), (outputs, hidden), (outputs,)]
    constants = [rng.standard_normal((samples, inputs)), rng.standard_normal((samples, outputs))]
    return Problem("network", [rng.standard_normal(shape) for shape in shapes], constants)


def recorded() -> dict[str, tuple[Problem, dict[str, numpy.ndarray]]]:
    """Read the record: for each name a problem, and what PyTorch's parameters were in each case."""
    with numpy.load(RECORD) as file:
        arrays = dict(file)
    names = [key.removesuffix("/seen") for key in arrays if key.endswith("/seen")]
    read = {}
    for name in names:
        parts = [
            [arrays[key] for key in arrays if key.startswith(f"{name}/{what}/")] for what in ("start", "constants")
        ]
        seen = dict(zip(arrays["cases"].tolist(), arrays[f"{name}/seen"], strict=True))
        read[name] = (Problem(name.split()[0], *parts), seen)
    return read


def shaken(problem: Problem) -> Problem:
    """Give the same problem with another start, 10⁻¹² away."""
    rng = numpy.random.default_rng(0)
    start = [part * (1.0 + 1e-12 * rng.standard_normal(part.shape)) for part in problem.start]
    return Problem(problem.loss, start, problem.constants)


def difference(ours: numpy.ndarray, theirs: numpy.ndarray) -> float:
    """Give the largest difference of two trajectories, relative to the largest parameter."""
    return float(abs(ours - theirs).max() / abs(theirs).max())


def solve(case: str, problem: Problem) -> numpy.ndarray:
    """Run minigrad's optimizer, and give all parameters as one vector after each of `STEPS`."""
    kind, settings = CASES[case]
    theta = [mg.tensor(part, requires_grad=True) for part in problem.start]
    constants = [current().asarray(part) for part in problem.constants]
    optimizer = getattr(optim, kind)(theta, **settings)
    seen = []
    for j in range(1, STEPS[-1] + 1):
        optimizer.zero_grad()
        LOSSES[problem.loss](theta, constants, mg.numpy.tanh).backward()
        optimizer.step()
        if j in STEPS:
            seen.append(numpy.concatenate([mg.asnumpy(part).ravel() for part in theta]))
    return numpy.stack(seen)


def solve_with_torch(torch: Any, case: str, problem: Problem) -> numpy.ndarray:
    """Run PyTorch's optimizer of the same name in the same way."""
    kind, settings = CASES[case]
    theta = [torch.tensor(part, dtype=torch.float64, requires_grad=True) for part in problem.start]
    constants = [torch.tensor(part, dtype=torch.float64) for part in problem.constants]
    optimizer = getattr(torch.optim, kind)(theta, **settings)
    seen = []
    for j in range(1, STEPS[-1] + 1):
        optimizer.zero_grad()
        LOSSES[problem.loss](theta, constants, torch.tanh).backward()
        optimizer.step()
        if j in STEPS:
            seen.append(numpy.concatenate([part.detach().numpy().ravel() for part in theta]))
    return numpy.stack(seen)
