"""Hypothesis strategies for the objects of the lectures: arrays, matrices, probabilities, balls, and small networks.

Numbers lie on a grid of 1/64, so that counterexamples are short and no example fails by rounding alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy

try:
    from hypothesis import strategies as st
    from hypothesis.extra import numpy as hnp
except ImportError as error:
    raise ImportError(
        "minigrad.testing.strategies draws examples with Hypothesis, which is not installed. "
        "Install it with: pip install 'minigrad-lectures[test]'"
    ) from error

GRID = 64


def shapes(min_dims: int = 0, max_dims: int = 3, max_side: int = 4) -> st.SearchStrategy[tuple[int, ...]]:
    """Draw shapes with sides of at least 1.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(shapes(2, 2), lambda shape: True)
    (1, 1)
    """
    return hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=1, max_side=max_side)


def broadcastable(
    count: int = 2, max_dims: int = 3, max_side: int = 4
) -> st.SearchStrategy[tuple[tuple[int, ...], ...]]:
    """Draw shapes that broadcast against each other.

    Examples
    --------
    >>> from hypothesis import find
    >>> len(find(broadcastable(3), lambda three: True))
    3
    """
    drawn = hnp.mutually_broadcastable_shapes(num_shapes=count, max_dims=max_dims, min_side=1, max_side=max_side)
    return drawn.map(lambda result: result.input_shapes)


def numbers(
    low: float = -3.0, high: float = 3.0, avoid: Sequence[float] = (), gap: float = 0.125
) -> st.SearchStrategy[float]:
    """Draw numbers between low and high that stay at least `gap` away from each point in `avoid`.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(numbers(0.0, 1.0, avoid=[0.0]), lambda x: True)
    0.125
    """
    grid = st.integers(int(numpy.ceil(low * GRID)), int(numpy.floor(high * GRID))).map(lambda k: k / GRID)
    if not avoid:
        return grid
    return grid.filter(lambda x: all(abs(x - kink) >= gap for kink in avoid))


@st.composite
def arrays(
    draw: st.DrawFn,
    shape: Any = None,
    low: float = -3.0,
    high: float = 3.0,
    *,
    avoid: Sequence[float] = (),
    gap: float = 0.125,
    unique: bool = False,
    dtype: Any = "float64",
) -> numpy.ndarray:
    """Draw arrays of well-scaled numbers.

    Parameters
    ----------
    shape : tuple, int, strategy or None
        None draws any shape of up to three axes.
    low, high : float
        The range of the elements.
    avoid, gap : sequence of float, float
        Points to stay away from, such as kinks, and by how much.
    unique : bool
        Whether all elements differ, by at least 1/64.
    dtype : dtype
        Of the array.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(arrays((2, 3)), lambda x: True).shape
    (2, 3)
    """
    size = (
        draw(shapes() if shape is None else shape) if shape is None or isinstance(shape, st.SearchStrategy) else shape
    )
    elements = numbers(low, high, avoid, gap)
    return draw(hnp.arrays("float64", size, elements=elements, fill=st.nothing(), unique=unique)).astype(dtype)


def vectors(
    size: Any = None, low: float = -3.0, high: float = 3.0, **settings: Any
) -> st.SearchStrategy[numpy.ndarray]:
    """Draw vectors, of one to five elements unless a size is given.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(vectors(), lambda x: x.size > 3).shape
    (4,)
    """
    side = st.integers(1, 5) if size is None else st.just(size)
    return side.flatmap(lambda n: arrays((n,), low, high, **settings))


@st.composite
def probabilities(draw: st.DrawFn, size: int | None = None, positive: bool = True) -> numpy.ndarray:
    """Draw probability vectors: non-negative (or positive) and summing to 1.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(probabilities(4), lambda p: True)
    array([0.25, 0.25, 0.25, 0.25])
    """
    n = draw(st.integers(2, 6)) if size is None else size
    weights = numpy.asarray(
        draw(st.lists(st.integers(1 if positive else 0, GRID), min_size=n, max_size=n)), dtype="float64"
    )
    if not weights.any():
        weights[0] = 1.0
    return weights / weights.sum()


@st.composite
def positive_definite(draw: st.DrawFn, size: int | None = None, smallest: float = 0.5) -> numpy.ndarray:
    """Draw symmetric matrices A Aᵀ/n + smallest · I, whose eigenvalues are at least `smallest`.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(positive_definite(2), lambda a: True)
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    n = draw(st.integers(1, 4)) if size is None else size
    a = draw(arrays((n, n), -2.0, 2.0))
    return a @ a.T / n + smallest * numpy.eye(n)


