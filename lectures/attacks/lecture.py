"""The lecture on attacks: FGSM and proximal gradient ascent on real digits."""

# %% [markdown]
# # Attacks on a classifier
#
# A classifier reads a handwritten digit well. Then every pixel is changed by a little, so that a person still reads
# the same digit, and the classifier reads another one. This lecture finds such changes with the gradient of the loss,
# the same gradient that training uses, taken with respect to the *image* instead of the weights.
#
# Sources: the slides of EE-556, Lecture 11 (Cevher), and Lecture 19 on adversarial training. The model is $h$, its
# parameters $x$, an image $a$, its label $b$, the loss $L$, the perturbation $\eta$, and its size $\epsilon$.

# %%
from __future__ import annotations

from functools import partial
from typing import Any

import numpy

import minigrad as mg
import minigrad.numpy as np
from lectures.attacks import (
    accuracy,
    accuracy_under_attack,
    dual_norm,
    fgsm,
    iterated_fgsm,
    loss_of,
    network,
    pga,
    predictions,
    softmax_model,
    train,
    worst_perturbation,
)
from lectures.telling import Run, Story, figure
from minigrad import data

story = Story(__name__, order=10)
BOX = (0.0, 1.0)  # pixels go from paper to ink
TITLES = {"linf": r"$\ell_\infty$", "l2": r"$\ell_2$", "l1": r"$\ell_1$"}

# %% [markdown]
# ## A model where the worst case is known
#
# Let $h(a) = \langle x, a\rangle$. A perturbation changes the value by $\langle x, \eta\rangle$, whatever the image.
# The most that a perturbation with $\|\eta\| \leq \epsilon$ can do is
#
# $$\max_{\|\eta\| \leq \epsilon}\ \langle x, a + \eta\rangle = \langle x, a\rangle + \epsilon\, \|x\|_{*}$$
#
# where $\|x\|_{*}$ is the dual norm. If every pixel may change by $\epsilon$ (the $\ell_\infty$ ball), the dual norm
# is $\|x\|_1$ and the best perturbation is $\epsilon\,\mathrm{sign}(x)$: all pixels move, each in its own direction. In
# the $\ell_1$ ball a single pixel takes it all. (The slide drops the factor $\epsilon$ in the maximiser.)


# %%
@story.step
def worst_case_of_a_linear_model(run: Run) -> None:
    """The best perturbation of a linear model in three balls of radius 1. Dashed lines join points of equal value."""
    weights = numpy.array([2.0, 1.0])
    picture = figure(6.5, 2.5)
    outlines = {"linf": numpy.array([[1, 1], [1, -1], [-1, -1], [-1, 1], [1, 1]]).T}
    outlines["l1"] = numpy.array([[1, 0], [0, -1], [-1, 0], [0, 1], [1, 0]]).T
    outlines["l2"] = numpy.stack([numpy.cos(t := numpy.linspace(0.0, 2.0 * numpy.pi, 200)), numpy.sin(t)])
    for axes, (norm, name) in zip(picture.subplots(1, 3, sharey=True), TITLES.items(), strict=True):
        best, gain = worst_perturbation(weights, 1.0, norm), float(dual_norm(weights, norm))
        axes.fill(*outlines[norm], alpha=0.2)
        axes.plot(*outlines[norm], color="C0")
        along = numpy.linspace(-1.7, 1.7, 2)
        axes.plot(along, (gain - weights[0] * along) / weights[1], "--", color="0.4", linewidth=1.0)
        axes.annotate("", best, (0.0, 0.0), arrowprops={"arrowstyle": "->", "color": "C1", "linewidth": 2.0})
        axes.set(title=f"{name} ball: gain {gain:.3g}", xlabel="change of pixel 1", xlim=(-1.7, 1.7), ylim=(-1.7, 1.7))
        axes.set_aspect("equal")
    picture.axes[0].set_ylabel("change of pixel 2")
    run.figure(picture, "linear")

    weights, image = run.rng("weights").standard_normal(64), run.rng("image").random(64)
    reached = float(np.dot(weights, image + fgsm(lambda a: np.dot(weights, a), image, 0.1)))
    optimum = float(weights @ image + 0.1 * dual_norm(weights))
    run.number("gap between FGSM and the exact optimum, 64 pixels", abs(reached - optimum), "{:.1e}")


# %% [markdown]
# ## Two classifiers of real digits
#
# 1,797 handwritten digits of 8 by 8 pixels, four fifths of them for training, always the same ones. A softmax model is
# linear in the pixels; the network has layers 64-256-128-10 with ReLU. Both are trained by stochastic gradient descent
# with momentum.


