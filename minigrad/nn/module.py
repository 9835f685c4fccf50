"""`Module`: parameters with a function that uses them."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import numpy

from minigrad.backend import REAL, current, xp
from minigrad.numpy.arrays import as_array
from minigrad.primitives.kinds import raw
from minigrad.tape import ShapeError, changed_in_place
from minigrad.tensor import Tensor


class StateError(ValueError):
    """A saved state does not fit the object that it is loaded into; the message lists everything that is wrong."""


class Parameter(Tensor):
    """A Tensor that a module learns: a leaf that requires a gradient.

    Parameters
    ----------
    data : array_like
        Its first value.

    Examples
    --------
    >>> Parameter([1.0, 2.0]).requires_grad
    True
    """

    __slots__ = ()

    def __init__(self, data: Any) -> None:
        super().__init__(data, requires_grad=True)


class Buffer(Tensor):
    """A Tensor that a module keeps but does not learn, such as a running mean; it is saved with the parameters.

    Parameters
    ----------
    data : array_like
        Its first value. Change it in place: ``buffer.data[...] = value``.

    Examples
    --------
    >>> Buffer([0.0, 0.0]).requires_grad
    False
    """

    __slots__ = ()


class Module:
    """A part of a network. Subclasses assign parameters and other modules as attributes and write `forward`.

    Attributes
    ----------
    training : bool
        Whether layers such as Dropout and BatchNorm behave as in training; see `train` and `eval`.

    Examples
    --------
    >>> import numpy
    >>> class Scale(Module):
    ...     def __init__(self):
    ...         self.factor = Parameter(2.0)
    ...
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> Scale()(numpy.array([1.0, 2.0]))
    tensor([2., 4.], requires_grad=True)
    """

    training: bool = True
    _replaced: frozenset[str] = frozenset()  # the attributes that `bound` has put in the place of parameters

    def __setattr__(self, name: str, value: Any) -> None:
        kept = vars(self).get(name)
        for kind in (Parameter, Buffer):
            if isinstance(kept, kind) and not isinstance(value, kind | None):
                raise TypeError(
                    f"{name} is a {kind.__name__.lower()}, and would no longer be one. Assign a {kind.__name__}, or "
                    f"change its values: module.{name}.data[...] = values"
                )
        if not isinstance(value, Module | Parameter) and holds_modules(value):
            raise TypeError(
                f"{name} is a plain {type(value).__name__} with modules or parameters in it, which would not be found. "
                "Use nn.ModuleList([...]) for modules, and give each parameter an attribute of its own"
            )
        super().__setattr__(name, value)

    def forward(self, x: Any) -> Any:
        """Compute the module's output."""
        raise TypeError(f"{type(self).__name__} has no forward method; a Module defines `def forward(self, x)`")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the module's output; calls `forward`."""
        return self.forward(*args, **kwargs)

    # What it consists of

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Walk over the modules that are attributes of this one with their names, each once.

        Examples
        --------
        >>> from minigrad import nn
        >>> [name for name, _ in nn.Sequential(nn.Linear(2, 1), nn.ReLU()).named_children()]
        ['0', '1']
        """
        seen: set[int] = set()
        for name, module in self._entries():
            if id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def _entries(self) -> list[tuple[str, Module]]:
        """List the modules that are attributes of this one, under every name that they have."""
        return [(name, value) for name, value in vars(self).items() if isinstance(value, Module)]

    def children(self) -> list[Module]:
        """List the modules that are attributes of this one, each once.

        Examples
        --------
        >>> from minigrad import nn
        >>> nn.Sequential(nn.Linear(2, 1), nn.ReLU()).children()
        [Linear(2, 1), ReLU()]
        """
        return [module for _, module in self.named_children()]

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Walk over this module and all inside it with their dotted names, each once.

        Examples
        --------
        >>> from minigrad import nn
        >>> [name for name, _ in nn.Sequential(nn.Linear(2, 1), nn.ReLU()).named_modules()]
        ['', '0', '1']
        """
        seen: set[int] = set()
        waiting: list[tuple[str, Module]] = [(prefix, self)]
        while waiting:
            name, module = waiting.pop()
            if id(module) not in seen:
                seen.add(id(module))
                yield name, module
                dotted = f"{name}." if name else ""
                waiting.extend((dotted + inner, child) for inner, child in reversed(module._entries()))

    def modules(self) -> list[Module]:
        """List this module and all inside it, each once.

        Examples
        --------
        >>> from minigrad import nn
        >>> [type(module).__name__ for module in nn.Sequential(nn.Linear(2, 1), nn.ReLU()).modules()]
        ['Sequential', 'Linear', 'ReLU']
        """
        return [module for _, module in self.named_modules()]

    def apply(self, f: Callable[[Module], Any]) -> Self:
        """Call a function on each module inside this one, and at last on this one; give this one back.

        Examples
        --------
        >>> from minigrad import nn
        >>> def small(module):
        ...     if isinstance(module, nn.Linear):
        ...         nn.init.normal_(module.weight, std=0.02)
        >>> nn.Sequential(nn.Linear(2, 1), nn.ReLU()).apply(small)
        Sequential(
          (0): Linear(2, 1)
          (1): ReLU()
        )
        """
        first, *inside = self.modules()
        for module in (*inside, first):
            f(module)
        return self

    def _named(self, *kinds: type[Tensor]) -> Iterator[tuple[str, Any]]:
        """Walk over all tensors of these kinds with their dotted names, each once."""
        seen: set[int] = set()
        for path, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, kinds) and id(value) not in seen:
                    seen.add(id(value))
                    yield f"{path}.{name}" if path else name, value

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Walk over all parameters with their dotted names, each once.

        Examples
        --------
        >>> from minigrad import nn
        >>> [name for name, _ in nn.Linear(2, 1).named_parameters()]
        ['weight', 'bias']
        """
        return self._named(Parameter)

    def parameters(self) -> list[Parameter]:
        """List all parameters, each once.

        Examples
        --------
        >>> from minigrad import nn
        >>> [p.shape for p in nn.Linear(3, 2).parameters()]
        [(2, 3), (2,)]
        """
        return [parameter for _, parameter in self.named_parameters()]

    def named_buffers(self) -> Iterator[tuple[str, Buffer]]:
        """Walk over all buffers with their dotted names, each once.

        Examples
        --------
        >>> from minigrad import nn
        >>> list(nn.Linear(2, 1).named_buffers())
        []
        """
        return self._named(Buffer)

    def buffers(self) -> list[Buffer]:
        """List all buffers, each once.

        Examples
        --------
        >>> from minigrad import nn
        >>> [buffer.shape for buffer in nn.BatchNorm1d(3).buffers()]
        [(3,), (3,), ()]
        """
        return [buffer for _, buffer in self.named_buffers()]

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters.

        Examples
        --------
        >>> from minigrad import nn
        >>> nn.Linear(3, 2).zero_grad()
        """
        for parameter in self.parameters():
            parameter.grad = None

    # Training and evaluation

    def train(self, training: bool = True) -> Self:
        """Switch this module and all inside it to training, or with False to evaluation.

        Examples
        --------
        >>> Module().train().training
        True
        """
        for _, module in self.named_modules():
            module.training = training
        return self

    def eval(self) -> Self:
        """Switch this module and all inside it to evaluation.

        Examples
        --------
        >>> Module().eval().training
        False
        """
        return self.train(False)

    # Its state, out and in

    def state_dict(self) -> dict[str, Any]:
        """Copy all parameters and buffers into a dictionary of plain arrays, by their dotted names.

        Examples
        --------
        >>> from minigrad import nn
        >>> {name: array.shape for name, array in nn.Linear(3, 2).state_dict().items()}
        {'weight': (2, 3), 'bias': (2,)}
        """
        return {name: tensor.data.copy() for name, tensor in self._named(Parameter, Buffer)}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Overwrite parameters and buffers, in place, by the arrays of a dictionary that `state_dict` made.

        Parameters
        ----------
        state : mapping of str to array
            Host arrays and arrays of the active backend, both.
        strict : bool
            Whether the names must be exactly those of this module. With False, names on one side only are left out.

        Raises
        ------
        StateError
            If entries are missing, unexpected, of another shape or kind, or too large for the dtype. All of them are
            listed, and nothing is changed.
        TypeError
            If the state is no mapping.

        Examples
        --------
        >>> from minigrad import nn
        >>> nn.Linear(3, 2).load_state_dict(nn.Linear(3, 1).state_dict())
        Traceback (most recent call last):
            ...
        minigrad.nn.module.StateError: the state does not fit Linear; nothing was changed:
          weight: needs shape (2, 3); got (1, 3)
          bias: needs shape (2,); got (1,)
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"load_state_dict needs a mapping of names to arrays; got a {type(state).__name__}")
        own: dict[str, Tensor] = dict(self._named(Parameter, Buffer))
        faults = []
        if strict:
            faults += [f"missing: {name}" for name in own if name not in state]
            faults += [f"unexpected: {name}" for name in state if name not in own]
        new = {}
        for name in own:
            if name in state:
                value = raw(state[name])
                fault = misfit(value, own[name])
                if fault:
                    faults.append(f"{name}: {fault}")
                else:
                    new[name] = current().asarray(value)
        if faults:
            listed = "".join(f"\n  {fault}" for fault in faults)
            raise StateError(f"the state does not fit {type(self).__name__}; nothing was changed:{listed}")
        for name, value in new.items():
            own[name].data[...] = value
            changed_in_place(own[name])

    def bound(self, values: Mapping[str, Any]) -> Self:
        """Give this module with other tensors in the place of some of its parameters, to differentiate in them.

        The result is a copy of the structure alone: parameters that are not named, and all buffers, are shared.

        Parameters
        ----------
        values : mapping of str to array_like
            By the dotted names of `named_parameters`.

        Raises
        ------
        StateError
            If a name is not that of a parameter.
        ShapeError
            If a value has another shape than its parameter.
        TypeError
            If the values are no mapping.

        Examples
        --------
        >>> import minigrad as mg
        >>> import minigrad.numpy as np
        >>> from minigrad import nn
        >>> layer = nn.Linear(2, 1)
        >>> mg.grad(lambda w: layer.bound({"weight": w})(np.array([1.0, 2.0])).sum())(np.ones((1, 2)))
        array([[1., 2.]])
        """
        if not isinstance(values, Mapping):
            raise TypeError(f"bound needs a mapping of names to arrays; got a {type(values).__name__}")
        replacing: dict[int, Any] = {}
        for name, given in values.items():
            value = as_array(given)
            kept = self._tensor_at(name)
            if tuple(value.shape) != tuple(kept.shape):
                raise ShapeError(f"parameter {name} has shape {tuple(kept.shape)}; got {tuple(value.shape)}")
            replacing[id(kept)] = value
        return self._with(replacing)

    def _tensor_at(self, name: str) -> Any:
        """Find a parameter by its dotted name, or what `bound` has put in its place."""
        module: Any = self
        *path, last = name.split(".")
        for part in path:
            module = vars(module).get(part) if isinstance(module, Module) else None
        if isinstance(module, Module):
            found = vars(module).get(last)
            if isinstance(found, Parameter) or last in module._replaced:
                return found
        names = ", ".join(known for known, _ in self.named_parameters()) or "none"
        raise StateError(f"{type(self).__name__} has no parameter {name!r}; it has: {names}")

    def _with(self, replacing: dict[int, Any]) -> Self:
        """Copy the structure with some parts, named by identity, replaced; what is shared inside stays shared."""
        copy = replacing[id(self)] = object.__new__(type(self))
        names = set(self._replaced)
        for name, value in vars(self).items():
            if isinstance(value, Module) and id(value) not in replacing:
                value._with(replacing)
            if isinstance(value, Parameter) and id(value) in replacing:
                names.add(name)
            vars(copy)[name] = replacing.get(id(value), value)
        vars(copy)["_replaced"] = frozenset(names)
        return copy

    # How it shows itself

    @reprlib.recursive_repr("...")
    def __repr__(self) -> str:
        inner = "".join(f"\n  ({name}): " + repr(child).replace("\n", "\n  ") for name, child in self._entries())
        return f"{type(self).__name__}({self.extra_repr()}{inner}{chr(10) if inner else ''})"

    def extra_repr(self) -> str:
        """Say what this module was made with, for its representation.

        Examples
        --------
        >>> from minigrad import nn
        >>> nn.Linear(3, 2).extra_repr()
        '3, 2'
        """
        return ""


