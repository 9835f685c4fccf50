"""Recurrent cells and layers."""

import math

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
import minigrad.numpy as np
from minigrad import nn
from minigrad.backend import current
from minigrad.primitives import recurrent
from minigrad.primitives.recurrent import rows_of
from minigrad.tape import tape_of
from minigrad.testing import check_grads, close
from minigrad.testing import strategies as ms

pytestmark = pytest.mark.usefixtures("each_backend")

LAYERS = {nn.RNNCell: nn.RNN, nn.LSTMCell: nn.LSTM, nn.GRUCell: nn.GRU}
KINDS = pytest.mark.parametrize(("cell", "layer"), LAYERS.items(), ids=lambda kind: kind.__name__)


def on(x):
    return current().asarray(x)


def made(kind, *sizes, **settings):
    return kind(*sizes, **{"rng": numpy.random.default_rng(0), "dtype": "float64", **settings})


def filled(module, **values):
    """Fill parameters by name; those that are not named with zeros."""
    for name, p in module.named_parameters():
        p.data[...] = on(numpy.broadcast_to(values.get(name, 0.0), p.shape))
    return module


def parts(state):
    """List the arrays of a state."""
    return list(state) if isinstance(state, tuple) else [state]


def as_state(arrays):
    return tuple(arrays) if len(arrays) > 1 else arrays[0]


def random_state(kind, shape, seed=1):
    arrays = numpy.random.default_rng(seed).normal(size=(2 if "LSTM" in kind.__name__ else 1, *shape))
    return as_state([on(x) for x in arrays])


def outputs(result):
    """List the arrays in what a cell or a layer gives."""
    return [part for x in parts(result) for part in parts(x)]


def leaves(tree):
    """List the arrays in nested tuples."""
    return [leaf for part in tree for leaf in leaves(part)] if isinstance(tree, tuple) else [tree]


def map_leaves(f, tree):
    """Replace the arrays in nested tuples."""
    return tuple(map_leaves(f, part) for part in tree) if isinstance(tree, tuple) else f(tree)


# What they compute


@KINDS
@given(x=ms.arrays((4, 2, 3)))
def test_a_layer_is_its_cell_scanned_over_time(cell, layer, x):
    net, one = made(layer, 3, 5), made(cell, 3, 5)
    one.load_state_dict({name.removesuffix("_l0"): value for name, value in net.state_dict().items()})
    state = random_state(cell, (2, 5))
    begin = as_state([part[None] for part in parts(state)])
    out, last = net(on(x), begin)
    for t in range(4):
        state = one(on(x[t]), state)
        assert close(out[t].detach(), parts(state)[0].detach(), condition=10.0)
    for part, expected in zip(parts(last), parts(state), strict=True):
        assert close(part[0].detach(), expected.detach(), condition=10.0)


@KINDS
@given(x=ms.arrays((5, 2, 3)), cut=st.integers(1, 4))
def test_a_sequence_may_be_cut_in_two_if_the_state_is_handed_on(cell, layer, x, cut):
    net = made(layer, 3, 4, num_layers=2)
    whole, last = net(on(x))
    first, state = net(on(x[:cut]))
    second, end = net(on(x[cut:]), state)
    assert close(np.concatenate([first, second]).detach(), whole.detach(), condition=10.0)
    for part, expected in zip(parts(end), parts(last), strict=True):
        assert close(part.detach(), expected.detach(), condition=10.0)


@KINDS
@given(x=ms.arrays((3, 2, 3)))
def test_batch_first_only_exchanges_two_axes_and_a_batch_may_be_left_out(cell, layer, x):
    net, swapped = made(layer, 3, 4, num_layers=2), made(layer, 3, 4, num_layers=2, batch_first=True)
    state = random_state(layer, (2, 2, 4))
    out, last = net(on(x), state)
    out_swapped, last_swapped = swapped(on(x.swapaxes(0, 1)), state)
    assert close(out_swapped.detach(), np.swapaxes(out, 0, 1).detach())
    for part, expected in zip(parts(last_swapped), parts(last), strict=True):
        assert close(part.detach(), expected.detach())
    for module in (net, swapped):
        alone, end = module(on(x[:, 1]), as_state([part[:, 1] for part in parts(state)]))
        assert close(alone.detach(), out[:, 1].detach(), condition=10.0)
        for part, expected in zip(parts(end), parts(last), strict=True):
            assert close(part.detach(), expected[:, 1].detach(), condition=10.0)
    one = made(cell, 3, 4)
    for part, expected in zip(outputs(one(on(x[0, 1]))), outputs(one(on(x[0]))), strict=True):
        assert close(part.detach(), expected[1].detach(), condition=10.0)


