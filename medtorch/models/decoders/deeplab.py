"""DeepLabV3 and DeepLabV3+ over any encoder, under segmentation_models_pytorch's keys.

Source    Chen et al., Rethinking atrous convolution for semantic image segmentation, arXiv 1706.05587, 2017; Chen et
          al., Encoder-decoder with atrous separable convolution for semantic image segmentation, ECCV 2018; semantics
          of segmentation_models_pytorch.DeepLabV3, DeepLabV3Plus
Requires  REQ-F-MOD-032
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medtorch import nn
from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.models.blocks import rename_entries
from medtorch.models.decoders.parts import Activated, SegmentationHead, SegmentationModel
from medtorch.models.segmentation import ASPP, separable_conv


class DeepLabV3Decoder(nn.Module):
    """Atrous spatial pyramid pooling and a convolution."""

    def __init__(
        self, in_channels: int, out_channels: int, atrous_rates: Sequence[int], separable: bool, dropout: float
    ) -> None:
        super().__init__()
        self.aspp = ASPP(in_channels, atrous_rates, out_channels, dropout, separable)
        self.conv = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU()

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        return self.relu(self.bn(self.conv(self.aspp(features[-1]))))  # type: ignore[no-any-return]

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        rename_entries(state_dict, prefix, {"0": "aspp", "1": "conv", "2": "bn"})  # of checkpoints before 0.4
        super()._load_from_state_dict(state_dict, prefix, *args)


class DeepLabV3PlusDecoder(nn.Module):
    """Atrous features brought to a quarter of the image, beside those the encoder has there.

    Raises    ArgumentError for a depth under 3
    """

    def __init__(
        self,
        encoder_channels: Sequence[int],
        out_channels: int,
        atrous_rates: Sequence[int],
        output_stride: int,
        separable: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        depth = len(encoder_channels) - 1
        if depth < 3:
            raise ArgumentError(f"DeepLabV3Plus: encoder_depth must be at least 3, got {depth}")
        self.aspp = nn.Sequential(
            ASPP(encoder_channels[-1], atrous_rates, out_channels, dropout, separable),
            separable_conv(out_channels, out_channels, 1),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        )
        larger = 4 if output_stride == 16 and depth > 3 else 2
        self.up = nn.Upsample(mode="bilinear", scale_factor=larger, align_corners=True)
        fine = nn.Conv2d(encoder_channels[2], 48, 1, bias=False)
        self.block1 = nn.Sequential(fine, nn.BatchNorm2d(48), nn.ReLU())
        mix = separable_conv(48 + out_channels, out_channels, 1)
        self.block2 = nn.Sequential(mix, nn.BatchNorm2d(out_channels), nn.ReLU())

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        coarse = self.up(self.aspp(features[-1]))
        return self.block2(cat((coarse, self.block1(features[2])), 1))  # type: ignore[no-any-return]


def _check_stride(name: str, output_stride: int) -> None:
    if output_stride not in (8, 16):
        raise ArgumentError(f"{name}: encoder_output_stride must be 8 or 16, got {output_stride}")


class DeepLabV3(SegmentationModel):
    """Shapes    (n, in_channels, h, w) -> (n, classes, h, w)"""

    def __init__(
        self,
        encoder_name: str = "resnet34",
        encoder_depth: int = 5,
        encoder_weights: None = None,
        encoder_output_stride: int = 8,
        decoder_channels: int = 256,
        decoder_atrous_rates: Sequence[int] = (12, 24, 36),
        decoder_aspp_separable: bool = False,
        decoder_aspp_dropout: float = 0.5,
        in_channels: int = 3,
        classes: int = 1,
        activation: Activated = None,
        upsampling: int | None = None,
        aux_params: Mapping[str, Any] | None = None,
    ) -> None:
        _check_stride("DeepLabV3", encoder_output_stride)
        super().__init__(encoder_name, encoder_depth, encoder_weights, in_channels, aux_params, encoder_output_stride)
        if upsampling is None:
            upsampling = 2**encoder_depth if encoder_depth <= 3 else encoder_output_stride
        decoder = DeepLabV3Decoder(
            self.encoder.out_channels[-1],
            decoder_channels,
            decoder_atrous_rates,
            decoder_aspp_separable,
            decoder_aspp_dropout,
        )
        self._finish(decoder, SegmentationHead(decoder_channels, classes, 1, activation, upsampling), fresh=False)


class DeepLabV3Plus(SegmentationModel):
    """Shapes    (n, in_channels, h, w) -> (n, classes, h, w)"""

    def __init__(
        self,
        encoder_name: str = "resnet34",
        encoder_depth: int = 5,
        encoder_weights: None = None,
        encoder_output_stride: int = 16,
        decoder_channels: int = 256,
        decoder_atrous_rates: Sequence[int] = (12, 24, 36),
        decoder_aspp_separable: bool = True,
        decoder_aspp_dropout: float = 0.5,
        in_channels: int = 3,
        classes: int = 1,
        activation: Activated = None,
        upsampling: int = 4,
        aux_params: Mapping[str, Any] | None = None,
    ) -> None:
        _check_stride("DeepLabV3Plus", encoder_output_stride)
        super().__init__(encoder_name, encoder_depth, encoder_weights, in_channels, aux_params, encoder_output_stride)
        decoder = DeepLabV3PlusDecoder(
            self.encoder.out_channels,
            decoder_channels,
            decoder_atrous_rates,
            encoder_output_stride,
            decoder_aspp_separable,
            decoder_aspp_dropout,
        )
        self._finish(decoder, SegmentationHead(decoder_channels, classes, 1, activation, upsampling), fresh=False)
