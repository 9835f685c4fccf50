"""What the workloads about curvature share: a classifier, a batch, a direction, and the derivatives by hand.

A network 784-256-128-10 with tanh, a batch of 512, float64, softmax cross-entropy. `logits_of` and `inner` are written
once for all libraries, which have the same names for what is used there.
"""

from itertools import accumulate, pairwise
from math import prod

import numpy

SIZES = (784, 256, 128, 10)
BATCH = 512
SHAPES = [shape for inputs, outputs in pairwise(SIZES) for shape in ((inputs, outputs), (outputs,))]


def drawn(seed):
    """Draw a batch, the parameters, and a direction in their space."""
    rng = numpy.random.default_rng(seed)
    return {
        "x": rng.standard_normal((BATCH, SIZES[0])),
        "labels": rng.integers(0, SIZES[-1], BATCH),
        "parameters": tuple(rng.standard_normal(shape) * shape[0] ** -0.5 for shape in SHAPES),
        "direction": tuple(rng.standard_normal(shape) for shape in SHAPES),
    }


def cut(vector):
    """Show a vector as the arrays of the parameters."""
    ends = accumulate(map(prod, SHAPES))
    return [vector[end - prod(shape) : end].reshape(shape) for end, shape in zip(ends, SHAPES, strict=True)]


def logits_of(np, x, parameters):
    """Run the network with the functions of a library."""
    w1, b1, w2, b2, w3, b3 = parameters
    h1 = np.tanh(x @ w1 + b1)
    h2 = np.tanh(h1 @ w2 + b2)
    return h2 @ w3 + b3


def inner(np, left, right):
    """Give the inner product of two lists of arrays."""
    return sum(np.vdot(a, b) for a, b in zip(left, right, strict=True))


def torch_inner(left, right):
    """Give the inner product of two lists of tensors; PyTorch's vdot takes vectors only."""
    return sum((a * b).sum() for a, b in zip(left, right, strict=True))


def autograd_loss(logits, labels):
    """Give the mean cross-entropy as autograd's users write it."""
    import autograd.numpy as np
    from autograd.scipy.special import logsumexp

    return np.mean(logsumexp(logits, axis=1) - logits[numpy.arange(BATCH), labels])


def jax_loss(logits, labels):
    """Give the mean cross-entropy as JAX's users write it."""
    import jax

    return -jax.numpy.mean(jax.nn.log_softmax(logits)[numpy.arange(BATCH), labels])


class ByHand:
    """The network and how tangents and cotangents go through it; every array is made once.

    Attributes
    ----------
    h1, h2, p : array
        The hidden layers and the probabilities.
    slope1, slope2 : array
        The derivative of tanh in the hidden layers.
    d3 : array
        The gradient of the loss in the logits.
    """

    def __init__(self, x, labels):
        self.x, self.ones = x, numpy.ones(BATCH)
        self.one_hot = numpy.eye(SIZES[-1])[labels]
        layers = [[numpy.empty((BATCH, width)) for width in SIZES[1:]] for _ in range(4)]
        (self.h1, self.h2, self.p), (self.slope1, self.slope2, self.d3) = layers[:2]
        (self.t1, self.t2, self.t3), (_, self.part2, self.part3) = layers[2:]

    def linearize(self, parameters):
        """Run the network at new parameters."""
        w1, b1, self.w2, b2, self.w3, b3 = parameters
        h1, h2, p = self.h1, self.h2, self.p
        numpy.matmul(self.x, w1, out=h1)
        numpy.tanh(numpy.add(h1, b1, out=h1), out=h1)
        numpy.subtract(1.0, numpy.multiply(h1, h1, out=self.slope1), out=self.slope1)
        numpy.matmul(h1, self.w2, out=h2)
        numpy.tanh(numpy.add(h2, b2, out=h2), out=h2)
        numpy.subtract(1.0, numpy.multiply(h2, h2, out=self.slope2), out=self.slope2)
        numpy.matmul(h2, self.w3, out=p)
        numpy.add(p, b3, out=p)
        numpy.subtract(p, p.max(axis=1, keepdims=True), out=p)
        numpy.exp(p, out=p)
        numpy.divide(p, p.sum(axis=1, keepdims=True), out=p)
        numpy.subtract(p, self.one_hot, out=self.d3)
        numpy.divide(self.d3, BATCH, out=self.d3)
        return self

    def push(self, tangent):
        """Push a tangent of the parameters to the hidden layers and the logits."""
        tw1, tb1, tw2, tb2, tw3, tb3 = tangent
        t1, t2, t3 = self.t1, self.t2, self.t3
        numpy.matmul(self.x, tw1, out=t1)
        numpy.add(t1, tb1, out=t1)
        numpy.multiply(t1, self.slope1, out=t1)
        numpy.matmul(t1, self.w2, out=t2)
        numpy.add(t2, numpy.matmul(self.h1, tw2, out=self.part2), out=t2)
        numpy.add(t2, tb2, out=t2)
        numpy.multiply(t2, self.slope2, out=t2)
        numpy.matmul(t2, self.w3, out=t3)
        numpy.add(t3, numpy.matmul(self.h2, tw3, out=self.part3), out=t3)
        numpy.add(t3, tb3, out=t3)
        return t1, t2, t3

    def curve(self, t):
        """Multiply a tangent of the logits, in place, by the Hessian of the loss: (p t - p (p . t)) / n."""
        numpy.multiply(self.p, t, out=t)
        numpy.multiply(self.p, t.sum(axis=1, keepdims=True), out=self.part3)
        numpy.subtract(t, self.part3, out=t)
        numpy.divide(t, BATCH, out=t)
        return t

    def pull(self, d3, out):
        """Pull a cotangent of the logits back to the parameters."""
        gw1, gb1, gw2, gb2, gw3, gb3 = out
        d1, d2 = self.t1, self.t2
        numpy.matmul(d3, self.w3.T, out=d2)
        numpy.multiply(d2, self.slope2, out=d2)
        numpy.matmul(d2, self.w2.T, out=d1)
        numpy.multiply(d1, self.slope1, out=d1)
        numpy.matmul(self.x.T, d1, out=gw1)
        numpy.matmul(self.ones, d1, out=gb1)
        numpy.matmul(self.h1.T, d2, out=gw2)
        numpy.matmul(self.ones, d2, out=gb2)
        numpy.matmul(self.h2.T, d3, out=gw3)
        numpy.matmul(self.ones, d3, out=gb3)

    def gauss_newton(self, v, out):
        """Multiply a vector by the Gauss-Newton matrix."""
        _, _, tangent = self.push(v)
        self.pull(self.curve(tangent), out)
