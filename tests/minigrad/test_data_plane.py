"""Points of the plane: mixtures with their true modes and density, two moons, spirals."""

import math

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
import minigrad.numpy as np
from minigrad import data
from minigrad.backend import current
from minigrad.tape import ShapeError
from minigrad.testing import check_grads, close
from minigrad.testing import strategies as ms

pytestmark = pytest.mark.usefixtures("each_backend")

seeds = st.integers(0, 100)
spreads = ms.numbers(0.125, 2.0)


def generator(seed=0):
    return numpy.random.default_rng(seed)


def on_host(x):
    return mg.asnumpy(x).astype("float64")


@st.composite
def mixtures(draw):
    dimensions = draw(st.integers(1, 3))
    return data.GaussianMixture(draw(ms.arrays((draw(st.integers(1, 4)), dimensions))), draw(spreads))


# Rings and grids


@given(modes=st.integers(1, 12), radius=ms.numbers(0.5, 3.0))
def test_a_ring_with_k_modes_has_k_modes_at_equal_distances_on_its_circle(modes, radius):
    means = on_host(data.GaussianMixture.ring(modes, radius).means)
    assert means.shape == (modes, 2)
    assert close(numpy.hypot(*means.T), numpy.full(modes, radius))
    to_next = numpy.linalg.norm(means - numpy.roll(means, -1, axis=0), axis=1)
    assert close(to_next, numpy.full(modes, 2.0 * radius * math.sin(math.pi / modes)), scale=radius)
    apart = numpy.linalg.norm(means[:, None] - means, axis=-1) + numpy.eye(modes) * radius
    assert apart.min() > 0.1 * radius, "no two modes are the same"


@given(side=st.integers(1, 6), spacing=ms.numbers(0.125, 3.0))
def test_a_grid_has_side_times_side_modes_around_0(side, spacing):
    means = on_host(data.GaussianMixture.grid(side, spacing).means)
    assert means.shape == (side**2, 2)
    for axis in means.T:
        ticks = numpy.unique(axis)
        assert close(numpy.diff(ticks), numpy.full(side - 1, spacing), scale=side * spacing)
        assert close(ticks.sum(), 0.0, scale=side * spacing)
    assert len(numpy.unique(means, axis=0)) == side**2


@given(seed=seeds)
def test_samples_without_spread_are_the_modes_and_eight_modes_are_eight(seed):
    x = on_host(data.ring(400, modes=8, radius=2.0, std=0.0, rng=generator(seed), dtype="float64"))
    found = numpy.unique(x.round(9), axis=0)
    assert len(found) == 8
    counts = [(abs(x - mode).max(axis=1) < 1e-6).sum() for mode in found]
    assert min(counts) > 20, "each mode is as likely as the others"
    assert len(numpy.unique(data.grid(2000, std=0.0, rng=generator(seed)).tolist(), axis=0)) == 25


def test_ring_and_grid_take_their_arguments_in_the_order_of_the_interface():
    assert data.ring(5, 8, 2.0, 0.02, generator()).tolist() == data.ring(5, rng=generator()).tolist()
    assert data.grid(5, 5, 2.0, 0.05, generator()).tolist() == data.grid(5, rng=generator()).tolist()
    for x in (data.ring(5, rng=generator()), data.grid(5, rng=generator())):
        assert isinstance(x, current().ndarray)
        assert (x.shape, x.dtype) == ((5, 2), "float32")
    assert data.ring(5, rng=generator(), dtype="float64").dtype == "float64"


# The truth about mixtures


@given(mixture=mixtures(), data_=st.data())
def test_the_log_density_is_that_of_the_formula(mixture, data_):
    means, std = on_host(mixture.means), mixture.std
    d = means.shape[1]
    x = data_.draw(ms.arrays((4, d)))
    squared = ((x[:, None] - means) ** 2).sum(axis=-1)
    density = (numpy.exp(-squared / (2.0 * std**2)) / (2.0 * math.pi * std**2) ** (d / 2.0)).mean(axis=1)
    assert close(np.exp(mixture.log_density(current().asarray(x))), density, condition=1e3)


@given(std=spreads)
def test_the_density_integrates_to_one(std):
    mixture = data.GaussianMixture.grid(side=2, spacing=1.0, std=std)
    ticks = numpy.linspace(-20.0, 20.0, 401)
    points = numpy.stack(numpy.meshgrid(ticks, ticks), axis=-1)
    total = on_host(np.exp(mixture.log_density(current().asarray(points)))).sum() * 0.1**2
    assert abs(total - 1.0) < 0.01


