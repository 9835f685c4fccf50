"""Modules made of modules: one after the other, or just kept together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Self

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
        self.extend(modules)

    def append(self, module: Module) -> Self:
        """Put a module at the end; give the container back.

        Examples
        --------
        >>> from minigrad import nn
        >>> len(ModuleList().append(nn.ReLU()))
        1
        """
        i = len(self)
        if not isinstance(module, Module):
            raise TypeError(
                f"{type(self).__name__} takes modules; argument {i} is a {type(module).__name__}"
                + (", so make it: Name()" if isinstance(module, type) else "")
            )
        setattr(self, str(i), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Put several modules at the end; give the container back.

        Examples
        --------
        >>> from minigrad import nn
        >>> len(ModuleList([nn.ReLU()]).extend([nn.Tanh(), nn.ReLU()]))
        3
        """
        for module in list(modules):
            self.append(module)
        return self

    def __len__(self) -> int:
        return len(self._entries())

    def __iter__(self) -> Iterator[Module]:
        return iter([module for _, module in self._entries()])

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
