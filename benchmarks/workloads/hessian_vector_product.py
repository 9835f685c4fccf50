"""A Hessian-vector product at a fixed point: what each step of a Krylov solver costs.

The classifier of `benchmarks.curvature`, in float64. The products are taken many times at the same parameters, so what
a library can keep from one to the next it keeps: minigrad its linearization, PyTorch and autograd the graph of the
gradient. torch.func and JAX have nothing to keep and run the network again. MyGrad has no second derivatives. What
stands in the place of the loss is the curvature v . Hv.
"""

import numpy

from benchmarks import Contender, devices
from benchmarks.by_hand import joined
from benchmarks.curvature import (
    ByHand,
    autograd_loss,
    cut,
    drawn,
    inner,
    jax_loss,
    logits_of,
    torch_inner,
)

UNIT = ("product", 1)
TOLERANCE = 1e-9
problem = drawn


def by_hand(x, labels, parameters, direction):
    """Differentiate every line of the gradient along the direction; a name with r in front is such a derivative.

    References
    ----------
    Pearlmutter, B. A. (1994). Fast exact multiplication by the Hessian. Neural Computation 6(1), 147-160.
    """
    _, _, w2, _, w3, _ = parameters
    at = ByHand(x, labels).linearize(parameters)
    e2 = at.d3 @ w3.T
    d2 = e2 * at.slope2
    bend2 = -2.0 * at.h2 * e2  # (1 - h²)' = -2 h h'
    bend1 = -2.0 * at.h1 * (d2 @ w2.T)
    rd1, part1 = numpy.empty_like(at.h1), numpy.empty_like(at.h1)
    rd2, part2 = numpy.empty_like(at.h2), numpy.empty_like(at.h2)
    rd3 = numpy.empty_like(at.p)
    part_w2, part_w3 = numpy.empty_like(w2), numpy.empty_like(w3)
    v = joined(direction)
    product = numpy.empty_like(v)
    tangent, out = cut(v), cut(product)
    _, _, rw2, _, rw3, _ = tangent
    gw1, gb1, gw2, gb2, gw3, gb3 = out

    def step():
        rh1, rh2, rlogits = at.push(tangent)
        numpy.copyto(rd3, rlogits)
        at.curve(rd3)
        numpy.matmul(rd3, w3.T, out=rd2)
        numpy.add(rd2, numpy.matmul(at.d3, rw3.T, out=part2), out=rd2)
        numpy.multiply(rd2, at.slope2, out=rd2)
        numpy.add(rd2, numpy.multiply(bend2, rh2, out=part2), out=rd2)
        numpy.matmul(rd2, w2.T, out=rd1)
        numpy.add(rd1, numpy.matmul(d2, rw2.T, out=part1), out=rd1)
        numpy.multiply(rd1, at.slope1, out=rd1)
        numpy.add(rd1, numpy.multiply(bend1, rh1, out=part1), out=rd1)
        numpy.matmul(x.T, rd1, out=gw1)
        numpy.matmul(at.ones, rd1, out=gb1)
        numpy.matmul(rh1.T, d2, out=gw2)
        numpy.add(gw2, numpy.matmul(at.h1.T, rd2, out=part_w2), out=gw2)
        numpy.matmul(at.ones, rd2, out=gb2)
        numpy.matmul(rh2.T, at.d3, out=gw3)
        numpy.add(gw3, numpy.matmul(at.h2.T, rd3, out=part_w3), out=gw3)
        numpy.matmul(at.ones, rd3, out=gb3)
        return v @ product, *out

    return step


def products_alone(x, labels, parameters, direction):
    """Take the matrix products of the hand-written step and nothing else."""
    _, _, w2, _, w3, _ = parameters
    rw1, _, rw2, _, rw3, _ = direction
    at = ByHand(x, labels).linearize(parameters)
    d1, d2, d3 = (numpy.ones_like(a) for a in (at.h1, at.h2, at.d3))
    pairs = [(x, rw1), (at.h1, w2), (at.h1, rw2), (at.h2, w3), (at.h2, rw3)]
    pairs += [(d3, w3.T), (d3, rw3.T), (d2, w2.T), (d2, rw2.T)]
    pairs += [(x.T, d1), (at.h1.T, d2), (at.h1.T, d2), (at.h2.T, d3), (at.h2.T, d3)]
    products = [(a, b, a @ b) for a, b in pairs]

    def step():
        for a, b, out in products:
            numpy.matmul(a, b, out=out)

    return step


