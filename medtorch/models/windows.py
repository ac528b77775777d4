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
    """Shapes    (n, h, w, c), h and w multiples of the window's `size` -> (n * windows, pixels of a window, c)"""
    n, h, w, c = x.shape
    tiles = x.reshape(n, h // size[0], size[0], w // size[1], size[1], c).permute(0, 1, 3, 2, 4, 5)
    return tiles.reshape(-1, size[0] * size[1], c)


def join(windows: Tensor, size: Sequence[int], h: int, w: int) -> Tensor:
    """Shapes    (n * windows, pixels of a window, c) -> (n, h, w, c): what `cut` has cut"""
    c = windows.shape[-1]
    tiles = windows.reshape(-1, h // size[0], w // size[1], size[0], size[1], c).permute(0, 1, 3, 2, 4, 5)
    return tiles.reshape(-1, h, w, c)


def relative_index(size: Sequence[int]) -> np.ndarray:
    """For each pair of pixels of a window, the row of a table of all (2a - 1)(2b - 1) differences of their places."""
    rows, columns = np.divmod(np.arange(size[0] * size[1]), size[1])
    down = rows[:, None] - rows[None, :] + size[0] - 1
    right = columns[:, None] - columns[None, :] + size[1] - 1
    index: np.ndarray = (down * (2 * size[1] - 1) + right).reshape(-1)
    return index


def strangers(h: int, w: int, size: Sequence[int], shift: Sequence[int]) -> np.ndarray:
    """For each window of a rolled image, which pairs of pixels came together only by rolling, as what to add to scores.

    Shapes    -> (windows, pixels of a window, pixels of a window)
    """

    def zone(length: int, window: int, moved: int) -> np.ndarray:
        places = np.arange(length)
        return (places >= length - window).astype(int) + (places >= length - moved) if moved else 0 * places

    zones = 3 * zone(h, size[0], shift[0])[:, None] + zone(w, size[1], shift[1])[None, :]
    tiles = zones.reshape(h // size[0], size[0], w // size[1], size[1]).transpose(0, 2, 1, 3)
    tiles = tiles.reshape(-1, size[0] * size[1])
    return np.where(tiles[:, :, None] == tiles[:, None, :], 0.0, _APART)


class ShiftedWindowAttention(nn.Module):
    """Attention within windows that are moved by `shift_size`, with a learned bias for each difference of places.

    Shapes    (n, h, w, dim) -> same
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
        if len(window_size) != 2 or len(shift_size) != 2:
            raise ArgumentError(
                f"ShiftedWindowAttention: window_size and shift_size need 2 numbers, got {window_size} and {shift_size}"
            )
        self.window_size, self.shift_size, self.num_heads = tuple(window_size), tuple(shift_size), num_heads
        self.attention_dropout, self.dropout = attention_dropout, dropout
        self.qkv = nn.Linear(dim, 3 * dim, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim, bias=proj_bias)
        self._make_table()
        self.register_buffer("relative_position_index", from_numpy(relative_index(self.window_size)))

    def _make_table(self) -> None:
        differences = (2 * self.window_size[0] - 1) * (2 * self.window_size[1] - 1)
        self.relative_position_bias_table = nn.Parameter(full((differences, self.num_heads), 0.0))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def position_bias(self) -> Tensor:
        """Shapes    -> (1, heads, pixels of a window, pixels of a window)"""
        return self._looked_up(self.relative_position_bias_table)

    def _looked_up(self, table: Tensor) -> Tensor:
        pixels = self.window_size[0] * self.window_size[1]
        rows = table[self.relative_position_index].reshape(pixels, pixels, -1)
        bias: Tensor = rows.permute(2, 0, 1).unsqueeze(0)
        return bias

    def projected(self, windows: Tensor) -> Tensor:
        """Queries, keys and values side by side."""
        return self.qkv(windows)  # type: ignore[no-any-return]

    def scores(self, q: Tensor, k: Tensor) -> Tensor:
        """How each query matches each key."""
        scale = float(q.shape[-1]) ** -0.5
        matches: Tensor = (q * scale) @ k.transpose(-2, -1)
        return matches

    def forward(self, x: Tensor) -> Tensor:
        _, h, w, _ = x.shape
        size = self.window_size
        x = F.pad(x, (0, 0, 0, -w % size[1], 0, -h % size[0]))
        high, wide = x.shape[1], x.shape[2]
        # a window that holds everything need not move
        shift = [
            0 if window >= length else move
            for move, window, length in zip(self.shift_size, size, (high, wide), strict=True)
        ]
        moved = any(shift)
        if moved:
            x = roll(x, (-shift[0], -shift[1]), (1, 2))
        apart = strangers(high, wide, size, shift) if moved else None
        x = join(self._attend(cut(x, size), apart), size, high, wide)
        if moved:
            x = roll(x, (shift[0], shift[1]), (1, 2))
        return x[:, :h, :w, :].contiguous()

    def _attend(self, windows: Tensor, apart: np.ndarray | None) -> Tensor:
        n, pixels, dim = windows.shape
        heads = self.num_heads
        q, k, v = self.projected(windows).reshape(n, pixels, 3, heads, dim // heads).permute(2, 0, 3, 1, 4).unbind(0)
        scores = self.scores(q, k) + self.position_bias()
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

    def position_bias(self) -> Tensor:
        """Shapes    -> (1, heads, pixels of a window, pixels of a window)"""
        table = self.cpb_mlp(self.relative_coords_table).reshape(-1, self.num_heads)
        return 16 * self._looked_up(table).sigmoid()

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
