"""Modules under torch's names, whose members are medtorch's.

`torch.a.b` is put together from medtorch/compat/torch/a/b.py (what only PyTorch code asks for: answers about scripting,
version numbers, names that are there to be refused) and medtorch.a.b, the first before the second. There is a
`torch.a.b` if there is one of the two. A name that neither has is an UnsupportedNameError, hence an AttributeError, and
an ImportError in `from torch.a.b import name`.

Requires  REQ-F-CPT-001, REQ-F-CPT-003
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from medtorch.errors import UnsupportedNameError

TORCH = "torch"
_OWN = "medtorch.compat.torch"
_NOT_TORCHS = frozenset(
    {
        *("backend_info", "cli", "compat", "core", "data", "errors", "load_bundle", "metrics", "models"),
        *(
            "cpu_algorithms",
            "get_cpu_algorithms",
            "save_bundle",
            "serialize",
            "serve",
            "set_cpu_algorithms",
            "training",
        ),
        "_version",
    }
)
"""What medtorch has at its top and PyTorch has not."""


class Mirror(ModuleType):
    """`torch` or one of its submodules, as code inside `as_torch` sees it."""

    def __init__(self, name: str, sources: Sequence[ModuleType]) -> None:
        super().__init__(name, f"medtorch under the name of {name}.")
        self._sources = tuple(sources)

    def __getattr__(self, name: str) -> Any:
        found = self._found(name)
        setattr(self, name, found)  # the next access is an ordinary one
        return found

    def __dir__(self) -> list[str]:
        return sorted({*vars(self), *(n for s in self._sources for n in _offered(s) if self._has(n))})

    def _found(self, name: str) -> Any:
        if name == "__all__":
            return sorted({n for s in self._sources for n in getattr(s, "__all__", ()) if not n.startswith("_")})
        if name == "__file__":
            return self._sources[-1].__file__
        for source in self._sources:
            value = self._member(source, name)
            if value is not _ABSENT:
                return value
        if sources_of(f"{self.__name__}.{name}"):
            return importlib.import_module(f"{self.__name__}.{name}")
        raise UnsupportedNameError(f"module {self.__name__!r} has no attribute {name!r} in medtorch")

    def _has(self, name: str) -> bool:
        return any(self._member(source, name) is not _ABSENT for source in self._sources)

    def _member(self, source: ModuleType, name: str) -> Any:
        if name.startswith("__") and name not in getattr(source, "__all__", ()):
            return _ABSENT
        if name == "annotations" or (self.__name__ == TORCH and name in _NOT_TORCHS):
            return _ABSENT
        if source.__name__.startswith(_OWN) and name not in getattr(source, "__all__", ()):
            return _ABSENT
        value = getattr(source, name, _ABSENT)
        return _ABSENT if isinstance(value, ModuleType) and value.__name__.startswith("medtorch") else value


class _Absent:
    """No value at all, where None may be one."""


_ABSENT = _Absent()


class MirrorLoader(Loader):
    """Makes a mirror when `torch` or one of its submodules is imported."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return Mirror(spec.name, [importlib.import_module(name) for name in sources_of(spec.name)])

    def exec_module(self, module: ModuleType) -> None:
        """A mirror has no code of its own."""


@functools.cache
def sources_of(name: str) -> tuple[str, ...]:
    """The modules that stand behind `torch` or `torch.a.b`: none where medtorch has no such module."""
    rest = name.removeprefix(TORCH)
    places = [_OWN + rest]
    if (rest.split(".")[1:2] != [] and rest.split(".")[1] not in _NOT_TORCHS) or not rest:
        places.append("medtorch" + rest)
    return tuple(place for place in places if _exists(place))


def _exists(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # a part before the last is no package
        return False


def _offered(source: ModuleType) -> list[str]:
    return list(source.__all__) if source.__name__.startswith(_OWN) else [n for n in dir(source) if n[0] != "_"]
