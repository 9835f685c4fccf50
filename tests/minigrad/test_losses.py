"""The losses against closed forms, their derivatives, the theorems about them, and what they refuse."""

import decimal
import itertools
import math
import warnings

import numpy
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
import minigrad.numpy as np
from minigrad import nn
from minigrad.backend import current
from minigrad.testing import assert_convex, assert_gradient, check_grads, close
from minigrad.testing import strategies as ms
from tests.fake_device import syncs

pytestmark = pytest.mark.usefixtures("each_backend")

TARGETS = numpy.array([0, 1, 1, 0])
SIGNS = numpy.array([-1, 1, 1, -1])
POINT = numpy.array([-1.5, 0.25, 2.0, 0.625])

# Every loss of one batch of scores, as a function of scores of shape (4,) and a reduction
OF_ONE_BATCH = {
    "cross_entropy": lambda z, r="mean": nn.cross_entropy(np.stack([z, 0.5 * z, -z], axis=1), on(TARGETS), r),
    "binary_cross_entropy_with_logits": lambda z, r="mean": nn.binary_cross_entropy_with_logits(z, on(TARGETS), r),
    "hinge_loss": lambda z, r="mean": nn.hinge_loss(z, on(SIGNS), r),
    "logistic_loss": lambda z, r="mean": nn.logistic_loss(z, on(SIGNS), r),
    "squared_error": lambda z, r="mean": nn.squared_error(z, on(TARGETS), r),
    "saturating_generator_loss": nn.saturating_generator_loss,
    "nonsaturating_generator_loss": nn.nonsaturating_generator_loss,
    "least_squares_generator_loss": nn.least_squares_generator_loss,
    "hinge_generator_loss": nn.hinge_generator_loss,
    "wasserstein_generator_loss": nn.wasserstein_generator_loss,
}
OF_TWO_BATCHES = {
    "gan_discriminator_loss": nn.gan_discriminator_loss,
    "least_squares_discriminator_loss": nn.least_squares_discriminator_loss,
    "hinge_discriminator_loss": nn.hinge_discriminator_loss,
    "wasserstein_critic_loss": nn.wasserstein_critic_loss,
}
every_loss = pytest.mark.parametrize("name", sorted(OF_ONE_BATCH | OF_TWO_BATCHES))


def on(x):
    return current().asarray(x)


def host(x):
    return mg.asnumpy(x)


def of_scores(name):
    """Give a loss as a function of one vector: of two batches, 3 real samples and the rest generated."""
    if name in OF_ONE_BATCH:
        return OF_ONE_BATCH[name]
    return lambda z: OF_TWO_BATCHES[name](z[:3], z[3:])


def each_close(actual, expected):
    """Compare element by element, so that a large element does not hide the error of a small one."""
    actual, expected = host(actual), numpy.asarray(expected)
    assert actual.shape == expected.shape
    for a, b in zip(actual.ravel(), expected.ravel(), strict=True):
        same = close(a, b)
        assert same, same


scales = st.sampled_from([1.0, 10.0, 100.0, 1e4])


@st.composite
def logits_of_any_size(draw, shape=(4,)):
    return draw(ms.arrays(shape)) * draw(scales)


def targets(shape=(4,), margin=0.0):
    return ms.arrays(shape, margin, 1.0 - margin)


# What holds for all of them


@every_loss
def test_derivatives_are_right_in_both_modes_to_second_order(name):
    check_grads(of_scores(name), POINT)


@every_loss
def test_the_value_and_two_derivatives_are_finite_however_large_the_scores_and_float32_stays(name):
    f = of_scores(name)
    for size in (1e4, -1e4):
        z = on(numpy.array([size, -size, size, -size, size], "float32"))
        z = z[:4] if name in OF_ONE_BATCH else z
        value, gradient = mg.value_and_grad(f)(z)
        curvature = mg.hvp(f, z, on(numpy.ones(z.shape, "float32")))
        for x in (value, gradient, curvature):
            assert x.dtype == "float32"
            assert numpy.isfinite(host(x)).all()


@every_loss
def test_a_nan_among_the_scores_is_seen(name):
    assert numpy.isnan(host(of_scores(name)(on(numpy.array([1.0, math.nan, 2.0, 0.5])))))


@pytest.mark.parametrize("name", sorted(OF_ONE_BATCH))
@given(z=ms.vectors(4))
def test_the_mean_and_the_sum_are_those_of_the_losses(name, z):
    loss = OF_ONE_BATCH[name]
    losses = host(loss(on(z), "none"))
    assert losses.shape == (4,)
    assert close(loss(on(z)), losses.mean(), scale=3.0)
    assert close(loss(on(z), "sum"), losses.sum(), scale=12.0)


@pytest.mark.parametrize("name", sorted(OF_TWO_BATCHES))
@given(data=st.data())
def test_each_batch_is_averaged_on_its_own_whatever_its_size(name, data):
    loss = OF_TWO_BATCHES[name]
    real, fake = (data.draw(ms.arrays(ms.shapes(1, 3))) for _ in range(2))
    of_real, of_fake = (host(part) for part in loss(on(real), on(fake), "none"))
    assert (of_real.shape, of_fake.shape) == (real.shape, fake.shape)
    assert close(loss(on(real), on(fake)), of_real.mean() + of_fake.mean(), scale=10.0)
    assert close(loss(on(real), on(fake), "sum"), of_real.sum() + of_fake.sum(), scale=1000.0)


