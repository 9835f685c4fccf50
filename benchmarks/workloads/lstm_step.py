"""One training step of an LSTM over 64 steps of time: many small operations, one after the other.

32 units, inputs of 16 numbers, batches of 32, float32: forward over the whole sequence, a readout that predicts the
next input at each time, the mean squared error, backward through time, and a step of gradient descent. It returns the
loss and the gradients of the parameters, which have PyTorch's order: weights and biases of the input and of the hidden
state, then weight and bias of the readout.
"""

from itertools import pairwise

import numpy

from benchmarks import Contender, devices

TIMES, BATCH, INPUTS, UNITS = 64, 32, 16, 32
RATE = 0.1
UNIT = ("step", 1)
TOLERANCE = 1e-4
MEMORY = True


def problem(seed):
    """Draw a sequence for each sample of the batch, and the first parameters."""
    rng = numpy.random.default_rng(seed)
    shapes = [(4 * UNITS, INPUTS), (4 * UNITS, UNITS), (4 * UNITS,), (4 * UNITS,), (INPUTS, UNITS), (INPUTS,)]
    sequence = rng.standard_normal((TIMES + 1, BATCH, INPUTS)).astype("float32")
    return {
        "x": sequence[:-1],
        "targets": sequence[1:],
        "parameters": [rng.uniform(-(UNITS**-0.5), UNITS**-0.5, shape).astype("float32") for shape in shapes],
    }


