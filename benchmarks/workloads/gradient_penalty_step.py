"""One step of a WGAN-GP critic: a backward pass through a backward pass.

The critic goes from the plane to one number through two hidden layers of 128 with ReLU, batches of 256, float32, Adam.
The loss holds the length of the critic's gradient at points between real and generated samples. The step returns it,
and the gradients of the parameters. MyGrad is left out: it differentiates once.
"""

import numpy

from benchmarks import Contender, devices
from benchmarks.by_hand import BETAS, EPS, RATE, Adam, Layers, adam_state, adam_step, drawn_layers, joined, pieces

CRITIC = (2, 128, 128, 1)
BATCH = 256
PENALTY = 10.0
UNIT = ("step", 1)
TOLERANCE = 1e-4
MEMORY = True


def problem(seed):
    """Draw real and generated samples, where to take the penalty between them, and the first parameters."""
    rng = numpy.random.default_rng(seed)
    return {
        "real": rng.standard_normal((BATCH, 2)).astype("float32"),
        "fake": rng.uniform(-2.0, 2.0, (BATCH, 2)).astype("float32"),
        "share": rng.uniform(0.0, 1.0, (BATCH, 1)).astype("float32"),
        "parameters": drawn_layers(rng, CRITIC),
    }


def by_hand(real, fake, share, parameters):
    """Send all points through the critic as one batch, and write the chain rule out twice.

    With activities M, the gradient at a point is s = W1' M1 W2' M2 w3. A cotangent c of s goes forward through the same
    layers without their biases: t1 = M1 W1 c, t2 = M2 W2 t1. The penalty's gradients are then the same products as
    the score's, with c, t1 and t2 in the place of the layers' inputs, and none for the biases.
    """
    theta = joined(parameters)
    gradient = numpy.empty_like(theta)
    gradients = pieces(gradient, parameters)
    critic = Layers(pieces(theta, parameters), 3 * BATCH)
    critic.ones[2 * BATCH :] = 0.0
    adam = Adam(theta, gradient)
    points = numpy.concatenate([fake, real, real])
    between = points[2 * BATCH :]
    weights = numpy.repeat(numpy.array([[1.0 / BATCH], [-1.0 / BATCH], [1.0]], "float32"), BATCH, axis=0)

    def step():
        numpy.subtract(fake, real, out=between)
        numpy.multiply(between, share, out=between)
        numpy.add(between, real, out=between)
        scores = critic.forward(points)
        slopes = critic.pull(weights)[2 * BATCH :]
        lengths = numpy.sqrt((slopes * slopes).sum(axis=1, keepdims=True))
        excess = lengths - 1.0
        loss = numpy.vdot(scores[: 2 * BATCH], weights[: 2 * BATCH]) + PENALTY / BATCH * numpy.vdot(excess, excess)

        t = numpy.multiply(slopes, 2.0 * PENALTY / BATCH * excess / lengths, out=between)
        for h, weight, active in zip(critic.inputs[1:], critic.weights, critic.active, strict=False):
            t = numpy.matmul(t, weight.T, out=h[2 * BATCH :])
            numpy.multiply(t, active[2 * BATCH :], out=t)
        critic.products(gradients)
        adam.step()
        return loss, *gradients

    return step


def products_alone(real, fake, share, parameters):
    """Do the matrix products and nothing else: a floor that no library can get under."""
    points = numpy.concatenate([fake, real, real])
    w1, _, w2, _, w3, _ = parameters
    h = numpy.ones((3 * BATCH, CRITIC[1]), real.dtype)
    out, d = numpy.empty_like(h), numpy.ones((3 * BATCH, 1), real.dtype)

    def step():
        numpy.matmul(points, w1.T, out=out)
        numpy.matmul(h, w2.T, out=out)
        h @ w3.T
        numpy.matmul(d, w3, out=out)
        numpy.matmul(h, w2, out=out)
        h @ w1
        numpy.matmul(points[:BATCH], w1.T, out=out[:BATCH])
        numpy.matmul(h[:BATCH], w2.T, out=out[:BATCH])
        d.T @ h
        h.T @ h
        h.T @ points

    return step


def network(nn):
    """Build the critic of a library that has PyTorch's names."""
    a, b, c, d = CRITIC
    return nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Linear(b, c), nn.ReLU(), nn.Linear(c, d))