@every_loss
def test_an_empty_batch_has_no_mean_and_an_unknown_reduction_is_refused(name):
    two = name in OF_TWO_BATCHES
    loss = OF_TWO_BATCHES[name] if two else getattr(nn, name)
    compared = name in ("squared_error", "hinge_loss", "logistic_loss", "binary_cross_entropy_with_logits")
    batch, none = on(numpy.zeros(3)), on(numpy.zeros(0))
    arguments = [(none, batch), (batch, none)] if two else [(none, none)] if compared else [(none,)]
    if name == "cross_entropy":
        arguments = [(on(numpy.zeros((0, 3))), on(numpy.zeros(0, int)))]
    for empty in arguments:
        with pytest.raises(ValueError, match=r"the batch is empty.*reduction='sum'"):
            loss(*empty)
        assert host(loss(*empty, "sum")).shape == ()
        with pytest.raises(ValueError, match="reduction must be 'mean', 'sum' or 'none'; got 'average'"):
            loss(*empty, "average")


@every_loss
def test_a_loss_does_not_wait_for_the_device(name):
    z = mg.tensor(on(POINT), requires_grad=True)
    syncs.clear()
    of_scores(name)(z).backward()
    assert syncs == []


# Cross-entropy


@given(z=logits_of_any_size(), t=targets())
def test_binary_cross_entropy_has_every_digit_right_in_both_tails(z, t):
    expected = -t * scipy.special.log_expit(z) - (1.0 - t) * scipy.special.log_expit(-z)
    each_close(nn.binary_cross_entropy_with_logits(on(z), on(t), "none"), expected)


@given(z=logits_of_any_size(), t=targets())
def test_the_gradient_of_binary_cross_entropy_is_the_probability_minus_the_target(z, t):
    gradient = mg.grad(lambda z: nn.binary_cross_entropy_with_logits(z, on(t), "sum"))(on(z))
    assert close(gradient, scipy.special.expit(z) - t, scale=1.0)


@given(z=ms.vectors(4), t=targets(margin=0.125))
def test_binary_cross_entropy_can_be_differentiated_in_its_targets_too(z, t):
    check_grads(nn.binary_cross_entropy_with_logits, z, t)


@given(t=ms.numbers(1 / 64, 63 / 64), z=ms.numbers())
def test_binary_cross_entropy_is_least_at_the_logit_of_the_target(t, z):
    def loss(logit):
        return float(host(nn.binary_cross_entropy_with_logits(on([logit]), on([t]))))

    entropy = -scipy.special.xlogy(t, t) - scipy.special.xlogy(1.0 - t, 1.0 - t)
    assert close(loss(scipy.special.logit(t)), entropy)
    assert loss(z) >= entropy * (1.0 - 1e-12)


@given(z=ms.vectors(4))
def test_of_two_classes_cross_entropy_is_the_binary_one_of_their_difference(z):
    two = nn.cross_entropy(np.stack([0.0 * on(z), on(z)], axis=1), on(TARGETS), "none")
    assert close(nn.binary_cross_entropy_with_logits(on(z), on(TARGETS), "none"), two, scale=3.0)


def test_targets_of_every_dtype_are_converted_to_that_of_the_logits():
    z = on(POINT.astype("float32"))
    expected = host(nn.binary_cross_entropy_with_logits(z, on(TARGETS.astype("float32"))))
    for dtype in ("bool", "uint8", "int64", "float64"):
        loss = nn.binary_cross_entropy_with_logits(z, on(TARGETS.astype(dtype)))
        assert loss.dtype == "float32"
        assert float(host(loss)) == float(expected)
    assert nn.hinge_loss(z, on(SIGNS.astype("int8"))).dtype == "float32"
    assert nn.squared_error(z, on(TARGETS)).dtype == "float32"
    assert close(nn.squared_error(on(TARGETS), z, "none"), (TARGETS - POINT) ** 2)  # whole numbers as prediction


# Losses of the margin


def logistic_to_200_digits(margin):
    with decimal.localcontext(prec=200, Emin=-99999, Emax=99999):
        return float((1 + (-decimal.Decimal(margin)).exp()).ln())


signs = st.lists(st.sampled_from([-1, 1]), min_size=4, max_size=4).map(numpy.asarray)


@pytest.mark.proves("epfl11-logistic-loss")
@given(h=logits_of_any_size(), b=signs)
def test_the_logistic_loss_has_every_digit_right(h, b):
    each_close(nn.logistic_loss(on(h), on(b), "none"), [logistic_to_200_digits(m) for m in b * h])


@pytest.mark.proves("epfl11-logistic-loss")
@given(b=signs)
def test_the_logistic_loss_is_convex_with_the_derivative_of_the_slide_and_log_2_at_0(b):
    assert_convex(lambda h: nn.logistic_loss(on(h), on(b), "sum"), 4, examples=30)
    assert close(nn.logistic_loss(on(numpy.zeros(4)), on(b)), math.log(2.0))
    with mg.use("numpy"):
        assert_gradient(lambda h: nn.logistic_loss(h, b, "sum"), lambda h: -b * scipy.special.expit(-b * h), 4)


@pytest.mark.proves("epfl11-squared-hinge-losses")
@given(h=ms.vectors(4), b=signs)
def test_hinge_and_squared_error_are_those_of_the_slide(h, b):
    hinge, squared = (host(loss(on(h), on(b), "none")) for loss in (nn.hinge_loss, nn.squared_error))
    assert close(hinge, numpy.maximum(0.0, 1.0 - b * h))
    assert close(squared, (b - h) ** 2)
    assert close(squared, (1.0 - b * h) ** 2)  # for labels of one, the squared error is a loss of the margin too
    assert ((hinge == 0.0) == (b * h >= 1.0)).all()


@pytest.mark.proves("epfl11-squared-hinge-losses")
@given(b=signs)
def test_hinge_and_squared_error_are_convex_with_their_derivatives(b):
    for loss in (nn.hinge_loss, nn.squared_error):
        assert_convex(lambda h, loss=loss: loss(on(h), on(b), "sum"), 4, examples=30)
    with mg.use("numpy"):
        away_from_the_kinks = ms.vectors(4, avoid=(-1.0, 1.0))
        assert_gradient(lambda h: nn.hinge_loss(h, b, "sum"), lambda h: -b * (b * h < 1.0), away_from_the_kinks)
        assert_gradient(lambda h: nn.squared_error(h, b, "sum"), lambda h: 2.0 * (h - b), 4)


