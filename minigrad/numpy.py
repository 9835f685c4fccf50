"""NumPy's names, differentiable: ``import minigrad.numpy as np``.

Functions with a derivative stand below: the primitives of the table as they are, then the compositions. Called on plain
arrays they give plain arrays; called on a Tensor they record. Every other name is the array library's own, passed
through: ``np.pi``, ``np.arange``, ``np.random``. A function without a derivative that meets a Tensor says so in a clear
error.

Examples
--------
>>> import minigrad as mg
>>> import minigrad.numpy as np
>>> mg.grad(lambda x: np.sum(np.sin(x) ** 2))(np.array([0.0, np.pi / 4]))
array([0., 1.])
"""

from __future__ import annotations

import builtins
import difflib
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy

from minigrad import linalg
from minigrad.backend import current, xp
from minigrad.linalg import norm
from minigrad.primitives import elementwise as e
from minigrad.primitives import general, linear, selection
from minigrad.primitives.bilinear import einsum as _einsum
from minigrad.primitives.bilinear import matmul
from minigrad.primitives.elementwise import (
    absolute,
    add,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    cbrt,
    ceil,
    cos,
    cosh,
    divide,
    equal,
    exp,
    exp2,
    expm1,
    floor,
    floor_divide,
    greater,
    greater_equal,
    hypot,
    isfinite,
    isinf,
    isnan,
    less,
    less_equal,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    maximum,
    minimum,
    multiply,
    negative,
    not_equal,
    positive,
    power,
    reciprocal,
    relu,
    remainder,
    rint,
    sigmoid,
    sign,
    signbit,
    sin,
    sinc,
    sinh,
    softplus,
    sqrt,
    square,
    subtract,
    tan,
    tanh,
    trunc,
    where,
)
from minigrad.primitives.kinds import raw
from minigrad.primitives.linear import axes_of, broadcast_to
from minigrad.tape import ShapeError
from minigrad.tensor import Tensor, plain_index

abs = fabs = absolute
mod = remainder
true_divide = divide
float_power = power
pow = power
acos, acosh, asin, asinh, atan, atan2, atanh = arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh


def as_array(x: Any) -> Any:
    """Give a Tensor as it is and anything else as an array, joining lists that contain tensors."""
    if isinstance(x, Tensor):
        return x
    if isinstance(x, list | tuple):
        return array(x)
    return current().operand(x) if hasattr(x, "shape") else current().asarray(x)


def array(x: Any, dtype: Any = None, **kwargs: Any) -> Any:
    """Make an array; a nested list that contains tensors is stacked, so that derivatives flow through it."""
    if isinstance(x, Tensor):
        return x if dtype is None else x.astype(dtype)
    if isinstance(x, list | tuple) and _holds_tensor(x):
        joined = stack([array(part) for part in x])
        return joined if dtype is None else joined.astype(dtype)
    return xp.array(x, dtype=dtype, **kwargs)


def asarray(x: Any, dtype: Any = None) -> Any:
    """Make an array without copying one; see `array`."""
    return array(x, dtype) if isinstance(x, Tensor | list | tuple) else xp.asarray(x, dtype=dtype)


def _holds_tensor(x: Any) -> bool:
    if isinstance(x, list | tuple):
        return builtins.any(_holds_tensor(part) for part in x)
    return isinstance(x, Tensor)


def _refuse_out(out: Any) -> None:
    if out is not None:
        raise TypeError("out= writes into an array that may be needed for a derivative; use the returned array instead")


