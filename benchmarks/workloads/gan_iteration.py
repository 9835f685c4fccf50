"""One iteration of a GAN on a ring of eight Gaussians: a step of the discriminator, and one of the generator.

The generator goes from 2-dimensional noise to the plane and the discriminator from the plane to a logit, both through
two hidden layers of 128 with ReLU, batches of 256, float32. The discriminator minimises the binary cross-entropy of
real and generated samples, and the generator the non-saturating loss on the same samples; each has its Adam. The
generator's step needs no gradients of the discriminator's parameters, and no contender computes them. autograd runs the
generator twice, because it differentiates functions. The iteration returns the sum of both losses, and the gradients of
the discriminator and of the generator.
"""

import numpy

from benchmarks import Contender, devices
from benchmarks.by_hand import BETAS, EPS, RATE, Adam, Layers, adam_state, adam_step, drawn_layers, joined, pieces

GENERATOR = (2, 128, 128, 2)
DISCRIMINATOR = (2, 128, 128, 1)
BATCH = 256
UNIT = ("iteration", 1)
TOLERANCE = 1e-4
MEMORY = True


def problem(seed):
    """Draw real samples, noise, and the first parameters."""
    rng = numpy.random.default_rng(seed)
    angles = numpy.pi / 4 * rng.integers(0, 8, BATCH)
    centres = 2.0 * numpy.stack([numpy.cos(angles), numpy.sin(angles)], axis=1)
    return {
        "real": (centres + 0.02 * rng.standard_normal((BATCH, 2))).astype("float32"),
        "noise": rng.standard_normal((BATCH, 2)).astype("float32"),
        "of_generator": drawn_layers(rng, GENERATOR),
        "of_discriminator": drawn_layers(rng, DISCRIMINATOR),
    }


def softplus(f):
    """Give log(1 + exp(f)) without overflow."""
    return numpy.maximum(f, 0.0) + numpy.log1p(numpy.exp(-abs(f)))


def by_hand(real, noise, of_generator, of_discriminator):
    """Send real and generated samples through the discriminator as one batch, and write the chain rule out."""
    theta_g, theta_d = joined(of_generator), joined(of_discriminator)
    gradient_g, gradient_d = numpy.empty_like(theta_g), numpy.empty_like(theta_d)
    gradients_g, gradients_d = pieces(gradient_g, of_generator), pieces(gradient_d, of_discriminator)
    generator = Layers(pieces(theta_g, of_generator), BATCH)
    parameters_d = pieces(theta_d, of_discriminator)
    discriminator, of_fakes = Layers(parameters_d, 2 * BATCH), Layers(parameters_d, BATCH)
    adam_g, adam_d = Adam(theta_g, gradient_g), Adam(theta_d, gradient_d)
    samples = numpy.concatenate([real, noise])
    signs = numpy.repeat(numpy.array([[-1.0], [1.0]], "float32"), BATCH, axis=0)

    def step():
        fakes = generator.forward(noise)
        samples[BATCH:] = fakes
        against = discriminator.forward(samples) * signs
        first = softplus(against).sum() / BATCH
        discriminator.pull(signs / (BATCH * (1.0 + numpy.exp(-against))), to=1)
        discriminator.products(gradients_d)
        adam_d.step()

        logits = of_fakes.forward(fakes)
        second = softplus(-logits).sum() / BATCH
        generator.pull(of_fakes.pull(-1.0 / (BATCH * (1.0 + numpy.exp(logits)))), to=1)
        generator.products(gradients_g)
        adam_g.step()
        return first + second, *gradients_d, *gradients_g

    return step


def products_alone(real, noise, of_generator, of_discriminator):
    """Do the matrix products and nothing else: a floor that no library can get under."""
    ones = {rows: numpy.ones((rows, 128), real.dtype) for rows in (BATCH, 2 * BATCH)}
    outs = {rows: numpy.empty((rows, 128), real.dtype) for rows in ones}
    weights_g, weights_d = of_generator[::2], of_discriminator[::2]
    samples = numpy.concatenate([real, noise])

    def forward(x, weights):
        rows = len(x)
        numpy.matmul(x, weights[0].T, out=outs[rows])
        numpy.matmul(ones[rows], weights[1].T, out=outs[rows])
        return ones[rows] @ weights[2].T

    def of_weights(x, d, weights):
        rows = len(x)
        for h in (ones[rows], ones[rows], x):
            d.T @ h
            d = outs[rows]

    def back(d, weights):
        numpy.matmul(d, weights[2], out=outs[len(d)])
        numpy.matmul(ones[len(d)], weights[1], out=outs[len(d)])

    def step():
        fakes = forward(noise, weights_g)
        logits = forward(samples, weights_d)
        back(logits, weights_d)
        of_weights(samples, logits, weights_d)
        logits = forward(fakes, weights_d)
        back(logits, weights_d)
        ones[BATCH] @ weights_d[0]
        back(fakes, weights_g)
        of_weights(noise, fakes, weights_g)

    return step


