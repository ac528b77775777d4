"""The kernels of a device, and the way of arrays between devices.

Requires  REQ-F-GPU-001, REQ-F-TEN-005
"""

from __future__ import annotations

import os
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from medtorch.core.backends.cpu import CpuKernels
from medtorch.core.backends.cpu.door import native
from medtorch.core.backends.reference import ReferenceKernels
from medtorch.core.devices import device
from medtorch.errors import BackendError, BackendWarning

if TYPE_CHECKING:
    from medtorch.core.backends.cuda.kernels import CudaKernels
    from medtorch.core.kernels import Kernels

ISA_VARIABLE = "MEDTORCH_CPU_ISA"
_REFERENCE = ReferenceKernels(np)


def kernels_for(place: device) -> Kernels:
    """The kernels that run on `place`. Raises DeviceError where a CUDA device is not there."""
    return _cpu() if place.type == "cpu" else _cuda(place)


def cpu_kernel_set() -> str:
    """The kernel set that CPU tensors are computed with: "reference", or a native one."""
    kernels = _cpu()
    return str(kernels.set.name) if isinstance(kernels, CpuKernels) else "reference"


@cache
def _cpu() -> Kernels:
    """What MEDTORCH_CPU_ISA names; else the widest kernel set that this machine runs; not built, the reference."""
    wanted, module = os.environ.get(ISA_VARIABLE), native()
    if wanted is None and module is None:
        said = "no native kernels in this install: NumPy's reference backend computes"
        warnings.warn(f"{said}; {ISA_VARIABLE}=reference chooses it", BackendWarning, stacklevel=2)
        return _REFERENCE
    if wanted == "reference":
        return _REFERENCE
    have = ["reference", *(() if module is None else module.instruction_sets())]
    name = have[-1] if wanted is None else wanted
    if module is None or name not in have:
        raise BackendError(f"{ISA_VARIABLE}={name}: this machine has no such kernel set; have {', '.join(have)}")
    return CpuKernels(module, name)


@cache
def _cuda(place: device) -> CudaKernels:
    from medtorch.core.backends.cuda import kernels  # noqa: PLC0415  the one door to CuPy

    return kernels(place)


def move(array: Any, place: device) -> Any:
    """`array` on `place`, copied if it is elsewhere."""
    if place.type == "cpu":
        return array if isinstance(array, np.ndarray) or hasattr(array, "batched") else array.get()
    return _cuda(place).from_host(array)
