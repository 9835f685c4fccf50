"""Recurrent networks: from an input and the state before it to the state after it.

A step is a function of the state and of what its gates get: W_ih x + b_ih + W_hh h + b_hh. A cell adds the weights,
and a layer repeats the cell over time, as one primitive: see `minigrad.primitives.recurrent`. That one also needs the
partial derivatives of each step, which stand below it as its slopes.

Parameters have PyTorch's names, shapes and order of the gates.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy

import minigrad.numpy as np
from minigrad.backend import xp
from minigrad.nn import init
from minigrad.nn.checks import check_shape, check_sizes, floating_input
from minigrad.nn.linear import project
from minigrad.nn.module import Module, Parameter
from minigrad.primitives.elementwise import as_weights
from minigrad.primitives.recurrent import Layout, Recurrence, Slopes, State, packed, unroll
from minigrad.tape import ShapeError

# The steps. The gates are the first axis of what they get.


def elman_step(activation: Callable[[Any], Any], gates: Any, state: State) -> State:
    """h' = activation(z), with one gate z.

    References
    ----------
    Elman, J. L. (1990). Finding Structure in Time. Cognitive Science 14(2), 179-211.

    Examples
    --------
    >>> import numpy
    >>> elman_step(np.tanh, numpy.array([[0.0]]), ())
    (array([0.]),)
    """
    (z,) = gates
    return (activation(z),)


def _elman_slopes(slope: Callable[[Any], Any], gates: Any, state: State, after: State) -> Slopes:
    (h,) = after
    return Slopes((slope(h),), memory=np.zeros_like(h))


def lstm_step(gates: Any, state: State) -> State:
    """c' = σ(f) c + σ(i) tanh(g) and h' = σ(o) tanh(c'), with the gates i, f, g, o in this order.

    References
    ----------
    Hochreiter, S. and Schmidhuber, J. (1997). Long Short-Term Memory. Neural Computation 9(8), 1735-1780.

    Gers, F., Schmidhuber, J. and Cummins, F. (2000). Learning to Forget. Neural Computation 12(10), 2451-2471.

    Examples
    --------
    >>> import numpy
    >>> lstm_step(numpy.zeros((4, 1)), (numpy.zeros(1), numpy.ones(1)))[1]
    array([0.5])
    """
    _, c = state
    i, f, g, o = _lstm_activated(gates)
    c = f * c + i * g
    return o * np.tanh(c), c


def _lstm_activated(gates: Any) -> tuple[Any, Any, Any, Any]:
    i, f, _, o = np.sigmoid(gates)  # one call for all of them is faster than three
    return i, f, np.tanh(gates[2]), o


def _lstm_slopes(gates: Any, state: State, after: State) -> Slopes:
    (_, c), (_, c_after) = state, after
    i, f, g, o = _lstm_activated(gates)
    tanh_c = np.tanh(c_after)
    by_gates = g * (i - i * i), c * (f - f * f), i * (1.0 - g * g), tanh_c * (o - o * o)
    return Slopes(by_gates, memory=f, output=o * (1.0 - tanh_c * tanh_c))


def gru_step(gates: Any, state: State) -> State:
    """h' = (1 − σ(z)) n' + σ(z) h with n' = tanh(n + σ(r) m), with the gates r, z, n, m in this order.

    What the hidden state gives to n is apart, as m, because r acts on it.

    References
    ----------
    Cho, K. et al. (2014). Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine
    Translation. EMNLP.

    Examples
    --------
    >>> import numpy
    >>> gru_step(numpy.zeros((4, 1)), (numpy.ones(1),))
    (array([0.5]),)
    """
    (h,) = state
    _, z, n = _gru_activated(gates)
    return (n + z * (h - n),)


def _gru_activated(gates: Any) -> tuple[Any, Any, Any]:
    r, z = np.sigmoid(gates[:2])
    return r, z, np.tanh(gates[2] + r * gates[3])


def _gru_slopes(gates: Any, state: State, after: State) -> Slopes:
    (h,) = state
    r, z, n = _gru_activated(gates)
    by_n = (1.0 - z) * (1.0 - n * n)
    by_gates = by_n * gates[3] * (r - r * r), (h - n) * (z - z * z), by_n, by_n * r
    return Slopes(by_gates, memory=z)


def _gru_meet(inputs: Any, hidden: Any) -> Any:
    start = inputs.shape[-1] // 3 * 2  # of n, and of m
    r_and_z = inputs[..., :start] + hidden[..., :start]
    return np.concatenate([r_and_z, inputs[..., start:], hidden[..., start:]], axis=-1)


def _tanh_slope(h: Any) -> Any:
    return 1.0 - h * h


def _relu_slope(h: Any) -> Any:
    return as_weights(h > 0.0, h)


def _elman(activation: Callable[[Any], Any], slope: Callable[[Any], Any]) -> Recurrence:
    step, slopes = partial(elman_step, activation), partial(_elman_slopes, slope)
    return Recurrence(state=("h",), blocks=1, moves=(0,), meet=np.add, step=step, slopes=slopes)


ELMAN_STEPS = {"tanh": _elman(np.tanh, _tanh_slope), "relu": _elman(np.relu, _relu_slope)}
LSTM_STEP = Recurrence(state=("h", "c"), blocks=4, moves=(1, 1, 1, 0), meet=np.add, step=lstm_step, slopes=_lstm_slopes)
GRU_STEP = Recurrence(state=("h",), blocks=3, moves=(0, 0, 0, 0), meet=_gru_meet, step=gru_step, slopes=_gru_slopes)


def elman(layer: str, nonlinearity: str) -> Recurrence:
    """Give the recurrence of that activation, or say which ones there are.

    Examples
    --------
    >>> elman("RNN", "tanh").state
    ('h',)
    """
    if nonlinearity not in ELMAN_STEPS:
        raise ValueError(f"{layer} knows the nonlinearities 'tanh' and 'relu'; got {nonlinearity!r}")
    return ELMAN_STEPS[nonlinearity]


class _Recurrent(Module):
    """What cells and layers share: the recurrence, the sizes, the weights, and the state."""

    recurrence: Recurrence

    def __init__(self, input_size: int, hidden_size: int, bias: bool) -> None:
        sizes = check_sizes(type(self).__name__, input_size=input_size, hidden_size=hidden_size)
        self.input_size, self.hidden_size = sizes
        self.has_bias = bias

    def _draw(self, suffix: str, inputs: int, rng: numpy.random.Generator, dtype: Any) -> None:
        rows, bound = self.recurrence.blocks * self.hidden_size, 1.0 / math.sqrt(self.hidden_size)
        for name, columns in (("weight_ih", inputs), ("weight_hh", self.hidden_size)):
            setattr(self, name + suffix, init.drawn((rows, columns), bound, rng, dtype))
        for name in ("bias_ih", "bias_hh"):
            setattr(self, name + suffix, init.drawn((rows,), bound, rng, dtype) if self.has_bias else None)

    def _state(self, given: Any, shape: tuple[int, ...], dtype: Any) -> State:
        """Give the parts of the state that was given, or zeros."""
        names = self.recurrence.state
        if given is None:
            return tuple(xp.zeros(shape, dtype) for _ in names)
        parts = (given,) if len(names) == 1 else given
        if not isinstance(parts, tuple | list) or len(parts) != len(names):
            raise TypeError(f"{self!r} needs its state as a tuple ({', '.join(names)}); got a {type(given).__name__}")
        parts = tuple(floating_input(self, part) for part in parts)
        for name, part in zip(names, parts, strict=True):
            check_shape(self, f"{name} in its state", part, shape)
        return parts

    def _as_given(self, state: State) -> Any:
        return state[0] if len(state) == 1 else state

    def extra_repr(self) -> str:
        """Say the sizes."""
        return f"{self.input_size}, {self.hidden_size}{'' if self.has_bias else ', bias=False'}"


# Cells: one step


class _Cell(_Recurrent):
    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        rng: numpy.random.Generator | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(input_size, hidden_size, bias)
        self._draw("", self.input_size, init.generator(rng), dtype)

    def forward(self, x: Any, state: Any = None) -> Any:
        """Give the state after an input of shape (batch, input_size) or (input_size,)."""
        x = floating_input(self, x)
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            raise ShapeError(
                f"{self!r} needs an input of shape (batch, {self.input_size}) or ({self.input_size},); "
                f"got {tuple(x.shape)}"
            )
        state = self._state(state, (*x.shape[:-1], self.hidden_size), x.dtype)
        inputs = project(x, self.weight_ih, self.bias_ih)
        hidden = project(state[0], self.weight_hh, self.bias_hh)
        gates = self.recurrence.meet(inputs, hidden)
        gates = gates.reshape((*x.shape[:-1], len(self.recurrence.moves), self.hidden_size))
        return self._as_given(self.recurrence.step(np.moveaxis(gates, -2, 0), state))


class RNNCell(_Cell):
    """One step of a plain recurrent network: h' = tanh(W_ih x + b_ih + W_hh h + b_hh).

    All first weights and biases are uniform on ±1/sqrt(hidden_size).

    Parameters
    ----------
    input_size, hidden_size : int
        Sizes of the input and of the hidden state.
    bias : bool
        Whether there are biases.
    nonlinearity : {"tanh", "relu"}
    rng : numpy.random.Generator, optional
        Draws the first weights. Without it they are those of ``numpy.random.default_rng(0)``.
    dtype : dtype
        Of the parameters.

    Attributes
    ----------
    weight_ih, weight_hh : Parameter
        Of shapes (hidden_size, input_size) and (hidden_size, hidden_size).
    bias_ih, bias_hh : Parameter or None
        Of shape (hidden_size,).

    Raises
    ------
    ShapeError
        When called, if the input or the state has another shape.

    Examples
    --------
    >>> cell = RNNCell(3, 5)
    >>> x = numpy.ones((2, 3), "float32")
    >>> h = cell(x)  # from the state of zeros
    >>> cell(x, h).shape
    (2, 5)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        rng: numpy.random.Generator | None = None,
        dtype: Any = "float32",
    ) -> None:
        self.recurrence = elman("RNNCell", nonlinearity)
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, bias, rng=rng, dtype=dtype)

    def extra_repr(self) -> str:
        """Say the sizes and the nonlinearity.

        Examples
        --------
        >>> RNNCell(3, 5).extra_repr()
        "3, 5, nonlinearity='tanh'"
        """
        return f"{super().extra_repr()}, nonlinearity={self.nonlinearity!r}"


