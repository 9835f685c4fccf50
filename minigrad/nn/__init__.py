"""Layers and losses, with PyTorch's names."""

from minigrad.nn.layers import Linear, ReLU, Sequential
from minigrad.nn.losses import cross_entropy
from minigrad.nn.module import Module, Parameter

__all__ = ["Linear", "Module", "Parameter", "ReLU", "Sequential", "cross_entropy"]
