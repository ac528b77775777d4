"""Products of matrices. float16 and bfloat16 go through float32; whole numbers are exact (they wrap)."""

from __future__ import annotations

from medtorch.core.backends.reference.base import Array, KernelFamily
from medtorch.core.backends.reference.halves import in_float32


class MatmulKernels(KernelFamily):
    """(..., n, k) times (..., k, m) with broadcast leading dims."""

    @in_float32
    def matmul(self, a: Array, b: Array) -> Array:
        with self.quiet():
            return self.xp.matmul(a, b)
