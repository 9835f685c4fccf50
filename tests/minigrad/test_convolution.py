"""Convolutions and resampling: against SciPy and PyTorch, their adjoints, and their derivatives."""

import numpy
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import signal

import minigrad as mg
import minigrad.numpy as np
from minigrad import nn
from minigrad.backend import current
from minigrad.primitives import convolution
from minigrad.testing import check_grads, close
from minigrad.testing import strategies as ms

pytestmark = pytest.mark.usefixtures("each_backend")

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


def on(x):
    return current().asarray(x)


@st.composite
def settings(draw):
    return {
        "stride": draw(pairs),
        "padding": draw(st.tuples(st.integers(0, 3), st.integers(0, 3))),
        "dilation": draw(pairs),
        "groups": draw(st.integers(1, 3)),
    }


@st.composite
def problems(draw):
    """An image and a kernel that fits on it, with any settings."""
    chosen = draw(settings())
    kernel = draw(pairs)
    image = tuple(
        draw(st.integers(max(1, dilation * (k - 1) + 1 - 2 * padding), 9))
        for k, padding, dilation in zip(kernel, chosen["padding"], chosen["dilation"], strict=True)
    )
    channels, outputs = (chosen["groups"] * draw(st.integers(1, 2)) for _ in range(2))
    x = draw(ms.arrays((draw(st.integers(1, 3)), channels, *image)))
    w = draw(ms.arrays((outputs, channels // chosen["groups"], *kernel)))
    return x, w, chosen


@pytest.fixture(params=[1, 40, 1 << 19])
def piece(request, monkeypatch):
    """Cut the work into pieces of any size: the result must not depend on it."""
    monkeypatch.setattr(convolution, "COLUMNS", {"numpy": request.param})
    monkeypatch.setattr(convolution, "COLUMNS_ON_A_DEVICE", request.param)


def by_scipy(x, w, stride, padding, dilation, groups):
    """Correlate every channel with its kernel by SciPy, written out with holes, and keep the places of the stride."""
    down, right = padding
    x = numpy.pad(x, ((0, 0), (0, 0), (down, down), (right, right)))
    height, width = (d * (k - 1) + 1 for d, k in zip(dilation, w.shape[2:], strict=True))
    holed = numpy.zeros((*w.shape[:2], height, width))
    holed[:, :, :: dilation[0], :: dilation[1]] = w
    of_group, into = w.shape[1], w.shape[0] // groups
    maps = [
        [
            sum(signal.correlate(image[o // into * of_group + c], holed[o, c], "valid") for c in range(of_group))
            for o in range(len(w))
        ]
        for image in x
    ]
    return numpy.asarray(maps)[:, :, :: stride[0], :: stride[1]]


@pytest.mark.usefixtures("piece")
@given(problem=problems())
def test_a_convolution_is_the_sum_of_the_correlations_of_its_channels(problem):
    x, w, chosen = problem
    assert close(nn.conv2d(on(x), on(w), **chosen), by_scipy(x, w, **chosen), condition=50.0, scale=9.0)


@pytest.mark.usefixtures("piece")
@given(problem=problems(), data=st.data())
def test_the_transposed_convolution_is_the_adjoint(problem, data):
    """⟨A x, y⟩ = ⟨x, Aᵀ y⟩ for all x and y, at every stride, padding, dilation, output padding and number of groups."""
    x, w, chosen = problem
    mapped = nn.conv2d(on(x), on(w), **chosen)
    y = data.draw(ms.arrays(tuple(mapped.shape)))
    assume(reaches_back(x, w, mapped, chosen))
    smallest = nn.conv_transpose2d(on(y), on(w), **chosen).shape
    more = tuple(n - least for n, least in zip(x.shape[2:], smallest[2:], strict=True))
    back = nn.conv_transpose2d(on(y), on(w), output_padding=more, **chosen)
    assert close((mg.asnumpy(mapped) * y).sum(), (x * mg.asnumpy(back)).sum(), condition=50.0, scale=1e3)


def reaches_back(x, w, mapped, chosen):
    """Tell whether the padding leaves something of the smallest image with a map of this size."""
    return all(
        (places - 1) * stride - 2 * padding + dilation * (k - 1) + 1 >= 1
        for places, k, stride, padding, dilation in zip(
            mapped.shape[2:], w.shape[2:], *(chosen[key] for key in ("stride", "padding", "dilation")), strict=True
        )
    )


@given(problem=problems(), dtype=st.sampled_from(["float64", "float32"]))
def test_what_comes_out_is_of_the_type_that_went_in(problem, dtype):
    x, w, chosen = problem
    out, pull = mg.vjp(lambda x, w: nn.conv2d(x, w, **chosen), on(x.astype(dtype)), on(w.astype(dtype)))
    assert {out.dtype, *(g.dtype for g in pull(out))} == {numpy.dtype(dtype)}


LAYERS = [
    (nn.Conv2d, (2, 3, 3), {"stride": 2, "padding": 1}),
    (nn.Conv2d, (2, 4, (1, 2)), {"dilation": 2, "groups": 2, "bias": False}),
    (nn.ConvTranspose2d, (2, 3, 3), {"stride": 2, "padding": 1, "output_padding": 1}),
    (nn.ConvTranspose2d, (4, 2, (2, 1)), {"stride": (1, 2), "dilation": 2, "groups": 2, "bias": False}),
    (nn.Conv2d, (3, 3, (3, 2)), {"stride": (2, 1), "padding": 1, "groups": 3}),
    (nn.ConvTranspose2d, (3, 3, 3), {"stride": 2, "padding": 1, "groups": 3}),
]


@pytest.mark.parametrize(("layer", "sizes", "chosen"), LAYERS)
def test_the_derivatives_in_input_and_parameters_are_right_to_second_order(layer, sizes, chosen):
    rng = numpy.random.default_rng(0)
    theta, unravel = nn.ravel(layer(*sizes, **chosen, rng=rng, dtype="float64"))
    x = rng.standard_normal((2, sizes[0], 4, 5))
    check_grads(lambda theta, x: unravel(theta)(x), theta, x)


@pytest.mark.parametrize(("layer", "sizes", "chosen"), LAYERS)
def test_layers_agree_with_pytorch(layer, sizes, chosen):
    torch = pytest.importorskip("torch")
    rng = numpy.random.default_rng(0)
    ours = layer(*sizes, **chosen, rng=rng, dtype="float64")
    theirs = getattr(torch.nn, layer.__name__)(*sizes, **chosen, dtype=torch.float64)
    theirs.load_state_dict({name: torch.tensor(mg.asnumpy(value)) for name, value in ours.state_dict().items()})
    x = rng.standard_normal((2, sizes[0], 6, 5))
    image = torch.tensor(x, requires_grad=True)
    out = theirs(image)
    (out**2).sum().backward()
    model_input = mg.tensor(x, requires_grad=True)
    (ours(model_input) ** 2).sum().backward()
    assert close(ours(on(x)), out.detach().numpy(), condition=20.0)
    assert close(model_input.grad, image.grad.numpy(), condition=50.0)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert close(p.grad, q.grad.numpy(), condition=50.0)


@given(x=ms.arrays((2, 1, 6, 6), unique=True))
def test_a_gradient_penalty_through_a_convolutional_critic_has_the_right_derivative(x):
    rng = numpy.random.default_rng(0)
    critic = nn.Sequential(
        nn.Conv2d(1, 2, 3, stride=2, padding=1, rng=rng, dtype="float64"), nn.Conv2d(2, 1, 3, rng=rng, dtype="float64")
    )
    theta, unravel = nn.ravel(critic)

    def penalty(theta):
        slopes = mg.grad(lambda x: np.tanh(unravel(theta)(x)).sum())(on(x))
        return ((np.linalg.norm(slopes.reshape((2, -1)), axis=1) - 1.0) ** 2).mean()

    check_grads(penalty, theta, order=1)


def test_the_first_weights_are_uniform_with_the_bound_of_the_fan_in():
    layer = nn.Conv2d(4, 6, 3, groups=2, rng=numpy.random.default_rng(0))
    bound = 1.0 / (2 * 9) ** 0.5
    assert 0.9 * bound < abs(mg.asnumpy(layer.weight)).max() <= bound
    assert layer.weight.shape == (6, 2, 3, 3)
    assert nn.ConvTranspose2d(4, 6, 3, groups=2).weight.shape == (4, 3, 3, 3)


def test_layers_show_what_they_were_made_with():
    assert repr(nn.Conv2d(3, 8, 4, stride=2, padding=1)) == (
        "Conv2d(3, 8, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1))"
    )
    assert repr(nn.ConvTranspose2d(8, 4, (1, 2), groups=4, bias=False)) == (
        "ConvTranspose2d(8, 4, kernel_size=(1, 2), groups=4, bias=False)"
    )
    assert repr(nn.MaxPool2d(2, dilation=(1, 2))).endswith("padding=(0, 0), dilation=(1, 2))")
    assert repr(nn.MaxPool2d(2)) == "MaxPool2d(kernel_size=(2, 2), stride=(2, 2), padding=(0, 0))"


def test_what_convolutions_refuse():
    x, w = on(numpy.zeros((1, 4, 5, 5))), on(numpy.zeros((6, 4, 3, 3)))
    for call, error, message in (
        (
            lambda: nn.conv2d(x[0], w),
            mg.ShapeError,
            r"needs x of shape \(n, channels, height, width\) .* got \(4, 5, 5\)",
        ),
        (lambda: nn.conv2d(x[:, :3], w), mg.ShapeError, r"needs x with 4 channels; got x of shape \(1, 3, 5, 5\)"),
        (lambda: nn.conv2d(x, w, groups=2), mg.ShapeError, r"with 2 groups needs x with 8 channels"),
        (lambda: nn.conv2d(x, w[:, :1], groups=4), mg.ShapeError, "4 groups do not divide a weight"),
        (lambda: nn.conv2d(x, w, dilation=3), mg.ShapeError, r"a kernel of \(3, 3\) with dilation \(3, 3\) is larger"),
        (lambda: nn.conv2d(x, w, on(numpy.zeros((6, 1)))), mg.ShapeError, r"has shape \(6,\); got \(6, 1\)"),
        (lambda: nn.conv2d(x, w, 1.0), mg.ShapeError, r"has shape \(6,\); got \(\)"),
        (lambda: nn.conv2d(x[:, :0], w[:, :0]), mg.ShapeError, r"a weight of shape \(6, 0, 3, 3\) has nothing in it"),
        (lambda: nn.conv2d(x, w[:0]), mg.ShapeError, r"a weight of shape \(0, 4, 3, 3\) has nothing in it"),
        (lambda: nn.conv2d(x, w[:, :, :0]), mg.ShapeError, r"a weight of shape \(6, 4, 0, 3\) has nothing in it"),
        (lambda: nn.conv2d(x, w, stride=True), ValueError, "stride must be a whole number of at least 1.*; got True"),
        (lambda: nn.conv_transpose2d(x[:, :, :0], w[:4]), mg.ShapeError, r"one row and column or more; got \(1, 4, 0"),
        (lambda: nn.conv2d(x, w, stride=0), ValueError, "stride must be a whole number of at least 1.*; got 0"),
        (lambda: nn.conv2d(x, w, padding="same"), ValueError, "padding must be a whole number.*; got 'same'"),
        (lambda: nn.conv2d(x, w, dilation=(1, 2, 3)), ValueError, r"or a pair of them; got \(1, 2, 3\)"),
        (lambda: nn.conv_transpose2d(x, w), mg.ShapeError, "needs x with 6 channels"),
        (lambda: nn.conv_transpose2d(x, w[:4], padding=5), mg.ShapeError, "leaves nothing of the image"),
        (lambda: nn.conv_transpose2d(x, w[:4], output_padding=1), ValueError, "less than the stride or the dilation"),
        (lambda: nn.Conv2d(4, 6, 3, groups=4), ValueError, "4 groups do not divide 4 channels into 6"),
        (lambda: nn.Conv2d(4, 0, 3), ValueError, "positive whole sizes; got out_channels = 0"),
    ):
        with pytest.raises(error, match=message):
            call()


# Pooling and interpolation


@st.composite
def pooled(draw):
    """Images of distinct numbers, and windows that fit into them."""
    kernel, stride = draw(pairs), draw(pairs)
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    sizes = tuple(draw(st.integers(max(1, k - 2 * p), 6)) for k, p in zip(kernel, padding, strict=True))
    return draw(ms.arrays((2, 2, *sizes), unique=True)), {"kernel_size": kernel, "stride": stride, "padding": padding}


def windows_by_hand(x, kernel_size, stride, padding, outside):
    framed = numpy.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)), constant_values=outside)
    rows, columns = ((n - k) // s + 1 for n, k, s in zip(framed.shape[2:], kernel_size, stride, strict=True))
    cut = [
        [
            framed[:, :, i * stride[0] :, j * stride[1] :][:, :, : kernel_size[0], : kernel_size[1]]
            for j in range(columns)
        ]
        for i in range(rows)
    ]
    return numpy.moveaxis(numpy.asarray(cut), (0, 1), (2, 3))


@given(problem=pooled())
def test_pooling_takes_the_largest_or_the_mean_of_each_window(problem):
    x, chosen = problem
    largest = windows_by_hand(x, **chosen, outside=-numpy.inf).max(axis=(4, 5))
    assert mg.asnumpy(nn.MaxPool2d(**chosen)(on(x))).tolist() == largest.tolist()
    mean = windows_by_hand(x, **chosen, outside=0.0).mean(axis=(4, 5))
    assert close(nn.AvgPool2d(**chosen)(on(x)), mean, scale=3.0)


@given(problem=pooled())
def test_pooling_has_the_right_derivatives(problem):
    x, chosen = problem
    check_grads(nn.MaxPool2d(**chosen), x)
    check_grads(nn.AvgPool2d(**chosen), x)


@given(data=st.data())
def test_the_frame_is_never_the_largest_whatever_the_dilation(data):
    """Against the definition: the largest of the numbers of a window that lie inside of the image."""
    n, kernel, gap = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4))
    padding = data.draw(st.integers(0, kernel // 2))
    x = data.draw(ms.arrays((n,)))
    x[data.draw(st.integers(0, n - 1))] = data.draw(st.sampled_from([-numpy.inf, numpy.finfo(float).min, 1.0]))
    starts = range(-padding, n + padding - gap * (kernel - 1))
    windows = [[x[i] for i in range(start, start + gap * kernel, gap) if 0 <= i < n] for start in starts]
    layer = nn.MaxPool2d((1, kernel), 1, (0, padding), (1, gap))
    image = on(x.reshape(1, 1, 1, n))
    if windows and all(windows):
        assert mg.asnumpy(layer(image)).ravel().tolist() == [max(window) for window in windows]
    else:
        with pytest.raises(mg.ShapeError, match="step over an image" if windows else "do not fit into"):
            layer(image)


def test_the_frame_of_a_pooling_is_no_anomaly_and_takes_no_derivative():
    x = mg.tensor(numpy.zeros((2, 1, 4, 4), "float32"), requires_grad=True)
    with mg.detect_anomaly():
        out = nn.MaxPool2d(3, stride=2, padding=1)(x)
        out.sum().backward()
    assert out.dtype == "float32"
    assert close(x.grad.sum(), numpy.asarray(8.0, "float32"))
    empty = nn.MaxPool2d(3, padding=1)(on(numpy.full((1, 1, 3, 3), -numpy.inf)))
    assert empty.tolist() == [[[[-numpy.inf]]]]


def test_equal_numbers_share_the_derivative_of_the_largest():
    assert mg.grad(lambda x: nn.MaxPool2d(2)(x).sum())(on(numpy.ones((1, 1, 2, 2)))).tolist() == [[[[0.25] * 2] * 2]]


UPSAMPLED = [
    {"scale_factor": 2},
    {"scale_factor": (3, 1.5)},
    {"size": (5, 7)},
    {"scale_factor": 2, "mode": "bilinear"},
    {"size": (5, 3), "mode": "bilinear"},
    {"size": (5, 1), "mode": "bilinear", "align_corners": True},
    {"scale_factor": (2, 1.7), "mode": "bilinear"},
    {"size": (2, 3)},
]


@pytest.mark.parametrize("chosen", UPSAMPLED)
def test_upsampling_agrees_with_pytorch(chosen):
    torch = pytest.importorskip("torch")
    x = numpy.random.default_rng(0).standard_normal((2, 3, 4, 5))
    plain = dict(chosen) if chosen.get("mode") == "bilinear" else chosen | {"align_corners": None}
    assert close(nn.Upsample(**chosen)(on(x)), torch.nn.Upsample(**plain)(torch.tensor(x)).numpy(), condition=4.0)


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize(
    ("n", "factor"), [(6, 1.1), (3, 2.1), (6, (1.1, 2.0)), (7, 0.5), (5, (1.9, 1.0)), (4, 3.3), (10, 0.35)]
)
def test_upsampling_by_any_factor_takes_the_pixels_that_pytorch_takes(mode, n, factor):
    torch = pytest.importorskip("torch")
    x = numpy.random.default_rng(0).standard_normal((1, 1, n, n))
    plain = {"scale_factor": factor, "mode": mode, "align_corners": None if mode == "nearest" else False}
    assert close(
        nn.Upsample(scale_factor=factor, mode=mode)(on(x)), torch.nn.Upsample(**plain)(torch.tensor(x)).numpy()
    )


@pytest.mark.parametrize("bad", [numpy.nan, numpy.inf])
def test_a_bad_pixel_spoils_its_neighbourhood_at_most(bad):
    x = numpy.arange(25.0).reshape(1, 1, 5, 5)
    x[0, 0, 0, 0] = bad
    for factor in (2, 3, 1.5):
        wide = mg.asnumpy(nn.Upsample(scale_factor=factor)(on(x)))
        assert numpy.isfinite(wide).sum() == (wide < 25.0).sum() == wide.size - numpy.ceil(factor) ** 2
        smooth = mg.asnumpy(nn.Upsample(scale_factor=factor, mode="bilinear")(on(x)))
        clean = mg.asnumpy(nn.Upsample(scale_factor=factor, mode="bilinear")(on(numpy.nan_to_num(x, posinf=0.0))))
        far = int(2 * factor)
        assert smooth[..., far:, far:].tolist() == clean[..., far:, far:].tolist()


def test_upsampling_takes_an_empty_batch():
    for mode in ("nearest", "bilinear"):
        assert nn.Upsample(scale_factor=1.5, mode=mode)(on(numpy.zeros((0, 2, 4, 4)))).shape == (0, 2, 6, 6)


@pytest.mark.parametrize("chosen", UPSAMPLED)
def test_upsampling_has_the_right_derivatives_and_keeps_constants(chosen):
    layer = nn.Upsample(**chosen)
    check_grads(layer, numpy.random.default_rng(0).standard_normal((2, 2, 3, 4)))
    flat = layer(on(numpy.full((1, 2, 3, 4), 0.7, "float32")))
    assert flat.dtype == "float32"
    assert close(flat, numpy.full(flat.shape, 0.7, "float32"))


@given(k=st.integers(1, 4), x=ms.arrays((1, 2, 3, 2)))
def test_pooling_undoes_repeating(k, x):
    assert close(nn.AvgPool2d(k)(nn.Upsample(scale_factor=k)(on(x))), x, condition=4.0)
    assert mg.asnumpy(nn.MaxPool2d(k)(nn.Upsample(scale_factor=k)(on(x)))).tolist() == x.tolist()


def test_bilinear_upsampling_keeps_straight_lines_between_the_corners():
    line = on(numpy.arange(4.0).reshape(1, 1, 1, 4))
    wide = nn.Upsample(size=(1, 7), mode="bilinear", align_corners=True)(line)
    assert close(wide, numpy.arange(0.0, 3.5, 0.5).reshape(1, 1, 1, 7))


def test_what_pooling_and_upsampling_refuse():
    x = on(numpy.zeros((1, 2, 3, 3)))
    for call, error, message in (
        (lambda: nn.MaxPool2d(2)(x[0]), mg.ShapeError, r"needs images of shape .* got \(2, 3, 3\)"),
        (lambda: nn.AvgPool2d(4)(x), mg.ShapeError, r"windows of \(4, 4\) do not fit into images of \(3, 3\)"),
        (lambda: nn.MaxPool2d(2, padding=2), ValueError, "half of the kernel size at most"),
        (lambda: nn.MaxPool2d(2, stride=0), ValueError, "stride must be a whole number of at least 1"),
        (lambda: nn.Upsample(), ValueError, "needs either size or scale_factor; got None and None"),
        (lambda: nn.Upsample(2, 2), ValueError, "needs either size or scale_factor; got 2 and 2"),
        (lambda: nn.Upsample(2, mode="cubic"), ValueError, "mode must be 'nearest' or 'bilinear'; got 'cubic'"),
        (lambda: nn.Upsample(2, align_corners=True), ValueError, "align_corners is for mode='bilinear'"),
        (lambda: nn.Upsample(scale_factor=-1.0), ValueError, "positive and finite, one number or a pair; got -1.0"),
        (lambda: nn.Upsample(scale_factor=0.2)(x), mg.ShapeError, "would leave no pixel of 3"),
        (lambda: nn.Upsample(2)(x[0]), mg.ShapeError, "needs images of shape"),
        (lambda: nn.Upsample(2)(x[:, :, :0]), mg.ShapeError, r"images of one pixel or more; got \(1, 2, 0, 3\)"),
        (lambda: nn.Upsample(scale_factor=True), ValueError, "positive and finite, one number or a pair; got True"),
        (
            lambda: nn.MaxPool2d(2, padding=1, dilation=4)(x),
            mg.ShapeError,
            r"MaxPool2d: with padding \(1, 1\), a window of dilation \(4, 4\) would step over an image of \(3, 3\)",
        ),
        *(
            (lambda layer=layer: layer(x.astype("int64")), TypeError, "needs floating-point numbers; got int64")
            for layer in (nn.MaxPool2d(2), nn.AvgPool2d(2), nn.Upsample(2))
        ),
    ):
        with pytest.raises(error, match=message):
            call()