def misfit(value: Any, tensor: Tensor) -> str:
    """Say why a value cannot be written into a tensor, or give an empty text if it can.

    Examples
    --------
    >>> import numpy
    >>> misfit(numpy.zeros(2), Tensor([1.0, 2.0, 3.0]))
    'needs shape (3,); got (2,)'
    """
    if getattr(getattr(value, "dtype", None), "kind", "") not in tuple(REAL):
        return f"needs an array of real numbers; got {getattr(value, 'dtype', type(value).__name__)}"
    if tuple(value.shape) != tuple(tensor.shape):
        return f"needs shape {tuple(tensor.shape)}; got {tuple(value.shape)}"
    if value.dtype.kind == "f" and tensor.dtype.kind != "f":
        return f"needs whole numbers; got {value.dtype}"
    if overflows(current().asarray(value), tensor.dtype):
        return f"is too large for {tensor.dtype}"
    return ""


def overflows(array: Any, dtype: numpy.dtype[Any]) -> bool:
    """Tell whether a finite number of an array is out of the range of a dtype.

    Examples
    --------
    >>> overflows(numpy.array([1e300, 1.0]), numpy.dtype("float32"))
    True
    """
    if dtype.kind == "b" or numpy.can_cast(array.dtype, dtype):
        return False
    limits: Any = numpy.finfo(dtype) if dtype.kind == "f" else numpy.iinfo(dtype)
    number = float if dtype.kind == "f" else int
    beyond = (array < number(limits.min)) | (array > number(limits.max))
    return bool((beyond & xp.isfinite(array)).any())


def holds_modules(value: Any) -> bool:
    """Tell whether something is a module or a parameter, or a plain container with one in it at any depth.

    Examples
    --------
    >>> holds_modules([{"a": Parameter(1.0)}]), holds_modules([1, 2])
    (True, False)
    """
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return any(holds_modules(item) for item in value)
    return isinstance(value, Module | Parameter)
