"""Fourier transforms by numpy.fft (or cupy.fft), each with a factor of its own; float32 is computed in float32."""

from __future__ import annotations

import numpy as np

from medtorch.core.backends.reference.base import Array, KernelFamily

Dims = tuple[int, ...]


class FftKernels(KernelFamily):
    """Transforms over `dims`; where half a spectrum takes part, it lies along the last of them."""

    def fft_complex(self, x: Array, dims: Dims, forward: bool, factor: float) -> Array:
        fft = self.xp.fft
        out = fft.fftn(x, axes=dims) if forward else fft.ifftn(x, axes=dims, norm="forward")
        return self._scaled(out, x, factor)

    def fft_real(self, x: Array, dims: Dims, factor: float) -> Array:
        return self._scaled(self.xp.fft.rfftn(x, axes=dims), x, factor)

    def fft_half(self, x: Array, dims: Dims, n: int, factor: float) -> Array:
        sizes = [x.shape[d] for d in dims[:-1]]
        return self._scaled(self.xp.fft.irfftn(x, s=(*sizes, n), axes=dims, norm="forward"), x, factor)

    def _scaled(self, out: Array, like: Array, factor: float) -> Array:
        parts = like.real.dtype
        if factor != 1.0:
            out = out * parts.type(factor)
        return out.astype(np.result_type(parts, np.complex64) if out.dtype.kind == "c" else parts, copy=False)
