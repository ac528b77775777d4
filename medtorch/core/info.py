"""What medtorch runs on here, as data.

Requires  REQ-F-CLI-006
"""

from __future__ import annotations

import importlib.util
import os
import platform
from typing import Any

import numpy as np

from medtorch._version import __version__
from medtorch.core.backends import cpu_kernel_set
from medtorch.core.backends.cpu.probe import native_build
from medtorch.core.backends.cuda.door import cupy, usable_count
from medtorch.core.backends.reference.blas import blas_threads
from medtorch.core.threads import get_num_threads


def backend_info() -> dict[str, Any]:
    """Which backends, instruction sets, threads and libraries are in use, and which are there.

    Plain data: texts, numbers, lists and None where something is not there.
    """
    return {
        "medtorch": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "cpu": _cpu(),
        "cuda": _cuda(),
        "libraries": {"numpy": np.__version__, "blas": _blas()},
    }


def _cpu() -> dict[str, Any]:
    build, isa = native_build(), cpu_kernel_set()
    return {
        "backend": "reference" if isa == "reference" else "native",
        "isa": isa,
        "native": None
        if build is None
        else {"compiler": build.compiler, "instruction_sets": list(build.instruction_sets)},
        "logical_cpus": os.cpu_count(),
        "usable_cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": {"medtorch": get_num_threads(), "blas": blas_threads()},
    }


def _cuda() -> dict[str, Any]:
    if importlib.util.find_spec("cupy") is None:
        return {"available": False, "reason": "CuPy is not installed (extra cuda)", "devices": []}
    devices = [_device_name(index) for index in range(usable_count())]
    return {
        "available": bool(devices),
        "reason": None if devices else "CuPy is installed, but there is no CUDA device that it can use",
        "devices": devices,
    }


def _device_name(index: int) -> str:
    name: bytes = cupy().cuda.runtime.getDeviceProperties(index)["name"]
    return f"cuda:{index} {name.decode()}"


def _blas() -> str | None:
    found = np.show_config(mode="dicts")
    blas = found.get("Build Dependencies", {}).get("blas", {}) if isinstance(found, dict) else {}
    return f"{blas['name']} {blas.get('version', '')}".strip() if blas.get("name") else None