def by_hand(x, targets, parameters):
    """Be as tight as NumPy allows.

    Units stand before the batch, so that each gate is one piece of memory. One product per time takes what the gates
    get from the hidden state, the input and a row of ones for the bias. A sigmoid is σ(z) = tanh(z/2)/2 + 1/2, so one
    tanh serves all gates, with z/2 from halved rows of the weight. Backwards, what does not depend on a later time is
    done for all times at once, and so are the products for the weights.
    """
    w_ih, w_hh, b_ih, b_hh, w_out, b_out = parameters
    weight, readout = numpy.hstack([w_hh, w_ih, (b_ih + b_hh)[:, None]]), numpy.hstack([w_out, b_out[:, None]])
    rates = numpy.full_like(weight, RATE)
    rates[:, -1] = 2 * RATE  # the last column is the sum of two biases, and both move
    halves = numpy.array([0.5, 0.5, 1.0, 0.5], x.dtype)  # for the gates i, f, g, o
    of_rows = numpy.repeat(halves, UNITS)[:, None]
    scale = numpy.empty((4, UNITS, BATCH), x.dtype)
    scale[...] = halves[:, None, None]
    shift, slope_shift = 1 - scale, 2 * scale - 1

    def empty(*shape):
        return numpy.empty(shape, x.dtype)

    given = numpy.ones((TIMES + 1, UNITS + INPUTS + 1, BATCH), x.dtype)  # h, x and 1 at each time
    given[:-1, UNITS:-1] = x.swapaxes(1, 2)
    h, c = given[:, :UNITS], numpy.zeros((TIMES + 1, UNITS, BATCH), x.dtype)
    h[0] = 0.0
    wanted = numpy.moveaxis(targets, 2, 0).reshape(INPUTS, TIMES * BATCH)
    read = numpy.ones((UNITS + 1, TIMES * BATCH), x.dtype)  # h and 1, times and samples side by side
    y, dread, dh_out = empty(INPUTS, TIMES * BATCH), empty(UNITS, TIMES * BATCH), empty(TIMES, UNITS, BATCH)
    halved, z, dweight, dreadout = (numpy.empty_like(a) for a in (weight, scale, weight, readout))
    gates, slopes, spare, dz = (empty(TIMES, 4, UNITS, BATCH) for _ in range(4))
    tanh_c, slope_c = empty(TIMES, UNITS, BATCH), empty(TIMES, UNITS, BATCH)
    term, dh, dc = (empty(UNITS, BATCH) for _ in range(3))
    dz_columns, given_columns = empty(4 * UNITS, TIMES, BATCH), empty(UNITS + INPUTS + 1, TIMES, BATCH)

    def forward():
        numpy.multiply(weight, of_rows, out=halved)
        for t in range(TIMES):
            numpy.matmul(halved, given[t], out=z.reshape(4 * UNITS, BATCH))
            numpy.tanh(z, out=gates[t])
            numpy.multiply(gates[t], scale, out=gates[t])
            numpy.add(gates[t], shift, out=gates[t])
            i, f, g, o = gates[t]
            numpy.multiply(f, c[t], out=c[t + 1])
            numpy.multiply(i, g, out=term)
            numpy.add(c[t + 1], term, out=c[t + 1])
            numpy.tanh(c[t + 1], out=tanh_c[t])
            numpy.multiply(o, tanh_c[t], out=h[t + 1])

    def loss_and_readout():
        read[:-1].reshape(UNITS, TIMES, BATCH)[...] = h[1:].swapaxes(0, 1)
        numpy.matmul(readout, read, out=y)
        numpy.subtract(y, wanted, out=y)
        loss = numpy.vdot(y, y) / y.size
        numpy.multiply(y, 2 / y.size, out=y)
        numpy.matmul(y, read.T, out=dreadout)
        numpy.matmul(readout[:, :-1].T, y, out=dread)
        dh_out[...] = dread.reshape(UNITS, TIMES, BATCH).swapaxes(0, 1)
        return loss

    def slopes_of_gates():
        numpy.subtract(1.0, gates, out=slopes)
        numpy.add(gates, slope_shift, out=spare)
        numpy.multiply(slopes, spare, out=slopes)  # σ' = (1 − σ) σ and tanh' = (1 − tanh) (1 + tanh)
        for gate, factor in enumerate((gates[:, 2], c[:-1], gates[:, 0], tanh_c)):
            numpy.multiply(slopes[:, gate], factor, out=slopes[:, gate])
        numpy.multiply(tanh_c, tanh_c, out=slope_c)
        numpy.subtract(1.0, slope_c, out=slope_c)
        numpy.multiply(slope_c, gates[:, 3], out=slope_c)

    def backward():
        dh[...] = dc[...] = 0.0
        for t in reversed(range(TIMES)):
            numpy.add(dh, dh_out[t], out=dh)
            numpy.multiply(dh, slopes[t, 3], out=dz[t, 3])
            numpy.multiply(dh, slope_c[t], out=term)
            numpy.add(dc, term, out=dc)
            numpy.multiply(dc, slopes[t, :3], out=dz[t, :3])
            numpy.multiply(dc, gates[t, 1], out=dc)
            numpy.matmul(weight[:, :UNITS].T, dz[t].reshape(4 * UNITS, BATCH), out=dh)
        dz_columns[...] = dz.reshape(TIMES, 4 * UNITS, BATCH).swapaxes(0, 1)
        given_columns[...] = given[:-1].swapaxes(0, 1)
        numpy.matmul(dz_columns.reshape(len(weight), -1), given_columns.reshape(len(given_columns), -1).T, out=dweight)

    def step():
        forward()
        loss = loss_and_readout()
        slopes_of_gates()
        backward()
        numpy.subtract(weight, numpy.multiply(dweight, rates, out=halved), out=weight)
        numpy.subtract(readout, RATE * dreadout, out=readout)
        dbias = dweight[:, -1]
        return loss, dweight[:, UNITS:-1], dweight[:, :UNITS], dbias, dbias, dreadout[:, :-1], dreadout[:, -1]

    return step


