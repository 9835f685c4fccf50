"""All parameters of a module as one vector θ, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import accumulate
from typing import Any

import minigrad.numpy as np
from minigrad.backend import current
from minigrad.nn.module import Module, StateError, misfit
from minigrad.primitives.kinds import raw
from minigrad.tape import ShapeError, changed_in_place
from minigrad.tensor import Tensor


def ravel(module: Module) -> tuple[Any, Callable[[Any], Module]]:
    """Give the parameters of a module as one vector θ, and the function that makes a module of any such vector.

    ``unravel(theta)`` is the module with the pieces of theta in the place of its parameters, so the loss becomes a
    function of one vector, to which every transform applies. Buffers, such as running means, are shared.

    Parameters
    ----------
    module : Module
        With at least one parameter.

    Returns
    -------
    vector : array, shape (number of parameters,)
        A copy of all parameters, in the order of `Module.parameters`.
    unravel : callable
        From a vector, an array or a Tensor, to a module.

    Raises
    ------
    ValueError
        If the module has no parameters.

    Examples
    --------
    >>> import minigrad as mg
    >>> import minigrad.numpy as np
    >>> from minigrad import nn
    >>> theta, unravel = ravel(nn.Linear(2, 1, dtype="float64"))
    >>> theta.shape
    (3,)
    >>> mg.grad(lambda theta: unravel(theta)(np.array([2.0, 3.0])).sum())(theta)
    array([2., 3., 1.])
    """
    named = dict(module.named_parameters())
    if not named:
        raise ValueError(f"{type(module).__name__} has no parameters to put into a vector")
    vector = np.concatenate([p.data.reshape(-1) for p in named.values()])
    size = vector.shape[0]

    def unravel(theta: Any) -> Module:
        """Give the module with the pieces of theta as its parameters."""
        theta = np.as_array(theta)
        if tuple(theta.shape) != (size,):
            raise ShapeError(f"unravel needs a vector of {size} numbers; got shape {tuple(theta.shape)}")
        return module.bound(dict(zip(named, _pieces(theta, named.values()), strict=True)))

    return vector, unravel


def load_vector(module: Module, vector: Any) -> None:
    """Overwrite the parameters of a module, in place, by the pieces of a vector.

    Parameters
    ----------
    module : Module
    vector : array_like, shape (number of parameters,)
        In the order of `ravel`.

    Raises
    ------
    ShapeError
        If the vector has another size.
    StateError
        If it holds something else than real numbers, or numbers too large for the parameters. Nothing is changed.

    Examples
    --------
    >>> from minigrad import nn
    >>> import minigrad.numpy as np
    >>> layer = nn.Linear(2, 1)
    >>> load_vector(layer, np.array([1.0, 2.0, 3.0]))
    >>> layer.bias.item()
    3.0
    """
    values = current().asarray(raw(vector))
    parameters = module.parameters()
    size = sum(p.size for p in parameters)
    if tuple(values.shape) != (size,):
        raise ShapeError(f"load_vector needs a vector of {size} numbers; got shape {tuple(values.shape)}")
    pieces = _pieces(values, parameters)
    for p, piece in zip(parameters, pieces, strict=True):
        fault = misfit(piece, p)
        if fault:
            raise StateError(f"load_vector: the vector {fault}; nothing was changed")
    for p, piece in zip(parameters, pieces, strict=True):
        p.data[...] = piece
        changed_in_place(p)


def _pieces(vector: Any, parameters: Collection[Tensor]) -> list[Any]:
    """Cut a vector into pieces of the shapes of the parameters."""
    ends = accumulate(p.size for p in parameters)
    return [vector[end - p.size : end].reshape(p.shape) for p, end in zip(parameters, ends, strict=True)]
