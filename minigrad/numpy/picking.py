"""Some of the elements, or all of them in another order."""

from __future__ import annotations

from typing import Any

from minigrad.backend import xp
from minigrad.numpy.arrays import as_array
from minigrad.numpy.shapes import moveaxis, ravel, reshape
from minigrad.primitives import linear, selection
from minigrad.primitives.elementwise import where
from minigrad.primitives.kinds import raw
from minigrad.primitives.linear import axes_of
from minigrad.tape import ShapeError
from minigrad.tensor import Tensor, plain_index


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Pick elements along an axis, or of the flattened array.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.take([[1.0, 2.0], [3.0, 4.0]], [1, 1], axis=0)
    array([[3., 4.],
           [3., 4.]])
    """
    x = ravel(x) if axis is None else as_array(x)
    (axis,) = axes_of(axis or 0, x.ndim)
    return linear.getitem(x, index=(slice(None),) * axis + (plain_index(indices),))


def take_along_axis(x: Any, indices: Any, axis: int | None = -1) -> Any:
    """Pick elements along an axis, by an array of indices that has the other axes too.

    Parameters
    ----------
    indices : integer array
        Of x's shape, except along `axis`.
    axis : int or None
        None for the flattened array.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.take_along_axis([[1.0, 2.0], [3.0, 4.0]], np.array([[1], [0]]), axis=1)
    array([[2.],
           [3.]])
    """
    x = ravel(x) if axis is None else as_array(x)
    (axis,) = axes_of(0 if axis is None else axis, x.ndim)
    indices = as_array(raw(indices))
    if indices.ndim != x.ndim:
        raise ShapeError(
            f"take_along_axis needs indices with as many axes as the array; got shapes {indices.shape} and {x.shape}"
        )
    return linear.getitem(x, index=selection.along_axis(indices, axis, x.shape))


def sort(x: Any, axis: int | None = -1) -> Any:
    """Sort along an axis, or the flattened array.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.sort([3.0, 1.0, 2.0])
    array([1., 2., 3.])
    """
    x = ravel(x) if axis is None else as_array(x)
    return selection.sort(x, axis=axes_of(0 if axis is None else axis, x.ndim)[0])


def flip(x: Any, axis: Any = None) -> Any:
    """Reverse the order of the elements along axes.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.flip([1.0, 2.0, 3.0])
    array([3., 2., 1.])
    """
    x = as_array(x)
    return linear.flip(x, axis=axes_of(axis, x.ndim))


def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    """Shift elements around the end of an axis, or of the flattened array.

    Parameters
    ----------
    shift : int or tuple of int
        By how many places; a tuple has one for each axis.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.roll([1.0, 2.0, 3.0], 1)
    array([3., 1., 2.])
    """
    x = as_array(x)
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), x.shape)
    axes = axes_of(axis, x.ndim)
    shifts = tuple(shift) if isinstance(shift, tuple | list) else (shift,) * len(axes)
    return linear.roll(x, shift=shifts, axis=axes)


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Give a diagonal, as the last axis.

    Parameters
    ----------
    offset : int
        How far above the main diagonal; negative for below.
    axis1, axis2 : int
        The rows and the columns.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.diagonal([[1.0, 2.0], [3.0, 4.0]])
    array([1., 4.])
    """
    x = moveaxis(x, (axis1, axis2), (-2, -1))
    rows, columns = x.shape[-2:]
    first = max(0, -offset)
    n = max(0, min(rows - first, columns - max(0, offset)))
    i = xp.arange(first, first + n)
    return x[..., i, i + offset]


def diag(x: Any, k: int = 0) -> Any:
    """Give the k-th diagonal of a matrix, or the matrix with a vector on its k-th diagonal.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.diag([1.0, 2.0])
    array([[1., 0.],
           [0., 2.]])
    """
    x = as_array(x)
    if x.ndim != 1:
        return diagonal(x, k)
    if not isinstance(x, Tensor):
        return xp.diag(x, k)
    n = len(x) + abs(k)
    i = xp.arange(len(x)) + max(0, -k)
    return linear.scatter_add(x, index=(i, i + k), shape=(n, n))


def tril(x: Any, k: int = 0) -> Any:
    """Keep the elements on and below the k-th diagonal.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.tril([[1.0, 2.0], [3.0, 4.0]])
    array([[1., 0.],
           [3., 4.]])
    """
    x = as_array(x)
    return where(xp.tri(x.shape[-2], x.shape[-1], k, dtype=bool), x, 0.0)


def triu(x: Any, k: int = 0) -> Any:
    """Keep the elements on and above the k-th diagonal.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.triu([[1.0, 2.0], [3.0, 4.0]])
    array([[1., 2.],
           [0., 4.]])
    """
    x = as_array(x)
    return where(xp.tri(x.shape[-2], x.shape[-1], k - 1, dtype=bool), 0.0, x)
