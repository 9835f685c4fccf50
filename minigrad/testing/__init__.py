"""The derivation kit: compare numbers, check derivatives, and state theorems as tests.

`close` and `check_grads` need nothing but NumPy. The assertions (`assert_convex` and its like) and the `strategies`
draw their examples with Hypothesis, from the extra ``test``.

Examples
--------
>>> import minigrad.numpy as np
>>> check_grads(lambda x: np.sum(np.log(x)), np.array([1.0, 2.0]))
"""

from minigrad.testing.assertions import (
    Counterexample,
    assert_convex,
    assert_descent_direction,
    assert_gradient,
    assert_identity,
    assert_lipschitz,
    assert_maximizer,
    assert_nonexpansive,
    assert_projection,
    assert_upper_bound,
)
from minigrad.testing.compare import Closeness, close
from minigrad.testing.derivatives import DerivativeError, check_grads

__all__ = [
    "Closeness",
    "Counterexample",
    "DerivativeError",
    "assert_convex",
    "assert_descent_direction",
    "assert_gradient",
    "assert_identity",
    "assert_lipschitz",
    "assert_maximizer",
    "assert_nonexpansive",
    "assert_projection",
    "assert_upper_bound",
    "check_grads",
    "close",
]
