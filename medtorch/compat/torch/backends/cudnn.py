"""torch.backends.cudnn's switches. medtorch's kernels are deterministic whatever these say; they can be set and read.

`benchmark` and `allow_tf32` allow PyTorch to be faster and `deterministic` asks it not to vary: no setting asks for
more than medtorch gives.
"""

from __future__ import annotations

__all__ = ["allow_tf32", "benchmark", "benchmark_limit", "deterministic", "enabled", "is_available", "version"]

allow_tf32 = False
benchmark = False
benchmark_limit = 10
deterministic = True
enabled = True


def is_available() -> bool:
    """False: PyTorch's way to cuDNN is not here; `medtorch.backend_info()` tells what computes on a GPU."""
    return False


def version() -> None:
    """None: see `is_available`."""
    return
