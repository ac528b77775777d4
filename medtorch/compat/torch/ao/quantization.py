"""Marks of where a model would be quantised; unquantised, they hand their input on.

Source    semantics of torch.ao.quantization.QuantStub before conversion
"""

from __future__ import annotations

from typing import Any

from medtorch.core.tensor import Tensor
from medtorch.nn.modules.module import Module

__all__ = ["DeQuantStub", "QuantStub"]


class QuantStub(Module):
    """Hands its input on."""

    def __init__(self, qconfig: Any = None) -> None:
        super().__init__()
        if qconfig:
            self.qconfig = qconfig

    def forward(self, x: Tensor) -> Tensor:
        return x


class DeQuantStub(QuantStub):
    """Hands its input on."""
