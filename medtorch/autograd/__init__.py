"""Differentiation by hand: torch.autograd's names."""

from __future__ import annotations

from medtorch.autograd import forward_ad, function, graph
from medtorch.core.autograd import backward, grad
from medtorch.core.function import Function
from medtorch.core.gradcheck import gradcheck, gradgradcheck
from medtorch.core.modes import enable_grad, inference_mode, no_grad, set_grad_enabled
from medtorch.core.tensor import Tensor as Variable

__all__ = [
    "Function",
    "Variable",
    "backward",
    "enable_grad",
    "forward_ad",
    "function",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "no_grad",
    "set_grad_enabled",
]
