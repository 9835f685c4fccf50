"""Functions whose answer is piecewise constant, or not a number at all.

They are computed on the plain arrays, and the answer is a plain array: no derivative flows through it.

Examples
--------
>>> import minigrad as mg
>>> import minigrad.numpy as np
>>> int(np.argmax(mg.tensor([1.0, 3.0, 2.0])))
1
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad.backend import xp
from minigrad.primitives.kinds import raw

NAMES = """
    all any allclose argmax argmin argsort argwhere around array_equal array_repr array_str array2string bincount
    count_nonzero digitize empty_like flatnonzero full_like isclose iscomplexobj isin isrealobj lexsort ndim nonzero
    ones_like result_type round searchsorted shape size unique zeros_like can_cast shares_memory may_share_memory
""".split()


def _constant(name: str) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        plain = [[raw(part) for part in x] if isinstance(x, list) else raw(x) for x in args]
        return getattr(xp, name)(*plain, **{key: raw(value) for key, value in kwargs.items()})

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"NumPy's {name}, of the plain arrays; no derivative flows through it."
    return function


FUNCTIONS = {name: _constant(name) for name in NAMES}
