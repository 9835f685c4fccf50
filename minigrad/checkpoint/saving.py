"""`save` and `load`: the state of whole programs, into one file and back."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import numpy

from minigrad.backend import current
from minigrad.checkpoint import archive
from minigrad.checkpoint.archive import CheckpointError
from minigrad.checkpoint.replacing import replacing
from minigrad.checkpoint.targets import KINDS, Target, target_of
from minigrad.checkpoint.trees import copied, decode, encode, is_array


def save(path: str | os.PathLike[str], **objects: Any) -> None:
    """Write the state of objects into one file, which is there completely or not at all.

    Parameters
    ----------
    path : path
        Exactly this file is written; ``.npz`` is the usual ending, because NumPy can read it. Its folder must exist.
    **objects
        By the names under which `load` finds them:

        - what has ``state_dict()`` and ``load_state_dict(state)``: modules, optimizers, schedules, batches, histories,
          and your own classes. ``state_dict`` gives a copy of the state as a tree, and ``load_state_dict`` checks the
          whole tree before it changes anything;
        - a ``numpy.random.Generator``;
        - a Tensor or an array of numbers;
        - a tree: dicts with str keys, lists and tuples of all these plain things: arrays, Tensors, str, bool, int,
          float, None. Of subclasses, such as namedtuples, only the plain value is saved; see `load`.

    Raises
    ------
    TypeError
        If something cannot be saved; the message says where it is. A file of that name stays as it was. Or if the path
        is none.
    ValueError
        If there is nothing to save, or a tree is nested too deeply.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from minigrad import nn
    >>> layer, rng = nn.Linear(2, 1), numpy.random.default_rng(0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/run.npz", layer=layer, rng=rng, step=100)
    ...     load(f"{folder}/run.npz")
    {'step': 100}
    """
    path = os.fsdecode(path)
    if not objects:
        raise ValueError("save was given nothing to save; write save(path, model=model, step=step)")
    arrays: list[numpy.ndarray] = []
    entries = {name: _entry(name, value, arrays) for name, value in objects.items()}
    with replacing(path) as file:
        archive.write(file, entries, arrays)


def load(path: str | os.PathLike[str], **objects: Any) -> dict[str, Any]:
    """Restore objects, in place, from a file that `save` wrote: all of them, or none if anything is wrong.

    The whole file is checked before the first object is touched. If one object then refuses its state, it and those
    before it get their old states back; should one refuse that too, the error names it. Saved states that no object is
    given for are left alone.

    Parameters
    ----------
    path : path
        The file.
    **objects
        What to restore, by the names under which it was saved. A Tensor or an array must have the shape and the dtype
        that was saved, and is overwritten.

    Returns
    -------
    dict
        The plain values of the file, and those of its arrays that were not restored into an object, as arrays of the
        active backend. Tensors come back as such arrays, and NumPy's scalars as arrays without axes. A value of a
        subclass comes back as the plain type: a namedtuple as a tuple, an OrderedDict as a dict, a member of an IntEnum
        as an int. All else has the type that was saved.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If the file was cut or altered, is no checkpoint, or was written by a newer minigrad; if it lacks what was asked
        for; or if a state does not fit its object.
    TypeError
        If an object cannot be restored in place, such as a number, or the path is none.

    Examples
    --------
    >>> import tempfile
    >>> saved, restored = numpy.random.default_rng(0), numpy.random.default_rng(1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/run.npz", rng=saved, step=100)
    ...     load(f"{folder}/run.npz", rng=restored)["step"]
    100
    >>> saved.random() == restored.random()
    True
    """
    path = os.fsdecode(path)
    targets = restorable(objects)
    entries = _entries_of(path)
    for name, target in targets.items():
        if name not in entries:
            listed = ", ".join(f"{known} ({KINDS[kind]})" for known, (kind, _) in entries.items())
            raise CheckpointError(f"{path} has no entry {name!r}; it has: {listed}")
        if entries[name][0] != target.kind:
            raise CheckpointError(f"{name} in {path} is {KINDS[entries[name][0]]}, and {KINDS[target.kind]} is needed")
    plain = {
        name: _placed(tree)
        for name, (kind, tree) in entries.items()
        if kind in ("value", "array") and name not in targets
    }
    _restore(path, targets, entries)
    return plain


def restorable(objects: dict[str, Any]) -> dict[str, Target]:
    """Say for each object how to restore it, by its name.

    Raises
    ------
    TypeError
        If one cannot be changed in place.

    Examples
    --------
    >>> restorable({"x": numpy.ones(2)})["x"].kind
    'array'
    """
    targets = {}
    for name, value in objects.items():
        target = target_of(value)
        if target is None:
            raise TypeError(
                f"{name} is of type {type(value).__name__}, which cannot be restored in place, as Tensors, arrays, "
                "generators and objects with state_dict and load_state_dict can; plain values are returned by load"
            )
        targets[name] = target
    return targets


def _entry(name: str, value: Any, arrays: list[numpy.ndarray]) -> dict[str, Any]:
    target = target_of(value)
    if target is None:
        return {"kind": "value", "tree": encode(value, arrays, name)}
    where = f"{name}.state_dict()" if target.kind == "state" else name
    return {"kind": target.kind, "tree": encode(target.take(), arrays, where)}


def _entries_of(path: str | os.PathLike[str]) -> dict[str, tuple[str, Any]]:
    """Read the kind and the tree of every entry of a file."""
    encoded, arrays = archive.read(path)
    with archive.errors_of(path):
        entries = {name: (entry["kind"], decode(entry["tree"], arrays)) for name, entry in encoded.items()}
        if unknown := {kind for kind, _ in entries.values()}.difference(KINDS):
            raise ValueError(f"it has entries of the unknown kinds {unknown}")
    return entries


def _placed(tree: Any) -> Any:
    """Put the arrays of a tree on the active backend."""
    if isinstance(tree, dict):
        return {key: _placed(part) for key, part in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(_placed(part) for part in tree)
    return current().asarray(tree) if is_array(tree) else tree


def _restore(path: Any, targets: dict[str, Target], entries: dict[str, tuple[str, Any]]) -> None:
    before: dict[str, Any] = {}
    for name, target in targets.items():
        try:
            before[name] = copied(target.take())  # a user's state_dict may give its own arrays
            target.put(entries.pop(name)[1])  # which lets go of what is done, so that memory is not filled twice
        except BaseException as error:
            changed = _roll_back(targets, before)
            lost = f"{', '.join(changed)} could not be put back to the old state"
            if isinstance(error, Exception):
                end = f"and {lost}" if changed else "so nothing was changed"
                raise CheckpointError(f"{name} in {path} does not fit, {end}: {error}") from error
            if changed:
                error.add_note(f"{path} was being loaded; {lost}")
            raise


def _roll_back(targets: dict[str, Target], before: dict[str, Any]) -> list[str]:
    """Put objects back to their old states, and name those that are not as they were."""
    changed = []
    for name, state in reversed(before.items()):  # two of them may share a generator
        try:
            targets[name].put(state)
        except Exception:
            if not _is_still(targets[name], state):  # what refuses every state was not changed either
                changed.append(name)
    return changed


def _is_still(target: Target, state: Any) -> bool:
    with contextlib.suppress(Exception):
        return _bits(target.take()) == _bits(state)
    return False


def _bits(tree: Any) -> Any:
    arrays: list[numpy.ndarray] = []
    return encode(tree, arrays, ""), [(array.dtype, array.shape, array.tobytes()) for array in arrays]
