"""ConvNeXt under torchvision's keys.

Source    Liu et al., A ConvNet for the 2020s, CVPR 2022, section 3
Requires  REQ-F-MOD-010
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from medtorch import nn
from medtorch.core.creation import full
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.models.blocks import ConvNormActivation, Layer, Permute, StochasticDepth
from medtorch.nn import functional as F


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of each pixel.

    Shapes    (n, c, h, w) -> same
    """

    def forward(self, x: Tensor) -> Tensor:
        last = F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return last.permute(0, 3, 1, 2)


class CNBlock(nn.Module):
    """7x7 a channel, norm, four times as wide and back; scaled, beside a shortcut."""

    def __init__(
        self, dim: int, layer_scale: float, stochastic_depth_prob: float, norm_layer: Layer | None = None
    ) -> None:
        super().__init__()
        norm = partial(nn.LayerNorm, eps=1e-6) if norm_layer is None else norm_layer
        self.block = nn.Sequential(
            nn.Conv2d(dim, dim, 7, padding=3, groups=dim),
            Permute((0, 2, 3, 1)),
            norm(dim),
            nn.Linear(dim, 4 * dim),
            nn.GELU(),
            nn.Linear(4 * dim, dim),
            Permute((0, 3, 1, 2)),
        )
        self.layer_scale = nn.Parameter(full((dim, 1, 1), float(layer_scale)))
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, x: Tensor) -> Tensor:
        return x + self.stochastic_depth(self.layer_scale * self.block(x))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class CNBlockConfig:
    """A stage of `num_layers` blocks; then half the size with `out_channels`, unless it is the last."""

    input_channels: int
    out_channels: int | None
    num_layers: int


class ConvNeXt(nn.Module):
    """Shapes    (n, 3, h, w), h and w at least 32 -> (n, num_classes)"""

    def __init__(
        self,
        block_setting: Sequence[CNBlockConfig],
        stochastic_depth_prob: float = 0.0,
        layer_scale: float = 1e-6,
        num_classes: int = 1000,
        block: Layer | None = None,
        norm_layer: Layer | None = None,
    ) -> None:
        super().__init__()
        if not block_setting:
            raise ArgumentError("ConvNeXt: block_setting must not be empty")
        block = CNBlock if block is None else block
        norm = partial(LayerNorm2d, eps=1e-6) if norm_layer is None else norm_layer
        first = block_setting[0].input_channels
        made: list[nn.Module] = [ConvNormActivation(3, first, 4, 4, 0, 1, norm, None, bias=True)]
        total, done = sum(stage.num_layers for stage in block_setting), 0
        for stage in block_setting:
            blocks = []
            for _ in range(stage.num_layers):
                blocks.append(block(stage.input_channels, layer_scale, stochastic_depth_prob * done / (total - 1.0)))
                done += 1
            made.append(nn.Sequential(*blocks))
            if stage.out_channels is not None:
                halve = nn.Conv2d(stage.input_channels, stage.out_channels, 2, 2)
                made.append(nn.Sequential(norm(stage.input_channels), halve))
        self.features = nn.Sequential(*made)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        end = block_setting[-1]
        last = end.input_channels if end.out_channels is None else end.out_channels
        self.classifier = nn.Sequential(norm(last), nn.Flatten(1), nn.Linear(last, num_classes))
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                nn.init.trunc_normal_(m.weight, std=0.02)
                if m.bias is not None:
                    nn.init.zeros_(m.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)))  # type: ignore[no-any-return]


def _convnext(widths: Sequence[int], depths: Sequence[int], leave_out: float, config: dict[str, Any]) -> ConvNeXt:
    following = [*widths[1:], None]
    rows = [CNBlockConfig(*row) for row in zip(widths, following, depths, strict=True)]
    return ConvNeXt(rows, **{"stochastic_depth_prob": leave_out, **config})


def convnext_tiny(**config: Any) -> ConvNeXt:
    """18 blocks."""
    return _convnext((96, 192, 384, 768), (3, 3, 9, 3), 0.1, config)


def convnext_small(**config: Any) -> ConvNeXt:
    """36 blocks."""
    return _convnext((96, 192, 384, 768), (3, 3, 27, 3), 0.4, config)


def convnext_base(**config: Any) -> ConvNeXt:
    """36 blocks, wider."""
    return _convnext((128, 256, 512, 1024), (3, 3, 27, 3), 0.5, config)


def convnext_large(**config: Any) -> ConvNeXt:
    """36 blocks, twice as wide as the small one."""
    return _convnext((192, 384, 768, 1536), (3, 3, 27, 3), 0.5, config)
