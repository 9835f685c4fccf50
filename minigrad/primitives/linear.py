"""Linear maps of one array, each with its transpose, and joining, which is linear in any number of arrays."""

from __future__ import annotations

from typing import Any

from minigrad.backend import xp
from minigrad.primitives.kinds import ForEach, declare, linear
from minigrad.tape import Primitive


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """Write an axis argument as a tuple of non-negative axes; None means all of them.

    Examples
    --------
    >>> axes_of(-1, 3), axes_of(None, 2)
    ((2,), (0, 1))
    """
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, tuple | list) else (axis,)
    for a in axes:
        if not -ndim <= a < ndim:
            raise ValueError(f"axis {a} does not exist; the array has {ndim} axes, numbered 0 to {ndim - 1}")
    return tuple(a % ndim for a in axes)


def restore_axes(reduced: Any, shape: tuple[int, ...], axis: Any, keepdims: bool) -> Any:
    """Put axes of size 1 back where a reduction took them away, so that the result broadcasts against the argument."""
    if keepdims or axis is None:  # one number broadcasts against anything
        return reduced
    gone = axes_of(axis, len(shape))
    return reduced.reshape(tuple(1 if i in gone else n for i, n in enumerate(shape)))


def _spread(g: Any, shape: tuple[int, ...], axis: Any, keepdims: bool) -> Any:
    return broadcast_to(restore_axes(g, shape, axis, keepdims), shape=shape)


def _sum_pull(g: Any, ans: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return _spread(g, x.shape, axis, keepdims)


def _mean_pull(g: Any, ans: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return _spread(g * (ans.size / max(x.size, 1)), x.shape, axis, keepdims)


def _broadcast_pull(g: Any, ans: Any, x: Any, shape: tuple[int, ...]) -> Any:
    return g  # the sweep itself sums over stretched axes


sum = linear("sum", _sum_pull)
mean = linear("mean", _mean_pull)
broadcast_to = linear("broadcast_to", _broadcast_pull)
reshape: Primitive = linear(
    "reshape", lambda g, ans, x, shape: reshape(g, shape=x.shape), forward=lambda x, *, shape: x.reshape(shape)
)


def _transpose_back(g: Any, ans: Any, x: Any, axes: Any = None) -> Any:
    return transpose(g, axes=None if axes is None else tuple(sorted(range(len(axes)), key=axes.__getitem__)))


transpose = linear("transpose", _transpose_back, forward=lambda x, *, axes=None: x.transpose(axes))
astype: Primitive = linear(
    "astype", lambda g, ans, x, dtype: astype(g, dtype=x.dtype), forward=lambda x, *, dtype: x.astype(dtype)
)

# Picking elements and adding them into zeros are each other's transposes.


def _scatter_add(x: Any, *, index: Any, shape: tuple[int, ...]) -> Any:
    out = xp.zeros(shape, x.dtype)
    if is_basic(index):
        out[index] = x
    else:
        xp.add.at(out, index, x)
    return out


def is_basic(index: Any) -> bool:
    """Tell whether an index picks every element at most once: slices, integers, None, or one boolean mask."""
    parts = index if isinstance(index, tuple) else (index,)
    if len(parts) == 1 and hasattr(parts[0], "dtype"):
        return bool(parts[0].dtype.kind == "b")
    return all(part is None or part is Ellipsis or isinstance(part, slice | int) for part in parts)


getitem = linear(
    "getitem",
    lambda g, ans, x, index: scatter_add(g, index=index, shape=x.shape),
    forward=lambda x, *, index: x[index],
)
scatter_add: Primitive = linear(
    "scatter_add", lambda g, ans, x, index, shape: getitem(g, index=index), forward=_scatter_add
)


def _cumsum_pull(g: Any, ans: Any, x: Any, axis: int) -> Any:
    return flip(cumsum(flip(g, axis=axis), axis=axis), axis=axis)


cumsum = linear("cumsum", _cumsum_pull)
flip: Primitive = linear("flip", lambda g, ans, x, axis: flip(g, axis=axis))
roll: Primitive = linear(
    "roll",
    lambda g, ans, x, shift, axis: roll(g, shift=_negated(shift), axis=axis),
)
pad = linear(
    "pad",
    lambda g, ans, x, pad_width: getitem(
        g, index=tuple(slice(before, before + n) for (before, _), n in zip(pad_width, x.shape, strict=True))
    ),
)


def _negated(shift: Any) -> Any:
    return tuple(-s for s in shift) if isinstance(shift, tuple) else -shift


# Joining: jointly linear in all of its arrays.


def _concatenate_push(i: int, t: Any, ans: Any, *arrays: Any, axis: int) -> Any:
    before = [0] * len(ans.shape)
    before[axis] = _offset(arrays, i, axis)
    width = [(b, n - b - m) for b, n, m in zip(before, ans.shape, t.shape, strict=True)]
    return pad(t, pad_width=tuple(width))


def _concatenate_pull(i: int, g: Any, ans: Any, *arrays: Any, axis: int) -> Any:
    start = _offset(arrays, i, axis)
    return getitem(g, index=(slice(None),) * axis + (slice(start, start + arrays[i].shape[axis]),))


def _offset(arrays: tuple[Any, ...], i: int, axis: int) -> int:
    total = 0
    for array in arrays[:i]:
        total += array.shape[axis]
    return total


concatenate = declare(
    Primitive(
        "concatenate",
        "linear",
        ForEach(_concatenate_push),
        ForEach(_concatenate_pull),
        lambda *arrays, axis: xp.concatenate(arrays, axis=axis),
    )
)