def minigrad_step(parameters):
    """Layers, an optimizer, and `grad` inside of the loss."""
    import minigrad as mg
    import minigrad.numpy as np
    from minigrad import nn, optim

    critic = network(nn)
    for parameter, value in zip(critic.parameters(), parameters, strict=True):
        parameter.data[...] = devices.on_backend(value)
    optimizer = optim.Adam(critic.parameters(), lr=RATE, betas=BETAS, eps=EPS)
    slope = mg.grad(lambda x: critic(x).sum())

    def step(real, fake, share):
        optimizer.zero_grad()
        slopes = slope(real + share * (fake - real))
        penalty = ((np.linalg.norm(slopes, axis=1) - 1.0) ** 2).mean()
        loss = nn.wasserstein_critic_loss(critic(real), critic(fake)) + PENALTY * penalty
        loss.backward()
        optimizer.step()
        return loss, *(parameter.grad for parameter in optimizer.params)

    return step


def minigrad_nn(real, fake, share, parameters):
    """Layers, an optimizer, and `grad` inside of the loss."""
    return devices.reading(minigrad_step(parameters), *map(devices.on_backend, (real, fake, share)))


def minigrad_compiled(real, fake, share, parameters):
    """The same step, replayed."""
    import minigrad as mg

    return devices.reading(mg.compile(minigrad_step(parameters)), real, fake, share)


def pytorch(real, fake, share, parameters):
    """Layers, an optimizer, and `torch.autograd.grad` inside of the loss."""
    import torch
    from torch import nn

    real, fake, share = devices.on_torch(real), devices.on_torch(fake), devices.on_torch(share)
    critic = network(nn).to(devices.torch_device())
    learned = list(critic.parameters())
    for parameter, value in zip(learned, parameters, strict=True):
        parameter.data[...] = devices.on_torch(value)
    optimizer = torch.optim.Adam(learned, lr=RATE, betas=BETAS, eps=EPS)

    def step():
        optimizer.zero_grad()
        between = (real + share * (fake - real)).requires_grad_()
        (slopes,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        penalty = ((slopes.norm(dim=1) - 1.0) ** 2).mean()
        loss = critic(fake).mean() - critic(real).mean() + PENALTY * penalty
        loss.backward()
        optimizer.step()
        return loss.item(), *(parameter.grad for parameter in learned)

    return step


def functional(np, grad, value_and_grad, jit=lambda f: f):
    """Make a step for a library that differentiates functions of lists of arrays."""

    def critic(x, parameters):
        w1, b1, w2, b2, w3, b3 = parameters
        h = np.maximum(np.dot(x, w1.T) + b1, 0.0)
        h = np.maximum(np.dot(h, w2.T) + b2, 0.0)
        return np.dot(h, w3.T) + b3

    slope = grad(lambda x, parameters: np.sum(critic(x, parameters)))

    def loss_of(parameters, real, fake, share):
        slopes = slope(real + share * (fake - real), parameters)
        penalty = np.mean((np.sqrt(np.sum(slopes * slopes, axis=1)) - 1.0) ** 2)
        return np.mean(critic(fake, parameters)) - np.mean(critic(real, parameters)) + PENALTY * penalty

    gradient = value_and_grad(loss_of)

    @jit
    def move(parameters, state, real, fake, share):
        loss, gradients = gradient(parameters, real, fake, share)
        return *adam_step(np.sqrt, parameters, gradients, state), (loss, *gradients)

    return move


def hips_autograd(real, fake, share, parameters):
    """A loss of a list of arrays with a gradient inside, its gradient, and the update by hand."""
    import autograd
    import autograd.numpy as np

    move = functional(np, autograd.grad, autograd.value_and_grad)
    state = adam_state(parameters)

    def step():
        nonlocal parameters, state
        parameters, state, outcome = move(parameters, state, real, fake, share)
        return outcome

    return step


def jax_jit(real, fake, share, parameters):
    """The same with JAX, compiled as one function."""
    import jax
    import jax.numpy as np

    move = functional(np, jax.grad, jax.value_and_grad, jax.jit)
    state = adam_state(parameters)

    def step():
        nonlocal parameters, state
        parameters, state, outcome = move(parameters, state, real, fake, share)
        return jax.block_until_ready(outcome)

    return step


CONTENDERS = [
    Contender("NumPy by hand", by_hand),
    Contender("matrix products alone", products_alone),
    Contender(
        "minigrad nn, optim",
        minigrad_nn,
        like="NumPy by hand",
        targets={"NumPy by hand": 1.25},
        memory={"NumPy by hand": 1.25},
        library="minigrad",
        gpu=True,
    ),
    Contender("minigrad, compiled", minigrad_compiled, like="NumPy by hand", library="minigrad"),
    Contender("PyTorch", pytorch, like="NumPy by hand", library="torch", gpu=True),
    Contender("autograd", hips_autograd, like="NumPy by hand", library="autograd"),
    Contender("JAX jit", jax_jit, like="NumPy by hand", library="jax"),
]
