"""MobileNetV3 under torchvision's keys.

Source    Howard et al., Searching for MobileNetV3, ICCV 2019, tables 1 and 2
Requires  REQ-F-MOD-010
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from medtorch import nn
from medtorch.core.ops.shape import flatten
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.models.blocks import ConvNormActivation, Layer, SqueezeExcitation, fresh_weights, make_divisible

# kernel, expanded channels, channels, squeeze-and-excitation, activation, stride
_LARGE = (
    *((3, 16, 16, False, "RE", 1), (3, 64, 24, False, "RE", 2), (3, 72, 24, False, "RE", 1)),
    *((5, 72, 40, True, "RE", 2), (5, 120, 40, True, "RE", 1), (5, 120, 40, True, "RE", 1)),
    *((3, 240, 80, False, "HS", 2), (3, 200, 80, False, "HS", 1)),
    *((3, 184, 80, False, "HS", 1), (3, 184, 80, False, "HS", 1)),
    *((3, 480, 112, True, "HS", 1), (3, 672, 112, True, "HS", 1)),
    *((5, 672, 160, True, "HS", 2), (5, 960, 160, True, "HS", 1), (5, 960, 160, True, "HS", 1)),
)
_SMALL = (
    *((3, 16, 16, True, "RE", 2), (3, 72, 24, False, "RE", 2), (3, 88, 24, False, "RE", 1)),
    *((5, 96, 40, True, "HS", 2), (5, 240, 40, True, "HS", 1), (5, 240, 40, True, "HS", 1)),
    *((5, 120, 48, True, "HS", 1), (5, 144, 48, True, "HS", 1)),
    *((5, 288, 96, True, "HS", 2), (5, 576, 96, True, "HS", 1), (5, 576, 96, True, "HS", 1)),
)
_EXCITATION = partial(SqueezeExcitation, scale_activation=nn.Hardsigmoid)


@dataclass(frozen=True)
class InvertedResidualConfig:
    """One block: a row of the paper's table."""

    input_channels: int
    kernel: int
    expanded_channels: int
    out_channels: int
    use_se: bool
    activation: str
    stride: int
    dilation: int = 1

    @property
    def use_hs(self) -> bool:
        """Whether the activation is hard swish."""
        return self.activation == "HS"


class InvertedResidual(nn.Module):
    """MobileNetV2's block with squeeze-and-excitation and hard swish where the row asks for them."""

    def __init__(self, cnf: InvertedResidualConfig, norm_layer: Layer, se_layer: Layer = _EXCITATION) -> None:
        super().__init__()
        if cnf.stride not in (1, 2):
            raise ArgumentError(f"InvertedResidual: stride must be 1 or 2, got {cnf.stride}")
        wide = cnf.expanded_channels
        act: Layer = nn.Hardswish if cnf.use_hs else nn.ReLU
        made: list[nn.Module] = []
        if wide != cnf.input_channels:
            made.append(ConvNormActivation(cnf.input_channels, wide, 1, norm_layer=norm_layer, activation_layer=act))
        stride = 1 if cnf.dilation > 1 else cnf.stride
        made.append(
            ConvNormActivation(wide, wide, cnf.kernel, stride, None, wide, norm_layer, act, dilation=cnf.dilation)
        )
        if cnf.use_se:
            made.append(se_layer(wide, make_divisible(wide // 4, 8)))
        made.append(ConvNormActivation(wide, cnf.out_channels, 1, norm_layer=norm_layer, activation_layer=None))
        self.block = nn.Sequential(*made)
        self.out_channels = cnf.out_channels
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.starts_level = cnf.stride > 1  # a segmenter's backbone counts levels by it

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x) + x if self.use_res_connect else self.block(x)  # type: ignore[no-any-return]


class MobileNetV3(nn.Module):
    """Shapes    (n, 3, h, w) -> (n, num_classes)"""

    def __init__(
        self,
        inverted_residual_setting: Sequence[InvertedResidualConfig],
        last_channel: int,
        num_classes: int = 1000,
        block: Layer | None = None,
        norm_layer: Layer | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if not inverted_residual_setting:
            raise ArgumentError("MobileNetV3: inverted_residual_setting must not be empty")
        block = InvertedResidual if block is None else block
        norm = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01) if norm_layer is None else norm_layer
        first, last = inverted_residual_setting[0].input_channels, inverted_residual_setting[-1].out_channels
        self.features = nn.Sequential(
            ConvNormActivation(3, first, 3, 2, norm_layer=norm, activation_layer=nn.Hardswish),
            *(block(cnf, norm) for cnf in inverted_residual_setting),
            ConvNormActivation(last, 6 * last, 1, norm_layer=norm, activation_layer=nn.Hardswish),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(6 * last, last_channel),
            nn.Hardswish(inplace=True),
            nn.Dropout(dropout, inplace=True),
            nn.Linear(last_channel, num_classes),
        )
        fresh_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(flatten(self.avgpool(self.features(x)), 1))  # type: ignore[no-any-return]


def _rows(
    table: Sequence[tuple[int, int, int, bool, str, int]],
    tail: int,
    last_channel: int,
    width_mult: float,
    reduced_tail: bool,
    dilated: bool,
) -> tuple[list[InvertedResidualConfig], int]:
    """The blocks of `table`, its last `tail` ones narrower or dilated if asked for, and the width of the head."""
    fewer, dilation = 2 if reduced_tail else 1, 2 if dilated else 1
    rows, before = [], 16
    for i, (kernel, wide, out, use_se, act, stride) in enumerate(table):
        late = i >= len(table) - tail
        inner = wide // fewer if i > len(table) - tail else wide
        out = out // fewer if late else out
        first, middle, last = (make_divisible(c * width_mult, 8) for c in (before, inner, out))
        spread = dilation if late else 1
        rows.append(InvertedResidualConfig(first, kernel, middle, last, use_se, act, stride, spread))
        before = out
    return rows, make_divisible(last_channel // fewer * width_mult, 8)


def mobilenet_v3_large(
    width_mult: float = 1.0, reduced_tail: bool = False, dilated: bool = False, **config: Any
) -> MobileNetV3:
    """The larger one; with a narrow or dilated tail for segmentation."""
    return MobileNetV3(*_rows(_LARGE, 3, 1280, width_mult, reduced_tail, dilated), **config)


def mobilenet_v3_small(
    width_mult: float = 1.0, reduced_tail: bool = False, dilated: bool = False, **config: Any
) -> MobileNetV3:
    """The smaller one; with a narrow or dilated tail for segmentation."""
    return MobileNetV3(*_rows(_SMALL, 3, 1024, width_mult, reduced_tail, dilated), **config)
