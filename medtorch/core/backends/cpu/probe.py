"""Is the native extension installed, and what can this processor run?"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass


@dataclass(frozen=True)
class NativeBuild:
    """The native extension of this install.

    `instruction_sets` are the kernel sets that this machine can run, from the plainest to the widest.
    """

    compiler: str
    instruction_sets: tuple[str, ...]


def native_build() -> NativeBuild | None:
    """Describe the native extension, or None where medtorch was installed without a compiler.

    Raises    ImportError if the extension is there but cannot be loaded: that is a broken install, not a pure one
    Requires  REQ-F-INS-003
    """
    if importlib.util.find_spec("medtorch.core.backends.cpu._native") is None:
        return None
    from medtorch.core.backends.cpu import _native  # noqa: PLC0415  there is none in a pure install

    return NativeBuild(compiler=_native.compiler, instruction_sets=tuple(_native.instruction_sets()))
