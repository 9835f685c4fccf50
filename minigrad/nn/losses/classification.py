"""Cross-entropy: the loss of a classifier with many classes, and with two."""

from __future__ import annotations

from functools import partial
from typing import Any

import minigrad.numpy as np
from minigrad.checks import require
from minigrad.nn.losses.checks import alike, as_scores, reduced
from minigrad.primitives import general
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
        If a label is not a class, the reduction is unknown, or there is no sample to take the mean of.

    Warns
    -----
    ProbabilitiesWarning
        If the logits are the output of a softmax, or rows of a plain array that look like it.

    Examples
    --------
    >>> import numpy
    >>> float(cross_entropy(numpy.zeros((2, 10)), numpy.array([3, 7])))  # log 10
    2.302585092994046
    """
    logits = as_scores("cross_entropy", logits, of_classes=True)
    labels = as_classes("cross_entropy", logits, labels)
    if reduction == "mean" and len(labels):  # as one operation, because every training step takes it
        return general.cross_entropy(logits, labels, averaged=True)
    return reduced(np.cross_entropy(logits, labels), reduction)


def as_classes(loss: str, logits: Any, labels: Any) -> Any:
    """Give labels as a plain array, once each is one of the classes that the logits are of.

    Parameters
    ----------
    loss : str
        The name of the loss, for the messages.
    logits : array or Tensor, shape (n, classes)
        With at least one class.
    labels : integer array, shape (n,)
        From 0 to classes − 1.

    Raises
    ------
    ShapeError
        If the shapes are not these.
    ValueError
        If a label is not a whole number, or not a class.

    Examples
    --------
    >>> import numpy
    >>> as_classes("cross_entropy", numpy.zeros((2, 3)), [0, 2])
    array([0, 2])
    """
    labels = np.as_array(raw(labels))
    shape = logits.shape
    if len(shape) != 2 or len(labels.shape) != 1 or labels.shape[0] != shape[0] or not shape[1]:
        raise ShapeError(
            f"{loss} needs logits of shape (n, classes) and labels of shape (n,); "
            f"got {tuple(shape)} and {tuple(labels.shape)}"
        )
    if labels.dtype.kind not in "iu":
        raise ValueError(f"{loss} needs whole numbers as labels; got {labels.dtype}")
    require(((labels >= 0) & (labels < shape[1])).all(), partial(_not_classes, shape[1]), labels)
    return labels


def _not_classes(classes: int, labels: Any) -> ValueError:
    return ValueError(
        f"labels go from 0 to {classes - 1} for {classes} classes; "
        f"got values from {int(labels.min())} to {int(labels.max())}"
    )


def binary_cross_entropy_with_logits(logits: Any, targets: Any, reduction: str = "mean") -> Any:
    """Give the cross-entropy of a yes or no, from its logit: −t log σ(f) − (1 − t) log(1 − σ(f)).

    It applies the sigmoid itself, and takes logits, not probabilities; hence its name, which is PyTorch's.

    Parameters
    ----------
    logits : array or Tensor
        f, the scores before the sigmoid, of any shape.
    targets : array or Tensor
        t, from 0 to 1, of the same shape. Integers and booleans are converted to the dtype of the logits.
    reduction : {"mean", "sum", "none"}
        How the losses become one, or that they stay as many as the logits.

    Raises
    ------
    ShapeError
        If the shapes differ, even where NumPy would broadcast them.
    ValueError
        If a target is not between 0 and 1, the reduction is unknown, or there is nothing to take the mean of.

    Warns
    -----
    ProbabilitiesWarning
        If a derivative flows through the logits, and a sigmoid or softmax has made them.

    Examples
    --------
    >>> import numpy
    >>> binary_cross_entropy_with_logits(numpy.array([0.0, 1e4, 1e4]), numpy.array([1, 1, 0]), "none")  # log 2 first
    array([6.93147181e-01, 0.00000000e+00, 1.00000000e+04])
    """
    logits = as_scores("binary_cross_entropy_with_logits", logits)
    targets = as_shares("binary_cross_entropy_with_logits", logits, targets)
    return reduced(binary_losses(logits, targets), reduction)


def as_shares(loss: str, logits: Any, targets: Any) -> Any:
    """Give targets in the shape and dtype of the logits, once all lie between 0 and 1.

    Raises
    ------
    ShapeError
        If the shapes differ.
    ValueError
        If a target is not between 0 and 1.

    Examples
    --------
    >>> import numpy
    >>> as_shares("binary_cross_entropy_with_logits", numpy.zeros(2, "float32"), [True, False])
    array([1., 0.], dtype=float32)
    """
    targets = alike(loss, logits, targets)
    values = raw(targets)
    require(((values >= 0.0) & (values <= 1.0)).all(), partial(_not_shares, loss), values)
    return targets


def _not_shares(loss: str, targets: Any) -> ValueError:
    return ValueError(
        f"{loss} needs targets from 0 to 1, after the logits; "
        f"got values from {float(targets.min())} to {float(targets.max())}"
    )


def binary_losses(logits: Any, targets: Any) -> Any:
    """Give −t log σ(f) − (1 − t) log(1 − σ(f)) for each logit f and target t.

    Examples
    --------
    >>> import numpy
    >>> binary_losses(numpy.array([0.0]), numpy.array([0.5]))  # log 2
    array([0.69314718])
    """
    return targets * np.softplus(-logits) + (1.0 - targets) * np.softplus(logits)
