"""Vision transformers under torchvision's keys.

Source    Dosovitskiy et al., An image is worth 16x16 words: transformers for image recognition at scale, ICLR 2021,
          table 1; the stem of convolutions: Xiao et al., Early convolutions help transformers see better, NeurIPS 2021
Requires  REQ-F-MOD-010
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from medtorch import nn
from medtorch.core.creation import zeros
from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, ShapeError
from medtorch.models.blocks import MLP, ConvNormActivation, Layer, rename_entries

_NORM = partial(nn.LayerNorm, eps=1e-6)


class ConvStemConfig(NamedTuple):
    """One convolution of the stem."""

    out_channels: int
    kernel_size: int
    stride: int
    norm_layer: Layer = nn.BatchNorm2d
    activation_layer: Layer = nn.ReLU


class MLPBlock(MLP):
    """Wider with GELU, and back. Version 1 of its keys, that of torchvision's published weights, is read too."""

    _version = 2

    def __init__(self, in_dim: int, mlp_dim: int, dropout: float) -> None:
        super().__init__(in_dim, [mlp_dim, in_dim], activation_layer=nn.GELU, inplace=None, dropout=dropout)
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.xavier_uniform_(m.weight)
                if m.bias is not None:
                    nn.init.normal_(m.bias, std=1e-6)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: dict[str, Any], *args: Any) -> None:
        if (local_metadata.get("version") or 1) < 2:
            rename_entries(state_dict, prefix, {"linear_1": "0", "linear_2": "3"})
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)


class EncoderBlock(nn.Module):
    """Attention of all tokens to all, then an MLP for each; norms before, shortcuts beside.

    Shapes    (n, tokens, hidden_dim) -> same
    """

    def __init__(
        self,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Layer = _NORM,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.ln_1 = norm_layer(hidden_dim)
        self.self_attention = nn.MultiheadAttention(hidden_dim, num_heads, dropout=attention_dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = norm_layer(hidden_dim)
        self.mlp = MLPBlock(hidden_dim, mlp_dim, dropout)

    def forward(self, x: Tensor) -> Tensor:
        normed = self.ln_1(x)
        attended, _ = self.self_attention(normed, normed, normed, need_weights=False)
        x = x + self.dropout(attended)
        return x + self.mlp(self.ln_2(x))  # type: ignore[no-any-return]


class Encoder(nn.Module):
    """Learned places are added to the tokens, then blocks in a row and a norm."""

    def __init__(
        self,
        seq_length: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Layer = _NORM,
    ) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(zeros(1, seq_length, hidden_dim))
        nn.init.normal_(self.pos_embedding, std=0.02)
        self.dropout = nn.Dropout(dropout)
        block = partial(EncoderBlock, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer)
        self.layers = nn.Sequential(OrderedDict((f"encoder_layer_{i}", block()) for i in range(num_layers)))
        self.ln = norm_layer(hidden_dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.ln(self.layers(self.dropout(x + self.pos_embedding)))  # type: ignore[no-any-return]


class VisionTransformer(nn.Module):
    """Shapes    (n, 3, image_size, image_size) -> (n, num_classes)"""

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        num_classes: int = 1000,
        representation_size: int | None = None,
        norm_layer: Layer = _NORM,
        conv_stem_configs: Sequence[ConvStemConfig] | None = None,
    ) -> None:
        super().__init__()
        if image_size % patch_size:
            raise ArgumentError(
                f"VisionTransformer: image_size must be a multiple of patch_size, got {image_size} and {patch_size}"
            )
        self.image_size, self.patch_size, self.hidden_dim = image_size, patch_size, hidden_dim
        self.mlp_dim, self.num_classes, self.representation_size = mlp_dim, num_classes, representation_size
        self.conv_proj = _stem(conv_stem_configs, hidden_dim, patch_size)
        self.seq_length = (image_size // patch_size) ** 2 + 1
        self.class_token = nn.Parameter(zeros(1, 1, hidden_dim))
        self.encoder = Encoder(
            self.seq_length, num_layers, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer
        )
        self.heads = _heads(hidden_dim, representation_size, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        if tuple(x.shape[2:]) != (self.image_size, self.image_size):
            raise ShapeError(
                f"VisionTransformer: images must be {self.image_size} x {self.image_size}, got {tuple(x.shape)}"
            )
        tokens = self.conv_proj(x).flatten(2).permute(0, 2, 1)
        tokens = cat((self.class_token.expand(x.shape[0], -1, -1), tokens), 1)
        return self.heads(self.encoder(tokens)[:, 0])  # type: ignore[no-any-return]


def _stem(configs: Sequence[ConvStemConfig] | None, hidden_dim: int, patch_size: int) -> nn.Module:
    """One convolution over patches, or several in a row."""
    if configs is None:
        last = nn.Conv2d(3, hidden_dim, patch_size, patch_size)
        nn.init.trunc_normal_(last.weight, std=math.sqrt(1 / (3 * patch_size**2)))
        made: nn.Module = last
    else:
        rows: OrderedDict[str, nn.Module] = OrderedDict()
        before = 3
        for i, c in enumerate(configs):
            rows[f"conv_bn_relu_{i}"] = ConvNormActivation(
                before, c.out_channels, c.kernel_size, c.stride, None, 1, c.norm_layer, c.activation_layer
            )
            before = c.out_channels
        rows["conv_last"] = last = nn.Conv2d(before, hidden_dim, 1)
        nn.init.normal_(last.weight, mean=0.0, std=math.sqrt(2.0 / hidden_dim))
        made = nn.Sequential(rows)
    if last.bias is not None:
        nn.init.zeros_(last.bias)
    return made


def _heads(hidden_dim: int, representation_size: int | None, num_classes: int) -> nn.Sequential:
    """From the class token to scores, through a hidden layer if asked for; the last one starts at zero."""
    made: OrderedDict[str, nn.Module] = OrderedDict()
    if representation_size is not None:
        made["pre_logits"] = pre = nn.Linear(hidden_dim, representation_size)
        made["act"] = nn.Tanh()
        nn.init.trunc_normal_(pre.weight, std=math.sqrt(1 / hidden_dim))
        if pre.bias is not None:
            nn.init.zeros_(pre.bias)
    made["head"] = head = nn.Linear(hidden_dim if representation_size is None else representation_size, num_classes)
    nn.init.zeros_(head.weight)
    if head.bias is not None:
        nn.init.zeros_(head.bias)
    return nn.Sequential(made)


def vit_b_16(image_size: int = 224, **config: Any) -> VisionTransformer:
    """12 layers of width 768 on patches of 16."""
    return VisionTransformer(image_size, 16, 12, 12, 768, 3072, **config)


def vit_b_32(image_size: int = 224, **config: Any) -> VisionTransformer:
    """12 layers of width 768 on patches of 32."""
    return VisionTransformer(image_size, 32, 12, 12, 768, 3072, **config)


def vit_l_16(image_size: int = 224, **config: Any) -> VisionTransformer:
    """24 layers of width 1024 on patches of 16."""
    return VisionTransformer(image_size, 16, 24, 16, 1024, 4096, **config)


def vit_l_32(image_size: int = 224, **config: Any) -> VisionTransformer:
    """24 layers of width 1024 on patches of 32."""
    return VisionTransformer(image_size, 32, 24, 16, 1024, 4096, **config)


def vit_h_14(image_size: int = 224, **config: Any) -> VisionTransformer:
    """32 layers of width 1280 on patches of 14."""
    return VisionTransformer(image_size, 14, 32, 16, 1280, 5120, **config)
