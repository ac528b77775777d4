"""Mean pools over 1 to 3 spatial dims, plain and adaptive. Each is linear, so its gradient's gradient is itself.

Source    semantics of torch.nn.functional.avg_pool2d, adaptive_avg_pool2d
Requires  REQ-F-OPS-103
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from medtorch.core.dtypes import int64
from medtorch.core.ops.max_pool import check_pooled
from medtorch.core.ops.op import Array, Op, require
from medtorch.core.shapes import Shape
from medtorch.core.spec import Spec
from medtorch.core.windows import both_sides, window_outputs
from medtorch.errors import ArgumentError, DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


class AvgPool(Op):
    """The mean of every window.

    Math      y[n,c,p] = sum of the window's elements / divisor; the divisor is the window's size with the padding
              (count_include_pad), without it, or `divisor_override`
    Shapes    x (N, C, *size)  ->  y (N, C, *windows)
    Raises    ShapeError where no window fits; ArgumentError where the padding exceeds half the kernel
    """

    kernel: Shape
    stride: Shape
    padding: Shape
    ceil_mode: bool
    count_include_pad: bool
    divisor_override: int | None

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"avg_pool{len(self.kernel)}d"

    def count(self, size: Shape) -> Shape:
        """How many windows there are over an input of `size`."""
        ones = (1,) * len(self.kernel)
        return window_outputs(size, self.kernel, self.stride, both_sides(self.padding), ones, ceil_mode=self.ceil_mode)

    def check(self, x: Spec) -> Spec:
        known = x.dtype.is_floating_point or x.dtype is int64
        require(known, DtypeError, self, "input must be floating point or int64", input=x)
        check_pooled(self, x, len(self.kernel))
        for k, p in zip(self.kernel, self.padding, strict=True):
            require(p <= k // 2, ArgumentError, self, f"padding {p} is more than half of kernel_size {k}", input=x)
        count = self.count(x.shape[2:])
        require(all(c > 0 for c in count), ShapeError, self, f"no window fits: output size {count}", input=x)
        return x.with_shape((*x.shape[:2], *count))

    def forward(self, kernels: Kernels, x: Array) -> Array:
        count, padded, divisor = self.count(x.shape[2:]), self.count_include_pad, self.divisor_override
        return kernels.avg_pool(x, self.kernel, self.stride, self.padding, count, padded, divisor)

    def vjp(self, x_spec: Spec, dy: Tensor) -> Tensor:
        return AvgPoolInputGrad(self, tuple(x_spec.shape[2:]))(dy)  # type: ignore[no-any-return]


class AvgPoolInputGrad(Op):
    """Share every number of `grad` out over the window that it is the mean of.

    Shapes    grad (N, C, *windows)  ->  y (N, C, *size)
    """

    pool: AvgPool
    size: Shape

    def check(self, grad: Spec) -> Spec:
        return grad.with_shape((*grad.shape[:2], *self.size))

    def forward(self, kernels: Kernels, grad: Array) -> Array:
        pool = self.pool
        return kernels.avg_pool_input_grad(
            grad, self.size, pool.kernel, pool.stride, pool.padding, pool.count_include_pad, pool.divisor_override
        )

    def vjp(self, dy: Tensor) -> Tensor:
        return self.pool(dy)  # type: ignore[no-any-return]


class AdaptiveAvgPool(Op):
    """The mean of each of `output_size` windows that cover the input.

    Math      window i goes from floor(i size / output_size) to ceil((i + 1) size / output_size)
    Shapes    x (N, C, *size)  ->  y (N, C, *output_size)
    """

    output_size: Shape

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"adaptive_avg_pool{len(self.output_size)}d"

    def check(self, x: Spec) -> Spec:
        require(x.dtype.is_floating_point, DtypeError, self, "input must be floating point", input=x)
        check_pooled(self, x, len(self.output_size))
        return x.with_shape((*x.shape[:2], *self.output_size))

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.adaptive_avg_pool(x, self.output_size)

    def vjp(self, x_spec: Spec, dy: Tensor) -> Tensor:
        return AdaptiveAvgPoolInputGrad(tuple(x_spec.shape[2:]))(dy)  # type: ignore[no-any-return]


class AdaptiveAvgPoolInputGrad(Op):
    """Share every number of `grad` out over the window that it is the mean of.

    Shapes    grad (N, C, *output_size)  ->  y (N, C, *size)
    """

    size: Shape

    def check(self, grad: Spec) -> Spec:
        return grad.with_shape((*grad.shape[:2], *self.size))

    def forward(self, kernels: Kernels, grad: Array) -> Array:
        return kernels.adaptive_avg_pool_input_grad(grad, self.size)

    def vjp(self, grad_spec: Spec, dy: Tensor) -> Tensor:
        return AdaptiveAvgPool(tuple(grad_spec.shape[2:]))(dy)  # type: ignore[no-any-return]
