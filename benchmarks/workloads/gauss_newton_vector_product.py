"""A product with the generalised Gauss-Newton matrix at a fixed point: Jᵀ H J v, with H the Hessian of the loss.

The classifier of `benchmarks.curvature`, in float64; J is the Jacobian of its logits in the parameters. As with the
Hessian, a library keeps from one product to the next what it can. PyTorch has no forward mode over a graph that is
kept, so there J v is the derivative of Jᵀ u along v in u. torch.func and JAX run the network again. MyGrad has no
second derivatives. What stands in the place of the loss is the curvature v . Gv.
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
    """Push the vector to the logits, multiply by the curvature of the loss, pull the result back."""
    at = ByHand(x, labels).linearize(parameters)
    v = joined(direction)
    product = numpy.empty_like(v)
    tangent, out = cut(v), cut(product)

    def step():
        at.gauss_newton(tangent, out)
        return v @ product, *out

    return step


def products_alone(x, labels, parameters, direction):
    """Take the matrix products of the hand-written step and nothing else."""
    _, _, w2, _, w3, _ = parameters
    tw1, _, tw2, _, tw3, _ = direction
    at = ByHand(x, labels).linearize(parameters)
    d1, d2, d3 = (numpy.ones_like(a) for a in (at.h1, at.h2, at.d3))
    pairs = [(x, tw1), (at.h1, w2), (at.h1, tw2), (at.h2, w3), (at.h2, tw3)]
    pairs += [(d3, w3.T), (d2, w2.T), (x.T, d1), (at.h1.T, d2), (at.h2.T, d3)]
    products = [(a, b, a @ b) for a, b in pairs]

    def step():
        for a, b, out in products:
            numpy.matmul(a, b, out=out)

    return step


def minigrad(x, labels, parameters, direction):
    """Linearize the network and the gradient of the loss once, and go through both."""
    import minigrad as mg
    import minigrad.numpy as np

    x, labels = devices.on_backend(x), devices.on_backend(labels)
    parameters, direction = ([devices.on_backend(a) for a in arrays] for arrays in (parameters, direction))
    product_with = mg.gauss_newton(
        lambda parameters: logits_of(np, x, parameters),
        lambda logits: mg.nn.cross_entropy(logits, labels),
        parameters,
    )

    def step():
        product = product_with(direction)
        return inner(np, direction, product).item(), *product

    return step


def pytorch(x, labels, parameters, direction):
    """Keep three graphs: of the logits, of Jᵀ u, and of the gradient of the loss in the logits."""
    import torch
    from torch.autograd import grad

    x, labels = devices.on_torch(x), devices.on_torch(labels)
    parameters = [devices.on_torch(p).requires_grad_() for p in parameters]
    direction = [devices.on_torch(v) for v in direction]
    logits = logits_of(torch, x, parameters)
    u = torch.zeros_like(logits, requires_grad=True)
    pulled = grad(logits, parameters, u, create_graph=True)
    z = logits.detach().requires_grad_()
    (slope,) = grad(torch.nn.functional.cross_entropy(z, labels), z, create_graph=True)

    def step():
        (tangent,) = grad(pulled, u, direction, retain_graph=True)
        (curved,) = grad(slope, z, tangent, retain_graph=True)
        product = grad(logits, parameters, curved, retain_graph=True)
        return torch_inner(direction, product).item(), *product

    return step


def torch_func(x, labels, parameters, direction):
    """Push, multiply and pull, anew each time."""
    import torch
    from torch.func import grad, jvp, vjp

    x, labels = devices.on_torch(x), devices.on_torch(labels)
    parameters, direction = (tuple(devices.on_torch(a) for a in arrays) for arrays in (parameters, direction))

    def model(parameters):
        return logits_of(torch, x, parameters)

    def loss(logits):
        return torch.nn.functional.cross_entropy(logits, labels)

    def step():
        logits, tangent = jvp(model, (parameters,), (direction,))
        _, curved = jvp(grad(loss), (logits,), (tangent,))
        _, pull = vjp(model, parameters)
        (product,) = pull(curved)
        return torch_inner(direction, product).item(), *product

    return step


def autograd(x, labels, parameters, direction):
    """Use the library's own function for it, which also keeps its graphs."""
    import autograd
    import autograd.numpy as np

    product_at = autograd.differential_operators.make_ggnvp(
        lambda parameters: logits_of(np, x, parameters), lambda logits: autograd_loss(logits, labels)
    )
    product_with = product_at(parameters)

    def step():
        product = product_with(direction)
        return inner(np, direction, product), *product

    return step


def jax_jit(x, labels, parameters, direction):
    """Push, multiply and pull, compiled as one function."""
    import jax

    jax.config.update("jax_enable_x64", True)
    x, labels, parameters, direction = jax.tree.map(jax.numpy.asarray, (x, labels, parameters, direction))

    def model(parameters):
        return logits_of(jax.numpy, x, parameters)

    @jax.jit
    def product_at(parameters, direction):
        logits, push = jax.linearize(model, parameters)
        _, curved = jax.jvp(jax.grad(lambda logits: jax_loss(logits, labels)), (logits,), (push(direction),))
        (product,) = jax.linear_transpose(push, parameters)(curved)
        return inner(jax.numpy, direction, product), *product

    def step():
        return jax.block_until_ready(product_at(parameters, direction))

    return step


BY_HAND = "NumPy by hand"
CONTENDERS = [
    Contender(BY_HAND, by_hand),
    Contender("matrix products alone", products_alone),
    Contender("minigrad, gauss_newton", minigrad, like=BY_HAND, targets={BY_HAND: 1.2}, library="minigrad", gpu=True),
    Contender("PyTorch, graphs kept", pytorch, like=BY_HAND, library="torch", gpu=True),
    Contender("PyTorch, torch.func", torch_func, like=BY_HAND, library="torch", gpu=True),
    Contender("autograd, make_ggnvp", autograd, like=BY_HAND, library="autograd"),
    Contender("JAX jit", jax_jit, like=BY_HAND, library="jax"),
]
