"""The engine on a device: a stand-in as strict as CuPy, and everything of the engine run on it."""

from __future__ import annotations

import copy
import math
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy
import pytest

import minigrad as mg
import minigrad.numpy as np
from minigrad import nn, optim
from minigrad.backend import current
from minigrad.nn.recurrent import ELMAN_STEPS, GRU_STEP, LSTM_STEP
from minigrad.primitives import TABLE
from minigrad.primitives.recurrent import Layout
from minigrad.testing import close
from tests import fake_device
from tests.fake_device import RECORD, DeviceArray, asnumpy, module, syncs

fake_device.install()


@pytest.fixture
def device() -> Iterator[None]:
    """Run the test on the stand-in."""
    with mg.use("fake"):
        syncs.clear()
        yield


def on_device(x: Any) -> DeviceArray:
    return module.asarray(x)


def placed(x: Any) -> Any:
    """Put the arrays of a test, also those in tuples, on the active backend."""
    if isinstance(x, tuple):
        return tuple(placed(part) for part in x)
    return current().asarray(x) if isinstance(x, numpy.ndarray) else x


# The stand-in is as strict as CuPy


@pytest.mark.parametrize(
    "convert",
    [
        numpy.asarray,
        numpy.array,
        lambda x: numpy.array([x, x]),
        lambda x: numpy.zeros(3) + numpy.asarray(x),
        lambda x: numpy.stack([numpy.zeros(3), x]),
    ],
)
def test_numpy_cannot_read_a_device_array(convert):
    with pytest.raises(TypeError, match=r"Implicit conversion to a NumPy array is not allowed|Unsupported type"):
        convert(on_device([1.0, 2.0, 3.0]))


@pytest.mark.parametrize(
    "mix",
    [
        lambda device, host: device + host,
        lambda device, host: host + device,
        lambda device, host: device @ host,
        lambda device, host: host @ device,
        lambda device, host: device < host,
        lambda device, host: device == host,
        lambda device, host: module.add(device, host),
        lambda device, host: module.maximum(host, device),
        lambda device, host: module.concatenate([device, host]),
        lambda device, host: module.where(device > 0, device, host),
        lambda device, host: module.sum(host),
        lambda device, host: module.exp(host),
        lambda device, host: module.linalg.inv(host),
        lambda device, host: module.linalg.solve(device, host),
        lambda device, host: module.add.at(device, 0, host),
        lambda device, host: module.multiply(device, 2.0, out=host),
        lambda device, host: device.clip(host, None),
        lambda device, host: device.__setitem__(slice(None), host),
        lambda device, host: device.__iadd__(host),
    ],
)
def test_an_array_of_the_host_is_refused(mix):
    host = numpy.ones((3, 3))
    with pytest.raises((TypeError, numpy.linalg.LinAlgError), match=r"Unsupported type|cupy\.ndarray"):
        mix(on_device(host), host)


@pytest.mark.parametrize("operation", [operator.add, operator.matmul, module.add, module.maximum])
def test_a_list_is_refused_as_an_operand(operation):
    with pytest.raises(TypeError):
        operation(on_device([1.0, 2.0]), [1.0, 2.0])


@pytest.mark.parametrize("index", [numpy.array([0, 1]), numpy.array([True, False]), (0, numpy.array([1]))])
def test_an_index_array_of_the_host_is_refused(index):
    with pytest.raises(TypeError, match="Unsupported type"):
        on_device([[1.0, 2.0], [3.0, 4.0]])[index]


def test_a_list_is_an_index_as_in_cupy():
    assert on_device([1.0, 2.0, 3.0])[[0, 2]].tolist() == [1.0, 3.0]


def test_an_index_of_floats_is_refused():
    with pytest.raises(IndexError, match="integer or boolean"):
        on_device([1.0, 2.0])[on_device([0.0, 1.0])]


@pytest.mark.parametrize("scalar", [2, 2.0, True, numpy.float32(2), numpy.int64(2)])
def test_scalars_mix_with_device_arrays_from_either_side(scalar):
    x = on_device([1.0, 2.0])
    assert asnumpy(x * scalar).tolist() == asnumpy(scalar * x).tolist() == [1.0 * scalar, 2.0 * scalar]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_types_are_promoted_as_in_numpy_2(dtype):
    host = numpy.ones(3, dtype)
    x = on_device(host)
    for scalar in (2, 2.0, numpy.float32(2), numpy.float64(2)):
        assert (x * scalar).dtype == (scalar * x).dtype == (host * scalar).dtype
    assert x.sum().dtype == host.sum().dtype
    assert (x.sum() * 2.0).dtype == (host.sum() * 2.0).dtype


