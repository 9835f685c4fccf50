"""The classifiers under attack: handwritten digits, a softmax model and a small network."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy

import minigrad as mg
from minigrad import data, nn, optim


def softmax_model(rng: numpy.random.Generator) -> nn.Module:
    """Make a linear classifier of the 64 pixels, with 10 logits.

    Examples
    --------
    >>> softmax_model(numpy.random.default_rng(0))
    Sequential(
      (0): Linear(64, 10)
    )
    """
    return nn.Sequential(nn.Linear(64, 10, rng=rng))


def network(rng: numpy.random.Generator) -> nn.Module:
    """Make a ReLU network 64-256-128-10.

    Examples
    --------
    >>> len(network(numpy.random.default_rng(0)).parameters())
    6
    """
    return nn.Sequential(
        nn.Linear(64, 256, rng=rng), nn.ReLU(), nn.Linear(256, 128, rng=rng), nn.ReLU(), nn.Linear(128, 10, rng=rng)
    )


def train(
    model: nn.Module,
    x: numpy.ndarray,
    y: numpy.ndarray,
    rng: numpy.random.Generator,
    *,
    epochs: int = 60,
    lr: float = 0.1,
    size: int = 32,
) -> None:
    """Fit a classifier by gradient descent with momentum 0.9, and a step that falls linearly to 0.

    Parameters
    ----------
    model : nn.Module
        Changed in place.
    x, y : array
        Images, shape (n, 64), and labels, shape (n,).
    rng : numpy.random.Generator
        Draws the order of the samples.
    epochs, size : int
        Passes over the data, and samples per batch.
    lr : float
        The first step size.

    Examples
    --------
    >>> x, y = data.digits()
    >>> model = softmax_model(numpy.random.default_rng(0))
    >>> train(model, x[:500], y[:500], numpy.random.default_rng(0), epochs=5)
    >>> accuracy(model, x[:500], y[:500]) > 0.9
    True
    """
    optimizer = optim.SGD(model.parameters(), lr, momentum=0.9)
    for epoch in range(epochs):
        optimizer.lr = lr * (1.0 - epoch / epochs)
        for images, labels in data.batches(x, y, size, rng):
            optimizer.zero_grad()
            nn.cross_entropy(model(mg.Tensor(images)), mg.Tensor(labels)).backward()
            optimizer.step()


def predictions(model: nn.Module, x: Any) -> numpy.ndarray:
    """Give the class of largest logit for each image.

    Examples
    --------
    >>> predictions(softmax_model(numpy.random.default_rng(0)), numpy.zeros((3, 64), "float32")).shape
    (3,)
    """
    with mg.no_grad():
        return mg.asnumpy(model(mg.Tensor(x))).argmax(axis=1)


def accuracy(model: nn.Module, x: Any, y: numpy.ndarray) -> float:
    """Give the share of images that are classified rightly.

    Examples
    --------
    >>> model = softmax_model(numpy.random.default_rng(0))
    >>> 0.0 <= accuracy(model, *data.digits()) <= 1.0
    True
    """
    return float((predictions(model, x) == y).mean())


def loss_of(model: nn.Module, y: Any) -> Callable[[Any], Any]:
    """Give the loss that an attacker climbs: the *summed* cross-entropy of a batch, as a function of its images.

    Examples
    --------
    >>> model = softmax_model(numpy.random.default_rng(0))
    >>> float(loss_of(model, numpy.array([3]))(numpy.zeros((1, 64), "float32"))) > 0.0
    True
    """
    return lambda images: nn.cross_entropy(model(images), y, reduction="sum")


def accuracy_under_attack(
    model: nn.Module,
    x: Any,
    y: numpy.ndarray,
    attack: Callable[[Callable[[Any], Any], Any, float], Any],
    radii: Iterable[float],
) -> list[float]:
    """Give the accuracy of a classifier on attacked images, for each size of the perturbation.

    Parameters
    ----------
    model : nn.Module
        The classifier, which the attacker knows.
    x, y : array
        Images and labels.
    attack : callable
        ``attack(loss, x, eps) -> eta``, such as `fgsm`.
    radii : iterable of float
        The values of ε.

    References
    ----------
    Ledger: opt19-fig19.2-adv-examples, opt19-fig19.3-fgsm, epfl11-fig-fgsm-mnist.

    Examples
    --------
    >>> from lectures.attacks import fgsm
    >>> x, y = data.digits()
    >>> model = softmax_model(numpy.random.default_rng(0))
    >>> train(model, x[:500], y[:500], numpy.random.default_rng(0), epochs=5)
    >>> clean, attacked = accuracy_under_attack(model, x[:500], y[:500], fgsm, [0.0, 0.2])
    >>> clean > 0.9 > 0.5 > attacked
    True
    """
    loss = loss_of(model, y)
    return [accuracy(model, x + attack(loss, x, eps), y) for eps in radii]
