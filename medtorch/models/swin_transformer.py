"""Swin transformers, versions 1 and 2, under torchvision's keys.

Source    Liu et al., Swin transformer: hierarchical vision transformer using shifted windows, ICCV 2021, section 3;
          Liu et al., Swin transformer V2: scaling up capacity and resolution, CVPR 2022, section 3
Requires  REQ-F-MOD-010
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from medtorch import nn
from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor
from medtorch.models.blocks import MLP, Layer, Permute, StochasticDepth
from medtorch.models.windows import ShiftedWindowAttention, ShiftedWindowAttentionV2
from medtorch.nn import functional as F


def _quarters(x: Tensor) -> Tensor:
    """Shapes    (n, h, w, c) -> (n, ceil(h/2), ceil(w/2), 4c): the pixels of each 2x2 square, column by column"""
    x = F.pad(x, (0, 0, 0, x.shape[-2] % 2, 0, x.shape[-3] % 2))
    return cat([x[..., i::2, j::2, :] for j in (0, 1) for i in (0, 1)], -1)


class PatchMerging(nn.Module):
    """Half the size and twice the channels, the norm before."""

    def __init__(self, dim: int, norm_layer: Layer = nn.LayerNorm) -> None:
        super().__init__()
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer(4 * dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.reduction(self.norm(_quarters(x)))  # type: ignore[no-any-return]


class PatchMergingV2(nn.Module):
    """Half the size and twice the channels, the norm after."""

    def __init__(self, dim: int, norm_layer: Layer = nn.LayerNorm) -> None:
        super().__init__()
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer(2 * dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.reduction(_quarters(x)))  # type: ignore[no-any-return]


class SwinTransformerBlock(nn.Module):
    """Attention within windows, then an MLP for each pixel; norms before, shortcuts beside.

    Shapes    (n, h, w, dim) -> same
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        window_size: Sequence[int],
        shift_size: Sequence[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.0,
        norm_layer: Layer = nn.LayerNorm,
        attn_layer: Layer = ShiftedWindowAttention,
    ) -> None:
        super().__init__()
        self.norm1 = norm_layer(dim)
        self.attn = attn_layer(
            dim, window_size, shift_size, num_heads, attention_dropout=attention_dropout, dropout=dropout
        )
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.norm2 = norm_layer(dim)
        self.mlp = MLP(dim, [int(dim * mlp_ratio), dim], activation_layer=nn.GELU, inplace=None, dropout=dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.stochastic_depth(self.attn(self.norm1(x)))
        return x + self.stochastic_depth(self.mlp(self.norm2(x)))  # type: ignore[no-any-return]


class SwinTransformerBlockV2(SwinTransformerBlock):
    """The same with norms after, and version 2's attention."""

    def __init__(
        self,
        dim: int,
        num_heads: int,
        window_size: Sequence[int],
        shift_size: Sequence[int],
        attn_layer: Layer = ShiftedWindowAttentionV2,
        **config: Any,
    ) -> None:
        super().__init__(dim, num_heads, window_size, shift_size, attn_layer=attn_layer, **config)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.stochastic_depth(self.norm1(self.attn(x)))
        return x + self.stochastic_depth(self.norm2(self.mlp(x)))  # type: ignore[no-any-return]


class SwinTransformer(nn.Module):
    """Shapes    (n, 3, h, w) -> (n, num_classes)"""

    def __init__(
        self,
        patch_size: Sequence[int],
        embed_dim: int,
        depths: Sequence[int],
        num_heads: Sequence[int],
        window_size: Sequence[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.1,
        num_classes: int = 1000,
        norm_layer: Layer | None = None,
        block: Layer | None = None,
        downsample_layer: Layer = PatchMerging,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        norm = partial(nn.LayerNorm, eps=1e-5) if norm_layer is None else norm_layer
        make = partial(
            SwinTransformerBlock if block is None else block,
            window_size=tuple(window_size),
            mlp_ratio=mlp_ratio,
            dropout=dropout,
            attention_dropout=attention_dropout,
            norm_layer=norm,
        )
        sides = (patch_size[0], patch_size[1])
        patches = nn.Conv2d(3, embed_dim, sides, sides)
        made: list[nn.Module] = [nn.Sequential(patches, Permute((0, 2, 3, 1)), norm(embed_dim))]
        shifts = ((0, 0), tuple(w // 2 for w in window_size))
        done, dim = 0, embed_dim
        for stage, (depth, heads) in enumerate(zip(depths, num_heads, strict=True)):
            if stage:
                made.append(downsample_layer(dim, norm))
                dim *= 2
            blocks = []
            for i in range(depth):
                left_out = stochastic_depth_prob * done / (sum(depths) - 1)
                blocks.append(make(dim, heads, shift_size=shifts[i % 2], stochastic_depth_prob=left_out))
                done += 1
            made.append(nn.Sequential(*blocks))
        self.features = nn.Sequential(*made)
        self.norm = norm(dim)
        self.permute = Permute((0, 3, 1, 2))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten(1)
        self.head = nn.Linear(dim, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.trunc_normal_(m.weight, std=0.02)
                if m.bias is not None:
                    nn.init.zeros_(m.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.permute(self.norm(self.features(x)))
        return self.head(self.flatten(self.avgpool(x)))  # type: ignore[no-any-return]


def _swin(
    embed_dim: int, depths: Sequence[int], num_heads: Sequence[int], leave_out: float, config: dict[str, Any]
) -> SwinTransformer:
    config = {"stochastic_depth_prob": leave_out, **config}
    return SwinTransformer((4, 4), embed_dim, depths, num_heads, (7, 7), **config)


def _swin_v2(
    embed_dim: int, depths: Sequence[int], num_heads: Sequence[int], leave_out: float, config: dict[str, Any]
) -> SwinTransformer:
    defaults: dict[str, Any] = {
        "stochastic_depth_prob": leave_out,
        "block": SwinTransformerBlockV2,
        "downsample_layer": PatchMergingV2,
    }
    return SwinTransformer((4, 4), embed_dim, depths, num_heads, (8, 8), **{**defaults, **config})


def swin_t(**config: Any) -> SwinTransformer:
    """Tiny."""
    return _swin(96, (2, 2, 6, 2), (3, 6, 12, 24), 0.2, config)


def swin_s(**config: Any) -> SwinTransformer:
    """Small."""
    return _swin(96, (2, 2, 18, 2), (3, 6, 12, 24), 0.3, config)


def swin_b(**config: Any) -> SwinTransformer:
    """Base."""
    return _swin(128, (2, 2, 18, 2), (4, 8, 16, 32), 0.5, config)


def swin_v2_t(**config: Any) -> SwinTransformer:
    """Version 2, tiny."""
    return _swin_v2(96, (2, 2, 6, 2), (3, 6, 12, 24), 0.2, config)


def swin_v2_s(**config: Any) -> SwinTransformer:
    """Version 2, small."""
    return _swin_v2(96, (2, 2, 18, 2), (3, 6, 12, 24), 0.3, config)


def swin_v2_b(**config: Any) -> SwinTransformer:
    """Version 2, base."""
    return _swin_v2(128, (2, 2, 18, 2), (4, 8, 16, 32), 0.5, config)
