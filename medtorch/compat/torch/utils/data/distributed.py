"""torch.utils.data.distributed's names."""

from __future__ import annotations

from medtorch.data import DistributedSampler

__all__ = ["DistributedSampler"]
