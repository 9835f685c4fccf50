"""NumPy's names, differentiable: ``import minigrad.numpy as np``.

Called on plain arrays the functions give plain arrays; called on a Tensor they record. Every name that is not defined
here is the array library's own, passed through: ``np.pi``, ``np.arange``, ``np.random``. A function without a
derivative that meets a Tensor says so in a clear error.

The files, in the order in which one explains them:

1. ``arrays``: what counts as an array.
2. ``elementwise`` and ``activations``: functions of each element, beside those that come from the table as they are.
3. ``shapes``, ``picking`` and ``joining``: the same elements in other places.
4. ``reductions`` and ``products``: many elements become one.
5. ``linalg``: norms, determinants and systems of equations.
6. ``constants``: functions that no derivative flows through.
7. ``dispatch`` and ``methods``: the same functions behind ``numpy.sum(x)`` and behind ``x.sum()``.

Examples
--------
>>> import minigrad as mg
>>> import minigrad.numpy as np
>>> mg.grad(lambda x: np.sum(np.sin(x) ** 2))(np.array([0.0, np.pi / 4]))
array([0., 1.])
"""

from __future__ import annotations

from typing import Any

from minigrad.backend import xp
from minigrad.numpy import constants, dispatch, linalg, methods
from minigrad.numpy.activations import cross_entropy, elu, gelu, leaky_relu, log_softmax, softmax
from minigrad.numpy.arrays import array, as_array, asarray, astype, copy, stack
from minigrad.numpy.elementwise import (
    abs,
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    clip,
    fabs,
    float_power,
    mod,
    pow,
    true_divide,
    where,
)
from minigrad.numpy.joining import (
    append,
    array_split,
    column_stack,
    concatenate,
    dstack,
    hstack,
    pad,
    repeat,
    split,
    tile,
    vstack,
)
from minigrad.numpy.picking import (
    diag,
    diagonal,
    flip,
    roll,
    sort,
    take,
    take_along_axis,
    tril,
    triu,
)
from minigrad.numpy.products import dot, einsum, inner, kron, outer, tensordot, trace, vdot
from minigrad.numpy.reductions import (
    amax,
    amin,
    average,
    cumsum,
    logsumexp,
    max,
    mean,
    min,
    prod,
    ptp,
    std,
    sum,
    var,
)
from minigrad.numpy.shapes import (
    atleast_1d,
    atleast_2d,
    broadcast_to,
    expand_dims,
    moveaxis,
    ravel,
    reshape,
    squeeze,
    swapaxes,
    transpose,
)
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
    erf,
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
)

globals().update(constants.FUNCTIONS)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"module 'minigrad.numpy' has no attribute {name!r}")
    return getattr(xp, name)
