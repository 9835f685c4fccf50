"""Optimizers, with PyTorch's names."""

from minigrad.optim.sgd import SGD

__all__ = ["SGD"]
