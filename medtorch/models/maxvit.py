"""MaxViT under torchvision's keys.

Source    Tu et al., MaxViT: multi-axis vision transformer, ECCV 2022, section 3 and table 1
Requires  REQ-F-MOD-010
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import Any

from medtorch import nn
from medtorch.core.creation import from_numpy, zeros
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.models.blocks import ConvNormActivation, Layer, SqueezeExcitation, StochasticDepth
from medtorch.models.windows import cut, join, relative_index
from medtorch.nn import functional as F

Pair = tuple[int, int]


class MBConv(nn.Module):
    """Norm, widen, filter each channel by itself, excite, narrow; beside a shortcut, pooled where sizes halve."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        expansion_ratio: float,
        squeeze_ratio: float,
        stride: int,
        activation_layer: Layer,
        norm_layer: Layer,
        p_stochastic_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        wide, act, norm = int(out_channels * expansion_ratio), activation_layer, norm_layer
        self.proj: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            pool = [nn.AvgPool2d(3, stride, 1)] if stride == 2 else []
            self.proj = nn.Sequential(*pool, nn.Conv2d(in_channels, out_channels, 1))
        self.stochastic_depth = _left_out(p_stochastic_dropout)
        self.layers = nn.Sequential(
            OrderedDict(
                pre_norm=norm(in_channels),
                conv_a=ConvNormActivation(in_channels, wide, 1, 1, 0, 1, norm, act, inplace=None),
                conv_b=ConvNormActivation(wide, wide, 3, stride, 1, wide, norm, act, inplace=None),
                squeeze_excitation=SqueezeExcitation(wide, int(out_channels * squeeze_ratio), activation=nn.SiLU),
                conv_c=nn.Conv2d(wide, out_channels, 1),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x) + self.stochastic_depth(self.layers(x))  # type: ignore[no-any-return]


def _left_out(p: float) -> nn.Module:
    return StochasticDepth(p, "row") if p else nn.Identity()


class RelativePositionalMultiHeadAttention(nn.Module):
    """Attention among the tokens of a square window, with a learned bias for each difference of places.

    Math      scores are scaled by feat_dim^-1/2, the width of all heads together
    Shapes    (n, windows, max_seq_len, feat_dim) -> same
    """

    def __init__(self, feat_dim: int, head_dim: int, max_seq_len: int) -> None:
        super().__init__()
        side = round(max_seq_len**0.5)
        if feat_dim % head_dim or side * side != max_seq_len:
            raise ArgumentError(
                f"RelativePositionalMultiHeadAttention: feat_dim must be a multiple of head_dim and max_seq_len a "
                f"square, got {feat_dim}, {head_dim} and {max_seq_len}"
            )
        self.n_heads, self.head_dim, self.max_seq_len = feat_dim // head_dim, head_dim, max_seq_len
        self.scale_factor = feat_dim**-0.5
        self.to_qkv = nn.Linear(feat_dim, 3 * feat_dim)
        self.merge = nn.Linear(feat_dim, feat_dim)
        self.relative_position_bias_table = nn.Parameter(zeros((2 * side - 1) ** 2, self.n_heads))
        index = relative_index((side, side)).reshape(max_seq_len, max_seq_len)
        self.register_buffer("relative_position_index", from_numpy(index))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        n, windows, tokens, dim = x.shape
        split = self.to_qkv(x).reshape(n, windows, tokens, 3, self.n_heads, self.head_dim)
        q, k, v = split.permute(3, 0, 1, 4, 2, 5).unbind(0)
        bias = self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)
        weights = F.softmax(q @ (k * self.scale_factor).transpose(-2, -1) + bias, dim=-1)
        return self.merge((weights @ v).transpose(2, 3).reshape(n, windows, tokens, dim))  # type: ignore[no-any-return]


