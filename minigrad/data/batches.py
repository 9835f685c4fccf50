"""Walking over data in batches: in a random order, again and again, with a state that can be saved at any batch."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy

from minigrad.backend import REAL, current, load, to_host
from minigrad.checks import check_count, check_generator
from minigrad.data.checks import check_labelled, check_samples

NOT_DRAWN = numpy.empty(0, dtype="int64")  # the order between two epochs


class batches:
    """The samples in batches, in a random order that is drawn anew for each epoch.

    A ``for`` loop walks over one epoch. `next_batch` walks on and on, as the training of a GAN wants it. Both move the
    same place: a loop that was broken off, or whose state was loaded, goes on where it stopped, and a loop after the
    last batch of `next_batch` finds nothing left of that epoch. A loop ends with its epoch, also if that was ended by
    another loop or by `next_batch`, or if a state of another epoch was loaded. To walk over two sets of different
    length side by side, as in domain adaptation, take `next_batch` of both: ``zip`` would leave the longer one in the
    middle of its epoch.

    Parameters
    ----------
    x : array
        Samples along the first axis. They are put on the active backend once, here.
    y : array or None
        Their labels, or whatever else goes with them; None for samples alone.
    size : int
        Samples per batch.
    rng : numpy.random.Generator
        Draws the order when an epoch begins.
    drop_last : bool
        Whether to leave out the last batch of an epoch if it is smaller than the others.

    Attributes
    ----------
    samples : int
        How many there are.
    epoch : int
        The number of epochs that are finished.

    Raises
    ------
    TypeError
        If rng is no generator.
    ValueError
        If x and y differ in length, or there would be no batch.

    Examples
    --------
    >>> x, y = numpy.arange(5.0), numpy.arange(5)
    >>> [len(part) for part, _ in batches(x, y, 2, numpy.random.default_rng(0))]
    [2, 2, 1]
    >>> real = batches(x, None, 3, numpy.random.default_rng(0), drop_last=True)
    >>> [len(real.next_batch()) for _ in range(4)]
    [3, 3, 3, 3]
    """

    def __init__(self, x: Any, y: Any, size: int, rng: numpy.random.Generator, *, drop_last: bool = False) -> None:
        self._arrays = (check_samples("x", x),) if y is None else check_labelled(x, y)
        self.samples = len(self._arrays[0])
        self.size = check_count("size", size)
        self.rng = check_generator(rng)
        self.drop_last = bool(drop_last)
        if not len(self):
            raise ValueError(
                f"{self.samples} samples do not fill one batch of {size}, and drop_last leaves out the rest"
            )
        self.epoch = 0
        self._order = NOT_DRAWN
        self._position = 0
        self._backend = current().name  # a name can be copied and pickled

    def __len__(self) -> int:
        """Count the batches of an epoch."""
        full, rest = divmod(self.samples, self.size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        """Walk to the end of this epoch, or over the next one if none is under way."""
        epoch = self.epoch
        while self.epoch == epoch:
            if self._position == len(self):
                self._end_epoch()
            else:
                yield self._take()

    def next_batch(self) -> Any:
        """Give the next batch; after the last one of an epoch comes the first one of the next.

        Examples
        --------
        >>> x, y = numpy.arange(4.0), numpy.arange(4)
        >>> endless = batches(x, y, 2, numpy.random.default_rng(0))
        >>> for _ in range(5):
        ...     images, labels = endless.next_batch()
        >>> endless.epoch
        2
        """
        if self._position == len(self):
            self._end_epoch()
        return self._take()

    def _end_epoch(self) -> None:
        self.epoch += 1
        self._order, self._position = NOT_DRAWN, 0

    def _take(self) -> Any:
        if not self._order.size:
            self._order = self.rng.permutation(self.samples)
        start = self._position * self.size
        self._position += 1
        chosen = load(self._backend).asarray(self._order[start : start + self.size])
        parts = tuple(array[chosen] for array in self._arrays)
        return parts if len(parts) > 1 else parts[0]

    def state_dict(self) -> dict[str, Any]:
        """Give all that is needed to go on from here with exactly the batches that would follow.

        The batch that was given out last counts as done. The state of the generator belongs to it.

        Examples
        --------
        >>> sorted(batches(numpy.arange(4.0), None, 2, numpy.random.default_rng(0)).state_dict())
        ['drop_last', 'epoch', 'order', 'position', 'rng', 'samples', 'size']
        """
        return {
            **self._settings(),
            "epoch": self.epoch,
            "position": self._position,
            "order": self._order.copy(),
            "rng": self.rng.bit_generator.state,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where `state_dict` was called, perhaps in another process.

        The generator is set too, also for everybody else who draws from it; so save and load all that draws from one
        generator at the same moment.

        Parameters
        ----------
        state : dict
            What `state_dict` gave for batches of as many samples, of the same size, and with the same kind of
            generator.

        Raises
        ------
        ValueError
            If the state does not belong to such batches; nothing is changed then.

        Examples
        --------
        >>> x, rng = numpy.arange(6.0), numpy.random.default_rng(0)
        >>> first = batches(x, None, 2, rng)
        >>> _ = first.next_batch()
        >>> state = first.state_dict()
        >>> again = batches(x, None, 2, numpy.random.default_rng(1))
        >>> again.load_state_dict(state)
        >>> [part.tolist() for part in again] == [part.tolist() for part in first]
        True
        """
        expected = self.state_dict().keys()
        if not isinstance(state, dict) or state.keys() != expected:
            given = list(state) if isinstance(state, dict) else type(state).__name__
            raise ValueError(f"the state of batches is a dict with the keys {', '.join(expected)}; got {given}")
        for name, mine in self._settings().items():
            if state[name] != mine:
                raise ValueError(f"the state is of batches with {name}={state[name]!r}, and these have {name}={mine!r}")
        epoch, position = check_count("epoch", state["epoch"], 0), check_count("position", state["position"], 0)
        order = self._checked_order(state["order"])
        if position > (len(self) if order.size else 0):
            raise ValueError(f"the state is damaged: position {position} is behind the end of its epoch")
        self.rng.bit_generator.state = self._checked_generator_state(state["rng"])
        self.epoch, self._position, self._order = epoch, position, order

    def _settings(self) -> dict[str, int]:
        return {"samples": self.samples, "size": self.size, "drop_last": int(self.drop_last)}

    def _checked_order(self, order: Any) -> numpy.ndarray:
        order, n = numpy.array(to_host(order)), self.samples
        known = order.dtype.kind in REAL and order.shape in [(0,), (n,)]
        if not known or not numpy.array_equal(numpy.sort(order), numpy.arange(order.size)):
            raise ValueError(f"the state is damaged: its order is no permutation of {n} samples")
        return order.astype("int64")

    def _checked_generator_state(self, state: Any) -> Any:
        try:
            copy.deepcopy(self.rng.bit_generator).state = state
        except (TypeError, ValueError, KeyError, OverflowError) as error:
            kind = type(self.rng.bit_generator).__name__
            raise ValueError(f"the state of the generator is none of a {kind}: {error}") from None
        return state
