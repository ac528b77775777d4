"""torch.backends' names: which of PyTorch's libraries are in use. None is."""

from __future__ import annotations

from medtorch.compat.torch.backends import cuda, cudnn, mkl, mkldnn, mps, openmp, opt_einsum

__all__ = ["cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp", "opt_einsum"]
