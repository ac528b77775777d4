"""`as_torch`: for a while, and in the modules that are imported meanwhile, `torch` means medtorch.

Inside, sys.modules holds mirrors of medtorch under torch's names. Modules that are tied to an installed PyTorch are set
aside on entry and are back on exit; modules that were imported inside and are tied to the mirrors are set aside on
exit, and are back on the next entry. So each `torch` has its own copy of, say, torchvision, and neither sees the other.
What such a module imports later, in a function that runs outside, still resolves as inside.

sys.modules belongs to the process, so all of its threads are inside together: an import of torch in another thread
means medtorch, too, until the last `as_torch` is left. Entries may be nested and may overlap between threads.
A process that is started afresh ("spawn") begins outside.

Requires  REQ-F-CPT-001, REQ-F-CPT-002
"""

from __future__ import annotations

import builtins
import importlib
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import ModuleType
from typing import Any

from medtorch.compat.loading import loaded
from medtorch.compat.mirror import TORCH, MirrorLoader, sources_of
from medtorch.compat.origin import Modules, has_compiled, is_shared, put_back, take_out, tied_to_torch, top


@contextmanager
def as_torch(*, load: str | os.PathLike[str] | None = None) -> Iterator[ModuleType]:
    """Inside, `import torch` and its submodules give medtorch; afterwards nothing has changed.

    With `load`, a Python file, a package's folder or a module's name, that is imported inside; the value of the `with`
    is the loaded module, else the module `torch`.

    Raises    FileMissingError for a path that is not there; ImportError as `import` does, for what medtorch has not too
    """
    _WORLD.enter()
    try:
        if load is None:
            yield importlib.import_module(TORCH)
        else:
            with loaded(load, _WORLD.hide) as module:
                yield module
    finally:
        _WORLD.leave()


class _World:
    """The modules that belong to the inside, and whether we are inside."""

    def __init__(self) -> None:
        self.depth = 0
        self._lock = threading.RLock()
        self._inside: Modules = {}
        self._outside: Modules = {}
        self._before: set[str] = set()
        self.edges: dict[str, set[str]] = {}

    def enter(self) -> None:
        with self._lock:
            self.depth += 1
            if self.depth > 1:
                return
            self._outside = take_out(tied_to_torch(sys.modules))
            self._outside |= take_out(self._inside)
            self._before = set(sys.modules)
            put_back(self._inside)
            sys.meta_path.insert(0, _FINDER)

    def leave(self) -> None:
        with self._lock:
            self.depth -= 1
            if self.depth:
                return
            sys.meta_path.remove(_FINDER)
            self._inside = take_out(self._tied())
            put_back(self._outside)
            self._outside = {}

    def hide(self, names: Sequence[str]) -> None:
        """Make room for modules of these names: those of the outside are set aside until the inside is left."""
        with self._lock:
            removed = take_out(names)
            self._outside |= {name: module for name, module in removed.items() if name in self._before}
            self._before -= removed.keys()

    def belongs(self, package: str) -> bool:
        """Whether an import of this package, asked for by a module of the inside, is to be answered from the inside."""
        return package == TORCH or any(top(name) == package for name in self._inside)

    def _tied(self) -> list[str]:
        """The mirrors, and of the modules that were imported inside those tied to one.

        A package that came as a whole goes as a whole, for its modules share state; of a package that was there before,
        or has compiled modules, which cannot be loaded twice, only the modules that asked themselves.
        """
        new = [name for name in sys.modules if name not in self._before]
        edges, kept = dict(self.edges), {top(name) for name in self._before} - {TORCH}
        packages, grows = {TORCH}, True
        while grows:
            asking = {top(who) for who, asked in edges.items() if asked & packages} - kept
            asking = {p for p in asking if not has_compiled(p, sys.modules)}
            grows = bool(asking - packages)
            packages |= asking
        return [n for n in new if not is_shared(n) and (top(n) in packages or edges.get(n, set()) & packages)]


class _Finder(MetaPathFinder):
    """Answers for torch; and lets modules that are imported inside keep to it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if top(fullname) == TORCH:
            return ModuleSpec(fullname, MirrorLoader(), is_package=True) if sources_of(fullname) else None
        if is_shared(fullname):
            return None
        spec = next(filter(None, (_spec(f, fullname, path, target) for f in sys.meta_path if f is not self)), None)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _InsideLoader(spec.loader.name, spec.loader.path)
        return spec


def _spec(finder: Any, fullname: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
    return finder.find_spec(fullname, path, target) if hasattr(finder, "find_spec") else None


class _InsideLoader(SourceFileLoader):
    """Loads a module whose imports, now and later, are answered from the inside."""

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__builtins__"] = {**vars(builtins), "__import__": _import_inside}
        super().exec_module(module)


def _import_inside(
    name: str,
    globals: Mapping[str, Any] | None = None,
    locals: Mapping[str, Any] | None = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> Any:
    """`__import__` for modules of the inside, wherever they run."""
    who = str((globals or {}).get("__name__", ""))
    asked = top(who) if level else top(name)
    _WORLD.edges.setdefault(who, set()).add(asked)
    if _WORLD.depth or not _WORLD.belongs(asked):
        return builtins.__import__(name, globals, locals, fromlist or (), level)
    with as_torch():
        return builtins.__import__(name, globals, locals, fromlist or (), level)


_WORLD = _World()
_FINDER = _Finder()
