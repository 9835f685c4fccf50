"""The table of primitives: every operation with a derivative, each declared once by its kind.

Read `kinds` first; then `elementwise`, `linear`, `bilinear`, `selection` and `general` hold the entries, and
`convolution` those of images, `normalization` those of batches, `recurrent` those of sequences and `spectral` those of
singular values.
"""

from minigrad.primitives import (
    bilinear,
    convolution,
    elementwise,
    general,
    linear,
    normalization,
    recurrent,
    selection,
    spectral,
)
from minigrad.primitives.kinds import TABLE

__all__ = [
    "TABLE",
    "bilinear",
    "convolution",
    "elementwise",
    "general",
    "linear",
    "normalization",
    "recurrent",
    "selection",
    "spectral",
]
