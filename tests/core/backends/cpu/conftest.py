"""Kernel sets side by side. Without the native extension these tests are not verified, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType

import numpy as np
import pytest

from medtorch.core.backends.cpu import CpuKernels
from medtorch.core.backends.cpu.door import native as door
from medtorch.core.backends.reference import ReferenceKernels

EXTENSION = "package:medtorch.core.backends.cpu._native"


@pytest.fixture
def native(needs: Callable[[str], None]) -> Iterator[ModuleType]:
    """The extension; the number of threads is put back."""
    needs(EXTENSION)
    module = door()
    assert module is not None
    threads = module.thread_count()
    yield module
    module.set_thread_count(threads)


@pytest.fixture
def sets(native: ModuleType) -> list[CpuKernels]:
    """Every kernel set that this machine runs, the widest last."""
    return [CpuKernels(native, name) for name in native.instruction_sets()]


@pytest.fixture
def widest(sets: list[CpuKernels]) -> CpuKernels:
    return sets[-1]


@pytest.fixture
def reference() -> ReferenceKernels:
    return ReferenceKernels(np)
