"""Densities on the line: pdf, cdf, quantile and samples belong to each other, and are those of SciPy."""

import math

import numpy
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
import minigrad.numpy as np
from minigrad.backend import current
from minigrad.data.densities import Density, Laplace, Mixture, Normal, Triangular, Uniform
from minigrad.testing import check_grads, close
from minigrad.testing import strategies as ms

pytestmark = pytest.mark.usefixtures("each_backend")

places = ms.numbers(-2.0, 2.0)
widths = ms.numbers(0.25, 2.0)
ordered = st.tuples(places, widths, widths).map(lambda t: (t[0], t[0] + t[1], t[0] + t[1] + t[2]))

WITH_ORACLE = st.one_of(
    st.tuples(places, widths).map(lambda t: (Normal(*t), scipy.stats.norm(*t))),
    st.tuples(places, widths).map(lambda t: (Laplace(*t), scipy.stats.laplace(*t))),
    ordered.map(lambda t: (Uniform(t[0], t[2]), scipy.stats.uniform(t[0], t[2] - t[0]))),
    ordered.map(
        lambda t: (Triangular(*t), scipy.stats.triang((t[1] - t[0]) / (t[2] - t[0]), t[0], t[2] - t[0])),
    ),
)
simple = WITH_ORACLE.map(lambda pair: pair[0])


@st.composite
def mixtures(draw):
    parts = draw(st.lists(simple, min_size=1, max_size=3))
    return Mixture(parts, draw(ms.probabilities(len(parts))))


densities = st.one_of(simple, mixtures())
points = ms.vectors(5, -5.0, 5.0)
shares = ms.vectors(5, 0.0, 1.0)


def values(f, x):
    return mg.asnumpy(f(current().asarray(x)))


@given(pair=WITH_ORACLE, x=points, p=shares)
def test_the_formulas_are_those_of_scipy(pair, x, p):
    density, oracle = pair
    assert close(values(density.pdf, x), oracle.pdf(x), condition=100.0)
    assert close(values(density.cdf, x), oracle.cdf(x), condition=100.0)
    assert close(values(density.quantile, p), oracle.ppf(p), condition=100.0)


@given(density=densities)
def test_the_density_integrates_to_one(density):
    step = 1e-3
    middles = numpy.arange(-80.0, 80.0, step) + step / 2.0
    assert abs(values(density.pdf, middles).sum() * step - 1.0) < 0.01, "jumps cost up to their height times the step"


@given(density=densities, x=points)
def test_the_derivative_of_the_cdf_is_the_density_and_it_rises_from_0_to_1(density, x):
    h = 1e-5
    slope = (values(density.cdf, x + h) - values(density.cdf, x - h)) / (2.0 * h)
    around = [values(density.pdf, x + step) for step in (-h, 0.0, h)]
    assert (slope >= numpy.min(around, axis=0) - 1e-4).all(), "beside a jump or a peak it lies between the values"
    assert (slope <= numpy.max(around, axis=0) + 1e-4).all()
    assert (numpy.diff(values(density.cdf, numpy.sort(x))) >= -1e-15).all()
    assert values(density.cdf, numpy.array([-numpy.inf, numpy.inf])).tolist() == [0.0, 1.0]


@given(density=densities, p=shares, x=points)
def test_the_quantile_is_the_smallest_x_with_enough_probability_below(density, p, x):
    q = values(density.quantile, p)
    assert (values(density.cdf, q) >= p - 1e-12).all()
    for other in x:
        reached = values(density.cdf, numpy.full(5, other))
        assert (q[reached >= p + 1e-12] <= other + 1e-12).all()


@given(density=densities, seed=st.integers(0, 100))
def test_samples_are_within_the_bound_of_kolmogorov_and_smirnov(density, seed):
    """Massart: P(sup |F_n − F| > ε) ≤ 2 exp(−2nε²), here for one in 10⁶."""
    n = 1000
    x = numpy.sort(mg.asnumpy(density.sample(n, numpy.random.default_rng(seed), "float64")))
    exact = values(density.cdf, x)
    above, below = numpy.arange(1, n + 1) / n - exact, exact - numpy.arange(n) / n
    assert max(above.max(), below.max()) < math.sqrt(math.log(2e6) / (2 * n))


@given(density=densities, x=points)
def test_the_logarithm_is_that_of_the_density_and_keeps_float32(density, x):
    inside = values(density.pdf, x) > 0
    logs = values(density.log_pdf, x)
    assert close(logs[inside], numpy.log(values(density.pdf, x)[inside]), condition=100.0)
    assert (logs[~inside] == -numpy.inf).all()
    single = current().asarray(x, "float32")
    for f in (density.pdf, density.log_pdf, density.cdf):
        assert f(single).dtype == "float32"
    assert density.sample(3, numpy.random.default_rng(0)).dtype == "float32"


