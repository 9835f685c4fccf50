"""Many elements become one, along axes: sums, averages, extremes.

``axis`` is an int, a tuple of int, or None for all axes; with ``keepdims`` the reduced axes stay, with size 1.
"""

from __future__ import annotations

import math
from typing import Any

from minigrad.backend import xp
from minigrad.numpy.arrays import as_array
from minigrad.numpy.joining import concatenate
from minigrad.numpy.shapes import ravel, transpose
from minigrad.primitives import general, linear, selection
from minigrad.primitives.elementwise import square
from minigrad.primitives.linear import axes_of
from minigrad.tape import ShapeError


def _argument(x: Any, dtype: Any = None, out: None = None) -> Any:
    """Give the array that is reduced, in the dtype that was asked for; refuse an array to write into."""
    if out is not None:
        raise TypeError("out= writes into an array that may be needed for a derivative; use the returned array instead")
    return as_array(x) if dtype is None else as_array(x).astype(dtype)


def _axis(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis


def sum(x: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False) -> Any:
    """Add up the elements along axes.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.sum([[1.0, 2.0], [3.0, 4.0]], axis=0)
    array([4., 6.])
    """
    return linear.sum(_argument(x, dtype, out), axis=_axis(axis), keepdims=keepdims)


def mean(x: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False) -> Any:
    """Average the elements along axes.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.mean([[1.0, 2.0], [3.0, 4.0]], axis=0)
    array([2., 3.])
    """
    return linear.mean(_argument(x, dtype, out), axis=_axis(axis), keepdims=keepdims)


def average(x: Any, axis: Any = None, weights: Any = None, *, keepdims: bool = False) -> Any:
    """Average the elements along axes, each with its weight.

    Parameters
    ----------
    weights : array or Tensor, optional
        Of x's shape, or a vector along the one axis; all equal by default.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> float(np.average([1.0, 2.0], weights=[3.0, 1.0]))
    1.25
    """
    if weights is None:
        return mean(x, axis, keepdims=keepdims)
    x, weights = as_array(x), as_array(weights)
    if weights.shape != x.shape:
        if weights.ndim != 1 or not isinstance(axis, int):
            raise ShapeError(f"average needs weights of shape {x.shape}, or a vector and its axis; got {weights.shape}")
        weights = weights.reshape(tuple(-1 if i == axis % x.ndim else 1 for i in range(x.ndim)))
    spread = weights + xp.zeros(x.shape, x.dtype)
    return sum(x * weights, axis, keepdims=keepdims) / sum(spread, axis, keepdims=keepdims)


def prod(x: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False) -> Any:
    """Multiply the elements along axes, by halves, so that derivatives are exact however many elements are zero.

    Examples
    --------
    >>> import minigrad as mg
    >>> import minigrad.numpy as np
    >>> mg.grad(np.prod)(np.array([0.0, 2.0, 3.0]))
    array([6., 0., 0.])
    """
    x = _argument(x, dtype, out)
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
    """Average the squared distance from the mean along axes: Σ (x − mean)² / (n − ddof).

    Raises
    ------
    ValueError
        If there are no more than `ddof` values.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.var([[1.0, 3.0], [2.0, 8.0]], axis=1)
    array([1., 9.])
    """
    centred, n = _centred(x, axis, ddof)
    return sum(square(centred), axis, keepdims=keepdims) / n


def std(x: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    """Give the standard deviation along axes; its derivative is 0 where all elements are equal.

    Raises
    ------
    ValueError
        If there are no more than `ddof` values.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.std([[1.0, 3.0], [2.0, 8.0]], axis=1)
    array([1., 3.])
    """
    centred, n = _centred(x, axis, ddof)
    return general.norm(centred, axis=_axis(axis), keepdims=keepdims) / math.sqrt(n)


def max(x: Any, axis: Any = None, out: None = None, keepdims: bool = False) -> Any:
    """Find the largest element along axes; elements that tie share the derivative equally.

    Examples
    --------
    >>> import minigrad as mg
    >>> import minigrad.numpy as np
    >>> np.max([[1.0, 3.0], [4.0, 2.0]], axis=1), mg.grad(np.max)(np.array([1.0, 3.0, 3.0]))
    (array([3., 4.]), array([0. , 0.5, 0.5]))
    """
    return selection.max(_argument(x, out=out), axis=_axis(axis), keepdims=keepdims)


def min(x: Any, axis: Any = None, out: None = None, keepdims: bool = False) -> Any:
    """Find the smallest element along axes; elements that tie share the derivative equally.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.min([[1.0, 3.0], [4.0, 2.0]], axis=1)
    array([1., 2.])
    """
    return selection.min(_argument(x, out=out), axis=_axis(axis), keepdims=keepdims)


amax, amin = max, min


def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Give the range, maximum minus minimum, along axes.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.ptp([[1.0, 3.0], [4.0, 1.0]], axis=1)
    array([2., 3.])
    """
    return max(x, axis, keepdims=keepdims) - min(x, axis, keepdims=keepdims)


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Give log(sum(exp(x))) along axes without overflow.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.logsumexp([[1000.0, 0.0], [0.0, -1000.0]], axis=1)
    array([1000.,    0.])
    """
    return general.logsumexp(as_array(x), axis=_axis(axis), keepdims=keepdims)


def cumsum(x: Any, axis: int | None = None) -> Any:
    """Add up the elements before and at each place along an axis, or of the flattened array.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.cumsum([1.0, 2.0, 3.0])
    array([1., 3., 6.])
    """
    x = ravel(x) if axis is None else as_array(x)
    return linear.cumsum(x, axis=axes_of(axis or 0, x.ndim)[0])
