"""The cost of one operation that does next to nothing: the engine's own overhead.

A chain of 2,000 elementwise operations on 16 numbers, forward and backward with respect to both inputs. The arithmetic
takes a small part of the time; the rest is what a library spends on dispatching, recording and sweeping. JAX compiles
one block and repeats it, because to compile 2,000 operations in a row takes it minutes.
"""

import numpy
from numpy import add, cos, divide, exp, multiply, sin, subtract, tanh

from benchmarks import Contender, devices

BLOCKS = 200
UNIT = ("operation", 10 * BLOCKS + 2)  # of the forward pass; its time includes its share of the backward pass
TOLERANCE = 1e-4


def problem(seed):
    """Draw two vectors."""
    rng = numpy.random.default_rng(seed)
    return {"x": rng.standard_normal(16).astype("float32"), "w": rng.standard_normal(16).astype("float32")}


def block(np, h, x, w):
    """Ten operations: multiply, add, tanh, multiply, exp, multiply, subtract, add, divide, sin."""
    a = np.tanh(h * w + x)
    b = np.exp(-0.5 * a)
    return np.sin((a - b * w) / (b + 1.0))


def chain(np, x, w):
    """Repeat the block, and end in one number."""
    h = x
    for _ in range(BLOCKS):
        h = block(np, h, x, w)
    return (h * h).sum()


def by_hand(x, w):
    """Write the chain rule out, in arrays that are made once."""
    hs = [x, *numpy.empty((BLOCKS, 16), x.dtype)]
    kept = numpy.empty((BLOCKS, 4, 16), x.dtype)
    blocks = [(h, *arrays, after) for h, arrays, after in zip(hs, kept, hs[1:], strict=False)]
    one, minus_half = numpy.full(16, 1.0, x.dtype), numpy.full(16, -0.5, x.dtype)
    s, t, dh, dx, dw = numpy.empty((5, 16), x.dtype)

    def step():
        for h, a, b, bottom, c, after in blocks:
            tanh(add(multiply(h, w, a), x, a), a)
            exp(multiply(a, minus_half, b), b)
            subtract(a, multiply(b, w, s), c)
            divide(c, add(b, one, bottom), c)
            sin(c, after)
        loss = numpy.vdot(after, after)

        add(after, after, dh)
        dx.fill(0.0)
        dw.fill(0.0)
        for h, a, b, bottom, c, _ in reversed(blocks):
            divide(multiply(dh, cos(c, s), dh), bottom, dh)
            multiply(dh, b, s)
            subtract(dw, s, dw)
            multiply(s, add(w, c, t), t)
            subtract(dh, multiply(t, minus_half, t), dh)
            subtract(one, multiply(a, a, s), s)
            multiply(dh, s, dh)
            add(dx, dh, dx)
            add(dw, multiply(dh, h, s), dw)
            multiply(dh, w, dh)
        add(dx, dh, dx)
        return loss, dx, dw

    return step


def minigrad_backward(x, w):
    """Tensors and `backward`."""
    import minigrad as mg
    import minigrad.numpy as np

    x, w = (mg.tensor(devices.on_backend(v), requires_grad=True) for v in (x, w))

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

    x, w = devices.on_backend(x), devices.on_backend(w)
    gradient = mg.value_and_grad(lambda x, w: chain(np, x, w), (0, 1))

    def step():
        loss, (dx, dw) = gradient(x, w)
        return loss.item(), dx, dw

    return step


def minigrad_compiled(x, w):
    """The gradient of a plain function, replayed."""
    import minigrad as mg
    import minigrad.numpy as np

    gradient = mg.compile(mg.value_and_grad(lambda x, w: chain(np, x, w), (0, 1)))

    def step():
        loss, (dx, dw) = gradient(x, w)
        return loss.item(), dx, dw

    return step


def pytorch(x, w):
    """Tensors and `backward`."""
    import torch

    x, w = (devices.on_torch(v).requires_grad_() for v in (x, w))

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


def mygrad(x, w):
    """Tensors and `backward`."""
    import mygrad as mg

    x, w = mg.tensor(x), mg.tensor(w)

    def step():
        x.null_grad()
        w.null_grad()
        loss = chain(mg, x, w)
        loss.backward()
        return loss.item(), x.grad, w.grad

    return step


def jax_jit(x, w):
    """A loop of blocks and its gradient, compiled as one function."""
    import jax
    import jax.numpy as np

    def loss_of(x, w):
        h, _ = jax.lax.scan(lambda h, _: (block(np, h, x, w), None), x, length=BLOCKS)
        return (h * h).sum()

    gradient = jax.jit(jax.value_and_grad(loss_of, (0, 1)))

    def step():
        loss, (dx, dw) = jax.block_until_ready(gradient(x, w))
        return loss, dx, dw

    return step


BY_HAND = "NumPy by hand"
TARGETS = {BY_HAND: 4.3, "PyTorch": 0.6}
CONTENDERS = [
    Contender(BY_HAND, by_hand),
    Contender(
        "minigrad, Tensor.backward", minigrad_backward, like=BY_HAND, targets=TARGETS, library="minigrad", gpu=True
    ),
    Contender("minigrad, value_and_grad", minigrad_grad, like=BY_HAND, targets=TARGETS, library="minigrad", gpu=True),
    Contender("minigrad, compiled", minigrad_compiled, like=BY_HAND, targets={BY_HAND: 2.0}, library="minigrad"),
    Contender("PyTorch", pytorch, like=BY_HAND, library="torch", gpu=True),
    Contender("autograd", hips_autograd, like=BY_HAND, library="autograd"),
    Contender("MyGrad", mygrad, like=BY_HAND, library="mygrad"),
    Contender("JAX jit", jax_jit, like=BY_HAND, library="jax"),
]