def products_alone(x, targets, parameters):
    """Do the matrix products of the hand-written step and nothing else: a floor that no library can get under."""
    columns = TIMES * BATCH
    weight, readout = numpy.ones((4 * UNITS, UNITS + INPUTS + 1), x.dtype), numpy.ones((INPUTS, UNITS + 1), x.dtype)
    given, z = numpy.ones((TIMES, weight.shape[1], BATCH), x.dtype), numpy.ones((len(weight), BATCH), x.dtype)
    read, y = numpy.ones((UNITS + 1, columns), x.dtype), numpy.empty((INPUTS, columns), x.dtype)
    dz, given_columns = (numpy.ones((rows, columns), x.dtype) for rows in weight.shape)
    dread, dh = numpy.empty((UNITS, columns), x.dtype), numpy.empty((UNITS, BATCH), x.dtype)
    dweight, dreadout = numpy.empty_like(weight), numpy.empty_like(readout)

    def step():
        for t in range(TIMES):
            numpy.matmul(weight, given[t], out=z)
        numpy.matmul(readout, read, out=y)
        numpy.matmul(y, read.T, out=dreadout)
        numpy.matmul(readout[:, :-1].T, y, out=dread)
        for _ in range(TIMES):
            numpy.matmul(weight[:, :UNITS].T, z, out=dh)
        numpy.matmul(dz, given_columns.T, out=dweight)

    return step


def minigrad_step(x, targets, parameters):
    """Layers and an optimizer."""
    from minigrad import nn, optim

    x, targets = devices.on_backend(x), devices.on_backend(targets)
    lstm, readout = nn.LSTM(INPUTS, UNITS), nn.Linear(UNITS, INPUTS)
    optimizer = optim.SGD([*lstm.parameters(), *readout.parameters()], lr=RATE)
    for parameter, value in zip(optimizer.params, parameters, strict=True):
        parameter.data[...] = devices.on_backend(value)

    def step():
        optimizer.zero_grad()
        hidden_states, _ = lstm(x)
        loss = nn.squared_error(readout(hidden_states), targets)
        loss.backward()
        optimizer.step()
        return loss, *(parameter.grad for parameter in optimizer.params)

    return step


def minigrad_nn(x, targets, parameters):
    """Layers and an optimizer."""
    return devices.reading(minigrad_step(x, targets, parameters))


def minigrad_compiled(x, targets, parameters):
    """The same step, replayed."""
    import minigrad as mg

    return devices.reading(mg.compile(minigrad_step(x, targets, parameters)))


def pytorch(x, targets, parameters):
    """Layers, of which the LSTM is one fused operation, and an optimizer."""
    import torch
    from torch import nn

    x, targets = devices.on_torch(x), devices.on_torch(targets)
    lstm, readout = (layer.to(devices.torch_device()) for layer in (nn.LSTM(INPUTS, UNITS), nn.Linear(UNITS, INPUTS)))
    learned = [*lstm.parameters(), *readout.parameters()]
    for parameter, value in zip(learned, parameters, strict=True):
        parameter.data[...] = devices.on_torch(value)
    optimizer = torch.optim.SGD(learned, lr=RATE)

    def step():
        optimizer.zero_grad()
        hidden_states, _ = lstm(x)
        loss = nn.functional.mse_loss(readout(hidden_states), targets)
        loss.backward()
        optimizer.step()
        return loss.item(), *(parameter.grad for parameter in learned)

    return step


