"""ShuffleNetV2 under torchvision's keys.

Source    Ma et al., ShuffleNet V2: practical guidelines for efficient CNN architecture design, ECCV 2018, table 5
Requires  REQ-F-MOD-010
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medtorch import nn
from medtorch.core.ops.shape import cat, chunk
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.models.blocks import Layer
from medtorch.nn import functional as F


class InvertedResidual(nn.Module):
    """Half of the channels passes (at stride 2 all are filtered apart), the other half is filtered; then shuffled."""

    def __init__(self, inp: int, oup: int, stride: int) -> None:
        super().__init__()
        if not 1 <= stride <= 3:
            raise ArgumentError(f"InvertedResidual: stride must be 1, 2 or 3, got {stride}")
        half = oup // 2
        if stride == 1 and inp != 2 * half:
            raise ArgumentError(f"InvertedResidual: at stride 1 channels must stay and be even, got {inp} and {oup}")
        self.stride = stride
        self.branch1 = (
            nn.Sequential(*_depthwise(inp, stride), *_pointwise(inp, half)) if stride > 1 else nn.Sequential()
        )
        self.branch2 = nn.Sequential(
            *_pointwise(inp if stride > 1 else half, half), *_depthwise(half, stride), *_pointwise(half, half)
        )

    def forward(self, x: Tensor) -> Tensor:
        kept, worked = chunk(x, 2, 1) if self.stride == 1 else (self.branch1(x), x)
        return F.channel_shuffle(cat((kept, self.branch2(worked)), 1), 2)


def _depthwise(channels: int, stride: int) -> tuple[nn.Module, ...]:
    conv = nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False)
    return conv, nn.BatchNorm2d(channels)


def _pointwise(inp: int, oup: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inp, oup, 1, bias=False), nn.BatchNorm2d(oup), nn.ReLU(inplace=True)


class ShuffleNetV2(nn.Module):
    """Shapes    (n, 3, h, w) -> (n, num_classes)"""

    def __init__(
        self,
        stages_repeats: Sequence[int],
        stages_out_channels: Sequence[int],
        num_classes: int = 1000,
        inverted_residual: Layer = InvertedResidual,
    ) -> None:
        super().__init__()
        if len(stages_repeats) != 3 or len(stages_out_channels) != 5:
            raise ArgumentError(
                f"ShuffleNetV2: needs 3 repeats and 5 widths, got {len(stages_repeats)} and {len(stages_out_channels)}"
            )
        first, *widths, last = stages_out_channels
        self.conv1 = _conv(3, first, 3, 2)
        self.maxpool = nn.MaxPool2d(3, 2, 1)

        def stage(before: int, width: int, repeats: int) -> nn.Sequential:
            rest = (inverted_residual(width, width, 1) for _ in range(repeats - 1))
            return nn.Sequential(inverted_residual(before, width, 2), *rest)

        self.stage2 = stage(first, widths[0], stages_repeats[0])
        self.stage3 = stage(widths[0], widths[1], stages_repeats[1])
        self.stage4 = stage(widths[1], widths[2], stages_repeats[2])
        self.conv5 = _conv(widths[2], last, 1, 1)
        self.fc = nn.Linear(last, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.conv1(x))
        x = self.conv5(self.stage4(self.stage3(self.stage2(x))))
        return self.fc(x.mean((2, 3)))  # type: ignore[no-any-return]


def _conv(inp: int, oup: int, kernel: int, stride: int) -> nn.Sequential:
    conv = nn.Conv2d(inp, oup, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(oup), nn.ReLU(inplace=True))


def shufflenet_v2_x0_5(**config: Any) -> ShuffleNetV2:
    """Half the width."""
    return ShuffleNetV2((4, 8, 4), (24, 48, 96, 192, 1024), **config)


def shufflenet_v2_x1_0(**config: Any) -> ShuffleNetV2:
    """The paper's width."""
    return ShuffleNetV2((4, 8, 4), (24, 116, 232, 464, 1024), **config)


def shufflenet_v2_x1_5(**config: Any) -> ShuffleNetV2:
    """One and a half times the width."""
    return ShuffleNetV2((4, 8, 4), (24, 176, 352, 704, 1024), **config)


def shufflenet_v2_x2_0(**config: Any) -> ShuffleNetV2:
    """Twice the width."""
    return ShuffleNetV2((4, 8, 4), (24, 244, 488, 976, 2048), **config)
