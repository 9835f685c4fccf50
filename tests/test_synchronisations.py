"""No training step waits for the device, and what is wrong in it is told when the host next reads a number."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
import minigrad.numpy as np
from lectures.attacks import pga
from minigrad import nn, optim, prox
from minigrad.backend import current, settle, settle_later
from minigrad.checks import require
from minigrad.history import History
from minigrad.testing import strategies as ms
from tests import fake_device
from tests.fake_device import DeviceArray, syncs

fake_device.install()

STEPS: dict[str, Callable[[], Callable[[], Any]]] = {}
"""For each workload what makes it ready on the active backend, and gives a step, which returns its loss unread."""


@pytest.fixture
def device() -> Iterator[None]:
    """Run the test on the stand-in for a device, and leave nothing behind."""
    with mg.use("fake"):
        yield
        settle()


def on(x: Any) -> Any:
    return current().asarray(x)


def drawn(*shape: int) -> Any:
    return on(numpy.random.default_rng(0).standard_normal(shape).astype("float32"))


def workload(make: Callable[[], Callable[[], Any]]) -> Callable[[], Callable[[], Any]]:
    STEPS[make.__name__] = make
    return make


def layers(*sizes: int) -> nn.Sequential:
    a, b, c = sizes
    return nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Linear(b, c))


def descend(optimizer: optim.Optimizer, loss: Any) -> Any:
    optimizer.zero_grad()
    loss.backward()
    optim.clip_grad_norm(optimizer.params, 1.0)
    optimizer.step()
    return loss


@workload
def classifier() -> Callable[[], Any]:
    x, labels = drawn(6, 4), on([0, 2, 1, 1, 0, 2])
    model = layers(4, 5, 3)
    optimizer = optim.SGD(model.parameters(), 0.1, momentum=0.5)
    return lambda: descend(optimizer, nn.cross_entropy(model(x), labels))


@workload
def words() -> Callable[[], Any]:
    indices, targets = on([[0, 3], [1, 1]]), on([1, -1])
    model = nn.Sequential(nn.Embedding(4, 3), nn.Flatten(), nn.Linear(6, 1), nn.Flatten(0))
    optimizer = optim.Adagrad(model.parameters(), 0.1)
    return lambda: descend(optimizer, nn.hinge_loss(model(indices), targets))


@workload
def gan_iteration() -> Callable[[], Any]:
    real, noise = drawn(6, 2), drawn(6, 2)
    generator, discriminator = layers(2, 4, 2), layers(2, 4, 1)
    adam_g, adam_d = (optim.Adam(model.parameters(), 0.1) for model in (generator, discriminator))

    def step() -> Any:
        fakes = generator(noise)
        descend(adam_d, nn.gan_discriminator_loss(discriminator(real), discriminator(fakes.detach())))
        return descend(adam_g, nn.nonsaturating_generator_loss(discriminator(fakes)))

    return step


@workload
def gradient_penalty() -> Callable[[], Any]:
    real, fake, between = drawn(6, 2), drawn(6, 2) + 1.0, drawn(6, 2) + 0.5
    critic = layers(2, 4, 1)
    optimizer = optim.RMSprop(critic.parameters(), 0.1, project=lambda w: prox.project_box(w, -0.5, 0.5))
    slope = mg.grad(lambda x: critic(x).sum())

    def step() -> Any:
        penalty = ((np.linalg.norm(slope(between), axis=1) - 1.0) ** 2).mean()
        return descend(optimizer, critic(fake).mean() - critic(real).mean() + 10.0 * penalty)

    return step


@workload
def gradient_ascent() -> Callable[[], Any]:
    x, labels, low, high = drawn(6, 4), on([0, 2, 1, 1, 0, 2]), drawn(6, 4) - 0.1, drawn(6, 4) + 0.1
    model = layers(4, 5, 3)
    loss_and_gradient = mg.value_and_grad(lambda x: nn.cross_entropy(model(x), labels))

    def step() -> Any:
        moved = x
        with mg.no_grad():
            for _ in range(40):
                loss, gradient = loss_and_gradient(moved)
                moved = prox.project_box(moved + 0.02 * np.sign(gradient), low, high)
        return loss

    return step


@workload
def attack_of_the_lectures() -> Callable[[], Any]:
    x, labels = drawn(6, 4), on([0, 2, 1, 1, 0, 2])
    model = layers(4, 5, 3)

    def loss(x: Any) -> Any:
        return nn.cross_entropy(model(x), labels, "sum")

    return lambda: loss(mg.tensor(x + pga(loss, x, 0.1, step=0.5, steps=40, start=0.01 * x), requires_grad=True))


@workload
def lstm() -> Callable[[], Any]:
    x, y = drawn(5, 3, 2), drawn(5, 3, 4)
    model = nn.LSTM(2, 4)
    optimizer = optim.Adam(model.parameters(), 0.1)
    return lambda: descend(optimizer, nn.squared_error(model(x)[0], y))


@workload
def convolutions() -> Callable[[], Any]:
    images, targets = drawn(3, 2, 6, 6), on(numpy.array([[1.0], [0.0], [1.0]]))
    down = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.LeakyReLU(0.2), nn.MaxPool2d(2))
    up = nn.Sequential(nn.ConvTranspose2d(3, 2, 3), nn.Flatten(), nn.SpectralNorm(nn.Linear(32, 1)))
    model = nn.Sequential(down, up)
    optimizer = optim.AdamW(model.parameters(), 0.1)
    return lambda: descend(optimizer, nn.binary_cross_entropy_with_logits(model(images), targets))


@workload
def variational() -> Callable[[], Any]:
    mean, log_variance = (mg.tensor(drawn(4, 3), requires_grad=True) for _ in range(2))
    optimizer = optim.SGD([mean, log_variance], 0.1)
    covariance = on(numpy.eye(3, dtype="float32") + numpy.zeros((4, 3, 3), "float32"))

    def step() -> Any:
        full = nn.multivariate_gaussian_kl(mean, covariance, 0.0 * mean, covariance).sum()
        return descend(optimizer, full + nn.gaussian_kl(mean, log_variance).sum())

    return step


@workload
def conjugate_gradients() -> Callable[[], Any]:
    x, labels, weight = drawn(6, 4), on([0, 2, 1, 1, 0, 2]), drawn(4, 3)

    def loss(weight: Any) -> Any:
        return nn.cross_entropy(np.tanh(x @ weight), labels)

    def step() -> Any:
        gradient, linear = mg.linearize(mg.grad(loss), weight)
        direction = 0.0 * gradient
        residual = search = -gradient
        for _ in range(5):
            curved = linear.push(search) + search
            length = (residual * residual).sum() / (search * curved).sum()
            direction, before = direction + length * search, (residual * residual).sum()
            residual = residual - length * curved
            search = residual + (residual * residual).sum() / before * search
        mg.ggnvp(lambda w: x @ w, lambda z: nn.cross_entropy(z, labels), weight, direction)
        return (mg.hvp(loss, weight, direction) * direction).sum()

    return step


@pytest.mark.parametrize("name", STEPS)
def test_a_step_does_not_wait_for_the_device(name, device):
    step = STEPS[name]()
    syncs.clear()
    for _ in range(3):
        loss = step()
    assert syncs == []
    assert numpy.isfinite(mg.asnumpy(loss)).all()


# What is wrong is told later, and otherwise as on the host

MISTAKES: dict[str, Callable[[], Any]] = {
    "class": lambda: nn.cross_entropy(logits(2), on([0, 3])),
    "class by likelihood": lambda: nn.categorical_log_likelihood(logits(2), on([-1, 2])),
    "share": lambda: nn.binary_cross_entropy_with_logits(on([0.0, 1.0]), on([0.5, 1.5])),
    "share that is none": lambda: nn.bernoulli_log_likelihood(on([0.0, 1.0]), on([0.5, numpy.nan])),
    "sign": lambda: nn.hinge_loss(on([0.0, 1.0, 2.0]), on([1, 0, -1])),
    "index": lambda: nn.Embedding(5, 3)(on([[0, 5], [2, -1]])),
    "covariance": lambda: nn.multivariate_gaussian_kl(
        on([0.0, 0.0]), on([[1.0, 0.0], [0.5, 1.0]]), on([0.0, 0.0]), on([[1.0, 0.0], [0.0, 1.0]])
    ),
    "gradient": lambda: optim.clip_grad_norm(with_gradient([1.0, numpy.inf]), 1.0),
    "box": lambda: prox.project_box(on([1.0, 2.0]), on([0.0, 1.0]), on([1.0, 0.5])),
    "attack": lambda: pga(lambda x: np.sum(np.sqrt(x)), on([0.0, 1.0]), 0.5, step=0.1, steps=1, start=on([0.0, 0.0])),
}


def logits(n: int) -> mg.Tensor:
    return mg.tensor([[0.0, 1.0, 2.0]] * n, requires_grad=True)


def with_gradient(gradient: Any) -> list[mg.Tensor]:
    p = mg.tensor(numpy.zeros(len(gradient)), requires_grad=True)
    p.grad = mg.tensor(gradient)
    return [p]


def error_of(make: Callable[[], Any], read: Callable[[Any], Any] = lambda x: x) -> Exception:
    with pytest.raises((ValueError, IndexError, FloatingPointError)) as caught, numpy.errstate(all="ignore"):
        read(make())
    return caught.value


READINGS: dict[str, Callable[[mg.Tensor], Any]] = {
    "item": lambda x: x.item(),
    "float": float,
    "int": int,
    "bool": bool,
    "index": lambda x: range(mg.tensor(3)),
    "tolist": lambda x: x.tolist(),
    "numpy": lambda x: x.numpy(),
    "asnumpy": mg.asnumpy,
    "numpy.asarray": numpy.asarray,
    "repr": repr,
    "format": lambda x: f"{x:.2f}",
    "history": lambda x: History().record(1, loss=x),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_the_same_error_at_the_next_reading(name, device):
    with mg.use("numpy"):
        at_once = error_of(MISTAKES[name])
    syncs.clear()
    with numpy.errstate(all="ignore"):
        MISTAKES[name]()
    assert syncs == []
    later = error_of(lambda: mg.tensor(1.0), READINGS["item"])
    assert (type(later), str(later)) == (type(at_once), str(at_once))
    assert at_once.__dict__.get("__notes__") is None
    (note,) = later.__notes__
    assert (__file__ if name != "attack" else "ascent.py") in note
    assert mg.tensor(1.0).item() == 1.0


@pytest.mark.parametrize("name", READINGS)
def test_whatever_reads_a_number_tells(name, device):
    MISTAKES["sign"]()
    error = error_of(lambda: mg.tensor(1.0), READINGS[name])
    assert "got 0 among them" in str(error)
    READINGS[name](mg.tensor(1.0))


def test_what_is_right_is_read_without_an_error(device):
    loss = nn.hinge_loss(on([0.0, 1.0]), on([1, -1]))
    syncs.clear()
    assert mg.asnumpy(loss) == 0.5 * (1.0 + 2.0)
    assert syncs == ["bool", "asnumpy"]


def test_the_note_names_the_line_of_the_call(device):
    nn.hinge_loss(on([0.0, 1.0]), on([1, 2]))  # this one
    (note,) = error_of(lambda: mg.tensor(1.0), float).__notes__
    assert "nn.hinge_loss(on([0.0, 1.0]), on([1, 2]))  # this one" in note


def test_the_first_mistake_is_told_and_the_others_with_it(device):
    nn.cross_entropy(logits(1), on([7]))
    nn.hinge_loss(on([0.0]), on([3.0]))
    nn.hinge_loss(on([0.0]), on([1.0]))
    error = error_of(lambda: mg.tensor(1.0), float)
    assert "from 7 to 7" in str(error)
    first, second = error.__notes__
    assert "on([7])" in first
    assert "got 3 among them" in second
    assert "on([3.0])" in second
    assert float(mg.tensor(1.0)) == 1.0


@given(labels=st.lists(st.integers(-2, 4), min_size=1, max_size=200))
def test_a_loop_that_reads_nothing_keeps_one_condition_and_tells_the_first_mistake(labels):
    wrong = [label for label in labels if not 0 <= label < 3]
    with mg.use("fake"):
        syncs.clear()
        for label in labels:
            nn.cross_entropy(logits(1), on([label]))
        assert syncs == []
        if wrong:
            assert f"got values from {wrong[0]} to {wrong[0]}" in str(error_of(lambda: mg.tensor(1.0), float))
        else:
            mg.tensor(1.0).item()
        assert syncs[:1] == ["bool"]
        settle()
        assert len(syncs) <= 4


def test_different_calls_in_one_line_are_kept_apart(device):
    small, large = nn.Embedding(2, 3), nn.Embedding(9, 3)
    both = [layer(on([5])) for layer in (large, small)]
    assert "the indices 0 to 1; got indices from 5 to 5" in str(error_of(lambda: both[0], mg.asnumpy))


@pytest.mark.parametrize("line", ["one line", "line {}"])
def test_at_every_thousandth_condition_the_host_waits(device, line):
    syncs.clear()
    for n in range(999):
        settle_later(on(n != 7), partial(ValueError, "the seventh"), [], line.format(n))
    assert syncs == []
    with pytest.raises(ValueError, match="the seventh"):
        settle_later(on(True), ValueError, [], "the last line")
    settle_later(on(True), ValueError, [], "the line after that")
    syncs.clear()
    settle()
    assert syncs == ["bool"]


def test_an_array_that_changes_before_it_is_read_does_not_change_the_error(device):
    labels = on([1.0, 0.0])
    nn.hinge_loss(on([0.0, 1.0]), labels)
    labels[...] = 1.0
    assert "got 0 among them" in str(error_of(lambda: mg.tensor(1.0), float))


def test_each_thread_hears_of_its_own_mistakes_and_a_copied_context_of_those_before(device):
    MISTAKES["sign"]()
    heard: list[Any] = []

    def read() -> None:
        with mg.use("fake"):
            try:
                heard.append(mg.tensor(1.0).item())
            except ValueError as error:
                heard.append(str(error))

    for run in (read, partial(contextvars.copy_context().run, read)):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert heard[0] == 1.0
    assert "got 0 among them" in heard[1]
    assert "got 0 among them" in str(error_of(lambda: mg.tensor(1.0), float))


def test_gradients_without_a_finite_norm_stay_as_they_were(device):
    (p,) = with_gradient([1.0, numpy.inf, 3.0])
    optim.clip_grad_norm([p], 1.0)
    error_of(lambda: p, float)
    assert p.grad.tolist() == [1.0, numpy.inf, 3.0]


@given(x=ms.vectors(3, -4.0, 4.0))
def test_on_the_host_a_condition_is_judged_at_once(x):
    holds = bool((x < 2.0).all())
    for condition in (holds, numpy.bool_(holds), numpy.asarray(holds), (x < 2.0).all()):
        if holds:
            require(condition, ValueError, x)
        else:
            with pytest.raises(ValueError, match="too large") as caught:
                require(condition, lambda x: ValueError(f"too large: {x.max()}"), x)
            assert str(caught.value) == f"too large: {x.max()}"
    assert not isinstance(x, DeviceArray)
