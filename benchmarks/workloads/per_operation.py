"""The cost of one operation that does next to nothing: the engine's own overhead.

A chain of elementwise operations on 16 numbers, forward and backward with respect to both inputs. The arithmetic takes
a small part of the time; the rest is what a library spends on dispatching, recording and sweeping.
"""

import numpy

from benchmarks import Contender

BLOCKS = 30
UNIT = ("operation", 10 * BLOCKS + 2)  # of the forward pass; its time includes its share of the backward pass
TOLERANCE = 1e-4


def problem(seed):
    """Draw two vectors."""
    rng = numpy.random.default_rng(seed)
    return {"x": rng.standard_normal(16).astype("float32"), "w": rng.standard_normal(16).astype("float32")}


def chain(np, x, w):
    """Ten operations a block: multiply, add, tanh, multiply, exp, multiply, subtract, add, divide, sin."""
    h = x
    for _ in range(BLOCKS):
        a = np.tanh(h * w + x)
        b = np.exp(-0.5 * a)
        h = np.sin((a - b * w) / (b + 1.0))
    return (h * h).sum()


def by_hand(x, w):
    """Keep what the backward pass needs, and write the chain rule out."""

    def step():
        h = x
        kept = []
        for _ in range(BLOCKS):
            a = numpy.tanh(h * w + x)
            b = numpy.exp(-0.5 * a)
            bottom = b + 1.0
            c = (a - b * w) / bottom
            kept.append((h, a, b, bottom, c))
            h = numpy.sin(c)
        loss = (h * h).sum()
        dh = 2.0 * h
        dx = numpy.zeros_like(x)
        dw = numpy.zeros_like(w)
        for h, a, b, bottom, c in reversed(kept):
            dtop = dh * numpy.cos(c) / bottom
            db = -dtop * (w + c)
            dw -= dtop * b
            da = dtop - 0.5 * (db * b)
            dz = da - da * (a * a)
            dx += dz
            dw += dz * h
            dh = dz * w
        dx += dh
        return loss, dx, dw

    return step


def minigrad_backward(x, w):
    """Tensors and `backward`."""
    import minigrad as mg
    import minigrad.numpy as np

    x, w = mg.tensor(x, requires_grad=True), mg.tensor(w, requires_grad=True)

    def step():
        x.grad = w.grad = None
        loss = chain(np, x, w)
        loss.backward()
        return loss.item(), x.grad, w.grad

    return step


def minigrad_grad(x, w):
    """A plain function and its gradient."""
    import minigrad as mg
    import minigrad.numpy as np

    gradient = mg.value_and_grad(lambda x, w: chain(np, x, w), (0, 1))

    def step():
        loss, (dx, dw) = gradient(x, w)
        return loss, dx, dw

    return step


def pytorch(x, w):
    """Tensors and `backward`."""
    import torch

    x, w = torch.tensor(x, requires_grad=True), torch.tensor(w, requires_grad=True)

    def step():
        x.grad = w.grad = None
        loss = chain(torch, x, w)
        loss.backward()
        return loss.item(), x.grad, w.grad

    return step


def hips_autograd(x, w):
    """A plain function and its gradient."""
    import autograd
    import autograd.numpy as np

    gradient = autograd.value_and_grad(lambda x, w: chain(np, x, w), (0, 1))

    def step():
        loss, (dx, dw) = gradient(x, w)
        return loss, dx, dw

    return step


TARGETS = {"PyTorch": 0.75, "autograd": 0.45}
CONTENDERS = [
    Contender("NumPy by hand", by_hand),
    Contender("minigrad, Tensor.backward", minigrad_backward, like="NumPy by hand", targets=TARGETS),
    Contender("minigrad, value_and_grad", minigrad_grad, like="NumPy by hand", targets=TARGETS),
    Contender("PyTorch", pytorch, like="NumPy by hand"),
    Contender("autograd", hips_autograd, like="NumPy by hand"),
]
