"""Long chains of operations on 16 numbers, forward and backward: a library may run out of stack, memory or patience.

A link multiplies by w and adds b. All of w is -1, so that numbers neither vanish nor grow, whatever the length. JAX is
left out: it compiles a loop, and has no chain to record. The others are asked for no more than 100,000 operations,
because a million takes them from ten seconds to a minute.
"""

import numpy
from numpy import add, multiply

from benchmarks import Contender, devices

GROWS = {"operations": (1_000, 10_000, 100_000, 1_000_000)}
UNIT = ("chain", 1)
ROUNDS = 5
TOLERANCE = 1e-9


def problem(seed, operations):
    """Draw the beginning and what is added."""
    rng = numpy.random.default_rng(seed)
    x, b = rng.standard_normal((2, 16))
    return {"x": x, "w": numpy.full(16, -1.0), "b": b, "links": operations // 2}


def chain(x, w, b, links):
    """Go through all links, and end in one number."""
    h = x
    for _ in range(links):
        h = h * w + b
    return (h * h).sum()


def by_hand(x, w, b, links):
    """Write the chain rule out, in arrays that are made once."""
    hs = [x, *numpy.empty((links, 16))]
    dh, dw, db, product = numpy.empty((4, 16))

    def step():
        h = x
        for after in hs[1:]:
            h = add(multiply(h, w, after), b, after)
        add(h, h, dh)
        dw.fill(0.0)
        db.fill(0.0)
        for before in hs[-2::-1]:
            add(db, dh, db)
            add(dw, multiply(dh, before, product), dw)
            multiply(dh, w, dh)
        return numpy.vdot(h, h), dh, dw, db

    return step


def minigrad(x, w, b, links):
    """Tensors and `backward`."""
    import minigrad as mg

    leaves = [mg.tensor(devices.on_backend(v), requires_grad=True) for v in (x, w, b)]

    def step():
        for leaf in leaves:
            leaf.grad = None
        loss = chain(*leaves, links)
        loss.backward()
        return loss.item(), *(leaf.grad for leaf in leaves)

    return step


def pytorch(x, w, b, links):
    """Tensors and `backward`."""
    leaves = [devices.on_torch(v).requires_grad_() for v in (x, w, b)]

    def step():
        for leaf in leaves:
            leaf.grad = None
        loss = chain(*leaves, links)
        loss.backward()
        return loss.item(), *(leaf.grad for leaf in leaves)

    return step


def hips_autograd(x, w, b, links):
    """A plain function and its gradient."""
    import autograd

    gradient = autograd.value_and_grad(lambda leaves: chain(*leaves, links))

    def step():
        loss, gradients = gradient((x, w, b))
        return loss, *gradients

    return step


def mygrad(x, w, b, links):
    """Tensors and `backward`."""
    import mygrad as mg

    leaves = [mg.tensor(v) for v in (x, w, b)]

    def step():
        for leaf in leaves:
            leaf.null_grad()
        loss = chain(*leaves, links)
        loss.backward()
        return loss.item(), *(leaf.grad for leaf in leaves)

    return step


BY_HAND = "NumPy by hand"
CONTENDERS = [
    Contender(BY_HAND, by_hand),
    Contender("minigrad", minigrad, like=BY_HAND, library="minigrad", gpu=True),
    Contender("PyTorch", pytorch, like=BY_HAND, library="torch", gpu=True, largest=100_000),
    Contender("autograd", hips_autograd, like=BY_HAND, library="autograd", largest=100_000),
    Contender("MyGrad", mygrad, like=BY_HAND, library="mygrad", largest=100_000),
]
