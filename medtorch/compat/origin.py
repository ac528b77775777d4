"""Which modules of a process are tied to a `torch`, and how modules are set aside and brought back.

Requires  REQ-F-CPT-002
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from importlib.machinery import ExtensionFileLoader
from types import ModuleType
from typing import Any

from medtorch.compat.mirror import TORCH

Modules = dict[str, ModuleType]


def top(name: str) -> str:
    """The package that a module belongs to."""
    return name.partition(".")[0]


def is_shared(name: str) -> bool:
    """Whether a module is the same with and without PyTorch: the standard library, medtorch, the running script."""
    return top(name) in sys.stdlib_module_names or top(name) in ("medtorch", "__main__", "__mp_main__")


def tied_to_torch(modules: Mapping[str, Any]) -> list[str]:
    """The names under which modules hold an installed PyTorch: its own, and packages that hold something of it.

    A package is taken whole, since its modules share state; but where it has compiled modules, which cannot be loaded
    twice, only its Python modules that hold something of PyTorch themselves.
    """
    if TORCH not in modules:
        return []
    own = {name for name in modules if top(name) == TORCH}
    held = {name: _held(m) for name, m in modules.items() if isinstance(m, ModuleType) and not is_shared(name)}
    return _closure(own, held, modules)


def _closure(own: set[str], held: Mapping[str, set[str]], modules: Mapping[str, Any]) -> list[str]:
    """`own` and all modules that hold something of a tied package, directly or through others."""
    tied, packages, grows = set(own), {TORCH}, True
    while grows:
        direct = {name for name, tops in held.items() if name not in tied and tops & packages}
        whole = {top(name) for name in direct if not has_compiled(top(name), modules)}
        tied |= direct | {name for name in held if top(name) in whole}
        grows = bool(whole - packages) or bool(direct)
        packages |= whole
    return sorted(tied)


def _held(module: ModuleType) -> set[str]:
    """The packages whose modules, classes or functions are among the module's globals."""
    found = set()
    for value in list(vars(module).values()):
        name = value.__name__ if isinstance(value, ModuleType) else _home(value)
        if isinstance(name, str):
            found.add(top(name))
    return found


def _home(value: Any) -> Any:
    return (
        vars(type(value)).get("__module__") if not isinstance(value, type) and not callable(value) else _module(value)
    )


def _module(value: Any) -> Any:
    try:
        return value.__module__
    except Exception:  # noqa: BLE001  somebody's __getattr__, which may do anything
        return None


def has_compiled(package: str, modules: Mapping[str, Any]) -> bool:
    """Whether compiled modules of a package are loaded."""
    return any(
        isinstance(getattr(getattr(m, "__spec__", None), "loader", None), ExtensionFileLoader)
        for name, m in modules.items()
        if top(name) == package
    )


def take_out(names: Iterable[str]) -> Modules:
    """Remove modules from sys.modules and from parents that stay; what was removed."""
    out = {name: sys.modules.pop(name) for name in list(names) if name in sys.modules}
    for name, module in out.items():
        parent, _, child = name.rpartition(".")
        holder = sys.modules.get(parent)
        if isinstance(holder, ModuleType) and vars(holder).get(child) is module:
            delattr(holder, child)
    return out


def put_back(modules: Modules) -> None:
    """Undo `take_out`."""
    sys.modules.update(modules)
    for name, module in modules.items():
        parent, _, child = name.rpartition(".")
        holder = sys.modules.get(parent)
        if isinstance(holder, ModuleType) and parent not in modules:
            setattr(holder, child, module)