@KINDS
@given(x=ms.arrays((4, 2, 3)))
def test_backwards_in_time_is_forwards_in_the_reversed_sequence(cell, layer, x):
    both = made(layer, 3, 4, bidirectional=True)
    state = random_state(layer, (2, 2, 4))
    out, last = both(on(x), state)
    for k, (suffix, order) in enumerate((("", 1), ("_reverse", -1))):
        one = made(layer, 3, 4)
        one.load_state_dict({name: both.state_dict()[name + suffix] for name in one.state_dict()})
        expected, end = one(on(x[::order].copy()), as_state([part[k : k + 1] for part in parts(state)]))
        assert close(out[..., 4 * k : 4 * k + 4].detach(), expected[::order].detach(), condition=10.0)
        for part, expected_part in zip(parts(last), parts(end), strict=True):
            assert close(part[k].detach(), expected_part[0].detach(), condition=10.0)


@given(x=ms.arrays((5, 2, 3), 0.0, 3.0))
def test_a_plain_network_with_relu_and_unit_matrices_adds_up_positive_inputs(x):
    net = filled(made(nn.RNN, 3, 3, nonlinearity="relu"), weight_ih_l0=numpy.eye(3), weight_hh_l0=numpy.eye(3))
    out, last = net(on(x))
    assert close(out.detach(), x.cumsum(axis=0), condition=10.0)
    assert close(last.detach()[0], x.sum(axis=0), condition=10.0)


@given(x=ms.arrays((5, 2, 3)))
def test_an_lstm_whose_forget_gate_is_open_and_whose_input_gate_is_closed_keeps_its_memory(x):
    i, f, g, o = -1000.0, 1000.0, 0.0, 1000.0
    net = filled(made(nn.LSTM, 3, 1), bias_ih_l0=[i, f, g, o], weight_ih_l0=1.0)
    h, c = random_state(nn.LSTM, (1, 2, 1))
    out, (_, kept) = net(on(x), (h, c))
    assert close(kept.detach(), c)
    assert close(out.detach(), np.tanh(c) * on(numpy.ones((5, 2, 1))))


@given(x=ms.arrays((5, 2, 3)))
def test_a_gru_whose_update_gate_is_open_keeps_its_state_and_otherwise_replaces_it(x):
    h = random_state(nn.GRU, (1, 2, 1))
    for z, reset in ((1000.0, 0.0), (-1000.0, -1000.0), (-1000.0, 1000.0)):
        net = filled(
            made(nn.GRU, 3, 1),
            bias_ih_l0=[reset, z, 0.0],
            weight_ih_l0=numpy.array([[0.0], [0.0], [1.0]]),
            weight_hh_l0=numpy.array([[0.0], [0.0], [0.5]]),
            bias_hh_l0=[0.0, 0.0, 0.25],
        )
        out, last = net(on(x[:1]), h)
        state = mg.asnumpy(h)[0]
        recurrent = 0.5 * state + 0.25 if reset > 0 else 0.0 * state  # the reset gate acts after the matrix product
        new = numpy.tanh(x[0].sum(axis=1, keepdims=True) + recurrent)
        assert close(last.detach()[0], state if z > 0 else new, condition=10.0)
        assert close(out.detach()[0], last.detach()[0])


# Their derivatives


@KINDS
def test_a_cell_has_right_derivatives_in_input_state_and_parameters(cell, layer):
    theta, unravel = nn.ravel(made(cell, 3, 2))
    x = numpy.random.default_rng(3).normal(size=(2, 3))
    state = random_state(cell, (2, 2))
    check_grads(lambda theta, x, state: unravel(theta)(x, state), mg.asnumpy(theta), x, state)


