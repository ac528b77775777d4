"""torch.accelerator's names: the GPU, if there is one.

Source    semantics of torch.accelerator
Requires  REQ-F-GPU-001
"""

from __future__ import annotations

from medtorch.core import cuda
from medtorch.core.devices import device

__all__ = ["current_accelerator", "device_count", "is_available", "synchronize"]


def is_available() -> bool:
    """Whether there is a GPU that can be used."""
    return cuda.is_available()


def current_accelerator(check_available: bool = False) -> device | None:
    """The kind of accelerator; None where there is none."""
    return device("cuda") if is_available() else None


def device_count() -> int:
    """How many there are."""
    return cuda.device_count()


def synchronize(device: device | str | int | None = None, /) -> None:
    """Wait until the accelerator has done what it was given."""
    cuda.synchronize(device)
