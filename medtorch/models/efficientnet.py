"""EfficientNet and EfficientNetV2 under torchvision's keys.

Source    Tan & Le, EfficientNet: rethinking model scaling for convolutional neural networks, ICML 2019, table 1;
          Tan & Le, EfficientNetV2: smaller models and faster training, ICML 2021, table 4 and the authors' code
Requires  REQ-F-MOD-010
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from medtorch import nn
from medtorch.core.ops.shape import flatten
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.models.blocks import ConvNormActivation, Layer, SqueezeExcitation, StochasticDepth, make_divisible


@dataclass(frozen=True)
class StageConfig:
    """A row of the papers' tables: `num_layers` blocks, the first with `stride`; `fused` for FusedMBConv."""

    expand_ratio: int
    kernel: int
    stride: int
    input_channels: int
    out_channels: int
    num_layers: int
    fused: bool = False


class MBConv(nn.Module):
    """MobileNetV2's block with squeeze-and-excitation and SiLU."""

    def __init__(self, cnf: StageConfig, stochastic_depth_prob: float, norm_layer: Layer) -> None:
        super().__init__()
        _check_stride(cnf)
        before, out = cnf.input_channels, cnf.out_channels
        wide = make_divisible(before * cnf.expand_ratio, 8)
        made: list[nn.Module] = []
        if wide != before:
            made.append(ConvNormActivation(before, wide, 1, norm_layer=norm_layer, activation_layer=nn.SiLU))
        self.use_res_connect = cnf.stride == 1 and before == out
        self.block = nn.Sequential(
            *made,
            ConvNormActivation(wide, wide, cnf.kernel, cnf.stride, None, wide, norm_layer, nn.SiLU),
            SqueezeExcitation(wide, max(1, before // 4), activation=partial(nn.SiLU, inplace=True)),
            ConvNormActivation(wide, out, 1, norm_layer=norm_layer, activation_layer=None),
        )
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.out_channels = out

    def forward(self, x: Tensor) -> Tensor:
        out = self.block(x)
        return self.stochastic_depth(out) + x if self.use_res_connect else out  # type: ignore[no-any-return]


class FusedMBConv(nn.Module):
    """MBConv whose widening and filtering are one convolution, without excitation."""

    def __init__(self, cnf: StageConfig, stochastic_depth_prob: float, norm_layer: Layer) -> None:
        super().__init__()
        _check_stride(cnf)
        before, out = cnf.input_channels, cnf.out_channels
        wide = make_divisible(before * cnf.expand_ratio, 8)
        first = wide if wide != before else out
        made = [ConvNormActivation(before, first, cnf.kernel, cnf.stride, None, 1, norm_layer, nn.SiLU)]
        if wide != before:
            made.append(ConvNormActivation(wide, out, 1, norm_layer=norm_layer, activation_layer=None))
        self.use_res_connect = cnf.stride == 1 and before == out
        self.block = nn.Sequential(*made)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.out_channels = out

    def forward(self, x: Tensor) -> Tensor:
        out = self.block(x)
        return self.stochastic_depth(out) + x if self.use_res_connect else out  # type: ignore[no-any-return]


def _check_stride(cnf: StageConfig) -> None:
    if cnf.stride not in (1, 2):
        raise ArgumentError(f"EfficientNet: stride must be 1 or 2, got {cnf.stride}")


class EfficientNet(nn.Module):
    """Shapes    (n, 3, h, w) -> (n, num_classes)"""

    def __init__(
        self,
        inverted_residual_setting: Sequence[StageConfig],
        dropout: float,
        stochastic_depth_prob: float = 0.2,
        num_classes: int = 1000,
        norm_layer: Layer | None = None,
        last_channel: int | None = None,
    ) -> None:
        super().__init__()
        if not inverted_residual_setting:
            raise ArgumentError("EfficientNet: inverted_residual_setting must not be empty")
        norm = nn.BatchNorm2d if norm_layer is None else norm_layer
        first, last = inverted_residual_setting[0].input_channels, inverted_residual_setting[-1].out_channels
        head = 4 * last if last_channel is None else last_channel
        self.features = nn.Sequential(
            ConvNormActivation(3, first, 3, 2, norm_layer=norm, activation_layer=nn.SiLU),
            *_stages(inverted_residual_setting, stochastic_depth_prob, norm),
            ConvNormActivation(last, head, 1, norm_layer=norm, activation_layer=nn.SiLU),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(dropout, inplace=True), nn.Linear(head, num_classes))
        self._initialize()

    def _initialize(self) -> None:
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out")
                if m.bias is not None:
                    nn.init.zeros_(m.bias)
            elif isinstance(m, nn.Linear):
                bound = 1.0 / math.sqrt(m.out_features)
                nn.init.uniform_(m.weight, -bound, bound)
                if m.bias is not None:
                    nn.init.zeros_(m.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(flatten(self.avgpool(self.features(x)), 1))  # type: ignore[no-any-return]


def _stages(rows: Sequence[StageConfig], stochastic_depth_prob: float, norm: Layer) -> list[nn.Sequential]:
    """The later a block, the more often it is left out."""
    total, done, stages = sum(row.num_layers for row in rows), 0, []
    for row in rows:
        block: Callable[..., nn.Module] = FusedMBConv if row.fused else MBConv
        same = StageConfig(row.expand_ratio, row.kernel, 1, row.out_channels, row.out_channels, 1, row.fused)
        made = []
        for i in range(row.num_layers):
            made.append(block(row if i == 0 else same, stochastic_depth_prob * done / total, norm))
            done += 1
        stages.append(nn.Sequential(*made))
    return stages


# expansion, kernel, stride, input channels, channels, layers of B0
_B0 = (
    *((1, 3, 1, 32, 16, 1), (6, 3, 2, 16, 24, 2), (6, 5, 2, 24, 40, 2), (6, 3, 2, 40, 80, 3)),
    *((6, 5, 1, 80, 112, 3), (6, 5, 2, 112, 192, 4), (6, 3, 1, 192, 320, 1)),
)


def _scaled(width: float, depth: float, dropout: float, config: dict[str, Any], **defaults: Any) -> EfficientNet:
    rows = [
        StageConfig(
            expand, kernel, stride, make_divisible(i * width, 8), make_divisible(o * width, 8), math.ceil(n * depth)
        )
        for expand, kernel, stride, i, o, n in _B0
    ]
    return EfficientNet(rows, **{"dropout": dropout, **defaults, **config})


_SLOW_NORM = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)


def efficientnet_b0(**config: Any) -> EfficientNet:
    """The smallest."""
    return _scaled(1.0, 1.0, 0.2, config)


def efficientnet_b1(**config: Any) -> EfficientNet:
    """B0, 1.1 times as deep."""
    return _scaled(1.0, 1.1, 0.2, config)


def efficientnet_b2(**config: Any) -> EfficientNet:
    """B0, 1.1 times as wide, 1.2 as deep."""
    return _scaled(1.1, 1.2, 0.3, config)


def efficientnet_b3(**config: Any) -> EfficientNet:
    """B0, 1.2 times as wide, 1.4 as deep."""
    return _scaled(1.2, 1.4, 0.3, config)


def efficientnet_b4(**config: Any) -> EfficientNet:
    """B0, 1.4 times as wide, 1.8 as deep."""
    return _scaled(1.4, 1.8, 0.4, config)


def efficientnet_b5(**config: Any) -> EfficientNet:
    """B0, 1.6 times as wide, 2.2 as deep."""
    return _scaled(1.6, 2.2, 0.4, config, norm_layer=_SLOW_NORM)


def efficientnet_b6(**config: Any) -> EfficientNet:
    """B0, 1.8 times as wide, 2.6 as deep."""
    return _scaled(1.8, 2.6, 0.5, config, norm_layer=_SLOW_NORM)


def efficientnet_b7(**config: Any) -> EfficientNet:
    """B0, twice as wide, 3.1 times as deep."""
    return _scaled(2.0, 3.1, 0.5, config, norm_layer=_SLOW_NORM)


_V2_S = (
    *((1, 3, 1, 24, 24, 2, True), (4, 3, 2, 24, 48, 4, True), (4, 3, 2, 48, 64, 4, True)),
    *((4, 3, 2, 64, 128, 6, False), (6, 3, 1, 128, 160, 9, False), (6, 3, 2, 160, 256, 15, False)),
)
_V2_M = (
    *((1, 3, 1, 24, 24, 3, True), (4, 3, 2, 24, 48, 5, True), (4, 3, 2, 48, 80, 5, True)),
    *((4, 3, 2, 80, 160, 7, False), (6, 3, 1, 160, 176, 14, False), (6, 3, 2, 176, 304, 18, False)),
    (6, 3, 1, 304, 512, 5, False),
)
_V2_L = (
    *((1, 3, 1, 32, 32, 4, True), (4, 3, 2, 32, 64, 7, True), (4, 3, 2, 64, 96, 7, True)),
    *((4, 3, 2, 96, 192, 10, False), (6, 3, 1, 192, 224, 19, False), (6, 3, 2, 224, 384, 25, False)),
    (6, 3, 1, 384, 640, 7, False),
)


_Row = tuple[int, int, int, int, int, int, bool]


def _v2(table: Sequence[_Row], dropout: float, config: dict[str, Any]) -> EfficientNet:
    norm = partial(nn.BatchNorm2d, eps=1e-3)
    defaults: dict[str, Any] = {"dropout": dropout, "last_channel": 1280, "norm_layer": norm}
    return EfficientNet([StageConfig(*row) for row in table], **{**defaults, **config})


def efficientnet_v2_s(**config: Any) -> EfficientNet:
    """Version 2, small."""
    return _v2(_V2_S, 0.2, config)


def efficientnet_v2_m(**config: Any) -> EfficientNet:
    """Version 2, medium."""
    return _v2(_V2_M, 0.3, config)


def efficientnet_v2_l(**config: Any) -> EfficientNet:
    """Version 2, large."""
    return _v2(_V2_L, 0.4, config)
