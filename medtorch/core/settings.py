"""PyTorch's switches between speed and exactness. medtorch is deterministic and computes in full precision whatever
they say: none of them asks for more. What is set can be read.

Source    semantics of torch.use_deterministic_algorithms, torch.set_float32_matmul_precision and their kin
Requires  REQ-F-CPT-003
"""

from __future__ import annotations

from typing import Any

from medtorch.core.devices import as_device, device
from medtorch.core.dtypes import as_dtype, set_default_dtype
from medtorch.errors import ArgumentError, UnsupportedError

_PRECISIONS = ("highest", "high", "medium")
_set: dict[str, Any] = {"deterministic": False, "warn_only": False, "precision": "highest"}


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Nothing changes: every algorithm here is deterministic."""
    _set.update(deterministic=bool(mode), warn_only=bool(warn_only))


def are_deterministic_algorithms_enabled() -> bool:
    """What `use_deterministic_algorithms` was told."""
    return bool(_set["deterministic"])


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """What `use_deterministic_algorithms` was told of warnings."""
    return bool(_set["warn_only"])


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """0 "default", 1 "warn", 2 "error": nothing changes."""
    names = {"default": 0, "warn": 1, "error": 2}
    level = names.get(debug_mode) if isinstance(debug_mode, str) else debug_mode
    if level not in (0, 1, 2):
        raise ArgumentError(
            f"set_deterministic_debug_mode: unknown mode {debug_mode!r}; have 0, 1, 2 and {list(names)}"
        )
    use_deterministic_algorithms(level > 0, warn_only=level == 1)


def get_deterministic_debug_mode() -> int:
    """0, 1 or 2."""
    return 0 if not _set["deterministic"] else 1 if _set["warn_only"] else 2


def set_float32_matmul_precision(precision: str) -> None:
    """Products are computed in full precision, which "high" and "medium" do not ask for."""
    if precision not in _PRECISIONS:
        raise ArgumentError(f"set_float32_matmul_precision: {precision!r} is none of {', '.join(_PRECISIONS)}")
    _set["precision"] = precision


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` was told."""
    return str(_set["precision"])


def set_flush_denormal(mode: bool) -> bool:
    """False: subnormal numbers are always kept."""
    return False


def get_num_interop_threads() -> int:
    """1: one op runs at a time."""
    return 1


def set_num_interop_threads(num: int) -> None:
    """Raises UnsupportedError for more than one op at a time."""
    if num != 1:
        raise UnsupportedError(f"set_num_interop_threads: {num}: one op runs at a time; see set_num_threads")


def get_default_device() -> device:
    """The CPU."""
    return as_device("cpu")


def set_default_device(device: Any) -> None:
    """Raises UnsupportedError for any other device than the CPU."""
    if device is not None and as_device(device).type != "cpu":
        raise UnsupportedError(f"set_default_device: {device}: without device=, tensors are made on the CPU")


def set_default_tensor_type(t: Any) -> None:
    """The default dtype by a type's name. Raises UnsupportedError for types of CUDA tensors."""
    if isinstance(t, str) and t.startswith("torch.cuda."):
        raise UnsupportedError(f"set_default_tensor_type: {t}: without device=, tensors are made on the CPU")
    set_default_dtype(as_dtype(getattr(t, "dtype", t)))
