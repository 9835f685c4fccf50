"""A recurrent layer: one step repeated over time, as one primitive.

The step leads from a state s to s' = F(z, s), where its gates get z = W [h; x; 1] from the hidden state h, which is the
first part of s, and the input x. F treats every unit alone, and uses of s itself only the last part, the memory m. So
the derivative of F consists of products, element by element, with its `Slopes`.

To push a tangent is to repeat that derivative over time. To pull a cotangent is to repeat its transpose, from the last
time to the first. Nothing is kept but the states; from them, the slopes of several times are found together.

Inside, the units come before the batch, so that the numbers of one gate lie together in memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from minigrad.backend import current, xp
from minigrad.primitives.kinds import general
from minigrad.primitives.linear import concatenate
from minigrad.tape import Node

State = tuple[Any, ...]

# For how many numbers of the gates slopes are found together: on the host few enough to stay in the processor's cache.
TOGETHER = 1 << 15
TOGETHER_ON_A_GPU = 1 << 24


class Slopes(NamedTuple):
    """The partial derivatives of a step, element by element.

    Parameters
    ----------
    gates : tuple of array
        For each gate, how the part of the state that it moves depends on what it gets.
    memory : array
        How the new memory depends on the old one.
    output : array, optional
        How the new hidden state depends on the new memory. None if it is the memory.
    """

    gates: tuple[Any, ...]
    memory: Any
    output: Any = None


@dataclass(frozen=True)
class Recurrence:
    """One kind of recurrent network.

    Parameters
    ----------
    state : tuple of str
        What the state consists of: first the hidden state, which is also the output, and last the memory.
    blocks : int
        How many blocks of rows, each as large as the hidden state, the weights have.
    moves : tuple of int
        For each gate, which part of the state it moves.
    meet : callable
        ``meet(inputs, hidden)`` is what the gates get, one behind the other along the last axis. It is linear.
    step : callable
        ``step(gates, state)`` is the state after, a tuple. The gates are the first axis of what they get.
    slopes : callable
        ``slopes(gates, state, after)`` are the `Slopes` of that step.
    """

    state: tuple[str, ...]
    blocks: int
    moves: tuple[int, ...]
    meet: Callable[[Any, Any], Any]
    step: Callable[[Any, State], State]
    slopes: Callable[[Any, State, State], Slopes]


# All that a layer reads stands in one vector, so that one walk back through time gives the cotangents of everything.


@dataclass(frozen=True)
class Layout:
    """What stands in the vector: the inputs of all times, the weights W, and the first state."""

    recurrence: Recurrence
    times: int
    inputs: int
    units: int
    batch: int

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of what stands in the vector."""
        weights = len(self.recurrence.moves), self.units, self.units + self.inputs + 1
        begin = len(self.recurrence.state), self.units, self.batch
        return (self.times, self.inputs, self.batch), weights, begin

    def together(self) -> Iterator[slice]:
        """Cut the times into pieces that are worked on together, the last one first."""
        allowed = TOGETHER_ON_A_GPU if current().name == "cupy" else TOGETHER
        times = max(1, allowed // max(1, len(self.recurrence.moves) * self.units * self.batch))
        return (slice(start, min(start + times, self.times)) for start in reversed(range(0, self.times, times)))


def packed(*pieces: Any) -> Any:
    """Join arrays to one vector."""
    return concatenate(*[piece.reshape((piece.size,)) for piece in pieces], axis=0)


def unpacked(vector: Any, layout: Layout) -> list[Any]:
    """Cut a vector into what stands in it."""
    pieces, start = [], 0
    for shape in layout.shapes:
        stop = start + math.prod(shape)
        pieces.append(vector[start:stop].reshape(shape))
        start = stop
    return pieces


def rows_of(x: Any) -> list[Any]:
    """List the parts of an array along its first axis.

    A Tensor is cut by halves: the derivative of a cut is as large as what was cut, so n cuts of the whole would cost n²
    rows, and these cost n log n.

    Examples
    --------
    >>> import numpy
    >>> rows_of(numpy.array([[1.0], [2.0], [3.0]]))
    [array([1.]), array([2.]), array([3.])]
    """
    return _halved(x) if isinstance(x, Node) else list(x)


def _halved(x: Any) -> list[Any]:
    if len(x) == 1:
        return [x[0]]
    half = len(x) // 2
    return _halved(x[:half]) + _halved(x[half:])


def stacked(parts: list[Any]) -> Any:
    """Join arrays along a new first axis."""
    return concatenate(*parts, axis=0).reshape((len(parts), *parts[0].shape))


# The three sweeps


def _unroll(vector: Any, *, layout: Layout) -> Any:
    inputs, weights, state = unpacked(vector, layout)
    given = with_ones(xp.empty((layout.times, layout.units, layout.batch), vector.dtype), inputs)
    states = xp.empty((layout.times, *state.shape), vector.dtype)
    for column, after in zip(given, states, strict=True):
        column[: layout.units] = state[0]
        for k, part in enumerate(layout.recurrence.step(weights @ column, state)):
            after[k] = part
        state = after
    return states


def with_ones(h: Any, x: Any) -> Any:
    """[h; x; 1] at each time."""
    times, _, batch = x.shape
    return concatenate(h, x, xp.ones((times, 1, batch), x.dtype), axis=1)


def slopes_of(layout: Layout, weights: Any, given: Any, before: Any, after: Any) -> list[Slopes]:
    """Find the slopes at each of some times, from [h; x; 1], and the states before and after."""
    old, new = (tuple(state[:, k] for k in range(state.shape[1])) for state in (before, after))
    slopes = layout.recurrence.slopes(weights[:, None] @ given, old, new)
    outputs = [None] * len(given) if slopes.output is None else rows_of(slopes.output)
    rows = zip(zip(*map(rows_of, slopes.gates), strict=True), rows_of(slopes.memory), outputs, strict=True)
    return [Slopes(*row) for row in rows]


def _push(t: Any, ans: Any, vector: Any, layout: Layout) -> Any:
    inputs, weights, begin = unpacked(vector, layout)
    t_inputs, t_weights, tangent = unpacked(t, layout)
    before = concatenate(begin[None], ans[:-1], axis=0)
    given = with_ones(before[:, 0], inputs)
    w_h, w_x = weights[:, :, : layout.units], weights[:, :, layout.units : -1]
    of_rest = rows_of(t_weights @ given[:, None] + w_x @ t_inputs[:, None])
    tangents = []
    for slopes, rest in zip(slopes_of(layout, weights, given, before, ans), of_rest, strict=True):
        tangent = stacked(pushed(layout.recurrence.moves, slopes, w_h @ tangent[0] + rest, tangent))
        tangents.append(tangent)
    return stacked(tangents)


def pushed(moves: tuple[int, ...], slopes: Slopes, gates: Any, tangent: Any) -> list[Any]:
    """Push tangents through one step: of what the gates get, and of the state before."""
    after = [0.0] * (len(tangent) - 1) + [slopes.memory * tangent[-1]]
    for k, slope, gate in zip(moves, slopes.gates, gates, strict=True):
        after[k] = after[k] + slope * gate
    if slopes.output is not None:
        after[0] = after[0] + slopes.output * after[1]
    return after


def _pull(g: Any, ans: Any, vector: Any, layout: Layout) -> Any:
    inputs, weights, begin = unpacked(vector, layout)
    back = weights.reshape((-1, weights.shape[-1])).T
    of_inputs: list[Any] = []
    of_weights: Any = 0.0
    of_state: list[Any] = [0.0] * len(begin)
    for times in layout.together():
        first = ans[times.start - 1] if times.start else begin
        before = concatenate(first[None], ans[times.start : times.stop - 1], axis=0)
        given = with_ones(before[:, 0], inputs[times])
        slopes = slopes_of(layout, weights, given, before, ans[times])
        of_gates, of_given, of_state = walked_back(layout, slopes, back, g[times], of_state)
        of_weights = of_weights + concatenate(*of_gates, axis=1) @ concatenate(*rows_of(given)[::-1], axis=1).T
        of_inputs += [column[layout.units : -1] for column in of_given]
    return packed(*reversed(of_inputs), of_weights, *of_state)


def walked_back(
    layout: Layout, slopes: list[Slopes], back: Any, g: Any, later: list[Any]
) -> tuple[list[Any], list[Any], list[Any]]:
    """Pull the cotangents of the states at some times, to which a later time adds its own.

    They come to what the gates get and to [h; x; 1] at each time, the last time first, and to the state before.
    """
    of_gates, of_given = [], []
    for slope, now in zip(reversed(slopes), reversed(rows_of(g)), strict=True):
        gates, memory = pulled(layout.recurrence.moves, slope, [x + y for x, y in zip(now, later, strict=True)])
        given = back @ gates
        hidden = given[: layout.units]
        later = [hidden + memory] if len(later) == 1 else [hidden, memory]
        of_gates.append(gates)
        of_given.append(given)
    return of_gates, of_given, later


def pulled(moves: tuple[int, ...], slopes: Slopes, cotangent: list[Any]) -> tuple[Any, Any]:
    """Pull the cotangent of a state through one step: to what the gates get, and to the memory before."""
    if slopes.output is not None:
        hidden, memory = cotangent
        cotangent = [hidden, memory + hidden * slopes.output]
    gates = concatenate(*[cotangent[k] * slope for k, slope in zip(moves, slopes.gates, strict=True)], axis=0)
    return gates, cotangent[-1] * slopes.memory


unroll = general("unroll", push=(_push,), pull=(_pull,), forward=_unroll)
