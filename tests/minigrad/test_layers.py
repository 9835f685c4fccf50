"""Activations, normalisation, dropout, embedding, gradient reversal, and the layers that only change the shape."""

import numpy
import pytest
import scipy.special
from hypothesis import assume, given
from hypothesis import strategies as st

import minigrad as mg
import minigrad.numpy as np
from minigrad import nn
from minigrad.backend import current
from minigrad.nn.module import StateError
from minigrad.testing import check_grads, close
from minigrad.testing import strategies as ms
from tests.fake_device import syncs

pytestmark = pytest.mark.usefixtures("each_backend")


def on(x):
    return current().asarray(x)


def seeded(seed=0):
    return numpy.random.default_rng(seed)


def perturbed(layer, seed=0):
    """Move all parameters away from their first values, which hide errors: weights of 1, biases of 0."""
    rng = seeded(seed)
    for p in layer.parameters():
        p.data[...] = on(rng.uniform(0.5, 1.5, p.shape))
    return layer


def check_layer(layer, x):
    """Check the derivatives of a layer in all of its parameters and in its input."""
    theta, unravel = nn.ravel(layer)
    check_grads(lambda theta, x: unravel(theta)(x), mg.asnumpy(theta), x)


def dtypes_through(layer, *inputs):
    """List the dtypes of the output, of the gradients, and of the gradients of these, in inputs and parameters."""
    places = [mg.Tensor(x, requires_grad=x.dtype.kind == "f") for x in inputs]
    out = layer(*places)
    found = {out.dtype}
    leaves = [leaf for leaf in [*places, *layer.parameters()] if leaf.requires_grad]
    (out * out).sum().backward(create_graph=True)
    gradients = [leaf.grad for leaf in leaves]
    layer.zero_grad()
    for leaf in leaves:
        leaf.grad = None
    sum((gradient * gradient).sum() for gradient in gradients).backward()
    return found | {x.dtype for x in gradients} | {leaf.grad.dtype for leaf in leaves}


# Activations

