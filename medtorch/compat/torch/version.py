"""What this `torch` was built with: none of the libraries that PyTorch asks about."""

from __future__ import annotations

from medtorch.compat.torch.torch_version import __version__

__all__ = ["__version__", "cuda", "debug", "git_version", "hip", "xpu"]

cuda = hip = xpu = None
"""No CUDA toolkit that extensions of PyTorch could be built or loaded against; `torch.cuda` tells of GPUs."""
debug = False
git_version = "unknown"
