"""Steps of optimizers natively: all parameters in one call, shared among threads in stretches of memory.

Requires  REQ-F-OPT-001
"""

from __future__ import annotations

from medtorch.core.backends.cpu.base import NativeFamily, all_float32
from medtorch.core.backends.reference.base import Array
from medtorch.core.backends.reference.optimizer import OptimizerKernels as ReferenceOptimizerKernels

Rows = list[tuple[Array, ...]]


class OptimizerKernels(NativeFamily, ReferenceOptimizerKernels):
    """float32 arrays that lie alike and without gaps; others go to the reference kernel, which rounds alike."""

    def sgd_step(
        self,
        rows: Rows,
        lr: float,
        momentum: float,
        dampening: float,
        weight_decay: float,
        nesterov: bool,
        maximize: bool,
        first: bool,
    ) -> None:
        kept, others = _parted(rows)
        has_buffer = bool(kept) and len(kept[0]) == 3
        left = self.set.sgd_step(kept, has_buffer, lr, momentum, dampening, weight_decay, nesterov, maximize, first)
        others += [kept[nr] for nr in left]
        super().sgd_step(others, lr, momentum, dampening, weight_decay, nesterov, maximize, first)

    def adam_step(
        self,
        rows: Rows,
        step: int,
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        decoupled: bool,
        maximize: bool,
    ) -> None:
        kept, others = _parted(rows)
        amsgrad = bool(kept) and len(kept[0]) == 5
        rate, root = -lr / (1 - betas[0] ** step), (1 - betas[1] ** step) ** 0.5
        left = self.set.adam_step(kept, amsgrad, lr, *betas, eps, weight_decay, rate, root, decoupled, maximize)
        others += [kept[nr] for nr in left]
        super().adam_step(others, step, lr, betas, eps, weight_decay, decoupled, maximize)


def _parted(rows: Rows) -> tuple[Rows, Rows]:
    """Rows that may be taken natively, and the others."""
    kept = [row for row in rows if all_float32(*row)]
    return kept, [row for row in rows if not all_float32(*row)]
