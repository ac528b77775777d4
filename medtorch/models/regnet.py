"""RegNet X and Y under torchvision's keys.

Source    Radosavovic et al., Designing network design spaces, CVPR 2020, figures 15 and 16: the models found
Requires  REQ-F-MOD-010
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from medtorch import nn
from medtorch.core.ops.shape import flatten
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.models.blocks import ConvNormActivation, Layer, SqueezeExcitation, fresh_weights


@dataclass(frozen=True)
class BlockParams:
    """Depth, width and group width of each stage; the excitation keeps `se_ratio` of a block's input width."""

    depths: Sequence[int]
    widths: Sequence[int]
    group_widths: Sequence[int]
    se_ratio: float | None = None
    bottleneck_multiplier: float = 1.0
    stride: int = 2


class ResBottleneckBlock(nn.Module):
    """1x1, grouped 3x3, excitation if asked for, and 1x1 beside a shortcut."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        norm_layer: Layer,
        activation_layer: Layer,
        group_width: int = 1,
        bottleneck_multiplier: float = 1.0,
        se_ratio: float | None = None,
    ) -> None:
        super().__init__()
        inner = round(width_out * bottleneck_multiplier)
        if inner % group_width:
            raise ArgumentError(f"RegNet: width {inner} must be a multiple of group_width={group_width}")
        act, norm = activation_layer, norm_layer
        needs = width_in != width_out or stride != 1
        self.proj = ConvNormActivation(width_in, width_out, 1, stride, None, 1, norm, None) if needs else None
        made: OrderedDict[str, nn.Module] = OrderedDict(
            a=ConvNormActivation(width_in, inner, 1, 1, None, 1, norm, act),
            b=ConvNormActivation(inner, inner, 3, stride, None, inner // group_width, norm, act),
        )
        if se_ratio:
            made["se"] = SqueezeExcitation(inner, round(se_ratio * width_in), activation=act)
        made["c"] = ConvNormActivation(inner, width_out, 1, 1, None, 1, norm, None)
        self.f = nn.Sequential(made)
        self.activation = act(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.proj is None else self.proj(x)
        return self.activation(shortcut + self.f(x))  # type: ignore[no-any-return]


class RegNet(nn.Module):
    """Shapes    (n, 3, h, w) -> (n, num_classes)"""

    def __init__(
        self,
        block_params: BlockParams,
        num_classes: int = 1000,
        stem_width: int = 32,
        stem_type: Layer | None = None,
        block_type: Layer | None = None,
        norm_layer: Layer | None = None,
        activation: Layer | None = None,
    ) -> None:
        super().__init__()
        norm = nn.BatchNorm2d if norm_layer is None else norm_layer
        act = nn.ReLU if activation is None else activation
        block = ResBottleneckBlock if block_type is None else block_type
        self.stem = (
            ConvNormActivation(3, stem_width, 3, 2, norm_layer=norm, activation_layer=act)
            if stem_type is None
            else stem_type(3, stem_width, norm, act)
        )
        p, before = block_params, stem_width
        stages: OrderedDict[str, nn.Module] = OrderedDict()
        for i, (depth, width, group) in enumerate(zip(p.depths, p.widths, p.group_widths, strict=True), start=1):
            made: OrderedDict[str, nn.Module] = OrderedDict()
            for j in range(depth):
                shared = (norm, act, group, p.bottleneck_multiplier, p.se_ratio)
                made[f"block{i}-{j}"] = block(before, width, p.stride if j == 0 else 1, *shared)
                before = width
            stages[f"block{i}"] = nn.Sequential(made)
        self.trunk_output = nn.Sequential(stages)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(before, num_classes)
        fresh_weights(self, conv_biases=False)  # those of the origin keep their spread

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(flatten(self.avgpool(self.trunk_output(self.stem(x))), 1))  # type: ignore[no-any-return]


def _x(depths: Sequence[int], widths: Sequence[int], group: int, config: dict[str, Any]) -> RegNet:
    return RegNet(BlockParams(depths, widths, [min(group, width) for width in widths]), **config)


def _y(depths: Sequence[int], widths: Sequence[int], group: int, config: dict[str, Any]) -> RegNet:
    return RegNet(BlockParams(depths, widths, [min(group, width) for width in widths], 0.25), **config)


def regnet_x_400mf(**config: Any) -> RegNet:
    """X, about 400 million multiplications an image."""
    return _x((1, 2, 7, 12), (32, 64, 160, 400), 16, config)


def regnet_x_800mf(**config: Any) -> RegNet:
    """X, about 800 million multiplications an image."""
    return _x((1, 3, 7, 5), (64, 128, 288, 672), 16, config)


def regnet_x_1_6gf(**config: Any) -> RegNet:
    """X, about 1.6 thousand million multiplications an image."""
    return _x((2, 4, 10, 2), (72, 168, 408, 912), 24, config)


def regnet_x_3_2gf(**config: Any) -> RegNet:
    """X, about 3.2 thousand million multiplications an image."""
    return _x((2, 6, 15, 2), (96, 192, 432, 1008), 48, config)


def regnet_x_8gf(**config: Any) -> RegNet:
    """X, about 8 thousand million multiplications an image."""
    return _x((2, 5, 15, 1), (80, 240, 720, 1920), 120, config)


def regnet_x_16gf(**config: Any) -> RegNet:
    """X, about 16 thousand million multiplications an image."""
    return _x((2, 6, 13, 1), (256, 512, 896, 2048), 128, config)


def regnet_x_32gf(**config: Any) -> RegNet:
    """X, about 32 thousand million multiplications an image."""
    return _x((2, 7, 13, 1), (336, 672, 1344, 2520), 168, config)


def regnet_y_400mf(**config: Any) -> RegNet:
    """Y, about 400 million multiplications an image."""
    return _y((1, 3, 6, 6), (48, 104, 208, 440), 8, config)


def regnet_y_800mf(**config: Any) -> RegNet:
    """Y, about 800 million multiplications an image."""
    return _y((1, 3, 8, 2), (64, 144, 320, 784), 16, config)


def regnet_y_1_6gf(**config: Any) -> RegNet:
    """Y, about 1.6 thousand million multiplications an image."""
    return _y((2, 6, 17, 2), (48, 120, 336, 888), 24, config)


def regnet_y_3_2gf(**config: Any) -> RegNet:
    """Y, about 3.2 thousand million multiplications an image."""
    return _y((2, 5, 13, 1), (72, 216, 576, 1512), 24, config)


def regnet_y_8gf(**config: Any) -> RegNet:
    """Y, about 8 thousand million multiplications an image."""
    return _y((2, 4, 10, 1), (224, 448, 896, 2016), 56, config)


def regnet_y_16gf(**config: Any) -> RegNet:
    """Y, about 16 thousand million multiplications an image."""
    return _y((2, 4, 11, 1), (224, 448, 1232, 3024), 112, config)


def regnet_y_32gf(**config: Any) -> RegNet:
    """Y, about 32 thousand million multiplications an image."""
    return _y((2, 5, 12, 1), (232, 696, 1392, 3712), 232, config)


def regnet_y_128gf(**config: Any) -> RegNet:
    """Y, about 128 thousand million multiplications an image."""
    return _y((2, 7, 17, 1), (528, 1056, 2904, 7392), 264, config)
