"""A transformer encoder with a convolutional decoder, under MONAI's keys.

Source    Hatamizadeh et al., UNETR: transformers for 3D medical image segmentation, WACV 2022; semantics of
          monai.networks.nets.UNETR
Requires  REQ-F-MOD-030
"""

from __future__ import annotations

from typing import Any

from medtorch import nn
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.models.medical.dynunet_blocks import UnetBasicBlock, UnetOutBlock, UnetResBlock, UnetUpBlock, plain_conv
from medtorch.models.medical.layers import Described, Sizes, check_dims, spread
from medtorch.models.medical.vit import ViT


class UnetrBasicBlock(nn.Module):
    """A block of convolutions at the size of the image."""

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes,
        norm_name: Described,
        res_block: bool = False,
    ) -> None:
        super().__init__()
        block = UnetResBlock if res_block else UnetBasicBlock
        self.layer = block(spatial_dims, in_channels, out_channels, kernel_size, stride, norm_name)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)  # type: ignore[no-any-return]


def unetr_up_block(
    spatial_dims: int, in_channels: int, out_channels: int, norm_name: Described, res_block: bool
) -> UnetUpBlock:
    """Twice the size, beside what the way down kept."""
    block = UnetResBlock if res_block else UnetBasicBlock
    return UnetUpBlock(spatial_dims, in_channels, out_channels, 3, 2, norm_name, block=block)


class UnetrPrUpBlock(nn.Module):
    """Twice the size, and twice again `num_layer` times, each with a block of convolutions where told."""

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        num_layer: int,
        kernel_size: Sizes,
        stride: Sizes,
        upsample_kernel_size: Sizes,
        norm_name: Described,
        conv_block: bool = False,
        res_block: bool = False,
    ) -> None:
        super().__init__()
        block = UnetResBlock if res_block else UnetBasicBlock

        def larger(inp: int) -> nn.Module:
            up = upsample_kernel_size
            return plain_conv(spatial_dims, inp, out_channels, up, up, is_transposed=True)

        def step() -> nn.Module:
            if not conv_block:
                return larger(out_channels)
            inner = block(spatial_dims, out_channels, out_channels, kernel_size, stride, norm_name)
            return nn.Sequential(larger(out_channels), inner)

        self.transp_conv_init = larger(in_channels)
        self.blocks = nn.ModuleList(step() for _ in range(num_layer))

    def forward(self, x: Tensor) -> Tensor:
        x = self.transp_conv_init(x)
        for block in self.blocks:
            x = block(x)
        return x


class UNETR(nn.Module):
    """Patches of 16 pixels a side, twelve transformer blocks; every third one feeds the decoder.

    Shapes    (n, in_channels, *img_size), sizes multiples of 16 -> logits (n, out_channels, *img_size)
    Raises    ArgumentError if the heads do not divide the width, or the image is smaller than a patch
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        img_size: Sizes,
        feature_size: int = 16,
        hidden_size: int = 768,
        mlp_dim: int = 3072,
        num_heads: int = 12,
        proj_type: str = "conv",
        norm_name: Described = "instance",
        conv_block: bool = True,
        res_block: bool = True,
        dropout_rate: float = 0.0,
        spatial_dims: int = 3,
        qkv_bias: bool = False,
        save_attn: bool = False,
    ) -> None:
        super().__init__()
        check_dims(spatial_dims, (2, 3))
        if not 0 <= dropout_rate <= 1:
            raise ArgumentError(f"UNETR: dropout_rate must lie between 0 and 1, got {dropout_rate}")
        sizes = spread(img_size, spatial_dims, "img_size")
        self.feat_size = tuple(size // 16 for size in sizes)
        self.hidden_size = hidden_size
        self.vit = ViT(
            in_channels,
            sizes,
            16,
            hidden_size,
            mlp_dim,
            num_layers=12,
            num_heads=num_heads,
            proj_type=proj_type,
            dropout_rate=dropout_rate,
            spatial_dims=spatial_dims,
            qkv_bias=qkv_bias,
            save_attn=save_attn,
        )
        f, told = feature_size, {"norm_name": norm_name, "res_block": res_block}
        tokens: dict[str, Any] = {**told, "conv_block": conv_block}
        self.encoder1 = UnetrBasicBlock(spatial_dims, in_channels, f, 3, 1, norm_name, res_block)
        self.encoder2 = UnetrPrUpBlock(spatial_dims, hidden_size, 2 * f, 2, 3, 1, 2, **tokens)
        self.encoder3 = UnetrPrUpBlock(spatial_dims, hidden_size, 4 * f, 1, 3, 1, 2, **tokens)
        self.encoder4 = UnetrPrUpBlock(spatial_dims, hidden_size, 8 * f, 0, 3, 1, 2, **tokens)
        self.decoder5 = unetr_up_block(spatial_dims, hidden_size, 8 * f, norm_name, res_block)
        self.decoder4 = unetr_up_block(spatial_dims, 8 * f, 4 * f, norm_name, res_block)
        self.decoder3 = unetr_up_block(spatial_dims, 4 * f, 2 * f, norm_name, res_block)
        self.decoder2 = unetr_up_block(spatial_dims, 2 * f, f, norm_name, res_block)
        self.out = UnetOutBlock(spatial_dims, f, out_channels)

    def _image(self, tokens: Tensor) -> Tensor:
        return tokens.transpose(1, 2).reshape(tokens.shape[0], self.hidden_size, *self.feat_size)

    def forward(self, x: Tensor) -> Tensor:
        last, states = self.vit(x)
        kept = [self.encoder1(x)]
        kept += [
            self.encoder2(self._image(states[3])),
            self.encoder3(self._image(states[6])),
            self.encoder4(self._image(states[9])),
        ]
        x = self._image(last)
        for decoder in (self.decoder5, self.decoder4, self.decoder3, self.decoder2):
            x = decoder(x, kept.pop())
        return self.out(x)  # type: ignore[no-any-return]
