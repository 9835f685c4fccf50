"""What a discriminator and a generator minimise, from the discriminator's scores of real and of generated samples.

``real`` and ``fake`` hold one score f per sample, of any shape; the two batches may have different sizes, and each is
averaged on its own. In the first family the scores are logits, and D = σ(f) is the probability that a sample is real.

A discriminator's loss has a part for each of the two batches. With ``reduction="none"`` it is the pair of both parts.
"""

from __future__ import annotations

from typing import Any

import minigrad.numpy as np
from minigrad.nn.checks import check_finite
from minigrad.nn.losses.checks import as_scores, real_numbers, reduced


def gan_discriminator_loss(real: Any, fake: Any, reduction: str = "mean") -> Any:
    """Give −E log D(x) − E log(1 − D(G(z))) = E softplus(−f(x)) + E softplus(f(G(z))), minus the value of the game.

    It is the sum of two binary cross-entropies, with target 1 for real samples and 0 for generated ones.

    Parameters
    ----------
    real, fake : array or Tensor
        The discriminator's logits for real and for generated samples.
    reduction : {"mean", "sum", "none"}
        How the losses of each batch become one, or that they stay, as a pair of arrays.

    Raises
    ------
    ValueError
        If the reduction is unknown, or a batch is empty.

    Warns
    -----
    ProbabilitiesWarning
        If a derivative flows through the logits, and a sigmoid has made them.

    References
    ----------
    I. Goodfellow et al., Generative adversarial nets, 2014.
    Ledger: opt19-gan-value, disc-gan-fixed-sides.

    Examples
    --------
    >>> import numpy
    >>> float(gan_discriminator_loss(numpy.zeros(3), numpy.zeros(5)))  # log 4: it cannot tell them apart
    1.3862943611198906
    """
    real, fake = as_scores("gan_discriminator_loss", real), as_scores("gan_discriminator_loss", fake)
    return both(np.softplus(-real), np.softplus(fake), reduction)


def saturating_generator_loss(fake: Any, reduction: str = "mean") -> Any:
    """Give E log(1 − D(G(z))) = −E softplus(f(G(z))), the generator's side of the game.

    Its derivative −D in the logit vanishes where the discriminator is sure that a sample is generated.

    Parameters
    ----------
    fake : array or Tensor
        The discriminator's logits for generated samples.
    reduction : {"mean", "sum", "none"}
        How the losses become one, or that they stay.

    Raises
    ------
    ValueError
        If the reduction is unknown, or the batch is empty.

    Warns
    -----
    ProbabilitiesWarning
        If a derivative flows through the logits, and a sigmoid has made them.

    References
    ----------
    I. Goodfellow et al., Generative adversarial nets, 2014.
    Ledger: gantut-diy-saturating.

    Examples
    --------
    >>> import minigrad as mg
    >>> import numpy
    >>> float(mg.grad(saturating_generator_loss)(numpy.array([-6.0]))[0].round(4))
    -0.0025
    """
    return reduced(-np.softplus(as_scores("saturating_generator_loss", fake)), reduction)


def nonsaturating_generator_loss(fake: Any, reduction: str = "mean") -> Any:
    """Give −E log D(G(z)) = E softplus(−f(G(z))), which a generator minimises in practice.

    Its derivative −(1 − D) in the logit is largest where the discriminator is sure that a sample is generated.

    Parameters
    ----------
    fake : array or Tensor
        The discriminator's logits for generated samples.
    reduction : {"mean", "sum", "none"}
        How the losses become one, or that they stay.

    Raises
    ------
    ValueError
        If the reduction is unknown, or the batch is empty.

    Warns
    -----
    ProbabilitiesWarning
        If a derivative flows through the logits, and a sigmoid has made them.

    References
    ----------
    I. Goodfellow et al., Generative adversarial nets, 2014.
    Ledger: gantut-nonsaturating, disc-gan-fixed-sides.

    Examples
    --------
    >>> import minigrad as mg
    >>> import numpy
    >>> float(mg.grad(nonsaturating_generator_loss)(numpy.array([-6.0]))[0].round(4))
    -0.9975
    """
    return reduced(np.softplus(-as_scores("nonsaturating_generator_loss", fake)), reduction)


def least_squares_discriminator_loss(
    real: Any, fake: Any, reduction: str = "mean", *, real_target: float = 1.0, fake_target: float = 0.0
) -> Any:
    """Give ½ E (f(x) − b)² + ½ E (f(G(z)) − a)², for the targets b of real and a of generated samples.

    Parameters
    ----------
    real, fake : array or Tensor
        The discriminator's scores for real and for generated samples.
    reduction : {"mean", "sum", "none"}
        How the losses of each batch become one, or that they stay, as a pair of arrays.
    real_target, fake_target : float
        b and a.

    Raises
    ------
    ValueError
        If the reduction is unknown, a batch is empty, or a target is not a finite number.

    References
    ----------
    X. Mao et al., Least squares generative adversarial networks, 2017.

    Examples
    --------
    >>> import numpy
    >>> float(least_squares_discriminator_loss(numpy.array([0.5]), numpy.array([0.5])))
    0.25
    """
    real = real_numbers("least_squares_discriminator_loss", real)
    fake = real_numbers("least_squares_discriminator_loss", fake)
    real_target = check_finite("least_squares_discriminator_loss", "real_target", real_target)
    fake_target = check_finite("least_squares_discriminator_loss", "fake_target", fake_target)
    return both(0.5 * np.square(real - real_target), 0.5 * np.square(fake - fake_target), reduction)


