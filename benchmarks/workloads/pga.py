"""Forty steps of projected gradient ascent on the inputs of a classifier: gradients of the inputs alone.

A network 64-256-10 with ReLU, 128 inputs in the unit box, float32. Each step moves every coordinate by the same length
in the direction that raises the cross-entropy, and projects onto the inputs of the box that are near the first ones in
the maximum norm. No gradient of a parameter is wanted, and all contenders are told so. The steps return the last loss,
and its gradient.
"""

import numpy

from benchmarks import Contender, devices
from benchmarks.by_hand import Layers, drawn_layers

SIZES = (64, 256, 10)
BATCH = 128
RADIUS = 0.1
LENGTH = 0.01
STEPS = 40
UNIT = ("40 steps", 1)
TOLERANCE = 1e-3  # a coordinate whose gradient is zero up to rounding may move either way
MEMORY = True


def problem(seed):
    """Draw inputs and labels, the bounds of the search, and the parameters."""
    rng = numpy.random.default_rng(seed)
    x = rng.uniform(0.0, 1.0, (BATCH, SIZES[0])).astype("float32")
    return {
        "x": x,
        "labels": rng.integers(0, SIZES[-1], BATCH),
        "low": numpy.maximum(x - RADIUS, 0.0),
        "high": numpy.minimum(x + RADIUS, 1.0),
        "parameters": drawn_layers(rng, SIZES),
    }


def by_hand(x, labels, low, high, parameters):
    """Write the chain rule out down to the input, in arrays that are allocated once."""
    network = Layers(parameters, BATCH)
    moved = numpy.empty_like(x)
    column = numpy.empty((BATCH, 1), x.dtype)
    one_hot = numpy.eye(SIZES[-1], dtype=x.dtype)[labels]

    def step():
        moved[...] = x
        for _ in range(STEPS):
            p = network.forward(moved)
            numpy.subtract(p, numpy.max(p, axis=1, keepdims=True, out=column), out=p)
            numpy.exp(p, out=p)
            numpy.divide(p, numpy.sum(p, axis=1, keepdims=True, out=column), out=p)
            picked = numpy.vdot(numpy.log(p), one_hot)
            numpy.subtract(p, one_hot, out=p)
            gradient = network.pull(p)
            numpy.add(moved, LENGTH * numpy.sign(gradient), out=moved)
            numpy.maximum(moved, low, out=moved)
            numpy.minimum(moved, high, out=moved)
        return -picked / BATCH, gradient / BATCH

    return step


def products_alone(x, labels, low, high, parameters):
    """Do the matrix products and nothing else: a floor that no library can get under."""
    w1, _, w2, _ = parameters
    h, p = (numpy.ones((BATCH, size), x.dtype) for size in SIZES[1:])
    gradient = numpy.empty_like(x)

    def step():
        for _ in range(STEPS):
            numpy.matmul(x, w1.T, out=h)
            numpy.matmul(h, w2.T, out=p)
            numpy.matmul(p, w2, out=h)
            numpy.matmul(h, w1, out=gradient)

    return step


def minigrad_step(x, labels, low, high, parameters):
    """Layers, the gradient of a plain function, and a projection."""
    import minigrad as mg
    import minigrad.numpy as np
    from minigrad import nn, prox

    x, labels, low, high = (devices.on_backend(a) for a in (x, labels, low, high))
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))
    for parameter, value in zip(model.parameters(), parameters, strict=True):
        parameter.data[...] = devices.on_backend(value)
    loss_and_gradient = mg.value_and_grad(lambda x: nn.cross_entropy(model(x), labels))

    def step():
        moved = x
        with mg.no_grad():  # the parameters are constants here
            for _ in range(STEPS):
                loss, gradient = loss_and_gradient(moved)
                moved = prox.project_box(moved + LENGTH * np.sign(gradient), low, high)
        return loss, gradient

    return step


