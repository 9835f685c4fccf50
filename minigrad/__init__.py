"""minigrad: a tiny engine for derivatives of any order, with the layers, data and tools that the lectures stand on.

Examples
--------
>>> import minigrad as mg
>>> import minigrad.numpy as np
>>> mg.grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
array([2., 4.])
"""

from typing import Any

from numpy import ndarray as _ndarray

from minigrad import data, nn, numpy, optim, prox, testing
from minigrad.backend import BackendError, MixedDevicesError, to_host, use
from minigrad.checkpoint import CheckpointError, load, save
from minigrad.compiling import Compiled, CompileError, compile
from minigrad.history import History
from minigrad.numpy import linalg
from minigrad.sweeping import Results, Run, RunError, sweep
from minigrad.tape import AnomalyError, GraphError, ShapeError
from minigrad.tensor import Tensor, detect_anomaly, no_grad, tensor
from minigrad.training import DivergenceError, fit
from minigrad.transforms import (
    Linearization,
    gauss_newton,
    ggnvp,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    linearize,
    value_and_grad,
    vjp,
)

__version__ = "0.1.0"

__all__ = [
    "AnomalyError",
    "BackendError",
    "CheckpointError",
    "CompileError",
    "Compiled",
    "DivergenceError",
    "GraphError",
    "History",
    "Linearization",
    "MixedDevicesError",
    "Results",
    "Run",
    "RunError",
    "ShapeError",
    "Tensor",
    "asnumpy",
    "compile",
    "data",
    "detect_anomaly",
    "fit",
    "gauss_newton",
    "ggnvp",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "linalg",
    "linearize",
    "load",
    "nn",
    "no_grad",
    "numpy",
    "optim",
    "prox",
    "save",
    "sweep",
    "tensor",
    "testing",
    "use",
    "value_and_grad",
    "vjp",
]


def asnumpy(x: Any) -> _ndarray:
    """Copy an array or a Tensor of any backend to the host, as a NumPy array.

    Parameters
    ----------
    x : array_like
        A Tensor, an array of any backend, a list or a number.

    Examples
    --------
    >>> asnumpy(tensor([1.0, 2.0]))
    array([1., 2.])
    """
    return to_host(x.data if isinstance(x, Tensor) else x)
