"""Matrices as products: Cholesky, QR, eigenvalues of symmetric matrices, singular values, LU. LAPACK does the work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from medtorch.core.backends.reference.base import Array, KernelFamily
from medtorch.errors import ArgumentError


class FactorKernels(KernelFamily):
    """Kernels over the last two dims; leading dims are batches."""

    def cholesky(self, a: Array) -> Array:
        if not a.size:
            return a.copy()
        found = self._lapack("linalg.cholesky", self.xp.linalg.cholesky, a)
        if not bool(self.xp.isfinite(found).all()):
            raise ArgumentError("linalg.cholesky: a matrix is not positive definite")
        return found.astype(a.dtype)

    def qr(self, a: Array, complete: bool) -> tuple[Array, Array]:
        m, n = a.shape[-2:]
        k = m if complete else min(m, n)
        if not a.size:
            q = self.xp.broadcast_to(self.xp.eye(m, k, dtype=a.dtype), (*a.shape[:-2], m, k)).copy()
            return q, self.xp.zeros((*a.shape[:-2], k, n), a.dtype)
        q, r = self._lapack("linalg.qr", self.xp.linalg.qr, a, mode="complete" if complete else "reduced")
        return q.astype(a.dtype), r.astype(a.dtype)

    def geqrf(self, a: Array) -> tuple[Array, Array]:
        if not a.size:
            return a.copy(), self.xp.zeros((*a.shape[:-2], min(a.shape[-2:])), a.dtype)
        h, tau = self._lapack("geqrf", self.xp.linalg.qr, a, mode="raw")
        return self.xp.swapaxes(h, -1, -2).astype(a.dtype), tau.astype(a.dtype)

    def eigh(self, a: Array, lower: bool) -> tuple[Array, Array]:
        if not a.size:
            return self.xp.zeros(a.shape[:-1], a.dtype), a.copy()
        values, vectors = self._lapack("linalg.eigh", self.xp.linalg.eigh, a, UPLO="L" if lower else "U")
        return values.astype(a.dtype), vectors.astype(a.dtype)

    def eig(self, a: Array) -> tuple[Array, Array]:
        wide = np.result_type(a.dtype, np.complex64)
        if not a.size:
            return self.xp.zeros(a.shape[:-1], wide), a.astype(wide)
        if not bool(self.xp.isfinite(a).all()):
            raise ArgumentError("linalg.eig: a matrix holds numbers that are not finite")
        values, vectors = self._lapack("linalg.eig", self.xp.linalg.eig, a)
        return values.astype(wide), vectors.astype(wide)

    def svd(self, a: Array, full: bool) -> tuple[Array, Array, Array]:
        m, n = a.shape[-2:]
        k, lead = min(m, n), a.shape[:-2]
        if not a.size:
            eyes = (self.xp.eye(m, m if full else k, dtype=a.dtype), self.xp.eye(n if full else k, n, dtype=a.dtype))
            u, vh = (self.xp.broadcast_to(e, (*lead, *e.shape)).copy() for e in eyes)
            return u, self.xp.zeros((*lead, k), a.dtype), vh
        u, s, vh = self._lapack("linalg.svd", self.xp.linalg.svd, a, full_matrices=full)
        return u.astype(a.dtype), s.astype(a.dtype), vh.astype(a.dtype)

    def lu_pivots(self, a: Array) -> Array:
        """Which row (counted from 1) changed places with row i in step i, by the largest number of the column."""
        work, k = a.copy().reshape(-1, *a.shape[-2:]) if a.size else a.copy(), min(a.shape[-2:])
        pivots = self.xp.zeros((*a.shape[:-2], k), self.xp.int32)
        if not a.size:
            return pivots
        flat, batch = pivots.reshape(-1, k), self.xp.arange(work.shape[0])
        for i in range(k):
            chosen = i + self.xp.absolute(work[:, i:, i]).argmax(-1)
            flat[:, i] = chosen + 1
            upper = work[:, i].copy()
            work[:, i] = work[batch, chosen]
            work[batch, chosen] = upper
            self._eliminate(work, i)
        return flat.reshape(pivots.shape)

    def lu_square(self, a: Array) -> Array:
        """Both factors of square matrices in one, rows as they stand."""
        work = a.copy().reshape(-1, *a.shape[-2:]) if a.size else a.copy()
        if a.size:
            for i in range(a.shape[-1]):
                self._eliminate(work, i)
        return work.reshape(a.shape)

    def _eliminate(self, work: Array, i: int) -> None:
        pivot = work[:, i, i][:, None]
        safe = self.xp.where(pivot == 0, self.xp.ones_like(pivot), pivot)
        work[:, i + 1 :, i] /= safe
        work[:, i + 1 :, i + 1 :] -= work[:, i + 1 :, i, None] * work[:, i, None, i + 1 :]

    def _lapack(self, name: str, function: Callable[..., Any], a: Array, **options: Any) -> Any:
        try:
            return function(a, **options)
        except np.linalg.LinAlgError as failed:  # CuPy raises NumPy's
            reason = "a matrix is not positive definite" if name == "linalg.cholesky" else str(failed)
            raise ArgumentError(f"{name}: {reason}") from failed
