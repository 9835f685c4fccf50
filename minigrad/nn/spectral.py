"""Spectral normalisation: a layer divided by the most that it can lengthen its input."""

from __future__ import annotations

import math
from typing import Any

import numpy

import minigrad.numpy as np
from minigrad.backend import current, xp
from minigrad.nn import init
from minigrad.nn.checks import check_eps, check_sizes
from minigrad.nn.convolution import Conv2d, ConvTranspose2d, Size, pair
from minigrad.nn.module import Buffer, Module, Parameter
from minigrad.primitives.kinds import raw
from minigrad.tape import changed_in_place
from minigrad.transforms import vjp

FIRST_ITERATIONS = 15
LARGEST_EXACT = 1 << 26  # numbers in the matrix of a convolution
MOST_ITERATIONS = 1000  # when the norm is measured without its matrix
NO_PROGRESS = 1e-6  # what a step must add to the estimate, as a share of it, for there to be another one


class SpectralNorm(Module):
    """A layer whose weight W is divided by its spectral norm, σ(W) = max over ‖v‖₂ = 1 of ‖W v‖₂.

    Power iteration follows σ while the weight moves: v ← Wᵀu/‖Wᵀu‖, u ← W v/‖W v‖, and σ ≈ uᵀ W v, which is never more
    than σ. In the derivative u and v are constants, which is right where they are the singular vectors. The vectors are
    buffers; they begin with 15 iterations, and move in training mode only. How far off the estimate is, `excess`
    measures.

    Parameters
    ----------
    module : Module
        A layer with a parameter ``weight``: Linear, Conv2d, ConvTranspose2d, Embedding or one of your own.
    n_power_iterations : int
        Steps at each call in training mode.
    exact : bool
        Take σ from the singular values instead, in training and evaluation; its derivatives are then right to any
        order, as long as the largest singular value is simple.
    image : int or pair of int, optional
        Height and width of the images that a convolution is applied to. Then σ is the norm of the convolution itself,
        as a linear map of such images. Without it, σ is that of the weight as a matrix with one row for each output
        channel, as in the paper; the convolution itself lengthens an image by up to sqrt(kernel height · kernel width)
        times that.
    rng : numpy.random.Generator, optional
        Draws the first vectors. Without it they are those of ``numpy.random.default_rng(0)``.
    eps : float
        σ is taken to be at least this, so that a weight of zeros stays one.

    Raises
    ------
    TypeError
        If the module has no weight of two axes or more, or an image size is given for what is no convolution.
    ValueError
        If a setting is out of range, or the matrix that `exact` needs is too large.

    References
    ----------
    Miyato, T. et al. (2018). Spectral normalization for generative adversarial networks. ICLR.

    Sedghi, H., Gupta, V. and Long, P. (2019). The singular values of convolutional layers. ICLR.

    Examples
    --------
    >>> import numpy
    >>> from minigrad import nn
    >>> layer = SpectralNorm(nn.Linear(3, 2, dtype="float64"), exact=True)
    >>> round(float(numpy.linalg.norm(layer.weight.numpy(), 2)), 12)
    1.0
    """

    def __init__(
        self,
        module: Module,
        n_power_iterations: int = 1,
        exact: bool = False,
        *,
        image: Size | None = None,
        rng: numpy.random.Generator | None = None,
        eps: float = 1e-12,
    ) -> None:
        weight = getattr(module, "weight", None)
        if not isinstance(weight, Parameter) or weight.ndim < 2:
            raise TypeError(
                f"SpectralNorm needs a layer with a parameter `weight` of two axes or more; got {type(module).__name__}"
            )
        if image is not None and not isinstance(module, Conv2d):
            raise TypeError(f"image= is for convolutions; the norm of {type(module).__name__} does not depend on it")
        self.layer: Any = module
        (self.n_power_iterations,) = check_sizes("SpectralNorm", n_power_iterations=n_power_iterations)
        self.exact = exact
        self.image = None if image is None else pair("image", image, least=1)
        self.eps = check_eps("SpectralNorm", eps)
        if not exact:
            v = init.generator(rng).standard_normal(self._domain(weight))
            self.v = Buffer(current().asarray(v, dtype=weight.dtype))
            self.u = Buffer(self._applied(weight.data, self.v.data))
            self._iterate(weight.data, FIRST_ITERATIONS)
        elif not self._has_matrix(weight.data):
            raise ValueError(
                f"the exact norm of this convolution needs its matrix, which is too large for images of "
                f"{self._domain(weight)}. Use power iteration: exact=False, and n_power_iterations as many as you can "
                "afford"
            )

    @property
    def weight(self) -> Any:
        """The weight as the layer uses it, divided by the norm; power iteration stands still.

        Examples
        --------
        >>> from minigrad import nn
        >>> SpectralNorm(nn.Linear(3, 2)).weight.shape
        (2, 3)
        """
        return self.layer.weight / self.norm(self.layer.weight)

    def forward(self, x: Any) -> Any:
        """Apply the layer with its weight divided by its norm."""
        if self.training and not self.exact:
            self._iterate(raw(self.layer.weight), self.n_power_iterations)
        return self.layer.bound({"weight": self.weight})(x)

    def norm(self, weight: Any) -> Any:
        """Give σ of a weight: exactly, or estimated with the vectors as they are.

        Examples
        --------
        >>> from minigrad import nn
        >>> layer = SpectralNorm(nn.Linear(3, 2))
        >>> layer.norm(layer.layer.weight).shape
        ()
        """
        if self.exact:
            return np.maximum(np.linalg.norm(self._matrix(weight), 2), self.eps)
        u, v = self.u.data.copy(), self.v.data.copy()  # the buffers move on before this is differentiated
        return np.maximum(np.sum(self._applied(weight, v) * u), self.eps)

    def excess(self) -> float:
        """Measure by how much the true norm of the normalised weight exceeds 1: σ(W) / estimate − 1.

        The true norm is exact, unless it is that of a convolution whose matrix is too large. Then power iteration, from
        another first vector, goes on until a step adds less than a millionth, for 1000 steps at most. The true norm is
        never less than what that finds, but it may be more.

        Examples
        --------
        >>> from minigrad import nn
        >>> 0.0 <= SpectralNorm(nn.Linear(3, 2, dtype="float64")).excess() < 0.01
        True
        """
        weight = raw(self.layer.weight)
        true = np.linalg.norm(self._matrix(weight), 2) if self._has_matrix(weight) else self._found_by_steps(weight)
        return float(true / self.norm(weight)) - 1.0

    def extra_repr(self) -> str:
        """Say how the norm is found.

        Examples
        --------
        >>> from minigrad import nn
        >>> SpectralNorm(nn.Conv2d(1, 2, 3), image=8).extra_repr()
        'n_power_iterations=1, image=(8, 8)'
        """
        how = "exact=True" if self.exact else f"n_power_iterations={self.n_power_iterations}"
        return how if self.image is None else f"{how}, image={self.image}"

    # The linear map whose norm it is

    def _applied(self, weight: Any, v: Any) -> Any:
        """Apply the map to one vector, or to one image (channels, height, width)."""
        return self._flat(weight) @ v if self.image is None else self.layer.convolve(v[None], weight)[0]

    def _matrix(self, weight: Any) -> Any:
        """Give the map as a matrix, or its transpose."""
        if self.image is None:
            return self._flat(weight)
        domain = self._domain(weight)
        size = math.prod(domain)
        images = xp.eye(size, dtype=weight.dtype).reshape(size, *domain)
        return self.layer.convolve(images, weight).reshape((size, -1))

    def _has_matrix(self, weight: Any) -> bool:
        """Tell whether the matrix of the map is small enough to be made."""
        if self.image is None:
            return True
        image = xp.zeros((1, *self._domain(weight)), weight.dtype)
        return bool(image.size * self.layer.convolve(image, weight).size <= LARGEST_EXACT)

    def _domain(self, weight: Any) -> tuple[int, ...]:
        if self.image is None:
            return (self._flat(raw(weight)).shape[1],)
        return (self.layer.channels[0], *self.image)

    def _flat(self, weight: Any) -> Any:
        by_output = np.moveaxis(weight, 1, 0) if isinstance(self.layer, ConvTranspose2d) else weight
        return by_output.reshape((by_output.shape[0], -1))

    def _iterate(self, weight: Any, count: int) -> None:
        u, v = self.u.data, self.v.data
        for _ in range(count):
            u, v = self._step(weight, u, v)
        for buffer, vector in ((self.u, u), (self.v, v)):
            buffer.data[...] = vector
            changed_in_place(buffer)

    def _step(self, weight: Any, u: Any, v: Any) -> tuple[Any, Any]:
        u = _unit(self._applied(weight, v), u)
        (back,) = vjp(lambda v: self._applied(weight, v), v)[1](u)
        return u, _unit(back, v)

    def _found_by_steps(self, weight: Any) -> Any:
        """Find σ by power iteration from near the vectors that are known, but with a part in every direction."""
        anywhere = init.generator(None).standard_normal(tuple(self.v.shape))
        u, v, sigma = self.u.data, self.v.data + _unit(current().asarray(anywhere, dtype=weight.dtype), 0.0), 0.0
        for _ in range(MOST_ITERATIONS):
            u, v = self._step(weight, u, v)
            before, sigma = sigma, np.linalg.norm(self._applied(weight, v))
            if not bool(sigma - before > NO_PROGRESS * sigma):
                break
        return sigma


def _unit(x: Any, otherwise: Any) -> Any:
    """Give x with length 1, or what it was before if x is 0, so that a weight of zeros does not end the iteration."""
    length = np.linalg.norm(x)
    return np.where(length > 0.0, x / np.where(length > 0.0, length, 1.0), otherwise)