@KINDS
@pytest.mark.parametrize("settings", [{}, {"num_layers": 2, "bidirectional": True, "bias": False}])
def test_a_layer_has_right_derivatives_in_input_state_and_parameters(cell, layer, settings):
    net = made(layer, 2, 2, **settings)
    theta, unravel = nn.ravel(net)
    x = numpy.random.default_rng(3).normal(size=(3, 2, 2))
    state = random_state(layer, (4 if settings else 1, 2, 2))
    check_grads(lambda theta, x, state: unravel(theta)(x, state), mg.asnumpy(theta), x, state)


@pytest.fixture(params=[1, 64, 1 << 15])
def together(monkeypatch, request):
    """Let a sweep find the slopes of one time after the other, of a few times together, or of all."""
    monkeypatch.setattr(recurrent, "TOGETHER", request.param)


@KINDS
@given(x=ms.arrays((5, 2, 3)), seed=st.integers(0, 2**32 - 1))
def test_a_layer_has_the_derivatives_of_its_cell_scanned_over_time(cell, layer, together, x, seed):
    (theta, net), (_, one) = (nn.ravel(made(kind, 3, 4)) for kind in (layer, cell))

    def scanned(theta, x, state):
        hidden_states, state = [], as_state([part[0] for part in parts(state)])
        for x_now in x:
            state = one(theta)(x_now, state)
            hidden_states.append(parts(state)[0])
        return np.stack(hidden_states), as_state([part[None] for part in parts(state)])

    def derivatives(f):
        out, lin = mg.linearize(f, *point)
        value, slope = mg.linearize(lambda *point: mg.vjp(f, *point)[1](cotangents)[0], *point)
        return leaves((out, lin.push(*tangents), lin.pull(cotangents), value, slope.push(*tangents)))

    point = theta, on(x), random_state(layer, (1, 2, 4))
    rng = numpy.random.default_rng(seed)
    tangents, cotangents = (
        map_leaves(lambda leaf: on(rng.normal(size=leaf.shape)), tree) for tree in (point, scanned(*point))
    )
    of_layer = derivatives(lambda theta, x, state: net(theta)(x, state))
    for actual, expected in zip(of_layer, derivatives(scanned), strict=True):
        assert close(actual, expected, condition=100.0)


@KINDS
def test_a_layer_is_as_few_operations_for_a_long_sequence_as_for_a_short_one(cell, layer):
    net = made(layer, 3, 4)
    counts = {len(tape_of([net(on(numpy.ones((times, 2, 3))))[0]], 1)[0]) for times in (2, 200)}
    assert len(counts) == 1


@KINDS
def test_a_batch_may_be_empty(cell, layer):
    net = made(layer, 3, 4)
    out, _ = net(on(numpy.zeros((5, 0, 3))))
    out.sum().backward()
    assert out.shape == (5, 0, 4)
    assert all(close(p.grad, numpy.zeros(p.shape)) for p in net.parameters())


def test_relu_as_the_nonlinearity_has_right_derivatives():
    x = numpy.random.default_rng(3).normal(size=(3, 2, 2))
    check_grads(lambda x: made(nn.RNN, 2, 3, nonlinearity="relu")(x), x)
    check_grads(lambda x: made(nn.RNNCell, 2, 3, nonlinearity="relu")(x), x[0])


@KINDS
def test_single_precision_is_kept_forwards_and_backwards(cell, layer):
    x = mg.tensor(numpy.ones((3, 2, 3)), "float32", requires_grad=True)
    for module, given_x in ((made(cell, 3, 4, dtype="float32"), x[0]), (made(layer, 3, 4, dtype="float32"), x)):
        results = outputs(module(given_x))
        assert {result.dtype for result in results} == {numpy.dtype("float32")}
        sum((result * result).sum() for result in results).backward()
        assert {p.grad.dtype for p in module.parameters()} == {numpy.dtype("float32")}
    assert x.grad.dtype == "float32"


@given(n=st.integers(1, 300))
def test_the_rows_of_an_array_cost_no_more_than_n_log_n_to_pull_back(n):
    x = mg.tensor(numpy.arange(2.0 * n).reshape(n, 2), requires_grad=True)
    rows = rows_of(x)
    assert close(np.stack(rows).detach(), x.detach())
    cuts, _ = tape_of(rows, 1)
    assert sum(node.parents[0].shape[0] for node in cuts) <= 2 * n * (1 + math.ceil(math.log2(n)))