def test_the_derivative_of_the_hinge_at_its_kink_is_0():
    assert host(mg.grad(lambda h: nn.hinge_loss(h, on([1, -1]), "sum"))(on([1.0, -1.0]))).tolist() == [0.0, 0.0]


@given(h=logits_of_any_size(), b=signs)
def test_both_losses_of_the_margin_bound_the_number_of_mistakes(h, b):
    mistakes = (b * h <= 0.0).sum()
    assert float(host(nn.hinge_loss(on(h), on(b), "sum"))) >= mistakes
    assert float(host(nn.logistic_loss(on(h), on(b), "sum"))) / math.log(2.0) >= mistakes * (1.0 - 1e-12)


@given(z=logits_of_any_size(), b=signs)
def test_the_logistic_loss_is_the_binary_cross_entropy_with_the_labels_0_and_1(z, b):
    logistic = nn.logistic_loss(on(z), on(b), "none")
    each_close(nn.binary_cross_entropy_with_logits(on(z), on(b > 0), "none"), host(logistic))


@pytest.mark.proves("opt19-mse")
@given(theta=ms.vectors(2), x=ms.vectors(5), y=ms.vectors(5))
def test_the_mean_squared_error_and_its_gradient_are_those_of_the_slide(theta, x, y):
    value, gradient = mg.value_and_grad(lambda t: nn.squared_error(np.tanh(t[0] * on(x)) + t[1], on(y)))(on(theta))
    f = numpy.tanh(theta[0] * x) + theta[1]
    jacobian = numpy.stack([x * (1.0 - numpy.tanh(theta[0] * x) ** 2), numpy.ones(5)], axis=1)
    assert close(value, sum((y - f) ** 2) / 5.0, scale=10.0)
    assert close(gradient, 2.0 / 5.0 * jacobian.T @ (f - y), scale=10.0)


# The game of a generator and a discriminator


@pytest.mark.proves("opt19-gan-value")
@given(real=ms.vectors(), fake=ms.vectors())
def test_the_discriminator_minimises_minus_the_value_of_the_game(real, fake):
    d_real, d_fake = scipy.special.expit(real), scipy.special.expit(fake)
    value = numpy.log(d_real).mean() + numpy.log(1.0 - d_fake).mean()
    loss = nn.gan_discriminator_loss(on(real), on(fake))
    assert close(-host(loss), value)
    assert value <= 0.0 <= float(host(loss))
    ones, zeros = on(numpy.ones(real.shape)), on(numpy.zeros(fake.shape))
    entropies = (
        nn.binary_cross_entropy_with_logits(on(real), ones),
        nn.binary_cross_entropy_with_logits(on(fake), zeros),
    )
    assert close(loss, host(entropies[0]) + host(entropies[1]))


@pytest.mark.proves("opt19-gan-value")
@given(n=st.integers(1, 5), m=st.integers(1, 5))
def test_the_value_is_minus_log_4_where_the_discriminator_cannot_tell(n, m):
    assert close(nn.gan_discriminator_loss(on(numpy.zeros(n)), on(numpy.zeros((m, 1)))), math.log(4.0))


@pytest.mark.proves("disc-gan-fixed-sides")
@given(real=ms.vectors(4), fake=ms.vectors(4), other=ms.vectors(4))
def test_the_discriminator_learns_to_classify_and_the_generator_to_be_believed(real, fake, other):
    pooled, labels = on(numpy.concatenate([real, fake])), on(numpy.repeat([1, 0], 4))
    classification = nn.binary_cross_entropy_with_logits(pooled, labels)
    assert close(nn.gan_discriminator_loss(on(real), on(fake)), 2.0 * host(classification))
    for loss in (nn.saturating_generator_loss, nn.nonsaturating_generator_loss):
        a, b = (host(loss(on(logits), "none")) for logits in (fake, other))
        assert ((a < b) == (scipy.special.expit(fake) > scipy.special.expit(other))).all()


@st.composite
def counts(draw):
    """How often each of a few values occurs among the real and among the generated samples, both equally many."""
    n = draw(st.integers(2, 4))
    a, b = (numpy.asarray(draw(st.lists(st.integers(1, 4), min_size=n, max_size=n))) for _ in range(2))
    return a * b.sum(), b * a.sum()


@given(counts=counts(), data=st.data())
def test_the_best_discriminator_reaches_twice_the_jensen_shannon_divergence_minus_log_4(counts, data):
    n, m = counts
    p, q = n / n.sum(), m / m.sum()

    def value(f):
        return -float(host(nn.gan_discriminator_loss(on(numpy.repeat(f, n)), on(numpy.repeat(f, m)))))

    best = value(numpy.log(p / q))
    mixture = 0.5 * (p + q)
    divergence = 0.5 * (scipy.special.rel_entr(p, mixture) + scipy.special.rel_entr(q, mixture)).sum()
    assert close(best, 2.0 * divergence - math.log(4.0))
    assert value(data.draw(ms.vectors(len(n)))) <= best + 1e-12


@pytest.mark.proves("gantut-nonsaturating")
@given(f=logits_of_any_size())
def test_the_generators_two_losses_have_the_derivatives_of_the_figure(f):
    """−(1 − D) against −D: the same sign, equal where D = 1/2."""

    def slopes(loss, f):
        return host(mg.grad(lambda f: loss(f, "sum"))(on(f)))

    nonsaturating, saturating = slopes(nn.nonsaturating_generator_loss, f), slopes(nn.saturating_generator_loss, f)
    each_close(nonsaturating, -scipy.special.expit(-f))
    each_close(saturating, -scipy.special.expit(f))
    losses = host(nn.nonsaturating_generator_loss(on(f), "none"))
    each_close(losses, -scipy.special.log_expit(f))
    assert (nonsaturating <= 0.0).all()
    assert (saturating <= 0.0).all()
    undecided = numpy.zeros(1)
    assert slopes(nn.nonsaturating_generator_loss, undecided) == slopes(nn.saturating_generator_loss, undecided) == -0.5
    sure = numpy.array([-6.0])
    assert slopes(nn.nonsaturating_generator_loss, sure).round(4) == -0.9975
    assert slopes(nn.saturating_generator_loss, sure).round(4) == -0.0025


