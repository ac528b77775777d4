"""torch.utils.data.dataloader's names."""

from __future__ import annotations

from medtorch.data import DataLoader, default_collate, get_worker_info

__all__ = ["DataLoader", "default_collate", "get_worker_info"]