def test_a_long_sequence_is_no_deep_recursion():
    net = made(nn.RNN, 1, 2)
    out, _ = net(mg.tensor(numpy.ones((1200, 1, 1)), requires_grad=True))
    out.sum().backward()
    assert bool(np.isfinite(net.weight_hh_l0.grad).all())


# The same as PyTorch's

SETTINGS = [
    {},
    {"bias": False},
    {"num_layers": 3},
    {"bidirectional": True, "num_layers": 2},
    {"batch_first": True},
]


def compared_with_pytorch(kind, name, settings, x, state):
    """Compare values and gradients with PyTorch's module of the same name, settings and weights."""
    torch = pytest.importorskip("torch")
    module = made(kind, 3, 4, **settings)
    twin = getattr(torch.nn, name)(3, 4, **settings, dtype=torch.float64)
    twin.load_state_dict({name: torch.tensor(mg.asnumpy(value)) for name, value in module.state_dict().items()})
    ours = [mg.Tensor(on(v), requires_grad=True) for v in (x, *state)]
    theirs = [torch.tensor(v, requires_grad=True) for v in (x, *state)]
    results = outputs(module(ours[0], as_state(ours[1:]))), outputs(twin(theirs[0], as_state(theirs[1:])))
    for actual, expected in zip(*results, strict=True):
        assert close(actual.detach(), expected.detach().numpy(), condition=10.0)
    for arrays in results:
        sum((array**2).sum() * (k + 1.0) for k, array in enumerate(arrays)).backward()
    for a, b in zip([*ours, *module.parameters()], [*theirs, *twin.parameters()], strict=True):
        assert close(a.grad, b.grad.numpy(), condition=100.0)


@KINDS
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_a_layer_is_pytorchs(cell, layer, settings):
    rng = numpy.random.default_rng(5)
    x = rng.normal(size=(2, 6, 3) if "batch_first" in settings else (6, 2, 3))
    count = settings.get("num_layers", 1) * (2 if "bidirectional" in settings else 1)
    state = rng.normal(size=(2 if layer is nn.LSTM else 1, count, 2, 4))
    compared_with_pytorch(layer, layer.__name__, settings, x, state)


@KINDS
@pytest.mark.parametrize("settings", SETTINGS[:2], ids=str)
def test_a_cell_is_pytorchs(cell, layer, settings):
    rng = numpy.random.default_rng(5)
    state = rng.normal(size=(2 if layer is nn.LSTM else 1, 2, 4))
    compared_with_pytorch(cell, cell.__name__, settings, rng.normal(size=(2, 3)), state)


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_both_nonlinearities_are_pytorchs(nonlinearity):
    rng = numpy.random.default_rng(5)
    settings = {"nonlinearity": nonlinearity}
    compared_with_pytorch(nn.RNN, "RNN", settings, rng.normal(size=(6, 2, 3)), rng.normal(size=(1, 1, 2, 4)))
    compared_with_pytorch(nn.RNNCell, "RNNCell", settings, rng.normal(size=(2, 3)), rng.normal(size=(1, 2, 4)))


# How they begin, and what they refuse


@KINDS
def test_the_first_weights_are_uniform_and_follow_the_generator_on_every_backend(cell, layer):
    net = layer(3, 16, num_layers=2, rng=numpy.random.default_rng(4))
    values = numpy.concatenate([mg.asnumpy(p).ravel() for p in net.parameters()])
    assert abs(values).max() <= 0.25
    assert abs(values.var() - 0.25**2 / 3.0) < 0.1 * 0.25**2 / 3.0
    with mg.use("numpy"):
        again = layer(3, 16, num_layers=2, rng=numpy.random.default_rng(4))
    assert close(net.weight_hh_l1.detach(), mg.asnumpy(again.weight_hh_l1.data))
    assert layer(3, 2).weight_ih_l0.dtype == cell(3, 2).weight_ih.dtype == "float32"


