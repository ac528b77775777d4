"""torch.utils.checkpoint's names."""

from __future__ import annotations

from medtorch.core.checkpoint import checkpoint, checkpoint_sequential

__all__ = ["checkpoint", "checkpoint_sequential"]
