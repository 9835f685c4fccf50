"""One step of a WGAN-GP critic on images of 64 by 64 pixels: the double backward pass of convolutions.

A critic of five convolutions (3-64-128-256-512-1) with kernels of 4 by 4 and leaky ReLU, batches of 16, float32. The
loss holds the length of its gradient in the images, so the backward pass differentiates a backward pass. The step
returns the loss and the gradients of all weights.
"""

from itertools import pairwise

import numpy

from benchmarks import Contender, devices

CHANNELS = (3, 64, 128, 256, 512)
BATCH = 16
RATE = 1e-3
PENALTY = 10.0
UNIT = ("step", 1)
TOLERANCE = 1e-3
MEMORY = True


def problem(seed):
    """Draw real and generated images, where to take the penalty between them, and the first weights."""
    rng = numpy.random.default_rng(seed)
    images = (BATCH, 3, 64, 64)
    shapes = [(b, a, 4, 4) for a, b in pairwise(CHANNELS)] + [(1, CHANNELS[-1], 4, 4)]
    return {
        "real": rng.uniform(-1.0, 1.0, images).astype("float32"),
        "fake": rng.uniform(-1.0, 1.0, images).astype("float32"),
        "share": rng.uniform(0.0, 1.0, (BATCH, 1, 1, 1)).astype("float32"),
        "weights": [(0.05 * rng.standard_normal(shape)).astype("float32") for shape in shapes],
    }


def network(nn):
    """Build the critic of a library that has PyTorch's names."""
    layers = []
    for a, b in pairwise(CHANNELS):
        layers += [nn.Conv2d(a, b, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(CHANNELS[-1], 1, 4, bias=False))


def minigrad_nn(real, fake, share, weights):
    """Layers, an optimizer, and `grad` inside of the loss."""
    import minigrad as mg
    import minigrad.numpy as np
    from minigrad import nn, optim

    real, fake, share = devices.on_backend(real), devices.on_backend(fake), devices.on_backend(share)
    critic = network(nn)
    for parameter, weight in zip(critic.parameters(), weights, strict=True):
        parameter.data[...] = devices.on_backend(weight)
    optimizer = optim.SGD(critic.parameters(), RATE)
    slope = mg.grad(lambda x: critic(x).sum())

    def step():
        optimizer.zero_grad()
        slopes = slope(real + share * (fake - real)).reshape((BATCH, -1))
        penalty = ((np.linalg.norm(slopes, axis=1) - 1.0) ** 2).mean()
        loss = critic(fake).mean() - critic(real).mean() + PENALTY * penalty
        loss.backward()
        optimizer.step()
        return loss.item(), *(parameter.grad for parameter in optimizer.params)

    return step


def pytorch(real, fake, share, weights):
    """Layers, an optimizer, and `torch.autograd.grad` inside of the loss."""
    import torch
    from torch import nn

    real, fake, share = devices.on_torch(real), devices.on_torch(fake), devices.on_torch(share)
    critic = network(nn).to(devices.torch_device())
    learned = list(critic.parameters())
    for parameter, weight in zip(learned, weights, strict=True):
        parameter.data[...] = devices.on_torch(weight)
    optimizer = torch.optim.SGD(learned, RATE)

    def step():
        optimizer.zero_grad()
        between = (real + share * (fake - real)).requires_grad_()
        (slopes,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        penalty = ((slopes.reshape(BATCH, -1).norm(dim=1) - 1.0) ** 2).mean()
        loss = critic(fake).mean() - critic(real).mean() + PENALTY * penalty
        loss.backward()
        optimizer.step()
        return loss.item(), *(parameter.grad for parameter in learned)

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
