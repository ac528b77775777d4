"""torch.utils.data._utils' names."""

from __future__ import annotations

__all__: list[str] = []