@st.composite
def invertible(draw: st.DrawFn, size: int | None = None, margin: float = 1.0) -> numpy.ndarray:
    """Draw well-conditioned square matrices: dominated by their diagonals, of either sign, by at least `margin`.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(invertible(2), lambda a: True).shape
    (2, 2)
    """
    n = draw(st.integers(1, 4)) if size is None else size
    a = draw(arrays((n, n), -1.0, 1.0))
    signs = numpy.asarray(draw(st.lists(st.sampled_from([-1.0, 1.0]), min_size=n, max_size=n)))
    return a + numpy.diag(signs * (numpy.abs(a).sum(axis=1) + margin))


ORDERS = {"linf": numpy.inf, "l2": 2, "l1": 1}


@st.composite
def inside_ball(draw: st.DrawFn, size: int, norm: str = "linf", radius: float = 1.0) -> numpy.ndarray:
    """Draw points of the ball ‖x‖ ≤ radius in the norm "linf", "l2" or "l1", its boundary included.

    Examples
    --------
    >>> from hypothesis import find
    >>> x = find(inside_ball(3, "l1", radius=2.0), lambda x: x.any())
    >>> bool(numpy.abs(x).sum() <= 2.0 * (1.0 + 1e-12))
    True
    """
    x = draw(arrays((size,), -1.0, 1.0))
    length = float(numpy.linalg.norm(x, ORDERS[norm]))
    share = draw(st.sampled_from([1.0, 1.0, 0.5, 0.0])) if length else 0.0
    return x * (radius * share / length) if length else x


@st.composite
def outside_ball(draw: st.DrawFn, size: int, norm: str = "linf", radius: float = 1.0) -> numpy.ndarray:
    """Draw points outside the ball ‖x‖ ≤ radius in the norm "linf", "l2" or "l1".

    Examples
    --------
    >>> from hypothesis import find
    >>> x = find(outside_ball(3, "linf"), lambda x: True)
    >>> bool(numpy.abs(x).max() > 1.0)
    True
    """
    x = draw(arrays((size,), -1.0, 1.0).filter(lambda x: bool(numpy.any(x))))
    return x * (radius * draw(numbers(1.125, 4.0)) / float(numpy.linalg.norm(x, ORDERS[norm])))


@st.composite
def networks(draw: st.DrawFn, inputs: int | None = None, outputs: int | None = None) -> tuple[Any, Any, numpy.ndarray]:
    """Draw a small smooth network: its function ``model(theta, x)``, its parameters, and a batch of inputs.

    The parameters are a list of (weight, bias) pairs, weights of shape (outputs, inputs); the activation is tanh.

    Examples
    --------
    >>> from hypothesis import find
    >>> model, theta, x = find(networks(inputs=2, outputs=1), lambda network: True)
    >>> model(theta, x).shape == (len(x), 1)
    True
    """
    import minigrad.numpy as np

    first = draw(st.integers(1, 3)) if inputs is None else inputs
    last = draw(st.integers(1, 3)) if outputs is None else outputs
    sizes = [first, *draw(st.lists(st.integers(1, 4), min_size=1, max_size=2)), last]
    theta = [(draw(arrays((m, n), -1.0, 1.0)), draw(arrays((m,), -1.0, 1.0))) for n, m in pairwise(sizes)]
    x = draw(arrays((draw(st.integers(1, 4)), first), -2.0, 2.0))

    def model(theta: Any, x: Any) -> Any:
        for i, (weight, bias) in enumerate(theta):
            x = x @ np.transpose(weight) + bias
            x = np.tanh(x) if i < len(theta) - 1 else x
        return x

    return model, theta, x
