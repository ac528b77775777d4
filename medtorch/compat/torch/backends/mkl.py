"""torch.backends.mkl: not in use here."""

from __future__ import annotations

__all__ = ["is_available"]


def is_available() -> bool:
    """False: medtorch has kernels of its own."""
    return False
