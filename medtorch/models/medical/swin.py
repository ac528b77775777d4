"""A Swin transformer for images and volumes, under MONAI's keys.

Source    Liu et al., Swin transformer, ICCV 2021; semantics of monai.networks.nets.swin_unetr.SwinTransformer
Requires  REQ-F-MOD-030
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from medtorch import nn
from medtorch.core.checkpoint import checkpoint
from medtorch.core.creation import from_numpy
from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.models.blocks import StochasticDepth
from medtorch.models.medical.layers import Layer, conv
from medtorch.models.medical.unetr import UnetrBasicBlock
from medtorch.models.medical.vit import MLPBlock
from medtorch.models.windows import ShiftedWindowAttention, relative_index
from medtorch.nn import functional as F


class WindowAttention(ShiftedWindowAttention):
    """Windows are no larger than the image; a smaller one takes the first rows of the biases of a full one."""

    def _make_index(self) -> Tensor:
        index = relative_index(self.window_size)
        pixels = round(index.size**0.5)
        return from_numpy(index.reshape(pixels, pixels))

    def index_of(self, pixels: int) -> Tensor:
        """The row of the table for each pair of pixels, of windows with so many."""
        return self.relative_position_index[:pixels, :pixels].reshape(-1)  # type: ignore[no-any-return]

    def fitted(self, lengths: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
        """Window and shift for an image of these lengths: a window that holds everything need not move."""
        window, shift = super().fitted(lengths)
        return [min(pair) for pair in zip(window, lengths, strict=True)], shift


class PatchEmbed(nn.Module):
    """Patches as vectors, with a norm of each where told; zeros fill up what is no whole patch.

    Shapes    (n, in_chans, *sizes) -> (n, embed_dim, *(ceil(size / patch)))
    """

    def __init__(
        self,
        patch_size: Sequence[int],
        in_chans: int = 1,
        embed_dim: int = 48,
        norm_layer: Layer | None = nn.LayerNorm,
    ) -> None:
        super().__init__()
        self.patch_size = tuple(patch_size)
        self.proj = conv(len(patch_size))(in_chans, embed_dim, kernel_size=self.patch_size, stride=self.patch_size)
        self.norm = None if norm_layer is None else norm_layer(embed_dim)

    def forward(self, x: Tensor) -> Tensor:
        missing = [-size % patch for size, patch in zip(x.shape[2:], self.patch_size, strict=True)]
        x = self.proj(F.pad(x, [p for m in reversed(missing) for p in (0, m)]))
        return x if self.norm is None else _channels_first(self.norm(_channels_last(x)))


def _channels_last(x: Tensor) -> Tensor:
    return x.permute(0, *range(2, x.ndim), 1)


def _channels_first(x: Tensor) -> Tensor:
    return x.permute(0, x.ndim - 1, *range(1, x.ndim - 1))


class SwinTransformerBlock(nn.Module):
    """Attention within windows, then an MLP for each pixel; norms before, shortcuts beside.

    Shapes    (n, *lengths, dim) -> same
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        window_size: Sequence[int],
        shift_size: Sequence[int],
        mlp_ratio: float = 4.0,
        qkv_bias: bool = True,
        drop: float = 0.0,
        attn_drop: float = 0.0,
        drop_path: float = 0.0,
        norm_layer: Layer = nn.LayerNorm,
        use_checkpoint: bool = False,
    ) -> None:
        super().__init__()
        self.use_checkpoint = use_checkpoint
        self.norm1 = norm_layer(dim)
        self.attn = WindowAttention(
            dim, window_size, shift_size, num_heads, qkv_bias, attention_dropout=attn_drop, dropout=drop
        )
        self.drop_path = StochasticDepth(drop_path, "row")
        self.norm2 = norm_layer(dim)
        self.mlp = MLPBlock(dim, int(dim * mlp_ratio), drop)

    def _seen(self, x: Tensor) -> Tensor:
        return self.attn(self.norm1(x))  # type: ignore[no-any-return]

    def _mixed(self, x: Tensor) -> Tensor:
        return self.drop_path(self.mlp(self.norm2(x)))  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        if self.use_checkpoint:
            x = x + self.drop_path(checkpoint(self._seen, x, use_reentrant=False))
            return x + checkpoint(self._mixed, x, use_reentrant=False)  # type: ignore[no-any-return]
        x = x + self.drop_path(self._seen(x))
        return x + self._mixed(x)


class PatchMergingV2(nn.Module):
    """Half the size and twice the channels: the pixels of each square or cube side by side.

    Shapes    (n, *lengths, c) -> (n, *(ceil(length / 2)), 2c)
    """

    def __init__(self, dim: int, norm_layer: Layer = nn.LayerNorm, spatial_dims: int = 3) -> None:
        super().__init__()
        self.reduction = nn.Linear(2**spatial_dims * dim, 2 * dim, bias=False)
        self.norm = norm_layer(2**spatial_dims * dim)

    def places(self, dims: int) -> list[tuple[int, ...]]:
        """The order of the pixels of a square or cube."""
        places = list(itertools.product((0, 1), repeat=dims))
        return places if dims == 3 else [place[::-1] for place in places]

    def forward(self, x: Tensor) -> Tensor:
        odd = [length % 2 for length in x.shape[1:-1]]
        x = F.pad(x, (0, 0, *(p for m in reversed(odd) for p in (0, m))))
        parts = [x[(slice(None), *(slice(i, None, 2) for i in place))] for place in self.places(len(odd))]
        return self.reduction(self.norm(cat(parts, -1)))  # type: ignore[no-any-return]