@pytest.mark.proves("gantut-diy-saturating")
@given(z=ms.arrays((5, 2), -1.0, 1.0), doubt=ms.numbers(4.0, 12.0))
def test_against_a_confident_discriminator_the_saturating_loss_hardly_moves_the_generator(z, doubt):
    weight, noise = on(numpy.array([1.5, -0.5])), on(z)

    def logits(shift):
        return (noise + shift) @ weight - doubt  # of the samples G(z) = z + shift

    def length(loss):
        return numpy.linalg.norm(host(mg.grad(lambda shift: loss(logits(shift)))(on(numpy.zeros(2)))))

    f = host(logits(on(numpy.zeros(2))))
    assert close(nn.saturating_generator_loss(on(f)), scipy.special.log_expit(-f).mean())
    ratio = length(nn.saturating_generator_loss) / length(nn.nonsaturating_generator_loss)
    assert math.exp(f.min()) * (1.0 - 1e-9) <= ratio <= math.exp(f.max()) * (1.0 + 1e-9)  # D/(1 − D) = exp(f)


@pytest.mark.proves("gantut-lsgan-vanishing")
@given(f=ms.numbers(-1e4, -8.0))
def test_least_squares_keep_a_gradient_where_the_logarithm_loses_it(f):
    def slope(loss):
        return float(host(mg.grad(loss)(on([f])))[0])

    assert abs(slope(nn.saturating_generator_loss)) <= math.exp(f) * (1.0 + 1e-15)
    assert close(slope(nn.least_squares_generator_loss), f - 1.0)


@given(counts=counts(), fake_target=ms.numbers(), real_target=ms.numbers(), data=st.data())
def test_the_best_least_squares_discriminator_averages_the_targets(counts, fake_target, real_target, data):
    n, m = counts
    p, q = n / n.sum(), m / m.sum()

    def loss(f):
        real, fake = on(numpy.repeat(f, n)), on(numpy.repeat(f, m))
        parts = nn.least_squares_discriminator_loss(real, fake, real_target=real_target, fake_target=fake_target)
        return float(host(parts))

    best = (real_target * p + fake_target * q) / (p + q)
    least = 0.5 * (p * (best - real_target) ** 2 + q * (best - fake_target) ** 2).sum()
    assert close(loss(best), least, scale=10.0)
    assert loss(data.draw(ms.vectors(len(n)))) >= least - 1e-12


@given(z=ms.vectors())
def test_least_squares_aim_at_1_for_real_and_0_for_generated_samples_unless_told_otherwise(z):
    ones, zeros = on(numpy.ones(z.shape)), on(numpy.zeros(z.shape))
    assert close(nn.least_squares_generator_loss(on(z)), 0.5 * host(nn.squared_error(on(z), ones)))
    of_real, of_fake = nn.least_squares_discriminator_loss(on(z), on(z), "none")
    assert close(of_real, 0.5 * host(nn.squared_error(on(z), ones, "none")))
    assert close(of_fake, 0.5 * host(nn.squared_error(on(z), zeros, "none")))


@given(counts=counts(), c=ms.numbers())
def test_with_targets_one_and_two_apart_least_squares_measure_pearsons_divergence(counts, c):
    """With b − c = 1 and b − a = 2, twice the generator's side at the best discriminator is χ²(p + q ‖ 2q)."""
    n, m = counts
    p, q = n / n.sum(), m / m.sum()
    best = ((c + 1.0) * p + (c - 1.0) * q) / (p + q)

    def generator(repeats):
        return host(nn.least_squares_generator_loss(on(numpy.repeat(best, repeats)), target=c))

    # the divergence of the measures of mass 2: Σ (2q − (p + q))² / (p + q)
    pearson = ((2.0 * q - (p + q)) ** 2 / (p + q)).sum()
    assert close(2.0 * (generator(n) + generator(m)), pearson, scale=10.0)


@given(real=ms.vectors(), fake=ms.vectors())
def test_the_hinge_discriminator_adds_the_hinge_losses_of_both_batches(real, fake):
    of_real = nn.hinge_loss(on(real), on(numpy.ones(real.shape)))
    of_fake = nn.hinge_loss(on(fake), on(-numpy.ones(fake.shape)))
    assert close(nn.hinge_discriminator_loss(on(real), on(fake)), host(of_real) + host(of_fake))


@given(real=ms.vectors(), fake=ms.vectors(), slopes=ms.vectors(3, -1.0, 1.0))
def test_no_1_lipschitz_critic_says_more_than_the_wasserstein_distance(real, fake, slopes):
    def critic(x):  # slopes of its pieces: at most 1
        return (
            slopes[0] * numpy.minimum(x, -1.0) + slopes[1] * numpy.clip(x, -1.0, 1.0) + slopes[2] * numpy.maximum(x, 1)
        )

    distance = scipy.stats.wasserstein_distance(real, fake)
    assert -float(host(nn.wasserstein_critic_loss(on(critic(real)), on(critic(fake))))) <= distance + 1e-12
    moved = real - 2.0
    assert close(
        nn.wasserstein_critic_loss(on(real), on(moved)), -scipy.stats.wasserstein_distance(real, moved), scale=3
    )


