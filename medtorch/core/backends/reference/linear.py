"""A linear layer and its gradient, by the backend's own kernels for the steps of them."""

from __future__ import annotations

from medtorch.core.backends.reference.base import Array
from medtorch.core.backends.reference.elementwise import ElementwiseKernels
from medtorch.core.backends.reference.matmul import MatmulKernels
from medtorch.core.backends.reference.reduction import ReductionKernels
from medtorch.core.shapes import Shape


class LinearKernels(ElementwiseKernels, MatmulKernels, ReductionKernels):
    """x (*, I) times the transpose of weight (O, I), plus bias (O)."""

    def linear(self, x: Array, weight: Array, bias: Array | None) -> Array:
        y = self.matmul(x.reshape(-1, x.shape[-1]), weight.T)
        y = y if bias is None else self.add(y, bias)
        return y.reshape((*x.shape[:-1], weight.shape[0]))

    def linear_grad(
        self, dy: Array, x: Array | None, weight: Array | None, shape: Shape, wanted: tuple[bool, bool, bool]
    ) -> tuple[Array, ...]:
        """Those wanted of the gradients of x, whose shape is `shape`, weight and bias."""
        rows = dy.reshape(-1, dy.shape[-1])
        found: list[Array] = []
        if wanted[0] and weight is not None:
            found.append(self.matmul(rows, weight).reshape(shape))
        if wanted[1] and x is not None:
            found.append(self.matmul(rows.T, x.reshape(-1, shape[-1])))
        if wanted[2]:
            found.append(self.sum(rows, (0,), False))
        return tuple(found)
