"""Whether torch.compile could be used."""

from __future__ import annotations

__all__ = ["is_compile_supported"]


def is_compile_supported(device_type: str) -> bool:
    """False: `torch.compile` leaves a model as it is here."""
    return False
