"""The CUDA backend: the reference kernels over CuPy's arrays, one set of kernels a device."""

from __future__ import annotations

from medtorch.core.backends.cuda.kernels import CudaKernels, from_dlpack, kernels

__all__ = ["CudaKernels", "from_dlpack", "kernels"]
