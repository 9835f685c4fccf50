"""The first layers and the classifier's loss."""

import numpy
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import minigrad as mg
import minigrad.numpy as np
from minigrad import nn
from minigrad.backend import current
from minigrad.testing import check_grads, close
from minigrad.testing import strategies as ms

pytestmark = pytest.mark.usefixtures("each_backend")


def on(x):
    return current().asarray(x)


def mlp(dtype="float64"):
    rng = numpy.random.default_rng(0)
    return nn.Sequential(nn.Linear(3, 4, rng=rng, dtype=dtype), nn.ReLU(), nn.Linear(4, 2, rng=rng, dtype=dtype))


@given(x=ms.arrays((2, 3)))
def test_linear_is_x_w_transpose_plus_b(x):
    layer = nn.Linear(3, 2, rng=numpy.random.default_rng(0), dtype="float64")
    weight, bias = mg.asnumpy(layer.weight), mg.asnumpy(layer.bias)
    assert close(layer(on(x)), x @ weight.T + bias, condition=10.0)
    plain = nn.Linear(3, 2, bias=False, rng=numpy.random.default_rng(0), dtype="float64")
    assert close(plain(on(x)), x @ weight.T, condition=10.0)


@given(x=ms.arrays((3, 3), unique=True))
def test_a_network_has_right_derivatives_to_second_order_in_its_input_and_its_parameters(x):
    model = mlp()
    labels = on(numpy.array([0, 1, 1]))
    hidden = mg.asnumpy(model[0](on(x)))
    assume(abs(hidden).min() >= 0.05)  # no kink of ReLU is close
    check_grads(lambda x: nn.cross_entropy(model(x), labels), x)
    weight = model[2].weight

    def of_weight(w):
        return nn.cross_entropy(np.relu(model[0](on(x))) @ w.T, labels)

    check_grads(of_weight, mg.asnumpy(weight))


@given(data=st.data())
def test_cross_entropy_is_minus_the_log_probability_of_the_label_and_stays_finite(data):
    logits = data.draw(ms.arrays((3, 4))) * data.draw(st.sampled_from([1.0, 1e4]))
    labels = numpy.asarray(data.draw(st.lists(st.integers(0, 3), min_size=3, max_size=3)))
    shifted = logits - logits.max(axis=1, keepdims=True)
    expected = numpy.log(numpy.exp(shifted).sum(axis=1)) - shifted[numpy.arange(3), labels]
    losses = nn.cross_entropy(on(logits), on(labels), reduction="none")
    assert close(losses, expected, scale=float(abs(logits).max()))
    assert close(nn.cross_entropy(on(logits), on(labels)), losses.mean())
    assert close(nn.cross_entropy(on(logits), on(labels), "sum"), losses.sum())


@given(logits=ms.arrays((3, 4)))
def test_the_gradient_of_cross_entropy_is_softmax_minus_one_hot(logits):
    labels = numpy.array([0, 2, 3])
    one_hot = numpy.eye(4)[labels]
    gradient = mg.grad(lambda z: nn.cross_entropy(z, on(labels), "sum"))(on(logits))
    assert close(gradient, mg.asnumpy(np.softmax(on(logits), axis=1)) - one_hot, condition=10.0)


def test_parameters_are_found_named_and_counted_once():
    model = mlp()
    tied = nn.Sequential(model[0], model[0])
    assert [name for name, _ in model.named_parameters()] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert len(tied.parameters()) == 2
    model(on(numpy.ones((1, 3)))).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())


def test_the_same_generator_gives_the_same_layer_on_every_backend():
    layer = nn.Linear(3, 2, rng=numpy.random.default_rng(5))
    with mg.use("numpy"):
        expected = nn.Linear(3, 2, rng=numpy.random.default_rng(5)).weight.numpy()
    assert mg.asnumpy(layer.weight).tolist() == expected.tolist()


def test_sizes_and_numbers_may_be_numpys_and_are_kept_as_pythons():
    small = numpy.int8(64)  # products of such sizes would wrap around
    for layer, shown in (
        (nn.Linear(small, small), "Linear(64, 64)"),
        (nn.Conv2d(small, small, small, groups=small), "Conv2d(64, 64, kernel_size=(64, 64), groups=64)"),
        (nn.LSTM(small, small), "LSTM(64, 64)"),
        (nn.Embedding(small, small), "Embedding(64, 64)"),
        (nn.LayerNorm([small, small]), "LayerNorm((64, 64), eps=1e-05)"),
        (nn.BatchNorm1d(small, numpy.float32(0.5)), "BatchNorm1d(64, eps=0.5, momentum=0.1)"),
        (nn.Dropout(numpy.float32(0.5), rng=numpy.random.default_rng(0)), "Dropout(p=0.5)"),
        (nn.Upsample(scale_factor=numpy.float32(1.5)), "Upsample(scale_factor=(1.5, 1.5), mode='nearest')"),
        (nn.Flatten(numpy.int64(1)), "Flatten(start_dim=1, end_dim=-1)"),
    ):
        assert repr(layer) == shown
    assert nn.LSTM(small, small).weight_ih_l0.shape == (256, 64)


def test_what_layers_refuse():
    with pytest.raises(mg.ShapeError, match=r"Linear\(3, 2\) needs 3 as the last size .* got \(4, 5\)"):
        nn.Linear(3, 2)(on(numpy.ones((4, 5))))
    with pytest.raises(ValueError, match="positive whole sizes; got in_features = 0"):
        nn.Linear(0, 2)
    for size in (True, 2.0, "2", numpy.True_):
        with pytest.raises(ValueError, match="Linear needs positive whole sizes; got out_features = "):
            nn.Linear(2, size)
    with pytest.raises(TypeError, match="argument 1 is a function"):
        nn.Sequential(nn.ReLU(), np.reshape)
    with pytest.raises(TypeError, match="defines `def forward"):
        nn.Module()(1.0)


def test_what_cross_entropy_refuses():
    logits = on(numpy.zeros((2, 3)))
    with pytest.raises(mg.ShapeError, match=r"got \(2, 3\) and \(2, 1\)"):
        nn.cross_entropy(logits, on(numpy.array([[0], [1]])))
    with pytest.raises(ValueError, match="0 to 2 for 3 classes; got values from 0 to 3"):
        mg.asnumpy(nn.cross_entropy(logits, on(numpy.array([0, 3]))))
    with pytest.raises(ValueError, match="whole numbers as labels; got float64"):
        nn.cross_entropy(logits, on(numpy.array([0.0, 1.0])))
    with pytest.raises(ValueError, match="'mean', 'sum' or 'none'; got 'average'"):
        nn.cross_entropy(logits, on(numpy.array([0, 1])), "average")