ACTIVATIONS = {
    "relu": (nn.ReLU(), lambda x: numpy.maximum(x, 0.0)),
    "leaky relu": (nn.LeakyReLU(0.2), lambda x: numpy.where(x > 0, x, 0.2 * x)),
    "elu": (nn.ELU(0.5), lambda x: numpy.where(x > 0, x, 0.5 * numpy.expm1(numpy.minimum(x, 0.0)))),
    "gelu": (nn.GELU(), lambda x: x * scipy.special.ndtr(x)),
    "gelu by tanh": (
        nn.GELU("tanh"),
        lambda x: x * scipy.special.expit(2.0 * numpy.sqrt(2.0 / numpy.pi) * (x + 0.044715 * x**3)),
    ),
    "softplus": (nn.Softplus(2.0), lambda x: numpy.logaddexp(0.0, 2.0 * x) / 2.0),
    "tanh": (nn.Tanh(), numpy.tanh),
    "sigmoid": (nn.Sigmoid(), scipy.special.expit),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
@given(x=ms.arrays(avoid=(0.0,)))
def test_an_activation_is_its_formula_with_right_derivatives_to_third_order(name, x):
    layer, formula = ACTIVATIONS[name]
    assert close(layer(on(x)), formula(x))
    check_grads(layer, x, order=3)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_finite_with_its_derivatives_over_the_whole_range_of_numbers(name):
    layer, _ = ACTIVATIONS[name]
    for dtype, largest in (("float64", 1e307), ("float32", 1e37)):
        x = on(numpy.array([-largest, -40.0, 0.0, 40.0, largest], dtype))
        value, gradient = layer(x), mg.grad(lambda x: np.sum(layer(x)))(x)
        second = mg.hvp(lambda x: np.sum(layer(x)), x, on(numpy.ones(5, dtype)))
        for result in (value, gradient, second):
            assert result.dtype == dtype
            assert bool(np.isfinite(result).all())
        assert close(gradient[4], numpy.asarray(0.0 if name in ("tanh", "sigmoid") else 1.0, dtype))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_takes_numbers_lists_and_whole_numbers(name):
    layer, formula = ACTIVATIONS[name]
    assert close(layer(-1.5), formula(-1.5))
    assert close(layer([1, -2]), formula(numpy.array([1, -2])))


@given(x=ms.arrays(avoid=(0.0,)), slope=st.sampled_from([-2.0, 0.0, 1.0, 3.0]))
def test_leaky_relu_takes_any_slope(x, slope):
    layer = nn.LeakyReLU(slope)
    assert close(layer(on(x)), numpy.where(x > 0.0, x, slope * x))
    assert layer(on(numpy.array([numpy.inf, 1.0]))).tolist() == [numpy.inf, 1.0]
    check_grads(layer, x)


def test_erf_is_exact_to_rounding():
    x = numpy.concatenate([numpy.linspace(-7.0, 7.0, 2001), numpy.logspace(-300, 0, 301), [numpy.inf, -numpy.inf]])
    actual, expected = mg.asnumpy(np.erf(on(x))), scipy.special.erf(x)
    assert (abs(actual - expected) <= 1e-15 * abs(expected)).all()
    assert (abs(actual) <= 1.0).all()
    assert bool(np.isnan(np.erf(on(numpy.nan))))
    single = mg.asnumpy(np.erf(on(x.astype("float32"))))
    assert close(single, scipy.special.erf(x.astype("float32")))


def test_what_activations_refuse():
    with pytest.raises(ValueError, match="GELU knows the approximations 'none' and 'tanh'; got 'erf'"):
        nn.GELU("erf")
    with pytest.raises(ValueError, match="gelu knows the approximations 'none' and 'tanh'; got 'erf'"):
        np.gelu([1.0], "erf")
    with pytest.raises(ValueError, match="Softplus needs a positive beta; got 0"):
        nn.Softplus(0)
    with pytest.raises(ValueError, match="LeakyReLU needs a finite number as negative_slope; got nan"):
        nn.LeakyReLU(numpy.nan)
    for wrong in ("1", True):
        with pytest.raises(ValueError, match=f"ELU needs a finite number as alpha; got {wrong!r}"):
            nn.ELU(wrong)


def test_gelu_of_infinity():
    for layer in (nn.GELU(), nn.GELU("tanh")):
        assert mg.asnumpy(layer(on(numpy.array([-numpy.inf, numpy.inf])))).tolist() == [0.0, numpy.inf]
        assert bool(np.isnan(layer(on(numpy.nan))))


# Shapes


@given(data=st.data())
def test_flatten_makes_one_axis_of_several(data):
    x = data.draw(ms.arrays(ms.shapes(1, 4)))
    first = data.draw(st.integers(0, x.ndim - 1))
    last = data.draw(st.integers(first, x.ndim - 1))
    expected = x.reshape(*x.shape[:first], -1, *x.shape[last + 1 :])
    for start in (first, first - x.ndim):
        for end in (last, last - x.ndim):
            assert close(nn.Flatten(start, end)(on(x)), expected)


def test_flatten_takes_an_empty_batch_and_by_default_keeps_the_batch():
    assert nn.Flatten()(on(numpy.zeros((0, 2, 3)))).shape == (0, 6)
    assert nn.Flatten()(mg.tensor(numpy.zeros((4, 2, 3)))).shape == (4, 6)


def test_what_flatten_refuses():
    with pytest.raises(mg.ShapeError, match=r"Flatten\(start_dim=1, end_dim=-1\) of an input of shape \(3,\): axis 1"):
        nn.Flatten()(on(numpy.zeros(3)))
    for wrong in ("a", 1.0, None):
        with pytest.raises(ValueError, match=f"Flatten needs a whole number as end_dim; got {wrong!r}"):
            nn.Flatten(0, wrong)
    with pytest.raises(mg.ShapeError, match="axis 0 comes before axis 1"):
        nn.Flatten(1, 0)(on(numpy.zeros((2, 3))))


@given(x=ms.arrays())
def test_identity_changes_nothing(x):
    assert nn.Identity()(x_on := on(x)) is x_on
    assert close(nn.Identity()(mg.Tensor(x_on)), x)


# Dropout


@given(x=ms.arrays(ms.shapes(1, 2)), p=st.sampled_from([0.0, 0.25, 0.5, 1.0]), seed=st.integers(0, 5))
def test_dropout_keeps_what_the_generator_says_divided_by_the_probability_of_being_kept(x, p, seed):
    out = nn.Dropout(p, rng=seeded(seed))(on(x))
    kept = seeded(seed).random(x.shape) >= p
    assert close(out, numpy.where(kept, x / (1.0 - p) if p < 1 else 0.0, 0.0))
    check_grads(lambda x: nn.Dropout(p, rng=seeded(seed))(x), x)


def test_dropout_keeps_the_mean():
    n, p = 10_000, 0.3
    out = mg.asnumpy(nn.Dropout(p, rng=seeded())(on(numpy.ones(n))))
    assert abs((out == 0.0).mean() - p) < 5.0 * numpy.sqrt(p * (1.0 - p) / n)
    assert set(numpy.unique(out)) == {0.0, 1.0 / (1.0 - p)}


def test_dropout_draws_a_new_mask_in_training_and_none_in_evaluation():
    x = on(numpy.ones(100, "float32"))
    layer = nn.Dropout(rng=seeded())
    assert not close(layer(x), layer(x))
    before = layer.rng.bit_generator.state
    assert layer.eval()(x) is x
    assert layer.rng.bit_generator.state == before
    assert not close(layer.train()(x), x)
    assert dtypes_through(layer, x) == {numpy.dtype("float32")}


def test_what_dropout_refuses():
    for p in (-0.1, 1.5, numpy.nan, "0.5", True):
        with pytest.raises(ValueError, match="Dropout needs a probability p from 0 to 1"):
            nn.Dropout(p, rng=seeded())
    for rng in (0, None):
        with pytest.raises(TypeError, match=r"rng must be a numpy\.random\.Generator.*got (0|None)"):
            nn.Dropout(rng=rng)
    with pytest.raises(TypeError, match="rng"):
        nn.Dropout(0.5)
    with pytest.raises(TypeError, match="Dropout needs floating-point numbers; got int64"):
        nn.Dropout(rng=seeded())(on(numpy.array([1, 2])))


# Embedding


@given(data=st.data())
def test_the_gradient_of_an_embedding_adds_up_where_an_index_is_repeated(data):
    shape = data.draw(ms.shapes(0, 2))
    places = st.lists(st.integers(0, 3), min_size=int(numpy.prod(shape)), max_size=int(numpy.prod(shape)))
    indices = numpy.asarray(data.draw(places), data.draw(st.sampled_from(["int64", "uint8"]))).reshape(shape)
    g = data.draw(ms.arrays((*shape, 2)))
    layer = nn.Embedding(4, 2, rng=seeded(), dtype="float64")
    weight = mg.asnumpy(layer.weight)
    out = layer(on(indices))
    assert close(out, weight[indices])
    out.backward(on(g))
    expected = numpy.zeros((4, 2))
    numpy.add.at(expected, indices, g)
    assert close(layer.weight.grad, expected)
    check_grads(lambda w: layer.bound({"weight": w})(on(indices)) ** 2, weight)


def test_an_embedding_takes_lists_and_tensors_and_does_not_wait_for_the_device():
    layer = nn.Embedding(5, 3)
    assert layer([[0, 1], [4, 4]]).shape == (2, 2, 3)
    assert layer(mg.tensor([0, 4])).shape == (2, 3)
    assert layer(on(numpy.zeros(0, int))).shape == (0, 3)
    syncs.clear()
    layer(on(numpy.array([0, 4])))
    assert syncs == []
    indices = on(numpy.array([0, 4]))
    layer(indices).sum().backward()
    assert layer(indices).dtype == layer.weight.grad.dtype == "float32"


def test_the_first_vectors_of_an_embedding_are_standard_normal():
    assert close(nn.Embedding(3, 2, rng=seeded(7), dtype="float64").weight, seeded(7).standard_normal((3, 2)))


def test_what_an_embedding_refuses():
    layer = nn.Embedding(5, 3)
    for wrong, given_range in (([5], "5 to 5"), ([[0, -1]], "-1 to 0")):
        with pytest.raises(IndexError, match=f"for the indices 0 to 4; got indices from {given_range}"):
            mg.asnumpy(layer(on(numpy.array(wrong))))
    for dtype in ("float64", "bool"):
        with pytest.raises(TypeError, match=f"Embedding needs whole numbers as indices; got {dtype}"):
            layer(on(numpy.zeros(2, dtype)))
    with pytest.raises(ValueError, match="positive whole sizes; got embedding_dim = 0"):
        nn.Embedding(5, 0)


# Batch normalisation

BATCHES = st.sampled_from([(4, 2), (3, 2, 2), (2, 2, 2, 3)])


def batch_norm(shape, **settings):
    kind = nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d
    return kind(shape[1], **{"dtype": "float64", **settings})


def by_channel(x):
    """Write a batch as a matrix, one row for each channel."""
    return numpy.moveaxis(mg.asnumpy(x), 1, 0).reshape(x.shape[1], -1)


@given(x=BATCHES.flatmap(ms.arrays))
def test_batch_norm_gives_each_channel_its_bias_as_mean_and_its_weight_as_deviation(x):
    layer = perturbed(batch_norm(x.shape, eps=0.125))
    weight, bias = mg.asnumpy(layer.weight), mg.asnumpy(layer.bias)
    rows, out = by_channel(x), by_channel(layer(on(x)))
    variance = rows.var(axis=1)
    assert close(out.mean(axis=1), bias, condition=10.0)
    assert close(out.var(axis=1), weight**2 * variance / (variance + 0.125), condition=10.0, scale=1.0)
    standard = (rows - rows.mean(axis=1)[:, None]) / numpy.sqrt(variance + 0.125)[:, None]
    assert close(out, weight[:, None] * standard + bias[:, None], condition=10.0)


@given(x=BATCHES.flatmap(ms.arrays), scale=ms.numbers(0.25, 4.0), shift=ms.numbers())
def test_batch_norm_takes_no_notice_of_the_scale_and_origin_of_a_channel(x, scale, shift):
    assume((by_channel(x).var(axis=1) > 1e-3).all())
    layer = batch_norm(x.shape, eps=1e-14, affine=False)
    assert close(layer(on(scale * x + shift)), layer(on(x)), condition=100.0)


@given(x=BATCHES.flatmap(ms.arrays), mode=st.sampled_from(["train", "eval", "untracked", "not affine"]))
def test_batch_norm_has_right_derivatives_in_input_and_parameters(x, mode):
    layer = perturbed(batch_norm(x.shape, eps=0.125, affine=mode != "not affine"))
    if mode == "eval":
        layer(on(numpy.cos(x + 1.0)))
        layer.eval()
    if mode == "not affine":
        check_grads(layer, x)
        check_grads(layer.eval(), x)
    else:
        check_layer(layer, x)


@given(x=BATCHES.flatmap(ms.arrays), momentum=st.sampled_from([0.0, 0.1, 1.0]))
def test_each_training_call_moves_the_running_statistics_towards_those_of_the_batch(x, momentum):
    layer = batch_norm(x.shape, momentum=momentum)
    mean, variance = numpy.zeros(x.shape[1]), numpy.ones(x.shape[1])
    for k, batch in enumerate((x, numpy.cos(x), x**2), start=1):
        layer(on(batch))
        mean = (1.0 - momentum) * mean + momentum * by_channel(batch).mean(axis=1)
        variance = (1.0 - momentum) * variance + momentum * by_channel(batch).var(axis=1, ddof=1)
        assert close(layer.running_mean, mean, condition=10.0)
        assert close(layer.running_var, variance, condition=10.0)
        assert layer.num_batches_tracked.item() == k
    layer.eval()
    expected = (by_channel(x) - mean[:, None]) / numpy.sqrt(variance + layer.eps)[:, None]
    assert close(by_channel(layer(on(x))), expected, condition=100.0)
    assert layer.num_batches_tracked.item() == 3


def test_without_a_momentum_the_running_statistics_are_the_plain_average():
    layer = nn.BatchNorm1d(2, momentum=None)
    batches = seeded().normal(size=(5, 4, 2)).astype("float32")
    for batch in batches:
        layer(on(batch))
    assert close(layer.running_mean, batches.mean(axis=(0, 1)), condition=10.0)
    assert close(layer.running_var, batches.var(axis=1, ddof=1).mean(axis=0), condition=10.0)
    assert layer.running_mean.dtype == layer.running_var.dtype == "float32"


def test_the_statistics_are_updated_once_for_each_call_also_inside_transforms():
    layer = nn.BatchNorm1d(2, dtype="float64")
    x = on(seeded().normal(size=(5, 2)))
    expected = 0.1 * by_channel(x).mean(axis=1)
    mg.grad(lambda x: np.sum(mg.grad(lambda x: np.sum(layer(x) ** 3))(x)))(x)
    assert layer.num_batches_tracked.item() == 1
    assert close(layer.running_mean, expected, condition=10.0)
    theta, unravel = nn.ravel(layer)
    mg.hvp(lambda theta: np.sum(unravel(theta)(x) ** 2), theta, theta)
    assert layer.num_batches_tracked.item() == 2


def test_frozen_statistics_are_left_alone_and_thaw_again():
    layer = nn.BatchNorm1d(2, dtype="float64")
    x = on(seeded().normal(size=(5, 2)))
    theta, unravel = nn.ravel(layer)
    with nn.frozen_statistics():
        frozen = unravel(theta)(x)
        with nn.frozen_statistics():
            layer(x)
        layer(x)
    assert layer.num_batches_tracked.item() == 0
    assert mg.asnumpy(layer.running_mean).tolist() == [0.0, 0.0]
    with pytest.raises(ZeroDivisionError), nn.frozen_statistics():
        1 / 0  # noqa: B018
    assert close(layer(x), frozen)
    assert layer.num_batches_tracked.item() == 1


def test_without_running_statistics_those_of_the_batch_are_used_in_evaluation_too():
    x = on(seeded().normal(size=(5, 2)))
    layer = nn.BatchNorm1d(2, track_running_stats=False, dtype="float64")
    assert close(layer(x), nn.BatchNorm1d(2, dtype="float64")(x))
    assert close(layer.eval()(x), layer.train()(x))
    assert list(layer.state_dict()) == ["weight", "bias"]


def test_a_gradient_in_evaluation_is_that_of_the_statistics_at_the_call():
    layer = nn.BatchNorm1d(2, dtype="float64").eval()
    x = mg.tensor(seeded().normal(size=(5, 2)), requires_grad=True)
    out = layer(x)
    layer.train()(x * 10.0 + 5.0)
    out.sum().backward()
    assert close(x.grad, numpy.full((5, 2), 1.0 / numpy.sqrt(1.0 + 1e-5)))


def test_a_channel_that_is_constant_gives_its_bias_and_finite_derivatives():
    layer = perturbed(nn.BatchNorm1d(2, dtype="float64"))
    x = on(numpy.array([[1.0, 2.0], [1.0, 3.0], [1.0, 5.0]]))
    assert close(layer(x)[:, 0], mg.asnumpy(layer.bias)[0] * numpy.ones(3))
    check_grads(layer, mg.asnumpy(x), order=1)


def test_batch_norm_in_single_precision_far_from_the_origin():
    channels_last = (seeded().normal(size=(64, 32, 32, 3)) + 1000.0).astype("float32")
    x = channels_last.transpose(0, 3, 1, 2)
    rows = by_channel(x.astype("float64"))
    expected = (rows - rows.mean(axis=1)[:, None]) / rows.std(axis=1)[:, None]
    for order in (on(channels_last).transpose(0, 3, 1, 2), on(x)):
        assert close(by_channel(nn.BatchNorm2d(3)(order)), expected.astype("float32"), condition=10.0)


def test_batch_norm_keeps_single_precision():
    x, layer = on(seeded().normal(size=(4, 3, 2, 2)).astype("float32")), nn.BatchNorm2d(3)
    assert dtypes_through(layer, x) == {numpy.dtype("float32")}
    assert dtypes_through(layer.eval(), x) == {numpy.dtype("float32")}


@pytest.mark.parametrize("given_dtype", ["float32", "float64"])
@pytest.mark.parametrize("own", ["float32", "float64"])
@pytest.mark.parametrize("affine", [True, False])
def test_the_dtype_of_a_normalised_input_is_the_joint_one_in_training_and_evaluation(given_dtype, own, affine):
    x = seeded().normal(size=(6, 3))
    joint = numpy.promote_types(given_dtype, own) if affine else given_dtype
    for layer in (nn.BatchNorm1d(3, affine=affine, dtype=own), nn.LayerNorm(3, elementwise_affine=affine, dtype=own)):
        layer = perturbed(layer)
        outputs = [layer.train(training)(on(x.astype(given_dtype))) for training in (True, False)]
        assert {out.dtype for out in outputs} == {numpy.dtype(joint)}
        exact = type(layer)(3, dtype="float64")
        exact = perturbed(exact) if affine else exact
        assert close(outputs[0].astype("float32"), exact(on(x)).astype("float32"), condition=10.0)


def test_half_precision_is_refused_where_it_would_overflow():
    for layer in (nn.BatchNorm1d(3), nn.LayerNorm(3)):
        with pytest.raises(TypeError, match=r"Norm(1d)? needs float32 or float64, .* overflow in float16\. Convert"):
            layer(on(numpy.full((4, 3), 300.0, "float16")))


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_keeps_the_order_in_memory(training):
    channels_last = on(seeded().normal(size=(2, 4, 5, 3))).transpose(0, 3, 1, 2)
    x = mg.Tensor(channels_last, requires_grad=True)
    out = nn.BatchNorm2d(3, dtype="float64").train(training)(x)
    out.backward(channels_last)
    assert out.data.strides == x.grad.data.strides == channels_last.strides


def test_the_state_of_batch_norm_holds_the_running_statistics():
    layer, other = (nn.BatchNorm1d(2, dtype="float64") for _ in range(2))
    perturbed(layer)
    x = on(seeded().normal(size=(5, 2)))
    layer(x)
    names = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert list(layer.state_dict()) == names
    other.load_state_dict(layer.state_dict())
    assert close(other.eval()(x), layer.eval()(x))
    assert other.num_batches_tracked.item() == 1
    with pytest.raises(StateError, match="missing: running_mean"):
        layer.load_state_dict({name: layer.state_dict()[name] for name in names[:2]})


def test_what_batch_norm_refuses():
    layer, images = nn.BatchNorm1d(3), nn.BatchNorm2d(3)
    for shape in ((4, 2), (3,), (2, 3, 4, 4)):
        with pytest.raises(mg.ShapeError, match=r"BatchNorm1d needs an input of shape \(n, 3\) or \(n, 3, l\); got"):
            layer(on(numpy.zeros(shape)))
    with pytest.raises(mg.ShapeError, match=r"BatchNorm2d needs an input of shape \(n, 3, h, w\); got \(4, 3\)"):
        images(on(numpy.zeros((4, 3))))
    for shape in ((1, 3), (0, 3), (1, 3, 1)):
        with pytest.raises(mg.ShapeError, match="more than one value per channel in training; got an input of shape"):
            layer(on(numpy.zeros(shape)))
    assert layer.num_batches_tracked.item() == 0
    assert layer.eval()(on(numpy.zeros((1, 3)))).shape == (1, 3)
    with pytest.raises(TypeError, match="BatchNorm1d needs floating-point numbers; got int64"):
        layer(on(numpy.zeros((4, 3), "int64")))
    with pytest.raises(ValueError, match="positive whole sizes; got num_features = 0"):
        nn.BatchNorm1d(0)
    with pytest.raises(ValueError, match="BatchNorm2d needs a positive eps; got 0"):
        nn.BatchNorm2d(3, eps=0)
    with pytest.raises(ValueError, match=r"a momentum from 0 to 1, or None .* got 1.5"):
        nn.BatchNorm1d(3, momentum=1.5)


# Layer normalisation


@given(data=st.data())
def test_layer_norm_normalises_each_sample_over_its_last_axes_with_right_derivatives(data):
    x = data.draw(ms.arrays(ms.shapes(1, 3)))
    last = data.draw(st.integers(1, x.ndim))
    shape = x.shape[-last:]
    affine, bias = data.draw(st.booleans()), data.draw(st.booleans())
    layer = perturbed(nn.LayerNorm(shape, 0.125, affine, bias, dtype="float64"))
    axes = tuple(range(x.ndim - last, x.ndim))
    mean, variance = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
    weight = mg.asnumpy(layer.weight) if affine else 1.0
    shift = mg.asnumpy(layer.bias) if affine and bias else 0.0
    assert close(layer(on(x)), (x - mean) / numpy.sqrt(variance + 0.125) * weight + shift, condition=10.0)
    if affine:
        check_layer(layer, x)
    else:
        check_grads(layer, x)


def test_samples_meet_in_batch_norm_and_not_in_layer_norm():
    x = on(seeded().normal(size=(3, 4)))
    for layer, meet in ((nn.LayerNorm(4, dtype="float64"), False), (nn.BatchNorm1d(4, dtype="float64"), True)):
        jacobian = mg.asnumpy(mg.jacobian(layer)(x))
        between = [jacobian[i, :, j] for i in range(3) for j in range(3) if i != j]
        assert any(block.any() for block in between) == meet


def test_layer_norm_is_the_same_in_training_and_evaluation_and_keeps_single_precision():
    x = on(seeded().normal(size=(3, 4)).astype("float32"))
    layer = nn.LayerNorm(4)
    assert close(layer(x), layer.eval()(x))
    assert dtypes_through(layer, x) == {numpy.dtype("float32")}


def test_what_layer_norm_refuses():
    with pytest.raises(mg.ShapeError, match=r"LayerNorm\(\(2, 3\), eps=1e-05\) .* last sizes; got \(2, 4\)"):
        nn.LayerNorm((2, 3))(on(numpy.zeros((2, 4))))
    with pytest.raises(mg.ShapeError, match=r"got \(3,\)"):
        nn.LayerNorm((2, 3))(on(numpy.zeros(3)))
    for shape in (0, (), [], (2, -1), 2.0, True):
        with pytest.raises(ValueError, match="LayerNorm needs positive whole sizes"):
            nn.LayerNorm(shape)
    with pytest.raises(TypeError, match="LayerNorm needs floating-point numbers; got int64"):
        nn.LayerNorm(3)(on(numpy.zeros((2, 3), "int64")))
    with pytest.raises(ValueError, match="LayerNorm needs a positive eps; got -1"):
        nn.LayerNorm(3, eps=-1)


def torchs(layer):
    """Make PyTorch's layer of the same name, settings, and state."""
    torch = pytest.importorskip("torch")
    settings = {"eps": layer.eps, "dtype": torch.float64}
    if isinstance(layer, nn.LayerNorm):
        settings |= {"normalized_shape": layer.normalized_shape, "bias": layer.bias is not None}
    else:
        settings |= {"num_features": layer.num_features, "momentum": layer.momentum, "affine": layer.weight is not None}
    twin = getattr(torch.nn, type(layer).__name__)(**settings)
    twin.load_state_dict({name: torch.tensor(mg.asnumpy(x)) for name, x in layer.state_dict().items()})
    return torch, twin


@pytest.mark.parametrize(
    ("kind", "settings", "shape"),
    [
        (nn.BatchNorm1d, {}, (6, 3)),
        (nn.BatchNorm1d, {"momentum": None}, (6, 3, 4)),
        (nn.BatchNorm2d, {"eps": 0.1, "momentum": 0.3}, (4, 3, 2, 5)),
        (nn.BatchNorm2d, {"affine": False}, (4, 3, 2, 5)),
        (nn.LayerNorm, {}, (4, 2, 3)),
        (nn.LayerNorm, {"bias": False}, (4, 2, 3)),
    ],
)
def test_normalisation_is_that_of_pytorch_in_value_gradient_and_running_statistics(kind, settings, shape):
    layer = perturbed(kind(3, **settings, dtype="float64"))
    torch, twin = torchs(layer)
    rng = seeded(1)
    for training in (True, True, False):
        layer.train(training)
        twin.train(training)
        values, g = rng.normal(size=(2, *shape))
        x, y = mg.tensor(values, requires_grad=True), torch.tensor(values, requires_grad=True)
        out, expected = layer(x), twin(y)
        out.backward(on(g))
        expected.backward(torch.tensor(g))
        assert close(out.detach(), expected.detach().numpy(), condition=10.0)
        assert close(x.grad, y.grad.numpy(), condition=10.0)
        for p, q in zip(layer.parameters(), twin.parameters(), strict=True):
            assert close(p.grad, q.grad.numpy(), condition=10.0)
        for name, value in layer.state_dict().items():
            assert close(value, twin.state_dict()[name].numpy(), condition=10.0)


# Gradient reversal


@given(x=ms.arrays(), lam=st.sampled_from([0.0, 0.25, 1.0, 3.0]))
def test_gradient_reversal_changes_no_value_and_multiplies_each_derivative_by_minus_lambda(x, lam):
    layer = nn.GradientReversal(lam)

    def f(x):
        return np.sum(np.sin(x) * x**2) + np.sum(x) ** 2

    def reversed_f(x):
        return f(layer(x))

    assert close(layer(on(x)), x)
    x = on(x)
    assert close(reversed_f(x), f(x))
    assert close(mg.grad(reversed_f)(x), -lam * mg.grad(f)(x), condition=10.0)
    assert close(mg.jvp(reversed_f, (x,), (x,))[1], -lam * mg.jvp(f, (x,), (x,))[1], condition=10.0)
    assert close(mg.hvp(reversed_f, x, x), lam**2 * mg.hvp(f, x, x), condition=10.0)


@given(x=ms.arrays())
def test_with_lambda_minus_one_gradient_reversal_is_the_identity_also_for_derivatives(x):
    check_grads(nn.GradientReversal(-1.0), x)


@pytest.mark.proves("gantut-grl")
@given(x=ms.arrays((4, 2), -1.0, 1.0), lam=ms.numbers(0.25, 2.0), seed=st.integers(0, 5))
def test_one_gradient_through_the_reversal_makes_the_three_updates_of_domain_adversarial_training(x, lam, seed):
    rng = seeded(seed)
    features, label, domain = (nn.Linear(2, 2, rng=rng, dtype="float64") for _ in range(3))
    labels, domains, x = on(numpy.array([0, 1, 1, 0])), on(numpy.array([0, 0, 1, 1])), on(x)

    def label_loss():
        return nn.cross_entropy(label(np.tanh(features(x))), labels)

    def domain_loss(reversal):
        return nn.cross_entropy(domain(reversal(np.tanh(features(x)))), domains)

    def gradients(loss):
        modules = (features, label, domain)
        for module in modules:
            module.zero_grad()
        loss.backward()
        parameters = [module.parameters() for module in modules]
        return [[0.0 * p.data if p.grad is None else p.grad.data for p in group] for group in parameters]

    of_label, of_domain = gradients(label_loss()), gradients(domain_loss(nn.Identity()))
    expected = [
        [of_y - lam * of_d for of_y, of_d in zip(of_label[0], of_domain[0], strict=True)],
        of_label[1],
        [lam * of_d for of_d in of_domain[2]],
    ]
    actual = gradients(label_loss() + lam * domain_loss(nn.GradientReversal(1.0)))
    for group, expected_group in zip(actual, expected, strict=True):
        for gradient, update in zip(group, expected_group, strict=True):
            assert close(gradient, update, condition=10.0)
    inside = gradients(label_loss() + domain_loss(nn.GradientReversal(lam)))
    for p, (gradient, update) in enumerate(zip(inside[0], expected[0], strict=True)):
        assert close(gradient, update, condition=10.0)
        assert close(inside[2][p], of_domain[2][p])  # with λ in the layer, the classifier's step has no λ


def test_lambda_can_be_changed_during_training_and_must_be_finite():
    layer = nn.GradientReversal(0.5)
    net = nn.Sequential(layer)
    layer.lam = numpy.float32(2.0)
    x = on(numpy.array([1.0, 2.0], "float32"))
    assert mg.asnumpy(mg.grad(lambda x: np.sum(net(x)))(x)).tolist() == [-2.0, -2.0]
    assert dtypes_through(net, x) == {numpy.dtype("float32")}
    for wrong in (numpy.nan, numpy.inf, None, "1"):
        with pytest.raises(ValueError, match="GradientReversal needs a finite number as lam; got"):
            layer.lam = wrong
        with pytest.raises(ValueError, match="GradientReversal needs a finite number as lam; got"):
            nn.GradientReversal(wrong)
    assert layer.lam == 2.0


# All together


def test_a_network_of_these_layers_shows_what_it_is_made_of():
    net = nn.Sequential(
        nn.Embedding(9, 4),
        nn.Flatten(),
        nn.BatchNorm1d(8),
        nn.LeakyReLU(0.2),
        nn.Dropout(0.1, rng=seeded()),
        nn.LayerNorm(8),
        nn.GradientReversal(0.5),
        nn.GELU(),
        nn.Identity(),
    )
    assert repr(net) == (
        "Sequential(\n"
        "  (0): Embedding(9, 4)\n"
        "  (1): Flatten(start_dim=1, end_dim=-1)\n"
        "  (2): BatchNorm1d(8, eps=1e-05, momentum=0.1)\n"
        "  (3): LeakyReLU(0.2)\n"
        "  (4): Dropout(p=0.1)\n"
        "  (5): LayerNorm((8,), eps=1e-05)\n"
        "  (6): GradientReversal(0.5)\n"
        "  (7): GELU(approximate='none')\n"
        "  (8): Identity()\n"
        ")"
    )
    indices = on(numpy.array([[0, 1], [2, 8], [3, 3]]))
    assert net(indices).shape == (3, 8)
    net.eval()
    assert close(net(indices), net(indices))
    assert net[2].num_batches_tracked.item() == 1
