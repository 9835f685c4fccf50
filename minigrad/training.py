"""`fit`: the loop around a training step. What a step does is the step's own business."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy

from minigrad.backend import to_host
from minigrad.checkpoint import archive
from minigrad.checkpoint.archive import CheckpointError
from minigrad.checkpoint.saving import load, restorable, save
from minigrad.checkpoint.trees import copied, is_array
from minigrad.checks import check_count
from minigrad.history import History, as_number
from minigrad.tape import AnomalyError
from minigrad.tensor import Tensor, detect_anomaly

OWN = {"step", "history"}  # what fit itself saves
RESERVED = OWN | {"path"}  # the names that fit itself needs when it calls save

Step = Callable[[int], Any]


class DivergenceError(FloatingPointError):
    """A metric or a part of the state became NaN or infinite.

    Attributes
    ----------
    step : int
        The number of the step.
    history : History
        The metrics so far.
    restored : int or None
        The number of the step after which the objects of ``state`` are again; None if no state was given.
    """

    def __init__(self, message: str, step: int, history: History, restored: int | None) -> None:
        super().__init__(message)
        self.step = step
        self.history = history
        self.restored = restored


def fit(
    step: Step,
    steps: int,
    *,
    state: Mapping[str, Any] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    every: int = 100,
    resume: bool = False,
) -> History:
    """Call ``step(1)``, ``step(2)``, ..., and take care of progress, checkpoints, Ctrl-C and NaN.

    A bar shows the latest metrics if the standard error is a terminal. Every metric is read in every step, because a
    NaN is to be found where it arises; on a GPU, reading waits for the computation.

    Ctrl-C lets the running step end, saves, and returns. A second Ctrl-C raises KeyboardInterrupt at once. This holds
    in the main thread; in others Ctrl-C is left as it is. A loop over several runs goes on with the next one, unless it
    asks: ``if history.stopped == "interrupted": break``.

    If a metric becomes NaN or infinite, or an array of the state does, which is looked at before it is saved, then fit
    puts the state back to that of the last save, runs the steps since then again, the first bad one under
    `minigrad.detect_anomaly` to find the operation, and puts the state back once more. So a checkpoint never holds a
    NaN that came from training. Putting back forgets all gradients of what is in ``state``.

    Parameters
    ----------
    step : callable
        ``step(j)`` does step number j = 1, 2, ... and returns its metrics: a dict of named numbers, which may be
        floats, Tensors or arrays, or one number, which is then called "loss".
    steps : int
        The number of the last step.
    state : mapping of str to object, optional
        All that changes from step to step, by name: modules, optimizers, generators, batches, Tensors; see
        `minigrad.save`. If something is missing here, a resumed run differs from one that was never interrupted.
        Gradients are not saved, so a step begins or ends with ``optimizer.zero_grad()``.
    checkpoint : path, optional
        Where to save the state, at the beginning, after every so many steps, and at the end.
    every : int
        How many steps lie between two saves. Without a checkpoint the state is saved in memory alone, for the search
        for a NaN.
    resume : bool
        Go on from the checkpoint if the file is there.

    Returns
    -------
    History
        The metrics. Its `stopped` is "finished" or "interrupted".

    Raises
    ------
    DivergenceError
        If a NaN or an infinity came up; the message names the step and the operation.
    FileExistsError
        If the checkpoint is there already and is not to be resumed.
    CheckpointError
        If the checkpoint cannot be resumed from, or holds more than ``state``.
    TypeError, ValueError
        If an argument is not as described, or the step returns something else than metrics.

    Examples
    --------
    >>> import minigrad as mg
    >>> x = mg.tensor(1.0, requires_grad=True)
    >>> optimizer = mg.optim.SGD([x], lr=0.25)
    >>> def step(j):
    ...     optimizer.zero_grad()
    ...     loss = x * x
    ...     loss.backward()
    ...     optimizer.step()
    ...     return loss
    >>> fit(step, 3, state={"x": x, "optimizer": optimizer})["loss"]
    array([1.    , 0.25  , 0.0625])
    """
    from tqdm import tqdm  # it takes several megabytes, which only a training needs

    steps, every = check_count("steps", steps), check_count("every", every)
    objects = _checked(step, state, checkpoint, resume)
    history = History()
    checkpoint = None if checkpoint is None else os.fsdecode(checkpoint)
    if checkpoint is not None and os.path.exists(checkpoint):
        if not resume:
            raise FileExistsError(
                f"there is a checkpoint {checkpoint} already: continue it with resume=True, delete it, or choose "
                "another name"
            )
        _check_complete(checkpoint, objects)
        load(checkpoint, **objects, history=history)
    done = history.last
    with CtrlC() as ctrl_c, tqdm(total=max(steps, done), initial=done, disable=None, leave=None) as bar:
        kept = _Kept(objects, checkpoint, history)
        for j in range(done + 1, steps + 1):
            metrics = _metrics(step(j))
            stop = ctrl_c.pressed and j < steps
            if not (trouble := _not_finite(metrics)):
                history.record(j, **metrics)
                if j % every == 0 or j == steps or stop:
                    trouble = kept.keep()
            if trouble:
                raise _divergence(step, j, trouble, kept, ctrl_c)
            bar.set_postfix(metrics, refresh=False)
            bar.update()
            if stop:
                history.stopped = "interrupted"
                return history
    history.stopped = "finished"
    return history


class CtrlC:
    """Note the first Ctrl-C inside a ``with`` block, and say so on a terminal; the second raises KeyboardInterrupt.

    Only the main thread can do this; in others, and where Ctrl-C is ignored, nothing changes. Nor does it inside
    another such block, which decides: a training that is one of many is not to end halfway and count as done.

    Attributes
    ----------
    pressed : bool
        Whether there was one.

    Examples
    --------
    >>> with CtrlC() as ctrl_c:
    ...     signal.raise_signal(signal.SIGINT)
    ...     ctrl_c.pressed
    True
    """

    def __init__(self) -> None:
        self.pressed = False
        self._before: Any = None

    def __enter__(self) -> CtrlC:
        before = signal.getsignal(signal.SIGINT)
        taken = before in (None, signal.SIG_IGN) or isinstance(getattr(before, "__self__", None), CtrlC)
        if not taken and threading.current_thread() is threading.main_thread():
            self._before = before
            signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _on_signal(self, *_: object) -> None:
        if self.pressed:
            raise KeyboardInterrupt
        self.pressed = True
        from tqdm import tqdm

        # the signal may come while something is being printed, and a message must not end a training
        with contextlib.suppress(OSError, ValueError, RuntimeError, AttributeError):
            if sys.stderr.isatty():
                tqdm.write("stopping after this step; press Ctrl-C again to stop at once", file=sys.stderr)


class _Kept:
    """The last good state, in memory and in the checkpoint."""

    def __init__(self, objects: dict[str, Any], checkpoint: Any, history: History) -> None:
        self.objects = objects
        self.checkpoint = checkpoint
        self.history = history
        self.targets = restorable(objects)
        self.exempt: set[str] = set()
        self.exempt = {where for where, _ in self._spoiled(self.taken())}  # a mask of -inf came from the user
        self.keep()

    def keep(self) -> str:
        """Keep the present state, unless it has trouble, which is returned."""
        states = self.taken()
        if trouble := self._trouble(states):
            return trouble
        self.states, self.step = states, self.history.last
        if self.checkpoint is not None:
            save(self.checkpoint, **self.objects, step=self.step, history=self.history)
        return ""

    def trouble(self) -> str:
        """Say which array of the present state is NaN or infinite, if one is."""
        return self._trouble(self.taken())

    def taken(self) -> dict[str, Any]:
        """Copy the present state, since the state_dict of a user's class may give its own arrays."""
        return {name: copied(target.take()) for name, target in self.targets.items()}

    def put_back(self) -> None:
        self.put(self.states)

    def put(self, states: dict[str, Any]) -> None:
        """Return to a state, of which the objects get copies, and forget the gradients, which belong to another."""
        for name, target in self.targets.items():
            target.put(copied(states[name]))
        for value in self.objects.values():
            if isinstance(value, Tensor):
                value.grad = None
            elif hasattr(value, "zero_grad"):
                value.zero_grad()

    def _trouble(self, states: dict[str, Any]) -> str:
        for where, array in self._spoiled(states):
            return f"after it, {where} holds {'NaN' if numpy.isnan(array).any() else 'an infinity'}"
        return ""

    def _spoiled(self, states: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:
        for name, state in states.items():
            for where, array in _arrays(state, name):
                if array.dtype.kind in "fc" and where not in self.exempt and not numpy.isfinite(array).all():
                    yield where, array


def _arrays(tree: Any, where: str) -> Iterator[tuple[str, numpy.ndarray]]:
    """Walk over the arrays of a copied tree, which holds no Tensors, on the host, with the places where they stand."""
    if isinstance(tree, dict | list | tuple):
        for key, part in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from _arrays(part, f"{where}[{key!r}]")
    elif is_array(tree):
        yield where, to_host(tree)


def _checked(step: Any, state: Any, checkpoint: Any, resume: bool) -> dict[str, Any]:
    if not callable(step):
        raise TypeError(f"step must be a function of the number of the step; got {step!r}")
    if not isinstance(state, Mapping | None):
        raise TypeError(f"state must be a dict, such as {{'model': model}}; got a {type(state).__name__}")
    if checkpoint is not None and not state:
        raise ValueError("checkpoint= needs state=, which says what to save: state={'model': model, ...}")
    if resume and checkpoint is None:
        raise ValueError("resume=True needs checkpoint=, the file to go on from")
    for name in RESERVED.intersection(state or ()):
        raise ValueError(f"state has the name {name!r}, which fit needs for itself; choose another")
    return dict(state or {})


def _check_complete(checkpoint: str, objects: dict[str, Any]) -> None:
    """Refuse to go on without a part of what was saved, which the next save would then leave out."""
    saved, _ = archive.read(checkpoint)
    if lacking := [name for name in saved if name not in OWN | objects.keys()]:
        raise CheckpointError(
            f"{checkpoint} holds {', '.join(lacking)} too, and state= does not, so the next save would lose it; give "
            "state= all that was saved"
        )


def _metrics(returned: Any) -> dict[str, float]:
    named = returned if isinstance(returned, Mapping) else {"loss": returned}
    for name in named:
        if not isinstance(name, str):
            raise TypeError(f"the name of a metric must be text; got {name!r}")
    return {name: as_number(name, value) for name, value in named.items()}


def _not_finite(metrics: dict[str, float]) -> str:
    return next((f"the metric {name!r} is {value}" for name, value in metrics.items() if not math.isfinite(value)), "")


def _divergence(step: Step, j: int, trouble: str, kept: _Kept, ctrl_c: CtrlC) -> DivergenceError:
    if not kept.objects:
        advice = "Pass state={'model': model, ...}, and fit finds the operation that produced it; or call step under "
        return DivergenceError(f"step {j}: {trouble}. {advice}minigrad.detect_anomaly().", j, kept.history, None)
    kept.put_back()
    try:
        found = _replay(step, j, kept, ctrl_c)
    finally:
        kept.put_back()
    end = f"The state is again that after step {kept.step}; the metrics are in the history of this error."
    return DivergenceError(f"step {j}: {trouble}. {found} {end}", j, kept.history, kept.step)


def _replay(step: Step, last: int, kept: _Kept, ctrl_c: CtrlC) -> str:
    """Run the steps from the kept state again, and the first bad one once more to say what produced its NaN."""
    again = f"steps {kept.step + 1} to {last} again"
    try:
        for j in range(kept.step + 1, last + 1):
            if ctrl_c.pressed:
                return "The search for the operation was interrupted."
            before = kept.taken()
            if _not_finite(_metrics(step(j))) or kept.trouble():
                kept.put(before)
                with detect_anomaly():
                    step(j)
                return f"Running {again} shows no operation on Tensors behind it: look at plain arrays, and step sizes."
    except AnomalyError as error:
        return f"Running {again} shows the first NaN or infinity in step {j}: {error}.{_meant(error)}"
    except Exception as error:
        return f"Running {again} to find the operation failed in step {j}: {error!r}."
    return f"Running {again} gave none: does step use a generator, or anything else that changes, outside of state=?"


def _meant(error: AnomalyError) -> str:
    return " If this infinity is meant, as in a mask, look behind it." if "infinite" in str(error) else ""
