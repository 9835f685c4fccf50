"""A Hessian-vector product at a fixed point, against one gradient: the price of a step of a Krylov solver.

A network 256-128-64-10 with tanh, a batch of 128, float64, softmax cross-entropy. The products are taken many times at
the same parameters, so what a library can keep from one to the next it keeps: minigrad its linearization, PyTorch and
autograd the graph of the gradient. A gradient includes its forward pass.
"""

from itertools import pairwise

import numpy

from benchmarks import Contender

SIZES = (256, 128, 64, 10)
BATCH = 128
UNIT = ("product", 1)
TOLERANCE = 1e-9


def problem(seed):
    """Draw a batch, the parameters, and the vector to multiply."""
    rng = numpy.random.default_rng(seed)
    parameters, direction = [], []
    for inputs, outputs in pairwise(SIZES):
        parameters += [rng.standard_normal((inputs, outputs)) * inputs**-0.5, 0.1 * rng.standard_normal(outputs)]
        direction += [rng.standard_normal((inputs, outputs)), rng.standard_normal(outputs)]
    return {
        "x": rng.standard_normal((BATCH, SIZES[0])),
        "labels": rng.integers(0, SIZES[-1], BATCH),
        "parameters": tuple(parameters),
        "direction": tuple(direction),
    }


def one_hot(labels):
    """Write each label as a row of zeros and a one."""
    return numpy.eye(SIZES[-1])[labels]


def forward(x, wanted, parameters):
    """Give the loss, the hidden layers and the probabilities."""
    w1, b1, w2, b2, w3, b3 = parameters
    h1 = numpy.tanh(x @ w1 + b1)
    h2 = numpy.tanh(h1 @ w2 + b2)
    logits = h2 @ w3 + b3
    logits -= logits.max(axis=1, keepdims=True)
    p = numpy.exp(logits)
    total = p.sum(axis=1, keepdims=True)
    loss = (numpy.log(total).sum() - (logits * wanted).sum()) / BATCH
    p /= total
    return loss, h1, h2, p


def gradient_by_hand(x, labels, parameters, direction):
    """Write the chain rule out."""
    _, _, w2, _, w3, _ = parameters
    wanted = one_hot(labels)

    def step():
        loss, h1, h2, p = forward(x, wanted, parameters)
        d3 = (p - wanted) / BATCH
        d2 = (d3 @ w3.T) * (1.0 - h2 * h2)
        d1 = (d2 @ w2.T) * (1.0 - h1 * h1)
        return loss, x.T @ d1, d1.sum(axis=0), h1.T @ d2, d2.sum(axis=0), h2.T @ d3, d3.sum(axis=0)

    return step


def product_by_hand(x, labels, parameters, direction):
    """Differentiate every line of the gradient along the direction; a name with r in front is such a derivative.

    References
    ----------
    Pearlmutter, B. A. (1994). Fast exact multiplication by the Hessian. Neural Computation 6(1), 147-160.
    """
    _, _, w2, _, w3, _ = parameters
    rw1, rb1, rw2, rb2, rw3, rb3 = direction
    wanted = one_hot(labels)
    loss, h1, h2, p = forward(x, wanted, parameters)
    slope1, slope2 = 1.0 - h1 * h1, 1.0 - h2 * h2
    d3 = (p - wanted) / BATCH
    e2 = d3 @ w3.T
    d2 = e2 * slope2
    e1 = d2 @ w2.T

    def step():
        rh1 = (x @ rw1 + rb1) * slope1
        rh2 = (rh1 @ w2 + h1 @ rw2 + rb2) * slope2
        rlogits = rh2 @ w3 + h2 @ rw3 + rb3
        rd3 = p * (rlogits - (p * rlogits).sum(axis=1, keepdims=True)) / BATCH
        rd2 = (rd3 @ w3.T + d3 @ rw3.T) * slope2 - e2 * (2.0 * h2 * rh2)
        rd1 = (rd2 @ w2.T + d2 @ rw2.T) * slope1 - e1 * (2.0 * h1 * rh1)
        return (
            loss,
            x.T @ rd1,
            rd1.sum(axis=0),
            rh1.T @ d2 + h1.T @ rd2,
            rd2.sum(axis=0),
            rh2.T @ d3 + h2.T @ rd3,
            rd3.sum(axis=0),
        )

    return step


def minigrad_loss(x, labels):
    """Give the loss as a function of the parameters."""
    import minigrad.numpy as np
    from minigrad.nn import cross_entropy

    def loss_of(parameters):
        w1, b1, w2, b2, w3, b3 = parameters
        h = np.tanh(x @ w1 + b1)
        h = np.tanh(h @ w2 + b2)
        return cross_entropy(h @ w3 + b3, labels)

    return loss_of


def minigrad_gradient(x, labels, parameters, direction):
    """Record, sweep and forget."""
    import minigrad as mg

    gradient = mg.value_and_grad(minigrad_loss(x, labels))

    def step():
        loss, gradients = gradient(parameters)
        return loss, *gradients

    return step


def minigrad_product(x, labels, parameters, direction):
    """Linearize the gradient once, and push the vector through."""
    import minigrad as mg

    loss_of = minigrad_loss(x, labels)
    loss = loss_of(parameters)
    _, linearization = mg.linearize(mg.grad(loss_of), parameters)

    def step():
        return loss, *linearization.push(direction)

    return step


def pytorch_product(x, labels, parameters, direction):
    """Keep the graph of the gradient, and pull the vector back; the Hessian is symmetric."""
    import torch

    x, labels = torch.tensor(x), torch.tensor(labels)
    parameters = [torch.tensor(p, requires_grad=True) for p in parameters]
    direction = [torch.tensor(v) for v in direction]
    w1, b1, w2, b2, w3, b3 = parameters
    h = torch.tanh(x @ w1 + b1)
    h = torch.tanh(h @ w2 + b2)
    loss = torch.nn.functional.cross_entropy(h @ w3 + b3, labels)
    gradients = torch.autograd.grad(loss, parameters, create_graph=True)
    value = loss.item()

    def step():
        return value, *torch.autograd.grad(gradients, parameters, direction, retain_graph=True)

    return step


def autograd_product(x, labels, parameters, direction):
    """Use the library's own function for it, which also keeps the graph of the gradient."""
    import autograd
    import autograd.numpy as np
    from autograd.scipy.special import logsumexp

    rows = numpy.arange(BATCH)

    def loss_of(parameters):
        w1, b1, w2, b2, w3, b3 = parameters
        h = np.tanh(np.dot(x, w1) + b1)
        h = np.tanh(np.dot(h, w2) + b2)
        logits = np.dot(h, w3) + b3
        return np.mean(logsumexp(logits, axis=1) - logits[rows, labels])

    loss = loss_of(parameters)
    product, _ = autograd.make_hvp(loss_of)(parameters)

    def step():
        return loss, *product(direction)

    return step


CONTENDERS = [
    Contender("gradient: NumPy by hand", gradient_by_hand),
    Contender("gradient: minigrad", minigrad_gradient, like="gradient: NumPy by hand"),
    Contender("product: NumPy by hand", product_by_hand),
    Contender(
        "product: minigrad, push on a linearization",
        minigrad_product,
        like="product: NumPy by hand",
        targets={"gradient: minigrad": 2.2},
    ),
    Contender("product: PyTorch, gradient of the gradient", pytorch_product, like="product: NumPy by hand"),
    Contender("product: autograd, make_hvp", autograd_product, like="product: NumPy by hand"),
]
