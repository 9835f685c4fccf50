"""Layers and losses, with PyTorch's names."""

from minigrad.nn import init
from minigrad.nn.activations import ELU, GELU, LeakyReLU, ReLU, Sigmoid, Softplus, Tanh
from minigrad.nn.containers import ModuleList, Sequential
from minigrad.nn.convolution import Conv2d, ConvTranspose2d, conv2d, conv_transpose2d
from minigrad.nn.embedding import Embedding
from minigrad.nn.linear import Linear
from minigrad.nn.losses import (
    ProbabilitiesWarning,
    bernoulli_log_likelihood,
    binary_cross_entropy_with_logits,
    categorical_log_likelihood,
    cross_entropy,
    gan_discriminator_loss,
    gaussian_kl,
    gaussian_log_likelihood,
    hinge_discriminator_loss,
    hinge_generator_loss,
    hinge_loss,
    least_squares_discriminator_loss,
    least_squares_generator_loss,
    logistic_loss,
    multivariate_gaussian_kl,
    nonsaturating_generator_loss,
    saturating_generator_loss,
    squared_error,
    wasserstein_critic_loss,
    wasserstein_generator_loss,
)
from minigrad.nn.module import Buffer, Module, Parameter, StateError
from minigrad.nn.normalization import BatchNorm1d, BatchNorm2d, LayerNorm, frozen_statistics
from minigrad.nn.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from minigrad.nn.regularization import Dropout
from minigrad.nn.resampling import AvgPool2d, MaxPool2d, Upsample
from minigrad.nn.reversal import GradientReversal
from minigrad.nn.shapes import Flatten, Identity
from minigrad.nn.spectral import SpectralNorm
from minigrad.nn.vector import load_vector, ravel

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Buffer",
    "Conv2d",
    "ConvTranspose2d",
    "Dropout",
    "Embedding",
    "Flatten",
    "GRUCell",
    "GradientReversal",
    "Identity",
    "LSTMCell",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "MaxPool2d",
    "Module",
    "ModuleList",
    "Parameter",
    "ProbabilitiesWarning",
    "RNNCell",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softplus",
    "SpectralNorm",
    "StateError",
    "Tanh",
    "Upsample",
    "bernoulli_log_likelihood",
    "binary_cross_entropy_with_logits",
    "categorical_log_likelihood",
    "conv2d",
    "conv_transpose2d",
    "cross_entropy",
    "frozen_statistics",
    "gan_discriminator_loss",
    "gaussian_kl",
    "gaussian_log_likelihood",
    "hinge_discriminator_loss",
    "hinge_generator_loss",
    "hinge_loss",
    "init",
    "least_squares_discriminator_loss",
    "least_squares_generator_loss",
    "load_vector",
    "logistic_loss",
    "multivariate_gaussian_kl",
    "nonsaturating_generator_loss",
    "ravel",
    "saturating_generator_loss",
    "squared_error",
    "wasserstein_critic_loss",
    "wasserstein_generator_loss",
]