def minigrad(x, labels, parameters, direction):
    """Linearize the gradient once, and push the vector through."""
    import minigrad as mg
    import minigrad.numpy as np

    x, labels = devices.on_backend(x), devices.on_backend(labels)
    parameters, direction = ([devices.on_backend(a) for a in arrays] for arrays in (parameters, direction))

    def loss_of(parameters):
        return mg.nn.cross_entropy(logits_of(np, x, parameters), labels)

    _, linearization = mg.linearize(mg.grad(loss_of), parameters)

    def step():
        product = linearization.push(direction)
        return inner(np, direction, product).item(), *product

    return step


def pytorch(x, labels, parameters, direction):
    """Keep the graph of the gradient, and pull the vector back; the Hessian is symmetric."""
    import torch

    x, labels = devices.on_torch(x), devices.on_torch(labels)
    parameters = [devices.on_torch(p).requires_grad_() for p in parameters]
    direction = [devices.on_torch(v) for v in direction]
    loss = torch.nn.functional.cross_entropy(logits_of(torch, x, parameters), labels)
    gradients = torch.autograd.grad(loss, parameters, create_graph=True)

    def step():
        product = torch.autograd.grad(gradients, parameters, direction, retain_graph=True)
        return torch_inner(direction, product).item(), *product

    return step


def torch_func(x, labels, parameters, direction):
    """Push the vector through the gradient, anew each time."""
    import torch

    x, labels = devices.on_torch(x), devices.on_torch(labels)
    parameters, direction = (tuple(devices.on_torch(a) for a in arrays) for arrays in (parameters, direction))

    def loss_of(parameters):
        return torch.nn.functional.cross_entropy(logits_of(torch, x, parameters), labels)

    def step():
        _, product = torch.func.jvp(torch.func.grad(loss_of), (parameters,), (direction,))
        return torch_inner(direction, product).item(), *product

    return step


def autograd(x, labels, parameters, direction):
    """Use the library's own function for it, which also keeps the graph of the gradient."""
    import autograd
    import autograd.numpy as np

    product_at, _ = autograd.make_hvp(lambda parameters: autograd_loss(logits_of(np, x, parameters), labels))(
        parameters
    )

    def step():
        product = product_at(direction)
        return inner(np, direction, product), *product

    return step


def jax_jit(x, labels, parameters, direction):
    """Push the vector through the gradient, compiled as one function."""
    import jax

    jax.config.update("jax_enable_x64", True)
    x, labels, parameters, direction = jax.tree.map(jax.numpy.asarray, (x, labels, parameters, direction))

    @jax.jit
    def product_at(parameters, direction):
        gradient = jax.grad(lambda parameters: jax_loss(logits_of(jax.numpy, x, parameters), labels))
        _, product = jax.jvp(gradient, (parameters,), (direction,))
        return inner(jax.numpy, direction, product), *product

    def step():
        return jax.block_until_ready(product_at(parameters, direction))

    return step


BY_HAND = "NumPy by hand"
CONTENDERS = [
    Contender(BY_HAND, by_hand),
    Contender("matrix products alone", products_alone),
    Contender(
        "minigrad, push on a linearization",
        minigrad,
        like=BY_HAND,
        targets={BY_HAND: 1.25},
        library="minigrad",
        gpu=True,
    ),
    Contender("PyTorch, gradient of the gradient", pytorch, like=BY_HAND, library="torch", gpu=True),
    Contender("PyTorch, torch.func", torch_func, like=BY_HAND, library="torch", gpu=True),
    Contender("autograd, make_hvp", autograd, like=BY_HAND, library="autograd"),
    Contender("JAX jit", jax_jit, like=BY_HAND, library="jax"),
]
