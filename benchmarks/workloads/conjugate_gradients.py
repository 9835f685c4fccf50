"""Fifty iterations of conjugate gradients on the damped Gauss-Newton system (G + λI) d = −g: one second-order step.

The classifier of `benchmarks.curvature`, in float64. A step starts from the parameters: it runs the network, takes the
gradient g, and multiplies by G fifty times. What does not change between the products is computed once where the
library allows it. JAX compiles the whole step as one function. MyGrad has no second derivatives. What stands in the
place of the loss is g . d / 2 − d . r / 2, with r the residual: what the quadratic model says that the step gains.
"""

import numpy

from benchmarks import Contender, devices
from benchmarks.by_hand import joined
from benchmarks.curvature import SHAPES, ByHand, autograd_loss, cut, drawn, jax_loss, logits_of

ITERATIONS = 50
DAMPING = 0.01
UNIT = ("step", 1)
TOLERANCE = 1e-6  # fifty iterations make more of a rounding error


def problem(seed):
    """Draw a batch and the parameters."""
    everything = drawn(seed)
    del everything["direction"]
    return everything


def conjugate_gradients(multiply, gradient):
    """Solve A d = -g for the A that `multiply` multiplies by, with vectors of NumPy or CuPy."""
    d, r = numpy.zeros_like(gradient), -gradient
    p, scaled = r.copy(), numpy.empty_like(r)
    rr = r @ r
    for _ in range(ITERATIONS):
        q = multiply(p)
        alpha = rr / (p @ q)
        d += numpy.multiply(p, alpha, out=scaled)
        r -= numpy.multiply(q, alpha, out=scaled)
        known, rr = rr, r @ r
        p *= rr / known
        p += r
    return 0.5 * (gradient @ d - d @ r), d


def by_hand(x, labels, parameters):
    """Push, multiply by the curvature of the loss, and pull, in arrays that are made once."""
    at = ByHand(x, labels)
    gradient, q, damping = (numpy.empty(sum(map(numpy.prod, SHAPES))) for _ in range(3))
    gradient_parts, q_parts = cut(gradient), cut(q)

    def damped(p):
        at.gauss_newton(cut(p), q_parts)
        return numpy.add(q, numpy.multiply(p, DAMPING, out=damping), out=q)

    def step():
        at.linearize(parameters)
        at.pull(at.d3, gradient_parts)
        return conjugate_gradients(damped, gradient)

    return step


def products_alone(x, labels, parameters):
    """Take the matrix products of the hand-written step and nothing else."""
    w1, _, w2, _, w3, _ = parameters
    at = ByHand(x, labels).linearize(parameters)
    d1, d2, d3 = (numpy.ones_like(a) for a in (at.h1, at.h2, at.d3))
    forward = [(x, w1), (at.h1, w2), (at.h2, w3)]
    push = [*forward, (at.h1, w2), (at.h2, w3)]
    pull = [(d3, w3.T), (d2, w2.T), (x.T, d1), (at.h1.T, d2), (at.h2.T, d3)]
    linearization, product = ([(a, b, a @ b) for a, b in pairs] for pairs in (forward + pull, push + pull))

    def step():
        for a, b, out in linearization + ITERATIONS * product:
            numpy.matmul(a, b, out=out)

    return step


def minigrad(x, labels, parameters):
    """Linearize the network and the gradient of the loss once; the gradient and every product go through both."""
    import minigrad as mg
    import minigrad.numpy as np

    x, labels = devices.on_backend(x), devices.on_backend(labels)
    parameters = [devices.on_backend(p) for p in parameters]

    def step():
        logits, of_model = mg.linearize(lambda parameters: logits_of(np, x, parameters), parameters)
        slope, of_slope = mg.linearize(mg.grad(lambda logits: mg.nn.cross_entropy(logits, labels)), logits)

        def pull(cotangent):
            (parts,) = of_model.pull(cotangent)
            return joined(parts)

        def damped(p):
            return pull(of_slope.push(of_model.push(cut(p)))) + DAMPING * p

        gain, d = conjugate_gradients(damped, pull(slope))
        return gain.item(), d

    return step


