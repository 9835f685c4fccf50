"""One training step of a small classifier: how much a library adds to the matrix products.

A network 784-256-128-10 with ReLU, batches of 64, float32: forward, softmax cross-entropy, backward, and a step of
gradient descent. It returns the loss and the gradients before the update, so the next loss checks the update too.
"""

import numpy

from benchmarks import Contender, devices
from benchmarks.by_hand import drawn_layers, joined, pieces

SIZES = (784, 256, 128, 10)
BATCH = 64
RATE = 0.01
UNIT = ("step", 1)
TOLERANCE = 1e-4
MEMORY = True


def problem(seed):
    """Draw a batch and the first parameters."""
    rng = numpy.random.default_rng(seed)
    parameters = drawn_layers(rng, SIZES)
    return {
        "x": rng.standard_normal((BATCH, SIZES[0])).astype("float32"),
        "labels": rng.integers(0, SIZES[-1], BATCH),
        "parameters": parameters,
    }


def by_hand(x, labels, parameters):
    """Be as tight as NumPy allows.

    Every array is allocated once, every operation writes into one of them, and the update is two operations, because
    the parameters are pieces of one vector and the gradients of another.
    """
    vector = joined(parameters)
    gradient, change = numpy.empty_like(vector), numpy.empty_like(vector)
    w1, b1, w2, b2, w3, b3 = pieces(vector, parameters)
    gradients = dw1, db1, dw2, db2, dw3, db3 = pieces(gradient, parameters)
    h1, h2, p = (numpy.empty((BATCH, size), x.dtype) for size in SIZES[1:])
    d1, d2 = numpy.empty_like(h1), numpy.empty_like(h2)
    zeros1, zeros2 = numpy.zeros_like(h1), numpy.zeros_like(h2)  # NumPy is faster against these than against 0.0
    mask1, mask2 = numpy.empty(h1.shape, bool), numpy.empty(h2.shape, bool)
    ones = numpy.ones(BATCH, x.dtype)
    column = numpy.empty((BATCH, 1), x.dtype)
    one_hot = numpy.eye(SIZES[-1], dtype=x.dtype)[labels]
    one_hot_share = one_hot / BATCH

    def step():
        numpy.matmul(x, w1.T, out=h1)
        numpy.add(h1, b1, out=h1)
        numpy.maximum(h1, zeros1, out=h1)
        numpy.matmul(h1, w2.T, out=h2)
        numpy.add(h2, b2, out=h2)
        numpy.maximum(h2, zeros2, out=h2)
        numpy.matmul(h2, w3.T, out=p)
        numpy.add(p, b3, out=p)
        numpy.subtract(p, numpy.max(p, axis=1, keepdims=True, out=column), out=p)
        picked = numpy.vdot(p, one_hot)
        numpy.exp(p, out=p)
        numpy.sum(p, axis=1, keepdims=True, out=column)
        loss = (numpy.log(column).sum() - picked) / BATCH

        numpy.multiply(column, BATCH, out=column)
        numpy.divide(p, column, out=p)
        numpy.subtract(p, one_hot_share, out=p)
        numpy.matmul(p.T, h2, out=dw3)
        numpy.matmul(ones, p, out=db3)
        numpy.matmul(p, w3, out=d2)
        numpy.multiply(d2, numpy.greater(h2, 0.0, out=mask2), out=d2)
        numpy.matmul(d2.T, h1, out=dw2)
        numpy.matmul(ones, d2, out=db2)
        numpy.matmul(d2, w2, out=d1)
        numpy.multiply(d1, numpy.greater(h1, 0.0, out=mask1), out=d1)
        numpy.matmul(d1.T, x, out=dw1)
        numpy.matmul(ones, d1, out=db1)

        numpy.multiply(gradient, RATE, out=change)
        numpy.subtract(vector, change, out=vector)
        return loss, *gradients

    return step


def products_alone(x, labels, parameters):
    """Do the eight matrix products and nothing else: a floor that no library can get under."""
    w1, _, w2, _, w3, _ = parameters
    h1, h2, p = (numpy.ones((BATCH, size), x.dtype) for size in SIZES[1:])
    d1, d2 = numpy.empty_like(h1), numpy.empty_like(h2)
    dw1, dw2, dw3 = numpy.empty_like(w1), numpy.empty_like(w2), numpy.empty_like(w3)

    def step():
        numpy.matmul(x, w1.T, out=h1)
        numpy.matmul(h1, w2.T, out=h2)
        numpy.matmul(h2, w3.T, out=p)
        numpy.matmul(p.T, h2, out=dw3)
        numpy.matmul(p, w3, out=d2)
        numpy.matmul(d2.T, h1, out=dw2)
        numpy.matmul(d2, w2, out=d1)
        numpy.matmul(d1.T, x, out=dw1)

    return step


