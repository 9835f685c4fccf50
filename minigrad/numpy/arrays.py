"""What counts as an array: a Tensor, an array of the backend, a number, or a list of any of these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigrad.backend import current, xp
from minigrad.primitives import linear
from minigrad.primitives.elementwise import positive
from minigrad.tape import ShapeError
from minigrad.tensor import Tensor


def as_array(x: Any) -> Any:
    """Give a Tensor as it is and anything else as an array, joining lists that contain tensors.

    Every function of this package calls it first on its arguments.

    Examples
    --------
    >>> import minigrad as mg
    >>> import minigrad.numpy as np
    >>> np.as_array([1.0, 2.0]), np.as_array([1.0, mg.tensor(2.0)])
    (array([1., 2.]), tensor([1., 2.]))
    """
    if isinstance(x, Tensor):
        return x
    if isinstance(x, list | tuple):
        return array(x)
    return current().operand(x) if hasattr(x, "shape") else current().asarray(x)


def array(x: Any, dtype: Any = None, **kwargs: Any) -> Any:
    """Make an array; a nested list that contains tensors is stacked, so that derivatives flow through it.

    Examples
    --------
    >>> import minigrad as mg
    >>> import minigrad.numpy as np
    >>> mg.grad(lambda x: np.sum(np.array([x, 2.0 * x])))(1.0)
    np.float64(3.0)
    """
    if isinstance(x, Tensor):
        return x if dtype is None else x.astype(dtype)
    if isinstance(x, list | tuple) and _holds_tensor(x):
        joined = stack([array(part) for part in x])
        return joined if dtype is None else joined.astype(dtype)
    return xp.array(x, dtype=dtype, **kwargs)


def asarray(x: Any, dtype: Any = None) -> Any:
    """Make an array without copying one; see `array`.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> x = np.array([1.0, 2.0])
    >>> np.asarray(x) is x
    True
    """
    return array(x, dtype) if isinstance(x, Tensor | list | tuple) else xp.asarray(x, dtype=dtype)


def _holds_tensor(x: Any) -> bool:
    if isinstance(x, list | tuple):
        return any(_holds_tensor(part) for part in x)
    return isinstance(x, Tensor)


def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Join arrays of one shape along a new axis.

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.stack([np.array([1.0, 2.0]), np.array([3.0, 4.0])], axis=1)
    array([[1., 3.],
           [2., 4.]])
    """
    parts = [as_array(x) for x in arrays]
    shapes = {tuple(x.shape) for x in parts}
    if len(shapes) != 1:
        given = ", ".join(str(x.shape) for x in parts) or "no arrays"
        raise ShapeError(f"stack needs arrays of one shape; got {given}")
    (shape,) = shapes
    (axis,) = linear.axes_of(axis, len(shape) + 1)
    wider = (*shape[:axis], 1, *shape[axis:])
    return linear.concatenate(*[linear.reshape(x, shape=wider) for x in parts], axis=axis)


def astype(x: Any, dtype: Any) -> Any:
    """Convert the elements to another type.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.astype([1.5, 2.5], "float32")
    array([1.5, 2.5], dtype=float32)
    """
    return as_array(x).astype(dtype)


def copy(x: Any) -> Any:
    """Copy an array; a Tensor, which never changes, gives a new node.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> x = np.array([1.0, 2.0])
    >>> np.copy(x) is x
    False
    """
    x = as_array(x)
    return positive(x) if isinstance(x, Tensor) else x.copy()