@pytest.mark.parametrize(
    "reduce",
    [
        lambda x: x.sum(),
        lambda x: x.mean(axis=None),
        lambda x: x.max(),
        lambda x: (x > 0).all(),
        lambda x: x @ x,
        lambda x: x[0],
        lambda x: x[0] * 2.0,
        lambda x: module.sum(x),
        lambda x: module.argmax(x),
        lambda x: module.add.reduce(x),
        lambda x: module.einsum("i,i->", x, x),
        lambda x: module.allclose(x, x),
        lambda x: module.array_equal(x, x),
        lambda x: module.count_nonzero(x),
        lambda x: module.exp(1.0),
        lambda x: module.linalg.det(module.eye(2)),
        lambda x: next(iter(x)),
    ],
)
def test_what_numpy_gives_as_a_scalar_is_an_array_without_axes(reduce):
    syncs.clear()
    value = reduce(on_device([1.0, 2.0]))
    assert type(value) is DeviceArray
    assert value.shape == ()
    assert not syncs


@pytest.mark.parametrize(
    ("operation", "wait"),
    [
        ("item", lambda x: x.item()),
        ("tolist", lambda x: x.tolist()),
        ("bool", lambda x: bool(x)),
        ("bool", lambda x: x > 0 or x),
        ("int", lambda x: int(x)),
        ("float", lambda x: float(x)),
        ("get", lambda x: x.get()),
        ("asnumpy", asnumpy),
        ("repr", repr),
        ("str", str),
        ("format", lambda x: f"{x:.2f}"),
        ("boolean index", lambda x: x[x > 0]),
        ("nonzero", lambda x: module.nonzero(x.reshape(1))),
        ("unique", lambda x: module.unique(x)),
    ],
)
def test_what_makes_the_host_wait_is_counted(operation, wait):
    x = on_device(2.0)
    syncs.clear()
    wait(x)
    assert syncs == [operation]


@pytest.mark.parametrize("name", ["__index__", "__contains__", "__imatmul__", "resize", "ctypes", "to_device"])
def test_an_array_has_no_attribute_that_cupys_has_not(name):
    assert not hasattr(on_device([1.0]), name)


def test_all_attributes_of_the_array_are_cupys():
    own = {"_host", "_waited_for", "__annotations__", "__cuda_array_interface__", "__module__", "__slots__"}
    of_every_class = set(dir(type("Empty", (), {})))
    assert set(dir(DeviceArray)) - set(RECORD["ndarray"]) - of_every_class <= own


def test_an_array_cannot_count_iterations():
    with pytest.raises(TypeError, match="integer"):
        range(on_device(3))


def test_an_array_without_axes_cannot_be_iterated_or_measured():
    with pytest.raises(TypeError, match="0-d"):
        iter(on_device(1.0))
    with pytest.raises(TypeError, match="unsized"):
        len(on_device(1.0))


@pytest.mark.parametrize("name", ["frobnicate", "errstate", "vecdot", "insert", "float128"])
def test_a_name_that_cupy_has_not_is_refused(name):
    with pytest.raises(AttributeError, match=f"no attribute '{name}'"):
        getattr(module, name)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: module.sum(x, where=x > 0),
        lambda x: module.max(x, initial=0.0),
        lambda x: module.add(x, x, where=x > 0),
        lambda x: module.clip(x, min=0.0),
        lambda x: module.flip(x, 0, 1),
        lambda x: x.sum(initial=0.0),
        lambda x: x.item(0),
        lambda x: module.linalg.norm(x, order=2),
    ],
)
def test_an_argument_that_cupy_has_not_is_refused(call):
    with pytest.raises(TypeError, match=r"CuPy's|positional argument"):
        call(on_device([1.0, 2.0]))


@pytest.mark.parametrize("value", [3.0, [1.0, 2.0]])
@pytest.mark.parametrize("name", ["sum", "mean", "max", "clip", "cumsum", "argsort", "zeros_like", "broadcast_to"])
def test_functions_of_arrays_take_nothing_else(name, value):
    with pytest.raises(TypeError, match=r"needs a cupy\.ndarray"):
        getattr(module, name)(value)


def test_where_needs_an_array_as_its_condition():
    with pytest.raises(AttributeError, match="astype"):
        module.where(True, on_device(1.0), 0.0)


def test_a_shape_is_not_read_from_the_device():
    with pytest.raises(TypeError, match="on the host"):
        module.zeros(on_device([2, 3]))


def test_the_fake_refuses_stacks_that_cupys_solve_does_not_broadcast():
    with pytest.raises(ValueError, match="shape"):
        module.linalg.solve(module.eye(2), module.ones((3, 2, 1)))


def test_add_at_adds_twice_where_a_place_is_named_twice():
    x = module.zeros(3)
    module.add.at(x, on_device([0, 2, 0]), on_device([1.0, 2.0, 3.0]))
    assert asnumpy(x).tolist() == [4.0, 0.0, 2.0]


def test_add_at_takes_the_types_that_cupys_takes():
    with pytest.raises(TypeError, match="scatter_add only supports"):
        module.add.at(module.zeros(3, "int64"), on_device([0]), 1)


