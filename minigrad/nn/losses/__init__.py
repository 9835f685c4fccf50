"""Losses, computed from logits and scores, so that they stay finite however large those are.

1. `classification` and `margin`: of many classes, of two, and of labels −1 and +1.
2. `regression`: the squared error.
3. `gan`: what a discriminator and a generator minimise.
4. `likelihoods` and `divergences`: what a variational autoencoder is made of.
5. `checks`: what all of them refuse or warn of.

Where there is a ``reduction``, it says how many losses become one: "mean", "sum", or "none" to keep them all.
"""

from minigrad.nn.losses.checks import ProbabilitiesWarning
from minigrad.nn.losses.classification import binary_cross_entropy_with_logits, cross_entropy
from minigrad.nn.losses.divergences import gaussian_kl, multivariate_gaussian_kl
from minigrad.nn.losses.gan import (
    gan_discriminator_loss,
    hinge_discriminator_loss,
    hinge_generator_loss,
    least_squares_discriminator_loss,
    least_squares_generator_loss,
    nonsaturating_generator_loss,
    saturating_generator_loss,
    wasserstein_critic_loss,
    wasserstein_generator_loss,
)
from minigrad.nn.losses.likelihoods import (
    bernoulli_log_likelihood,
    categorical_log_likelihood,
    gaussian_log_likelihood,
)
from minigrad.nn.losses.margin import hinge_loss, logistic_loss
from minigrad.nn.losses.regression import squared_error

__all__ = [
    "ProbabilitiesWarning",
    "bernoulli_log_likelihood",
    "binary_cross_entropy_with_logits",
    "categorical_log_likelihood",
    "cross_entropy",
    "gan_discriminator_loss",
    "gaussian_kl",
    "gaussian_log_likelihood",
    "hinge_discriminator_loss",
    "hinge_generator_loss",
    "hinge_loss",
    "least_squares_discriminator_loss",
    "least_squares_generator_loss",
    "logistic_loss",
    "multivariate_gaussian_kl",
    "nonsaturating_generator_loss",
    "saturating_generator_loss",
    "squared_error",
    "wasserstein_critic_loss",
    "wasserstein_generator_loss",
]
