"""FCN, DeepLabV3 and LR-ASPP over residual networks and MobileNetV3, under torchvision's keys.

Source    Long et al., Fully convolutional networks for semantic segmentation, CVPR 2015; Chen et al., Rethinking
          atrous convolution for semantic image segmentation, arXiv 1706.05587, 2017; Howard et al., Searching for
          MobileNetV3, ICCV 2019
Requires  REQ-F-MOD-010
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from medtorch import nn
from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, UnsupportedError
from medtorch.models.mobilenetv3 import InvertedResidual, mobilenet_v3_large
from medtorch.models.resnet import resnet50, resnet101
from medtorch.nn import functional as F


def _resized(x: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=False)


class IntermediateLayers(nn.ModuleDict):
    """The members of a model up to the last one of `return_layers`, run in a row; gives what those named there give.

    Raises    ArgumentError if the model has no such member
    """

    def __init__(self, model: nn.Module, return_layers: Mapping[str, str]) -> None:
        members = OrderedDict(model.named_children())
        missing = [name for name in return_layers if name not in members]
        if missing:
            raise ArgumentError(f"IntermediateLayers: the model has no member {', '.join(missing)}")
        end = max(list(members).index(name) for name in return_layers)
        super().__init__(OrderedDict(list(members.items())[: end + 1]))
        self.return_layers = dict(return_layers)

    def forward(self, x: Tensor) -> OrderedDict[str, Tensor]:
        seen: OrderedDict[str, Tensor] = OrderedDict()
        for name, member in self.items():
            x = member(x)
            if name in self.return_layers:
                seen[self.return_layers[name]] = x
        return seen


class Segmenter(nn.Module):
    """Features of a backbone, scored and brought to the size of the image.

    Shapes    (n, 3, h, w) -> a dict: "out" (n, num_classes, h, w) and, with an auxiliary head, "aux" of that shape
    """

    def __init__(self, backbone: nn.Module, classifier: nn.Module, aux_classifier: nn.Module | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = classifier
        self.aux_classifier = aux_classifier

    def forward(self, x: Tensor) -> OrderedDict[str, Tensor]:
        size = x.shape[-2:]
        features = self.backbone(x)
        scores = OrderedDict(out=_resized(self.classifier(features["out"]), size))
        if self.aux_classifier is not None:
            scores["aux"] = _resized(self.aux_classifier(features["aux"]), size)
        return scores


class FCN(Segmenter):
    """A fully convolutional network."""


class DeepLabV3(Segmenter):
    """Features seen at several dilations."""


class FCNHead(nn.Sequential):
    """A quarter of the channels, then class scores."""

    def __init__(self, in_channels: int, channels: int) -> None:
        inner = in_channels // 4
        conv = nn.Conv2d(in_channels, inner, 3, padding=1, bias=False)
        super().__init__(conv, nn.BatchNorm2d(inner), nn.ReLU(), nn.Dropout(0.1), nn.Conv2d(inner, channels, 1))


class ASPPPooling(nn.Sequential):
    """What is in the whole image, at each pixel."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(1), *_conv_norm_relu(in_channels, out_channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return _resized(super().forward(x), x.shape[-2:])


class ASPP(nn.Module):
    """1x1, 3x3 at several dilations and the whole image side by side, then mixed."""

    def __init__(
        self,
        in_channels: int,
        atrous_rates: Sequence[int],
        out_channels: int = 256,
        dropout: float = 0.5,
        separable: bool = False,
    ) -> None:
        super().__init__()
        wide = _separable_norm_relu if separable else _conv_norm_relu
        branches: list[nn.Module] = [nn.Sequential(*_conv_norm_relu(in_channels, out_channels, 1, 1))]
        branches += [nn.Sequential(*wide(in_channels, out_channels, 3, rate)) for rate in atrous_rates]
        branches.append(ASPPPooling(in_channels, out_channels))
        self.convs = nn.ModuleList(branches)
        mix = _conv_norm_relu(len(branches) * out_channels, out_channels, 1, 1)
        self.project = nn.Sequential(*mix, nn.Dropout(dropout))

    def forward(self, x: Tensor) -> Tensor:
        return self.project(cat([branch(x) for branch in self.convs], 1))  # type: ignore[no-any-return]


class DeepLabHead(nn.Sequential):
    """Atrous spatial pyramid pooling, a 3x3 convolution, class scores."""

    def __init__(self, in_channels: int, num_classes: int, atrous_rates: Sequence[int] = (12, 24, 36)) -> None:
        super().__init__(
            ASPP(in_channels, atrous_rates), *_conv_norm_relu(256, 256, 3, 1), nn.Conv2d(256, num_classes, 1)
        )


def separable_conv(inp: int, oup: int, dilation: int) -> nn.Sequential:
    """A 3x3 convolution of each channel alone, then a mix of the channels."""
    alone = nn.Conv2d(inp, inp, 3, padding=dilation, dilation=dilation, groups=inp, bias=False)
    return nn.Sequential(alone, nn.Conv2d(inp, oup, 1, bias=False))


def _separable_norm_relu(inp: int, oup: int, kernel: int, dilation: int) -> tuple[nn.Module, ...]:
    return separable_conv(inp, oup, dilation), nn.BatchNorm2d(oup), nn.ReLU()


