"""Classifiers without their heads, which give their features at each size, under segmentation_models_pytorch's keys.

Source    semantics of segmentation_models_pytorch.encoders
Requires  REQ-F-MOD-032
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from medtorch import nn
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, UnsupportedError
from medtorch.models import densenet, mobilenetv2, resnet, vgg
from medtorch.models.decoders.efficientnet_encoder import SCALES, EfficientNetFeatures


class Encoder(nn.Module):
    """Features from the image itself to the smallest, `depth` halvings in all; `out_channels` tells their widths."""

    out_channels: list[int]
    output_stride: int

    def forward(self, x: Tensor) -> list[Tensor]:
        raise NotImplementedError

    def stages(self) -> Mapping[int, Sequence[nn.Module]]:
        """The modules that halve to 1/16 and to 1/32. Raises UnsupportedError where pooling does that."""
        raise UnsupportedError(f"{type(self).__name__}: its pooling cannot be dilated; output_stride must be 32")

    def _set(self, depth: int, widths: Sequence[int], output_stride: int) -> None:
        self.depth = depth
        self.out_channels = list(widths[: depth + 1])
        self.output_stride = min(output_stride, 2**depth)
        if output_stride != 32:
            for stride, modules in self.stages().items():
                for module in modules if stride > output_stride else ():
                    _dilate(module, stride // output_stride)


def _dilate(module: nn.Module, rate: int) -> None:
    for conv in module.modules():
        if isinstance(conv, nn.Conv2d):
            conv.stride, conv.dilation = (1, 1), (rate, rate)
            conv.padding = tuple(k // 2 * rate for k in conv.kernel_size)
            if hasattr(conv, "static_padding"):
                conv.static_padding = nn.Identity()


class ResNetEncoder(Encoder):
    """The stages of a residual network."""

    def __init__(self, build: Callable[..., resnet.ResNet], in_channels: int, depth: int, output_stride: int) -> None:
        super().__init__()
        model = build(in_channels=in_channels)
        self.conv1, self.bn1, self.relu, self.maxpool = model.conv1, model.bn1, model.relu, model.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = model.layer1, model.layer2, model.layer3, model.layer4
        wide = model.fc.in_features
        self._set(depth, [in_channels, 64, wide // 8, wide // 4, wide // 2, wide], output_stride)

    def stages(self) -> Mapping[int, Sequence[nn.Module]]:
        """The modules that halve to 1/16 and to 1/32."""
        return {16: [self.layer3], 32: [self.layer4]}

    def forward(self, x: Tensor) -> list[Tensor]:
        features = [x, self.relu(self.bn1(self.conv1(x)))]
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4)[: self.depth - 1]:
            x = self.maxpool(features[-1]) if layer is self.layer1 else features[-1]
            features.append(layer(x))
        return features


class DenseNetEncoder(Encoder):
    """The dense blocks, each up to the activation of the transition behind it."""

    def __init__(self, build: Callable[..., nn.Module], in_channels: int, depth: int, output_stride: int) -> None:
        super().__init__()
        self.features = build().features
        self.features.conv0 = _first(self.features.conv0, in_channels)
        transitions = (self.features.transition1, self.features.transition2, self.features.transition3)
        inner = [transition.norm.num_features for transition in transitions]
        first, last = self.features.norm0.num_features, self.features.norm5.num_features
        self._set(depth, [in_channels, first, *inner, last], output_stride)

    def forward(self, x: Tensor) -> list[Tensor]:
        parts = self.features
        features = [x, parts.relu0(parts.norm0(parts.conv0(x)))]
        x = parts.pool0(features[-1])
        blocks = (parts.denseblock1, parts.denseblock2, parts.denseblock3)
        transitions = (parts.transition1, parts.transition2, parts.transition3)
        for block, transition in list(zip(blocks, transitions, strict=True))[: self.depth - 1]:
            features.append(transition.relu(transition.norm(block(x))))
            x = transition.pool(transition.conv(features[-1]))
        if self.depth == 5:
            features.append(parts.norm5(parts.denseblock4(x)))
        return features


class VGGEncoder(Encoder):
    """What comes before each pooling, and the last; the first features have the size of the image."""

    def __init__(self, build: Callable[..., nn.Module], in_channels: int, depth: int, output_stride: int) -> None:
        super().__init__()
        self.features = build().features
        self.features[0] = _first(self.features[0], in_channels)
        pools = [i for i, layer in enumerate(self.features) if isinstance(layer, nn.MaxPool2d)]
        self.ends = [i - 1 for i in pools] + [len(self.features) - 1]
        self._set(depth, [64, 128, 256, 512, 512, 512], output_stride)

    def forward(self, x: Tensor) -> list[Tensor]:
        return _taken(x, self.features, self.ends[: self.depth + 1])


class MobileNetV2Encoder(Encoder):
    """What the levels of MobileNetV2 give."""

    def __init__(self, build: Callable[..., nn.Module], in_channels: int, depth: int, output_stride: int) -> None:
        super().__init__()
        self.features = build().features
        self.features[0][0] = _first(self.features[0][0], in_channels)
        self.ends = [1, 3, 6, 13, len(self.features) - 1]
        self._set(depth, [in_channels, 16, 24, 32, 96, 1280], output_stride)

    def stages(self) -> Mapping[int, Sequence[nn.Module]]:
        """The modules that halve to 1/16 and to 1/32."""
        return {16: [self.features[7:14]], 32: [self.features[14:]]}

    def forward(self, x: Tensor) -> list[Tensor]:
        return [x, *_taken(x, self.features, self.ends[: self.depth])]


class EfficientNetEncoder(EfficientNetFeatures, Encoder):
    """What the levels of an EfficientNet give; its last convolution is in the checkpoints and takes no part."""

    def __init__(self, name: str, in_channels: int, depth: int, output_stride: int) -> None:
        super().__init__(name, in_channels)
        if depth < 2:
            raise ArgumentError(f"{name}: encoder_depth must lie between 2 and 5, got {depth}")
        self._set(depth, [in_channels, *self.widths], output_stride)

    def stages(self) -> Mapping[int, Sequence[nn.Module]]:
        """The modules that halve to 1/16 and to 1/32."""
        second, third = self.ends[1] + 1, self.ends[2] + 1
        return {16: [self._blocks[second:third]], 32: [self._blocks[third:]]}

    def forward(self, x: Tensor) -> list[Tensor]:
        first = self._swish(self._bn0(self._conv_stem(x)))
        return [x, first, *_taken(first, self._blocks, self.ends[: self.depth - 1])]


def _first(conv: nn.Conv2d, in_channels: int) -> nn.Conv2d:
    """The convolution again, for another number of channels."""
    if conv.in_channels == in_channels:
        return conv
    sizes: dict[str, Any] = {"kernel_size": conv.kernel_size, "stride": conv.stride, "padding": conv.padding}
    return nn.Conv2d(in_channels, conv.out_channels, **sizes, bias=conv.bias is not None)


def _taken(x: Tensor, layers: nn.Sequential | nn.ModuleList, ends: Sequence[int]) -> list[Tensor]:
    """What the layers at `ends` give, run in a row up to the last of them."""
    features = []
    for i, layer in enumerate(layers):
        if i > ends[-1]:
            break
        x = layer(x)
        if i in ends:
            features.append(x)
    return features


def _resnext(width: int) -> Callable[..., resnet.ResNet]:
    return partial(resnet.ResNet, resnet.Bottleneck, (3, 4, 23, 3), groups=32, width_per_group=width)


_RESNETS: dict[str, Callable[..., resnet.ResNet]] = {
    "resnet18": resnet.resnet18,
    "resnet34": resnet.resnet34,
    "resnet50": resnet.resnet50,
    "resnet101": resnet.resnet101,
    "resnet152": resnet.resnet152,
    "resnext50_32x4d": resnet.resnext50_32x4d,
    "resnext101_32x4d": _resnext(4),
    "resnext101_32x8d": resnet.resnext101_32x8d,
    "resnext101_32x16d": _resnext(16),
    "resnext101_32x32d": _resnext(32),
    "resnext101_32x48d": _resnext(48),
}
_BUILD: dict[str, Callable[[int, int, int], Encoder]] = {
    **{name: partial(ResNetEncoder, build) for name, build in _RESNETS.items()},
    "densenet121": partial(DenseNetEncoder, densenet.densenet121),
    "densenet161": partial(DenseNetEncoder, densenet.densenet161),
    "densenet169": partial(DenseNetEncoder, densenet.densenet169),
    "densenet201": partial(DenseNetEncoder, densenet.densenet201),
    **{name: partial(EfficientNetEncoder, name) for name in SCALES},
    "mobilenet_v2": partial(MobileNetV2Encoder, mobilenetv2.mobilenet_v2),
    "vgg11": partial(VGGEncoder, vgg.vgg11),
    "vgg11_bn": partial(VGGEncoder, vgg.vgg11_bn),
    "vgg13": partial(VGGEncoder, vgg.vgg13),
    "vgg13_bn": partial(VGGEncoder, vgg.vgg13_bn),
    "vgg16": partial(VGGEncoder, vgg.vgg16),
    "vgg16_bn": partial(VGGEncoder, vgg.vgg16_bn),
    "vgg19": partial(VGGEncoder, vgg.vgg19),
    "vgg19_bn": partial(VGGEncoder, vgg.vgg19_bn),
}


def get_encoder_names() -> list[str]:
    """The names that get_encoder takes."""
    return list(_BUILD)


def get_encoder(
    name: str, in_channels: int = 3, depth: int = 5, weights: None = None, output_stride: int = 32
) -> Encoder:
    """A classifier without its head.

    Raises    UnsupportedError for an encoder that is not here and if weights are asked for; ArgumentError for another
              depth than 1 to 5 or another output_stride than 8, 16 or 32
    """
    if name not in _BUILD:
        raise UnsupportedError(f"encoder_name: have {', '.join(_BUILD)}, not {name!r}")
    if weights is not None:
        raise UnsupportedError(f"encoder_weights: no weights come with medtorch; load a checkpoint of {name}")
    if not 1 <= depth <= 5:
        raise ArgumentError(f"encoder_depth must lie between 1 and 5, got {depth}")
    if output_stride not in (8, 16, 32):
        raise ArgumentError(f"encoder_output_stride must be 8, 16 or 32, got {output_stride}")
    return _BUILD[name](in_channels, depth, output_stride)