def _axis(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis


# Reductions


def sum(x: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False) -> Any:
    """Add up the elements along axes."""
    _refuse_out(out)
    x = as_array(x) if dtype is None else as_array(x).astype(dtype)
    return linear.sum(x, axis=_axis(axis), keepdims=keepdims)


def mean(x: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False) -> Any:
    """Average the elements along axes."""
    _refuse_out(out)
    x = as_array(x) if dtype is None else as_array(x).astype(dtype)
    return linear.mean(x, axis=_axis(axis), keepdims=keepdims)


average = mean


def prod(x: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False) -> Any:
    """Multiply the elements along axes, by halves, so that derivatives are exact however many elements are zero."""
    _refuse_out(out)
    x = as_array(x) if dtype is None else as_array(x).astype(dtype)
    shape, axes = x.shape, axes_of(_axis(axis), x.ndim)
    rest = [i for i in range(x.ndim) if i not in axes]
    x = transpose(x, [*axes, *rest]).reshape((math.prod(shape[i] for i in axes), *(shape[i] for i in rest)))
    while len(x) > 1:
        half, odd = divmod(len(x), 2)
        product = x[:half] * x[half : 2 * half]
        x = concatenate([product, x[2 * half :]]) if odd else product
    if not len(x):
        x = xp.ones((1, *x.shape[1:]), x.dtype)
    return x.reshape(tuple(1 if i in axes else n for i, n in enumerate(shape) if keepdims or i not in axes))


def _centred(x: Any, axis: Any, ddof: float) -> tuple[Any, float]:
    x = as_array(x)
    n = math.prod(x.shape[i] for i in axes_of(_axis(axis), x.ndim))
    if n - ddof <= 0:
        raise ValueError(f"the variance of {n} values with ddof={ddof} is undefined; it needs more than {ddof} values")
    return x - mean(x, axis, keepdims=True), n - ddof


def var(x: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    """Average the squared distance from the mean along axes."""
    centred, n = _centred(x, axis, ddof)
    return sum(square(centred), axis, keepdims=keepdims) / n


def std(x: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    """Give the standard deviation along axes; its derivative is 0 where all elements are equal."""
    centred, n = _centred(x, axis, ddof)
    return general.norm(centred, axis=_axis(axis), keepdims=keepdims) / math.sqrt(n)


def max(x: Any, axis: Any = None, out: None = None, keepdims: bool = False) -> Any:
    """Find the largest element along axes; elements that tie share the derivative equally."""
    _refuse_out(out)
    return selection.max(as_array(x), axis=_axis(axis), keepdims=keepdims)


def min(x: Any, axis: Any = None, out: None = None, keepdims: bool = False) -> Any:
    """Find the smallest element along axes; elements that tie share the derivative equally."""
    _refuse_out(out)
    return selection.min(as_array(x), axis=_axis(axis), keepdims=keepdims)


amax, amin = max, min


def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Give the range, maximum minus minimum, along axes."""
    return max(x, axis, keepdims=keepdims) - min(x, axis, keepdims=keepdims)


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Give log(sum(exp(x))) along axes without overflow."""
    return general.logsumexp(as_array(x), axis=_axis(axis), keepdims=keepdims)


def softmax(x: Any, axis: int = -1) -> Any:
    """Give exp(x) divided by its sum along an axis, without overflow."""
    return general.softmax(as_array(x), axis=axis)


def log_softmax(x: Any, axis: int = -1) -> Any:
    """Give the logarithm of softmax along an axis, finite however small the probability."""
    return general.log_softmax(as_array(x), axis=axis)


def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """Give x where it is positive, and slope times x elsewhere."""
    return e.leaky_relu(as_array(x), slope=slope)


def cumsum(x: Any, axis: int | None = None) -> Any:
    """Add up the elements before and at each place along an axis, or of the flattened array."""
    x = ravel(x) if axis is None else as_array(x)
    return linear.cumsum(x, axis=axes_of(axis or 0, x.ndim)[0])


def clip(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """Limit the elements to an interval; the derivative passes on the closed interval."""
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    x = as_array(x)
    if isinstance(low, Tensor) or isinstance(high, Tensor):
        x = x if low is None else maximum(x, low)
        return x if high is None else minimum(x, high)
    return e.clip(x, -math.inf if low is None else low, math.inf if high is None else high)


# Products


def dot(x: Any, y: Any) -> Any:
    """Multiply matrices and vectors; more axes contract the last of x with the second last of y."""
    x, y = as_array(x), as_array(y)
    if not x.ndim or not y.ndim:
        return x * y
    return matmul(x, y) if y.ndim <= 2 else tensordot(x, y, axes=([-1], [-2]))


def vdot(x: Any, y: Any) -> Any:
    """Give the inner product of two arrays taken as vectors."""
    return matmul(ravel(x), ravel(y))


def inner(x: Any, y: Any) -> Any:
    """Contract the last axes of two arrays."""
    x, y = as_array(x), as_array(y)
    return x * y if not x.ndim or not y.ndim else tensordot(x, y, axes=([-1], [-1]))


def outer(x: Any, y: Any) -> Any:
    """Multiply every element of x with every element of y."""
    return ravel(x)[:, None] * ravel(y)


def kron(x: Any, y: Any) -> Any:
    """Give the Kronecker product of two matrices."""
    x, y = as_array(x), as_array(y)
    (a, b), (c, d) = x.shape, y.shape
    return (x[:, None, :, None] * y[None, :, None, :]).reshape((a * c, b * d))


def tensordot(x: Any, y: Any, axes: Any = 2) -> Any:
    """Contract the given axes of x with those of y, in order."""
    x, y = as_array(x), as_array(y)
    if isinstance(axes, int):
        axes = (range(x.ndim - axes, x.ndim), range(axes))
    over_x, over_y = (
        axes_of((a,) if isinstance(a, int) else tuple(a), n.ndim) for a, n in zip(axes, (x, y), strict=True)
    )
    if [x.shape[i] for i in over_x] != [y.shape[i] for i in over_y]:
        raise ShapeError(f"tensordot cannot contract axes {over_x} of shape {x.shape} with axes {over_y} of {y.shape}")
    keep_x = [i for i in range(x.ndim) if i not in over_x]
    keep_y = [i for i in range(y.ndim) if i not in over_y]
    size = math.prod(x.shape[i] for i in over_x)
    rows = transpose(x, [*keep_x, *over_x]).reshape((math.prod(x.shape[i] for i in keep_x), size))
    columns = transpose(y, [*over_y, *keep_y]).reshape((size, math.prod(y.shape[i] for i in keep_y)))
    return matmul(rows, columns).reshape(tuple([x.shape[i] for i in keep_x] + [y.shape[i] for i in keep_y]))


def einsum(subscripts: str, *operands: Any) -> Any:
    """Sum products over repeated indices, as in NumPy, in the form with subscripts as text."""
    arrays = [as_array(x) for x in operands]
    inputs, output = _explicit(subscripts.replace(" ", ""), [x.shape for x in arrays])
    for i, x in enumerate(arrays):
        for letter in dict.fromkeys(inputs[i]):
            while inputs[i].count(letter) > 1:  # a letter twice in one array: take the diagonal
                first = inputs[i].index(letter)
                second = inputs[i].index(letter, first + 1)
                x = diagonal(x, axis1=first, axis2=second)
                inputs[i] = inputs[i][:first] + inputs[i][first + 1 : second] + inputs[i][second + 1 :] + letter
        elsewhere = output + "".join(inputs[:i] + inputs[i + 1 :])
        alone = tuple(d for d, letter in enumerate(inputs[i]) if letter not in elsewhere)
        if alone:  # a letter of this array alone: sum over it
            x = sum(x, axis=alone)
            inputs[i] = "".join(letter for letter in inputs[i] if letter in elsewhere)
        arrays[i] = x
    return _einsum(*arrays, inputs=tuple(inputs), output=output)


def _explicit(subscripts: str, shapes: Sequence[tuple[int, ...]]) -> tuple[list[str], str]:
    """Write subscripts with one letter per axis and an output, instead of ellipses and an implied output."""
    left, arrow, output = subscripts.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(shapes):
        raise ShapeError(f"einsum {subscripts!r} names {len(inputs)} arrays, and {len(shapes)} are given")
    free = [chr(c) for c in range(ord("A"), ord("Z") + 1) if chr(c) not in subscripts]
    widest = 0
    for i, (letters, shape) in enumerate(zip(inputs, shapes, strict=True)):
        extra = len(shape) - len(letters.replace("...", ""))
        if extra < 0 or (extra and "..." not in letters):
            raise ShapeError(f"einsum {subscripts!r}: the subscripts {letters!r} do not fit an array of shape {shape}")
        inputs[i] = letters.replace("...", "".join(free[:extra][::-1]))
        widest = builtins.max(widest, extra)
    ellipsis = "".join(free[:widest][::-1])
    if not arrow:
        counted = "".join(inputs)
        named = builtins.sorted({c for c in counted if counted.count(c) == 1 and c not in ellipsis})
        return inputs, ellipsis + "".join(named)
    return inputs, output.replace("...", ellipsis)


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Add up a diagonal."""
    return sum(diagonal(x, offset, axis1, axis2), axis=-1)


def cross_entropy(logits: Any, labels: Any) -> Any:
    """Give -log softmax(logits)[label] for each row: the loss of a classifier, straight from logits."""
    return general.cross_entropy(as_array(logits), raw(labels))


# Shapes


def reshape(x: Any, shape: Any, order: str = "C") -> Any:
    """Give the same elements, row by row, another shape."""
    if order != "C":
        raise ValueError(
            f"reshape reads row by row (order='C'); got order={order!r}. Transpose first for another order."
        )
    return linear.reshape(as_array(x), shape=shape)


def ravel(x: Any, order: str = "C") -> Any:
    """Give the elements as one vector."""
    return reshape(x, -1, order)


def transpose(x: Any, axes: Sequence[int] | None = None) -> Any:
    """Permute the axes; without `axes`, reverse them."""
    x = as_array(x)
    return linear.transpose(x, axes=None if axes is None else axes_of(tuple(axes), x.ndim))


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Exchange two axes."""
    x = as_array(x)
    order = list(range(x.ndim))
    a, b = axes_of((axis1, axis2), x.ndim)
    order[a], order[b] = b, a
    return transpose(x, order)


def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """Move axes to other places; the rest keep their order."""
    x = as_array(x)
    sources, targets = axes_of(source, x.ndim), axes_of(destination, x.ndim)
    order = [i for i in range(x.ndim) if i not in sources]
    for target, origin in builtins.sorted(zip(targets, sources, strict=True)):
        order.insert(target, origin)
    return transpose(x, order)


def expand_dims(x: Any, axis: Any) -> Any:
    """Insert axes of size 1."""
    x = as_array(x)
    count = x.ndim + (len(axis) if isinstance(axis, tuple | list) else 1)
    new = axes_of(axis, count)
    sizes = iter(x.shape)
    return reshape(x, tuple(1 if i in new else next(sizes) for i in range(count)))


def squeeze(x: Any, axis: Any = None) -> Any:
    """Remove axes of size 1."""
    x = as_array(x)
    gone = tuple(i for i, n in enumerate(x.shape) if n == 1) if axis is None else axes_of(axis, x.ndim)
    for i in gone:
        if x.shape[i] != 1:
            raise ShapeError(f"squeeze cannot remove axis {i} of shape {x.shape}: its size is not 1")
    return reshape(x, tuple(n for i, n in enumerate(x.shape) if i not in gone))


def atleast_1d(x: Any) -> Any:
    """Give a number one axis, and leave anything else."""
    x = as_array(x)
    return x if x.ndim else reshape(x, (1,))


def atleast_2d(x: Any) -> Any:
    """Give a number or a vector two axes, as one row."""
    x = as_array(x)
    return x if x.ndim >= 2 else reshape(x, (1, -1))


def concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    """Join arrays along an axis they have; with axis None, join them flattened."""
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


def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Join arrays along a new axis."""
    parts = [as_array(x) for x in arrays]
    if len({x.shape for x in parts}) > 1:
        raise ShapeError(f"stack needs arrays of one shape; got {', '.join(str(x.shape) for x in parts)}")
    return concatenate([expand_dims(x, axis) for x in parts], axis)


def vstack(arrays: Sequence[Any]) -> Any:
    """Join arrays as rows."""
    return concatenate([atleast_2d(x) for x in arrays], 0)


def hstack(arrays: Sequence[Any]) -> Any:
    """Join arrays side by side: along the second axis, or the first for vectors."""
    parts = [atleast_1d(x) for x in arrays]
    return concatenate(parts, 0 if parts and parts[0].ndim == 1 else 1)


def dstack(arrays: Sequence[Any]) -> Any:
    """Join arrays along a third axis."""
    parts = [atleast_2d(x) for x in arrays]
    return concatenate([x if x.ndim >= 3 else expand_dims(x, 2) for x in parts], 2)


def column_stack(arrays: Sequence[Any]) -> Any:
    """Join vectors as columns of a matrix."""
    parts = [as_array(x) for x in arrays]
    return concatenate([expand_dims(x, 1) if x.ndim == 1 else x for x in parts], 1)


def append(x: Any, values: Any, axis: int | None = None) -> Any:
    """Put values after an array, flattened if no axis is given."""
    return concatenate([x, values], axis)


def array_split(x: Any, sections: Any, axis: int = 0) -> list[Any]:
    """Cut an array into pieces, at the given places or into so many nearly equal parts."""
    x = as_array(x)
    (axis,) = axes_of(axis, x.ndim)
    n = x.shape[axis]
    if isinstance(sections, int):
        if sections < 1:
            raise ValueError(f"array_split needs at least 1 section, got {sections}")
        small, larger = divmod(n, sections)
        sizes = [small + 1] * larger + [small] * (sections - larger)
        cuts = [builtins.sum(sizes[:i]) for i in range(1, sections)]
    else:
        cuts = [int(cut) for cut in sections]
    edges = list(zip([0, *cuts], [*cuts, n], strict=True))
    return [x[(slice(None),) * axis + (slice(start, stop),)] for start, stop in edges]


def split(x: Any, sections: Any, axis: int = 0) -> list[Any]:
    """Cut an array at the given places, or into so many equal parts."""
    n = as_array(x).shape[axis]
    if isinstance(sections, int) and (sections < 1 or n % sections):
        raise ValueError(f"split cannot cut an axis of size {n} into {sections} equal parts; see array_split")
    return array_split(x, sections, axis)


def tile(x: Any, reps: Any) -> Any:
    """Repeat a whole array along its axes."""
    x = as_array(x)
    counts = (reps,) if isinstance(reps, int) else tuple(reps)
    ndim = builtins.max(x.ndim, len(counts))
    counts = (1,) * (ndim - len(counts)) + counts
    shape = (1,) * (ndim - x.ndim) + tuple(x.shape)
    paired = reshape(x, tuple(n for size in shape for n in (1, size)))
    wide = broadcast_to(paired, shape=tuple(n for pair in zip(counts, shape, strict=True) for n in pair))
    return reshape(wide, tuple(c * n for c, n in zip(counts, shape, strict=True)))


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Repeat each element along an axis, or of the flattened array."""
    x = ravel(x) if axis is None else as_array(x)
    (axis,) = axes_of(axis or 0, x.ndim)
    counts = numpy.broadcast_to(numpy.asarray(repeats), x.shape[axis])
    return take(x, numpy.repeat(numpy.arange(x.shape[axis]), counts).tolist(), axis)


def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    """Shift elements around the end of an axis, or of the flattened array."""
    x = as_array(x)
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), x.shape)
    axes = axes_of(axis, x.ndim)
    shifts = tuple(shift) if isinstance(shift, tuple | list) else (shift,) * len(axes)
    return linear.roll(x, shift=shifts, axis=axes)


def flip(x: Any, axis: Any = None) -> Any:
    """Reverse the order of the elements along axes."""
    x = as_array(x)
    return linear.flip(x, axis=axes_of(axis, x.ndim))


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: float = 0.0) -> Any:
    """Put elements around an array: a constant, or copies of its own (edge, reflect, symmetric, wrap)."""
    x = as_array(x)
    width = numpy.broadcast_to(numpy.asarray(pad_width), (x.ndim, 2)).tolist()
    if mode == "constant":
        padded = linear.pad(x, pad_width=tuple((before, after) for before, after in width))
        if not constant_values:
            return padded
        inside = tuple(slice(before, before + n) for (before, _), n in zip(width, x.shape, strict=True))
        frame = xp.full(padded.shape, constant_values, dtype=padded.dtype)
        frame[inside] = 0.0
        return padded + frame
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        raise ValueError(f"pad knows the modes constant, edge, reflect, symmetric and wrap; got {mode!r}")
    for axis, (before, after) in enumerate(width):
        if before or after:
            x = take(x, numpy.pad(numpy.arange(x.shape[axis]), (before, after), mode=mode).tolist(), axis)  # type: ignore[call-overload]
    return x


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Give a diagonal, as the last axis."""
    x = moveaxis(x, (axis1, axis2), (-2, -1))
    rows, columns = x.shape[-2:]
    first = builtins.max(0, -offset)
    n = builtins.max(0, builtins.min(rows - first, columns - builtins.max(0, offset)))
    i = xp.arange(first, first + n)
    return x[..., i, i + offset]


def diag(x: Any, k: int = 0) -> Any:
    """Give the diagonal of a matrix, or the matrix with a vector on its diagonal."""
    x = as_array(x)
    if x.ndim != 1:
        return diagonal(x, k)
    if not isinstance(x, Tensor):
        return xp.diag(x, k)
    n = len(x) + builtins.abs(k)
    i = xp.arange(len(x)) + builtins.max(0, -k)
    return linear.scatter_add(x, index=(i, i + k), shape=(n, n))


def tril(x: Any, k: int = 0) -> Any:
    """Keep the elements on and below a diagonal."""
    x = as_array(x)
    return where(xp.tri(x.shape[-2], x.shape[-1], k, dtype=bool), x, 0.0)


def triu(x: Any, k: int = 0) -> Any:
    """Keep the elements on and above a diagonal."""
    x = as_array(x)
    return where(xp.tri(x.shape[-2], x.shape[-1], k - 1, dtype=bool), 0.0, x)


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Pick elements along an axis, or of the flattened array."""
    x = ravel(x) if axis is None else as_array(x)
    (axis,) = axes_of(axis or 0, x.ndim)
    return linear.getitem(x, index=(slice(None),) * axis + (plain_index(indices),))


def take_along_axis(x: Any, indices: Any, axis: int | None = -1) -> Any:
    """Pick elements along an axis, by an array of indices that has the other axes too."""
    x = ravel(x) if axis is None else as_array(x)
    (axis,) = axes_of(0 if axis is None else axis, x.ndim)
    return linear.getitem(x, index=selection.along_axis(as_array(raw(indices)), axis))


def sort(x: Any, axis: int | None = -1) -> Any:
    """Sort along an axis, or the flattened array."""
    x = ravel(x) if axis is None else as_array(x)
    return selection.sort(x, axis=axes_of(0 if axis is None else axis, x.ndim)[0])


def astype(x: Any, dtype: Any) -> Any:
    """Convert the elements to another type."""
    return as_array(x).astype(dtype)


def copy(x: Any) -> Any:
    """Copy an array; a Tensor, which never changes, gives a new node."""
    x = as_array(x)
    return positive(x) if isinstance(x, Tensor) else x.copy()


# Piecewise constant or not numbers: computed on the plain arrays, and the answer is a plain array.

_CONSTANT = """
    all any allclose argmax argmin argsort argwhere around array_equal array_repr array_str array2string bincount
    count_nonzero digitize empty_like flatnonzero full_like isclose iscomplexobj isin isrealobj lexsort ndim nonzero
    ones_like result_type round searchsorted shape size unique zeros_like can_cast shares_memory may_share_memory
""".split()


def _constant(name: str) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        plain = [[raw(part) for part in x] if isinstance(x, list) else raw(x) for x in args]
        return getattr(xp, name)(*plain, **{key: raw(value) for key, value in kwargs.items()})

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"NumPy's {name}, of the plain arrays; no derivative flows through it."
    return function


globals().update({name: _constant(name) for name in _CONSTANT})


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"module 'minigrad.numpy' has no attribute {name!r}")
    return getattr(xp, name)


