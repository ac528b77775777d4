"""Square systems: inverse, solution, determinant. Batches of matrices; LAPACK (or cuSOLVER) does the work."""

from __future__ import annotations

from medtorch.core.backends.reference.base import Array, KernelFamily
from medtorch.errors import ArgumentError


class LinalgKernels(KernelFamily):
    """Kernels over the last two dims."""

    def inv(self, a: Array) -> Array:
        self._regular("linalg.inv", a)
        return self.xp.linalg.inv(a) if a.size else a.copy()

    def solve(self, a: Array, b: Array) -> Array:
        self._regular("linalg.solve", a)
        return self.xp.linalg.solve(a, b) if b.size and a.size else self.xp.zeros(b.shape, b.dtype)

    def slogdet(self, a: Array) -> tuple[Array, Array]:
        """Sign and logarithm of the size of the determinant; 0 and -inf for a singular matrix."""
        sign, size = self.xp.linalg.slogdet(a)
        return self.xp.asarray(sign, a.dtype), self.xp.asarray(size, a.dtype)

    def _regular(self, name: str, a: Array) -> None:
        """Refuse singular matrices alike on every array module (CuPy would give inf or NaN)."""
        if not a.size:
            return
        with self.quiet():
            sign = self.xp.asarray(self.xp.linalg.slogdet(a)[0])
        if not bool((sign != 0).all()):
            raise ArgumentError(f"{name}: a matrix is singular")