def network(nn):
    """Build the network of a library that has PyTorch's names."""
    a, b, c, d = SIZES
    return nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Linear(b, c), nn.ReLU(), nn.Linear(c, d))


def minigrad_step(x, labels, parameters):
    """Layers and an optimizer."""
    from minigrad import nn, optim

    x, labels = devices.on_backend(x), devices.on_backend(labels)
    model = network(nn)
    for parameter, value in zip(model.parameters(), parameters, strict=True):
        parameter.data[...] = devices.on_backend(value)
    optimizer = optim.SGD(model.parameters(), lr=RATE)

    def step():
        optimizer.zero_grad()
        loss = nn.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss, *(parameter.grad for parameter in optimizer.params)

    return step


def minigrad_nn(x, labels, parameters):
    """Layers and an optimizer."""
    return devices.reading(minigrad_step(x, labels, parameters))


def minigrad_compiled(x, labels, parameters):
    """The same step, replayed."""
    import minigrad as mg

    return devices.reading(mg.compile(minigrad_step(x, labels, parameters)))


def pytorch(x, labels, parameters):
    """Layers and an optimizer."""
    import torch
    from torch import nn

    x, labels = devices.on_torch(x), devices.on_torch(labels)
    model = network(nn).to(devices.torch_device())
    learned = list(model.parameters())
    for parameter, value in zip(learned, parameters, strict=True):
        parameter.data[...] = devices.on_torch(value)
    optimizer = torch.optim.SGD(learned, lr=RATE)

    def step():
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss.item(), *(parameter.grad for parameter in learned)

    return step


def hips_autograd(x, labels, parameters):
    """A loss of a list of arrays, its gradient, and the update by hand, as in the library's examples."""
    import autograd
    import autograd.numpy as np
    from autograd.scipy.special import logsumexp

    rows = numpy.arange(BATCH)

    def loss_of(parameters):
        w1, b1, w2, b2, w3, b3 = parameters
        h = np.maximum(np.dot(x, w1.T) + b1, 0.0)
        h = np.maximum(np.dot(h, w2.T) + b2, 0.0)
        logits = np.dot(h, w3.T) + b3
        return np.mean(logsumexp(logits, axis=1) - logits[rows, labels])

    gradient_of = autograd.value_and_grad(loss_of)

    def step():
        loss, gradients = gradient_of(parameters)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= RATE * gradient
        return loss, *gradients

    return step


def mygrad(x, labels, parameters):
    """Tensors and `backward`, and the update by hand."""
    import mygrad as mg
    from mygrad.nnet import relu, softmax_crossentropy

    parameters = [mg.tensor(p) for p in parameters]
    w1, b1, w2, b2, w3, b3 = parameters

    def step():
        h = relu(mg.matmul(x, w1.T) + b1)
        h = relu(mg.matmul(h, w2.T) + b2)
        loss = softmax_crossentropy(mg.matmul(h, w3.T) + b3, labels)
        loss.backward()
        gradients = [p.grad for p in parameters]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.data -= RATE * gradient
        return loss.item(), *gradients

    return step


def jax_jit(x, labels, parameters):
    """A loss of a list of arrays, its gradient, and the update by hand, compiled as one function."""
    import jax
    import jax.numpy as np

    def loss_of(parameters, x, labels):
        w1, b1, w2, b2, w3, b3 = parameters
        h = jax.nn.relu(x @ w1.T + b1)
        h = jax.nn.relu(h @ w2.T + b2)
        logits = h @ w3.T + b3
        picked = np.take_along_axis(logits, labels[:, None], axis=1)
        return np.mean(jax.nn.logsumexp(logits, axis=1, keepdims=True) - picked)

    @jax.jit
    def move(parameters, x, labels):
        loss, gradients = jax.value_and_grad(loss_of)(parameters, x, labels)
        return [p - RATE * g for p, g in zip(parameters, gradients, strict=True)], (loss, *gradients)

    def step():
        nonlocal parameters
        parameters, outcome = move(parameters, x, labels)
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
