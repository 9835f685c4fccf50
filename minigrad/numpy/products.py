"""Products of arrays: of vectors, of matrices, and over any indices. `matmul` comes from the table as it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from minigrad.numpy.arrays import as_array
from minigrad.numpy.picking import diagonal
from minigrad.numpy.reductions import sum
from minigrad.numpy.shapes import broadcast_to, ravel, transpose
from minigrad.primitives import bilinear
from minigrad.primitives.bilinear import matmul
from minigrad.primitives.linear import axes_of
from minigrad.tape import ShapeError


def dot(x: Any, y: Any) -> Any:
    """Multiply matrices and vectors; more axes contract the last of x with the second last of y.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.dot([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0])
    array([3., 7.])
    """
    x, y = as_array(x), as_array(y)
    if not x.ndim or not y.ndim:
        return x * y
    return matmul(x, y) if y.ndim <= 2 else tensordot(x, y, axes=([-1], [-2]))


def vdot(x: Any, y: Any) -> Any:
    """Give the inner product of two arrays taken as vectors.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> float(np.vdot([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [0.0, 1.0]]))
    5.0
    """
    return matmul(ravel(x), ravel(y))


def inner(x: Any, y: Any) -> Any:
    """Contract the last axes of two arrays.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.inner([[1.0, 2.0], [3.0, 4.0]], [1.0, 10.0])
    array([21., 43.])
    """
    x, y = as_array(x), as_array(y)
    return x * y if not x.ndim or not y.ndim else tensordot(x, y, axes=([-1], [-1]))


def outer(x: Any, y: Any) -> Any:
    """Multiply every element of x with every element of y.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.outer([1.0, 2.0], [1.0, 10.0])
    array([[ 1., 10.],
           [ 2., 20.]])
    """
    return ravel(x)[:, None] * ravel(y)


def kron(x: Any, y: Any) -> Any:
    """Give the Kronecker product of two matrices: every element of x times all of y, as blocks.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.kron([[1.0, 10.0]], [[1.0], [2.0]])
    array([[ 1., 10.],
           [ 2., 20.]])
    """
    x, y = as_array(x), as_array(y)
    if x.ndim != 2 or y.ndim != 2:
        raise ShapeError(f"kron multiplies two matrices; got shapes {x.shape} and {y.shape}")
    (a, b), (c, d) = x.shape, y.shape
    return (x[:, None, :, None] * y[None, :, None, :]).reshape((a * c, b * d))


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Add up a diagonal; see `diagonal`.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> float(np.trace([[1.0, 2.0], [3.0, 4.0]]))
    5.0
    """
    return sum(diagonal(x, offset, axis1, axis2), axis=-1)


def tensordot(x: Any, y: Any, axes: Any = 2) -> Any:
    """Contract the given axes of x with those of y, in order.

    Parameters
    ----------
    axes : int or pair
        The last so many axes of x with the first of y; or the axes of x and the axes of y.

    Raises
    ------
    ShapeError
        If the sizes of contracted axes differ.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.tensordot(np.ones((2, 3)), np.ones((3, 4)), axes=([1], [0])).shape
    (2, 4)
    """
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
    """Sum products over repeated indices, as in NumPy, in the form with subscripts as text.

    Parameters
    ----------
    subscripts : str
        One letter for each axis, arrays separated by commas, and the result after an arrow: ``"ij,jk->ik"``.
        ``...`` stands for further axes. Without an arrow, the letters that stand once make the result.

    Raises
    ------
    ShapeError
        If the subscripts do not fit the arrays.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.einsum("ij,j->i", [[1.0, 2.0], [3.0, 4.0]], [1.0, 10.0])
    array([21., 43.])
    """
    if not isinstance(subscripts, str):
        raise TypeError('einsum takes its subscripts as text first: einsum("ij,jk->ik", x, y)')
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
    # NumPy lets an axis of size 1 meet one of size n; stretched first, each letter has one size for the rules.
    pairs = [pair for letters, x in zip(inputs, arrays, strict=True) for pair in zip(letters, x.shape, strict=True)]
    size = {letter: n for letter, n in pairs if n != 1}
    for i, x in enumerate(arrays):
        full = tuple(size.get(c, 1) if n == 1 else n for c, n in zip(inputs[i], x.shape, strict=True))
        arrays[i] = x if len(arrays) == 1 or tuple(x.shape) == full else broadcast_to(x, full)
    return bilinear.einsum(*arrays, inputs=tuple(inputs), output=output)


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
        widest = max(widest, extra)
    ellipsis = "".join(free[:widest][::-1])
    if not arrow:
        counted = "".join(inputs)
        named = sorted({c for c in counted if counted.count(c) == 1 and c not in ellipsis})
        return inputs, ellipsis + "".join(named)
    if ellipsis and "..." not in output:
        raise ShapeError(f"einsum {subscripts!r}: the result after the arrow must have the ellipsis of the arrays, too")
    return inputs, output.replace("...", ellipsis)
