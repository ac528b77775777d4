"""The reference backend: NumPy written from the formula. The oracle of every other backend, and the fallback.

`ReferenceKernels(xp)` takes its array module as an argument: NumPy here, CuPy for the first CUDA backend.
"""

from __future__ import annotations

from typing import Any

from medtorch.core.backends.reference.activation import ActivationKernels
from medtorch.core.backends.reference.attention import AttentionKernels
from medtorch.core.backends.reference.batch_norm import BatchNormKernels
from medtorch.core.backends.reference.bessel import BesselKernels
from medtorch.core.backends.reference.bits import BitKernels
from medtorch.core.backends.reference.class_entropy import ClassEntropyKernels
from medtorch.core.backends.reference.conv import ConvKernels
from medtorch.core.backends.reference.elementwise import ElementwiseKernels
from medtorch.core.backends.reference.embedding import EmbeddingKernels
from medtorch.core.backends.reference.factor import FactorKernels
from medtorch.core.backends.reference.fft import FftKernels
from medtorch.core.backends.reference.fused import FusedKernels
from medtorch.core.backends.reference.gamma_slope import GammaSlopeKernels
from medtorch.core.backends.reference.indexing import IndexingKernels
from medtorch.core.backends.reference.interpolate import InterpolateKernels
from medtorch.core.backends.reference.layout import LayoutKernels
from medtorch.core.backends.reference.linalg import LinalgKernels
from medtorch.core.backends.reference.linear import LinearKernels
from medtorch.core.backends.reference.matmul import MatmulKernels
from medtorch.core.backends.reference.norm import NormKernels
from medtorch.core.backends.reference.optimizer import OptimizerKernels
from medtorch.core.backends.reference.pad import PadKernels
from medtorch.core.backends.reference.pool import PoolKernels
from medtorch.core.backends.reference.recurrence import RecurrenceKernels
from medtorch.core.backends.reference.reduction import ReductionKernels
from medtorch.core.backends.reference.scan import ScanKernels
from medtorch.core.backends.reference.softmax import SoftmaxKernels
from medtorch.core.backends.reference.sorting import SortingKernels
from medtorch.core.backends.reference.transcendental import TranscendentalKernels
from medtorch.core.backends.reference.unfold import UnfoldKernels


class ReferenceKernels(
    BatchNormKernels,
    FusedKernels,
    RecurrenceKernels,
    ClassEntropyKernels,
    LinearKernels,
    AttentionKernels,
    ActivationKernels,
    BesselKernels,
    BitKernels,
    ConvKernels,
    ElementwiseKernels,
    EmbeddingKernels,
    FactorKernels,
    FftKernels,
    GammaSlopeKernels,
    IndexingKernels,
    InterpolateKernels,
    LayoutKernels,
    LinalgKernels,
    MatmulKernels,
    NormKernels,
    OptimizerKernels,
    PadKernels,
    PoolKernels,
    ReductionKernels,
    ScanKernels,
    SoftmaxKernels,
    SortingKernels,
    TranscendentalKernels,
    UnfoldKernels,
):
    """Every kernel of the contract (medtorch/core/kernels.py), on one array module."""

    def __init__(self, xp: Any) -> None:
        self.xp = xp
