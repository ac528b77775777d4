"""MobileNetV2 under torchvision's keys.

Source    Sandler et al., MobileNetV2: inverted residuals and linear bottlenecks, CVPR 2018, table 2
Requires  REQ-F-MOD-010
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medtorch import nn
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.models.blocks import ConvNormActivation, Layer, fresh_weights, make_divisible

# expansion t, channels c, repeats n, stride s of the first
_STAGES = (
    *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
    *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
)


class InvertedResidual(nn.Module):
    """Widen, filter each channel by itself, narrow without activation; beside a shortcut where shapes allow it."""

    def __init__(self, inp: int, oup: int, stride: int, expand_ratio: int, norm_layer: Layer | None = None) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ArgumentError(f"InvertedResidual: stride must be 1 or 2, got {stride}")
        norm = nn.BatchNorm2d if norm_layer is None else norm_layer
        hidden = round(inp * expand_ratio)
        widen = [] if expand_ratio == 1 else [ConvNormActivation(inp, hidden, 1, 1, 0, 1, norm, nn.ReLU6)]
        self.conv = nn.Sequential(
            *widen,
            ConvNormActivation(hidden, hidden, 3, stride, groups=hidden, norm_layer=norm, activation_layer=nn.ReLU6),
            nn.Conv2d(hidden, oup, 1, bias=False),
            norm(oup),
        )
        self.stride, self.out_channels = stride, oup
        self.use_res_connect = stride == 1 and inp == oup

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.use_res_connect else self.conv(x)  # type: ignore[no-any-return]


class MobileNetV2(nn.Module):
    """Shapes    (n, 3, h, w) -> (n, num_classes)"""

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        inverted_residual_setting: Sequence[Sequence[int]] | None = None,
        round_nearest: int = 8,
        block: Layer | None = None,
        norm_layer: Layer | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        stages = _STAGES if inverted_residual_setting is None else tuple(inverted_residual_setting)
        if not stages or any(len(stage) != 4 for stage in stages):
            raise ArgumentError(f"MobileNetV2: inverted_residual_setting must hold rows of 4 numbers, got {stages}")
        block = InvertedResidual if block is None else block
        norm = nn.BatchNorm2d if norm_layer is None else norm_layer
        before = make_divisible(32 * width_mult, round_nearest)
        self.last_channel = make_divisible(1280 * max(1.0, width_mult), round_nearest)
        made: list[nn.Module] = [ConvNormActivation(3, before, 3, 2, norm_layer=norm, activation_layer=nn.ReLU6)]
        for expand_ratio, channels, repeats, stride in stages:
            width = make_divisible(channels * width_mult, round_nearest)
            for i in range(repeats):
                made.append(block(before, width, stride if i == 0 else 1, expand_ratio=expand_ratio, norm_layer=norm))
                before = width
        made.append(ConvNormActivation(before, self.last_channel, 1, norm_layer=norm, activation_layer=nn.ReLU6))
        self.features = nn.Sequential(*made)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.last_channel, num_classes))
        fresh_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean((2, 3)))  # type: ignore[no-any-return]


def mobilenet_v2(**config: Any) -> MobileNetV2:
    """MobileNetV2."""
    return MobileNetV2(**config)