# %%
@story.step
def train_the_classifiers(run: Run) -> None:
    """Test accuracies over several seeds, each with its own first weights and its own order of the data."""
    seeds = run.scaled(3, 10)
    scores: dict[str, list[float]] = {"softmax model": [], "network": []}
    x, y, x_test, y_test = data.split(*data.digits(), numpy.random.default_rng(0))
    for seed in range(seeds):
        rng = run.rng(f"classifiers {seed}")
        models = {"softmax model": softmax_model(rng), "network": network(rng)}
        for name, model in models.items():
            train(model, x, y, rng)
            scores[name].append(accuracy(model, x_test, y_test))
        if seed == 0:
            run.results["models"], run.results["test"] = models, (x_test, y_test)
    for name, values in scores.items():
        spread = numpy.std(values, ddof=1)
        run.number(
            f"test accuracy of the {name}, mean and spread of {seeds} seeds",
            numpy.mean(values),
            f"{{:.1%}} ± {spread:.1%}",
        )


# %% [markdown]
# ## The fast gradient sign method
#
# A network is not linear, but it nearly is on a small ball. Put its gradient in place of $x$:
#
# $$\eta = \epsilon\ \mathrm{sign}(\nabla_a L(h(a), b))$$
#
# One gradient, one step. Every pixel changes by at most $\epsilon = 0.1$, where 0 is paper and 1 is ink. In the picture
# the pixels are kept between 0 and 1, so that the result is an image again; the slide does not ask for that.


# %%
@story.step
def attacked_digits(run: Run) -> None:
    """Of the test digits that FGSM with ε = 0.1 fools, the first of each class: clean, the change, and their sum."""
    (x, y), model = run.results["test"], run.results["models"]["network"]
    eta = fgsm(loss_of(model, y), x, 0.1, box=BOX)
    before, after = predictions(model, x), predictions(model, x + eta)
    fooled = numpy.flatnonzero((before == y) & (after != y))
    shown = fooled[numpy.unique(y[fooled], return_index=True)[1]][:8]
    picture = figure(6.5, 2.9)
    grid = picture.subplots(3, len(shown), squeeze=False)
    for column, i in enumerate(shown):
        rows = ((x[i], 0.0, f"reads {before[i]}"), (eta[i], -1.0, ""), (x[i] + eta[i], 0.0, f"reads {after[i]}"))
        for axes, (pixels, low, label) in zip(grid[:, column], rows, strict=True):
            # the perturbation is drawn five times stronger than it is, or it would hardly be seen
            scale = 5.0 if low else 1.0
            axes.imshow(scale * pixels.reshape(8, 8), cmap="PuOr" if low else "gray_r", vmin=low, vmax=1.0)
            axes.set(xticks=[], yticks=[], xlabel=label)
            for side in axes.spines.values():
                side.set_visible(False)
    for axes, title in zip(grid[:, 0], ("clean", "change, ×5", "attacked"), strict=True):
        axes.set_ylabel(title)
    run.figure(picture, "digits")
    run.number("accuracy of the network, clean", (before == y).mean(), "{:.1%}")
    run.number("accuracy of the network under FGSM, ε = 0.1", (after == y).mean(), "{:.1%}")
    (free,) = accuracy_under_attack(model, x, y, fgsm, [0.1])
    run.number("the same without keeping pixels between 0 and 1", free, "{:.1%}")
    flat = (mg.grad(loss_of(model, y))(x) == 0.0).all(axis=1).mean()
    run.number("images with gradient zero, where FGSM cannot start", flat, "{:.1%}")


# %% [markdown]
# ## Several steps: proximal gradient ascent
#
# The attack is a maximisation over a set $N$, the ball cut with the range of valid pixels. With
# $f(\eta) = L(h(a+\eta), b)$ and $\delta_N$ the indicator function of the set (zero inside, infinite outside) it reads
#
# $$\max_{\eta}\ f(\eta) - \delta_N(\eta)$$
#
# Both sources print a plus sign. With this indicator function the maximum would then be infinite, outside of the set;
# with the one of Lecture 19, one inside and zero outside, leaving the set would cost no more than one. Proximal
# gradient ascent climbs $f$ and returns to the set. The prox of $\delta_N$ is the projection onto it, here clipping:
#
# $$\eta^{k+1} = \pi_N(\eta^k + \alpha \nabla f(\eta^k))$$
#
# If the step is so long that every pixel overshoots, the first iterate from zero is FGSM. Practice often takes the sign
# of the gradient in each step too, which is several steps of FGSM.