@KINDS
def test_without_a_state_it_begins_with_zeros(cell, layer):
    x = on(numpy.random.default_rng(0).normal(size=(3, 2, 3)))
    for module, given_x, shape in ((made(cell, 3, 4), x[0], (2, 4)), (made(layer, 3, 4), x, (1, 2, 4))):
        zeros = as_state([0.0 * part for part in parts(random_state(cell, shape))])
        for part, expected in zip(outputs(module(given_x)), outputs(module(given_x, zeros)), strict=True):
            assert close(part.detach(), expected.detach())


def test_they_show_their_settings():
    assert repr(nn.LSTM(3, 4)) == "LSTM(3, 4)"
    assert repr(nn.GRUCell(3, 4, bias=False)) == "GRUCell(3, 4, bias=False)"
    shown = "GRU(3, 4, bias=False, num_layers=2, batch_first=True, bidirectional=True)"
    assert repr(nn.GRU(3, 4, 2, False, True, bidirectional=True)) == shown
    assert repr(nn.RNN(3, 4, nonlinearity="relu")) == "RNN(3, 4, nonlinearity='relu')"


def test_what_layers_refuse():
    net, pair = nn.GRU(3, 4), nn.LSTM(3, 4)
    for wrong in ((5, 2, 4), (3,), (1, 5, 2, 3)):
        with pytest.raises(
            mg.ShapeError, match=r"GRU\(3, 4\) needs an input of shape \(time, batch, 3\) or \(time, 3\)"
        ):
            net(on(numpy.zeros(wrong)))
    with pytest.raises(mg.ShapeError, match=r"needs an input of shape \(batch, time, 3\)"):
        nn.RNN(3, 4, batch_first=True)(on(numpy.zeros((5, 2, 4))))
    with pytest.raises(mg.ShapeError, match=r"at least one step of time; got \(0, 2, 3\), time first"):
        net(on(numpy.zeros((0, 2, 3))))
    x = on(numpy.zeros((5, 2, 3)))
    with pytest.raises(mg.ShapeError, match=r"GRU\(3, 4\) needs h in its state of shape \(1, 2, 4\); got \(2, 4\)"):
        net(x, on(numpy.zeros((2, 4))))
    with pytest.raises(mg.ShapeError, match=r"needs c in its state of shape \(1, 2, 4\); got \(1, 3, 4\)"):
        pair(x, (on(numpy.zeros((1, 2, 4))), on(numpy.zeros((1, 3, 4)))))
    for wrong in (on(numpy.zeros((1, 2, 4))), (on(numpy.zeros((1, 2, 4))),)):
        with pytest.raises(TypeError, match=r"LSTM\(3, 4\) needs its state as a tuple \(h, c\); got a"):
            pair(x, wrong)
    with pytest.raises(TypeError, match=r"LSTM\(3, 4\) needs floating-point numbers; got int64"):
        pair(on(numpy.zeros((5, 2, 3), "int64")))
    with pytest.raises(TypeError, match=r"GRU\(3, 4\) needs floating-point numbers; got int64"):
        net(x, on(numpy.zeros((1, 2, 4), "int64")))
    with pytest.raises(ValueError, match="RNN knows the nonlinearities 'tanh' and 'relu'; got 'elu'"):
        nn.RNN(3, 4, nonlinearity="elu")
    with pytest.raises(ValueError, match="LSTM needs positive whole sizes; got num_layers = 0"):
        nn.LSTM(3, 4, 0)


def test_what_cells_refuse():
    cell = nn.LSTMCell(3, 4)
    with pytest.raises(
        mg.ShapeError, match=r"LSTMCell\(3, 4\) needs an input of shape \(batch, 3\) or \(3,\); got \(2, 4\)"
    ):
        cell(on(numpy.zeros((2, 4))))
    x = on(numpy.zeros((2, 3)))
    with pytest.raises(mg.ShapeError, match=r"needs h in its state of shape \(2, 4\); got \(4,\)"):
        cell(x, (on(numpy.zeros(4)), on(numpy.zeros(4))))
    with pytest.raises(TypeError, match=r"needs its state as a tuple \(h, c\)"):
        cell(x, x)
    with pytest.raises(ValueError, match="RNNCell knows the nonlinearities 'tanh' and 'relu'; got 'gelu'"):
        nn.RNNCell(3, 4, nonlinearity="gelu")
    with pytest.raises(ValueError, match="GRUCell needs positive whole sizes; got hidden_size = 0"):
        nn.GRUCell(3, 0)
