"""Proximal operators of norms: the best compromise between a small norm and staying close."""

from __future__ import annotations

from typing import Any

import minigrad.numpy as np
from minigrad.prox.points import as_points, check_step, lengths


def soft_threshold(x: Any, t: float) -> Any:
    """Take t off the size of every coordinate, and make 0 what is smaller: ``sign(x) max(|x| − t, 0)``.

    It is the proximal operator of t‖·‖₁, and what `project_linf` of radius t leaves over.

    Parameters
    ----------
    x : array or Tensor
        Any shape.
    t : float
        At least 0, in the units of x.

    Raises
    ------
    ValueError
        If t is negative, NaN or infinite.

    References
    ----------
    Daubechies, I., Defrise, M. and De Mol, C. (2004). An iterative thresholding algorithm for linear inverse problems
    with a sparsity constraint. Comm. Pure Appl. Math. 57(11).

    Examples
    --------
    >>> import numpy
    >>> soft_threshold(numpy.array([3.0, -0.5, -2.0]), 1.0)
    array([ 2.,  0., -1.])
    """
    x, t = as_points(x), check_step(t)
    return np.where(np.abs(x) < t, 0.0, x - t * np.sign(x))


def prox_l2(x: Any, t: float) -> Any:
    """Take t off the length of each point, and make 0 what is shorter: ``x max(1 − t/‖x‖₂, 0)``.

    It is the proximal operator of t‖·‖₂, also called block soft threshold, and what `project_l2` of radius t leaves
    over.

    Parameters
    ----------
    x : array or Tensor
        A vector, or a stack of points along the first axis, each shortened on its own.
    t : float
        At least 0, in the units of x.

    Raises
    ------
    ValueError
        If t is negative, NaN or infinite.

    References
    ----------
    Yuan, M. and Lin, Y. (2006). Model selection and estimation in regression with grouped variables. J. Royal Stat.
    Soc. B 68(1).

    Examples
    --------
    >>> import numpy
    >>> prox_l2(numpy.array([[3.0, 4.0], [0.3, 0.4]]), 1.0)
    array([[2.4, 3.2],
           [0. , 0. ]])
    """
    x, t = as_points(x), check_step(t)
    length = lengths(x)
    inside = length < t
    return np.where(inside, 0.0, x * (1.0 - t / np.where(inside | (length == 0.0), 1.0, length)))