@pytest.mark.parametrize(("name", "method"), [("multiply", "at"), ("maximum", "reduce"), ("exp", "accumulate")])
def test_a_ufuncs_method_that_cupy_has_not_is_refused(name, method):
    with pytest.raises(NotImplementedError, match=method):
        getattr(getattr(module, name), method)(on_device([1.0]), 0, on_device([1.0]))


def test_places_outside_wrap_around_in_index_arrays_but_not_in_whole_numbers():
    x = on_device([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert asnumpy(x[:, on_device([3, -1])]).tolist() == [[1.0, 3.0], [4.0, 6.0]]
    assert asnumpy(x[..., on_device([4])]).tolist() == [[2.0], [5.0]]
    assert asnumpy(x[on_device([2]), on_device([5])]).tolist() == [3.0]
    with pytest.raises(IndexError):
        x[2]


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[0],
        lambda x: x[0, 0],
        lambda x: x[...],
        lambda x: x[:, None, ::2],
        lambda x: x.T,
        lambda x: x.reshape(-1),
        lambda x: x.transpose(1, 0)[1:],
        lambda x: x.swapaxes(0, 1).swapaxes(0, 1),
        lambda x: module.broadcast_to(x, (2, 2, 3)),
    ],
)
def test_views_know_their_base_and_share_its_memory(view):
    x = on_device([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    part = view(x)
    assert part.base is x
    x[...] = 9.0
    assert (asnumpy(part) == 9.0).all()


@pytest.mark.parametrize(
    "copied",
    [
        lambda x: x.copy(),
        lambda x: x.astype(x.dtype),
        lambda x: x + 0.0,
        lambda x: x[on_device([0, 1])],
        lambda x: x[x > -1],
        lambda x: module.array(x),
        copy.copy,
        copy.deepcopy,
    ],
)
def test_copies_share_no_memory(copied):
    x = on_device([1.0, 2.0])
    other = copied(x)
    assert other.base is None
    x[...] = 9.0
    assert asnumpy(other).tolist() == [1.0, 2.0]


def test_the_data_of_the_host_are_copied_in_both_directions():
    host = numpy.ones(2)
    x = on_device(host)
    host[:] = 7.0
    asnumpy(x)[:] = 8.0
    assert x.tolist() == [1.0, 1.0]
    assert module.asarray(x) is x


@pytest.mark.parametrize("name", ["iadd", "isub", "imul", "itruediv", "ipow"])
def test_operators_in_place_write_into_the_same_memory(name):
    host = numpy.array([1.0, 2.0])
    x = on_device(host)
    view = x[:]
    assert getattr(x, f"__{name}__")(3.0) is x
    assert asnumpy(view).tolist() == getattr(host, f"__{name}__")(3.0).tolist()


def test_out_writes_into_the_given_array():
    x = module.zeros(2)
    assert module.multiply(on_device([1.0, 2.0]), 3.0, out=x) is x
    assert x.tolist() == [3.0, 6.0]


def test_an_operator_defers_to_an_operand_of_higher_priority():
    class Stranger:
        __array_priority__ = 101

        def __radd__(self, other):
            return "mine"

    class Modest(Stranger):
        __array_priority__ = 99

    assert on_device([1.0]) + Stranger() == "mine"
    with pytest.raises(TypeError):
        on_device([1.0]) + Modest()


def test_an_array_is_not_equal_to_nothing():
    assert asnumpy(on_device([1.0, 2.0]) == None).tolist() == [False, False]  # noqa: E711


def test_the_record_lists_arguments_in_cupys_order():
    assert RECORD["module"]["argmax"]["parameters"] == ["a", "axis", "dtype", "out", "keepdims"]
    assert RECORD["module"]["add"]["parameters"] == ["x1", "x2", "/", "out", "*", "casting", "dtype"]


# Every primitive, forward, pushed, pulled, and pulled again

MATRIX = numpy.array([[0.5, -1.2, 2.0], [1.5, 0.3, -0.7]])
OTHER = numpy.array([[1.1, 0.4, -2.2], [0.9, 1.3, 0.6]])
VECTOR = numpy.array([0.7, -0.4, 1.6])
POSITIVE = numpy.array([[0.5, 1.2, 2.0], [1.5, 0.3, 0.7]])
SMALL = numpy.array([0.1, -0.5, 0.8])
TALL = numpy.array([1.5, 2.5, 4.0])
STACK = numpy.arange(12.0).reshape(2, 3, 2) / 7.0 - 0.6
SQUARE = numpy.array([[2.0, 0.3, 0.1], [0.2, 1.5, -0.4], [0.3, 0.1, 1.8]])
SQUARES = numpy.stack([SQUARE, SQUARE.T + numpy.eye(3)])
MASK = numpy.array([[True, False, True], [False, False, True]])
REPEATED = numpy.array([0, 2, 2, 1])

Example = tuple[tuple[Any, ...], dict[str, Any]]


def example(*args: Any, **params: Any) -> Example:
    return args, params


UNARY = [example(MATRIX), example(numpy.float64(0.3)), example(MATRIX.astype("float32"))]
BINARY = [example(MATRIX, OTHER), example(MATRIX, VECTOR), example(MATRIX, 2.0), example(0.5, POSITIVE)]
REDUCTION = [
    example(MATRIX),
    example(MATRIX, axis=0),
    example(MATRIX, axis=-1, keepdims=True),
    example(STACK, axis=(0, 2)),
    example(VECTOR, axis=None, keepdims=True),
]
IMAGES = numpy.arange(24.0).reshape(1, 2, 3, 4) / 8.0
KERNELS = numpy.arange(4.0).reshape(2, 1, 1, 2) - 1.5
STEPS = {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 1), "groups": 2}
WINDOWS = numpy.arange(16.0).reshape(1, 1, 2, 2, 1, 4)
ALONG = [example(MATRIX, axis=0), example(MATRIX, axis=1), example(STACK, axis=2)]


def of(names: str, examples: list[Example]) -> dict[str, list[Example]]:
    return dict.fromkeys(names.split(), examples)


def unrolled(layout: Layout) -> Example:
    return example(numpy.cos(numpy.arange(sum(map(math.prod, layout.shapes)))), layout=layout)


EXAMPLES: dict[str, list[Example]] = {
    **of("positive negative square exp exp2 expm1 sin cos tan arctan sinh cosh tanh arcsinh sinc absolute", UNARY),
    **of("sigmoid softplus relu erf sign floor ceil trunc rint isfinite isnan isinf signbit logical_not", UNARY),
    **of("log log2 log10 log1p sqrt cbrt reciprocal", [example(POSITIVE), example(numpy.float64(0.3))]),
    **of("arcsin arccos arctanh", [example(SMALL)]),
    **of("greater greater_equal less less_equal equal not_equal floor_divide", BINARY),
    **of("logical_and logical_or logical_xor", BINARY),
    **of("add subtract multiply divide logaddexp arctan2 hypot maximum minimum remainder", BINARY),
    **of("sum mean max min norm logsumexp", REDUCTION),
    **of("argmax argmin argsort cumsum flip sort softmax log_softmax", ALONG),
    "argmax": [example(MATRIX), *ALONG],
    "arccosh": [example(TALL)],
    "power": [example(POSITIVE, OTHER), example(MATRIX, 2), example(POSITIVE, -0.5), example(2.0, MATRIX)],
    "sinc_derivative": [example(MATRIX, order=1), example(MATRIX, order=2)],
    "clip": [example(MATRIX, -1.0, 1.0), example(MATRIX, -1.0, numpy.array([1, 0, 2]))],
    "where": [example(MASK, MATRIX, OTHER), example(MASK, MATRIX, 0.0), example(MASK, 1.0, VECTOR)],
    "leaky_relu": [example(MATRIX, slope=0.1)],
    "scale_gradient": [example(MATRIX, factor=-0.5)],
    "broadcast_to": [example(VECTOR, shape=(2, 3)), example(VECTOR[:, None], shape=(2, 3, 4))],
    "reshape": [example(MATRIX, shape=(3, 2)), example(MATRIX, shape=-1), example(VECTOR, shape=(1, 3, 1))],
    "transpose": [example(MATRIX), example(STACK, axes=(2, 0, 1)), example(numpy.float64(1.0))],
    "astype": [example(MATRIX, dtype=numpy.dtype("float32"))],
    "getitem": [
        example(MATRIX, index=0),
        example(MATRIX, index=(slice(None), 1)),
        example(MATRIX, index=(Ellipsis, None, slice(None, None, -2))),
        example(MATRIX, index=(1, 2)),
        example(MATRIX, index=MASK),
        example(VECTOR, index=REPEATED),
        example(MATRIX, index=(numpy.array([0, 1, 1, 0]), REPEATED)),
        example(STACK, index=(slice(None), REPEATED)),
        example(VECTOR, index=numpy.array([-1, 0])),
    ],
    "scatter_add": [
        example(VECTOR, index=slice(1, 4), shape=(5,)),
        example(MATRIX[:, None], index=(Ellipsis, None, slice(0, 3)), shape=(2, 4)),
        example(numpy.arange(4.0), index=REPEATED, shape=(3,)),
        example(VECTOR, index=MASK, shape=(2, 3)),
        example(numpy.arange(8.0).reshape(2, 4), index=(slice(None), REPEATED), shape=(2, 3)),
    ],
    "roll": [example(MATRIX, shift=(1,), axis=(1,)), example(STACK, shift=(1, -1), axis=(0, 1))],
    "pad": [example(MATRIX, pad_width=((1, 0), (0, 2))), example(VECTOR, pad_width=((2, 1),))],
    "concatenate": [example(MATRIX, OTHER, axis=0), example(MATRIX, OTHER, MATRIX, axis=1)],
    "matmul": [
        example(MATRIX, OTHER.T),
        example(MATRIX, VECTOR),
        example(VECTOR, OTHER.T),
        example(VECTOR, VECTOR + 1.0),
        example(STACK, MATRIX),
        example(STACK, STACK.swapaxes(1, 2)),
        example(VECTOR, STACK),
        example(STACK.swapaxes(1, 2), VECTOR),
    ],
    "einsum": [
        example(MATRIX, OTHER.T, inputs=("ij", "jk"), output="ik"),
        example(MATRIX, inputs=("ij",), output="ji"),
        example(STACK, MATRIX, VECTOR, inputs=("bij", "jk", "k"), output="bi"),
    ],
    "affine": [example(MATRIX, numpy.ones((4, 3)) * VECTOR, numpy.arange(4.0)), example(VECTOR, MATRIX, numpy.ones(2))],
    "normalize": [
        example(STACK, SMALL[:, None], VECTOR[:, None], axes=(0, 2), eps=0.25, known=(SMALL[:, None], TALL[:, None])),
        example(MATRIX, VECTOR, 0.0, axes=(1,), eps=0.25, known=(MATRIX[:, :1], POSITIVE[:, :1])),
    ],
    "unroll": [unrolled(Layout(kind, 3, 2, 1, 2)) for kind in (*ELMAN_STEPS.values(), LSTM_STEP, GRU_STEP)],
    "conv2d": [example(IMAGES, KERNELS, size=(2, 3), **STEPS)],
    "conv2d_transpose": [example(IMAGES[:, :, :2], KERNELS, size=(2, 5), **STEPS)],
    "conv2d_weight": [example(IMAGES, IMAGES[:, :, :2], size=(1, 1), **STEPS)],
    "windows": [example(IMAGES, kernel=(2, 1), size=(1, 2), stride=(1, 1), dilation=(1, 2))],
    "overlap_add": [example(WINDOWS, size=(2, 3), stride=(1, 1), dilation=(1, 2))],
    "cross_entropy": [example(MATRIX, numpy.array([2, 0])), example(MATRIX, numpy.array([2, 0]), averaged=True)],
    "logabsdet": [example(SQUARE), example(SQUARES)],
    "signdet": [example(SQUARE), example(SQUARES)],
    "linalg.inv": [example(SQUARE), example(SQUARES)],
    "linalg.det": [example(SQUARE), example(SQUARES)],
    "linalg.solve": [example(SQUARE, VECTOR), example(SQUARE, MATRIX.T), example(SQUARES, STACK)],
    **of("spectral_norm nuclear_norm top_singular_pair polar", [example(MATRIX), example(STACK), example(SQUARES)]),
    "clip_singular_values": [example(MATRIX, radius=1.0), example(SQUARES, radius=1.0), example(MATRIX, radius=9.0)],
    "shrink_singular_values": [example(MATRIX, threshold=1.0), example(SQUARES, threshold=1.0)],
    "sylvester": [example(SQUARE @ SQUARE.T, numpy.diag([1.0, 2.0]), MATRIX.T)],
    "linalg.cholesky": [example(SQUARE @ SQUARE.T), example(SQUARES @ SQUARES.swapaxes(1, 2))],
}
CASES = [pytest.param(name, x, id=f"{name}-{i}") for name, xs in EXAMPLES.items() for i, x in enumerate(xs)]


# Whether the largest singular value is simple, the second derivative has to ask the device.
WAITING = {"spectral_norm", "top_singular_pair"}


def wave(shape: tuple[int, ...], dtype: Any) -> Any:
    """Make an array of unremarkable numbers on the active backend."""
    size = int(numpy.prod(shape))
    return current().asarray(numpy.cos(1.0 + numpy.arange(size)).reshape(shape).astype(dtype))


def everything_of(name: str, args: tuple[Any, ...], params: dict[str, Any]) -> list[Any]:
    """Run a primitive forward, push tangents, pull a cotangent, and push and pull through that pull."""
    places = [i for i, x in enumerate(args) if getattr(x, "dtype", numpy.dtype(int)).kind == "f"]
    full = [placed(x) for x in args]
    settings = {key: placed(value) for key, value in params.items()}

    def f(*primals: Any) -> Any:
        for i, x in zip(places, primals, strict=True):
            full[i] = x
        return TABLE[name](*full, **settings)

    primals = [placed(numpy.asarray(args[i])) for i in places]
    tangents = [wave(x.shape, x.dtype) for x in primals]
    out, derivative = mg.linearize(f, *primals)
    cotangent = wave(out.shape, out.dtype)
    results = [out, derivative.push(*tangents), *derivative.pull(cotangent)]
    if TABLE[name].kind != "zero":
        again, second = mg.linearize(lambda *x: mg.vjp(f, *x)[1](cotangent), *primals)
        results += [*again, *second.push(*tangents), *second.pull(again)]
    return results


@pytest.mark.parametrize(("name", "case"), CASES)
def test_a_primitive_and_its_derivatives_are_the_same_on_the_device(name, case):
    args, params = case
    expected = everything_of(name, args, params)
    with mg.use("fake"):
        syncs.clear()
        actual = everything_of(name, args, params)
        assert {type(x) for x in actual} == {DeviceArray}
        assert set(syncs) <= {"boolean index"} | ({"bool"} if name in WAITING else set())
    for x, y in zip(actual, expected, strict=True):
        assert x.dtype == y.dtype
        assert close(x, y)


def test_every_primitive_has_an_example():
    assert set(EXAMPLES) == set(TABLE)


# The functions of minigrad.numpy that are made of primitives

COMPOSED: dict[str, Callable[[Any], Any]] = {
    "prod": lambda x: np.prod(x, axis=1),
    "var": lambda x: np.var(x, axis=0, ddof=1),
    "std": lambda x: np.std(x, axis=1, keepdims=True),
    "ptp": lambda x: np.ptp(x, axis=0),
    "amax": lambda x: np.amax(x),
    "cumsum": lambda x: np.cumsum(x),
    "clip": lambda x: np.clip(x, 0.0, None),
    "clip_by_tensors": lambda x: np.clip(x, x[0], 1.0),
    "dot": lambda x: np.dot(x, x.T),
    "vdot": lambda x: np.vdot(x, x),
    "inner": lambda x: np.inner(x, x),
    "outer": lambda x: np.outer(x[0], x[1]),
    "kron": lambda x: np.kron(x, x),
    "tensordot": lambda x: np.tensordot(x, x, axes=([1], [1])),
    "einsum_diagonal": lambda x: np.einsum("ii->i", x[:, :2]),
    "einsum_ellipsis": lambda x: np.einsum("...j,...j", x, x),
    "trace": lambda x: np.trace(x, 1),
    "ravel": lambda x: np.ravel(x),
    "moveaxis": lambda x: np.moveaxis(x, 0, 1),
    "expand_dims": lambda x: np.expand_dims(x, (0, 2)),
    "squeeze": lambda x: np.squeeze(x[None]),
    "stack": lambda x: np.stack([x, 2.0 * x], axis=1),
    "array_of_tensors": lambda x: np.array([x[0, 0], x[1, 1] ** 2]),
    "vstack": lambda x: np.vstack([x, x]),
    "hstack": lambda x: np.hstack([x, x]),
    "dstack": lambda x: np.dstack([x, x]),
    "column_stack": lambda x: np.column_stack([x[:, 0], x]),
    "append": lambda x: np.append(x, x),
    "split": lambda x: np.split(x, 3, axis=1)[1],
    "array_split": lambda x: np.array_split(x, [1, 2], axis=1)[2],
    "tile": lambda x: np.tile(x, (2, 2)),
    "repeat": lambda x: np.repeat(x, 2, axis=1),
    "roll": lambda x: np.roll(x, 2),
    "flip": lambda x: np.flip(x),
    "pad": lambda x: np.pad(x, 1),
    "pad_constant": lambda x: np.pad(x, ((0, 1), (1, 0)), constant_values=3.0),
    "pad_reflect": lambda x: np.pad(x, ((0, 1), (1, 0)), mode="reflect"),
    "diagonal": lambda x: np.diagonal(x),
    "diag_of_matrix": lambda x: np.diag(x, 1),
    "diag_of_vector": lambda x: np.diag(x[0], -1),
    "tril": lambda x: np.tril(x),
    "triu": lambda x: np.triu(x, 1),
    "take": lambda x: np.take(x, [0, 2, 0], axis=1),
    "take_along_axis": lambda x: np.take_along_axis(x, np.argsort(x, axis=1), axis=1),
    "list_as_index": lambda x: x[[1, 0, 1]],
    "tensor_as_index": lambda x: x[mg.tensor([1, 0, 1])],
    "mask": lambda x: x[x > 0],
    "sort": lambda x: np.sort(x, axis=None),
    "norm": lambda x: np.linalg.norm(x),
    "norm_1": lambda x: np.linalg.norm(x, 1, axis=0),
    "norm_3": lambda x: np.linalg.norm(x, 3, axis=0),
    "norm_2": lambda x: np.linalg.norm(x, 2),
    "norm_2_of_a_stack": lambda x: np.linalg.norm(x[:, None] * x, 2, axis=(2, 0), keepdims=True),
    "norm_nuc": lambda x: np.linalg.norm(x, "nuc"),
    "norm_inf": lambda x: np.linalg.norm(x, numpy.inf, axis=1),
    "slogdet": lambda x: np.linalg.slogdet(x @ x.T)[1],
    "project_box": lambda x: mg.prox.project_box(x, -1.0, 1.0),
    "project_l2": lambda x: mg.prox.project_l2(x, 1.0),
    "project_l1": lambda x: mg.prox.project_l1(x, 1.0),
    "project_simplex": lambda x: mg.prox.project_simplex(x),
    "project_affine": lambda x: mg.prox.project_affine(x, placed(OTHER), placed(numpy.ones(2))),
    "project_spectral": lambda x: mg.prox.project_spectral(x, 1.0),
    "soft_threshold": lambda x: mg.prox.soft_threshold(x, 0.6),
    "prox_l2": lambda x: mg.prox.prox_l2(x, 1.0),
    "prox_nuclear": lambda x: mg.prox.prox_nuclear(x, 1.0),
    "iteration": lambda x: sum(row @ row for row in x),
    "methods": lambda x: x.astype("float32").T.reshape(-1, 2).mean(axis=0).flatten(),
    "copy": lambda x: np.copy(x) + copy.copy(x),
    "constants": lambda x: x * np.round(x) + np.ones_like(x) * np.isclose(x, 0.5) + np.argmax(x),
    "powers": lambda x: 2.0**x + x**2 + abs(x) ** 1.5 + x // 1.0 + x % 0.7,
    "numpys_own": lambda x: numpy.multiply(x, x) + numpy.exp(x),
    "operators_of_arrays": lambda x: x.data * x - (x.data - x) + (x.data @ x.T).sum() + x.data / (2.0 + x),
    "comparisons_of_arrays": lambda x: x * (x.data < 2.0 * x) * (x.data == x) + x * (x > x.data / 2.0),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_a_composed_function_and_its_derivatives_are_the_same_on_the_device(name):
    def everything() -> list[Any]:
        x = placed(MATRIX)
        out, derivative = mg.linearize(COMPOSED[name], x)
        (pulled,) = derivative.pull(wave(out.shape, out.dtype))
        second = mg.hvp(lambda x: np.sum(np.square(COMPOSED[name](x))), x, wave(x.shape, x.dtype))
        return [out, derivative.push(wave(x.shape, x.dtype)), pulled, second]

    expected = everything()
    with mg.use("fake"):
        actual = everything()
        assert {type(x) for x in actual} == {DeviceArray}
    for x, y in zip(actual, expected, strict=True):
        assert x.dtype == y.dtype
        assert close(x, y)


# The transforms


def network(weights: Any) -> Any:
    """Run a small network through many of the functions."""
    x = wave((5, 3), "float64")
    hidden = np.tanh(x @ weights["first"] + weights["bias"])
    hidden = np.concatenate([np.softplus(hidden[:, :2]), np.sigmoid(hidden[:, 2:])], axis=1)
    hidden = hidden / (1.0 + np.linalg.norm(hidden, axis=1, keepdims=True))
    return np.maximum(hidden, 0.1) @ weights["second"]


def weights() -> dict[str, Any]:
    return {"first": wave((3, 4), "float64"), "bias": wave((4,), "float64"), "second": wave((4, 2), "float64")}


def loss(weights: Any) -> Any:
    return np.mean(np.logsumexp(network(weights), axis=1)) + np.sum(np.square(weights["bias"]))


def of_bias(bias: Any) -> Any:
    return loss(weights() | {"bias": bias})


TRANSFORMED: dict[str, Callable[[], Any]] = {
    "grad": lambda: mg.grad(loss)(weights()),
    "value_and_grad": lambda: mg.value_and_grad(loss)(weights()),
    "grad_of_grad": lambda: mg.grad(lambda w: np.sum(np.square(mg.grad(of_bias)(w))))(weights()["bias"]),
    "third_derivative": lambda: mg.grad(mg.grad(mg.grad(lambda x: np.sin(x) ** 3)))(0.3),
    "jvp": lambda: mg.jvp(network, (weights(),), (weights(),)),
    "vjp": lambda: mg.vjp(network, weights())[1](wave((5, 2), "float64")),
    "linearize": lambda: mg.linearize(network, weights())[1].push(weights()),
    "hvp": lambda: mg.hvp(loss, weights(), weights()),
    "ggnvp": lambda: mg.ggnvp(network, lambda out: np.mean(np.logsumexp(out, axis=1)), weights(), weights()),
    "jacobian_by_rows": lambda: mg.jacobian(lambda x: np.stack([np.sum(x), x[0] * x[1]]))(placed(VECTOR)),
    "jacobian_by_columns": lambda: mg.jacobian(lambda x: np.outer(x, x))(placed(VECTOR)),
    "jacobian_of_nothing": lambda: mg.jacobian(lambda x: x[:0])(placed(VECTOR)),
    "hessian": lambda: mg.hessian(of_bias)(weights()["bias"]),
    "independent": lambda: mg.grad(lambda x, y: np.sum(y), (0, 1))(placed(VECTOR), placed(VECTOR)),
    "constant": lambda: mg.grad(lambda x: np.sum(placed(VECTOR)))(placed(VECTOR)),
}


@pytest.mark.parametrize("name", TRANSFORMED)
def test_a_transform_gives_the_same_on_the_device_without_waiting_for_it(name):
    from minigrad.containers import flatten

    expected = flatten(TRANSFORMED[name]())[0]
    with mg.use("fake"):
        syncs.clear()
        actual = flatten(TRANSFORMED[name]())[0]
        assert not syncs
    for x, y in zip(actual, expected, strict=True):
        assert type(x) is DeviceArray
        assert close(x, y)


def test_backward_accumulates_on_the_device(device):
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    for _ in range(2):
        (x * x).sum().backward()
    assert type(x.grad.data) is DeviceArray
    assert not syncs
    assert x.grad.tolist() == [4.0, 8.0]


def test_backward_differentiated_again_on_the_device(device):
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    (x**3).sum().backward(create_graph=True)
    gradient, x.grad = x.grad, None
    gradient.sum().backward()
    assert x.grad.tolist() == [6.0, 12.0]


def test_detect_anomaly_works_on_the_device(device):
    x = mg.tensor([0.0, 1.0], requires_grad=True)
    with mg.detect_anomaly(), pytest.raises(mg.AnomalyError, match=r"log, called at .*produced an infinite value"):
        np.log(x)


# Tensors of the device, seen from Python


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (repr, "tensor(2.)"),
        (str, "tensor(2.)"),
        (lambda t: f"{t:.1f}", "2.0"),
        (float, 2.0),
        (int, 2),
        (bool, True),
        (lambda t: t.item(), 2.0),
        (lambda t: t.numpy(), 2.0),
        (mg.asnumpy, 2.0),
        (numpy.asarray, 2.0),
    ],
)
def test_a_tensor_on_the_device_can_be_read(device, seen, expected):
    assert seen(mg.tensor(2.0)) == expected


