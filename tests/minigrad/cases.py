"""For every primitive of the table: where its derivative is defined, as a strategy for a function and its arguments."""

import math
from functools import partial
from typing import Any

import numpy
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigrad.backend import current
from minigrad.nn.convolution import rows_and_columns
from minigrad.nn.recurrent import ELMAN_STEPS, GRU_STEP, LSTM_STEP
from minigrad.primitives import TABLE
from minigrad.primitives.kinds import raw
from minigrad.primitives.normalization import inverse_deviation, mean_and_variance
from minigrad.primitives.recurrent import Layout
from minigrad.testing import strategies as ms


def placed(x: Any) -> Any:
    """Put the constants of a test on the active backend."""
    if isinstance(x, tuple):
        return tuple(placed(part) for part in x)
    return current().asarray(x) if isinstance(x, numpy.ndarray | list) else x


def unary(name: str, low: float = -3.0, high: float = 3.0, avoid: tuple[float, ...] = (), **params: Any) -> Any:
    def f(x: Any) -> Any:
        return TABLE[name](x, **params)

    return st.tuples(st.just(f), st.tuples(ms.arrays(None, low, high, avoid=avoid)))


def binary(name: str, left: Any = (-3.0, 3.0), right: Any = (-3.0, 3.0), avoid: tuple[float, ...] = ()) -> Any:
    """Two arrays whose shapes broadcast."""

    def draw(shapes: Any) -> Any:
        x, y = ms.arrays(shapes[0], *left), ms.arrays(shapes[1], *right, avoid=avoid, gap=0.25)
        return st.tuples(st.just(TABLE[name]), st.tuples(x, y))

    return ms.broadcastable().flatmap(draw)


@st.composite
def separated(draw, name):
    """Two arrays that differ everywhere, so that no two elements tie."""
    shape_x, shape_y = draw(ms.broadcastable())
    return TABLE[name], (draw(ms.arrays(shape_x)) * 2.0, draw(ms.arrays(shape_y)) * 2.0 + 1.0 / 64)


@st.composite
def clipped(draw):
    low, high = -1.0 + 1.0 / 128, 1.0 + 1.0 / 128
    x = draw(ms.arrays(None, avoid=(low, high), gap=0.005))
    return (lambda x: TABLE["clip"](x, low, high)), (x,)


@st.composite
def chosen(draw):
    shapes = draw(ms.broadcastable(3))
    mask = numpy.asarray(draw(ms.arrays(shapes[0])) > 0.0)
    x, y = draw(ms.arrays(shapes[1])), draw(ms.arrays(shapes[2]))
    return (lambda x, y: TABLE["where"](placed(mask), x, y)), (x, y)


@st.composite
def reduced(draw, name, distinct=False, one_axis=False, nonzero=False):
    """An array, and axes to reduce: all, one, or several, with and without keeping them."""
    x = draw(ms.arrays(ms.shapes(1), unique=distinct))
    if nonzero:
        x = numpy.where(x >= 0, x + 0.5, x - 0.5)
    one = st.integers(-x.ndim, x.ndim - 1)
    some = st.sets(st.integers(0, x.ndim - 1), min_size=1).map(lambda s: tuple(sorted(s)))
    axis = draw(one if one_axis else st.one_of(st.none(), one, some))
    params = {"axis": axis} if one_axis else {"axis": axis, "keepdims": draw(st.booleans())}
    return (lambda x: TABLE[name](x, **params)), (x,)


@st.composite
def reshaped(draw):
    x = draw(ms.arrays())
    shape = draw(st.sampled_from([(-1,), (x.size,), (1, *x.shape), (x.size, 1), tuple(x.shape)]))
    return (lambda x: TABLE["reshape"](x, shape=shape)), (x,)


@st.composite
def permuted(draw):
    x = draw(ms.arrays())
    axes = draw(st.one_of(st.none(), st.permutations(range(x.ndim)).map(tuple)))
    return (lambda x: TABLE["transpose"](x, axes=axes)), (x,)


@st.composite
def stretched(draw):
    shape, other = draw(ms.broadcastable())
    full = numpy.broadcast_shapes(shape, other)
    return (lambda x: TABLE["broadcast_to"](x, shape=full)), (draw(ms.arrays(shape)),)


