"""The one door to CuPy, and how many devices are behind it."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

from medtorch.errors import BackendError, MissingDependencyError


@cache
def cupy() -> Any:
    """The CuPy module. Raises MissingDependencyError where it is not installed."""
    try:
        return importlib.import_module("cupy")
    except ImportError as missing:
        raise MissingDependencyError("cupy", extra="cuda") from missing


def device_count() -> int:
    """How many CUDA devices the driver shows.

    Raises    MissingDependencyError without CuPy; BackendError where the driver is not there or does not answer
    """
    module = cupy()
    try:
        return int(module.cuda.runtime.getDeviceCount())
    except module.cuda.runtime.CUDARuntimeError as wrong:
        raise BackendError(f"cuda: the driver does not answer: {wrong}") from wrong


def usable_count() -> int:
    """How many CUDA devices can be used: 0 without CuPy, without a driver, without a device."""
    try:
        return device_count()
    except (MissingDependencyError, BackendError):
        return 0
