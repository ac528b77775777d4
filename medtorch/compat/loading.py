"""Import a module that is named by its place on the disk.

Requires  REQ-F-CPT-001
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from medtorch.compat.origin import is_shared, top
from medtorch.errors import ArgumentError, FileMissingError

_INIT = "__init__.py"


@contextmanager
def loaded(what: str | os.PathLike[str], hide: Callable[[Sequence[str]], None]) -> Iterator[ModuleType]:
    """The module that `what` names: a Python file, a folder, or a name as in an import statement.

    A file in a package is imported as part of it. The folder that holds it all stands first on sys.path meanwhile.
    `hide` is given the modules of the same name that come from elsewhere.
    """
    if not _is_path(what):
        yield importlib.import_module(os.fspath(what))
        return
    root, name = _root_and_name(Path(what).resolve())
    hide([n for n in list(sys.modules) if top(n) == top(name) and not _is_under(sys.modules[top(name)], root)])
    sys.path.insert(0, str(root))
    try:
        importlib.invalidate_caches()  # the file may be younger than the last look into its folder
        yield importlib.import_module(name)
    finally:
        sys.path.remove(str(root))


def _is_path(what: str | os.PathLike[str]) -> bool:
    return not isinstance(what, str) or os.sep in what or what.endswith(".py") or Path(what).exists()


def _root_and_name(path: Path) -> tuple[Path, str]:
    """The folder to import from, and the module's dotted name there."""
    if not path.exists():
        raise FileMissingError(f"as_torch: {path}: no such file or folder")
    if path.is_file() and path.suffix != ".py":
        raise ArgumentError(f"as_torch: {path}: neither a Python file nor a folder")
    place = path.parent if path.name == _INIT else path
    parts, root = [place.stem if place.is_file() else place.name], place.parent
    while (root / _INIT).is_file():
        parts.insert(0, root.name)
        root = root.parent
    if any("." in part for part in parts):
        raise ArgumentError(f"as_torch: {path}: a module's name cannot have a dot in it")
    if is_shared(parts[0]) or parts[0] == "torch":
        raise ArgumentError(f"as_torch: {path}: {parts[0]!r} is the name of another module; rename the file")
    return root, ".".join(parts)


def _is_under(module: ModuleType | None, root: Path) -> bool:
    """Whether a loaded module comes from this folder."""
    files = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
    return any(f is not None and Path(f).resolve().is_relative_to(root) for f in files)
