"""What NumPy gives `Tensor`: its method names, ``x.sum()`` for ``sum(x)``, and its protocols, ``numpy.sum(x)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad.numpy import arrays, constants, elementwise, joining, picking, products, reductions, shapes
from minigrad.numpy.dispatch import called_as_function, called_as_ufunc
from minigrad.tensor import Tensor


def flatten(x: Tensor) -> Any:
    """Give the elements as one vector.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.tensor([[1.0, 2.0], [3.0, 4.0]]).flatten()
    tensor([1., 2., 3., 4.])
    """
    return shapes.ravel(x)


def transpose(x: Tensor, *axes: Any) -> Any:
    """Permute the axes; without arguments, reverse them.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.tensor([[1.0, 2.0], [3.0, 4.0]]).transpose(1, 0)
    tensor([[1., 3.],
            [2., 4.]])
    """
    if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], tuple | list)):
        return shapes.transpose(x, axes[0])
    return shapes.transpose(x, axes or None)


METHODS: dict[str, Callable[..., Any]] = {
    **{name: constants.FUNCTIONS[name] for name in "all any argmax argmin argsort nonzero round".split()},
    **{name: getattr(reductions, name) for name in "cumsum max mean min prod ptp std sum var".split()},
    **{name: getattr(shapes, name) for name in "broadcast_to ravel squeeze swapaxes".split()},
    **{name: getattr(picking, name) for name in "diagonal take".split()},
    **{name: getattr(products, name) for name in "dot trace".split()},
    "clip": elementwise.clip,
    "copy": arrays.copy,
    "flatten": flatten,
    "repeat": joining.repeat,
    "transpose": transpose,
}
for _name, _method in METHODS.items():
    setattr(Tensor, _name, _method)


def _array_ufunc(x: Tensor, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    return called_as_ufunc(ufunc, method, inputs, kwargs)


def _array_function(x: Tensor, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
    return called_as_function(function, args, kwargs)


setattr(Tensor, "__array_ufunc__", _array_ufunc)  # noqa: B010 (mypy takes no assignment of methods)
setattr(Tensor, "__array_function__", _array_function)  # noqa: B010