def indices(shape: tuple[int, ...]) -> Any:
    """Any index of NumPy: slices, integers, None, an ellipsis, integer arrays with repetitions, a mask, a mixture."""
    basic = hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True)
    if not shape:
        return basic
    arrays = hnp.integer_array_indices(shape, result_shape=ms.shapes(1, 2, 3))
    mask = hnp.arrays(bool, shape)
    first = st.lists(st.integers(-shape[0], shape[0] - 1), min_size=1, max_size=4).map(numpy.asarray)
    last = st.lists(st.integers(-shape[-1], shape[-1] - 1), min_size=1, max_size=4).map(numpy.asarray)
    return st.one_of(basic, arrays, mask, first, last.map(lambda i: (slice(None, None, -1),) * (len(shape) - 1) + (i,)))


@st.composite
def indexed(draw):
    x = draw(ms.arrays())
    index = draw(indices(x.shape))
    return (lambda x: TABLE["getitem"](x, index=placed(index))), (x,)


@st.composite
def scattered(draw):
    shape = draw(ms.shapes())
    index = draw(indices(shape))
    x = draw(ms.arrays(numpy.shape(numpy.zeros(shape)[index])))
    return (lambda x: TABLE["scatter_add"](x, index=placed(index), shape=shape)), (x,)


@st.composite
def along_one_axis(draw, name, **extra):
    x = draw(ms.arrays(ms.shapes(1), unique=name == "sort"))
    params = {"axis": draw(st.integers(0, x.ndim - 1))} | {key: draw(value) for key, value in extra.items()}
    return (lambda x: TABLE[name](x, **params)), (x,)


@st.composite
def padded(draw):
    x = draw(ms.arrays(ms.shapes(1)))
    width = tuple(draw(st.tuples(st.integers(0, 2), st.integers(0, 2))) for _ in x.shape)
    return (lambda x: TABLE["pad"](x, pad_width=width)), (x,)


@st.composite
def joined(draw):
    shape = draw(ms.shapes(1))
    axis = draw(st.integers(0, len(shape) - 1))
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    parts = tuple(draw(ms.arrays((*shape[:axis], n, *shape[axis + 1 :]))) for n in sizes)
    return (lambda *parts: TABLE["concatenate"](*parts, axis=axis)), parts


@st.composite
def multiplied(draw):
    n, m, k = (draw(st.integers(1, 3)) for _ in range(3))
    batch_x, batch_y = draw(ms.broadcastable(max_dims=2, max_side=2))
    x_shape = draw(st.sampled_from([(n,), (m, n), (*batch_x, m, n)]))
    y_shape = draw(st.sampled_from([(n,), (n, k), (*batch_y, n, k)]))
    return TABLE["matmul"], (draw(ms.arrays(x_shape)), draw(ms.arrays(y_shape)))


PRODUCTS = ["ij,jk->ik", "ij,ij->", "i,j->ij", "bij,bjk->bik", "ij,jk,kl->il", "ij->ji", "bi,ij,bj->b"]


@st.composite
def contracted(draw):
    left, output = draw(st.sampled_from(PRODUCTS)).split("->")
    inputs = tuple(left.split(","))
    size = {letter: draw(st.integers(1, 3)) for letter in "bijkl"}
    parts = tuple(draw(ms.arrays(tuple(size[c] for c in letters))) for letters in inputs)
    return (lambda *parts: TABLE["einsum"](*parts, inputs=inputs, output=output)), parts


@st.composite
def classified(draw):
    logits = draw(ms.arrays(ms.shapes(2, 2)))
    labels = [draw(st.integers(0, logits.shape[1] - 1)) for _ in range(logits.shape[0])]
    averaged = draw(st.booleans())
    return (lambda logits: TABLE["cross_entropy"](logits, placed(labels), averaged=averaged)), (logits,)


@st.composite
def connected(draw):
    batch = draw(st.sampled_from([(), (1,), (3,), (2, 2)]))
    n, m = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    return TABLE["affine"], (draw(ms.arrays((*batch, n))), draw(ms.arrays((m, n))), draw(ms.arrays((m,))))


