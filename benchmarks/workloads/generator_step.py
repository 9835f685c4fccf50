"""One training step of a small DCGAN's generator, through a discriminator that stays as it is.

From 64 vectors of 64 numbers, transposed convolutions 64-128-64-32-3 with batch norm, ReLU and tanh make images of 32
by 32 pixels, and the discriminator of `discriminator_step` gives their logits; float32. The step takes the
non-saturating loss, its backward pass to the generator's parameters, and a step of gradient descent. It returns the
loss and the gradients before the update. MyGrad has no transposed convolution.
"""

from functools import partial

import numpy

from benchmarks import Contender, dcgan, devices

BATCH = 64
RATE = 0.01
UNIT = ("step", 1)
TOLERANCE = 1e-3  # the order in which sums are taken shows after batch norm
MEMORY = True


def problem(seed):
    """Draw latent vectors, and the parameters of both networks."""
    rng = numpy.random.default_rng(seed)
    return {
        "latent": rng.standard_normal((BATCH, dcgan.LATENT, 1, 1)).astype("float32"),
        "parameters": dcgan.generator_parameters(rng),
        "of_discriminator": dcgan.discriminator_parameters(rng),
    }


def by_hand(latent, parameters, of_discriminator):
    """Be as tight as NumPy allows."""
    generator = dcgan.Generator(BATCH, parameters)
    critic = dcgan.Discriminator(BATCH, of_discriminator, to_parameters=False)
    latent = latent[:, :, 0, 0]
    changes = [numpy.empty_like(theta) for theta in generator.parameters]
    shown = generator.shown()

    def step():
        numpy.copyto(critic.images, generator.forward(latent))
        logits = critic.forward()
        loss = dcgan.softplus(-logits).mean()
        generator.pull(critic.pull(-dcgan.sigmoid(-logits) / BATCH), latent)
        for theta, gradient, change in zip(generator.parameters, generator.gradients, changes, strict=True):
            numpy.multiply(gradient, RATE, out=change)
            numpy.subtract(theta, change, out=theta)
        return loss, *shown

    return step


def products_alone(latent, parameters, of_discriminator):
    """Do the matrix products and nothing else: a floor that no library can get under."""
    generator = dcgan.Generator(BATCH, parameters)
    critic = dcgan.Discriminator(BATCH, of_discriminator, to_parameters=False)
    layers = list(zip(generator.layers, generator.gradients[3::3], strict=True))
    for layer in generator.layers:
        layer.maps.fill(1.0)
    for layer in critic.layers:
        layer.columns.fill(1.0)
    d_columns = [numpy.empty_like(layer.columns) for layer in critic.layers]

    def step():
        for layer, d_matrix in layers:
            numpy.matmul(layer.maps, layer.matrix.T, out=layer.columns)
            numpy.matmul(layer.columns.T, layer.maps, out=d_matrix)
            numpy.matmul(layer.columns, layer.matrix, out=layer.d_maps)
        for layer, d in zip(critic.layers, d_columns, strict=True):
            numpy.matmul(layer.columns, layer.matrix, out=layer.out)
            numpy.matmul(layer.out, layer.matrix.T, out=d)

    return step


def minigrad_nn(latent, parameters, of_discriminator):
    """Layers, a loss and an optimizer."""
    from minigrad import nn, optim

    latent = devices.on_backend(latent)
    generator, critic = dcgan.generator_in(nn), dcgan.discriminator_in(nn)
    learned, fixed = list(generator.parameters()), list(critic.parameters())
    for parameter, value in zip(learned + fixed, parameters + of_discriminator, strict=True):
        parameter.data[...] = devices.on_backend(value)
    for parameter in fixed:
        parameter.requires_grad = False
    optimizer = optim.SGD(learned, RATE)

    def step():
        optimizer.zero_grad()
        loss = nn.nonsaturating_generator_loss(critic(generator(latent)))
        loss.backward()
        optimizer.step()
        return loss.item(), *(parameter.grad for parameter in learned)

    return step


def pytorch(latent, parameters, of_discriminator):
    """Layers, a loss and an optimizer."""
    import torch
    from torch.nn.functional import softplus

    latent = devices.on_torch(latent)
    networks = dcgan.generator_in(torch.nn), dcgan.discriminator_in(torch.nn)
    generator, critic = (network.to(devices.torch_device()) for network in networks)
    learned, fixed = list(generator.parameters()), list(critic.parameters())
    for parameter, value in zip(learned + fixed, parameters + of_discriminator, strict=True):
        parameter.data[...] = devices.on_torch(value)
    for parameter in fixed:
        parameter.requires_grad = False
    optimizer = torch.optim.SGD(learned, RATE)

    def step():
        optimizer.zero_grad()
        loss = softplus(-critic(generator(latent))).mean()
        loss.backward()
        optimizer.step()
        return loss.item(), *(parameter.grad for parameter in learned)

    return step


def loss_of(np, convolve, convolve_transposed, parameters, latent, of_discriminator):
    """Give the loss, for the libraries that have no layers."""
    images = dcgan.images_of(np, convolve_transposed, parameters, latent)
    return np.logaddexp(0.0, -dcgan.logits_of(np, convolve, of_discriminator, images)).mean()


def hips_autograd(latent, parameters, of_discriminator):
    """A loss of a list of arrays, its gradient, and the update by hand."""
    import autograd
    import autograd.numpy as np

    convolutions = partial(dcgan.convolve_by_index, np), partial(dcgan.convolve_transposed_by_blocks, np)
    gradient_of = autograd.value_and_grad(partial(loss_of, np, *convolutions))

    def step():
        loss, gradients = gradient_of(parameters, latent, of_discriminator)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= RATE * gradient
        return loss, *gradients

    return step


def jax_jit(latent, parameters, of_discriminator):
    """A function of the parameters, compiled, that returns the loss, the gradients and the new parameters."""
    import jax

    latent, parameters, of_discriminator = jax.tree.map(jax.numpy.asarray, (latent, parameters, of_discriminator))
    convolutions = dcgan.convolve_in_jax, dcgan.convolve_transposed_in_jax
    value_and_grad = jax.value_and_grad(partial(loss_of, jax.numpy, *convolutions))

    @jax.jit
    def update(parameters):
        loss, gradients = value_and_grad(parameters, latent, of_discriminator)
        return loss, gradients, [p - RATE * g for p, g in zip(parameters, gradients, strict=True)]

    def step():
        nonlocal parameters
        loss, gradients, parameters = jax.block_until_ready(update(parameters))
        return loss, *gradients

    return step


HAND = "NumPy by hand"
CONTENDERS = [
    Contender(HAND, by_hand),
    Contender("matrix products alone", products_alone),
    Contender(
        "minigrad nn, optim",
        minigrad_nn,
        like=HAND,
        targets={HAND: 1.15},
        memory={HAND: 1.25},
        library="minigrad",
        gpu=True,
    ),
    Contender("PyTorch", pytorch, like=HAND, library="torch", gpu=True),
    Contender("autograd", hips_autograd, like=HAND, library="autograd"),
    Contender("JAX jit", jax_jit, like=HAND, library="jax"),
]