@given(fake=ms.vectors())
def test_against_a_hinge_or_a_critic_the_generator_wants_high_scores(fake):
    for loss in (nn.hinge_generator_loss, nn.wasserstein_generator_loss):
        assert close(loss(on(fake)), -fake.mean(), scale=3.0)


# Log-likelihoods


@given(z=ms.arrays((2, 3)))
def test_probabilities_of_all_outcomes_sum_to_1(z):
    classes = [host(nn.categorical_log_likelihood(on(z), on(numpy.array([k, k])))) for k in range(3)]
    assert close(numpy.exp(classes).sum(axis=0), [1.0, 1.0])
    outcomes = [numpy.asarray([x, x]) for x in itertools.product([0, 1], repeat=3)]
    coins = [host(nn.bernoulli_log_likelihood(on(z), on(x))) for x in outcomes]
    assert close(numpy.exp(coins).sum(axis=0), [1.0, 1.0])


@given(z=logits_of_any_size((2, 3)), x=targets((2, 3)))
def test_likelihoods_are_minus_the_cross_entropies(z, x):
    losses = host(nn.binary_cross_entropy_with_logits(on(z), on(x), "none"))
    assert close(nn.bernoulli_log_likelihood(on(z), on(x)), -losses.sum(axis=1))
    labels = on(numpy.array([2, 0]))
    assert close(nn.categorical_log_likelihood(on(z), labels), -host(nn.cross_entropy(on(z), labels, "none")))


@given(data=st.data())
def test_the_gaussian_likelihood_is_the_density(data):
    mean, log_variance, x = (data.draw(ms.arrays((2, 3))) for _ in range(3))
    density = scipy.stats.norm.logpdf(x, mean, numpy.exp(0.5 * log_variance))
    likelihood = nn.gaussian_log_likelihood(on(mean), on(log_variance), on(x))
    assert close(likelihood, density.sum(axis=1), condition=10.0)
    one_variance = nn.gaussian_log_likelihood(on(mean), 0.5, on(x))
    assert close(one_variance, scipy.stats.norm.logpdf(x, mean, math.exp(0.25)).sum(axis=1), condition=10.0)


@given(data=st.data())
def test_a_sample_lies_along_the_axes_that_are_named(data):
    images = data.draw(ms.arrays((2, 1, 2, 3))), data.draw(ms.arrays((2, 1, 2, 3), 0.0, 1.0))
    flat = [x.reshape(2, 6) for x in images]
    for f in (
        nn.bernoulli_log_likelihood,
        lambda mean, x, **axis: nn.gaussian_log_likelihood(mean, mean, x, **axis),
        nn.gaussian_kl,
    ):
        by_sample = f(*map(on, images), axis=(1, 2, 3))
        assert close(by_sample, host(f(*map(on, flat))), scale=300.0)
        assert close(f(*map(on, images), axis=None), host(by_sample).sum(), scale=300.0)
        assert f(*map(on, images)).shape == (2, 1, 2)


# Divergences


@given(data=st.data())
def test_the_divergence_of_gaussians_is_not_negative_and_0_only_if_they_are_equal(data):
    mean, log_variance, other_mean, other_log_variance = (data.draw(ms.vectors(2, -2.0, 2.0)) for _ in range(4))
    divergence = float(host(nn.gaussian_kl(*map(on, (mean, log_variance, other_mean, other_log_variance)))))
    gap = max(abs(mean - other_mean).max(), abs(log_variance - other_log_variance).max())
    assert divergence >= 1e-5 if gap else divergence == 0.0
    assert float(host(nn.gaussian_kl(on(mean), on(log_variance), on(mean), on(log_variance)))) == 0.0


@given(mean=ms.numbers(), log_variance=ms.numbers(), other_mean=ms.numbers(), other_log_variance=ms.numbers(-1.0))
def test_the_divergence_of_two_gaussians_on_the_line_is_the_integral(
    mean, log_variance, other_mean, other_log_variance
):
    p = scipy.stats.norm(mean, math.exp(0.5 * log_variance))
    q = scipy.stats.norm(other_mean, math.exp(0.5 * other_log_variance))
    ends = mean - 12.0 * p.std(), mean + 12.0 * p.std()
    integral, _ = scipy.integrate.quad(lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), *ends, epsabs=1e-12, limit=200)
    divergence = nn.gaussian_kl(*(on([x]) for x in (mean, log_variance, other_mean, other_log_variance)))
    assert abs(float(host(divergence)) - integral) <= 1e-8 * (1.0 + integral)


@given(data=st.data())
def test_the_divergence_is_the_expected_ratio_of_the_likelihoods(data):
    """The ratio is quadratic in x, so Gauss's rule with two nodes for each axis is exact."""
    mean, log_variance, other_mean, other_log_variance = (data.draw(ms.vectors(2, -2.0, 2.0)) for _ in range(4))
    nodes, weights = numpy.polynomial.hermite_e.hermegauss(2)
    expected = 0.0
    for i, j in itertools.product(range(2), repeat=2):
        x = on(mean + numpy.exp(0.5 * log_variance) * nodes[[i, j]])
        p = nn.gaussian_log_likelihood(on(mean), on(log_variance), x)
        q = nn.gaussian_log_likelihood(on(other_mean), on(other_log_variance), x)
        expected += weights[i] * weights[j] / (2.0 * math.pi) * (host(p) - host(q))
    divergence = nn.gaussian_kl(*map(on, (mean, log_variance, other_mean, other_log_variance)))
    assert close(divergence, expected, scale=100.0)


@given(mean=ms.vectors(3), log_variance=ms.vectors(3))
def test_the_other_gaussian_is_the_standard_one_unless_it_is_given(mean, log_variance):
    zeros = on(numpy.zeros(3))
    expected = host(nn.gaussian_kl(on(mean), on(log_variance), zeros, zeros))
    assert close(nn.gaussian_kl(on(mean), on(log_variance)), expected)


