"""Modules that hold modules, or parameters, in a row or by name.

Source    semantics of torch.nn.Sequential, ModuleList, ModuleDict
Requires  REQ-F-NN-004
"""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from itertools import chain
from typing import Any, Self, overload

from medtorch.errors import ArgumentError, DimError, ModuleTypeError
from medtorch.nn.modules.module import Module, indented


def place(index: Any, size: int) -> int:
    """`index` counted from the front. Raises DimError out of range."""
    number = operator.index(index)
    if not -size <= number < size:
        raise DimError(f"index {number} is out of range")
    return number % size


class _Row(Module):
    """Modules in a row, named by their place."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __setitem__(self, idx: int, module: Module) -> None:
        setattr(self, list(self._modules)[place(idx, len(self))], module)

    def __delitem__(self, idx: int | slice) -> None:
        names = list(self._modules)
        for name in names[idx] if isinstance(idx, slice) else [names[place(idx, len(self))]]:
            delattr(self, name)
        self._modules = {str(nr): module for nr, module in enumerate(self._modules.values())}

    def append(self, module: Module) -> Self:
        """Put `module` behind the last one."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Put `modules` behind the last one."""
        if not isinstance(modules, Iterable):
            raise ModuleTypeError(
                f"{type(self).__name__}.extend should be called with an iterable, but got {type(modules).__name__}"
            )
        for module in list(modules):
            self.append(module)
        return self

    def _insert(self, index: int, module: Module) -> None:
        if not isinstance(module, Module):
            raise ModuleTypeError(f"{type(self).__name__}.insert: expected a Module, got {type(module).__name__}")
        row = list(self._modules.values())
        row.insert(index, module)
        self._modules = {str(nr): m for nr, m in enumerate(row)}

    def pop(self, key: int | slice) -> Any:
        """Take out the module at `key`, or the slice, and give it back."""
        found = self[key]  # type: ignore[index]
        del self[key]
        return found


class Sequential(_Row):
    """Modules called one after the other, each with what the one before gave.

    Made from modules, or from an OrderedDict of them.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            named: Iterable[tuple[str, Module]] = args[0].items()
        else:
            named = ((str(nr), module) for nr, module in enumerate(args))
        for name, module in named:
            self.add_module(name, module)

    def forward(self, input: Any) -> Any:
        for module in self:
            input = module(input)
        return input

    def __getitem__(self, idx: int | slice) -> Any:
        items = list(self._modules.items())
        return type(self)(OrderedDict(items[idx])) if isinstance(idx, slice) else items[place(idx, len(self))][1]

    def insert(self, index: int, module: Module) -> Self:
        """Put `module` before the one at `index`. Raises DimError out of range."""
        if not -len(self) <= index <= len(self):
            raise DimError(f"Index out of range: {index}")
        self._insert(index, module)
        return self

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self, *_sequential(other))

    def __iadd__(self, other: Sequential) -> Self:
        return self.extend(_sequential(other))

    def __mul__(self, other: int) -> Sequential:
        return Sequential(*(list(self) * _factor(other)))

    __rmul__ = __mul__

    def __imul__(self, other: int) -> Self:
        return self.extend(list(self) * (_factor(other) - 1))


def _sequential(other: object) -> Sequential:
    if not isinstance(other, Sequential):
        raise ArgumentError(
            f"add operator supports only objects of Sequential class, but {type(other).__name__} is given."
        )
    return other


def _factor(other: object) -> int:
    if not isinstance(other, int):
        raise ModuleTypeError(f"unsupported operand type(s) for *: Sequential and {type(other).__name__}")
    if other <= 0:
        raise ArgumentError(f"Non-positive multiplication factor {other} for Sequential")
    return other


class ModuleList(_Row):
    """Modules in a list; what is done with them is up to the owner's forward."""

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    @overload
    def __getitem__(self, idx: int) -> Any: ...

    @overload
    def __getitem__(self, idx: slice) -> ModuleList: ...

    def __getitem__(self, idx: int | slice) -> Any:
        row = list(self._modules.values())
        return type(self)(row[idx]) if isinstance(idx, slice) else row[place(idx, len(self))]  # type: ignore[arg-type]

    def insert(self, index: int, module: Module) -> None:
        """Put `module` before the one at `index`."""
        self._insert(index, module)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList(chain(self, other))

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def __repr__(self) -> str:
        """As torch: neighbours that read the same are written once, with their number."""
        runs: list[tuple[int, int, str]] = []
        for nr, module in enumerate(self):
            text = repr(module)
            if runs and runs[-1][2] == text:
                runs[-1] = (runs[-1][0], nr, text)
            else:
                runs.append((nr, nr, text))
        lines = (f"({a}): {text}" if a == b else f"({a}-{b}): {b - a + 1} x {text}" for a, b, text in runs)
        return self._get_name() + "(" + "".join(f"\n  {indented(line)}" for line in lines) + ("\n)" if runs else ")")


class ModuleDict(Module):
    """Modules by name, in the order in which they came."""

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Take all modules out."""
        self._modules.clear()

    def pop(self, key: str) -> Any:
        """Take out the module under `key` and give it back."""
        return self._modules.pop(key)

    def keys(self) -> KeysView[str]:
        return self._modules.keys()

    def items(self) -> ItemsView[str, Any]:
        return self._modules.items()

    def values(self) -> ValuesView[Any]:
        return self._modules.values()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | ModuleDict) -> None:
        """Take in all `modules`, in the place of those that have their names."""
        for name, module in named_pairs(modules, "ModuleDict"):
            self[name] = module


def named_pairs(source: Any, what: str) -> list[tuple[str, Any]]:
    """Names and values out of a mapping or an iterable of pairs. Raises for anything else."""
    if not isinstance(source, Iterable):
        raise ModuleTypeError(
            f"{what}.update should be called with an iterable of key/value pairs, but got {type(source).__name__}"
        )
    if hasattr(source, "items"):
        return list(source.items())
    pairs = list(source)
    for nr, pair in enumerate(pairs):
        if not isinstance(pair, Iterable):
            raise ModuleTypeError(f"{what} update sequence element #{nr} should be Iterable; is {type(pair).__name__}")
        if len(list(pair)) != 2:
            raise ArgumentError(f"{what} update sequence element #{nr} has length {len(list(pair))}; 2 is required")
    return [(name, value) for name, value in pairs]
