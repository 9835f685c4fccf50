"""Markov chains: sequences whose likelihood is known exactly, to judge models of sequences by."""

from __future__ import annotations

from typing import Any

import numpy

from minigrad.backend import current
from minigrad.checks import check_count, check_generator
from minigrad.data.checks import check_probabilities
from minigrad.primitives.kinds import raw


class MarkovChain:
    """A chain of states 0 to k − 1: p(s) = π₀(s₁) Π_t P[s_t, s_{t+1}].

    Parameters
    ----------
    transition : array_like, shape (k, k)
        P: row i holds the probabilities of what follows state i.
    initial : array_like, shape (k,)
        π₀: the probabilities of the first state.

    Raises
    ------
    ValueError
        If the shapes do not fit, a probability is negative, or a row does not sum to 1 within a millionth. Smaller
        errors are divided out.

    Examples
    --------
    >>> weather = MarkovChain([[0.9, 0.1], [0.5, 0.5]], initial=[1.0, 0.0])
    >>> weather.sample(3, 5, numpy.random.default_rng(0))
    array([[0, 0, 0, 0, 0],
           [0, 0, 0, 0, 1],
           [0, 0, 0, 0, 0]])
    """

    def __init__(self, transition: Any, initial: Any) -> None:
        self._transition = check_probabilities("transition", transition)
        self._initial = check_probabilities("initial", initial)
        states = self._initial.size
        if self._initial.ndim != 1 or self._transition.shape != (states, states):
            raise ValueError(
                "a chain of k states needs a transition matrix of shape (k, k) and initial probabilities of shape "
                f"(k,); got {self._transition.shape} and {self._initial.shape}"
            )

    @property
    def transition(self) -> Any:
        """P, an array of shape (k, k) on the active backend."""
        return current().asarray(self._transition.copy())

    @property
    def initial(self) -> Any:
        """π₀, an array of shape (k,) on the active backend."""
        return current().asarray(self._initial.copy())

    def sample(self, n: int, length: int, rng: numpy.random.Generator) -> Any:
        """Draw n sequences.

        Returns
        -------
        integer array, shape (n, length)

        Examples
        --------
        >>> MarkovChain([[0.0, 1.0], [1.0, 0.0]], [1.0, 0.0]).sample(1, 4, numpy.random.default_rng(0))
        array([[0, 1, 0, 1]])
        """
        n, length = check_count("n", n), check_count("length", length)
        luck = check_generator(rng).random((n, length))
        states = numpy.empty((n, length), "int64")
        states[:, 0] = _draw(self._initial, luck[:, 0])
        for t in range(1, length):
            states[:, t] = _draw(self._transition[states[:, t - 1]], luck[:, t])
        return current().asarray(states)

    def log_likelihood(self, sequences: Any) -> Any:
        """Give log p(s) of each sequence; −∞ for one that the chain never produces.

        Parameters
        ----------
        sequences : integer array, shape (..., length)
            States from 0 to k − 1.

        Returns
        -------
        array, shape (...)

        Raises
        ------
        ValueError
            If there are no whole numbers from 0 to k − 1 along the last axis.

        Examples
        --------
        >>> weather = MarkovChain([[0.9, 0.1], [0.5, 0.5]], initial=[1.0, 0.0])
        >>> weather.log_likelihood([[0, 0, 1], [1, 0, 0]])  # log(0.9 · 0.1), and no chain begins in state 1
        array([-2.40794561,        -inf])
        """
        s = current().asarray(raw(sequences))
        states = self._initial.size
        if not s.ndim or not s.size or s.dtype.kind not in "iu":
            raise ValueError(
                f"sequences are whole numbers, of shape (..., length); got {s.dtype} numbers of shape {s.shape}"
            )
        if int(s.min()) < 0 or int(s.max()) >= states:
            raise ValueError(
                f"the states of this chain go from 0 to {states - 1}; got values from {int(s.min())} to {int(s.max())}"
            )
        first, following = _log(self._initial), _log(self._transition)
        return first[s[..., 0]] + following[s[..., :-1], s[..., 1:]].sum(axis=-1)

    def stationary(self) -> Any:
        """Give the distribution that a step of the chain leaves as it is: π P = π.

        It is found by eliminating states one by one without any subtraction, so that each entry is exact to rounding,
        however small.

        Returns
        -------
        array, shape (k,)

        Raises
        ------
        ValueError
            If there is more than one, because the chain can be caught in separate sets of states.

        References
        ----------
        Grassmann, W. K., Taksar, M. I. and Heyman, D. P. (1985). Regenerative Analysis and Steady State Distributions
        for Markov Chains. Operations Research 33(5).

        Examples
        --------
        >>> MarkovChain([[0.9, 0.1], [0.5, 0.5]], [1.0, 0.0]).stationary()
        array([0.83333333, 0.16666667])
        """
        return current().asarray(self._stationary())

    def entropy_rate(self) -> float:
        """Give the mean −log p of a state given the one before, −Σᵢ πᵢ Σⱼ Pᵢⱼ log Pᵢⱼ, in nats.

        In the long run no model of the chain can have a smaller mean loss per state.

        Raises
        ------
        ValueError
            If the stationary distribution is not unique.

        Examples
        --------
        >>> MarkovChain([[0.5, 0.5], [0.5, 0.5]], [1.0, 0.0]).entropy_rate()  # log 2
        0.6931471805599453
        """
        logarithms = numpy.log(numpy.where(self._transition > 0, self._transition, 1.0))  # 0 · log 0 = 0
        return float(-(self._stationary() @ (self._transition * logarithms).sum(axis=1)))

    def _stationary(self) -> numpy.ndarray:
        recurrent = _recurrent(self._transition > 0)
        p = self._transition[numpy.ix_(recurrent, recurrent)]
        pi = numpy.ones(len(p))
        for k in range(len(p) - 1, 0, -1):
            p[:k, k] /= p[k, :k].sum()
            p[:k, :k] += numpy.outer(p[:k, k], p[k, :k])
        for k in range(1, len(p)):
            pi[k] = pi[:k] @ p[:k, k]
        everywhere = numpy.zeros(len(recurrent))
        everywhere[recurrent] = pi / pi.sum()
        return everywhere


def _draw(p: numpy.ndarray, luck: numpy.ndarray) -> numpy.ndarray:
    """Choose the first state at which the cumulative probability exceeds a number that is uniform on [0, 1)."""
    cumulative = p.cumsum(axis=-1)
    return (luck[:, None] * cumulative[..., -1:] >= cumulative).sum(axis=-1)


def _log(p: numpy.ndarray) -> Any:
    with numpy.errstate(divide="ignore"):  # log 0 = -inf is meant
        return current().asarray(numpy.log(p))


def _recurrent(possible: numpy.ndarray) -> numpy.ndarray:
    """Mark the states to which the chain returns for ever, provided that all of them reach each other."""
    reaches = possible | numpy.eye(len(possible), dtype=bool)
    for _ in range(len(possible).bit_length()):
        reaches = reaches @ reaches
    recurrent: numpy.ndarray = numpy.all(~reaches | reaches.T, axis=1)
    if not reaches[numpy.ix_(recurrent, recurrent)].all():
        raise ValueError(
            "the stationary distribution is not unique: the chain can be caught in separate sets of states, "
            f"and the states that it does not leave for ever are {numpy.flatnonzero(recurrent).tolist()}"
        )
    return recurrent