def network(nn, sizes):
    """Build a network of a library that has PyTorch's names."""
    a, b, c, d = sizes
    return nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Linear(b, c), nn.ReLU(), nn.Linear(c, d))


def minigrad_step(real, noise, of_generator, of_discriminator):
    """Layers, losses and optimizers."""
    from minigrad import nn, optim

    real, noise = devices.on_backend(real), devices.on_backend(noise)
    generator, discriminator = network(nn, GENERATOR), network(nn, DISCRIMINATOR)
    for model, values in ((generator, of_generator), (discriminator, of_discriminator)):
        for parameter, value in zip(model.parameters(), values, strict=True):
            parameter.data[...] = devices.on_backend(value)
    adam_g = optim.Adam(generator.parameters(), lr=RATE, betas=BETAS, eps=EPS)
    adam_d = optim.Adam(discriminator.parameters(), lr=RATE, betas=BETAS, eps=EPS)

    def step():
        adam_d.zero_grad()
        fakes = generator(noise)
        first = nn.gan_discriminator_loss(discriminator(real), discriminator(fakes.detach()))
        first.backward()
        adam_d.step()

        adam_g.zero_grad()
        frozen(adam_d.params, True)
        second = nn.nonsaturating_generator_loss(discriminator(fakes))
        second.backward()
        frozen(adam_d.params, False)
        adam_g.step()
        return first.detach() + second.detach(), *(p.grad for p in adam_d.params), *(p.grad for p in adam_g.params)

    return step


def minigrad_nn(real, noise, of_generator, of_discriminator):
    """Layers, losses and optimizers."""
    return devices.reading(minigrad_step(real, noise, of_generator, of_discriminator))


def minigrad_compiled(real, noise, of_generator, of_discriminator):
    """The same step, replayed."""
    import minigrad as mg

    return devices.reading(mg.compile(minigrad_step(real, noise, of_generator, of_discriminator)))


def frozen(parameters, still):
    """Say whether parameters stand still in what is computed next."""
    for parameter in parameters:
        parameter.requires_grad = not still


def pytorch(real, noise, of_generator, of_discriminator):
    """Layers, losses and optimizers."""
    import torch
    from torch import nn
    from torch.nn.functional import softplus

    real, noise = devices.on_torch(real), devices.on_torch(noise)
    generator, discriminator = (network(nn, s).to(devices.torch_device()) for s in (GENERATOR, DISCRIMINATOR))
    for model, values in ((generator, of_generator), (discriminator, of_discriminator)):
        for parameter, value in zip(model.parameters(), values, strict=True):
            parameter.data[...] = devices.on_torch(value)
    learned_g, learned_d = list(generator.parameters()), list(discriminator.parameters())
    adam_g = torch.optim.Adam(learned_g, lr=RATE, betas=BETAS, eps=EPS)
    adam_d = torch.optim.Adam(learned_d, lr=RATE, betas=BETAS, eps=EPS)

    def step():
        adam_d.zero_grad()
        fakes = generator(noise)
        first = softplus(-discriminator(real)).mean() + softplus(discriminator(fakes.detach())).mean()
        first.backward()
        adam_d.step()

        adam_g.zero_grad()
        discriminator.requires_grad_(False)
        second = softplus(-discriminator(fakes)).mean()
        second.backward()
        discriminator.requires_grad_(True)
        adam_g.step()
        return first.item() + second.item(), *(p.grad for p in learned_d), *(p.grad for p in learned_g)

    return step


