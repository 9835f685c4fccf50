"""Modules made of modules: one after the other, or just kept together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from minigrad.nn.module import Module


class ModuleList(Module):
    """Modules kept in a list, so that their parameters are found.

    Parameters
    ----------
    modules : iterable of Module

    Examples
    --------
    >>> from minigrad import nn
    >>> blocks = ModuleList(nn.Linear(2, 2) for _ in range(3))
    >>> len(blocks), len(blocks.parameters())
    (3, 6)
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        for i, module in enumerate(modules):
            if not isinstance(module, Module):
                raise TypeError(
                    f"{type(self).__name__} takes modules; argument {i} is a {type(module).__name__}"
                    + (", so make it: Name()" if isinstance(module, type) else "")
                )
            setattr(self, str(i), module)

    def __len__(self) -> int:
        return len(list(self.children()))

    def __iter__(self) -> Iterator[Module]:
        return iter([value for value in vars(self).values() if isinstance(value, Module)])

    def __getitem__(self, index: int | slice) -> Any:
        """Give one module, or with a slice the same container of some of them."""
        chosen = list(self)[index]
        return chosen if isinstance(chosen, Module) else self._of(chosen)

    def _of(self, modules: list[Module]) -> ModuleList:
        return type(self)(modules)


class Sequential(ModuleList):
    """Modules applied one after the other.

    Parameters
    ----------
    *modules : Module
        In the order of application.

    Examples
    --------
    >>> from minigrad import nn
    >>> Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
    Sequential(
      (0): Linear(4, 3)
      (1): ReLU()
      (2): Linear(3, 1)
    )
    """

    def __init__(self, *modules: Module) -> None:
        super().__init__(modules)

    def _of(self, modules: list[Module]) -> Sequential:
        return type(self)(*modules)

    def forward(self, x: Any) -> Any:
        """Apply all modules in order."""
        for module in self:
            x = module(x)
        return x
