"""`Module`: parameters with a function that uses them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minigrad.tensor import Tensor


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


class Module:
    """A part of a network. Subclasses assign parameters and other modules as attributes and write `forward`.

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

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(vars(self).get(name), Parameter) and not isinstance(value, Parameter | None):
            raise TypeError(
                f"{name} is a parameter, and would no longer be one. Assign a Parameter, or change its values: "
                f"module.{name}.data[...] = values"
            )
        super().__setattr__(name, value)

    def forward(self, x: Any) -> Any:
        """Compute the module's output."""
        raise TypeError(f"{type(self).__name__} has no forward method; a Module defines `def forward(self, x)`")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the module's output; calls `forward`."""
        return self.forward(*args, **kwargs)

    def children(self) -> Iterator[tuple[str, Module]]:
        """Walk over the modules that are attributes of this one, with their names.

        Examples
        --------
        >>> [name for name, _ in Module().children()]
        []
        """
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """Walk over all parameters with their dotted names, each once.

        Examples
        --------
        >>> from minigrad import nn
        >>> [name for name, _ in nn.Linear(2, 1).named_parameters()]
        ['weight', 'bias']
        """
        seen: set[int] = set()
        for name, parameter in self._all_parameters(prefix):
            if id(parameter) not in seen:
                seen.add(id(parameter))
                yield name, parameter

    def _all_parameters(self, prefix: str) -> Iterator[tuple[str, Parameter]]:
        for name, value in vars(self).items():
            if isinstance(value, Parameter):
                yield prefix + name, value
        for name, child in self.children():
            yield from child._all_parameters(f"{prefix}{name}.")

    def parameters(self) -> list[Parameter]:
        """List all parameters, each once.

        Examples
        --------
        >>> from minigrad import nn
        >>> [p.shape for p in nn.Linear(3, 2).parameters()]
        [(2, 3), (2,)]
        """
        return [parameter for _, parameter in self.named_parameters()]

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters.

        Examples
        --------
        >>> from minigrad import nn
        >>> nn.Linear(3, 2).zero_grad()
        """
        for parameter in self.parameters():
            parameter.grad = None

    def __repr__(self) -> str:
        inner = "".join(f"\n  ({name}): " + repr(child).replace("\n", "\n  ") for name, child in self.children())
        return f"{type(self).__name__}({self.settings()}{inner}{chr(10) if inner else ''})"

    def settings(self) -> str:
        """Say what this module was made with, for its representation.

        Examples
        --------
        >>> from minigrad import nn
        >>> nn.Linear(3, 2).settings()
        '3, 2'
        """
        return ""
