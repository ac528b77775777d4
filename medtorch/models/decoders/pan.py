"""Pyramid attention over any encoder, under segmentation_models_pytorch's keys.

Source    Li et al., Pyramid attention network for semantic segmentation, BMVC 2018; semantics of
          segmentation_models_pytorch.PAN
Requires  REQ-F-MOD-032
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medtorch import nn
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.models.decoders.parts import Activated, SegmentationHead, SegmentationModel
from medtorch.nn import functional as F


class ConvBnRelu(nn.Module):
    """Convolution with bias, norm, and ReLU where told."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, add_relu: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2)
        self.activation = nn.ReLU(inplace=True)
        self.bn = nn.BatchNorm2d(out_channels)
        self.add_relu = add_relu

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return self.activation(x) if self.add_relu else x


def _smooth(x: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=True)


class FPABlock(nn.Module):
    """Each pixel weighted by what is seen around it at three sizes, plus what is in the whole image."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.branch1 = nn.Sequential(nn.AdaptiveAvgPool2d(1), ConvBnRelu(in_channels, out_channels, 1))
        self.mid = nn.Sequential(ConvBnRelu(in_channels, out_channels, 1))
        self.down1 = nn.Sequential(nn.MaxPool2d(2, 2), ConvBnRelu(in_channels, 1, 7))
        self.down2 = nn.Sequential(nn.MaxPool2d(2, 2), ConvBnRelu(1, 1, 5))
        self.down3 = nn.Sequential(nn.MaxPool2d(2, 2), ConvBnRelu(1, 1, 3), ConvBnRelu(1, 1, 3))
        self.conv2 = ConvBnRelu(1, 1, 5)
        self.conv1 = ConvBnRelu(1, 1, 7)

    def forward(self, x: Tensor) -> Tensor:
        h, w = x.shape[2:]
        whole, middle = _smooth(self.branch1(x), (h, w)), self.mid(x)
        x1 = self.down1(x)
        x2 = self.down2(x1)
        seen = self.conv2(x2) + _smooth(self.down3(x2), (h // 4, w // 4))
        seen = self.conv1(x1) + _smooth(seen, (h // 2, w // 2))
        return _smooth(seen, (h, w)) * middle + whole  # type: ignore[no-any-return]


class GAUBlock(nn.Module):
    """Fine features weighted by the coarse ones' whole image, plus the coarse ones."""

    def __init__(self, in_channels: int, out_channels: int, interpolation_mode: str = "bilinear") -> None:
        super().__init__()
        self.interpolation_mode = interpolation_mode
        self.align_corners = True if interpolation_mode == "bilinear" else None
        mix = ConvBnRelu(out_channels, out_channels, 1, add_relu=False)
        self.conv1 = nn.Sequential(nn.AdaptiveAvgPool2d(1), mix, nn.Sigmoid())
        self.conv2 = ConvBnRelu(in_channels, out_channels, 3)

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        size = tuple(fine.shape[2:])
        larger = F.interpolate(coarse, size=size, mode=self.interpolation_mode, align_corners=self.align_corners)
        return larger + self.conv2(fine) * self.conv1(coarse)  # type: ignore[no-any-return]


class PANDecoder(nn.Module):
    """Attention on the smallest features, then up to a quarter of the image.

    Raises    ArgumentError for a depth under 3
    """

    def __init__(self, encoder_channels: Sequence[int], decoder_channels: int, interpolation_mode: str) -> None:
        super().__init__()
        depth = len(encoder_channels) - 1
        if depth < 3:
            raise ArgumentError(f"PAN: encoder_depth must be at least 3, got {depth}")
        self.fpa = FPABlock(encoder_channels[-1], decoder_channels)
        if depth == 5:
            self.gau3 = GAUBlock(encoder_channels[4], decoder_channels, interpolation_mode)
        if depth >= 4:
            self.gau2 = GAUBlock(encoder_channels[3], decoder_channels, interpolation_mode)
        self.gau1 = GAUBlock(encoder_channels[2], decoder_channels, interpolation_mode)
        self.depth = depth

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        x = self.fpa(features[-1])
        if self.depth == 5:
            x = self.gau3(features[4], x)
        if self.depth >= 4:
            x = self.gau2(features[3], x)
        return self.gau1(features[2], x)  # type: ignore[no-any-return]


class PAN(SegmentationModel):
    """Shapes    (n, in_channels, h, w) -> (n, classes, h, w)"""

    def __init__(
        self,
        encoder_name: str = "resnet34",
        encoder_depth: int = 5,
        encoder_weights: None = None,
        encoder_output_stride: int = 16,
        decoder_channels: int = 32,
        decoder_interpolation: str = "bilinear",
        in_channels: int = 3,
        classes: int = 1,
        activation: Activated = None,
        upsampling: int = 4,
        aux_params: Mapping[str, Any] | None = None,
    ) -> None:
        if encoder_output_stride not in (16, 32):
            raise ArgumentError(f"PAN: encoder_output_stride must be 16 or 32, got {encoder_output_stride}")
        super().__init__(encoder_name, encoder_depth, encoder_weights, in_channels, aux_params, encoder_output_stride)
        decoder = PANDecoder(self.encoder.out_channels, decoder_channels, decoder_interpolation)
        self._finish(decoder, SegmentationHead(decoder_channels, classes, 3, activation, upsampling))
