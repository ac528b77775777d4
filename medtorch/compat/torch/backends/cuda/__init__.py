"""torch.backends.cuda's switches, which can be set and read: they allow PyTorch less exact products."""

from __future__ import annotations

from medtorch.compat.torch.backends.cuda import matmul

__all__ = ["is_built", "matmul"]


def is_built() -> bool:
    """False: no CUDA toolkit of PyTorch's; `torch.cuda.is_available()` tells of GPUs."""
    return False
