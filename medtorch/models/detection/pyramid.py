"""A pyramid of features over a classifier, under torchvision's keys.

Source    Lin et al., Feature pyramid networks for object detection, CVPR 2017; semantics of
          torchvision.ops.FeaturePyramidNetwork, FrozenBatchNorm2d, torchvision.models.detection.backbone_utils
Requires  REQ-F-MOD-035
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from medtorch import nn
from medtorch.core.creation import ones, zeros
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.models.blocks import ConvNormActivation, Layer
from medtorch.models.mobilenetv3 import InvertedResidual, MobileNetV3
from medtorch.models.resnet import ResNet
from medtorch.models.segmentation import IntermediateLayers
from medtorch.nn import functional as F

WIDTH = 256


class FrozenBatchNorm2d(nn.Module):
    """Batch norm whose statistics, weight and bias are buffers: nothing is learned."""

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", ones(num_features))
        self.register_buffer("bias", zeros(num_features))
        self.register_buffer("running_mean", zeros(num_features))
        self.register_buffer("running_var", ones(num_features))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        state_dict.pop(f"{prefix}num_batches_tracked", None)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def forward(self, x: Tensor) -> Tensor:
        weight, bias, mean, variance = (
            b.reshape(1, -1, 1, 1) for b in (self.weight, self.bias, self.running_mean, self.running_var)
        )
        scale = weight * (variance + self.eps).rsqrt()
        return x * scale + (bias - mean * scale)  # type: ignore[no-any-return]


class LastLevelMaxPool(nn.Module):
    """One level more: every second pixel of the last."""

    def forward(
        self, levels: list[Tensor], features: Sequence[Tensor], names: list[str]
    ) -> tuple[list[Tensor], list[str]]:
        return [*levels, F.max_pool2d(levels[-1], 1, 2, 0)], [*names, "pool"]


class LastLevelP6P7(nn.Module):
    """Two levels more, by convolutions of the last level, or of the last features where these are wider."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.p6 = nn.Conv2d(in_channels, out_channels, 3, 2, 1)
        self.p7 = nn.Conv2d(out_channels, out_channels, 3, 2, 1)
        self.of_level = in_channels == out_channels
        _fresh(self)

    def forward(
        self, levels: list[Tensor], features: Sequence[Tensor], names: list[str]
    ) -> tuple[list[Tensor], list[str]]:
        p6 = self.p6(levels[-1] if self.of_level else features[-1])
        return [*levels, p6, self.p7(F.relu(p6))], [*names, "p6", "p7"]


def _fresh(module: nn.Module) -> None:
    for m in module.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_uniform_(m.weight, a=1)
            if m.bias is not None:
                nn.init.zeros_(m.bias)


class FeaturePyramidNetwork(nn.Module):
    """Features of all sizes at one width, coarse ones added to finer ones.

    Shapes    features by name, from fine to coarse -> the same at out_channels, and those of extra_blocks
    """

    def __init__(
        self,
        in_channels_list: Sequence[int],
        out_channels: int,
        extra_blocks: nn.Module | None = None,
        norm_layer: Layer | None = None,
    ) -> None:
        super().__init__()
        if 0 in in_channels_list:
            raise ArgumentError(f"FeaturePyramidNetwork: every level needs channels, got {list(in_channels_list)}")
        told: dict[str, Any] = {"norm_layer": norm_layer, "activation_layer": None}
        self.inner_blocks = nn.ModuleList(
            ConvNormActivation(inp, out_channels, 1, padding=0, **told) for inp in in_channels_list
        )
        self.layer_blocks = nn.ModuleList(
            ConvNormActivation(out_channels, out_channels, 3, **told) for _ in in_channels_list
        )
        _fresh(self)
        self.extra_blocks = extra_blocks

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        for block in ("inner_blocks", "layer_blocks"):
            for i in range(len(self.inner_blocks)):
                rename_convs(state_dict, {f"{prefix}{block}.{i}.": f"{prefix}{block}.{i}.0."})
        super()._load_from_state_dict(state_dict, prefix, *args)

    def forward(self, x: Mapping[str, Tensor]) -> OrderedDict[str, Tensor]:
        names, features = list(x), list(x.values())
        inner = self.inner_blocks[-1](features[-1])
        levels = [self.layer_blocks[-1](inner)]
        for i in range(len(features) - 2, -1, -1):
            fine = self.inner_blocks[i](features[i])
            inner = fine + F.interpolate(inner, size=tuple(fine.shape[-2:]), mode="nearest")
            levels.insert(0, self.layer_blocks[i](inner))
        if self.extra_blocks is not None:
            levels, names = self.extra_blocks(levels, features, names)
        return OrderedDict(zip(names, levels, strict=True))


def rename_convs(state_dict: dict[str, Any], prefixes: Mapping[str, str]) -> None:
    """Weights and biases right under old prefixes get new ones, in place: as checkpoints of torchvision 0.12 need."""
    for old, new in prefixes.items():
        for kind in ("weight", "bias"):
            if old + kind in state_dict:
                state_dict[new + kind] = state_dict.pop(old + kind)


class BackboneWithFPN(nn.Module):
    """Some layers of a classifier, and the pyramid over them."""

    def __init__(
        self,
        backbone: nn.Module,
        return_layers: Mapping[str, str],
        in_channels_list: Sequence[int],
        out_channels: int,
        extra_blocks: nn.Module | None = None,
        norm_layer: Layer | None = None,
    ) -> None:
        super().__init__()
        self.body = IntermediateLayers(backbone, return_layers)
        extra = LastLevelMaxPool() if extra_blocks is None else extra_blocks
        self.fpn = FeaturePyramidNetwork(in_channels_list, out_channels, extra, norm_layer)
        self.out_channels = out_channels

    def forward(self, x: Tensor) -> OrderedDict[str, Tensor]:
        return self.fpn(self.body(x))  # type: ignore[no-any-return]


def resnet_pyramid(
    backbone: ResNet,
    returned_layers: Sequence[int] = (1, 2, 3, 4),
    extra_blocks: nn.Module | None = None,
    norm_layer: Layer | None = None,
) -> BackboneWithFPN:
    """The pyramid over some of a residual network's four layers."""
    if not all(1 <= k <= 4 for k in returned_layers):
        raise ArgumentError(f"resnet_pyramid: layers are numbered 1 to 4, got {list(returned_layers)}")
    names = {f"layer{k}": str(i) for i, k in enumerate(returned_layers)}
    wide = backbone.fc.in_features
    widths = [wide // 2 ** (4 - k) for k in returned_layers]
    return BackboneWithFPN(backbone, names, widths, WIDTH, extra_blocks, norm_layer)


def mobilenet_pyramid(backbone: MobileNetV3) -> BackboneWithFPN:
    """The pyramid over the last two sizes of MobileNetV3."""
    features = backbone.features
    starts = [i for i, block in enumerate(features) if isinstance(block, InvertedResidual) and block.starts_level]
    ends = [starts[-1], len(features) - 1]
    names = {str(end): str(i) for i, end in enumerate(ends)}
    return BackboneWithFPN(features, names, [features[end].out_channels for end in ends], WIDTH)
