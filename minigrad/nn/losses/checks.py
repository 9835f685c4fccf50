"""What the losses share: they look at their arguments first, and reduce many losses to one at the end."""

from __future__ import annotations

import warnings
from typing import Any

import minigrad.numpy as np
from minigrad.backend import REAL, floating
from minigrad.primitives.kinds import raw
from minigrad.tape import ShapeError
from minigrad.tensor import Tensor

SQUASHING = {"softmax", "sigmoid"}
KEEPING_VALUES = {"reshape", "transpose", "getitem", "astype", "clip"}


class ProbabilitiesWarning(UserWarning):
    """Probabilities were given to a loss that takes logits, and would go through a softmax or sigmoid twice."""


def real_numbers(loss: str, x: Any) -> Any:
    """Give anything as an array or Tensor of floating-point numbers.

    Raises
    ------
    TypeError
        If it holds something else than real numbers.

    Examples
    --------
    >>> real_numbers("squared_error", [1, 2])
    array([1., 2.])
    """
    x = np.as_array(x)
    if x.dtype.kind not in REAL:
        raise TypeError(f"{loss} needs real numbers; got {x.dtype}")
    return floating(x)


def as_scores(loss: str, scores: Any, *, of_classes: bool = False) -> Any:
    """Give logits or other scores as floating-point numbers, and warn if they are probabilities.

    A Tensor that a derivative flows through tells which operation made it; this costs nothing. Other arrays do not.
    Of them, scores of classes are suspected if each row is nonnegative and sums to 1; to see that, the host waits.

    Parameters
    ----------
    loss : str
        The name of the loss, for the message.
    scores : array or Tensor
        Of any shape.
    of_classes : bool
        Whether they have the shape (n, classes) and belong before a softmax.

    Warns
    -----
    ProbabilitiesWarning
        With the line that called the loss, if the loss called this function.

    Examples
    --------
    >>> as_scores("cross_entropy", [[2, -1]])
    array([[ 2., -1.]])
    """
    scores = real_numbers(loss, scores)
    if isinstance(scores, Tensor) and scores.needs:
        maker = made_by(scores)
    else:
        maker = "softmax" if of_classes and rows_are_probabilities(raw(scores)) else ""
    if maker in SQUASHING:
        warnings.warn(
            f"{loss} was given probabilities, the output of a {maker}. It takes the logits, the scores before that: "
            f"leave the {maker} out.",
            ProbabilitiesWarning,
            stacklevel=3,
        )
    return scores


def made_by(x: Tensor) -> str:
    """Name the operation that gave a tensor its values, or give an empty text if that is not known.

    Operations that only move or clip values do not count.

    Examples
    --------
    >>> import minigrad as mg
    >>> made_by(np.sigmoid(mg.tensor([[0.5]], requires_grad=True)).reshape(1))
    'sigmoid'
    """
    node: Any = x
    while node is not None and node.primitive is not None:
        if node.primitive.name not in KEEPING_VALUES:
            return node.primitive.name
        node = node.parents[0] if node.parents else None
    return ""


def rows_are_probabilities(scores: Any) -> bool:
    """Tell whether an array of shape (n, classes), of two classes or more, looks like the output of a softmax.

    Examples
    --------
    >>> import numpy
    >>> rows_are_probabilities(numpy.array([[0.25, 0.75], [0.5, 0.5]]))
    True
    """
    if scores.ndim != 2 or not scores.shape[0] or scores.shape[1] < 2:
        return False
    return bool((scores >= 0.0).all() & (abs(scores.sum(axis=1) - 1.0) <= 1e-5).all())


def alike(loss: str, first: Any, second: Any, *, or_number: bool = False) -> Any:
    """Give the second argument in the dtype of the first, once their shapes are the same.

    Parameters
    ----------
    loss : str
        The name of the loss, for the message.
    first : array or Tensor
        Floating-point numbers.
    second : array or Tensor
        Real numbers, of any dtype.
    or_number : bool
        Whether the second may also be one number.

    Raises
    ------
    ShapeError
        If the shapes differ, even where NumPy would broadcast them.

    Examples
    --------
    >>> import numpy
    >>> alike("squared_error", numpy.zeros(2, "float32"), [1, 2])
    array([1., 2.], dtype=float32)
    """
    second = real_numbers(loss, second)
    if tuple(second.shape) != tuple(first.shape) and not (or_number and not second.ndim):
        wanted = "one shape for both, or a number" if or_number else "one shape for both"
        hint = f" If they belong together, reshape one: x.reshape({first.shape})." if second.size == first.size else ""
        raise ShapeError(
            f"{loss} goes through two arrays element by element and needs {wanted}; "
            f"got {tuple(first.shape)} and {tuple(second.shape)}.{hint}"
        )
    return second if second.dtype == first.dtype else second.astype(first.dtype)


def reduced(losses: Any, reduction: str) -> Any:
    """Make one number of many losses, or leave them.

    Parameters
    ----------
    losses : array or Tensor
        Of any shape.
    reduction : {"mean", "sum", "none"}
        The mean is over all elements.

    Raises
    ------
    ValueError
        If the reduction is unknown, or there are no losses to take the mean of.

    Examples
    --------
    >>> import numpy
    >>> float(reduced(numpy.array([1.0, 3.0]), "mean"))
    2.0
    """
    if reduction == "none":
        return losses
    if reduction not in ("mean", "sum"):
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none'; got {reduction!r}")
    if reduction == "sum":
        return np.sum(losses)
    if not losses.size:
        raise ValueError("the batch is empty, and no losses have no mean; leave it out, or use reduction='sum'")
    return np.mean(losses)
