"""One training step of a small DCGAN's discriminator: strided convolutions, biases and leaky ReLU.

Convolutions 3-32-64-128-1 on 64 images of 32 by 32 pixels, half of them real and half generated, float32. The step
takes the logistic loss of the logits, its backward pass, and a step of gradient descent. It returns the loss and the
gradients of all weights and biases before the update.
"""

from functools import partial

import numpy

from benchmarks import Contender, dcgan, devices

HALF = 32
RATE = 0.01
UNIT = ("step", 1)
TOLERANCE = 1e-4
MEMORY = True


def problem(seed):
    """Draw a batch, the real images first, and the first parameters."""
    rng = numpy.random.default_rng(seed)
    shape = (2 * HALF, dcgan.CHANNELS[0], dcgan.PIXELS, dcgan.PIXELS)
    return {
        "images": rng.uniform(-1.0, 1.0, shape).astype("float32"),
        "parameters": dcgan.discriminator_parameters(rng),
    }


def by_hand(images, parameters):
    """Be as tight as NumPy allows."""
    critic = dcgan.Discriminator(len(images), parameters, to_parameters=True)
    images = images.transpose(0, 2, 3, 1)
    signs = numpy.repeat(numpy.array([-1.0, 1.0], "float32"), HALF)
    changes = [numpy.empty_like(theta) for theta in critic.parameters]
    shown = critic.shown()

    def step():
        numpy.copyto(critic.images, images)
        signed = signs * critic.forward()
        loss = dcgan.softplus(signed).sum() / HALF
        critic.pull(signs * dcgan.sigmoid(signed) / HALF)
        for theta, gradient, change in zip(critic.parameters, critic.gradients, changes, strict=True):
            numpy.multiply(gradient, RATE, out=change)
            numpy.subtract(theta, change, out=theta)
        return loss, *shown

    return step


def products_alone(images, parameters):
    """Do the matrix products over the columns and nothing else: a floor that no library can get under."""
    critic = dcgan.Discriminator(len(images), parameters, to_parameters=True)
    layers = list(zip(critic.layers, critic.gradients, strict=False))
    for layer in critic.layers:
        layer.columns.fill(1.0)
    d_columns = [numpy.empty_like(layer.columns) for layer in critic.layers]

    def step():
        for i, (layer, d_matrix) in enumerate(layers):
            numpy.matmul(layer.columns, layer.matrix, out=layer.out)
            numpy.matmul(layer.columns.T, layer.out, out=d_matrix)
            if i:
                numpy.matmul(layer.out, layer.matrix.T, out=d_columns[i])

    return step


def minigrad_nn(images, parameters):
    """Layers, a loss and an optimizer."""
    from minigrad import nn, optim

    images = devices.on_backend(images)
    critic = dcgan.discriminator_in(nn)
    for parameter, value in zip(critic.parameters(), parameters, strict=True):
        parameter.data[...] = devices.on_backend(value)
    optimizer = optim.SGD(critic.parameters(), RATE)

    def step():
        optimizer.zero_grad()
        logits = critic(images)
        loss = nn.gan_discriminator_loss(logits[:HALF], logits[HALF:])
        loss.backward()
        optimizer.step()
        return loss.item(), *(parameter.grad for parameter in optimizer.params)

    return step


def pytorch(images, parameters):
    """Layers, a loss and an optimizer."""
    import torch
    from torch import nn
    from torch.nn.functional import softplus

    images = devices.on_torch(images)
    critic = dcgan.discriminator_in(nn).to(devices.torch_device())
    learned = list(critic.parameters())
    for parameter, value in zip(learned, parameters, strict=True):
        parameter.data[...] = devices.on_torch(value)
    optimizer = torch.optim.SGD(learned, RATE)

    def step():
        optimizer.zero_grad()
        logits = critic(images)
        loss = softplus(-logits[:HALF]).mean() + softplus(logits[HALF:]).mean()
        loss.backward()
        optimizer.step()
        return loss.item(), *(parameter.grad for parameter in learned)

    return step


def loss_of(np, convolve, parameters, images):
    """Give the loss, for the libraries that have no layers."""
    logits = dcgan.logits_of(np, convolve, parameters, images)
    return np.logaddexp(0.0, -logits[:HALF]).mean() + np.logaddexp(0.0, logits[HALF:]).mean()


def hips_autograd(images, parameters):
    """A loss of a list of arrays, its gradient, and the update by hand."""
    import autograd
    import autograd.numpy as np

    gradient_of = autograd.value_and_grad(partial(loss_of, np, partial(dcgan.convolve_by_index, np)))

    def step():
        loss, gradients = gradient_of(parameters, images)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= RATE * gradient
        return loss, *gradients

    return step


def mygrad(images, parameters):
    """A loss of a list of tensors, its backward pass, and the update by hand."""
    import mygrad as np
    from mygrad.nnet.layers import conv_nd

    def convolve(x, kernel, stride, padding):
        return conv_nd(x, kernel, stride=stride, padding=padding)

    learned = [np.tensor(value) for value in parameters]

    def step():
        loss = loss_of(np, convolve, learned, images)
        loss.backward()
        gradients = [parameter.grad.copy() for parameter in learned]
        for parameter, gradient in zip(learned, gradients, strict=True):
            parameter.data[...] -= RATE * gradient
        return loss.item(), *gradients

    return step


def jax_jit(images, parameters):
    """A function of the parameters, compiled, that returns the loss, the gradients and the new parameters."""
    import jax

    images, parameters = jax.tree.map(jax.numpy.asarray, (images, parameters))

    @jax.jit
    def update(parameters):
        value_and_grad = jax.value_and_grad(partial(loss_of, jax.numpy, dcgan.convolve_in_jax))
        loss, gradients = value_and_grad(parameters, images)
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
        targets={HAND: 1.3},
        memory={HAND: 1.25},
        library="minigrad",
        gpu=True,
    ),
    Contender("PyTorch", pytorch, like=HAND, library="torch", gpu=True),
    Contender("autograd", hips_autograd, like=HAND, library="autograd"),
    Contender("MyGrad", mygrad, like=HAND, library="mygrad"),
    Contender("JAX jit", jax_jit, like=HAND, library="jax"),
]
