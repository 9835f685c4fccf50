"""The same elements in another shape, or with their axes in another order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigrad.numpy.arrays import as_array
from minigrad.primitives import linear
from minigrad.primitives.linear import axes_of
from minigrad.tape import ShapeError


def reshape(x: Any, shape: Any, order: str = "C") -> Any:
    """Give the same elements, row by row, another shape.

    Parameters
    ----------
    shape : int or tuple of int
        One size may be −1: it follows from the others.
    order : "C"
        There for NumPy's sake.

    Raises
    ------
    ValueError
        If another order is asked for.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.reshape([1.0, 2.0, 3.0, 4.0], (2, -1))
    array([[1., 2.],
           [3., 4.]])
    """
    if order != "C":
        raise ValueError(
            f"reshape reads row by row (order='C'); got order={order!r}. Transpose first for another order."
        )
    return linear.reshape(as_array(x), shape=shape)


def ravel(x: Any, order: str = "C") -> Any:
    """Give the elements as one vector.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.ravel([[1.0, 2.0], [3.0, 4.0]])
    array([1., 2., 3., 4.])
    """
    return reshape(x, -1, order)


def broadcast_to(x: Any, shape: Any) -> Any:
    """Repeat an array along new axes and axes of size 1, up to a shape.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.broadcast_to([1.0, 2.0], (2, 2))
    array([[1., 2.],
           [1., 2.]])
    """
    return linear.broadcast_to(as_array(x), shape=shape)


def transpose(x: Any, axes: Sequence[int] | None = None) -> Any:
    """Permute the axes; without `axes`, reverse them.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.transpose(np.ones((2, 3, 4)), (1, 0, 2)).shape
    (3, 2, 4)
    """
    x = as_array(x)
    return linear.transpose(x, axes=None if axes is None else axes_of(tuple(axes), x.ndim))


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Exchange two axes.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.swapaxes(np.ones((2, 3, 4)), 0, -1).shape
    (4, 3, 2)
    """
    x = as_array(x)
    order = list(range(x.ndim))
    a, b = axes_of((axis1, axis2), x.ndim)
    order[a], order[b] = b, a
    return transpose(x, order)


def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """Move axes to other places; the rest keep their order.

    Parameters
    ----------
    source, destination : int or sequence of int
        Where the axes are, and where they go.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.moveaxis(np.ones((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    x = as_array(x)
    sources, targets = axes_of(source, x.ndim), axes_of(destination, x.ndim)
    order = [i for i in range(x.ndim) if i not in sources]
    for target, origin in sorted(zip(targets, sources, strict=True)):
        order.insert(target, origin)
    return transpose(x, order)


def expand_dims(x: Any, axis: Any) -> Any:
    """Insert axes of size 1.

    Parameters
    ----------
    axis : int or tuple of int
        Where they stand in the result.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.expand_dims([1.0, 2.0], 1).shape
    (2, 1)
    """
    x = as_array(x)
    count = x.ndim + (len(axis) if isinstance(axis, tuple | list) else 1)
    new = axes_of(axis, count)
    sizes = iter(x.shape)
    return reshape(x, tuple(1 if i in new else next(sizes) for i in range(count)))


def squeeze(x: Any, axis: Any = None) -> Any:
    """Remove axes of size 1.

    Parameters
    ----------
    axis : int, tuple of int or None
        Which of them; None for all.

    Raises
    ------
    ShapeError
        If an axis to remove has another size.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.squeeze(np.ones((1, 3, 1))).shape
    (3,)
    """
    x = as_array(x)
    gone = tuple(i for i, n in enumerate(x.shape) if n == 1) if axis is None else axes_of(axis, x.ndim)
    for i in gone:
        if x.shape[i] != 1:
            raise ShapeError(f"squeeze cannot remove axis {i} of shape {x.shape}: its size is not 1")
    return reshape(x, tuple(n for i, n in enumerate(x.shape) if i not in gone))


def atleast_1d(x: Any) -> Any:
    """Give a number one axis, and leave anything else.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.atleast_1d(3.0)
    array([3.])
    """
    x = as_array(x)
    return x if x.ndim else reshape(x, (1,))


def atleast_2d(x: Any) -> Any:
    """Give a number or a vector two axes, as one row.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.atleast_2d([1.0, 2.0])
    array([[1., 2.]])
    """
    x = as_array(x)
    return x if x.ndim >= 2 else reshape(x, (1, -1))