class PatchMerging(PatchMergingV2):
    """The same with the pixels of a cube in another order: those with fewer steps from the first come first."""

    def places(self, dims: int) -> list[tuple[int, ...]]:
        """The order of the pixels of a square or cube."""
        places = super().places(dims)
        return sorted(places, key=lambda p: (sum(p), [-i for i in p])) if dims == 3 else places


MERGING: dict[str, Layer] = {"merging": PatchMerging, "mergingv2": PatchMergingV2}


class BasicLayer(nn.Module):
    """Blocks whose windows move every second time, then half the size.

    Shapes    (n, dim, *lengths) -> (n, 2 dim, *(ceil(length / 2)))
    """

    def __init__(
        self,
        dim: int,
        depth: int,
        num_heads: int,
        window_size: Sequence[int],
        drop_path: Sequence[float],
        mlp_ratio: float = 4.0,
        qkv_bias: bool = False,
        drop: float = 0.0,
        attn_drop: float = 0.0,
        norm_layer: Layer = nn.LayerNorm,
        downsample: Layer = PatchMerging,
        use_checkpoint: bool = False,
    ) -> None:
        super().__init__()
        still, moved = [0] * len(window_size), [size // 2 for size in window_size]
        self.blocks = nn.ModuleList(
            SwinTransformerBlock(
                dim,
                num_heads,
                window_size,
                moved if i % 2 else still,
                mlp_ratio,
                qkv_bias,
                drop,
                attn_drop,
                drop_path[i],
                norm_layer,
                use_checkpoint,
            )
            for i in range(depth)
        )
        self.downsample = downsample(dim=dim, norm_layer=norm_layer, spatial_dims=len(window_size))

    def forward(self, x: Tensor) -> Tensor:
        x = _channels_last(x)
        for block in self.blocks:
            x = block(x)
        return _channels_first(self.downsample(x))


class SwinTransformer(nn.Module):
    """Patches, then four layers, each half as large and twice as wide.

    Shapes    (n, in_chans, *sizes) -> a list of features: of the patches, then of each layer
    """

    def __init__(
        self,
        in_chans: int,
        embed_dim: int,
        window_size: Sequence[int],
        patch_size: Sequence[int],
        depths: Sequence[int],
        num_heads: Sequence[int],
        mlp_ratio: float = 4.0,
        qkv_bias: bool = True,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        norm_layer: Layer = nn.LayerNorm,
        patch_norm: bool = False,
        use_checkpoint: bool = False,
        spatial_dims: int = 3,
        downsample: str | Layer = "merging",
        use_v2: bool = False,
    ) -> None:
        super().__init__()
        if len(depths) != 4 or len(num_heads) != 4:
            raise ArgumentError(f"SwinTransformer: needs 4 depths and num_heads, got {list(depths)}, {list(num_heads)}")
        if isinstance(downsample, str) and downsample not in MERGING:
            raise ArgumentError(f"SwinTransformer: downsample must be one of {', '.join(MERGING)}, got {downsample!r}")
        self.patch_embed = PatchEmbed(patch_size, in_chans, embed_dim, norm_layer if patch_norm else None)
        self.pos_drop = nn.Dropout(drop_rate)
        drops = _rising(drop_path_rate, sum(depths))

        def layer(i: int) -> nn.ModuleList:
            here = BasicLayer(
                embed_dim * 2**i,
                depths[i],
                num_heads[i],
                window_size,
                drops[sum(depths[:i]) : sum(depths[: i + 1])],
                mlp_ratio,
                qkv_bias,
                drop_rate,
                attn_drop_rate,
                norm_layer,
                MERGING[downsample] if isinstance(downsample, str) else downsample,
                use_checkpoint,
            )
            return nn.ModuleList([here])

        def before(i: int) -> nn.ModuleList:
            width = embed_dim * 2**i
            return nn.ModuleList([UnetrBasicBlock(spatial_dims, width, width, 3, 1, "instance", res_block=True)])

        self.layers1, self.layers2, self.layers3, self.layers4 = (layer(i) for i in range(4))
        self.use_v2 = use_v2
        if use_v2:
            self.layers1c, self.layers2c, self.layers3c, self.layers4c = (before(i) for i in range(4))

    def forward(self, x: Tensor, normalize: bool = True) -> list[Tensor]:
        x = self.pos_drop(self.patch_embed(x))
        kept = [_normed(x) if normalize else x]
        firsts = [self.layers1c, self.layers2c, self.layers3c, self.layers4c] if self.use_v2 else [None] * 4
        for first, layer in zip(firsts, (self.layers1, self.layers2, self.layers3, self.layers4), strict=True):
            x = layer[0](x if first is None else first[0](x))
            kept.append(_normed(x) if normalize else x)
        return kept


def _rising(last: float, number: int) -> list[float]:
    return [last * i / (number - 1) if number > 1 else 0.0 for i in range(number)]


def _normed(x: Tensor) -> Tensor:
    return _channels_first(F.layer_norm(_channels_last(x), [x.shape[1]]))
