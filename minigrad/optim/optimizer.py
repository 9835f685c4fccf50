"""`Optimizer`: what all optimizers share. A subclass says how one parameter moves."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from minigrad.backend import current, xp
from minigrad.optim import checks, saving
from minigrad.optim.schedules import Schedule, rate_at
from minigrad.optim.subnormal import forget_tiny, moves_between
from minigrad.tape import Array, changed_in_place
from minigrad.tensor import Tensor


class Optimizer:
    """The parameters, the step size, and what is remembered from step to step.

    A subclass defines `_move`, which changes one parameter in place. It names in `_slot_names` the arrays that it keeps
    for each parameter, and in `_decays` those of them that would shrink for ever. Its settings are the arguments of its
    constructor, kept as attributes of the same names; what it takes as ``**settings`` it passes on to the constructor
    of its parent.

    The parameters are changed in place, and no array is allocated after the first step.

    Parameters
    ----------
    params : iterable of Tensor
        What to change: leaves, at least one of which requires a gradient. Frozen ones may be among them; they stay as
        they are as long as they have no gradient.
    lr : float or callable
        The step size α, or a schedule, which gives α_j when called with the number j = 1, 2, … of the step.
    maximize : bool
        Climb instead of descending: −∇ takes the place of the gradient.
    project : callable, optional
        Applied to the plain array of every parameter after it moved, such as
        ``lambda w: prox.project_box(w, -0.01, 0.01)``. It must keep shape and dtype. It is code, and is not saved.

    Attributes
    ----------
    steps : int
        How many steps were taken.

    Raises
    ------
    TypeError, ValueError
        If there are no parameters, one of them cannot be changed, or a setting is out of range.

    Examples
    --------
    >>> import minigrad as mg
    >>> class SignDescent(Optimizer):
    ...     def _move(self, i, theta, gradient, rate):
    ...         theta -= rate * xp.sign(gradient)
    >>> x = mg.tensor([3.0, -4.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> SignDescent([x], lr=0.5).step()
    >>> x.tolist()
    [2.5, -3.5]
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float | Callable[[int], float],
        *,
        maximize: bool = False,
        project: Callable[[Array], Array] | None = None,
    ) -> None:
        self.params = checks.parameters(type(self).__name__, params)
        self.lr = lr
        self.maximize = checks.flag("maximize", maximize)
        if project is not None and not callable(project):
            raise TypeError(f"project must be a function of an array; got {project!r}")
        self.project = project
        self.steps = 0
        self._moves = [0] * len(self.params)
        self._slots: dict[str, list[Array | None]] = {}
        self._work: dict[Any, Array] = {}

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._setting_names() if hasattr(self, name))
        return f"{type(self).__name__}({settings})"

    @property
    def lr(self) -> float | Callable[[int], float]:
        """The step size or the schedule, as it was given; may be changed between steps."""
        return self._lr

    @lr.setter
    def lr(self, lr: float | Callable[[int], float]) -> None:
        self._lr = checks.made("lr", lr) if callable(lr) else checks.positive("the step size lr", lr)

    @property
    def rate(self) -> float:
        """The step size of the next step."""
        return rate_at(self.lr, self.steps + 1) if callable(self.lr) else self.lr

    def zero_grad(self) -> None:
        """Forget the gradients of the parameters.

        Examples
        --------
        >>> import minigrad as mg
        >>> from minigrad import optim
        >>> optim.SGD([mg.tensor(1.0, requires_grad=True)], lr=0.1).zero_grad()
        """
        for p in self.params:
            p.grad = None

    def step(self) -> None:
        """Move every parameter that has a gradient, and project it: θ ← Π(θ − α_j d), with the method's direction d.

        All gradients are checked before the first parameter moves. A projection that raises, or gives what it must not,
        leaves the step half done: its parameter and those before it have moved, and the step is counted.

        Raises
        ------
        ShapeError, TypeError
            If a gradient does not fit its parameter, or if a parameter has been given another shape or dtype.
        ValueError
            If the schedule or the projection gives what it must not.

        References
        ----------
        Ledger: dl10-eq18.

        Examples
        --------
        >>> import minigrad as mg
        >>> from minigrad import optim, prox
        >>> x = mg.tensor(3.0, requires_grad=True)
        >>> (x * x).backward()
        >>> optim.SGD([x], lr=0.1, project=lambda x: prox.project_box(x, -2.0, 2.0)).step()
        >>> x.item()  # 3.0 - 0.1 · 6.0, and then the nearest point of the box
        2.0
        """
        current().apart(self._step, tensors=self.params)

    def _step(self) -> None:
        rate = self.rate
        moved = [(i, p, checks.gradient(i, p)) for i, p in enumerate(self.params) if p.grad is not None]
        for kept in map(self._kept, self._slot_names()):
            for i, p, _ in moved:
                checks.slot(i, p.data, kept[i])
        decays = [(name, moves_between(share)) for name, share in self._decays().items() if share]
        self.steps += 1
        for i, p, gradient in moved:
            self._moves[i] += 1
            changed_in_place(p)
            if self.maximize:
                gradient = xp.negative(gradient, out=self._scratch(p.data, "ascent"))
            self._move(i, p.data, gradient, rate)
            for name, interval in decays:
                if self._moves[i] % interval == 0:
                    forget_tiny(self._slot(name, i), self._scratch(p.data, "step"))
            if self.project is not None:
                p.data[...] = checks.projected(i, p.data, self.project(p.data))

    def state_dict(self) -> dict[str, Any]:
        """Give all that the next steps depend on besides the parameters: numbers, text, and copies of arrays.

        Returns
        -------
        dict
            ``kind``, the name of the class; ``settings``; ``steps``, the number of steps taken; ``moves``, how many of
            them moved each parameter; ``slots``, for each name a list of one array per parameter, or None where it has
            not moved. A schedule is saved as its name and its settings; a function that is no `Schedule` as None.

        Examples
        --------
        >>> import minigrad as mg
        >>> from minigrad import optim
        >>> state = optim.SGD([mg.tensor(1.0, requires_grad=True)], lr=0.1, momentum=0.9).state_dict()
        >>> state["kind"], state["settings"]["momentum"], state["steps"], state["slots"]
        ('SGD', 0.9, 0, {'velocity': [None]})
        """
        return {
            "kind": type(self).__name__,
            "settings": {name: saving.saved(x) for name, x in self._settings().items()},
            "steps": self.steps,
            "moves": list(self._moves),
            "slots": {name: self._copied_slots(name) for name in self._slot_names()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Return to a saved state, its settings included; nothing changes unless all of it fits.

        A schedule that is of the saved class already takes the saved settings and stays the same object, so that
        several optimizers may share it.

        Parameters
        ----------
        state : dict
            From `state_dict` of an optimizer of the same class, for parameters of the same shapes and dtypes.

        Raises
        ------
        ValueError
            If the state does not fit; the message lists all that is wrong.

        Examples
        --------
        >>> import minigrad as mg
        >>> from minigrad import optim
        >>> x = mg.tensor(1.0, requires_grad=True)
        >>> optimizer = optim.SGD([x], lr=0.1)
        >>> optimizer.load_state_dict(optim.SGD([x], lr=0.5, momentum=0.9).state_dict())
        >>> optimizer.lr, optimizer.momentum
        (0.5, 0.9)
        """
        kind = type(self).__name__
        saving.refuse(kind, saving.faults_of_form(state, kind, self._setting_names()))
        settings, faults = saving.settings_from(state["settings"], self.lr)
        code: dict[str, Any] = {"project": self.project} if "project" in self._argument_names() else {}
        try:
            fresh = type(self)(self.params, **code, **settings)
        except (TypeError, ValueError) as error:
            faults.append(f"settings: {error}")
            fresh = self
        faults += saving.faults_of_contents(state, fresh._slot_names(), self.params)
        saving.refuse(kind, faults)
        fresh.steps, fresh._moves = int(state["steps"]), [int(count) for count in state["moves"]]
        fresh._slots = {name: [saving.copied(x) for x in arrays] for name, arrays in state["slots"].items()}
        if isinstance(self.lr, Schedule) and type(fresh.lr) is type(self.lr):
            self.lr.load_state_dict(state["settings"]["lr"])
            fresh.lr = self.lr
        vars(self).update(vars(fresh))

    # For subclasses

    def _move(self, i: int, theta: Array, gradient: Array, rate: float) -> None:
        """Change parameter i, whose array is theta, in place. The gradient is not to be changed."""
        raise TypeError(f"{type(self).__name__} has no _move method; see the example of Optimizer")

    def _slot_names(self) -> list[str]:
        """Name the arrays to keep for each parameter."""
        return []

    def _decays(self) -> dict[str, float]:
        """Give for each kept array that a move shrinks where the gradient is 0 the share that it leaves."""
        return {}

    def _new_slot(self, theta: Array) -> Array:
        """Make a kept array with its first value."""
        return xp.zeros_like(theta)

    def _slot(self, name: str, i: int) -> Array:
        """Give the kept array of parameter i, which is made at its first move."""
        kept = self._kept(name)
        if kept[i] is None:
            kept[i] = self._new_slot(self.params[i].data)
        return kept[i]

    def _scratch(self, theta: Array, purpose: str) -> Array:
        """Give a work array like theta; parameters of the same shape and dtype share it."""
        key = (purpose, type(theta), theta.shape, theta.dtype)
        if key not in self._work:
            self._work[key] = xp.empty_like(theta)
        return self._work[key]

    def _with_decay(self, theta: Array, gradient: Array, weight_decay: float) -> Array:
        """Give the gradient with that of the penalty ½ λ ‖θ‖² added: ∇ + λ θ."""
        if not weight_decay:
            return gradient
        decayed = xp.multiply(theta, weight_decay, out=self._scratch(theta, "decayed"))
        decayed += gradient
        return decayed

    def _average(self, kept: Array, share: float, new: Array, work: Array) -> None:
        """Move a running average in place: kept ← share · kept + (1 − share) · new, where new may be the work array."""
        kept *= share
        kept += xp.multiply(new, 1.0 - share, out=work)

    def _positive_in_every_dtype(self, name: str, value: Any) -> float:
        """Check a positive number that must not become 0 when it meets a parameter."""
        checked = checks.positive(name, value)
        for p in self.params:
            if not p.dtype.type(checked) > 0:
                raise ValueError(f"{name}={checked!r} is 0 in the dtype {p.dtype} of a parameter; choose a larger one")
        return checked

    # Inside

    def _argument_names(self) -> list[str]:
        """List the arguments of the constructor, and of the parents' as far as they are passed on by ``**settings``."""
        names: dict[str, None] = {}
        for kind in type(self).__mro__:
            if "__init__" in vars(kind):
                _, *arguments = inspect.signature(vars(kind)["__init__"]).parameters.values()
                named = [x.name for x in arguments if x.kind not in (x.VAR_POSITIONAL, x.VAR_KEYWORD)]
                names |= dict.fromkeys(named)
                if len(named) == len(arguments):
                    break
        return list(names)

    def _setting_names(self) -> list[str]:
        return [name for name in self._argument_names() if name not in ("params", "project")]

    def _settings(self) -> dict[str, Any]:
        for name in self._setting_names():
            if not hasattr(self, name):
                raise TypeError(
                    f"{type(self).__name__} takes the argument {name} and has no attribute of that name, so that it "
                    f"cannot be saved; write self.{name} = {name} in its constructor"
                )
        return {name: getattr(self, name) for name in self._setting_names()}

    def _copied_slots(self, name: str) -> list[Array | None]:
        """Copy the kept arrays; one that is missing, since the setting that needs it is new, has its first value."""
        return [saving.copied(self._slot(name, i)) if moves else None for i, moves in enumerate(self._moves)]

    def _kept(self, name: str) -> list[Array | None]:
        return self._slots.setdefault(name, [None] * len(self.params))
