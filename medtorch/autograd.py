"""Differentiation by hand: torch.autograd's names."""

from __future__ import annotations

from medtorch.core.autograd import backward, grad
from medtorch.core.modes import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = ["backward", "enable_grad", "grad", "inference_mode", "no_grad", "set_grad_enabled"]
