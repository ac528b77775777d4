"""torch.autograd.graph's names."""

from __future__ import annotations

from medtorch.core.autograd import Node
from medtorch.core.modes import saved_tensors_hooks

__all__ = ["Node", "saved_tensors_hooks"]
