"""U-Net over any encoder, under segmentation_models_pytorch's keys.

Source    Ronneberger et al., U-Net: convolutional networks for biomedical image segmentation, MICCAI 2015; semantics of
          segmentation_models_pytorch.Unet
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
    Attention,
    Conv2dReLU,
    Norm,
    SegmentationHead,
    SegmentationModel,
    check_widths,
)
from medtorch.nn import functional as F


class UnetDecoderBlock(nn.Module):
    """Brought to a size, beside what the encoder kept where it did, then two convolutions."""

    def __init__(
        self,
        in_channels: int,
        skip_channels: int,
        out_channels: int,
        use_norm: Norm = "batchnorm",
        attention_type: str | None = None,
        interpolation_mode: str = "nearest",
    ) -> None:
        super().__init__()
        both = in_channels + skip_channels
        self.interpolation_mode = interpolation_mode
        self.conv1 = Conv2dReLU(both, out_channels, 3, 1, use_norm)
        self.attention1 = Attention(attention_type, both)
        self.conv2 = Conv2dReLU(out_channels, out_channels, 3, 1, use_norm)
        self.attention2 = Attention(attention_type, out_channels)

    def forward(self, x: Tensor, size: Sequence[int], kept: Tensor | None = None) -> Tensor:
        x = F.interpolate(x, size=tuple(size), mode=self.interpolation_mode)
        if kept is not None:
            x = self.attention1(cat((x, kept), 1))
        return self.attention2(self.conv2(self.conv1(x)))  # type: ignore[no-any-return]


class CenterBlock(nn.Sequential):
    """Two convolutions of the smallest features."""

    def __init__(self, in_channels: int, out_channels: int, use_norm: Norm = "batchnorm") -> None:
        super().__init__(
            Conv2dReLU(in_channels, out_channels, 3, 1, use_norm),
            Conv2dReLU(out_channels, out_channels, 3, 1, use_norm),
        )


def center(add: bool, channels: int, use_norm: Norm) -> nn.Module:
    """Two convolutions where told, else nothing."""
    return CenterBlock(channels, channels, use_norm) if add else nn.Identity()


class UnetDecoder(nn.Module):
    """One block a size, from the smallest features to the image."""

    def __init__(
        self,
        encoder_channels: Sequence[int],
        decoder_channels: Sequence[int],
        use_norm: Norm,
        add_center_block: bool,
        attention_type: str | None,
        interpolation_mode: str,
    ) -> None:
        super().__init__()
        head, *skips = reversed(encoder_channels[1:])
        before = [head, *decoder_channels[:-1]]
        self.center = center(add_center_block, head, use_norm)
        self.blocks = nn.ModuleList(
            UnetDecoderBlock(inp, skip, out, use_norm, attention_type, interpolation_mode)
            for inp, skip, out in zip(before, [*skips, 0], decoder_channels, strict=True)
        )

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        image, *kept, last = features
        x = self.center(last)
        for i, block in enumerate(self.blocks):
            skip = kept[-1 - i] if i < len(kept) else None
            x = block(x, (image if skip is None else skip).shape[2:], skip)
        return x  # type: ignore[no-any-return]


class Unet(SegmentationModel):
    """Shapes    (n, in_channels, h, w) -> (n, classes, h, w)"""

    any_size = True

    def __init__(
        self,
        encoder_name: str = "resnet34",
        encoder_depth: int = 5,
        encoder_weights: None = None,
        decoder_use_norm: Norm = "batchnorm",
        decoder_channels: Sequence[int] = (256, 128, 64, 32, 16),
        decoder_attention_type: str | None = None,
        decoder_interpolation: str = "nearest",
        in_channels: int = 3,
        classes: int = 1,
        activation: Activated = None,
        aux_params: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(encoder_name, encoder_depth, encoder_weights, in_channels, aux_params)
        check_widths("Unet", encoder_depth, decoder_channels)
        decoder = UnetDecoder(
            self.encoder.out_channels,
            decoder_channels,
            decoder_use_norm,
            encoder_name.startswith("vgg"),
            decoder_attention_type,
            decoder_interpolation,
        )
        self._finish(decoder, SegmentationHead(decoder_channels[-1], classes, 3, activation))