@given(data=st.data())
def test_with_diagonal_covariances_both_divergences_are_one(data):
    parts = [data.draw(ms.arrays((2, 3), -2.0, 2.0)) for _ in range(4)]
    means, covariances = parts[::2], [numpy.exp(x)[..., None] * numpy.eye(3) for x in parts[1::2]]
    full = nn.multivariate_gaussian_kl(on(means[0]), on(covariances[0]), on(means[1]), on(covariances[1]))
    assert close(full, host(nn.gaussian_kl(*map(on, parts))), condition=100.0)


@given(a=ms.positive_definite(3), b=ms.positive_definite(3), c=ms.invertible(3), m=ms.vectors(3), k=ms.vectors(3))
def test_the_divergence_does_not_depend_on_the_coordinates(a, b, c, m, k):
    divergence = host(nn.multivariate_gaussian_kl(on(m), on(a), on(k), on(b)))
    inverse = numpy.linalg.inv(b)
    trace, distance = numpy.trace(inverse @ a), (m - k) @ inverse @ (m - k)
    expected = 0.5 * (trace - 3 + distance + numpy.linalg.slogdet(b)[1] - numpy.linalg.slogdet(a)[1])
    assert close(divergence, expected, scale=float(trace + distance), condition=10.0)
    moved = [c @ m, c @ a @ c.T, c @ k, c @ b @ c.T]
    moved[1::2] = [0.5 * (x + x.T) for x in moved[1::2]]
    after = host(nn.multivariate_gaussian_kl(*map(on, moved)))
    assert close(after, divergence, scale=float(trace + distance), condition=1e4)


@given(
    a=ms.positive_definite(2),
    b=ms.positive_definite(2),
    m=ms.vectors(2),
    k=ms.vectors(2),
    x=targets((2,), margin=0.125),
)
def test_likelihoods_and_divergences_can_be_differentiated_in_everything(a, b, m, k, x):
    check_grads(nn.gaussian_kl, m, k, x, m * 0.5)
    check_grads(nn.gaussian_log_likelihood, m, k, x)
    check_grads(nn.bernoulli_log_likelihood, m, x)
    check_grads(lambda z: nn.categorical_log_likelihood(z, on(numpy.array([1, 0]))), a)
    check_grads(symmetrised(nn.multivariate_gaussian_kl), m, a, k + 8.0, b)


def symmetrised(f):
    """Let f see the symmetric part, so that differences stay among the symmetric matrices."""
    return lambda m, a, k, b: f(m, 0.5 * (a + np.transpose(a)), k, 0.5 * (b + np.transpose(b)))


def test_the_dtype_is_that_of_the_first_argument():
    single, double = on(numpy.ones((1, 2), "float32")), on(numpy.ones((1, 2)))
    identity = on(numpy.eye(2)[None])
    for value in (
        nn.gaussian_kl(single, double, double, double),
        nn.multivariate_gaussian_kl(single, identity, double, identity),
        nn.gaussian_log_likelihood(single, 0.5, double),
        nn.bernoulli_log_likelihood(single, double),
        nn.categorical_log_likelihood(2.0 * single, on(numpy.array([1]))),
    ):
        assert value.dtype == "float32"
        assert value.shape == (1,)


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_likelihoods_of_extreme_logits_are_finite_with_their_derivatives(size):
    z = on(numpy.array([[size, -size], [0.0, size]], "float32"))
    coins, labels = on(numpy.array([[0, 1], [1, 1]])), on(numpy.array([0, 1]))
    for f in (
        lambda z: np.sum(nn.bernoulli_log_likelihood(z, coins)),
        lambda z: np.sum(nn.categorical_log_likelihood(z, labels)),
    ):
        value, gradient = mg.value_and_grad(f)(z)
        for x in (value, gradient, mg.hvp(f, z, on(numpy.ones((2, 2), "float32")))):
            assert x.dtype == "float32"
            assert numpy.isfinite(host(x)).all()


def test_a_nan_is_seen_by_likelihoods_and_divergences():
    z = on(numpy.array([[1.0, math.nan]]))
    fine = on(numpy.array([[0.5, 0.5]]))
    for value in (
        nn.bernoulli_log_likelihood(z, fine),
        nn.categorical_log_likelihood(z, on(numpy.array([0]))),
        nn.gaussian_log_likelihood(z, fine, fine),
        nn.gaussian_log_likelihood(fine, fine, z),
        nn.gaussian_kl(z, fine),
        nn.gaussian_kl(fine, z),
    ):
        assert numpy.isnan(host(value)).all()


# Probabilities where logits belong


def mistakes(p):
    """List every loss that takes logits, given p of shape (4, 1) or (4, 3)."""
    column = p if p.shape[1] == 1 else p[:, :1]
    coins, signs = on(TARGETS[:, None]), on(SIGNS[:, None])
    return {
        "cross_entropy": lambda: nn.cross_entropy(p, on(0 * TARGETS)),
        "categorical_log_likelihood": lambda: nn.categorical_log_likelihood(p, on(0 * TARGETS)),
        "binary_cross_entropy_with_logits": lambda: nn.binary_cross_entropy_with_logits(column, coins),
        "bernoulli_log_likelihood": lambda: nn.bernoulli_log_likelihood(column, coins),
        "hinge_loss": lambda: nn.hinge_loss(column, signs),
        "logistic_loss": lambda: nn.logistic_loss(column, signs),
        "gan_discriminator_loss": lambda: nn.gan_discriminator_loss(0.0 * column, column),
        "hinge_discriminator_loss": lambda: nn.hinge_discriminator_loss(column, 0.0 * column),
        "wasserstein_critic_loss": lambda: nn.wasserstein_critic_loss(0.0 * column, column),
        "saturating_generator_loss": lambda: nn.saturating_generator_loss(column),
        "nonsaturating_generator_loss": lambda: nn.nonsaturating_generator_loss(column),
        "hinge_generator_loss": lambda: nn.hinge_generator_loss(column),
        "wasserstein_generator_loss": lambda: nn.wasserstein_generator_loss(column),
    }