def functional(np, grads_of, jit=lambda f: f):
    """Make a step for a library that differentiates functions of lists of arrays."""

    def layers(x, parameters):
        w1, b1, w2, b2, w3, b3 = parameters
        h = np.maximum(np.dot(x, w1.T) + b1, 0.0)
        h = np.maximum(np.dot(h, w2.T) + b2, 0.0)
        return np.dot(h, w3.T) + b3

    def loss_of_discriminator(of_discriminator, real, fakes):
        f_real, f_fakes = layers(real, of_discriminator), layers(fakes, of_discriminator)
        return np.mean(np.logaddexp(0.0, -f_real)) + np.mean(np.logaddexp(0.0, f_fakes))

    def loss_of_generator(of_generator, noise, of_discriminator):
        return np.mean(np.logaddexp(0.0, -layers(layers(noise, of_generator), of_discriminator)))

    of_both = grads_of(loss_of_discriminator), grads_of(loss_of_generator)

    @jit
    def iteration(real, noise, of_generator, of_discriminator, state_g, state_d):
        first, gradients_d = of_both[0](of_discriminator, real, layers(noise, of_generator))
        of_discriminator, state_d = adam_step(np.sqrt, of_discriminator, gradients_d, state_d)
        second, gradients_g = of_both[1](of_generator, noise, of_discriminator)
        of_generator, state_g = adam_step(np.sqrt, of_generator, gradients_g, state_g)
        return (of_generator, of_discriminator, state_g, state_d), (first + second, *gradients_d, *gradients_g)

    return iteration


def hips_autograd(real, noise, of_generator, of_discriminator):
    """Two losses of lists of arrays, their gradients, and the updates by hand."""
    import autograd
    import autograd.numpy as np

    iteration = functional(np, autograd.value_and_grad)
    state = of_generator, of_discriminator, adam_state(of_generator), adam_state(of_discriminator)

    def step():
        nonlocal state
        state, outcome = iteration(real, noise, *state)
        return outcome

    return step


def mygrad(real, noise, of_generator, of_discriminator):
    """Tensors and `backward`, and the updates by hand; plain arrays are constants."""
    import mygrad as mg
    from mygrad.nnet import relu

    state_g, state_d = adam_state(of_generator), adam_state(of_discriminator)

    def layers(x, parameters):
        w1, b1, w2, b2, w3, b3 = parameters
        h = relu(mg.matmul(x, w1.T) + b1)
        h = relu(mg.matmul(h, w2.T) + b2)
        return mg.matmul(h, w3.T) + b3

    def mean_softplus(logits):
        return mg.mean(mg.logaddexp(numpy.float32(0.0), logits))

    def step():
        nonlocal of_generator, of_discriminator, state_g, state_d
        generator = [mg.tensor(p) for p in of_generator]
        discriminator = [mg.tensor(p) for p in of_discriminator]
        fakes = layers(noise, generator)
        first = mean_softplus(-layers(real, discriminator)) + mean_softplus(layers(fakes.data, discriminator))
        first.backward()
        gradients_d = [p.grad for p in discriminator]
        of_discriminator, state_d = adam_step(numpy.sqrt, of_discriminator, gradients_d, state_d)

        second = mean_softplus(-layers(fakes, of_discriminator))
        second.backward()
        gradients_g = [p.grad for p in generator]
        of_generator, state_g = adam_step(numpy.sqrt, of_generator, gradients_g, state_g)
        return first.item() + second.item(), *gradients_d, *gradients_g

    return step


def jax_jit(real, noise, of_generator, of_discriminator):
    """Two losses of lists of arrays, their gradients, and the updates by hand, compiled as one function."""
    import jax
    import jax.numpy as np

    iteration = functional(np, jax.value_and_grad, jax.jit)
    state = of_generator, of_discriminator, adam_state(of_generator), adam_state(of_discriminator)

    def step():
        nonlocal state
        state, outcome = iteration(real, noise, *state)
        return jax.block_until_ready(outcome)

    return step


CONTENDERS = [
    Contender("NumPy by hand", by_hand),
    Contender("matrix products alone", products_alone),
    Contender(
        "minigrad nn, optim",
        minigrad_nn,
        like="NumPy by hand",
        targets={"NumPy by hand": 1.15},
        memory={"NumPy by hand": 1.25},
        library="minigrad",
        gpu=True,
    ),
    Contender("minigrad, compiled", minigrad_compiled, like="NumPy by hand", library="minigrad"),
    Contender("PyTorch", pytorch, like="NumPy by hand", library="torch", gpu=True),
    Contender("autograd", hips_autograd, like="NumPy by hand", library="autograd"),
    Contender("MyGrad", mygrad, like="NumPy by hand", library="mygrad"),
    Contender("JAX jit", jax_jit, like="NumPy by hand", library="jax"),
]
