"""Losses, computed from logits."""

from __future__ import annotations

from typing import Any

import minigrad.numpy as np
from minigrad.primitives.kinds import raw
from minigrad.tape import ShapeError


def cross_entropy(logits: Any, labels: Any, reduction: str = "mean") -> Any:
    """Give the softmax cross-entropy of a classifier: −log softmax(logits)[label].

    Parameters
    ----------
    logits : array or Tensor, shape (n, classes)
        Scores before the softmax.
    labels : integer array, shape (n,)
        The true classes, from 0 to classes − 1.
    reduction : {"mean", "sum", "none"}
        How the n losses become one, or that they stay n.

    Raises
    ------
    ShapeError
        If the shapes are not (n, classes) and (n,).
    ValueError
        If a label is not a class, or the reduction is unknown.

    Examples
    --------
    >>> import numpy
    >>> float(cross_entropy(numpy.zeros((2, 10)), numpy.array([3, 7])))  # log 10
    2.302585092994046
    """
    logits, labels = np.as_array(logits), np.as_array(raw(labels))
    if len(logits.shape) != 2 or len(labels.shape) != 1 or labels.shape[0] != logits.shape[0]:
        raise ShapeError(
            "cross_entropy needs logits of shape (n, classes) and labels of shape (n,); "
            f"got {logits.shape} and {labels.shape}"
        )
    if labels.dtype.kind not in "iu":
        raise ValueError(f"cross_entropy needs whole numbers as labels; got {labels.dtype}")
    if labels.shape[0] and (int(labels.min()) < 0 or int(labels.max()) >= logits.shape[1]):
        raise ValueError(
            f"labels go from 0 to {logits.shape[1] - 1} for {logits.shape[1]} classes; "
            f"got values from {int(labels.min())} to {int(labels.max())}"
        )
    losses = np.cross_entropy(logits, labels)
    if reduction == "none":
        return losses
    if reduction not in ("mean", "sum"):
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none'; got {reduction!r}")
    return np.mean(losses) if reduction == "mean" else np.sum(losses)
