"""torch.utils.data's names beyond medtorch's."""

from __future__ import annotations

__all__: list[str] = []
