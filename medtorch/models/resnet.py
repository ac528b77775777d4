"""Residual networks under torchvision's keys.

Source    He et al., Deep residual learning for image recognition, CVPR 2016; Xie et al., Aggregated residual
          transformations, CVPR 2017; Zagoruyko & Komodakis, Wide residual networks, BMVC 2016; the stride sits on the
          3x3 convolution of a bottleneck as in torchvision.models.resnet
Requires  REQ-F-MOD-002
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from medtorch import nn
from medtorch.core.ops.shape import flatten
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError

Norm = Callable[[int], nn.Module]


def conv3x3(in_planes: int, out_planes: int, stride: int = 1, groups: int = 1, dilation: int = 1) -> nn.Conv2d:
    """A 3x3 convolution that keeps the size at stride 1."""
    return nn.Conv2d(in_planes, out_planes, 3, stride, padding=dilation, dilation=dilation, groups=groups, bias=False)


def conv1x1(in_planes: int, out_planes: int, stride: int = 1) -> nn.Conv2d:
    """A 1x1 convolution."""
    return nn.Conv2d(in_planes, out_planes, 1, stride, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    expansion: ClassVar[int] = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Norm = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        if groups != 1 or base_width != 64 or dilation != 1:
            raise ArgumentError(
                f"BasicBlock: groups, width and dilation are fixed at 1, 64, 1; got {groups}, {base_width}, {dilation}"
            )
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm_layer(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm_layer(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out = out + (x if self.downsample is None else self.downsample(x))
        return self.relu(out)  # type: ignore[no-any-return]


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut."""

    expansion: ClassVar[int] = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Norm = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        width = int(planes * (base_width / 64.0)) * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm_layer(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm_layer(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm_layer(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out = out + (x if self.downsample is None else self.downsample(x))
        return self.relu(out)  # type: ignore[no-any-return]


class ResNet(nn.Module):
    """Shapes    (n, 3, h, w) -> (n, num_classes)"""

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        layers: Sequence[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        replace_stride_with_dilation: Sequence[bool] | None = None,
        norm_layer: Norm | None = None,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        dilate = (False, False, False) if replace_stride_with_dilation is None else tuple(replace_stride_with_dilation)
        if len(dilate) != 3:
            raise ArgumentError(f"ResNet: replace_stride_with_dilation needs 3 answers, got {dilate}")
        self._norm_layer = nn.BatchNorm2d if norm_layer is None else norm_layer
        self.inplanes, self.dilation, self.groups, self.base_width = 64, 1, groups, width_per_group
        self.conv1 = nn.Conv2d(in_channels, 64, 7, 2, 3, bias=False)
        self.bn1 = self._norm_layer(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], 2, dilate[0])
        self.layer3 = self._make_layer(block, 256, layers[2], 2, dilate[1])
        self.layer4 = self._make_layer(block, 512, layers[3], 2, dilate[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        self._initialize(zero_init_residual)

    def _initialize(self, zero_init_residual: bool) -> None:
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
        if zero_init_residual:  # each branch starts as nothing: Goyal et al. 2017, arXiv 1706.02677
            for m in self.modules():
                last = m.bn3 if isinstance(m, Bottleneck) else m.bn2 if isinstance(m, BasicBlock) else None
                if last is not None:
                    nn.init.constant_(last.weight, 0)

    def _make_layer(
        self, block: type[BasicBlock | Bottleneck], planes: int, blocks: int, stride: int = 1, dilate: bool = False
    ) -> nn.Sequential:
        before = self.dilation
        if dilate:
            self.dilation *= stride
            stride = 1
        downsample = None
        if stride != 1 or self.inplanes != planes * block.expansion:
            downsample = nn.Sequential(
                conv1x1(self.inplanes, planes * block.expansion, stride), self._norm_layer(planes * block.expansion)
            )
        shared = (self.groups, self.base_width)
        made = [block(self.inplanes, planes, stride, downsample, *shared, before, self._norm_layer)]
        self.inplanes = planes * block.expansion
        made += [
            block(self.inplanes, planes, 1, None, *shared, self.dilation, self._norm_layer) for _ in range(1, blocks)
        ]
        return nn.Sequential(*made)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(flatten(self.avgpool(x), 1))  # type: ignore[no-any-return]


def resnet18(**config: Any) -> ResNet:
    """18 layers."""
    return ResNet(BasicBlock, (2, 2, 2, 2), **config)


def resnet34(**config: Any) -> ResNet:
    """34 layers."""
    return ResNet(BasicBlock, (3, 4, 6, 3), **config)


def resnet50(**config: Any) -> ResNet:
    """50 layers."""
    return ResNet(Bottleneck, (3, 4, 6, 3), **config)


def resnet101(**config: Any) -> ResNet:
    """101 layers."""
    return ResNet(Bottleneck, (3, 4, 23, 3), **config)


def resnet152(**config: Any) -> ResNet:
    """152 layers."""
    return ResNet(Bottleneck, (3, 8, 36, 3), **config)


def resnext50_32x4d(**config: Any) -> ResNet:
    """50 layers, 32 groups of width 4."""
    return ResNet(Bottleneck, (3, 4, 6, 3), groups=32, width_per_group=4, **config)


def resnext101_32x8d(**config: Any) -> ResNet:
    """101 layers, 32 groups of width 8."""
    return ResNet(Bottleneck, (3, 4, 23, 3), groups=32, width_per_group=8, **config)


def resnext101_64x4d(**config: Any) -> ResNet:
    """101 layers, 64 groups of width 4."""
    return ResNet(Bottleneck, (3, 4, 23, 3), groups=64, width_per_group=4, **config)


def wide_resnet50_2(**config: Any) -> ResNet:
    """50 layers, the inner ones twice as wide."""
    return ResNet(Bottleneck, (3, 4, 6, 3), width_per_group=128, **config)


def wide_resnet101_2(**config: Any) -> ResNet:
    """101 layers, the inner ones twice as wide."""
    return ResNet(Bottleneck, (3, 4, 23, 3), width_per_group=128, **config)
