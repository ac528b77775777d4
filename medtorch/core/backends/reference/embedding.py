"""Rows of a table: reading them, and adding gradients up in them."""

from __future__ import annotations

import math

import numpy as np

from medtorch.core.backends.reference.base import Array, KernelFamily
from medtorch.core.backends.reference.halves import in_float32
from medtorch.errors import DimError


class EmbeddingKernels(KernelFamily):
    """Lookups by row number."""

    def embedding(self, weight: Array, indices: Array) -> Array:
        wrong = (indices < 0) | (indices >= weight.shape[0])
        if bool(wrong.any()):
            raise DimError(f"embedding: input {int(indices[wrong][0])} is not one of {weight.shape[0]} rows")
        return self.xp.take(weight, indices, axis=0)

    @in_float32
    def embedding_weight_grad(
        self, grad: Array, indices: Array, rows: int, padding_idx: int, scale_grad_by_freq: bool
    ) -> Array:
        flat = indices.reshape(-1)
        shares = grad.reshape(math.prod(indices.shape), grad.shape[-1])
        if scale_grad_by_freq and flat.size:
            counts = self.xp.bincount(flat, minlength=rows)
            shares = shares / counts[flat].astype(grad.dtype)[:, None]
        out = self.xp.zeros((rows, grad.shape[-1]), grad.dtype)
        self.xp.add.at(out, flat.astype(np.int64), shares)
        if padding_idx >= 0:
            out[padding_idx] = 0
        return out
