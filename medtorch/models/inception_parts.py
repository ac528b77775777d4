"""What GoogLeNet and Inception v3 are made of.

Requires  REQ-F-MOD-010
"""

from __future__ import annotations

from typing import Any

from medtorch import nn
from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor
from medtorch.nn import functional as F

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, by which images were normalised


class BasicConv2d(nn.Module):
    """A convolution without bias, batch norm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, **config: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **config)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


def for_other_mean(x: Tensor) -> Tensor:
    """Images normalised by ImageNet's mean and deviation, as if they had been scaled to [-1, 1]."""
    scaled = [x[:, c : c + 1] * (_STD[c] / 0.5) + (_MEAN[c] - 0.5) / 0.5 for c in range(3)]
    return cat(scaled, 1)


def narrow_normal(model: nn.Module, std: float) -> None:
    """Weights of convolutions and linear layers from a normal of `std`, cut off at 2."""
    for m in model.modules():
        if isinstance(m, (nn.Conv2d, nn.Linear)):
            nn.init.trunc_normal_(m.weight, mean=0.0, std=std, a=-2, b=2)