def test_the_log_density_stays_finite_where_the_density_underflows_and_can_be_differentiated():
    ring = data.GaussianMixture.ring()
    far = current().asarray(numpy.array([[100.0, 0.0], [0.5, 0.3]]))
    assert close(ring.log_density(far)[0], -0.5 * (98.0 / 0.02) ** 2, condition=1e12)
    slope = mg.grad(lambda x: np.sum(ring.log_density(x)))(far)
    assert close(slope[0], [-98.0 / 0.02**2, 0.0], condition=10.0), "towards the nearest mode"
    check_grads(data.GaussianMixture.ring(3, 1.0, 0.5).log_density, on_host(far) / 50.0)


def test_the_log_density_keeps_the_dtype_and_the_leading_axes():
    x = current().asarray(numpy.zeros((2, 3, 2), "float32"))
    density = data.GaussianMixture.ring(std=0.5).log_density(x)
    assert (density.shape, density.dtype) == ((2, 3), "float32")
    assert close(data.GaussianMixture([[1, 0]], 1.0).log_density([0, 0]), -0.5 - math.log(2.0 * math.pi))


@given(mixture=mixtures(), seed=seeds)
def test_samples_have_the_mean_and_the_spread_of_the_mixture(mixture, seed):
    n = 4000
    x = on_host(mixture.sample(n, generator(seed), "float64"))
    means = on_host(mixture.means)
    variance = means.var(axis=0) + mixture.std**2
    assert (abs(x.mean(axis=0) - means.mean(axis=0)) < 5.0 * numpy.sqrt(variance / n)).all()
    assert (abs(x.var(axis=0) / variance - 1.0) < 5.0 * math.sqrt(2.0 / n)).all()


@given(modes=st.integers(1, 8), within=ms.numbers(0.5, 3.0), seed=seeds)
def test_the_mixture_covers_itself_as_well_as_the_formula_says(modes, within, seed):
    """In the plane a Gaussian has 1 − exp(−r²/2) of its mass within r standard deviations."""
    n, ring = 2000, data.GaussianMixture.ring(modes, radius=2.0, std=0.02)
    covered, quality = ring.coverage(ring.sample(n, generator(seed)), within)
    expected = 1.0 - math.exp(-(within**2) / 2.0)
    assert covered == modes
    assert abs(quality - expected) < 5.0 * math.sqrt(expected * (1.0 - expected) / n)


@given(seen=st.sets(st.integers(0, 7), min_size=1))
def test_coverage_counts_the_modes_that_were_hit_and_the_share_of_good_samples(seen):
    ring = data.GaussianMixture.ring()
    hits = on_host(ring.means)[sorted(seen)] + 0.059 * numpy.array([0.6, 0.8])
    misses = [[0.0, 0.0], [2.0, 0.061], [numpy.nan, 0.0], [numpy.inf, 0.0]]
    x = current().asarray(numpy.concatenate([hits, misses]))
    assert ring.coverage(x) == (len(seen), len(seen) / (len(seen) + 4))
    assert ring.coverage(mg.Tensor(x)) == ring.coverage(x)


# Moons and spirals


@given(n=st.integers(1, 40), noise=ms.numbers(0.0, 1.0), angle=ms.numbers(-360.0, 360.0), seed=seeds)
def test_the_rotated_moons_are_the_same_points_turned(n, noise, angle, seed):
    source, y = data.two_moons(n, noise, generator(seed), dtype="float64")
    target, same_y = data.two_moons(n, noise, generator(seed), angle, "float64")
    as_numbers = on_host(source) @ [1.0, 1.0j]
    turned = as_numbers * numpy.exp(1.0j * math.radians(angle))
    assert close(on_host(target), numpy.stack([turned.real, turned.imag], axis=1), scale=10.0)
    assert y.tolist() == same_y.tolist() == [i % 2 for i in range(n)]


@given(seed=seeds)
def test_the_moons_are_half_circles_that_reach_into_each_other(seed):
    x, y = (mg.asnumpy(part) for part in data.two_moons(200, 0.0, generator(seed), dtype="float64"))
    upper = x[y == 0] - [-0.5, -0.25]
    lower = -x[y == 1] - [-0.5, -0.25]
    for arc in (upper, lower):
        assert close(numpy.hypot(*arc.T), numpy.ones(100))
        assert (arc[:, 1] >= 0).all()
    gap = numpy.linalg.norm(x[y == 0][:, None] - x[y == 1], axis=-1).min()
    assert gap > 0.2, "the arcs do not touch"
    assert x[y == 0][:, 1].min() < x[y == 1][:, 1].max(), "no horizontal line separates them"


@given(n=st.integers(1, 40), arms=st.integers(1, 5), turns=ms.numbers(-2.0, 2.0), seed=seeds)
def test_a_spiral_turns_with_its_radius(n, arms, turns, seed):
    x, y = (mg.asnumpy(part) for part in data.spirals(n, arms, turns, 0.0, generator(seed), "float64"))
    assert y.tolist() == [i % arms for i in range(n)]
    radius = numpy.hypot(*x.T)
    assert radius.max() <= 1.0
    angle = 2.0 * math.pi * (turns * radius + y / arms)
    assert close(x, radius[:, None] * numpy.stack([numpy.cos(angle), numpy.sin(angle)], axis=1), condition=10.0)


