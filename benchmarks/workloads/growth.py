"""How time and memory grow with the batch, the width, the depth and the number of steps.

Layers of tanh, float32, which are gone through several times in a row, as a recurrent network does: forward, and
backward with respect to all weights and biases. One size grows, and the others stay what they are. Where the matrix
products take most of the time, it grows like the batch, the depth and the steps, and like the square of the width.
With ``--backend cupy`` the first table says from which batch on a GPU is faster.
"""

import numpy

from benchmarks import Contender, devices

BATCH, WIDTH, DEPTH, STEPS = 64, 128, 2, 4
GROWS = {
    "batch": (16, 64, 256, 1024, 4096),
    "width": (32, 64, 128, 256, 512),
    "depth": (1, 2, 4, 8, 16),
    "steps": (4, 16, 64, 256),
}
UNIT = ("step", 1)
ROUNDS = 7
TOLERANCE = 1e-3


def problem(seed, batch=BATCH, width=WIDTH, depth=DEPTH, steps=STEPS):
    """Draw a batch and the parameters; with this deviation of the weights, numbers neither vanish nor grow."""
    rng = numpy.random.default_rng(seed)
    return {
        "x": rng.standard_normal((batch, width)).astype("float32"),
        "weights": [(rng.standard_normal((width, width)) / width**0.5).astype("float32") for _ in range(depth)],
        "biases": [(0.1 * rng.standard_normal(width)).astype("float32") for _ in range(depth)],
        "steps": steps,
    }


def loss_of(tanh, x, weights, biases, steps):
    """Go through all layers in every step, and give half the mean square."""
    h = x
    for _ in range(steps):
        for w, b in zip(weights, biases, strict=True):
            h = tanh(h @ w + b)
    return 0.5 * (h * h).mean()


def by_hand(x, weights, biases, steps):
    """Write the chain rule out, in arrays that are made once."""
    hs = [x, *(numpy.empty_like(x) for _ in range(steps * len(weights)))]
    layers = list(zip(hs, hs[1:], weights * steps, biases * steps, strict=False))
    dws, dbs = [numpy.empty_like(w) for w in weights], [numpy.empty_like(b) for b in biases]
    grown = list(zip(dws * steps, dbs * steps, strict=True))
    dh, dz, dw, db = (numpy.empty_like(array) for array in (x, x, weights[0], biases[0]))
    ones = numpy.ones(len(x), x.dtype)

    def step():
        for h, after, w, b in layers:
            numpy.matmul(h, w, out=after)
            numpy.add(after, b, out=after)
            numpy.tanh(after, out=after)
        loss = 0.5 * numpy.vdot(after, after) / x.size

        numpy.divide(after, x.size, out=dh)
        for total in (*dws, *dbs):
            total.fill(0.0)
        for (h, after, w, _), (sum_w, sum_b) in zip(reversed(layers), reversed(grown), strict=True):
            numpy.multiply(after, after, out=dz)
            numpy.subtract(1.0, dz, out=dz)
            numpy.multiply(dz, dh, out=dz)
            numpy.add(sum_w, numpy.matmul(h.T, dz, out=dw), out=sum_w)
            numpy.add(sum_b, numpy.matmul(ones, dz, out=db), out=sum_b)
            if h is not x:
                numpy.matmul(dz, w.T, out=dh)
        return loss, *dws, *dbs

    return step


def minigrad(x, weights, biases, steps):
    """Tensors and `backward`."""
    import minigrad as mg
    import minigrad.numpy as np

    x = devices.on_backend(x)
    weights, biases = ([mg.tensor(devices.on_backend(v), requires_grad=True) for v in vs] for vs in (weights, biases))

    def step():
        for leaf in weights + biases:
            leaf.grad = None
        loss = loss_of(np.tanh, x, weights, biases, steps)
        loss.backward()
        return loss.item(), *(leaf.grad for leaf in weights + biases)

    return step


def pytorch(x, weights, biases, steps):
    """Tensors and `backward`."""
    import torch

    x = devices.on_torch(x)
    weights, biases = ([devices.on_torch(v).requires_grad_() for v in vs] for vs in (weights, biases))

    def step():
        for leaf in weights + biases:
            leaf.grad = None
        loss = loss_of(torch.tanh, x, weights, biases, steps)
        loss.backward()
        return loss.item(), *(leaf.grad for leaf in weights + biases)

    return step


BY_HAND = "NumPy by hand"
CONTENDERS = [
    Contender(BY_HAND, by_hand),
    Contender("minigrad", minigrad, like=BY_HAND, library="minigrad", gpu=True),
    Contender("PyTorch", pytorch, like=BY_HAND, library="torch", gpu=True),
]