@st.composite
def convolved(draw, name):
    """An image, a kernel and the map that they make, of which the primitive takes two and gives the third."""
    groups, n = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    channels, outputs = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    settings = {
        "stride": draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        "padding": draw(st.tuples(st.integers(0, 1), st.integers(0, 2))),
        "dilation": draw(st.tuples(st.integers(1, 2), st.integers(1, 2))),
    }
    kernel, rows = draw(st.tuples(st.integers(1, 2), st.integers(1, 3))), draw(st.integers(1, 2))
    image = tuple(
        max(1, (rows - 1) * stride + dilation * (k - 1) + 1 - 2 * padding + draw(st.integers(0, 1)))
        for k, stride, padding, dilation in zip(kernel, *settings.values(), strict=True)
    )
    size = rows_and_columns(image, kernel, **settings)
    x = ((n, channels, *image), image)
    w = ((outputs, channels // groups, *kernel), kernel)
    y = ((n, outputs, *size), size)
    (a, _), (b, _), (_, given) = {"conv2d": (x, w, y), "conv2d_transpose": (y, w, x), "conv2d_weight": (x, y, w)}[name]
    f = partial(TABLE[name], size=given, groups=groups, **settings)
    return f, (draw(ms.arrays(a)), draw(ms.arrays(b)))


@st.composite
def seen_through_windows(draw, name):
    kernel, size, stride, dilation = (draw(st.tuples(st.integers(1, 2), st.integers(1, 3))) for _ in range(4))
    image = tuple(
        (rows - 1) * step + gap * (k - 1) + 1 + draw(st.integers(0, 1))
        for k, rows, step, gap in zip(kernel, size, stride, dilation, strict=True)
    )
    if name == "windows":
        f = partial(TABLE[name], kernel=kernel, size=size, stride=stride, dilation=dilation)
        return f, (draw(ms.arrays((1, *image, 2))),)
    return partial(TABLE[name], size=image, stride=stride, dilation=dilation), (
        draw(ms.arrays((1, *size, *kernel, 2))),
    )


@st.composite
def solved(draw):
    """A matrix or a stack of them, and a vector, a matrix, or a stack of matrices."""
    a = draw(ms.invertible())
    b = draw(ms.arrays(draw(st.sampled_from([(len(a),), (len(a), 2), (2, len(a), 3)]))))
    return TABLE["linalg.solve"], (numpy.stack([a, 2.0 * a]) if draw(st.booleans()) else a, b)


@st.composite
def of_matrix(draw, name):
    a = draw(ms.positive_definite() if name == "linalg.cholesky" else ms.invertible())
    return TABLE[name], (numpy.stack([a, 2.0 * a]) if draw(st.booleans()) else a,)


@st.composite
def with_singular_values(draw, name, **params):
    """Matrices whose singular values are near 3, 2 and 1, or a pair of them as a stack."""
    m, n = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    left, right = (numpy.linalg.qr(draw(ms.arrays((k, k))))[0] for k in (m, n))
    x = left @ (numpy.diag([3.0, 2.0, 1.0])[:m, :n] + draw(ms.arrays((m, n), -0.1, 0.1))) @ right
    assume(x.size > 1 or name.endswith("norm"))  # the others are constant for one number, or linear
    if name == "top_singular_pair":  # its sign jumps where the elements of u add up to 0
        assume(abs(numpy.linalg.svd(x)[0][:, 0].sum()) > 0.1)
    settings = {key: draw(value) for key, value in params.items()}
    return (lambda x: TABLE[name](x, **settings)), (numpy.stack([x, -x]) if draw(st.booleans()) else x,)


@st.composite
def balanced(draw):
    a, b = draw(ms.positive_definite()), draw(ms.positive_definite())
    return TABLE["sylvester"], (a, b, draw(ms.arrays((len(a), len(b)))))


@st.composite
def normalized(draw):
    """Batches and layers: weights along some of the axes, and the mean and deviation along some of them."""
    axes = draw(st.sampled_from([(0,), (0, 2), (2,), (1, 2)]))
    x = draw(ms.arrays((3, 2, 3)))
    weight, bias = (draw(ms.arrays(draw(st.sampled_from([(2, 1), (3,), (2, 3), (1, 1, 1)])))) for _ in range(2))

    def f(x: Any, weight: Any, bias: Any) -> Any:
        mean, variance = mean_and_variance(raw(x), axes)
        known = (mean, inverse_deviation(variance, 0.25))
        return TABLE["normalize"](x, weight, bias, axes=axes, eps=0.25, known=known)

    return f, (x, weight, bias)


@st.composite
def unrolled(draw):
    recurrence = draw(st.sampled_from([ELMAN_STEPS["tanh"], LSTM_STEP, GRU_STEP]))
    layout = Layout(recurrence, *(draw(st.integers(1, 3)) for _ in range(4)))
    size = sum(map(math.prod, layout.shapes))
    return partial(TABLE["unroll"], layout=layout), (draw(ms.arrays((size,), -2.0, 2.0)),)


def named(names: str, strategy: Any, *args: Any, **settings: Any) -> dict[str, Any]:
    return {name: strategy(name, *args, **settings) for name in names.split()}


CASES: dict[str, Any] = {
    **named("positive negative exp exp2 expm1 sin cos sinh cosh tanh arctan arcsinh", unary),
    **named("square sigmoid softplus sinc erf", unary),
    **named("log log2 log10 sqrt cbrt reciprocal", unary, 0.25, 4.0),
    **named("arcsin arccos arctanh", unary, -0.75, 0.75),
    **named("absolute relu", unary, avoid=(0.0,)),
    **named("add subtract multiply logaddexp", binary),
    **named("arctan2 hypot", binary, right=(0.25, 3.0)),
    **named("maximum minimum", separated),
    **named("sum mean logsumexp", reduced),
    **named("max min", reduced, distinct=True),
    **named("softmax log_softmax", reduced, one_axis=True),
    **named("cumsum flip sort", along_one_axis),
    **named("conv2d conv2d_transpose conv2d_weight", convolved),
    **named("windows overlap_add", seen_through_windows),
    **named("linalg.inv linalg.det logabsdet linalg.cholesky", of_matrix),
    "log1p": unary("log1p", -0.5, 4.0),
    "tan": unary("tan", -1.25, 1.25),
    "arccosh": unary("arccosh", 1.25, 4.0),
    "leaky_relu": unary("leaky_relu", avoid=(0.0,), slope=0.1),
    "sinc_derivative": unary("sinc_derivative", order=2),
    "scale_gradient": unary("scale_gradient", factor=1.0),  # with other factors it is not the derivative, on purpose
    "divide": binary("divide", avoid=(0.0,)),
    "remainder": st.tuples(
        st.just(TABLE["remainder"]),
        st.tuples(st.just(numpy.array([0.5, 2.6, -1.3])), st.just(numpy.array([1.0, 1.5, 2.0]))),
    ),
    "power": binary("power", left=(0.25, 3.0)),
    "clip": clipped(),
    "where": chosen(),
    "norm": reduced("norm", nonzero=True),
    "reshape": reshaped(),
    "transpose": permuted(),
    "broadcast_to": stretched(),
    "astype": unary("astype", dtype=numpy.dtype("float64")),
    "getitem": indexed(),
    "scatter_add": scattered(),
    "roll": along_one_axis("roll", shift=st.integers(-3, 3)),
    "pad": padded(),
    "concatenate": joined(),
    "matmul": multiplied(),
    "einsum": contracted(),
    "cross_entropy": classified(),
    "affine": connected(),
    "normalize": normalized(),
    "unroll": unrolled(),
    "linalg.solve": solved(),
    **named("spectral_norm nuclear_norm top_singular_pair polar", with_singular_values),
    "clip_singular_values": with_singular_values("clip_singular_values", radius=st.sampled_from([0.5, 1.5, 4.0])),
    "shrink_singular_values": with_singular_values(
        "shrink_singular_values", threshold=st.sampled_from([0.5, 1.5, 4.0])
    ),
    "sylvester": balanced(),
}