def minigrad_grad(x, labels, low, high, parameters):
    """Layers, the gradient of a plain function, and a projection."""
    return devices.reading(minigrad_step(x, labels, low, high, parameters))


def minigrad_compiled(x, labels, low, high, parameters):
    """The same step, replayed."""
    import minigrad as mg

    return devices.reading(mg.compile(minigrad_step(x, labels, low, high, parameters)))


def pytorch(x, labels, low, high, parameters):
    """Layers, and `torch.autograd.grad`."""
    import torch
    from torch import nn

    x, labels, low, high = (devices.on_torch(a) for a in (x, labels, low, high))
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10)).to(devices.torch_device())
    for parameter, value in zip(model.parameters(), parameters, strict=True):
        parameter.data[...] = devices.on_torch(value)
    model.requires_grad_(False)

    def step():
        moved = x
        for _ in range(STEPS):
            moved.requires_grad_()
            loss = nn.functional.cross_entropy(model(moved), labels)
            (gradient,) = torch.autograd.grad(loss, moved)
            moved = torch.clamp(moved.detach() + LENGTH * gradient.sign(), low, high)
        return loss.item(), gradient

    return step


def hips_autograd(x, labels, low, high, parameters):
    """The gradient of a plain function, as in the library's examples."""
    import autograd
    import autograd.numpy as np
    from autograd.scipy.special import logsumexp

    w1, b1, w2, b2 = parameters
    rows = numpy.arange(BATCH)

    def loss_of(x):
        h = np.maximum(np.dot(x, w1.T) + b1, 0.0)
        logits = np.dot(h, w2.T) + b2
        return np.mean(logsumexp(logits, axis=1) - logits[rows, labels])

    loss_and_gradient = autograd.value_and_grad(loss_of)

    def step():
        moved = x
        for _ in range(STEPS):
            loss, gradient = loss_and_gradient(moved)
            moved = numpy.clip(moved + LENGTH * numpy.sign(gradient), low, high)
        return loss, gradient

    return step


def mygrad(x, labels, low, high, parameters):
    """A tensor and `backward`; the parameters are plain arrays, and so constants."""
    import mygrad as mg
    from mygrad.nnet import relu, softmax_crossentropy

    w1, b1, w2, b2 = parameters

    def step():
        moved = mg.tensor(x)
        for _ in range(STEPS):
            logits = mg.matmul(relu(mg.matmul(moved, w1.T) + b1), w2.T) + b2
            loss = softmax_crossentropy(logits, labels)
            loss.backward()
            gradient = moved.grad
            moved = mg.tensor(numpy.clip(moved.data + LENGTH * numpy.sign(gradient), low, high))
        return loss.item(), gradient

    return step


def jax_jit(x, labels, low, high, parameters):
    """The gradient of a plain function, and all steps compiled as one loop."""
    import jax
    import jax.numpy as np

    w1, b1, w2, b2 = parameters

    def loss_of(x):
        h = np.maximum(x @ w1.T + b1, 0.0)
        logits = h @ w2.T + b2
        picked = np.take_along_axis(logits, labels[:, None], axis=1)
        return np.mean(jax.nn.logsumexp(logits, axis=1, keepdims=True) - picked)

    loss_and_gradient = jax.value_and_grad(loss_of)

    def ascended(_, state):
        moved, _, _ = state
        loss, gradient = loss_and_gradient(moved)
        return np.clip(moved + LENGTH * np.sign(gradient), low, high), loss, gradient

    ascend = jax.jit(lambda x: jax.lax.fori_loop(0, STEPS, ascended, (x, np.float32(0.0), x))[1:])

    def step():
        return jax.block_until_ready(ascend(x))

    return step


CONTENDERS = [
    Contender("NumPy by hand", by_hand),
    Contender("matrix products alone", products_alone),
    Contender(
        "minigrad grad, prox",
        minigrad_grad,
        like="NumPy by hand",
        targets={"NumPy by hand": 1.25},
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
