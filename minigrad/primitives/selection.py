"""Maps that pick elements: linear as long as the same elements are picked."""

from __future__ import annotations

from typing import Any

from minigrad.backend import xp
from minigrad.primitives.kinds import selection, zero
from minigrad.primitives.linear import getitem, restore_axes, scatter_add, sum

argmax = zero("argmax")
argmin = zero("argmin")
argsort = zero("argsort")


def _extremal_shares(ans: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Weight 1 on the extreme element, shared equally where several tie."""
    picked = (x == restore_axes(ans, x.shape, axis, keepdims)).astype(x.dtype)
    return picked / picked.sum(axis=axis, keepdims=True)


def _weighted_sum(t: Any, shares: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return sum(t * shares, axis=axis, keepdims=keepdims)


def _weighted_spread(g: Any, shares: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return restore_axes(g, shares.shape, axis, keepdims) * shares


max = selection("max", _extremal_shares, _weighted_sum, _weighted_spread)
min = selection("min", _extremal_shares, _weighted_sum, _weighted_spread)


def along_axis(indices: Any, axis: int, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Write indices along one axis of a shape as a full index: ``x[...]`` of it is NumPy's take_along_axis."""
    ndim = len(shape)
    ranges = [xp.arange(n).reshape((-1,) + (1,) * (ndim - d - 1)) for d, n in enumerate(shape)]
    ranges[axis] = indices
    return tuple(ranges)


def _order(ans: Any, x: Any, axis: int) -> Any:
    return along_axis(xp.argsort(x, axis=axis), axis, x.shape)


sort = selection(
    "sort",
    _order,
    lambda t, order, axis: getitem(t, index=order),
    lambda g, order, axis: scatter_add(g, index=order, shape=g.shape),
)
