"""CUDA devices: which there are, which one is meant by "cuda", their memory.

Source    semantics of torch.cuda
Requires  REQ-F-GPU-002
"""

from __future__ import annotations

from typing import Any, Self

from medtorch.core import random
from medtorch.core.backends.cuda import door
from medtorch.core.devices import CURRENT, as_device
from medtorch.errors import DeviceError, UnsupportedError, UnsupportedNameError


def is_available() -> bool:
    """Whether CuPy is installed and sees a device."""
    return door.usable_count() > 0


def device_count() -> int:
    """How many devices can be used; 0 without CuPy."""
    return door.usable_count()


def current_device() -> int:
    """The index that "cuda" means in this thread."""
    _index(CURRENT.cuda)
    return CURRENT.cuda


def set_device(device: Any) -> None:
    """Choose what "cuda" means in this thread. Raises DeviceError for a device that is not there."""
    CURRENT.cuda = _index(device)


def _index(device: Any) -> int:
    """The index of a device given as index, name or device; None is the current one. Raises where it is not there."""
    place = as_device("cuda" if device is None else device)
    if place.type != "cuda":
        raise DeviceError(f"expected a CUDA device, got {place}")
    there = door.device_count()
    index = place.index or 0
    if not 0 <= index < there:
        raise DeviceError(f"{place}: not there, have {there} CUDA device{'' if there == 1 else 's'}")
    return index


class device:  # noqa: N801  torch's name
    """Inside, "cuda" means this device; None changes nothing."""

    def __init__(self, device: Any) -> None:
        self._wanted = device
        self._before: list[int] = []

    def __enter__(self) -> Self:
        self._before.append(CURRENT.cuda)
        if self._wanted is not None:
            set_device(self._wanted)
        return self

    def __exit__(self, *_: object) -> None:
        CURRENT.cuda = self._before.pop()


def synchronize(device: Any = None) -> None:
    """Wait until all work given to a device is done."""
    door_device(device).synchronize()


def door_device(device: Any) -> Any:
    """CuPy's object for a device."""
    return door.cupy().cuda.Device(_index(device))


def empty_cache() -> None:
    """Give memory that is held ready, but not in use, back to the driver, on every device."""
    pool = door.cupy().get_default_memory_pool()
    for index in range(door.device_count()):
        with door.cupy().cuda.Device(index):
            pool.free_all_blocks()


def memory_allocated(device: Any = None) -> int:
    """Bytes that tensors of a device take now."""
    with door_device(device):
        return int(door.cupy().get_default_memory_pool().used_bytes())


def memory_reserved(device: Any = None) -> int:
    """Bytes that are held on a device, in use or ready."""
    with door_device(device):
        return int(door.cupy().get_default_memory_pool().total_bytes())


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """(free, total) bytes of a device, as the driver counts them."""
    with door_device(device):
        free, total = door.cupy().cuda.runtime.memGetInfo()
    return int(free), int(total)


def max_memory_allocated(device: Any = None) -> int:
    """Not there: CuPy's memory pool keeps no peak, and asking it at every allocation would cost what it measures."""
    raise UnsupportedError(
        "cuda.max_memory_allocated: the memory pool keeps no peak; memory_allocated tells the present"
    )


def get_device_name(device: Any = None) -> str:
    """What the device calls itself."""
    name = door.cupy().cuda.runtime.getDeviceProperties(_index(device))["name"]
    return name.decode() if isinstance(name, bytes) else str(name)


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """Compute capability (major, minor)."""
    found = str(door_device(device).compute_capability)
    return int(found[:-1]), int(found[-1])


def manual_seed(seed: int) -> None:
    """Start the default stream of random numbers anew: all devices draw from that one."""
    random.manual_seed(seed)


manual_seed_all = manual_seed


def is_bf16_supported() -> bool:
    """bfloat16 is computed in float32 on every device."""
    return is_available()


def __getattr__(name: str) -> Any:
    if name in ("Stream", "Event", "stream", "current_stream", "CUDAGraph", "graph", "amp", "nvtx"):
        raise UnsupportedNameError(f"cuda.{name} is not supported")
    raise AttributeError(f"module 'medtorch.cuda' has no attribute {name!r}")