def pytorch_operations(x, targets, parameters):
    """A loop over a cell that is written in operations, as for any cell that the library does not have."""
    import torch

    x, targets = devices.on_torch(x), devices.on_torch(targets)
    parameters = [devices.on_torch(p).requires_grad_() for p in parameters]
    w_ih, w_hh, b_ih, b_hh, w_out, b_out = parameters
    optimizer = torch.optim.SGD(parameters, lr=RATE)

    def step():
        optimizer.zero_grad()
        h = c = torch.zeros(BATCH, UNITS, device=x.device)
        hidden_states = []
        for given in (x @ w_ih.T + (b_ih + b_hh)).unbind():
            i, f, g, o = (given + h @ w_hh.T).chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            hidden_states.append(h)
        predicted = torch.stack(hidden_states) @ w_out.T + b_out
        loss = ((predicted - targets) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss.item(), *(parameter.grad for parameter in parameters)

    return step


def hips_autograd(x, targets, parameters):
    """A loss of a list of arrays, its gradient, and the update by hand, as in the library's examples."""
    import autograd
    import autograd.numpy as np

    def sigmoid(z):
        return 0.5 * (np.tanh(0.5 * z) + 1.0)

    def loss_of(parameters):
        w_ih, w_hh, b_ih, b_hh, w_out, b_out = parameters
        h = c = numpy.zeros((BATCH, UNITS), x.dtype)
        hidden_states = []
        for x_t in x:
            i, f, g, o = np.split(np.dot(x_t, w_ih.T) + np.dot(h, w_hh.T) + (b_ih + b_hh), 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            hidden_states.append(h)
        predicted = np.dot(np.concatenate(hidden_states), w_out.T) + b_out
        return np.mean((predicted - targets.reshape(-1, INPUTS)) ** 2)

    gradient_of = autograd.value_and_grad(loss_of)

    def step():
        loss, gradients = gradient_of(parameters)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= RATE * gradient
        return loss, *gradients

    return step


def mygrad(x, targets, parameters):
    """Tensors and `backward`, and the update by hand."""
    import mygrad as mg
    from mygrad.nnet import sigmoid

    parameters = [mg.tensor(p) for p in parameters]
    w_ih, w_hh, b_ih, b_hh, w_out, b_out = parameters
    cuts = list(pairwise(range(0, 5 * UNITS, UNITS)))

    def step():
        h = c = numpy.zeros((BATCH, UNITS), x.dtype)
        hidden_states = []
        for x_t in x:
            z = mg.matmul(x_t, w_ih.T) + mg.matmul(h, w_hh.T) + (b_ih + b_hh)
            i, f, g, o = (z[:, start:stop] for start, stop in cuts)
            c = sigmoid(f) * c + sigmoid(i) * mg.tanh(g)
            h = sigmoid(o) * mg.tanh(c)
            hidden_states.append(h)
        loss = ((mg.matmul(mg.stack(hidden_states), w_out.T) + b_out - targets) ** 2).mean()
        loss.backward()
        gradients = [p.grad for p in parameters]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.data -= RATE * gradient
        return loss.item(), *gradients

    return step


def jax_jit(x, targets, parameters):
    """A scan, the gradient, and the update by hand, compiled as one function."""
    import jax
    import jax.numpy as np

    def loss_of(parameters, x, targets):
        w_ih, w_hh, b_ih, b_hh, w_out, b_out = parameters

        def cell(state, given):
            h, c = state
            i, f, g, o = np.split(given + h @ w_hh.T, 4, axis=1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * np.tanh(g)
            h = jax.nn.sigmoid(o) * np.tanh(c)
            return (h, c), h

        zeros = np.zeros((BATCH, UNITS), x.dtype)
        _, hidden_states = jax.lax.scan(cell, (zeros, zeros), x @ w_ih.T + (b_ih + b_hh))
        return np.mean((hidden_states @ w_out.T + b_out - targets) ** 2)

    @jax.jit
    def move(parameters, x, targets):
        loss, gradients = jax.value_and_grad(loss_of)(parameters, x, targets)
        return [p - RATE * g for p, g in zip(parameters, gradients, strict=True)], (loss, *gradients)

    def step():
        nonlocal parameters
        parameters, outcome = move(parameters, x, targets)
        return jax.block_until_ready(outcome)

    return step


CONTENDERS = [
    Contender("NumPy by hand", by_hand),
    Contender("matrix products alone", products_alone),
    Contender(
        "minigrad nn.LSTM",
        minigrad_nn,
        like="NumPy by hand",
        targets={"NumPy by hand": 3.0},
        memory={"NumPy by hand": 1.25},
        library="minigrad",
        gpu=True,
    ),
    Contender(
        "minigrad, compiled",
        minigrad_compiled,
        like="NumPy by hand",
        targets={"NumPy by hand": 1.5},
        library="minigrad",
    ),
    Contender("PyTorch nn.LSTM", pytorch, like="NumPy by hand", library="torch", gpu=True),
    Contender("PyTorch, cell in operations", pytorch_operations, like="NumPy by hand", library="torch", gpu=True),
    Contender("autograd", hips_autograd, like="NumPy by hand", library="autograd"),
    Contender("MyGrad", mygrad, like="NumPy by hand", library="mygrad"),
    Contender("JAX jit", jax_jit, like="NumPy by hand", library="jax"),
]
