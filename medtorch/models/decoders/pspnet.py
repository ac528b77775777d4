"""Pyramid scene parsing over any encoder, under segmentation_models_pytorch's keys.

Source    Zhao et al., Pyramid scene parsing network, CVPR 2017; semantics of segmentation_models_pytorch.PSPNet
Requires  REQ-F-MOD-032
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medtorch import nn
from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor
from medtorch.models.decoders.parts import Activated, Conv2dReLU, Norm, SegmentationHead, SegmentationModel
from medtorch.nn import functional as F

_SIZES = (1, 2, 3, 6)


class PSPBlock(nn.Module):
    """Means over a grid, mixed and brought back to size. A grid of one has nothing to norm."""

    def __init__(self, in_channels: int, out_channels: int, pool_size: int, use_norm: Norm = "batchnorm") -> None:
        super().__init__()
        norm: Norm = "identity" if pool_size == 1 else use_norm
        pool = nn.AdaptiveAvgPool2d((pool_size, pool_size))
        self.pool = nn.Sequential(pool, Conv2dReLU(in_channels, out_channels, 1, use_norm=norm))

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(self.pool(x), size=tuple(x.shape[2:]), mode="bilinear", align_corners=True)


class PSPModule(nn.Module):
    """Several grids beside the features themselves."""

    def __init__(self, in_channels: int, sizes: Sequence[int] = _SIZES, use_norm: Norm = "batchnorm") -> None:
        super().__init__()
        few = in_channels // len(sizes)
        self.blocks = nn.ModuleList(PSPBlock(in_channels, few, size, use_norm) for size in sizes)

    def forward(self, x: Tensor) -> Tensor:
        return cat([*(block(x) for block in self.blocks), x], 1)


class PSPDecoder(nn.Module):
    """The smallest features with their grids, mixed."""

    def __init__(self, encoder_channels: Sequence[int], use_norm: Norm, out_channels: int, dropout: float) -> None:
        super().__init__()
        last = encoder_channels[-1]
        self.psp = PSPModule(last, use_norm=use_norm)
        self.conv = Conv2dReLU(2 * last, out_channels, 1, use_norm=use_norm)
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        return self.dropout(self.conv(self.psp(features[-1])))  # type: ignore[no-any-return]


class PSPNet(SegmentationModel):
    """Shapes    (n, in_channels, h, w) -> (n, classes, h, w)"""

    def __init__(
        self,
        encoder_name: str = "resnet34",
        encoder_weights: None = None,
        encoder_depth: int = 3,
        psp_out_channels: int = 512,
        decoder_use_norm: Norm = "batchnorm",
        psp_dropout: float = 0.2,
        in_channels: int = 3,
        classes: int = 1,
        activation: Activated = None,
        upsampling: int = 8,
        aux_params: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(encoder_name, encoder_depth, encoder_weights, in_channels, aux_params)
        decoder = PSPDecoder(self.encoder.out_channels, decoder_use_norm, psp_out_channels, psp_dropout)
        self._finish(decoder, SegmentationHead(psp_out_channels, classes, 3, activation, upsampling))
