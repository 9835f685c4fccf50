"""Products: linear in each array while the others stand still, so each transpose is again a product."""

from __future__ import annotations

import math
from typing import Any

from minigrad.backend import xp
from minigrad.primitives.kinds import bilinear


def _matmul_pull_x(g: Any, ans: Any, x: Any, y: Any) -> Any:
    if y.ndim == 1:
        return g * y if x.ndim == 1 else g[..., None] * y
    if x.ndim == 1:
        return (y @ g[..., None])[..., 0]
    return g @ y.swapaxes(-1, -2)


def _matmul_pull_y(g: Any, ans: Any, x: Any, y: Any) -> Any:
    if x.ndim == 1:
        return g * x if y.ndim == 1 else x[:, None] * g[..., None, :]
    if y.ndim == 1:
        return (x.swapaxes(-1, -2) @ g[..., None])[..., 0]
    if y.ndim == 2 < x.ndim:  # one weight matrix for a stack of inputs: a single product instead of a sum of many
        rows = math.prod(x.shape[:-1])
        return x.reshape((rows, x.shape[-1])).T @ g.reshape((rows, g.shape[-1]))
    return x.swapaxes(-1, -2) @ g


matmul = bilinear("matmul", _matmul_pull_x, _matmul_pull_y)


def _einsum_pull(i: int, g: Any, ans: Any, *arrays: Any, inputs: tuple[str, ...], output: str) -> Any:
    others = inputs[:i] + inputs[i + 1 :]
    return einsum(g, *arrays[:i], *arrays[i + 1 :], inputs=(output, *others), output=inputs[i])


def _einsum(*arrays: Any, inputs: tuple[str, ...], output: str) -> Any:
    return xp.einsum(f"{','.join(inputs)}->{output}", *arrays)


# In this form every letter of an array stands once in it, and again in the output or in another array. The function
# `einsum` of minigrad.numpy brings any subscripts into that form.
einsum = bilinear("einsum", each=_einsum_pull, forward=_einsum)