def test_a_tensor_of_whole_numbers_on_the_device_counts(device):
    assert list(range(mg.tensor(3))) == [0, 1, 2]


def test_a_tensor_is_copied_when_it_is_made_of_a_device_array(device):
    x = on_device([1.0, 2.0])
    for t in (mg.tensor(x), mg.tensor(x[:]), copy.deepcopy(mg.Tensor(x))):
        assert not numpy.may_share_memory(t.data._host, x._host)
    assert mg.Tensor(x).data is x


# Training


def trained(momentum: float, steps: int = 3) -> list[Any]:
    """Train a small classifier, and give the losses and the parameters."""
    rng = numpy.random.default_rng(3)
    x = placed(rng.normal(size=(6, 4)).astype("float32"))
    y = placed(numpy.array([0, 2, 1, 1, 0, 2]))
    model = nn.Sequential(nn.Linear(4, 5, rng=rng), nn.ReLU(), nn.Linear(5, 3, rng=rng))
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=momentum)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        value = nn.cross_entropy(model(x), y)
        value.backward()
        optimizer.step()
        losses.append(value.data)
    return [*losses, *(p.data for p in model.parameters())]


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_training_gives_the_same_numbers_on_the_device(momentum):
    expected = trained(momentum)
    with mg.use("fake"):
        actual = trained(momentum)
    for x, y in zip(actual, expected, strict=True):
        assert type(x) is DeviceArray
        assert x.dtype == y.dtype
        assert close(x, y, condition=3)


