"""Data sets, and the ways to split and batch them."""

from minigrad.data.batches import batches, split
from minigrad.data.digits import digits

__all__ = ["batches", "digits", "split"]