@pytest.mark.parametrize("name", sorted(mistakes(numpy.zeros((4, 1)))))
def test_the_output_of_a_softmax_or_a_sigmoid_is_warned_of(name):
    scores = mg.tensor(numpy.arange(12.0).reshape(4, 3), requires_grad=True)
    sigmoid, softmax = np.sigmoid(scores[:, :1]), np.softmax(scores, axis=1)
    for p, maker in ((sigmoid, "sigmoid"), (softmax, "softmax")):
        message = f"{name} was given probabilities, the output of a {maker}.*the logits.*leave the {maker} out"
        with pytest.warns(nn.ProbabilitiesWarning, match=message) as caught:
            mistakes(p)[name]()
        assert [warning.filename for warning in caught] == [__file__]


def test_the_warning_comes_inside_of_transforms_and_after_the_values_were_moved():
    logits = on(numpy.array([[0.5], [-2.0]]))
    for move in (
        lambda p: p.reshape(2),
        lambda p: p[:, 0],
        lambda p: np.clip(p, 1e-6, 1.0 - 1e-6).T.astype("float32")[0],
    ):
        with pytest.warns(nn.ProbabilitiesWarning, match="sigmoid"):
            mg.grad(lambda z, move=move: nn.logistic_loss(move(np.sigmoid(z)), on([1, -1])))(logits)
        with pytest.warns(nn.ProbabilitiesWarning, match="sigmoid"):
            mg.jvp(lambda z, move=move: nn.logistic_loss(move(np.sigmoid(z)), on([1, -1])), (logits,), (logits,))


@given(z=ms.arrays((2, 3)))
def test_rows_of_a_plain_array_that_look_like_a_softmax_are_warned_of(z):
    labels = on(numpy.array([0, 2]))
    with pytest.warns(nn.ProbabilitiesWarning, match="softmax") as caught:
        nn.cross_entropy(np.softmax(on(z)), labels)
    assert caught[0].filename == __file__
    scores = mg.tensor(z.astype("float32"), requires_grad=True)
    with mg.no_grad(), pytest.warns(nn.ProbabilitiesWarning, match="softmax"):
        nn.categorical_log_likelihood(np.softmax(scores), labels)


