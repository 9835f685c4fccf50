"""Optimizers, with PyTorch's names; schedules of the step size; gradient clipping."""

from minigrad.optim.adagrad import Adagrad
from minigrad.optim.adam import Adam, AdamW
from minigrad.optim.clipping import clip_grad_norm, clip_grad_value
from minigrad.optim.convergence import RobbinsMonro, robbins_monro
from minigrad.optim.optimizer import Optimizer
from minigrad.optim.rmsprop import RMSprop
from minigrad.optim.schedules import Constant, Cosine, Harmonic, Schedule, Step, Warmup
from minigrad.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Constant",
    "Cosine",
    "Harmonic",
    "Optimizer",
    "RMSprop",
    "RobbinsMonro",
    "Schedule",
    "Step",
    "Warmup",
    "clip_grad_norm",
    "clip_grad_value",
    "robbins_monro",
]