def test_a_training_step_does_not_wait_for_the_device(device):
    trained(momentum=0.9)
    assert syncs == []


# Two libraries in one operation


@pytest.mark.parametrize(
    "mix",
    [
        lambda tensor, host: tensor * host,
        lambda tensor, host: host * tensor,
        lambda tensor, host: tensor @ host,
        lambda tensor, host: np.maximum(tensor, host),
        lambda tensor, host: np.concatenate([tensor, host]),
        lambda tensor, host: nn.Linear(2, 1)(host.astype("float32")),
        lambda tensor, host: np.stack([tensor, host]),
    ],
)
def test_an_array_of_the_host_beside_a_tensor_of_the_device_is_explained(device, mix):
    with pytest.raises(mg.MixedDevicesError, match=r"a numpy array .* backend 'fake'"):
        mix(mg.tensor([1.0, 2.0]), numpy.array([3.0, 4.0]))


@pytest.mark.parametrize("name", ["exp", "sum", "reshape"])
def test_a_tensor_of_the_host_is_refused_on_the_device(device, name):
    with mg.use("numpy"):
        tensor = mg.tensor([1.0, 2.0])
    function = {"exp": np.exp, "sum": np.sum, "reshape": lambda x: x.reshape(2, 1)}[name]
    with pytest.raises(TypeError, match=r"numpy"):
        function(tensor)


@pytest.mark.parametrize("name", ["exp", "sum", "reshape"])
def test_a_tensor_of_the_device_is_refused_on_the_host(device, name):
    tensor = mg.tensor([1.0, 2.0])
    function = {"exp": np.exp, "sum": np.sum, "reshape": lambda x: x.reshape(2, 1)}[name]
    with mg.use("numpy"), pytest.raises(mg.MixedDevicesError, match="the active backend is 'numpy'"):
        function(tensor)


def test_data_change_sides_only_on_purpose(device):
    x = mg.tensor(numpy.array([1.0, 2.0]))
    assert type(x.data) is DeviceArray
    assert type(mg.asnumpy(x)) is numpy.ndarray
    with mg.use("numpy"), pytest.raises(mg.MixedDevicesError, match=r"copy it first with minigrad\.asnumpy"):
        mg.tensor(x.data)
