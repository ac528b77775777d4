"""U-Net++ over any encoder, under segmentation_models_pytorch's keys.

Source    Zhou et al., UNet++: a nested U-Net architecture for medical image segmentation, DLMIA 2018; semantics of
          segmentation_models_pytorch.UnetPlusPlus
Requires  REQ-F-MOD-032
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medtorch import nn
from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor
from medtorch.models.decoders.parts import Activated, Norm, SegmentationHead, SegmentationModel, check_widths
from medtorch.models.decoders.unet import UnetDecoderBlock, center


class UnetPlusPlusDecoder(nn.Module):
    """A triangle of blocks: x_i_j begins at the encoder's features i and is fed by all before it at the size of j."""

    def __init__(
        self,
        encoder_channels: Sequence[int],
        decoder_channels: Sequence[int],
        use_norm: Norm,
        attention_type: str | None,
        interpolation_mode: str,
        add_center_block: bool,
    ) -> None:
        super().__init__()
        head, *skips = reversed(encoder_channels[1:])
        before = [head, *decoder_channels[:-1]]
        self.depth = len(before) - 1
        self.center = center(add_center_block, head, use_norm)

        def block(inp: int, skip: int, out: int) -> UnetDecoderBlock:
            return UnetDecoderBlock(inp, skip, out, use_norm, attention_type, interpolation_mode)

        self.blocks = nn.ModuleDict()
        for j in range(self.depth):
            self.blocks[f"x_0_{j}"] = block(before[j], skips[j] * (j + 1), decoder_channels[j])
            for i in range(1, j + 1):
                self.blocks[f"x_{i}_{j}"] = block(skips[j - 1], skips[j] * (j + 1 - i), skips[j])
        self.blocks[f"x_0_{self.depth}"] = block(before[-1], 0, decoder_channels[-1])

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        image, *levels = features
        levels = levels[::-1]
        seen: dict[tuple[int, int], Tensor] = {}
        for j in range(self.depth):
            for i in range(j, -1, -1):
                below = levels[j] if i == j else seen[i, j - 1]
                kept = [seen[k, j] for k in range(i + 1, j + 1)] + [levels[j + 1]]
                both = cat(kept, 1) if len(kept) > 1 else kept[0]
                seen[i, j] = self.blocks[f"x_{i}_{j}"](below, both.shape[2:], both)
        last = self.blocks[f"x_0_{self.depth}"]
        return last(seen[0, self.depth - 1], image.shape[2:])  # type: ignore[no-any-return]


class UnetPlusPlus(SegmentationModel):
    """Shapes    (n, in_channels, h, w) -> (n, classes, h, w)"""

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
        check_widths("UnetPlusPlus", encoder_depth, decoder_channels)
        decoder = UnetPlusPlusDecoder(
            self.encoder.out_channels,
            decoder_channels,
            decoder_use_norm,
            decoder_attention_type,
            decoder_interpolation,
            encoder_name.startswith("vgg"),
        )
        self._finish(decoder, SegmentationHead(decoder_channels[-1], classes, 3, activation))
