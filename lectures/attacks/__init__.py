"""Attacks on classifiers: small perturbations of an input that change what a model says about it."""

from lectures.attacks.ascent import ZeroGradientWarning
from lectures.attacks.classifier import (
    accuracy,
    accuracy_under_attack,
    loss_of,
    network,
    predictions,
    softmax_model,
    train,
)
from lectures.attacks.fgsm import fgsm, iterated_fgsm
from lectures.attacks.linear import dual_norm, worst_perturbation
from lectures.attacks.objective import composite_objective
from lectures.attacks.pga import pga
from lectures.attacks.threat import allowed

__all__ = [
    "ZeroGradientWarning",
    "accuracy",
    "accuracy_under_attack",
    "allowed",
    "composite_objective",
    "dual_norm",
    "fgsm",
    "iterated_fgsm",
    "loss_of",
    "network",
    "pga",
    "predictions",
    "softmax_model",
    "train",
    "worst_perturbation",
]
