"""Images cut into windows, and attention within each: what Swin transformers are made of, under torchvision's keys.

Source    Liu et al., Swin transformer: hierarchical vision transformer using shifted windows, ICCV 2021, section 3.2;
          version 2: Liu et al., Swin transformer V2: scaling up capacity and resolution, CVPR 2022, section 3
Requires  REQ-F-MOD-010
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from medtorch import nn
from medtorch.core.creation import from_numpy, full
from medtorch.core.ops.shape import cat, roll
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.nn import functional as F

_APART = -100.0  # added to the scores of pairs that do not belong together: exp leaves nothing of them


def cut(x: Tensor, size: Sequence[int]) -> Tensor:
    """Shapes    (n, *lengths, c), lengths multiples of the window's `size` -> (n * windows, pixels of a window, c)"""
    n, *lengths, c = x.shape
    dims = range(len(size))
    tiles = x.reshape(n, *(part for length, s in zip(lengths, size, strict=True) for part in (length // s, s)), c)
    order = (0, *(1 + 2 * i for i in dims), *(2 + 2 * i for i in dims), 1 + 2 * len(size))
    return tiles.permute(*order).reshape(-1, math.prod(size), c)


def join(windows: Tensor, size: Sequence[int], *lengths: int) -> Tensor:
    """Shapes    (n * windows, pixels of a window, c) -> (n, *lengths, c): what `cut` has cut"""
    c, dims = windows.shape[-1], len(size)
    tiles = windows.reshape(-1, *(length // s for length, s in zip(lengths, size, strict=True)), *size, c)
    order = (0, *(1 + i + inner * dims for i in range(dims) for inner in (0, 1)), 1 + 2 * dims)
    return tiles.permute(*order).reshape(-1, *lengths, c)


def relative_index(size: Sequence[int]) -> np.ndarray:
    """For each pair of pixels of a window, the row of a table of all differences of their places, 2s - 1 an axis."""
    places = np.indices(tuple(size)).reshape(len(size), -1)
    apart = places[:, :, None] - places[:, None, :]
    rows = [along + s - 1 for along, s in zip(apart, size, strict=True)]
    index: np.ndarray = np.ravel_multi_index(rows, [2 * s - 1 for s in size]).reshape(-1)
    return index


def strangers(lengths: Sequence[int], size: Sequence[int], shift: Sequence[int]) -> np.ndarray:
    """For each window of a rolled image, which pairs of pixels came together only by rolling, as what to add to scores.

    Shapes    -> (windows, pixels of a window, pixels of a window)
    """

    def zone(length: int, window: int, moved: int) -> np.ndarray:
        places = np.arange(length)
        return (places >= length - window).astype(int) + (places >= length - moved) if moved else 0 * places

    axes = [zone(*told) for told in zip(lengths, size, shift, strict=True)]
    zones = np.asarray(np.ravel_multi_index(np.meshgrid(*axes, indexing="ij"), (3,) * len(axes)))
    zones = zones.reshape([part for length, s in zip(lengths, size, strict=True) for part in (length // s, s)])
    tiles = zones.transpose(*range(0, zones.ndim, 2), *range(1, zones.ndim, 2)).reshape(-1, math.prod(size))
    return np.where(tiles[:, :, None] == tiles[:, None, :], 0.0, _APART)


class ShiftedWindowAttention(nn.Module):
    """Attention within windows that are moved by `shift_size`, with a learned bias for each difference of places.

    Shapes    (n, *lengths, dim), as many lengths as a window has -> same
    Raises    ArgumentError unless windows and shifts have as many numbers
    """

    def __init__(
        self,
        dim: int,
        window_size: Sequence[int],
        shift_size: Sequence[int],
        num_heads: int,
        qkv_bias: bool = True,
        proj_bias: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if len(window_size) != len(shift_size):
            raise ArgumentError(
                f"ShiftedWindowAttention: window_size and shift_size need as many numbers, got {window_size} and "
                f"{shift_size}"
            )
        self.window_size, self.shift_size, self.num_heads = tuple(window_size), tuple(shift_size), num_heads
        self.attention_dropout, self.dropout = attention_dropout, dropout
        self.qkv = nn.Linear(dim, 3 * dim, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim, bias=proj_bias)
        self._make_table()
        self.register_buffer("relative_position_index", self._make_index())

    def _make_index(self) -> Tensor:
        return from_numpy(relative_index(self.window_size))

    def _make_table(self) -> None:
        differences = math.prod(2 * size - 1 for size in self.window_size)
        self.relative_position_bias_table = nn.Parameter(full((differences, self.num_heads), 0.0))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def position_bias(self, pixels: int) -> Tensor:
        """Shapes    -> (1, heads, pixels of a window, pixels of a window)"""
        return self._looked_up(self.relative_position_bias_table, pixels)

    def _looked_up(self, table: Tensor, pixels: int) -> Tensor:
        rows = table[self.index_of(pixels)].reshape(pixels, pixels, -1)
        bias: Tensor = rows.permute(2, 0, 1).unsqueeze(0)
        return bias

    def index_of(self, pixels: int) -> Tensor:
        """The row of the table for each pair of pixels, of windows with so many."""
        return self.relative_position_index  # type: ignore[no-any-return]

    def fitted(self, lengths: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
        """Window and shift for an image of these lengths: a window that holds everything need not move."""
        told = zip(self.shift_size, self.window_size, lengths, strict=True)
        return self.window_size, [0 if length <= window else move for move, window, length in told]

    def projected(self, windows: Tensor) -> Tensor:
        """Queries, keys and values side by side."""
        return self.qkv(windows)  # type: ignore[no-any-return]

    def scores(self, q: Tensor, k: Tensor) -> Tensor:
        """How each query matches each key."""
        scale = float(q.shape[-1]) ** -0.5
        matches: Tensor = (q * scale) @ k.transpose(-2, -1)
        return matches

    def forward(self, x: Tensor) -> Tensor:
        lengths = tuple(x.shape[1:-1])
        size, shift = self.fitted(lengths)
        axes = tuple(range(1, 1 + len(size)))
        missing = [-length % s for length, s in zip(lengths, size, strict=True)]
        x = F.pad(x, (0, 0, *(p for m in reversed(missing) for p in (0, m))))
        padded = tuple(x.shape[1:-1])
        moved = any(shift)
        if moved:
            x = roll(x, [-s for s in shift], axes)
        apart = strangers(padded, size, shift) if moved else None
        x = join(self._attend(cut(x, size), apart), size, *padded)
        if moved:
            x = roll(x, list(shift), axes)
        for axis, length in zip(axes, lengths, strict=True):
            x = x.narrow(axis, 0, length)
        return x.contiguous()

    def _attend(self, windows: Tensor, apart: np.ndarray | None) -> Tensor:
        n, pixels, dim = windows.shape
        heads = self.num_heads
        q, k, v = self.projected(windows).reshape(n, pixels, 3, heads, dim // heads).permute(2, 0, 3, 1, 4).unbind(0)
        scores = self.scores(q, k) + self.position_bias(pixels)
        if apart is not None:
            added = windows.new_tensor(apart).unsqueeze(1).unsqueeze(0)
            scores = scores.reshape(-1, apart.shape[0], heads, pixels, pixels) + added
            scores = scores.reshape(-1, heads, pixels, pixels)
        weights = F.dropout(F.softmax(scores, dim=-1), self.attention_dropout, self.training)
        out = self.proj((weights @ v).transpose(1, 2).reshape(n, pixels, dim))
        return F.dropout(out, self.dropout, self.training)


class ShiftedWindowAttentionV2(ShiftedWindowAttention):
    """Scores are cosines with a learned scale a head; the bias of a difference of places comes from its logarithm.

    Math      score = cos(q, k) exp(min(s, log 100)) + 16 sigmoid(mlp(sign(d) log2(1 + 8 |d|) / 3)), d in [-1, 1]
    """

    def __init__(
        self,
        dim: int,
        window_size: Sequence[int],
        shift_size: Sequence[int],
        num_heads: int,
        qkv_bias: bool = True,
        proj_bias: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(dim, window_size, shift_size, num_heads, qkv_bias, proj_bias, attention_dropout, dropout)
        self.logit_scale = nn.Parameter(full((num_heads, 1, 1), math.log(10)))
        self.cpb_mlp = nn.Sequential(nn.Linear(2, 512), nn.ReLU(inplace=True), nn.Linear(512, num_heads, bias=False))

    def _make_table(self) -> None:
        axes = [np.arange(1 - size, size) / (size - 1) for size in self.window_size]
        differences = np.stack(np.meshgrid(*axes, indexing="ij"), -1)[None] * 8
        table = np.sign(differences) * np.log2(np.abs(differences) + 1) / 3
        self.register_buffer("relative_coords_table", from_numpy(table.astype(np.float32)))

    def position_bias(self, pixels: int) -> Tensor:
        """Shapes    -> (1, heads, pixels of a window, pixels of a window)"""
        table = self.cpb_mlp(self.relative_coords_table).reshape(-1, self.num_heads)
        return 16 * self._looked_up(table, pixels).sigmoid()

    def projected(self, windows: Tensor) -> Tensor:
        """Queries, keys and values side by side; a bias of keys would change nothing that counts and is left out."""
        bias: Tensor | None = self.qkv.bias
        if bias is not None:
            third = bias.shape[0] // 3
            bias = cat((bias[:third], bias.new_zeros((third,)), bias[2 * third :]))
        return F.linear(windows, self.qkv.weight, bias)

    def scores(self, q: Tensor, k: Tensor) -> Tensor:
        """How each query matches each key."""
        cosines = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)
        return cosines * self.logit_scale.clamp(max=math.log(100.0)).exp()
