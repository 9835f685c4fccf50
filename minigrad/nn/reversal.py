"""The layer that turns a gradient around, for domain-adversarial training."""

from __future__ import annotations

from typing import Any

import minigrad.numpy as np
from minigrad.nn.checks import check_finite
from minigrad.nn.module import Module
from minigrad.primitives.elementwise import scale_gradient


class GradientReversal(Module):
    """Give x as it is, with the derivative −λ in place of 1.

    Between the features and a classifier of the domain, it lets one descent step train the classifier to tell the
    domains apart, and the features to make that hard. With λ = 0 no gradient reaches the features.

    The classifier's own step does not see λ. Where it is to be multiplied by λ, too, weight the loss of the domain by λ
    and reverse with 1. The derivative that is declared is not that of the function, so finite differences disagree
    with it unless λ = −1.

    Parameters
    ----------
    lam : float
        λ. It may be changed during training.

    Raises
    ------
    ValueError
        If λ is not a finite number.

    References
    ----------
    Ledger: gantut-grl.

    Ganin, Y. and Lempitsky, V. (2015). Unsupervised Domain Adaptation by Backpropagation. ICML.

    Examples
    --------
    >>> import minigrad as mg
    >>> layer = GradientReversal(0.5)
    >>> mg.value_and_grad(lambda x: layer(x) ** 2)(3.0)
    (np.float64(9.0), np.float64(-3.0))
    """

    def __init__(self, lam: float) -> None:
        self.lam = lam

    @property
    def lam(self) -> float:
        """λ, by which the derivative is multiplied, with the opposite sign."""
        return self._lam

    @lam.setter
    def lam(self, value: float) -> None:
        self._lam = check_finite("GradientReversal", "lam", value)

    def forward(self, x: Any) -> Any:
        """Give it back."""
        return scale_gradient(np.as_array(x), factor=-self.lam)

    def extra_repr(self) -> str:
        """Say λ.

        Examples
        --------
        >>> GradientReversal(1.0).extra_repr()
        '1.0'
        """
        return f"{self.lam}"