class PartitionAttentionLayer(nn.Module):
    """Attention and an MLP among neighbours ("window"), or among pixels far apart, at one place of each cell ("grid").

    Shapes    (n, in_channels, *grid_size) -> same
    """

    def __init__(
        self,
        in_channels: int,
        head_dim: int,
        partition_size: int,
        partition_type: str,
        grid_size: Pair,
        mlp_ratio: int,
        activation_layer: Layer,
        norm_layer: Layer,
        attention_dropout: float,
        mlp_dropout: float,
        p_stochastic_dropout: float,
    ) -> None:
        super().__init__()
        if partition_type not in ("window", "grid"):
            raise ArgumentError(
                f"PartitionAttentionLayer: partition_type must be 'window' or 'grid', got {partition_type!r}"
            )
        if any(size % partition_size for size in grid_size):
            raise ArgumentError(
                f"MaxVit: sizes {tuple(grid_size)} must be multiples of partition_size={partition_size}"
            )
        self.grid_size, self.far = tuple(grid_size), partition_type == "grid"
        cell = (grid_size[0] // partition_size, grid_size[1] // partition_size)
        self.cell = cell if self.far else (partition_size, partition_size)
        self.attn_layer = nn.Sequential(
            norm_layer(in_channels),
            RelativePositionalMultiHeadAttention(in_channels, head_dim, partition_size**2),
            nn.Dropout(attention_dropout),
        )
        self.mlp_layer = nn.Sequential(
            nn.LayerNorm(in_channels),
            nn.Linear(in_channels, in_channels * mlp_ratio),
            activation_layer(),
            nn.Linear(in_channels * mlp_ratio, in_channels),
            nn.Dropout(mlp_dropout),
        )
        self.stochastic_dropout = StochasticDepth(p_stochastic_dropout, "row")

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        if (h, w) != self.grid_size:
            raise ArgumentError(f"MaxVit: built for features of size {self.grid_size}, got {(h, w)}")
        tokens = cut(x.permute(0, 2, 3, 1), self.cell).reshape(n, -1, self.cell[0] * self.cell[1], c)
        tokens = tokens.transpose(1, 2) if self.far else tokens
        tokens = tokens + self.stochastic_dropout(self.attn_layer(tokens))
        tokens = tokens + self.stochastic_dropout(self.mlp_layer(tokens))
        tokens = tokens.transpose(1, 2) if self.far else tokens
        return join(tokens.reshape(-1, self.cell[0] * self.cell[1], c), self.cell, h, w).permute(0, 3, 1, 2)


class MaxVitLayer(nn.Module):
    """A convolution block, then attention near and far."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        grid_size: Pair,
        p_stochastic_dropout: float,
        config: dict[str, Any],
    ) -> None:
        super().__init__()
        attention = partial(
            PartitionAttentionLayer,
            out_channels,
            config["head_dim"],
            config["partition_size"],
            grid_size=grid_size,
            mlp_ratio=config["mlp_ratio"],
            activation_layer=config["activation_layer"],
            norm_layer=nn.LayerNorm,
            attention_dropout=config["attention_dropout"],
            mlp_dropout=config["mlp_dropout"],
            p_stochastic_dropout=p_stochastic_dropout,
        )
        self.layers = nn.Sequential(
            OrderedDict(
                MBconv=MBConv(
                    in_channels,
                    out_channels,
                    config["expansion_ratio"],
                    config["squeeze_ratio"],
                    stride,
                    config["activation_layer"],
                    config["norm_layer"],
                    p_stochastic_dropout,
                ),
                window_attention=attention(partition_type="window"),
                grid_attention=attention(partition_type="grid"),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)  # type: ignore[no-any-return]


class MaxVitBlock(nn.Module):
    """Layers in a row; the first one halves the size."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        grid_size: Pair,
        p_stochastic: Sequence[float],
        config: dict[str, Any],
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            MaxVitLayer(out_channels if i else in_channels, out_channels, 1 if i else 2, grid_size, p, config)
            for i, p in enumerate(p_stochastic)
        )

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class MaxVit(nn.Module):
    """Shapes    (n, 3, *input_size) -> (n, num_classes)"""

    def __init__(
        self,
        input_size: Pair,
        stem_channels: int,
        partition_size: int,
        block_channels: Sequence[int],
        block_layers: Sequence[int],
        head_dim: int,
        stochastic_depth_prob: float,
        norm_layer: Layer | None = None,
        activation_layer: Layer = nn.GELU,
        squeeze_ratio: float = 0.25,
        expansion_ratio: float = 4,
        mlp_ratio: int = 4,
        mlp_dropout: float = 0.0,
        attention_dropout: float = 0.0,
        num_classes: int = 1000,
    ) -> None:
        super().__init__()
        norm = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01) if norm_layer is None else norm_layer
        config = {
            "head_dim": head_dim,
            "partition_size": partition_size,
            "mlp_ratio": mlp_ratio,
            "mlp_dropout": mlp_dropout,
            "attention_dropout": attention_dropout,
            "activation_layer": activation_layer,
            "norm_layer": norm,
            "squeeze_ratio": squeeze_ratio,
            "expansion_ratio": expansion_ratio,
        }
        self.stem = nn.Sequential(
            ConvNormActivation(3, stem_channels, 3, 2, None, 1, norm, activation_layer, bias=False, inplace=None),
            ConvNormActivation(stem_channels, stem_channels, 3, 1, None, 1, None, None, bias=True),
        )
        total = sum(block_layers)
        left_out = [stochastic_depth_prob * i / max(total - 1, 1) for i in range(total)]
        size, before, done, made = _halved(input_size), stem_channels, 0, []
        for width, depth in zip(block_channels, block_layers, strict=True):
            size = _halved(size)
            made.append(MaxVitBlock(before, width, size, left_out[done : done + depth], config))
            before, done = width, done + depth
        self.blocks = nn.ModuleList(made)
        self.classifier = nn.Sequential(
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(before)),
            *(nn.Linear(before, before), nn.Tanh(), nn.Linear(before, num_classes, bias=False)),
        )
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                nn.init.normal_(m.weight, std=0.02)
                if m.bias is not None:
                    nn.init.zeros_(m.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.classifier(x)  # type: ignore[no-any-return]


def _halved(size: Pair) -> Pair:
    return (size[0] - 1) // 2 + 1, (size[1] - 1) // 2 + 1


def maxvit_t(input_size: Pair = (224, 224), **config: Any) -> MaxVit:
    """Tiny."""
    return MaxVit(input_size, 64, 7, (64, 128, 256, 512), (2, 2, 5, 2), 32, **{"stochastic_depth_prob": 0.2, **config})
