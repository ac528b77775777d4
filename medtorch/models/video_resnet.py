"""Residual networks for videos and volumes, 18 layers, under torchvision's keys.

Source    Tran et al., A closer look at spatiotemporal convolutions for action recognition, CVPR 2018, table 1
Requires  REQ-F-MOD-010
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from medtorch import nn
from medtorch.core.ops.shape import flatten
from medtorch.core.tensor import Tensor
from medtorch.models.blocks import fresh_weights

Triple = tuple[int, int, int]


@dataclass(frozen=True)
class ConvMaker:
    """A kind of convolution: how it is made from in, out and middle planes and a stride, and how far a stride goes."""

    make: Callable[[int, int, int, int], nn.Module]
    reach: Callable[[int], Triple]


def _conv(inp: int, oup: int, kernel: Triple, stride: Triple) -> nn.Conv3d:
    depth, height, width = (k // 2 for k in kernel)
    return nn.Conv3d(inp, oup, kernel, stride, (depth, height, width), bias=False)


def _apart(inp: int, oup: int, middle: int, stride: int) -> nn.Sequential:
    """Over space, then over time, as many weights as a whole 3x3x3 convolution has."""
    return nn.Sequential(
        _conv(inp, middle, (1, 3, 3), (1, stride, stride)),
        nn.BatchNorm3d(middle),
        nn.ReLU(inplace=True),
        _conv(middle, oup, (3, 1, 1), (stride, 1, 1)),
    )


SIMPLE = ConvMaker(lambda i, o, _, s: _conv(i, o, (3, 3, 3), (s, s, s)), lambda s: (s, s, s))
SPACE_AND_TIME = ConvMaker(_apart, lambda s: (s, s, s))
SPACE_ALONE = ConvMaker(lambda i, o, _, s: _conv(i, o, (1, 3, 3), (1, s, s)), lambda s: (1, s, s))


class BasicBlock(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, inplanes: int, planes: int, maker: ConvMaker, stride: int = 1) -> None:
        super().__init__()
        middle = inplanes * planes * 27 // (inplanes * 9 + 3 * planes)
        first, second = maker.make(inplanes, planes, middle, stride), maker.make(planes, planes, middle, 1)
        self.conv1 = nn.Sequential(first, nn.BatchNorm3d(planes), nn.ReLU(inplace=True))
        self.conv2 = nn.Sequential(second, nn.BatchNorm3d(planes))
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inplanes != planes:
            across = _conv(inplanes, planes, (1, 1, 1), maker.reach(stride))
            self.downsample = nn.Sequential(across, nn.BatchNorm3d(planes))

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        return self.relu(self.conv2(self.conv1(x)) + shortcut)  # type: ignore[no-any-return]


class VideoResNet(nn.Module):
    """Shapes    (n, 3, frames, h, w) -> (n, num_classes)"""

    def __init__(
        self,
        makers: Sequence[ConvMaker],
        stem: nn.Sequential,
        num_classes: int = 400,
        zero_init_residual: bool = False,
    ) -> None:
        super().__init__()
        self.stem = stem
        first, second, third, fourth = makers
        self.layer1 = _stage(64, 64, first, 1)
        self.layer2 = _stage(64, 128, second, 2)
        self.layer3 = _stage(128, 256, third, 2)
        self.layer4 = _stage(256, 512, fourth, 2)
        self.avgpool = nn.AdaptiveAvgPool3d((1, 1, 1))
        self.fc = nn.Linear(512, num_classes)
        fresh_weights(self)
        if zero_init_residual:  # each branch starts as nothing: Goyal et al. 2017, arXiv 1706.02677
            for m in self.modules():
                if isinstance(m, BasicBlock):
                    nn.init.zeros_(m.conv2[1].weight)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(x)))))
        return self.fc(flatten(self.avgpool(x), 1))  # type: ignore[no-any-return]


def _stage(inplanes: int, planes: int, maker: ConvMaker, stride: int) -> nn.Sequential:
    return nn.Sequential(BasicBlock(inplanes, planes, maker, stride), BasicBlock(planes, planes, maker))


def _basic_stem() -> nn.Sequential:
    return nn.Sequential(_conv(3, 64, (3, 7, 7), (1, 2, 2)), nn.BatchNorm3d(64), nn.ReLU(inplace=True))


def _stem_apart() -> nn.Sequential:
    return nn.Sequential(
        *(_conv(3, 45, (1, 7, 7), (1, 2, 2)), nn.BatchNorm3d(45), nn.ReLU(inplace=True)),
        *(_conv(45, 64, (3, 1, 1), (1, 1, 1)), nn.BatchNorm3d(64), nn.ReLU(inplace=True)),
    )


def r3d_18(**config: Any) -> VideoResNet:
    """3x3x3 convolutions throughout."""
    return VideoResNet((SIMPLE,) * 4, _basic_stem(), **config)


def mc3_18(**config: Any) -> VideoResNet:
    """3x3x3 convolutions at first, then over space alone."""
    return VideoResNet((SIMPLE, *(SPACE_ALONE,) * 3), _basic_stem(), **config)


def r2plus1d_18(**config: Any) -> VideoResNet:
    """Convolutions over space, then over time."""
    return VideoResNet((SPACE_AND_TIME,) * 4, _stem_apart(), **config)
