"""A feature pyramid over any encoder, under segmentation_models_pytorch's keys.

Source    Lin et al., Feature pyramid networks for object detection, CVPR 2017; for segmentation: Kirillov et al.,
          Panoptic feature pyramid networks, CVPR 2019; semantics of segmentation_models_pytorch.FPN
Requires  REQ-F-MOD-032
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medtorch import nn
from medtorch.core.ops.shape import cat, stack
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.models.decoders.parts import Activated, SegmentationHead, SegmentationModel
from medtorch.nn import functional as F


class Conv3x3GNReLU(nn.Module):
    """Convolution, group norm, ReLU, and twice the size where told."""

    def __init__(self, in_channels: int, out_channels: int, upsample: bool = False) -> None:
        super().__init__()
        conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        self.block = nn.Sequential(conv, nn.GroupNorm(32, out_channels), nn.ReLU(inplace=True))
        self.upsample = upsample

    def forward(self, x: Tensor) -> Tensor:
        x = self.block(x)
        return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=True) if self.upsample else x


class FPNBlock(nn.Module):
    """Twice the size, plus what the encoder kept."""

    def __init__(self, pyramid_channels: int, skip_channels: int, interpolation_mode: str = "nearest") -> None:
        super().__init__()
        self.skip_conv = nn.Conv2d(skip_channels, pyramid_channels, 1)
        self.interpolation_mode = interpolation_mode

    def forward(self, x: Tensor, kept: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2.0, mode=self.interpolation_mode) + self.skip_conv(kept)  # type: ignore[no-any-return]


class SegmentationBlock(nn.Module):
    """Convolutions, each but a lonely one with twice the size behind."""

    def __init__(self, in_channels: int, out_channels: int, n_upsamples: int = 0) -> None:
        super().__init__()
        more = (Conv3x3GNReLU(out_channels, out_channels, upsample=True) for _ in range(n_upsamples - 1))
        self.block = nn.Sequential(Conv3x3GNReLU(in_channels, out_channels, upsample=n_upsamples > 0), *more)

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x)  # type: ignore[no-any-return]


class FPNDecoder(nn.Module):
    """The four smallest features as a pyramid, each level brought to a quarter of the image, added or side by side.

    Raises    ArgumentError for a depth under 3, or a policy that is neither "add" nor "cat"
    """

    def __init__(
        self,
        encoder_channels: Sequence[int],
        pyramid_channels: int,
        segmentation_channels: int,
        dropout: float,
        merge_policy: str,
        interpolation_mode: str,
    ) -> None:
        super().__init__()
        if len(encoder_channels) < 4:
            raise ArgumentError(f"FPN: encoder_depth must be at least 3, got {len(encoder_channels) - 1}")
        if merge_policy not in ("add", "cat"):
            raise ArgumentError(f"FPN: decoder_merge_policy must be 'add' or 'cat', got {merge_policy!r}")
        c5, c4, c3, c2 = encoder_channels[:-5:-1]
        self.p5 = nn.Conv2d(c5, pyramid_channels, 1)
        self.p4 = FPNBlock(pyramid_channels, c4, interpolation_mode)
        self.p3 = FPNBlock(pyramid_channels, c3, interpolation_mode)
        self.p2 = FPNBlock(pyramid_channels, c2, interpolation_mode)
        self.seg_blocks = nn.ModuleList(
            SegmentationBlock(pyramid_channels, segmentation_channels, n) for n in (3, 2, 1, 0)
        )
        self.dropout = nn.Dropout2d(dropout, inplace=True)
        self.merge_policy = merge_policy
        self.out_channels = segmentation_channels * (1 if merge_policy == "add" else 4)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        c2, c3, c4, c5 = features[-4:]
        levels = [self.p5(c5)]
        for block, kept in ((self.p4, c4), (self.p3, c3), (self.p2, c2)):
            levels.append(block(levels[-1], kept))
        parts = [block(level) for block, level in zip(self.seg_blocks, levels, strict=True)]
        return self.dropout(stack(parts).sum(0) if self.merge_policy == "add" else cat(parts, 1))  # type: ignore[no-any-return]


class FPN(SegmentationModel):
    """Shapes    (n, in_channels, h, w) -> (n, classes, h, w)"""

    def __init__(
        self,
        encoder_name: str = "resnet34",
        encoder_depth: int = 5,
        encoder_weights: None = None,
        decoder_pyramid_channels: int = 256,
        decoder_segmentation_channels: int = 128,
        decoder_merge_policy: str = "add",
        decoder_dropout: float = 0.2,
        decoder_interpolation: str = "nearest",
        in_channels: int = 3,
        classes: int = 1,
        activation: Activated = None,
        upsampling: int = 4,
        aux_params: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(encoder_name, encoder_depth, encoder_weights, in_channels, aux_params)
        decoder = FPNDecoder(
            self.encoder.out_channels,
            decoder_pyramid_channels,
            decoder_segmentation_channels,
            decoder_dropout,
            decoder_merge_policy,
            decoder_interpolation,
        )
        self._finish(decoder, SegmentationHead(decoder.out_channels, classes, 1, activation, upsampling))
