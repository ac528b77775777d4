"""LinkNet over any encoder, under segmentation_models_pytorch's keys.

Source    Chaurasia & Culurciello, LinkNet: exploiting encoder representations for efficient semantic segmentation,
          VCIP 2017; semantics of segmentation_models_pytorch.Linknet
Requires  REQ-F-MOD-032
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from medtorch import nn
from medtorch.core.tensor import Tensor
from medtorch.models.decoders.parts import (
    Activated,
    Conv2dReLU,
    Norm,
    SegmentationHead,
    SegmentationModel,
    norm_layer,
)

_LAST = 32  # channels before the scores


class DecoderBlock(nn.Module):
    """A quarter of the width, twice the size, another width; plus what the encoder kept."""

    def __init__(self, in_channels: int, out_channels: int, use_norm: Norm = "batchnorm") -> None:
        super().__init__()
        few = in_channels // 4
        larger = nn.ConvTranspose2d(few, few, kernel_size=4, stride=2, padding=1)
        self.block = nn.Sequential(
            Conv2dReLU(in_channels, few, 1, use_norm=use_norm),
            nn.Sequential(larger, norm_layer(use_norm, few), nn.ReLU(inplace=True)),
            Conv2dReLU(few, out_channels, 1, use_norm=use_norm),
        )

    def forward(self, x: Tensor, kept: Tensor | None = None) -> Tensor:
        x = self.block(x)
        return x if kept is None else x + kept


class LinknetDecoder(nn.Module):
    """One block a halving."""

    def __init__(self, encoder_channels: Sequence[int], use_norm: Norm) -> None:
        super().__init__()
        widths = [*reversed(encoder_channels[1:]), _LAST]
        pairs = itertools.pairwise(widths)
        self.blocks = nn.ModuleList(DecoderBlock(inp, out, use_norm) for inp, out in pairs)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        _, *kept, x = features
        for i, block in enumerate(self.blocks):
            x = block(x, kept[-1 - i] if i < len(kept) else None)
        return x


class Linknet(SegmentationModel):
    """Shapes    (n, in_channels, h, w) -> (n, classes, h, w)"""

    def __init__(
        self,
        encoder_name: str = "resnet34",
        encoder_depth: int = 5,
        encoder_weights: None = None,
        decoder_use_norm: Norm = "batchnorm",
        in_channels: int = 3,
        classes: int = 1,
        activation: Activated = None,
        aux_params: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(encoder_name, encoder_depth, encoder_weights, in_channels, aux_params)
        decoder = LinknetDecoder(self.encoder.out_channels, decoder_use_norm)
        self._finish(decoder, SegmentationHead(_LAST, classes, 1, activation))
