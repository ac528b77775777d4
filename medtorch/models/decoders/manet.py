"""Multi-scale attention over any encoder, under segmentation_models_pytorch's keys.

Source    Fan et al., MA-Net: a multi-scale attention network for liver and tumor segmentation, IEEE Access 2020;
          semantics of segmentation_models_pytorch.MAnet
Requires  REQ-F-MOD-032
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medtorch import nn
from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor
from medtorch.models.decoders.parts import (
    Activated,
    Conv2dReLU,
    Norm,
    SegmentationHead,
    SegmentationModel,
    check_widths,
    squeezing,
)
from medtorch.nn import functional as F


class PABBlock(nn.Module):
    """Each pixel plus all pixels, weighted by how much any two of them match.

    Math      y = conv(x + softmax(center(x)^T top(x)) bottom(x)), the softmax over all pairs of pixels
    """

    def __init__(self, in_channels: int, pab_channels: int = 64) -> None:
        super().__init__()
        self.top_conv = nn.Conv2d(in_channels, pab_channels, 1)
        self.center_conv = nn.Conv2d(in_channels, pab_channels, 1)
        self.bottom_conv = nn.Conv2d(in_channels, in_channels, 3, padding=1)
        self.out_conv = nn.Conv2d(in_channels, in_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        top, middle, bottom = (conv(x).flatten(2) for conv in (self.top_conv, self.center_conv, self.bottom_conv))
        matches = middle.transpose(1, 2) @ top
        weights = F.softmax(matches.flatten(1), dim=1).reshape(matches.shape)
        # the origin reads the pixels' values as if their order were channel by channel: kept for its checkpoints
        seen = (weights @ bottom.transpose(1, 2)).reshape(x.shape)
        return self.out_conv(x + seen)  # type: ignore[no-any-return]


class MFABBlock(nn.Module):
    """Twice the size, channels weighted by what both sizes hold, beside what the encoder kept, two convolutions."""

    def __init__(
        self,
        in_channels: int,
        skip_channels: int,
        out_channels: int,
        interpolation_mode: str = "nearest",
        use_norm: Norm = "batchnorm",
        reduction: int = 16,
    ) -> None:
        super().__init__()
        self.hl_conv = nn.Sequential(
            Conv2dReLU(in_channels, in_channels, 3, 1, use_norm), Conv2dReLU(in_channels, skip_channels, 1, 0, use_norm)
        )
        few = max(1, skip_channels // reduction)
        self.SE_ll = squeezing(skip_channels, few)
        self.SE_hl = squeezing(skip_channels, few)
        self.conv1 = Conv2dReLU(2 * skip_channels, out_channels, 3, 1, use_norm)
        self.conv2 = Conv2dReLU(out_channels, out_channels, 3, 1, use_norm)
        self.interpolation_mode = interpolation_mode

    def forward(self, x: Tensor, kept: Tensor) -> Tensor:
        x = F.interpolate(self.hl_conv(x), scale_factor=2.0, mode=self.interpolation_mode)
        x = x * (self.SE_hl(x) + self.SE_ll(kept))
        return self.conv2(self.conv1(cat((x, kept), 1)))  # type: ignore[no-any-return]


class DecoderBlock(nn.Module):
    """Twice the size, then two convolutions."""

    def __init__(
        self, in_channels: int, out_channels: int, interpolation_mode: str = "nearest", use_norm: Norm = "batchnorm"
    ) -> None:
        super().__init__()
        self.conv1 = Conv2dReLU(in_channels, out_channels, 3, 1, use_norm)
        self.conv2 = Conv2dReLU(out_channels, out_channels, 3, 1, use_norm)
        self.interpolation_mode = interpolation_mode

    def forward(self, x: Tensor) -> Tensor:
        x = F.interpolate(x, scale_factor=2.0, mode=self.interpolation_mode)
        return self.conv2(self.conv1(x))  # type: ignore[no-any-return]


class MAnetDecoder(nn.Module):
    """Attention on the smallest features, then one block a size."""

    def __init__(
        self,
        encoder_channels: Sequence[int],
        decoder_channels: Sequence[int],
        use_norm: Norm,
        pab_channels: int,
        interpolation_mode: str,
    ) -> None:
        super().__init__()
        head, *skips = reversed(encoder_channels[1:])
        before = [head, *decoder_channels[:-1]]
        self.center = PABBlock(head, pab_channels)
        blocks: list[nn.Module] = [
            MFABBlock(inp, skip, out, interpolation_mode, use_norm)
            for inp, skip, out in zip(before[:-1], skips, decoder_channels[:-1], strict=True)
        ]
        last = DecoderBlock(before[-1], decoder_channels[-1], interpolation_mode, use_norm)
        self.blocks = nn.ModuleList([*blocks, last])

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        _, *kept, last = features
        x = self.center(last)
        for i, skip in enumerate(reversed(kept)):
            x = self.blocks[i](x, skip)
        return self.blocks[-1](x)  # type: ignore[no-any-return]


class MAnet(SegmentationModel):
    """Shapes    (n, in_channels, h, w) -> (n, classes, h, w)"""

    def __init__(
        self,
        encoder_name: str = "resnet34",
        encoder_depth: int = 5,
        encoder_weights: None = None,
        decoder_use_norm: Norm = "batchnorm",
        decoder_channels: Sequence[int] = (256, 128, 64, 32, 16),
        decoder_pab_channels: int = 64,
        decoder_interpolation: str = "nearest",
        in_channels: int = 3,
        classes: int = 1,
        activation: Activated = None,
        aux_params: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(encoder_name, encoder_depth, encoder_weights, in_channels, aux_params)
        check_widths("MAnet", encoder_depth, decoder_channels)
        decoder = MAnetDecoder(
            self.encoder.out_channels,
            decoder_channels,
            decoder_use_norm,
            decoder_pab_channels,
            decoder_interpolation,
        )
        self._finish(decoder, SegmentationHead(decoder_channels[-1], classes, 3, activation))