# Called through NumPy itself: np.exp(tensor), np.sum(tensor)


def called_as_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Answer ``numpy.exp(tensor)`` and ``array * tensor``: the entry behind ``Tensor.__array_ufunc__``."""
    if any_given(kwargs.get("out")):
        raise TypeError(
            f"{ufunc.__name__} was asked to write a Tensor's values into an array (out= or an operation like a += t), "
            "which would lose the derivative. Write a = a + t."
        )
    kwargs.pop("out", None)
    if method == "reduce" and ufunc in (numpy.add, numpy.multiply, numpy.maximum, numpy.minimum):
        reductions: dict[str, Any] = {"add": sum, "multiply": prod, "maximum": max, "minimum": min}
        reduction = reductions[ufunc.__name__]
        return reduction(*inputs, axis=kwargs.pop("axis", 0), **kwargs)
    function = globals().get(ufunc.__name__)
    if method != "__call__" or kwargs or function is None:
        given = "".join(f", {key}=" for key in kwargs)
        raise _no_derivative(f"{ufunc.__name__}{'' if method == '__call__' else '.' + method}{given}")
    return function(*inputs)


def any_given(out: Any) -> bool:
    """Tell whether an ``out=`` argument names an array."""
    return builtins.any(x is not None for x in out) if isinstance(out, tuple) else out is not None


def called_as_function(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Answer ``numpy.sum(tensor)``: the entry behind ``Tensor.__array_function__``."""
    place = vars(linalg) if getattr(function, "__module__", "") == "numpy.linalg" else globals()
    own: Any = place.get(function.__name__)
    if own is None or not callable(own):
        raise _no_derivative(function.__name__)
    return own(*args, **kwargs)


