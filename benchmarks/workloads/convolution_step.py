"""One training step of a DCGAN on images of 64 by 64 pixels: convolutions, transposed ones, and batch norm.

A generator of five transposed convolutions (100-512-256-128-64-3) and a discriminator of five convolutions
(3-64-128-256-512-1), kernels of 4 by 4, batch norm, ReLU and leaky ReLU, batches of 16, float32. The step takes the
discriminator's loss, its backward pass and an update, and then the same for the generator. It returns the sum of the
losses, and the gradients of both networks' first and last weights.
"""

from itertools import pairwise

import numpy

from benchmarks import Contender, devices

CHANNELS = (3, 64, 128, 256, 512)
LATENT = 100
BATCH = 16
RATE = 0.01
UNIT = ("step", 1)
TOLERANCE = 1e-2  # the order in which sums are taken shows after batch norms and updates
MEMORY = True


def problem(seed):
    """Draw a batch, latent vectors, and the first weights of all convolutions."""
    rng = numpy.random.default_rng(seed)
    shapes = [(LATENT, CHANNELS[-1], 4, 4)]
    shapes += [(a, b, 4, 4) for b, a in zip(CHANNELS[-2::-1], CHANNELS[:0:-1], strict=True)]
    shapes += [(b, a, 4, 4) for a, b in pairwise(CHANNELS)]
    shapes += [(1, CHANNELS[-1], 4, 4)]
    return {
        "images": rng.uniform(-1.0, 1.0, (BATCH, 3, 64, 64)).astype("float32"),
        "latent": rng.standard_normal((BATCH, LATENT, 1, 1)).astype("float32"),
        "weights": [(0.05 * rng.standard_normal(shape)).astype("float32") for shape in shapes],
    }


def networks(nn, weights):
    """Build both networks of a library that has PyTorch's names, and set their weights."""
    inner = CHANNELS[1:]
    generator = [nn.ConvTranspose2d(LATENT, inner[-1], 4, 1, 0, bias=False), nn.BatchNorm2d(inner[-1]), nn.ReLU()]
    for a, b in zip(inner[::-1], inner[-2::-1], strict=False):
        generator += [nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
    generator += [nn.ConvTranspose2d(inner[0], 3, 4, 2, 1, bias=False), nn.Tanh()]
    discriminator = [nn.Conv2d(3, inner[0], 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for a, b in pairwise(inner):
        discriminator += [nn.Conv2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.2)]
    discriminator += [nn.Conv2d(inner[-1], 1, 4, bias=False)]
    convolutions = [layer for layer in generator + discriminator if isinstance(layer, nn.ConvTranspose2d | nn.Conv2d)]
    return nn.Sequential(*generator), nn.Sequential(*discriminator), list(zip(convolutions, weights, strict=True))


def minigrad_nn(images, latent, weights):
    """Layers, losses and optimizers."""
    from minigrad import nn, no_grad, optim

    images, latent = devices.on_backend(images), devices.on_backend(latent)
    generator, discriminator, pairs = networks(nn, weights)
    for layer, weight in pairs:
        layer.weight.data[...] = devices.on_backend(weight)
    optimizers = [optim.SGD(network.parameters(), RATE) for network in (generator, discriminator)]
    ends = [generator[0], generator[-2], discriminator[0], discriminator[-1]]

    def step():
        optimizers[1].zero_grad()
        with no_grad():
            fakes = generator(latent)
        first = nn.gan_discriminator_loss(discriminator(images), discriminator(fakes))
        first.backward()
        optimizers[1].step()
        optimizers[0].zero_grad()
        second = nn.nonsaturating_generator_loss(discriminator(generator(latent)))
        second.backward()
        optimizers[0].step()
        return first.item() + second.item(), *(layer.weight.grad for layer in ends)

    return step


def pytorch(images, latent, weights):
    """Layers, losses and optimizers."""
    import torch
    from torch import nn
    from torch.nn.functional import binary_cross_entropy_with_logits as loss_of

    images, latent = devices.on_torch(images), devices.on_torch(latent)
    generator, discriminator, pairs = networks(nn, weights)
    generator.to(devices.torch_device())
    discriminator.to(devices.torch_device())
    for layer, weight in pairs:
        layer.weight.data[...] = devices.on_torch(weight)
    optimizers = [torch.optim.SGD(network.parameters(), RATE) for network in (generator, discriminator)]
    ends = [generator[0], generator[-2], discriminator[0], discriminator[-1]]
    shape, where = (BATCH, 1, 1, 1), devices.torch_device()
    yes, no = torch.ones(shape, device=where), torch.zeros(shape, device=where)

    def step():
        optimizers[1].zero_grad()
        with torch.no_grad():
            fakes = generator(latent)
        first = loss_of(discriminator(images), yes) + loss_of(discriminator(fakes), no)
        first.backward()
        optimizers[1].step()
        optimizers[0].zero_grad()
        second = loss_of(discriminator(generator(latent)), yes)
        second.backward()
        optimizers[0].step()
        return first.item() + second.item(), *(layer.weight.grad for layer in ends)

    return step


CONTENDERS = [
    Contender(
        "minigrad nn, optim",
        minigrad_nn,
        targets={"PyTorch": 2.5},
        memory={"PyTorch": 2.0},
        library="minigrad",
        gpu=True,
    ),
    Contender("PyTorch", pytorch, like="minigrad nn, optim", library="torch", gpu=True),
]