def pytorch(x, labels, parameters):
    """Keep three graphs: of the logits, of Jᵀ u, and of the gradient of the loss in the logits."""
    import torch
    from torch.autograd import grad

    x, labels = devices.on_torch(x), devices.on_torch(labels)
    parameters = [devices.on_torch(p).requires_grad_() for p in parameters]

    def step():
        logits = logits_of(torch, x, parameters)
        u = torch.zeros_like(logits, requires_grad=True)
        pulled = grad(logits, parameters, u, create_graph=True)
        z = logits.detach().requires_grad_()
        (slope,) = grad(torch.nn.functional.cross_entropy(z, labels), z, create_graph=True)

        def pull(cotangent):
            return torch.cat([part.flatten() for part in grad(logits, parameters, cotangent, retain_graph=True)])

        gradient = pull(slope.detach())
        d, r = torch.zeros_like(gradient), -gradient
        p, rr = r.clone(), r @ r
        for _ in range(ITERATIONS):
            (tangent,) = grad(pulled, u, cut(p), retain_graph=True)
            (curved,) = grad(slope, z, tangent, retain_graph=True)
            q = pull(curved) + DAMPING * p
            alpha = rr / (p @ q)
            d += alpha * p
            r -= alpha * q
            known, rr = rr, r @ r
            p = r + (rr / known) * p
        return (0.5 * (gradient @ d - d @ r)).item(), d

    return step


def autograd(x, labels, parameters):
    """Use the library's own function for the products, which keeps its graphs."""
    import autograd
    import autograd.numpy as np

    def model(parameters):
        return logits_of(np, x, parameters)

    def loss(logits):
        return autograd_loss(logits, labels)

    gradient_at = autograd.grad(lambda parameters: loss(model(parameters)))
    product_at = autograd.differential_operators.make_ggnvp(model, loss)

    def step():
        product_with = product_at(parameters)

        def damped(p):
            return joined(product_with(cut(p))) + DAMPING * p

        return conjugate_gradients(damped, joined(gradient_at(parameters)))

    return step


def jax_jit(x, labels, parameters):
    """Compile the whole step."""
    import jax
    import jax.numpy as np

    jax.config.update("jax_enable_x64", True)
    x, labels, theta = jax.tree.map(np.asarray, (x, labels, joined(parameters)))

    def model(theta):
        return logits_of(np, x, cut(theta))

    @jax.jit
    def solved(theta):
        logits, push = jax.linearize(model, theta)
        pull = jax.linear_transpose(push, theta)
        slope, curve = jax.linearize(jax.grad(lambda logits: jax_loss(logits, labels)), logits)
        (gradient,) = pull(slope)

        def iteration(_, state):
            d, r, p, rr = state
            (q,) = pull(curve(push(p)))
            q += DAMPING * p
            alpha = rr / (p @ q)
            d, r = d + alpha * p, r - alpha * q
            return d, r, r + (r @ r / rr) * p, r @ r

        start = np.zeros_like(gradient), -gradient, -gradient, gradient @ gradient
        d, r, _, _ = jax.lax.fori_loop(0, ITERATIONS, iteration, start)
        return 0.5 * (gradient @ d - d @ r), d

    def step():
        return jax.block_until_ready(solved(theta))

    return step


BY_HAND = "NumPy by hand"
CONTENDERS = [
    Contender(BY_HAND, by_hand),
    Contender("matrix products alone", products_alone),
    Contender("minigrad, linearize", minigrad, like=BY_HAND, targets={BY_HAND: 1.1}, library="minigrad", gpu=True),
    Contender("PyTorch, graphs kept", pytorch, like=BY_HAND, library="torch", gpu=True),
    Contender("autograd, make_ggnvp", autograd, like=BY_HAND, library="autograd"),
    Contender("JAX jit", jax_jit, like=BY_HAND, library="jax"),
]
