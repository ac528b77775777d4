"""The reference backend: NumPy written from the formula. The oracle of every other backend, and the fallback.

`ReferenceKernels(xp)` takes its array module as an argument: NumPy here, CuPy for the first CUDA backend.
"""

from __future__ import annotations

from typing import Any

from medtorch.core.backends.reference.elementwise import ElementwiseKernels
from medtorch.core.backends.reference.layout import LayoutKernels


class ReferenceKernels(ElementwiseKernels, LayoutKernels):
    """Every kernel of the contract (medtorch/core/kernels.py), on one array module."""

    def __init__(self, xp: Any) -> None:
        self.xp = xp