@given(density=densities)
def test_nan_stays_nan(density):
    nan = numpy.array([numpy.nan])
    for f in (density.pdf, density.log_pdf, density.cdf):
        assert numpy.isnan(values(f, nan)).all()


@pytest.mark.parametrize(
    ("density", "x"),
    [
        (Normal(0.5, 2.0), [-1.0, 0.5, 30.0]),
        (Laplace(0.5, 2.0), [-1.0, 0.75, 30.0]),
        (Uniform(0.0, 2.0), [0.5, 1.0]),
        (Triangular(0.0, 1.0, 3.0), [0.5, 2.0]),
        (Mixture([Normal(-1.0, 0.5), Laplace(1.0, 2.0), Uniform(-9.0, 9.0)]), [-1.0, 0.5, 1.5]),
    ],
)
def test_the_log_density_can_be_differentiated(density, x):
    check_grads(density.log_pdf, numpy.array(x))
    check_grads(density.pdf, numpy.array(x))


@pytest.mark.parametrize(
    "density", [Uniform(0.0, 1.0), Triangular(0.0, 0.5, 1.0), Mixture([Uniform(0.0, 1.0), Uniform(4.0, 5.0)])]
)
def test_the_density_is_flat_outside_of_its_support(density):
    x = current().asarray(numpy.array([-1.0, 2.0, 3.0]))
    assert mg.grad(lambda x: np.sum(density.pdf(x)))(x).tolist() == [0.0, 0.0, 0.0]


def test_the_tails_of_the_normal_distribution_are_exact():
    assert close(values(Normal().cdf, -30.0) / scipy.stats.norm.cdf(-30.0), 1.0, condition=100.0)
    assert close(values(Normal().quantile, 1e-200), scipy.stats.norm.ppf(1e-200))


def test_a_mixture_of_far_parts_falls_into_its_gap():
    gap = Mixture([Uniform(0.0, 1.0), Uniform(9.0, 10.0)])
    assert values(gap.cdf, numpy.array([1.0, 5.0, 9.0])).tolist() == [0.5, 0.5, 0.5]
    assert close(values(gap.quantile, numpy.array([0.25, 0.5, 0.75])), [0.5, 1.0, 9.5])
    both = Mixture([Normal(), Uniform(0.0, 1.0)])
    assert values(both.quantile, numpy.array([0.0, 1.0])).tolist() == [-numpy.inf, numpy.inf]


@given(mean=places, shift=places, std=widths)
def test_quantiles_give_the_exact_wasserstein_distance(mean, shift, std):
    """Moving a density by s costs |s| whatever its shape."""
    p = (numpy.arange(100) + 0.5) / 100
    gaps = values(Normal(mean + shift, std).quantile, p) - values(Normal(mean, std).quantile, p)
    assert close(numpy.abs(gaps).mean(), abs(shift), scale=10.0)


def test_the_cdf_of_a_tensor_is_plain_and_refuses_to_lose_a_derivative():
    x = mg.tensor([0.5])
    assert isinstance(Uniform().cdf(x), current().ndarray)
    with pytest.raises(TypeError, match="being differentiated"):
        mg.grad(lambda x: np.sum(Uniform().cdf(x)))(x.data)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Normal(0.0, 0.0), "std must be more than 0; got 0.0"),
        (lambda: Normal(math.nan), "mean must be a finite number; got nan"),
        (lambda: Laplace(0.0, -1.0), "scale must be more than 0; got -1.0"),
        (lambda: Uniform(1.0, 1.0), "this needs low < high; got 1.0, 1.0"),
        (lambda: Uniform(0.0, math.inf), "high must be a finite number; got inf"),
        (lambda: Triangular(0.0, 3.0, 2.0), "this needs low < mode < high; got 0.0, 3.0, 2.0"),
        (lambda: Mixture([Normal(), Normal()], [1.0]), "2 densities need as many positive weights"),
        (lambda: Mixture([Normal(), Normal()], [1.0, 0.0]), "2 densities need as many positive weights"),
        (lambda: Mixture([Normal(), Normal()], [0.5, 0.6]), "probabilities in weights must sum to 1"),
        (lambda: Normal().quantile(1.5), "probabilities between 0 and 1; got 1.5"),
        (lambda: Normal().quantile([0.5, math.nan]), r"probabilities between 0 and 1; got nan"),
        (lambda: Normal().sample(0, numpy.random.default_rng(0)), "n must be a whole number of at least 1; got 0"),
        (lambda: Normal().sample(5, numpy.random.default_rng(0), int), "need a floating-point dtype"),
    ],
)
def test_impossible_settings_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_other_things_than_densities_and_generators_are_refused():
    for parts in ([], [1.0], [Normal]):
        with pytest.raises(TypeError, match="a mixture needs a list of densities; got"):
            Mixture(parts)
    with pytest.raises(TypeError, match=r"rng must be a numpy.random.Generator.*got 0"):
        Normal().sample(5, 0)
    with pytest.raises(TypeError, match="abstract"):
        Density()
