"""What several hand-written contenders consist of: a network and its derivative, and Adam, in arrays made once."""

from itertools import pairwise

import numpy

RATE = 2e-4
BETAS = (0.5, 0.999)  # with less than 0.999, squares of gradients that stay 0 would soon be subnormal, and slow
EPS = 1e-8


def pieces(vector, like):
    """Cut a vector into views of the shapes of other arrays."""
    ends = numpy.cumsum([array.size for array in like])
    return [part.reshape(array.shape) for part, array in zip(numpy.split(vector, ends[:-1]), like, strict=True)]


def joined(arrays):
    """Give all numbers of some arrays as one vector."""
    return numpy.concatenate([array.ravel() for array in arrays])


def drawn_layers(rng, sizes):
    """Draw the weights, of shape (outputs, inputs), and the biases of fully connected layers."""
    layers = []
    for inputs, outputs in pairwise(sizes):
        bound = inputs**-0.5
        layers.append(rng.uniform(-bound, bound, (outputs, inputs)).astype("float32"))
        layers.append(rng.uniform(-bound, bound, outputs).astype("float32"))
    return layers


class Layers:
    """Fully connected layers with ReLU between them, for batches of one size.

    `inputs` holds the input of each layer and `cotangents` that of each of them, with the output's at the end.
    """

    def __init__(self, parameters, rows):
        self.weights, self.biases = parameters[::2], parameters[1::2]
        dtype = self.biases[0].dtype
        self.outputs = [numpy.empty((rows, len(bias)), dtype) for bias in self.biases]
        self.zeros = [numpy.zeros_like(h) for h in self.outputs[:-1]]  # NumPy is faster against these than against 0.0
        self.active = [numpy.empty(h.shape, bool) for h in self.outputs[:-1]]
        self.cotangents = [numpy.empty((rows, weight.shape[1]), dtype) for weight in self.weights]
        self.cotangents.append(None)
        self.ones = numpy.ones(rows, dtype)

    def forward(self, x):
        """Give the last layer's output."""
        self.inputs = [x, *self.outputs[:-1]]
        for i, out in enumerate(self.outputs):
            numpy.matmul(self.inputs[i], self.weights[i].T, out=out)
            numpy.add(out, self.biases[i], out=out)
            if i < len(self.zeros):
                numpy.maximum(out, self.zeros[i], out=out)
        return out

    def pull(self, d, to=0):
        """Give the cotangent of the input of layer `to`, for one of the output."""
        self.cotangents[-1] = d
        for i in reversed(range(to, len(self.weights))):
            d = numpy.matmul(d, self.weights[i], out=self.cotangents[i])
            if i:
                numpy.multiply(d, numpy.greater(self.inputs[i], 0.0, out=self.active[i - 1]), out=d)
        return d

    def products(self, gradients):
        """Write the gradients of the parameters, for what was pulled back last."""
        for i, h in enumerate(self.inputs):
            numpy.matmul(self.cotangents[i + 1].T, h, out=gradients[2 * i])
            numpy.matmul(self.ones, self.cotangents[i + 1], out=gradients[2 * i + 1])


class Adam:
    """Adam on one vector, with m / (1 - beta1) and v / (1 - beta2) in the place of m and v: two passes less."""

    def __init__(self, theta, gradient):
        self.theta, self.gradient = theta, gradient
        self.mean, self.square = numpy.zeros_like(theta), numpy.zeros_like(theta)
        self.change = numpy.empty_like(theta)
        self.steps = 0

    def step(self):
        """Move the vector in place."""
        self.steps += 1
        beta1, beta2 = BETAS
        of_mean, of_square = ((1.0 - beta) / (1.0 - beta**self.steps) for beta in BETAS)
        numpy.multiply(self.mean, beta1, out=self.mean)
        numpy.add(self.mean, self.gradient, out=self.mean)
        numpy.multiply(self.gradient, self.gradient, out=self.change)
        numpy.multiply(self.square, beta2, out=self.square)
        numpy.add(self.square, self.change, out=self.square)
        numpy.sqrt(self.square, out=self.change)
        numpy.add(self.change, EPS / of_square**0.5, out=self.change)
        numpy.divide(self.mean, self.change, out=self.change)
        numpy.multiply(self.change, RATE * of_mean / of_square**0.5, out=self.change)
        numpy.subtract(self.theta, self.change, out=self.theta)


def adam_state(parameters):
    """Give the first state of `adam_step`."""
    return [numpy.zeros_like(p) for p in parameters], [numpy.zeros_like(p) for p in parameters], 0


def adam_step(sqrt, parameters, gradients, state):
    """Give new parameters and a new state, for libraries that have no optimizers."""
    means, squares, steps = state
    steps = steps + 1
    beta1, beta2 = BETAS
    of_mean, of_square = 1.0 - beta1**steps, 1.0 - beta2**steps
    means = [beta1 * m + (1.0 - beta1) * g for m, g in zip(means, gradients, strict=True)]
    squares = [beta2 * v + (1.0 - beta2) * (g * g) for v, g in zip(squares, gradients, strict=True)]
    moved = [
        p - RATE * (m / of_mean) / (sqrt(v / of_square) + EPS)
        for p, m, v in zip(parameters, means, squares, strict=True)
    ]
    return moved, (means, squares, steps)
