"""Scores to probabilities along one dim, and the choice of a class from them."""

from __future__ import annotations

import numpy as np

from medtorch.core.backends.reference.base import Array, KernelFamily
from medtorch.core.backends.reference.halves import in_float32
from medtorch.errors import DimError


class SoftmaxKernels(KernelFamily):
    """Softmax, its logarithm, and picking a class."""

    @in_float32
    def softmax(self, x: Array, dim: int) -> Array:
        if not x.size:
            return x.copy()
        with self.quiet():
            powers = self.xp.exp(x - x.max(axis=dim, keepdims=True))
            powers /= powers.sum(axis=dim, keepdims=True)
            return powers

    @in_float32
    def log_softmax(self, x: Array, dim: int) -> Array:
        if not x.size:
            return x.copy()
        with self.quiet():
            centred = x - x.max(axis=dim, keepdims=True)
            return centred - self.xp.log(self.xp.exp(centred).sum(axis=dim, keepdims=True))

    def pick_class(self, x: Array, target: Array, ignore_index: int) -> Array:
        """x[n, target[n, ...], ...]; 0 where the target is `ignore_index`."""
        kept = self._known(x.shape[1], target, ignore_index)
        if not x.size:
            return self.xp.zeros(target.shape, x.dtype)
        places = self.xp.where(kept, target, 0).astype(np.int64)
        found = self.xp.take_along_axis(x, self.xp.expand_dims(places, 1), 1).squeeze(1)
        return self.xp.where(kept, found, self.xp.zeros((), x.dtype))

    def place_class(self, x: Array, target: Array, classes: int, ignore_index: int) -> Array:
        """y[n, target[n, ...], ...] = x[n, ...] and zeros elsewhere."""
        kept = self._known(classes, target, ignore_index)
        out = self.xp.zeros((x.shape[0], classes, *x.shape[1:]), x.dtype)
        if out.size:
            places = self.xp.where(kept, target, 0).astype(np.int64)
            shares = self.xp.where(kept, x, self.xp.zeros((), x.dtype))
            self.xp.put_along_axis(out, self.xp.expand_dims(places, 1), self.xp.expand_dims(shares, 1), 1)
        return out

    def _known(self, classes: int, target: Array, ignore_index: int) -> Array:
        kept = target != ignore_index
        wrong = kept & ((target < 0) | (target >= classes))
        if bool(wrong.any()):
            raise DimError(f"nll_loss: target {int(target[wrong][0])} is not one of {classes} classes")
        return kept