def _no_derivative(name: str) -> TypeError:
    near = difflib.get_close_matches(name, [n for n in globals() if not n.startswith("_")], n=1)
    hint = f" Did you mean {near[0]!r}?" if near and near[0] != name else ""
    return TypeError(
        f"minigrad has no derivative for numpy.{name}, so it cannot take a Tensor.{hint} "
        "Build it from functions of minigrad.numpy, or call it on the plain array x.data if no derivative is wanted."
    )


# NumPy's method names


def _flatten(x: Tensor) -> Any:
    """Give the elements as one vector."""
    return ravel(x)


def _transpose(x: Tensor, *axes: Any) -> Any:
    """Permute the axes; without arguments, reverse them."""
    return transpose(x, (axes[0] if len(axes) == 1 else axes) or None)


METHODS: dict[str, Callable[..., Any]] = {
    name: globals()[name]
    for name in """
        all any argmax argmin argsort clip copy cumsum diagonal dot max mean min nonzero prod ptp ravel repeat round
        squeeze std sum swapaxes take trace var
    """.split()
} | {"flatten": _flatten, "transpose": _transpose, "broadcast_to": lambda x, shape: broadcast_to(x, shape=shape)}
for _name, _method in METHODS.items():
    setattr(Tensor, _name, _method)
