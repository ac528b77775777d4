"""The reference kernels on one CUDA device.

CuPy works on the device that is current in the thread. `quiet`, the context that every op runs in, makes this device
the current one; kernels that are called outside of an op do so themselves.

Requires  REQ-F-GPU-001
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from medtorch.core.backends.cuda import door
from medtorch.core.backends.reference import ReferenceKernels
from medtorch.core.backends.reference.base import Array
from medtorch.core.devices import device
from medtorch.core.dtypes import dtype
from medtorch.errors import DeviceError


class CudaKernels(ReferenceKernels):
    """Every kernel of the contract, bound to one device."""

    def __init__(self, cupy: Any, index: int) -> None:
        super().__init__(cupy)
        self._index = index

    def quiet(self) -> AbstractContextManager[Any]:
        """The context in which arrays of this device are worked on. CuPy gives inf and NaN without warnings."""
        found: AbstractContextManager[Any] = self.xp.cuda.Device(self._index)
        return found

    def from_host(self, array: Array) -> Array:
        """`array`, from the host or from another device, on this device; itself where it is here already."""
        with self.quiet():
            if hasattr(array, "get") and array.device.id != self._index:
                return array.copy()  # CuPy copies to the current device
            return self.xp.asarray(array)

    def full(self, shape: tuple[int, ...], value: Any, wanted: dtype) -> Array:
        with self.quiet():
            return super().full(shape, value, wanted)

    def zeros(self, shape: tuple[int, ...], numpy_dtype: Any) -> Array:
        with self.quiet():
            return super().zeros(shape, numpy_dtype)


def kernels(place: device) -> CudaKernels:
    """The kernels of a CUDA device. Raises DeviceError where it is not there, MissingDependencyError without CuPy."""
    index = place.index or 0
    there = door.device_count()
    if index >= there:
        raise DeviceError(f"{place}: not there, have {there} CUDA device{'' if there == 1 else 's'}")
    return CudaKernels(door.cupy(), index)


def from_dlpack(exporter: Any) -> tuple[Array, device]:
    """Memory that another library exports on a CUDA device, as an array, and the device it lies on."""
    kind, index = (int(part) for part in exporter.__dlpack_device__())
    if kind != _CUDA:
        raise DeviceError(
            f"from_dlpack: memory of kind {kind} is neither on the host (1) nor on a CUDA device ({_CUDA})"
        )
    place = device("cuda", index)
    with kernels(place).quiet():
        return door.cupy().from_dlpack(exporter), place


_CUDA = 2  # DLPack's number for memory of a CUDA device (dlpack.h, DLDeviceType)
