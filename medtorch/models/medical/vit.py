"""A vision transformer for images and volumes, under MONAI's keys.

Source    Dosovitskiy et al., An image is worth 16x16 words, ICLR 2021; semantics of monai.networks.nets.ViT
Requires  REQ-F-MOD-030
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from medtorch import nn
from medtorch.core.creation import full
from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.models.medical.layers import Sizes, conv, spread
from medtorch.nn import functional as F


class Patches(nn.Module):
    """Shapes    (n, c, *sizes) -> (n, patches, values of a patch), the channel the fastest"""

    def __init__(self, patch_size: Sequence[int]) -> None:
        super().__init__()
        self.patch_size = tuple(patch_size)

    def forward(self, x: Tensor) -> Tensor:
        n, channels, *sizes = x.shape
        dims = len(sizes)
        tiles = [part for s, p in zip(sizes, self.patch_size, strict=True) for part in (s // p, p)]
        x = x.reshape(n, channels, *tiles)
        x = x.permute(0, *(2 + 2 * i for i in range(dims)), *(3 + 2 * i for i in range(dims)), 1)
        return x.reshape(n, -1, math.prod(self.patch_size) * channels)


class PatchEmbeddingBlock(nn.Module):
    """Patches as tokens, with what is learned for each place added.

    Shapes    (n, in_channels, *img_size) -> (n, patches, hidden_size)
    """

    def __init__(
        self,
        in_channels: int,
        img_size: Sequence[int],
        patch_size: Sequence[int],
        hidden_size: int,
        proj_type: str = "conv",
        dropout_rate: float = 0.0,
    ) -> None:
        super().__init__()
        _check_patches(img_size, patch_size, proj_type)
        number = math.prod(i // p for i, p in zip(img_size, patch_size, strict=True))
        self.proj_type = proj_type
        if proj_type == "conv":
            self.patch_embeddings = conv(len(img_size))(
                in_channels, hidden_size, kernel_size=tuple(patch_size), stride=tuple(patch_size)
            )
        else:
            self.patch_embeddings = nn.Sequential(
                Patches(patch_size), _linear(in_channels * math.prod(patch_size), hidden_size)
            )
        self.position_embeddings = nn.Parameter(full((1, number, hidden_size), 0.0))
        nn.init.trunc_normal_(self.position_embeddings, std=0.02)
        self.dropout = nn.Dropout(dropout_rate)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch_embeddings(x)
        if self.proj_type == "conv":
            x = x.flatten(2).transpose(-1, -2)
        return self.dropout(x + self.position_embeddings)  # type: ignore[no-any-return]


def _linear(inp: int, out: int) -> nn.Linear:
    layer = nn.Linear(inp, out)
    nn.init.trunc_normal_(layer.weight, std=0.02)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _check_patches(img_size: Sequence[int], patch_size: Sequence[int], proj_type: str) -> None:
    if proj_type not in ("conv", "perceptron"):
        raise ArgumentError(f"proj_type must be 'conv' or 'perceptron', got {proj_type!r}")
    if any(i < p for i, p in zip(img_size, patch_size, strict=True)):
        raise ArgumentError(f"an image of {tuple(img_size)} is smaller than a patch of {tuple(patch_size)}")
    if proj_type == "perceptron" and any(i % p for i, p in zip(img_size, patch_size, strict=True)):
        raise ArgumentError(f"proj_type 'perceptron' needs sizes {tuple(img_size)} in multiples of {tuple(patch_size)}")


class MLPBlock(nn.Module):
    """Wider, an activation, and back; dropout behind each."""

    def __init__(self, hidden_size: int, mlp_dim: int, dropout_rate: float = 0.0) -> None:
        super().__init__()
        self.linear1 = nn.Linear(hidden_size, mlp_dim)
        self.linear2 = nn.Linear(mlp_dim, hidden_size)
        self.fn = nn.GELU()
        self.drop1 = nn.Dropout(dropout_rate)
        self.drop2 = nn.Dropout(dropout_rate)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop2(self.linear2(self.drop1(self.fn(self.linear1(x)))))  # type: ignore[no-any-return]


class SABlock(nn.Module):
    """Attention of all tokens to all; `att_mat` keeps the last weights where `save_attn` asks for them."""

    def __init__(
        self,
        hidden_size: int,
        num_heads: int,
        dropout_rate: float = 0.0,
        qkv_bias: bool = False,
        save_attn: bool = False,
    ) -> None:
        super().__init__()
        self.num_heads, self.save_attn = num_heads, save_attn
        self.scale = (hidden_size // num_heads) ** -0.5
        self.out_proj = nn.Linear(hidden_size, hidden_size)
        self.qkv = nn.Linear(hidden_size, 3 * hidden_size, bias=qkv_bias)
        self.drop_output = nn.Dropout(dropout_rate)
        self.drop_weights = nn.Dropout(dropout_rate)
        self.att_mat: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        n, tokens, width = x.shape
        parts = self.qkv(x).reshape(n, tokens, 3, self.num_heads, width // self.num_heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4).unbind(0)
        weights = F.softmax(q @ k.transpose(-2, -1) * self.scale, dim=-1)
        if self.save_attn:
            self.att_mat = weights.detach()
        seen = (self.drop_weights(weights) @ v).transpose(1, 2).reshape(n, tokens, width)
        return self.drop_output(self.out_proj(seen))  # type: ignore[no-any-return]


class TransformerBlock(nn.Module):
    """Attention and an MLP with norms before and shortcuts beside.

    `norm_cross_attn` is in MONAI's checkpoints and takes no part.
    """

    def __init__(
        self,
        hidden_size: int,
        mlp_dim: int,
        num_heads: int,
        dropout_rate: float = 0.0,
        qkv_bias: bool = False,
        save_attn: bool = False,
    ) -> None:
        super().__init__()
        self.mlp = MLPBlock(hidden_size, mlp_dim, dropout_rate)
        self.norm1 = nn.LayerNorm(hidden_size)
        self.attn = SABlock(hidden_size, num_heads, dropout_rate, qkv_bias, save_attn)
        self.norm2 = nn.LayerNorm(hidden_size)
        self.norm_cross_attn = nn.LayerNorm(hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))  # type: ignore[no-any-return]


class ViT(nn.Module):
    """Tokens of patches through transformer blocks; a class token and its scores where `classification` asks.

    Shapes    (n, in_channels, *img_size) -> tokens (n, patches, hidden_size) or scores (n, num_classes), and a list of
              what each block gave
    Raises    ArgumentError if the heads do not divide the width, or a patch is larger than the image
    """

    def __init__(
        self,
        in_channels: int,
        img_size: Sizes,
        patch_size: Sizes,
        hidden_size: int = 768,
        mlp_dim: int = 3072,
        num_layers: int = 12,
        num_heads: int = 12,
        proj_type: str = "conv",
        classification: bool = False,
        num_classes: int = 2,
        dropout_rate: float = 0.0,
        spatial_dims: int = 3,
        post_activation: str | None = "Tanh",
        qkv_bias: bool = False,
        save_attn: bool = False,
    ) -> None:
        super().__init__()
        if hidden_size % num_heads:
            raise ArgumentError(f"ViT: {num_heads} heads do not divide a hidden_size of {hidden_size}")
        self.classification = classification
        self.patch_embedding = PatchEmbeddingBlock(
            in_channels,
            spread(img_size, spatial_dims, "img_size"),
            spread(patch_size, spatial_dims, "patch_size"),
            hidden_size,
            proj_type,
            dropout_rate,
        )
        self.blocks = nn.ModuleList(
            TransformerBlock(hidden_size, mlp_dim, num_heads, dropout_rate, qkv_bias, save_attn)
            for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(hidden_size)
        if classification:
            self.cls_token = nn.Parameter(full((1, 1, hidden_size), 0.0))
            head = nn.Linear(hidden_size, num_classes)
            self.classification_head = nn.Sequential(head, nn.Tanh()) if post_activation == "Tanh" else head

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = self.patch_embedding(x)
        if self.classification:
            x = cat((self.cls_token.expand(x.shape[0], -1, -1), x), 1)
        states = []
        for block in self.blocks:
            x = block(x)
            states.append(x)
        x = self.norm(x)
        return (self.classification_head(x[:, 0]) if self.classification else x), states
