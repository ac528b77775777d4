"""torch.cuda's names."""

from __future__ import annotations

from typing import Any

from medtorch.core import cuda as _cuda
from medtorch.core.cuda import (
    current_device,
    device,
    device_count,
    empty_cache,
    get_device_capability,
    get_device_name,
    is_available,
    is_bf16_supported,
    manual_seed,
    manual_seed_all,
    max_memory_allocated,
    mem_get_info,
    memory_allocated,
    memory_reserved,
    set_device,
    synchronize,
)

__all__ = [
    "current_device",
    "device",
    "device_count",
    "empty_cache",
    "get_device_capability",
    "get_device_name",
    "is_available",
    "is_bf16_supported",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "mem_get_info",
    "memory_allocated",
    "memory_reserved",
    "set_device",
    "synchronize",
]


def __getattr__(name: str) -> Any:
    return getattr(_cuda, name)
