"""Attention natively for float32, a block of queries at a time.

Requires  REQ-F-OPS-114
"""

from __future__ import annotations

import numpy as np

from medtorch.core.backends.cpu.base import FLOAT32, NativeFamily, all_float32
from medtorch.core.backends.reference.attention import AttentionKernels as ReferenceAttentionKernels
from medtorch.core.backends.reference.base import Array
from medtorch.core.shapes import Shape


class AttentionKernels(NativeFamily, ReferenceAttentionKernels):
    """The same products, softmax and products as their own kernels, so the same bits."""

    def scaled_dot_product_attention(
        self, query: Array, key: Array, value: Array, mask: Array | None, is_causal: bool, scale: float
    ) -> Array:
        chooses = mask is not None and mask.dtype == bool
        fits = all_float32(query, key, value) and (mask is None or chooses or mask.dtype == FLOAT32)
        if not fits or not (query.size and key.size and value.size):
            return super().scaled_dot_product_attention(query, key, value, mask, is_causal, scale)
        if mask is not None:
            mask = mask.astype(FLOAT32) if chooses else mask
        leads = [a.shape[:-2] for a in (query, key, value)]
        lead = np.broadcast_shapes(*leads, () if mask is None else mask.shape[:-2])
        table = (query.shape[-2], key.shape[-2])
        arrays = [np.broadcast_to(_in_rows(a), (*lead, *a.shape[-2:])) for a in (query, key, value)]
        seen = None if mask is None else np.broadcast_to(_whole(mask, table), (*lead, *table))
        y = self._heads_together(lead, query.shape[-2], value.shape[-1])
        self.set.attention(*arrays, seen, chooses, is_causal, scale, y)
        return y

    def _heads_together(self, lead: Shape, queries: int, columns: int) -> Array:
        """Memory for the result in which the heads of one query lie side by side, as the next layer takes them."""
        if not lead:
            return self.new((queries, columns))
        return self.new((*lead[:-1], queries, lead[-1], columns)).swapaxes(-2, -3)


def _in_rows(x: Array) -> Array:
    """`x`, copied if neighbours along its last dim are none in memory."""
    regular = all(s % x.itemsize == 0 for s in x.strides)
    return x if regular and (x.shape[-1] == 1 or x.strides[-1] == x.itemsize) else np.ascontiguousarray(x)


def _whole(mask: Array, table: tuple[int, int]) -> Array:
    """The mask with rows and columns of its own."""
    lead = mask.shape[:-2] if mask.ndim > 2 else ()
    return np.ascontiguousarray(np.broadcast_to(mask, (*lead, *table)))
