"""Is the native extension installed, does it fit, and what can this processor run?"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from types import ModuleType

from medtorch.errors import BackendError

INTERFACE = 8
"""What Python calls of the native module. Whoever changes a binding raises it here and in native/module.cpp."""


@dataclass(frozen=True)
class NativeBuild:
    """The native extension of this install.

    `instruction_sets` are the kernel sets that this machine can run, from the plainest to the widest.
    """

    compiler: str
    instruction_sets: tuple[str, ...]


def native_build() -> NativeBuild | None:
    """Describe the native extension, or None where medtorch was installed without a compiler.

    Raises    as `load`
    Requires  REQ-F-INS-003
    """
    module = load()
    if module is None:
        return None
    return NativeBuild(compiler=module.compiler, instruction_sets=tuple(module.instruction_sets()))


def load() -> ModuleType | None:
    """The native module, or None where medtorch was installed without a compiler.

    Raises    ImportError if it is there but cannot be loaded: that is a broken install, not a pure one; BackendError if
              it was built for other Python files than those beside it
    Requires  REQ-F-INS-003
    """
    if importlib.util.find_spec("medtorch.core.backends.cpu._native") is None:
        return None
    from medtorch.core.backends.cpu import _native  # noqa: PLC0415  there is none in a pure install

    assert_fits(_native)
    return _native


def assert_fits(module: ModuleType) -> None:
    """Raise BackendError unless `module` has the interface that this medtorch calls."""
    found = getattr(module, "interface", None)
    if found != INTERFACE:
        raise BackendError(
            f"{module.__file__}: the native library does not fit this medtorch: "
            f"its interface is {'without a number' if found is None else found}, {INTERFACE} is expected. "
            "It was built from other sources: install medtorch again, or build the library anew and put it there"
        )
