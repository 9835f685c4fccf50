"""The digits, in black and white and in colour, and the true translation between the colours."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import data
from minigrad.backend import current
from minigrad.data.coloured import complementary, hue_to_rgb
from minigrad.tape import ShapeError
from minigrad.testing import check_grads, close
from minigrad.testing import strategies as ms

pytestmark = pytest.mark.usefixtures("each_backend")

FULL_CIRCLE = {0.0: [1, 0, 0], 1 / 6: [1, 1, 0], 1 / 3: [0, 1, 0], 1 / 2: [0, 1, 1], 2 / 3: [0, 0, 1], 5 / 6: [1, 0, 1]}


def on_host(*arrays):
    assert all(isinstance(x, current().ndarray) for x in arrays)
    return [mg.asnumpy(x) for x in arrays]


def ink(images):
    """Give the brightness of coloured images, as the digits have it."""
    return images.max(axis=1).reshape(len(images), -1)


def test_the_digits_are_those_of_the_uci_repository():
    x, y = on_host(*data.digits())
    assert x.shape == (1797, 64)
    assert (x.dtype, y.dtype) == ("float32", "int64")
    assert (x.min(), x.max()) == (0.0, 1.0)
    assert numpy.bincount(y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert (x * 16 == (x * 16).round()).all(), "pixels count the dark points of 4 by 4 blocks"
    assert data.digits("float64")[0].dtype == "float64"


@pytest.mark.parametrize(("hue", "rgb"), FULL_CIRCLE.items())
def test_the_colour_wheel_goes_from_red_over_green_and_blue_to_red(hue, rgb):
    assert close(hue_to_rgb(hue), numpy.array(rgb, float))
    assert close(hue_to_rgb(hue + 1.0), hue_to_rgb(hue), condition=10.0)


@given(hue=ms.numbers(0.0, 1.0), brightness=ms.numbers(0.0, 1.0))
def test_the_complement_of_a_pure_colour_is_half_a_turn_away_and_back_again(hue, brightness):
    pixel, opposite = (current().asarray(brightness * hue_to_rgb(h).reshape(1, 3, 1, 1)) for h in (hue, hue + 0.5))
    assert close(complementary(pixel), opposite, condition=10.0, scale=1.0)
    assert close(complementary(complementary(pixel)), pixel, scale=1.0)


def test_the_complement_can_be_differentiated():
    rng = numpy.random.default_rng(0)
    check_grads(complementary, rng.random((2, 3, 2, 2)))


def test_paired_digits_are_the_same_digit_in_two_colours():
    x, y = on_host(*data.digits())
    warm, cold, labels = on_host(*data.coloured_digits_paired())
    assert warm.shape == cold.shape == (1797, 3, 8, 8)
    assert warm.dtype == cold.dtype == "float32"
    assert labels.tolist() == y.tolist()
    assert close(ink(warm), x)
    assert close(ink(cold), x)
    for k in range(10):
        for images, hue in ((warm, k / 20), (cold, k / 20 + 0.5)):
            colour = hue_to_rgb(hue)[:, None, None]
            assert close(images[y == k], x[y == k].reshape(-1, 1, 8, 8) * colour, condition=10.0)


@given(seed=st.integers(0, 100))
def test_unpaired_digits_are_two_halves_that_share_no_digit(seed):
    x, y = on_host(*data.digits())
    warm, cold, _ = on_host(*data.coloured_digits_paired())
    a, y_a, b, y_b = on_host(*data.coloured_digits_unpaired(numpy.random.default_rng(seed)))
    assert (len(a), len(y_a), len(b), len(y_b)) == (898, 898, 899, 899)

    def rows(images, labels):
        return sorted((*image.ravel().tolist(), label) for image, label in zip(images, labels, strict=True))

    everything = rows(x, y)
    back = numpy.concatenate([ink(a), ink(b)])
    assert rows(back, numpy.concatenate([y_a, y_b])) == everything, "together they are all digits, each once"
    assert set(rows(a, y_a)) <= set(rows(warm, y))
    assert set(rows(b, y_b)) <= set(rows(cold, y))


def test_the_seed_decides_who_goes_where():
    first, again, other = (
        data.coloured_digits_unpaired(numpy.random.default_rng(seed))[1].tolist() for seed in (0, 0, 1)
    )
    assert first == again != other


def test_what_they_refuse():
    with pytest.raises(ValueError, match="need a floating-point dtype; got 'uint8'"):
        data.digits("uint8")
    with pytest.raises(ValueError, match="need a floating-point dtype; got 'uint8'"):
        data.coloured_digits_paired("uint8")
    with pytest.raises(TypeError, match=r"rng must be a numpy.random.Generator.*got None"):
        data.coloured_digits_unpaired(None)
    for shape in ((3, 8, 8), (1, 1, 8, 8), (1, 8, 8, 3)):
        with pytest.raises(ShapeError, match=r"coloured images have the shape \(n, 3, height, width\); got"):
            complementary(current().asarray(numpy.zeros(shape)))
