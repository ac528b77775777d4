"""torch.autograd.function's names."""

from __future__ import annotations

from medtorch.core.function import Function, FunctionCtx, once_differentiable

__all__ = ["Function", "FunctionCtx", "once_differentiable"]
