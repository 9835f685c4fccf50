"""Layers and losses, with PyTorch's names."""

from minigrad.nn import init
from minigrad.nn.activations import ReLU
from minigrad.nn.containers import ModuleList, Sequential
from minigrad.nn.convolution import Conv2d, ConvTranspose2d, conv2d, conv_transpose2d
from minigrad.nn.linear import Linear
from minigrad.nn.losses import cross_entropy
from minigrad.nn.module import Buffer, Module, Parameter, StateError
from minigrad.nn.resampling import AvgPool2d, MaxPool2d, Upsample
from minigrad.nn.vector import load_vector, ravel

__all__ = [
    "AvgPool2d",
    "Buffer",
    "Conv2d",
    "ConvTranspose2d",
    "Linear",
    "MaxPool2d",
    "Module",
    "ModuleList",
    "Parameter",
    "ReLU",
    "Sequential",
    "StateError",
    "Upsample",
    "conv2d",
    "conv_transpose2d",
    "cross_entropy",
    "init",
    "load_vector",
    "ravel",
]
