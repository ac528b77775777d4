"""Differentiation by hand: torch.autograd's names."""

from __future__ import annotations

import importlib
from typing import Any

from medtorch.autograd import forward_ad, function, graph
from medtorch.core.anomaly import (
    detect_anomaly,
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    set_detect_anomaly,
)
from medtorch.core.autograd import backward, grad
from medtorch.core.function import Function
from medtorch.core.gradcheck import gradcheck, gradgradcheck
from medtorch.core.modes import enable_grad, inference_mode, no_grad, set_grad_enabled
from medtorch.core.tensor import Tensor as Variable

__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "forward_ad",
    "function",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]


def __getattr__(name: str) -> Any:
    if name == "functional":  # it needs medtorch.func, which the core does not wait for
        return importlib.import_module("medtorch.autograd.functional")
    raise AttributeError(f"module 'medtorch.autograd' has no attribute {name!r}")
