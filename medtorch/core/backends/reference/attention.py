"""Attention, step by step: the whole table of scores at once."""

from __future__ import annotations

import numpy as np

from medtorch.core.backends.reference.base import Array
from medtorch.core.backends.reference.matmul import MatmulKernels
from medtorch.core.backends.reference.softmax import SoftmaxKernels


class AttentionKernels(MatmulKernels, SoftmaxKernels):
    """softmax(query scale key^T + mask) value."""

    def scaled_dot_product_attention(
        self, query: Array, key: Array, value: Array, mask: Array | None, is_causal: bool, scale: float
    ) -> Array:
        """A bool mask is True where a query may look; a query that may look at nothing gets zeros."""
        with self.quiet():
            scores = self.matmul(query * query.dtype.type(scale), key.swapaxes(-2, -1))
            if is_causal:
                mask = self.xp.tril(self.xp.ones(scores.shape[-2:], bool))
            if mask is not None:
                seen = self.xp.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
                scores = seen.astype(query.dtype)
            if not scores.size:
                return self.matmul(scores, value)
            blind = (scores == -np.inf).all(axis=-1, keepdims=True) & (mask is not None)
            zero = query.dtype.type(0)
            shares = self.softmax(self.xp.where(blind, zero, scores), -1)
            return self.matmul(self.xp.where(blind, zero, shares), value)