def least_squares_generator_loss(fake: Any, reduction: str = "mean", *, target: float = 1.0) -> Any:
    """Give ½ E (f(G(z)) − c)², for the score c that the generator wants its samples to get.

    Its derivative grows with the distance from c, so samples that are far off are pulled the most.

    Parameters
    ----------
    fake : array or Tensor
        The discriminator's scores for generated samples.
    reduction : {"mean", "sum", "none"}
        How the losses become one, or that they stay.
    target : float
        c.

    Raises
    ------
    ValueError
        If the reduction is unknown, the batch is empty, or the target is not a finite number.

    References
    ----------
    X. Mao et al., Least squares generative adversarial networks, 2017.
    Ledger: gantut-lsgan-vanishing.

    Examples
    --------
    >>> import numpy
    >>> float(least_squares_generator_loss(numpy.array([0.0, 2.0])))
    0.5
    """
    fake = real_numbers("least_squares_generator_loss", fake)
    target = check_finite("least_squares_generator_loss", "target", target)
    return reduced(0.5 * np.square(fake - target), reduction)


def hinge_discriminator_loss(real: Any, fake: Any, reduction: str = "mean") -> Any:
    """Give E max(0, 1 − f(x)) + E max(0, 1 + f(G(z))): the hinge losses with label +1 for real samples.

    Parameters
    ----------
    real, fake : array or Tensor
        The discriminator's scores for real and for generated samples.
    reduction : {"mean", "sum", "none"}
        How the losses of each batch become one, or that they stay, as a pair of arrays.

    Raises
    ------
    ValueError
        If the reduction is unknown, or a batch is empty.

    Warns
    -----
    ProbabilitiesWarning
        If a derivative flows through the scores, and a sigmoid has made them.

    References
    ----------
    J. H. Lim and J. C. Ye, Geometric GAN, 2017.

    Examples
    --------
    >>> import numpy
    >>> float(hinge_discriminator_loss(numpy.array([2.0, 0.0]), numpy.array([-0.5])))
    1.0
    """
    real, fake = as_scores("hinge_discriminator_loss", real), as_scores("hinge_discriminator_loss", fake)
    return both(np.relu(1.0 - real), np.relu(1.0 + fake), reduction)


def hinge_generator_loss(fake: Any, reduction: str = "mean") -> Any:
    """Give −E f(G(z)), which is also the loss of a generator against a Wasserstein critic.

    Parameters
    ----------
    fake : array or Tensor
        The discriminator's scores for generated samples.
    reduction : {"mean", "sum", "none"}
        How the losses become one, or that they stay.

    Raises
    ------
    ValueError
        If the reduction is unknown, or the batch is empty.

    Warns
    -----
    ProbabilitiesWarning
        If a derivative flows through the scores, and a sigmoid has made them.

    References
    ----------
    J. H. Lim and J. C. Ye, Geometric GAN, 2017.

    Examples
    --------
    >>> import numpy
    >>> float(hinge_generator_loss(numpy.array([1.0, 3.0])))
    -2.0
    """
    return reduced(-as_scores("hinge_generator_loss", fake), reduction)


def wasserstein_critic_loss(real: Any, fake: Any, reduction: str = "mean") -> Any:
    """Give E f(G(z)) − E f(x); for the best 1-Lipschitz critic f it is minus the Wasserstein-1 distance.

    Parameters
    ----------
    real, fake : array or Tensor
        The critic's scores for real and for generated samples.
    reduction : {"mean", "sum", "none"}
        How the losses of each batch become one, or that they stay, as a pair of arrays.

    Raises
    ------
    ValueError
        If the reduction is unknown, or a batch is empty.

    Warns
    -----
    ProbabilitiesWarning
        If a derivative flows through the scores, and a sigmoid has made them.

    References
    ----------
    M. Arjovsky, S. Chintala and L. Bottou, Wasserstein generative adversarial networks, 2017.

    Examples
    --------
    >>> import numpy
    >>> float(wasserstein_critic_loss(numpy.array([3.0, 5.0]), numpy.array([1.0])))
    -3.0
    """
    real, fake = as_scores("wasserstein_critic_loss", real), as_scores("wasserstein_critic_loss", fake)
    return both(-real, fake, reduction)


def wasserstein_generator_loss(fake: Any, reduction: str = "mean") -> Any:
    """Give −E f(G(z)): what moves generated samples to where the critic's scores are higher.

    Parameters
    ----------
    fake : array or Tensor
        The critic's scores for generated samples.
    reduction : {"mean", "sum", "none"}
        How the losses become one, or that they stay.

    Raises
    ------
    ValueError
        If the reduction is unknown, or the batch is empty.

    Warns
    -----
    ProbabilitiesWarning
        If a derivative flows through the scores, and a sigmoid has made them.

    References
    ----------
    M. Arjovsky, S. Chintala and L. Bottou, Wasserstein generative adversarial networks, 2017.

    Examples
    --------
    >>> import numpy
    >>> float(wasserstein_generator_loss(numpy.array([1.0, 3.0])))
    -2.0
    """
    return reduced(-as_scores("wasserstein_generator_loss", fake), reduction)


def both(of_real: Any, of_fake: Any, reduction: str) -> Any:
    """Reduce the losses of both batches, each on its own, and add them; without a reduction give the pair.

    Examples
    --------
    >>> import numpy
    >>> float(both(numpy.array([1.0, 3.0]), numpy.array([5.0]), "mean"))
    7.0
    """
    if reduction == "none":
        return of_real, of_fake
    return reduced(of_real, reduction) + reduced(of_fake, reduction)
