"""Projections and proximal operators: the nearest point of a convex set, and the best compromise with a penalty.

The proximal operator of a convex function f is ``prox_f(x) = argmin over z of f(z) + ½‖z − x‖²``. Here f is a norm
times a step t, or the indicator function of a set C, which is 0 in C and infinite outside. The prox of an indicator
function is the projection onto C, whatever the step, because t · 0 = 0 and t · ∞ = ∞.

Each comes with its dual by Moreau's decomposition ``x = prox_f(x) + prox_{f*}(x)``:

========================================  ========================================
the prox of a norm                        the projection onto the dual norm's ball
========================================  ========================================
``soft_threshold(x, t)``, ℓ1              ``project_linf(x, t)``
``prox_l2(x, t)``, ℓ2                     ``project_l2(x, t)``
``x - project_l1(x, t)``, ℓ∞              ``project_l1(x, t)``
``prox_nuclear(x, t)``, nuclear           ``project_spectral(x, t)``
========================================  ========================================

A stack of points along the first axis is treated point by point. All can be differentiated, to any order;
docs/conventions.md says what the derivative is at a kink. No element is read back from a device to look for NaN: a
point with NaN comes back with NaN in it, and an infinite point comes back as its limit or with NaN in it.

References
----------
Moreau, J.-J. (1965). Proximité et dualité dans un espace hilbertien. Bull. Soc. Math. France 93.

Parikh, N. and Boyd, S. (2014). Proximal algorithms. Foundations and Trends in Optimization 1(3).

Examples
--------
>>> import numpy
>>> x = numpy.array([3.0, -0.5, 1.0])
>>> soft_threshold(x, 1.0) + project_linf(x, 1.0)
array([ 3. , -0.5,  1. ])
"""

from minigrad.prox.matrices import project_spectral, prox_nuclear
from minigrad.prox.points import check_radius
from minigrad.prox.projections import (
    project_affine,
    project_box,
    project_l1,
    project_l2,
    project_linf,
    project_simplex,
)
from minigrad.prox.proximal import prox_l2, soft_threshold

__all__ = [
    "check_radius",
    "project_affine",
    "project_box",
    "project_l1",
    "project_l2",
    "project_linf",
    "project_simplex",
    "project_spectral",
    "prox_l2",
    "prox_nuclear",
    "soft_threshold",
]
