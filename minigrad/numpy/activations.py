"""What networks are made of beside matrix products: activations, softmax, and the loss of a classifier.

`relu`, `sigmoid` and `softplus` come from the table as they are.
"""

from __future__ import annotations

from typing import Any

from minigrad.numpy.arrays import as_array
from minigrad.primitives import elementwise, general
from minigrad.primitives.kinds import raw


def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """Give x where it is positive, and slope times x elsewhere.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.leaky_relu([-1.0, 2.0], slope=0.25)
    array([-0.25,  2.  ])
    """
    return elementwise.leaky_relu(as_array(x), slope=slope)


def softmax(x: Any, axis: int = -1) -> Any:
    """Give exp(x) divided by its sum along an axis, without overflow.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.softmax([1000.0, 1000.0])
    array([0.5, 0.5])
    """
    return general.softmax(as_array(x), axis=axis)


def log_softmax(x: Any, axis: int = -1) -> Any:
    """Give the logarithm of softmax along an axis, finite however small the probability.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.log_softmax([0.0, 1000.0])
    array([-1000.,     0.])
    """
    return general.log_softmax(as_array(x), axis=axis)


def cross_entropy(logits: Any, labels: Any) -> Any:
    """Give −log softmax(logits)[label] for each row: the loss of a classifier, straight from logits.

    `minigrad.nn.cross_entropy` also checks the labels and takes the mean.

    Parameters
    ----------
    logits : array or Tensor, shape (n, classes)
        Scores before the softmax.
    labels : integer array, shape (n,)
        The true classes.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> np.cross_entropy([[0.0, 0.0], [1000.0, 0.0]], np.array([1, 0]))  # the first is log 2
    array([0.69314718, 0.        ])
    """
    return general.cross_entropy(as_array(logits), raw(labels))
