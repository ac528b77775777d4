"""A Swin encoder with a convolutional decoder, under MONAI's keys.

Source    Hatamizadeh et al., Swin UNETR: Swin transformers for semantic segmentation of brain tumors in MRI images,
          BrainLes 2021; version 2: He et al., SwinUNETR-V2, MICCAI 2023; semantics of monai.networks.nets.SwinUNETR
Requires  REQ-F-MOD-030
"""

from __future__ import annotations

from collections.abc import Sequence

from medtorch import nn
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, ShapeError, UnsupportedError
from medtorch.models.medical.dynunet_blocks import UnetOutBlock
from medtorch.models.medical.layers import Described, Layer, Sizes, check_dims, spread
from medtorch.models.medical.swin import SwinTransformer
from medtorch.models.medical.unetr import UnetrBasicBlock, unetr_up_block


class SwinUNETR(nn.Module):
    """Features of patches and of four Swin layers, joined on the way up.

    Shapes    (n, in_channels, *sizes), sizes multiples of patch_size^5 -> logits (n, out_channels, *sizes)
    Raises    ArgumentError unless 12 divides feature_size and rates lie between 0 and 1; ShapeError for other sizes;
              UnsupportedError for Hyena stages and flash attention
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        patch_size: int = 2,
        depths: Sequence[int] = (2, 2, 2, 2),
        num_heads: Sequence[int] = (3, 6, 12, 24),
        window_size: Sizes = 7,
        qkv_bias: bool = True,
        mlp_ratio: float = 4.0,
        feature_size: int = 24,
        norm_name: Described = "instance",
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        dropout_path_rate: float = 0.0,
        normalize: bool = True,
        norm_layer: Layer = nn.LayerNorm,
        patch_norm: bool = False,
        use_checkpoint: bool = False,
        spatial_dims: int = 3,
        downsample: str | Layer = "merging",
        use_v2: bool = False,
        use_hyena: bool = False,
        use_flash_attention: bool = False,
    ) -> None:
        super().__init__()
        check_dims(spatial_dims, (2, 3))
        if use_hyena or use_flash_attention:
            raise UnsupportedError("SwinUNETR: use_hyena and use_flash_attention are not here")
        rates = {"drop_rate": drop_rate, "attn_drop_rate": attn_drop_rate, "dropout_path_rate": dropout_path_rate}
        for name, rate in rates.items():
            if not 0 <= rate <= 1:
                raise ArgumentError(f"SwinUNETR: {name} must lie between 0 and 1, got {rate}")
        if feature_size % 12:
            raise ArgumentError(f"SwinUNETR: 12 must divide feature_size, got {feature_size}")
        self.normalize, self.multiple = normalize, patch_size**5
        self.swinViT = SwinTransformer(
            in_channels,
            feature_size,
            spread(window_size, spatial_dims, "window_size"),
            (patch_size,) * spatial_dims,
            depths,
            num_heads,
            mlp_ratio,
            qkv_bias,
            drop_rate,
            attn_drop_rate,
            dropout_path_rate,
            norm_layer,
            patch_norm,
            use_checkpoint,
            spatial_dims,
            downsample,
            use_v2,
        )

        def same(inp: int, out: int) -> UnetrBasicBlock:
            return UnetrBasicBlock(spatial_dims, inp, out, 3, 1, norm_name, res_block=True)

        f = feature_size
        self.encoder1 = same(in_channels, f)
        self.encoder2 = same(f, f)
        self.encoder3 = same(2 * f, 2 * f)
        self.encoder4 = same(4 * f, 4 * f)
        self.encoder10 = same(16 * f, 16 * f)
        self.decoder5 = unetr_up_block(spatial_dims, 16 * f, 8 * f, norm_name, True)
        self.decoder4 = unetr_up_block(spatial_dims, 8 * f, 4 * f, norm_name, True)
        self.decoder3 = unetr_up_block(spatial_dims, 4 * f, 2 * f, norm_name, True)
        self.decoder2 = unetr_up_block(spatial_dims, 2 * f, f, norm_name, True)
        self.decoder1 = unetr_up_block(spatial_dims, f, f, norm_name, True)
        self.out = UnetOutBlock(spatial_dims, f, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        if any(size % self.multiple for size in x.shape[2:]):
            raise ShapeError(f"SwinUNETR: sizes {tuple(x.shape[2:])} must be multiples of {self.multiple}")
        patches, first, second, third, last = self.swinViT(x, self.normalize)
        kept = [self.encoder1(x), self.encoder2(patches), self.encoder3(first), self.encoder4(second), third]
        x = self.encoder10(last)
        for decoder in (self.decoder5, self.decoder4, self.decoder3, self.decoder2, self.decoder1):
            x = decoder(x, kept.pop())
        return self.out(x)  # type: ignore[no-any-return]
