"""Cross-entropy of scores with classes and its gradient, by the backend's own kernels for the steps of them."""

from __future__ import annotations

from medtorch.core.backends.reference.base import Array
from medtorch.core.backends.reference.elementwise import ElementwiseKernels
from medtorch.core.backends.reference.reduction import ReductionKernels
from medtorch.core.backends.reference.softmax import SoftmaxKernels


class ClassEntropyKernels(ElementwiseKernels, ReductionKernels, SoftmaxKernels):
    """Scores (N, C, *size) of floating dtype, targets (N, *size)."""

    def class_entropy(self, x: Array, target: Array, ignore_index: int, mean: bool) -> tuple[Array, Array]:
        """The sum of minus the log-probabilities of the targets, or their mean; and all log-probabilities."""
        log_probability = self.log_softmax(x, 1)
        losses = self.neg(self.pick_class(log_probability, target, ignore_index))
        total = self.xp.asarray(self.sum(losses, tuple(range(losses.ndim)), False))
        return self._shared(total, target, ignore_index) if mean else total, log_probability

    def class_entropy_grad(
        self, dy: Array, log_probability: Array, target: Array, ignore_index: int, mean: bool
    ) -> Array:
        share = self.neg(self._shared(dy, target, ignore_index) if mean else dy)
        placed = self.place_class(
            self.xp.broadcast_to(share, target.shape), target, log_probability.shape[1], ignore_index
        )
        return self.sub(placed, self.mul(self.exp(log_probability), self.sum(placed, (1,), True)))

    def _shared(self, x: Array, target: Array, ignore_index: int) -> Array:
        """x divided by the number of targets that count."""
        counted = (target != ignore_index).astype(x.dtype)
        return self.div(x, self.xp.asarray(self.sum(counted, tuple(range(counted.ndim)), False)))