class LSTMCell(_Cell):
    """One step of a long short-term memory; its state is the pair (h, c). See `lstm_step` for the formula.

    Parameters
    ----------
    input_size, hidden_size, bias, rng, dtype
        As for `RNNCell`; the weights have 4 · hidden_size rows, for the gates i, f, g, o.

    Examples
    --------
    >>> cell = LSTMCell(3, 5)
    >>> x = numpy.ones((2, 3), "float32")
    >>> h, c = cell(x, cell(x))
    >>> h.shape, c.shape
    ((2, 5), (2, 5))
    """

    recurrence = LSTM_STEP


class GRUCell(_Cell):
    """One step of a gated recurrent unit. See `gru_step` for the formula.

    Parameters
    ----------
    input_size, hidden_size, bias, rng, dtype
        As for `RNNCell`; the weights have 3 · hidden_size rows, for the gates r, z, n.

    Examples
    --------
    >>> cell = GRUCell(3, 5)
    >>> x = numpy.ones((2, 3), "float32")
    >>> cell(x, cell(x)).shape
    (2, 5)
    """

    recurrence = GRU_STEP


# Layers: a cell scanned over time


class _Scan(_Recurrent):
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        *,
        bidirectional: bool = False,
        rng: numpy.random.Generator | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(input_size, hidden_size, bias)
        (self.num_layers,) = check_sizes(type(self).__name__, num_layers=num_layers)
        self.batch_first = batch_first
        self.directions = ("", "_reverse") if bidirectional else ("",)
        rng = init.generator(rng)
        for layer in range(self.num_layers):
            for direction in self.directions:
                inputs = self.hidden_size * len(self.directions) if layer else self.input_size
                self._draw(f"_l{layer}{direction}", inputs, rng, dtype)

    def forward(self, x: Any, state: Any = None) -> Any:
        """Give the hidden states of the last layer at all times, and the last state of all layers.

        The input has shape (time, batch, input_size), or (batch, time, input_size) with `batch_first`, or
        (time, input_size). The state, zeros by default, has shape (layers · directions, batch, hidden_size); that of an
        LSTM is a pair of such arrays.
        """
        x = floating_input(self, x)
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            batched = f"(batch, time, {self.input_size})" if self.batch_first else f"(time, batch, {self.input_size})"
            raise ShapeError(
                f"{self!r} needs an input of shape {batched} or (time, {self.input_size}); got {tuple(x.shape)}"
            )
        swapped = self.batch_first and x.ndim == 3
        x = np.swapaxes(x, 0, 1) if swapped else x
        if not len(x):
            raise ShapeError(f"{self!r} needs at least one step of time; got {tuple(x.shape)}, time first")
        count = self.num_layers * len(self.directions)
        before = self._state(state, (count, *x.shape[1:-1], self.hidden_size), x.dtype)
        after: list[State] = []
        for layer in range(self.num_layers):
            outputs = []
            for direction in self.directions:
                begin = tuple(part[len(after)] for part in before)
                output, end = self._scan(x, begin, f"_l{layer}{direction}", backwards=direction == "_reverse")
                outputs.append(output)
                after.append(end)
            x = outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=-1)
        last = tuple(np.stack(parts) for parts in zip(*after, strict=True))
        return np.swapaxes(x, 0, 1) if swapped else x, self._as_given(last)

    def _scan(self, x: Any, state: State, suffix: str, backwards: bool) -> tuple[Any, State]:
        """Run one layer in one direction over all times."""
        times, *batch, inputs = x.shape
        layout = Layout(self.recurrence, times, inputs, self.hidden_size, math.prod(batch))
        x = np.moveaxis(x[::-1] if backwards else x, -1, 1)
        begin = np.moveaxis(np.stack(state), -1, 1)
        states = unroll(packed(x, self._weights(suffix), begin), layout=layout)
        states = np.moveaxis(states.reshape((times, len(state), self.hidden_size, *batch)), 2, -1)
        output = states[:, 0]
        return output[::-1] if backwards else output, tuple(states[-1])

    def _weights(self, suffix: str) -> Any:
        """Join weights and biases to W, so that the gates get W [h; x; 1]."""
        w_x, w_h, b_x, b_h = (
            getattr(self, f"{name}{suffix}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        none = np.zeros(len(w_x), w_x.dtype)
        b_x, b_h = ((none if bias is None else bias)[:, None] for bias in (b_x, b_h))
        inputs = np.concatenate([np.zeros_like(w_h), w_x, b_x], axis=1)
        hidden = np.concatenate([w_h, np.zeros_like(w_x), b_h], axis=1)
        return self.recurrence.meet(inputs.T, hidden.T).T

    def extra_repr(self) -> str:
        layers = f", num_layers={self.num_layers}" if self.num_layers > 1 else ""
        first = ", batch_first=True" if self.batch_first else ""
        both = ", bidirectional=True" if len(self.directions) > 1 else ""
        return super().extra_repr() + layers + first + both


class RNN(_Scan):
    """A plain recurrent network, unrolled over time: h_t = tanh(W_ih x_t + b_ih + W_hh h_(t−1) + b_hh).

    Called with an input, and a state if it does not begin with zeros, it gives ``output, h_n``: the hidden states of
    the last layer at all times, and those of all layers at the last time.

    Parameters
    ----------
    input_size, hidden_size : int
        Sizes of the input and of the hidden state at one time.
    num_layers : int
        How many stand on top of each other; each takes the hidden states of the one below as its input.
    nonlinearity : {"tanh", "relu"}
    bias : bool
        Whether there are biases.
    batch_first : bool
        Whether inputs and outputs are (batch, time, features) instead of (time, batch, features).
    bidirectional : bool
        Whether each layer also scans backwards in time; the hidden states of both directions are joined.
    rng : numpy.random.Generator, optional
        Draws the first weights. Without it they are those of ``numpy.random.default_rng(0)``.
    dtype : dtype
        Of the parameters.

    Attributes
    ----------
    weight_ih_l0, weight_hh_l0 : Parameter
        Of the first layer, of shapes (hidden_size, input_size) and (hidden_size, hidden_size); then ``_l1`` and so on,
        and ``_l0_reverse`` for the other direction.
    bias_ih_l0, bias_hh_l0 : Parameter or None
        Of shape (hidden_size,).

    Raises
    ------
    ShapeError
        When called, if the input or the state has another shape, or there is no step of time.

    Examples
    --------
    >>> layer = RNN(3, 5, num_layers=2)
    >>> output, h_n = layer(numpy.ones((7, 4, 3), "float32"))
    >>> output.shape, h_n.shape
    ((7, 4, 5), (2, 4, 5))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        *,
        bidirectional: bool = False,
        rng: numpy.random.Generator | None = None,
        dtype: Any = "float32",
    ) -> None:
        self.recurrence = elman("RNN", nonlinearity)
        self.nonlinearity = nonlinearity
        more: dict[str, Any] = {"bidirectional": bidirectional, "rng": rng, "dtype": dtype}
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, **more)

    def extra_repr(self) -> str:
        """Say the sizes, the nonlinearity, and what differs from the usual.

        Examples
        --------
        >>> RNN(3, 5, num_layers=2, batch_first=True).extra_repr()
        "3, 5, num_layers=2, batch_first=True, nonlinearity='tanh'"
        """
        return f"{super().extra_repr()}, nonlinearity={self.nonlinearity!r}"


class LSTM(_Scan):
    """A long short-term memory, unrolled over time; its state is the pair (h, c). See `lstm_step` for the formula.

    Called with an input, and a state if it does not begin with zeros, it gives ``output, (h_n, c_n)``.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, bidirectional, rng, dtype
        As for `RNN`; the weights have 4 · hidden_size rows, for the gates i, f, g, o.

    Examples
    --------
    >>> layer = LSTM(3, 5, batch_first=True)
    >>> output, (h_n, c_n) = layer(numpy.ones((4, 7, 3), "float32"))
    >>> output.shape, h_n.shape, c_n.shape
    ((4, 7, 5), (1, 4, 5), (1, 4, 5))
    """

    recurrence = LSTM_STEP


class GRU(_Scan):
    """A gated recurrent unit, unrolled over time. See `gru_step` for the formula.

    Called with an input, and a state if it does not begin with zeros, it gives ``output, h_n``.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, bidirectional, rng, dtype
        As for `RNN`; the weights have 3 · hidden_size rows, for the gates r, z, n.

    Examples
    --------
    >>> layer = GRU(3, 5, bidirectional=True)
    >>> output, h_n = layer(numpy.ones((7, 4, 3), "float32"))
    >>> output.shape, h_n.shape
    ((7, 4, 10), (2, 4, 5))
    """

    recurrence = GRU_STEP