def test_what_only_resembles_probabilities_gives_no_warning():
    z = mg.tensor(numpy.array([[0.25, 0.75], [0.5, 0.5]]), requires_grad=True)
    labels = on(numpy.array([0, 1]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nn.cross_entropy(z, labels)  # a leaf, whose values no softmax has made
        nn.cross_entropy(np.log_softmax(z), labels)
        nn.cross_entropy(np.log_softmax(z).data, labels)
        nn.cross_entropy(2.0 * np.softmax(z), labels)
        nn.cross_entropy(on(numpy.array([[0.25, 0.75], [0.5, 0.6]])), labels)
        nn.cross_entropy(on(numpy.array([[-0.25, 1.25], [0.5, 0.5]])), labels)
        nn.cross_entropy(on(numpy.ones((2, 1))), on(numpy.array([0, 0])))
        nn.cross_entropy(on(numpy.zeros((0, 2))), on(numpy.zeros(0, int)), "sum")
        nn.binary_cross_entropy_with_logits(on(numpy.array([[0.25, 0.75]])), labels[None])
        nn.least_squares_generator_loss(np.sigmoid(z))  # scores between 0 and 1 are usual there
        nn.least_squares_discriminator_loss(np.sigmoid(z), np.sigmoid(z))


def test_a_graph_that_was_freed_does_not_tell_and_does_not_fail():
    z = mg.tensor(numpy.zeros((2, 1)), requires_grad=True)
    p = np.sigmoid(z).reshape(2)
    p.sum().backward()
    assert close(nn.nonsaturating_generator_loss(p), math.log1p(math.exp(-0.5)))


# What they refuse


def test_shapes_that_numpy_would_broadcast_are_refused():
    column, row = on(numpy.zeros((4, 1))), on(numpy.ones(4))
    for f in (
        nn.binary_cross_entropy_with_logits,
        nn.hinge_loss,
        nn.logistic_loss,
        nn.squared_error,
        nn.bernoulli_log_likelihood,
        nn.gaussian_kl,
    ):
        with pytest.raises(
            mg.ShapeError, match=rf"{f.__name__} .*one shape for both; got \(4, 1\) and \(4,\).*x\.reshape\(\(4, 1\)\)"
        ):
            f(column, row)
        with pytest.raises(mg.ShapeError, match=r"got \(4,\) and \(4, 1\).*x\.reshape\(\(4,\)\)"):
            f(row, column)
        with pytest.raises(mg.ShapeError, match=r"got \(4,\) and \(1,\)\.$"):
            f(row, row[:1])
        with pytest.raises(mg.ShapeError, match=r"got \(4,\) and \(\)\.$"):
            f(row, 1.0)
    for arguments in ((row, row, column), (row, column, row)):
        with pytest.raises(mg.ShapeError, match=r"gaussian_log_likelihood .*got \(4,\) and \(4, 1\)"):
            nn.gaussian_log_likelihood(*arguments)
    for arguments in ((row, row, column), (row, row, 0.0, column)):
        with pytest.raises(mg.ShapeError, match=r"gaussian_kl .*one shape for both, or a number; got \(4,\)"):
            nn.gaussian_kl(*arguments)


def test_classes_that_do_not_exist_are_refused():
    logits = on(numpy.zeros((2, 3)))
    for name in ("cross_entropy", "categorical_log_likelihood"):
        f = getattr(nn, name)
        for labels in ([0, 3], [-1, 0]):
            with pytest.raises(
                ValueError, match=f"0 to 2 for 3 classes; got values from {min(labels)} to {max(labels)}"
            ):
                host(f(logits, on(numpy.array(labels))))
        with pytest.raises(ValueError, match=f"{name} needs whole numbers as labels; got float64"):
            f(logits, on(numpy.array([0.0, 1.0])))
        with pytest.raises(ValueError, match=f"{name} needs whole numbers as labels; got bool"):
            f(logits, on(numpy.array([False, True])))
        for shape in ((2, 1), (2, 3), (3,), ()):
            with pytest.raises(mg.ShapeError, match=rf"{name} needs logits of shape \(n, classes\).*got \(2, 3\) and"):
                f(logits, on(numpy.zeros(shape, int)))
        with pytest.raises(mg.ShapeError, match=r"got \(0, 0\) and \(0,\)"):
            f(on(numpy.zeros((0, 0))), on(numpy.zeros(0, int)))


@given(
    t=ms.numbers(1.0, 3.0, avoid=(1.0,)),
    name=st.sampled_from(["binary_cross_entropy_with_logits", "bernoulli_log_likelihood"]),
)
def test_targets_out_of_range_are_refused_with_their_range(t, name):
    f, z = getattr(nn, name), on(numpy.zeros(2))
    with pytest.raises(ValueError, match=f"{name} needs targets from 0 to 1.*got values from 0.5 to {t}"):
        host(f(z, on(numpy.array([t, 0.5]))))
    with pytest.raises(ValueError, match=f"got values from {-t} to 0.5"):
        host(f(z, on(numpy.array([0.5, -t]))))
    with pytest.raises(ValueError, match="got values from nan to nan"):
        host(f(z, on(numpy.array([0.5, math.nan]))))


def test_a_target_that_is_hardly_out_of_range_is_shown_with_all_its_digits():
    with pytest.raises(ValueError, match=r"(?m)got values from 0\.0 to 1\.000000001$"):
        host(nn.binary_cross_entropy_with_logits(on(numpy.zeros(2)), on(numpy.array([0.0, 1.0 + 1e-9]))))


@pytest.mark.parametrize("loss", [nn.hinge_loss, nn.logistic_loss])
def test_labels_other_than_signs_are_refused(loss):
    z = on(numpy.zeros(2))
    for labels, wrong in (([0, 1], "0"), ([True, False], "0"), ([1.0, -0.5], "-0.5"), ([1.0, math.nan], "nan")):
        with pytest.raises(
            ValueError, match=f"{loss.__name__} needs labels -1 and .1; got {wrong} among them.*2.0 . labels"
        ):
            host(loss(z, on(numpy.array(labels))))


def test_targets_of_least_squares_that_are_no_numbers_are_refused():
    z = on(numpy.zeros(2))
    with pytest.raises(ValueError, match="least_squares_generator_loss needs a finite number as target; got nan"):
        nn.least_squares_generator_loss(z, target=math.nan)
    for name in ("real_target", "fake_target"):
        with pytest.raises(ValueError, match=f"least_squares_discriminator_loss needs .* as {name}; got inf"):
            nn.least_squares_discriminator_loss(z, z, **{name: math.inf})


@every_loss
def test_what_is_no_number_is_refused(name):
    loss = OF_TWO_BATCHES.get(name) or getattr(nn, name)
    with pytest.raises(TypeError, match="real numbers"):
        loss([[1j, 2.0]], [1.0, 2.0])


def test_a_batch_without_gaussians_has_no_divergences():
    means, covariances = on(numpy.zeros((0, 2))), on(numpy.zeros((0, 2, 2)))
    assert nn.multivariate_gaussian_kl(means, covariances, means, covariances).shape == (0,)


def test_covariances_that_are_none_are_refused(each_backend):
    mean, identity = on(numpy.zeros(2)), on(numpy.eye(2))
    factor = on(numpy.array([[1.0, 0.0], [0.5, 1.0]]))
    for covariances in ((factor, identity), (identity, factor)):
        with pytest.raises(ValueError, match=r"symmetric covariance.*L @ L\.T"):
            host(nn.multivariate_gaussian_kl(mean, covariances[0], mean, covariances[1]))
    means, beside_a_large_one = on(numpy.zeros((2, 2))), on(numpy.stack([host(factor), 1e9 * numpy.eye(2)]))
    with pytest.raises(ValueError, match="symmetric covariance"):
        host(nn.multivariate_gaussian_kl(means, beside_a_large_one, means, beside_a_large_one))
    for wrong in (on(numpy.ones(2)), on(numpy.eye(3)), on(numpy.ones((2, 2, 2)))):
        with pytest.raises(mg.ShapeError, match=r"a mean of shape \(\.\.\., k\) .* got \(2,\) and"):
            nn.multivariate_gaussian_kl(mean, wrong, mean, identity)
    small_beside_large = on(numpy.stack([1e-9 * host(factor), numpy.eye(2)]))
    with pytest.raises(ValueError, match="symmetric covariance"):
        host(nn.multivariate_gaussian_kl(means, small_beside_large, means, small_beside_large))
    with pytest.raises(mg.ShapeError, match=r"got \(\) and \(\)"):
        nn.multivariate_gaussian_kl(1.0, 1.0, 1.0, 1.0)
    with pytest.raises(mg.ShapeError, match=r"got \(0,\) and \(0, 0\)"):
        nn.multivariate_gaussian_kl(mean[:0], identity[:0, :0], mean[:0], identity[:0, :0])
    with pytest.raises(mg.ShapeError, match=r"got \(2,\) and \(3,\)"):
        nn.multivariate_gaussian_kl(mean, identity, on(numpy.zeros(3)), identity)
    with pytest.raises(numpy.linalg.LinAlgError):
        nn.multivariate_gaussian_kl(mean, -identity, mean, identity)
