"""The fast CPU kernels: one class a family over the reference backend's, the kernel set chosen by name.

Requires  REQ-P-SPD-001
"""

from __future__ import annotations

from types import ModuleType

import numpy as np

from medtorch.core.backends.cpu.activation import ActivationKernels
from medtorch.core.backends.cpu.attention import AttentionKernels
from medtorch.core.backends.cpu.conv import ConvKernels
from medtorch.core.backends.cpu.elementwise import ElementwiseKernels
from medtorch.core.backends.cpu.fused import PackedWeights
from medtorch.core.backends.cpu.interpolate import InterpolateKernels
from medtorch.core.backends.cpu.layout import LayoutKernels
from medtorch.core.backends.cpu.matmul import MatmulKernels
from medtorch.core.backends.cpu.norm_fused import NormFusedKernels
from medtorch.core.backends.cpu.optimizer import OptimizerKernels
from medtorch.core.backends.cpu.pool import PoolKernels
from medtorch.core.backends.cpu.recurrence import RecurrenceKernels
from medtorch.core.backends.cpu.reduction import ReductionKernels
from medtorch.core.backends.cpu.softmax import SoftmaxKernels
from medtorch.core.backends.reference import ReferenceKernels


class CpuKernels(
    NormFusedKernels,
    ActivationKernels,
    AttentionKernels,
    ConvKernels,
    ElementwiseKernels,
    InterpolateKernels,
    LayoutKernels,
    MatmulKernels,
    OptimizerKernels,
    PoolKernels,
    RecurrenceKernels,
    ReductionKernels,
    SoftmaxKernels,
    ReferenceKernels,
):
    """Every kernel of the contract: the families listed above natively for float32, the rest by the reference."""

    def __init__(self, native: ModuleType, name: str) -> None:
        super().__init__(np)
        self.native = native
        self.set = native.KernelSet(name)
        self.packed = PackedWeights()
