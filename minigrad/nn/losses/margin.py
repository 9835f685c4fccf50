"""Losses of the margin y f, for scores f and labels y = ±1: it is positive where the sign of the score is right."""

from __future__ import annotations

from functools import partial
from typing import Any

import minigrad.numpy as np
from minigrad.checks import require
from minigrad.nn.losses.checks import alike, as_scores, reduced
from minigrad.primitives.kinds import raw


def hinge_loss(scores: Any, labels: Any, reduction: str = "mean") -> Any:
    """Give the hinge loss max(0, 1 − y f), which is 0 where the margin is at least 1.

    The derivative at the kink, where the margin is 1, is 0.

    Parameters
    ----------
    scores : array or Tensor
        f, of any shape.
    labels : array
        y, each −1 or +1, of the same shape.
    reduction : {"mean", "sum", "none"}
        How the losses become one, or that they stay as many as the scores.

    Raises
    ------
    ShapeError
        If the shapes differ, even where NumPy would broadcast them.
    ValueError
        If a label is neither −1 nor +1, the reduction is unknown, or there is nothing to take the mean of.

    Warns
    -----
    ProbabilitiesWarning
        If a derivative flows through the scores, and a sigmoid or softmax has made them.

    References
    ----------
    Ledger: epfl11-squared-hinge-losses.

    Examples
    --------
    >>> import numpy
    >>> hinge_loss(numpy.array([2.0, 0.5, 0.5]), numpy.array([1, 1, -1]), "none")
    array([0. , 0.5, 1.5])
    """
    scores = as_scores("hinge_loss", scores)
    return reduced(np.relu(1.0 - as_signs("hinge_loss", scores, labels) * scores), reduction)


def logistic_loss(scores: Any, labels: Any, reduction: str = "mean") -> Any:
    """Give the logistic loss log(1 + exp(−y f)), the cross-entropy of a yes or no with labels ±1.

    Parameters
    ----------
    scores : array or Tensor
        f, the logits, of any shape.
    labels : array
        y, each −1 or +1, of the same shape.
    reduction : {"mean", "sum", "none"}
        How the losses become one, or that they stay as many as the scores.

    Raises
    ------
    ShapeError
        If the shapes differ, even where NumPy would broadcast them.
    ValueError
        If a label is neither −1 nor +1, the reduction is unknown, or there is nothing to take the mean of.

    Warns
    -----
    ProbabilitiesWarning
        If a derivative flows through the scores, and a sigmoid or softmax has made them.

    References
    ----------
    Ledger: epfl11-logistic-loss.

    Examples
    --------
    >>> import numpy
    >>> logistic_loss(numpy.array([0.0, 1e4, 1e4]), numpy.array([1, 1, -1]), "none")  # log 2 first
    array([6.93147181e-01, 0.00000000e+00, 1.00000000e+04])
    """
    scores = as_scores("logistic_loss", scores)
    return reduced(np.softplus(-as_signs("logistic_loss", scores, labels) * scores), reduction)


def as_signs(loss: str, scores: Any, labels: Any) -> Any:
    """Give labels in the shape and dtype of the scores, once each is −1 or +1.

    Raises
    ------
    ShapeError
        If the shapes differ.
    ValueError
        If a label is neither −1 nor +1.

    Examples
    --------
    >>> import numpy
    >>> as_signs("hinge_loss", numpy.zeros(2, "float32"), [1, -1])
    array([ 1., -1.], dtype=float32)
    """
    labels = alike(loss, scores, labels)
    values = raw(labels)
    require((abs(values) == 1.0).all(), partial(_not_signs, loss), values)
    return labels


def _not_signs(loss: str, labels: Any) -> ValueError:
    wrong = labels[abs(labels) != 1.0]
    return ValueError(
        f"{loss} needs labels -1 and +1; got {float(wrong.min()):g} among them. "
        "For labels 0 and 1 pass 2.0 * labels - 1.0"
    )
