"""Several arrays become one, one becomes several, and one becomes larger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

from minigrad.backend import xp
from minigrad.numpy.arrays import as_array
from minigrad.numpy.picking import take
from minigrad.numpy.shapes import atleast_1d, atleast_2d, broadcast_to, expand_dims, ravel, reshape
from minigrad.primitives import linear
from minigrad.primitives.linear import axes_of
from minigrad.tape import ShapeError

# Joining


def concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    """Join arrays along an axis they have; with axis None, join them flattened.

    Raises
    ------
    ValueError
        If there are no arrays.
    ShapeError
        If the arrays differ in their number of axes, or in a size beside the one along `axis`.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.concatenate([[1.0, 2.0], [3.0]])
    array([1., 2., 3.])
    """
    parts = [ravel(x) if axis is None else as_array(x) for x in arrays]
    if not parts:
        raise ValueError("concatenate needs at least one array")
    ranks = {x.ndim for x in parts}
    if len(ranks) > 1 or ranks == {0}:
        raise ShapeError(
            "concatenate needs arrays with the same number of axes, at least one; "
            f"got shapes {', '.join(str(x.shape) for x in parts)}"
        )
    return linear.concatenate(*parts, axis=axes_of(axis or 0, parts[0].ndim)[0])


def vstack(arrays: Sequence[Any]) -> Any:
    """Join arrays as rows.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.vstack([[1.0, 2.0], [3.0, 4.0]])
    array([[1., 2.],
           [3., 4.]])
    """
    return concatenate([atleast_2d(x) for x in arrays], 0)


def hstack(arrays: Sequence[Any]) -> Any:
    """Join arrays side by side: along the second axis, or the first for vectors.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.hstack([[[1.0], [2.0]], [[3.0], [4.0]]])
    array([[1., 3.],
           [2., 4.]])
    """
    parts = [atleast_1d(x) for x in arrays]
    return concatenate(parts, 0 if parts and parts[0].ndim == 1 else 1)


def dstack(arrays: Sequence[Any]) -> Any:
    """Join arrays along a third axis.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.dstack([np.ones((2, 3)), np.ones((2, 3))]).shape
    (2, 3, 2)
    """
    parts = [atleast_2d(x) for x in arrays]
    return concatenate([x if x.ndim >= 3 else expand_dims(x, 2) for x in parts], 2)


def column_stack(arrays: Sequence[Any]) -> Any:
    """Join vectors as columns of a matrix.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.column_stack([[1.0, 2.0], [3.0, 4.0]])
    array([[1., 3.],
           [2., 4.]])
    """
    parts = [as_array(x) for x in arrays]
    return concatenate([expand_dims(x, 1) if x.ndim == 1 else x for x in parts], 1)


def append(x: Any, values: Any, axis: int | None = None) -> Any:
    """Put values after an array, flattened if no axis is given.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.append([1.0, 2.0], 3.0)
    array([1., 2., 3.])
    """
    return concatenate([x, values], axis)


# Cutting


def array_split(x: Any, sections: Any, axis: int = 0) -> list[Any]:
    """Cut an array into pieces, at the given places or into so many nearly equal parts.

    Parameters
    ----------
    sections : int or sequence of int
        The number of pieces, or where each piece after the first one starts.

    Raises
    ------
    ValueError
        If the number of pieces is less than 1.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.array_split([1.0, 2.0, 3.0], 2)
    [array([1., 2.]), array([3.])]
    """
    x = as_array(x)
    (axis,) = axes_of(axis, x.ndim)
    n = x.shape[axis]
    if isinstance(sections, int):
        if sections < 1:
            raise ValueError(f"array_split needs at least 1 section, got {sections}")
        small, larger = divmod(n, sections)
        sizes = [small + 1] * larger + [small] * (sections - larger)
        cuts = [sum(sizes[:i]) for i in range(1, sections)]
    else:
        cuts = [int(cut) for cut in sections]
    edges = list(zip([0, *cuts], [*cuts, n], strict=True))
    return [x[(slice(None),) * axis + (slice(start, stop),)] for start, stop in edges]


def split(x: Any, sections: Any, axis: int = 0) -> list[Any]:
    """Cut an array at the given places, or into so many equal parts.

    Parameters
    ----------
    sections : int or sequence of int
        The number of pieces, or where each piece after the first one starts.

    Raises
    ------
    ValueError
        If there are no such equal parts.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.split([1.0, 2.0, 3.0], [1])
    [array([1.]), array([2., 3.])]
    """
    n = as_array(x).shape[axis]
    if isinstance(sections, int) and (sections < 1 or n % sections):
        raise ValueError(f"split cannot cut an axis of size {n} into {sections} equal parts; see array_split")
    return array_split(x, sections, axis)


# Enlarging


def tile(x: Any, reps: Any) -> Any:
    """Repeat a whole array along its axes.

    Parameters
    ----------
    reps : int or sequence of int
        How often along each axis, the last axis last.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.tile([1.0, 2.0], 2)
    array([1., 2., 1., 2.])
    """
    x = as_array(x)
    counts = (reps,) if isinstance(reps, int) else tuple(reps)
    ndim = max(x.ndim, len(counts))
    counts = (1,) * (ndim - len(counts)) + counts
    shape = (1,) * (ndim - x.ndim) + tuple(x.shape)
    paired = reshape(x, tuple(n for size in shape for n in (1, size)))
    wide = broadcast_to(paired, shape=tuple(n for pair in zip(counts, shape, strict=True) for n in pair))
    return reshape(wide, tuple(c * n for c, n in zip(counts, shape, strict=True)))


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Repeat each element along an axis, or of the flattened array.

    Parameters
    ----------
    repeats : int or sequence of int
        How often; a sequence has one number for each element along the axis.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.repeat([1.0, 2.0], 2)
    array([1., 1., 2., 2.])
    """
    x = ravel(x) if axis is None else as_array(x)
    (axis,) = axes_of(axis or 0, x.ndim)
    counts = numpy.broadcast_to(numpy.asarray(repeats), x.shape[axis])
    return take(x, numpy.repeat(numpy.arange(x.shape[axis]), counts).tolist(), axis)


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0.0) -> Any:
    """Put elements around an array: a constant, or copies of its own (edge, reflect, symmetric, wrap).

    Parameters
    ----------
    pad_width : int, pair of int, or one pair for each axis
        How many before and after.
    mode : {"constant", "edge", "reflect", "symmetric", "wrap"}
        What the new elements are.
    constant_values : number, pair of numbers, or one pair for each axis
        What stands before and after, for mode "constant".

    Raises
    ------
    ValueError
        If the mode is another one.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.pad([1.0, 2.0], (0, 2)), np.pad([1.0, 2.0, 3.0], 1, "reflect")
    (array([1., 2., 0., 0.]), array([2., 1., 2., 3., 2.]))
    """
    x = as_array(x)
    width = numpy.broadcast_to(numpy.asarray(pad_width), (x.ndim, 2)).tolist() if x.ndim else []
    if mode == "constant":
        padded = linear.pad(x, pad_width=tuple((before, after) for before, after in width))
        if isinstance(constant_values, int | float) and not constant_values:
            return padded
        frame = numpy.pad(numpy.zeros(x.shape, x.dtype), width, constant_values=constant_values)
        return padded + xp.asarray(frame)
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        raise ValueError(f"pad knows the modes constant, edge, reflect, symmetric and wrap; got {mode!r}")
    for axis, (before, after) in enumerate(width):
        if before or after:
            x = take(x, numpy.pad(numpy.arange(x.shape[axis]), (before, after), mode=mode).tolist(), axis)  # type: ignore[call-overload]
    return x