def _conv_norm_relu(inp: int, oup: int, kernel: int, dilation: int) -> tuple[nn.Module, ...]:
    padding = dilation * (kernel // 2)
    conv = nn.Conv2d(inp, oup, kernel, padding=padding, dilation=dilation, bias=False)
    return conv, nn.BatchNorm2d(oup), nn.ReLU()


class LRASPPHead(nn.Module):
    """Coarse features weighted by the whole image, scored together with fine ones."""

    def __init__(self, low_channels: int, high_channels: int, num_classes: int, inter_channels: int) -> None:
        super().__init__()
        self.cbr = nn.Sequential(
            nn.Conv2d(high_channels, inter_channels, 1, bias=False),
            nn.BatchNorm2d(inter_channels),
            nn.ReLU(inplace=True),
        )
        self.scale = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(high_channels, inter_channels, 1, bias=False), nn.Sigmoid()
        )
        self.low_classifier = nn.Conv2d(low_channels, num_classes, 1)
        self.high_classifier = nn.Conv2d(inter_channels, num_classes, 1)

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        low, high = features["low"], features["high"]
        coarse = _resized(self.cbr(high) * self.scale(high), low.shape[-2:])
        return self.low_classifier(low) + self.high_classifier(coarse)  # type: ignore[no-any-return]


class LRASPP(nn.Module):
    """Lite reduced atrous spatial pyramid pooling.

    Shapes    (n, 3, h, w) -> a dict: "out" (n, num_classes, h, w)
    """

    def __init__(
        self, backbone: nn.Module, low_channels: int, high_channels: int, num_classes: int, inter_channels: int = 128
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = LRASPPHead(low_channels, high_channels, num_classes, inter_channels)

    def forward(self, x: Tensor) -> OrderedDict[str, Tensor]:
        return OrderedDict(out=_resized(self.classifier(self.backbone(x)), x.shape[-2:]))


def _check_weights(name: str, weights_backbone: None) -> None:
    if weights_backbone is not None:
        raise UnsupportedError(f"{name}: no weights come with medtorch; load a checkpoint into the backbone")


def _resnet_features(depth: int, aux: bool) -> IntermediateLayers:
    build = resnet50 if depth == 50 else resnet101
    model = build(replace_stride_with_dilation=(False, True, True))
    return IntermediateLayers(model, {"layer4": "out", **({"layer3": "aux"} if aux else {})})


def _mobilenet_features(late: str, early: str | None) -> tuple[IntermediateLayers, int, int]:
    """The last features and those at an eighth of the size, and the channels of both."""
    features = mobilenet_v3_large(dilated=True).features
    starts = [i for i, block in enumerate(features) if isinstance(block, InvertedResidual) and block.starts_level]
    last, eighth = len(features) - 1, starts[-3]
    wanted = {str(last): late} if early is None else {str(eighth): early, str(last): late}
    return IntermediateLayers(features, wanted), features[last].out_channels, features[eighth].out_channels


def _fcn(depth: int, num_classes: int, aux: bool) -> FCN:
    return FCN(_resnet_features(depth, aux), FCNHead(2048, num_classes), FCNHead(1024, num_classes) if aux else None)


def _deeplabv3(depth: int, num_classes: int, aux: bool) -> DeepLabV3:
    extra = FCNHead(1024, num_classes) if aux else None
    return DeepLabV3(_resnet_features(depth, aux), DeepLabHead(2048, num_classes), extra)


def fcn_resnet50(num_classes: int = 21, aux_loss: bool | None = None, weights_backbone: None = None) -> FCN:
    """FCN over 50 layers."""
    _check_weights("fcn_resnet50", weights_backbone)
    return _fcn(50, num_classes, bool(aux_loss))


def fcn_resnet101(num_classes: int = 21, aux_loss: bool | None = None, weights_backbone: None = None) -> FCN:
    """FCN over 101 layers."""
    _check_weights("fcn_resnet101", weights_backbone)
    return _fcn(101, num_classes, bool(aux_loss))


def deeplabv3_resnet50(num_classes: int = 21, aux_loss: bool | None = None, weights_backbone: None = None) -> DeepLabV3:
    """DeepLabV3 over 50 layers."""
    _check_weights("deeplabv3_resnet50", weights_backbone)
    return _deeplabv3(50, num_classes, bool(aux_loss))


def deeplabv3_resnet101(
    num_classes: int = 21, aux_loss: bool | None = None, weights_backbone: None = None
) -> DeepLabV3:
    """DeepLabV3 over 101 layers."""
    _check_weights("deeplabv3_resnet101", weights_backbone)
    return _deeplabv3(101, num_classes, bool(aux_loss))


def deeplabv3_mobilenet_v3_large(
    num_classes: int = 21, aux_loss: bool | None = None, weights_backbone: None = None
) -> DeepLabV3:
    """DeepLabV3 over MobileNetV3."""
    _check_weights("deeplabv3_mobilenet_v3_large", weights_backbone)
    backbone, last, eighth = _mobilenet_features("out", "aux" if aux_loss else None)
    return DeepLabV3(backbone, DeepLabHead(last, num_classes), FCNHead(eighth, num_classes) if aux_loss else None)


def lraspp_mobilenet_v3_large(num_classes: int = 21, weights_backbone: None = None) -> LRASPP:
    """LR-ASPP over MobileNetV3."""
    _check_weights("lraspp_mobilenet_v3_large", weights_backbone)
    backbone, last, eighth = _mobilenet_features("high", "low")
    return LRASPP(backbone, eighth, last, num_classes)