def test_the_noise_of_moons_and_spirals_has_the_given_spread():
    for draw in (
        lambda noise: data.two_moons(4000, noise, generator(), dtype="float64"),
        lambda noise: data.spirals(4000, noise=noise, rng=generator(), dtype="float64"),
    ):
        noise = on_host(draw(0.3)[0]) - on_host(draw(0.0)[0])
        assert abs(noise.std() / 0.3 - 1.0) < 0.03
        assert abs(noise.mean()) < 0.02


def test_samples_do_not_depend_on_the_backend():
    mixture = data.GaussianMixture.grid()
    draws = [
        lambda rng: [data.ring(5, rng=rng), data.grid(5, rng=rng), mixture.sample(5, rng)],
        lambda rng: [*data.two_moons(5, rng=rng), *data.spirals(5, rng=rng)],
    ]
    for draw in draws:
        here = [(x.dtype, x.tolist()) for x in draw(generator())]
        with mg.use("numpy"):
            assert here == [(x.dtype, x.tolist()) for x in draw(generator())]
        assert {str(dtype) for dtype, _ in here} <= {"float32", "int64"}


# What is refused


@pytest.mark.parametrize("draw", [data.ring, data.grid, data.two_moons, data.spirals])
def test_every_sampler_needs_a_generator_a_count_and_a_dtype_with_fractions(draw):
    for wrong in ({}, {"rng": None}, {"rng": 0}, {"rng": numpy.random.RandomState(0)}):
        with pytest.raises(TypeError, match=r"rng must be a numpy.random.Generator, such as numpy.random.default_rng"):
            draw(5, **wrong)
    for n in (0, -1, 2.0, "many", None):
        with pytest.raises(ValueError, match=f"n must be a whole number of at least 1; got {n!r}"):
            draw(n, rng=generator())
    with pytest.raises(ValueError, match="need a floating-point dtype; got 'int64'"):
        draw(5, rng=generator(), dtype="int64")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rng: data.ring(5, 0, rng=rng), "modes must be a whole number of at least 1; got 0"),
        (lambda rng: data.ring(5, True, rng=rng), "modes must be a whole number of at least 1; got True"),
        (lambda rng: data.ring(5, radius=-1.0, rng=rng), "radius must be at least 0; got -1.0"),
        (lambda rng: data.ring(5, std=-0.1, rng=rng), "std must be at least 0; got -0.1"),
        (lambda rng: data.ring(5, std=math.nan, rng=rng), "std must be a finite number; got nan"),
        (lambda rng: data.grid(5, side=2.5, rng=rng), "side must be a whole number of at least 1; got 2.5"),
        (lambda rng: data.grid(5, spacing=math.inf, rng=rng), "spacing must be a finite number; got inf"),
        (lambda rng: data.two_moons(5, -0.1, rng), "noise must be at least 0; got -0.1"),
        (lambda rng: data.two_moons(5, 0.1, rng, "35°"), "angle must be a finite number; got '35°'"),
        (lambda rng: data.spirals(5, arms=0, rng=rng), "arms must be a whole number of at least 1; got 0"),
        (lambda rng: data.spirals(5, turns=math.nan, rng=rng), "turns must be a finite number; got nan"),
        (lambda rng: data.spirals(5, noise=-1, rng=rng), "noise must be at least 0; got -1"),
        (lambda rng: data.GaussianMixture([1.0, 2.0], 0.1), r"finite points, of shape \(k, d\); got shape \(2,\)"),
        (lambda rng: data.GaussianMixture([[math.nan]], 0.1), "means must be finite points"),
        (lambda rng: data.GaussianMixture([[0.0]], 0.0).log_density([0.0]), "with std = 0 a mixture has no density"),
        (lambda rng: data.GaussianMixture([[0.0]], 1.0).coverage([[0.0]], -1.0), "within must be at least 0; got -1.0"),
    ],
)
def test_impossible_settings_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(generator())


def test_points_of_another_dimension_are_refused():
    ring = data.GaussianMixture.ring()
    for x in (numpy.zeros(3), numpy.zeros((4, 1)), numpy.zeros(())):
        with pytest.raises(ShapeError, match="lives in 2 dimensions; got points of shape"):
            ring.log_density(current().asarray(x))
    for x in (numpy.zeros(2), numpy.zeros((0, 2)), numpy.zeros((1, 1, 2))):
        with pytest.raises(ShapeError, match=r"coverage needs samples of shape \(n, 2\); got"):
            ring.coverage(current().asarray(x))