# %%
STEPPED = {
    "PGA, α = 1": partial(pga, step=1.0),
    "PGA, α = 100": partial(pga, step=100.0),
    "PGA, α = 10⁸": partial(pga, step=1e8),
    "steps of FGSM, α = 0.01": partial(iterated_fgsm, step=0.01),
}


@story.step
def loss_along_the_steps(run: Run) -> None:
    """Mean loss of the network on the attacked test digits after each step, ε = 0.1. FGSM is one step."""
    (x, y), model = run.results["test"], run.results["models"]["network"]
    loss, steps = loss_of(model, y), 40

    def path(attack: Any) -> list[float]:
        eta, values = numpy.zeros_like(x), []
        for _ in range(steps + 1):
            values.append(float(loss(x + eta)) / len(x))
            eta = attack(loss, x, 0.1, steps=1, start=eta, box=BOX)
        return values

    picture = figure(6.5, 3.0)
    axes = picture.subplots()
    for label, attack in STEPPED.items():
        axes.plot(path(attack), label=label)
    one = float(loss(x + fgsm(loss, x, 0.1, box=BOX))) / len(x)
    axes.axhline(one, color="0.4", linestyle="--", linewidth=1.0, label="FGSM")
    axes.set(xlabel="step", ylabel="mean loss (nats)", xlim=(0, steps), ylim=(0, None))
    axes.legend()
    run.figure(picture, "steps")
    run.number("mean loss under FGSM", one, "{:.2f} nats")
    largest = abs(mg.grad(loss)(x)).max(axis=1)
    run.number(
        "largest gradient entry of an image, smallest and largest", largest.min(), f"{{:.0e}} to {largest.max():.1f}"
    )
    for label, attack in STEPPED.items():
        eta = attack(loss, x, 0.1, steps=steps, box=BOX)
        run.number(f"mean loss under {label}, {steps} steps", float(loss(x + eta)) / len(x), "{:.2f} nats")


# %% [markdown]
# The gradient of a confident image is tiny, because its loss is nearly flat: it differs between images by many powers
# of ten. With $\alpha = 1$ the confident ones hardly move. A step that is long enough for all of them is a step of FGSM
# for nearly all pixels, and taking the sign says just that, without a number to choose.
#
# ## Accuracy against the size of the perturbation


# %%
@story.step
def accuracy_against_size(run: Run) -> None:
    """Test accuracy as the allowed change ε of each pixel grows. Random signs do much less harm."""
    (x, y), models = run.results["test"], run.results["models"]
    radii = numpy.linspace(0.0, 0.3, run.scaled(7, 31))
    signs = run.rng("signs").choice([-1.0, 1.0], x.shape).astype(x.dtype)

    def random_signs(loss: Any, x: Any, eps: float) -> Any:
        return numpy.clip(x + eps * signs, *BOX) - x

    def many_steps(loss: Any, x: Any, eps: float) -> Any:
        return iterated_fgsm(loss, x, eps, step=eps / 10.0, steps=40, box=BOX)

    def ascent(loss: Any, x: Any, eps: float, step: float) -> Any:
        return pga(loss, x, eps, step=step, steps=40, box=BOX)

    one_step = partial(fgsm, box=BOX)
    curves: dict[str, tuple[str, Any]] = {
        "network, random signs": ("network", random_signs),
        "softmax model, FGSM": ("softmax model", one_step),
        "network, FGSM": ("network", one_step),
        "network, PGA, α = 100": ("network", partial(ascent, step=100.0)),
        "network, PGA, α = 10⁸": ("network", partial(ascent, step=1e8)),
        "network, 40 steps of FGSM": ("network", many_steps),
    }
    picture = figure(6.5, 3.2)
    axes = picture.subplots()
    for (label, (model, attack)), marker in zip(curves.items(), "osD^vP", strict=True):
        shares = accuracy_under_attack(models[model], x, y, attack, radii)
        axes.plot(radii, shares, marker=marker, markevery=run.scaled(1, 5), markersize=4.0, label=label)
        run.number(f"accuracy at ε = 0.1: {label}", numpy.interp(0.1, radii, shares), "{:.1%}")
    axes.axhline(0.1, color="0.4", linestyle=":", linewidth=1.0, label="guessing")
    axes.set(xlabel="ε, largest change of a pixel (0 paper, 1 ink)", ylabel="test accuracy", xlim=(0, 0.3), ylim=(0, 1))
    axes.legend(loc="lower left")
    run.figure(picture, "accuracy")


# %% [markdown]
# Random signs of the same size do much less harm: it is the *direction* that fools the network, and one gradient is
# enough to find it. More steps find worse directions still, if no image is left behind by steps that are too short for
# it, as with $\alpha = 100$.

# %%
if __name__ == "__main__":
    story.main()
