"""Max pools over 1 to 3 spatial dims, plain and adaptive, and their way back.

A max pool chooses; `PoolScatter` sends a gradient to the chosen places and `PoolGather` reads them, each the gradient
of the other. Which places they are is asked for only when somebody needs to know.

Source    semantics of torch.nn.functional.max_pool2d, adaptive_max_pool2d, max_unpool2d
Requires  REQ-F-OPS-102
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from medtorch.core.dtypes import int64
from medtorch.core.ops.op import Array, Op, require
from medtorch.core.shapes import Shape
from medtorch.core.spec import Spec
from medtorch.core.windows import all_in_padding, both_sides, window_outputs
from medtorch.errors import ArgumentError, DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


def check_pooled(op: Op, x: Spec, spatial: int, **more: Spec) -> None:
    """A batch, a channel and the spatial dims; only the batch may be empty."""
    text = f"input must have {spatial + 2} dims, or {spatial + 1} without a batch, has {x.ndim}"
    require(x.ndim == spatial + 2, ShapeError, op, text, input=x, **more)
    require(0 not in x.shape[1:], ShapeError, op, "only the batch of input may be empty", input=x, **more)


class _MaxPooling(Op):
    """The fields of a max pool; each but `ceil_mode` has one entry a spatial dim."""

    kernel: Shape
    stride: Shape
    padding: Shape
    dilation: Shape
    ceil_mode: bool

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"max_pool{len(self.kernel)}d"

    def count(self, size: Shape) -> Shape:
        """How many windows there are over an input of `size`."""
        pads = both_sides(self.padding)
        return window_outputs(size, self.kernel, self.stride, pads, self.dilation, ceil_mode=self.ceil_mode)

    def check(self, x: Spec) -> Spec:
        require(x.dtype.category > 0, DtypeError, self, "input must be numbers, not bool", input=x)
        check_pooled(self, x, len(self.kernel))
        for k, p, d in zip(self.kernel, self.padding, self.dilation, strict=True):
            half = ((k - 1) * d + 1) // 2
            require(
                p <= half, ArgumentError, self, f"padding {p} is more than half of the kernel's reach ({half})", input=x
            )
        size, count = x.shape[2:], self.count(x.shape[2:])
        require(all(c > 0 for c in count), ShapeError, self, f"no window fits: output size {count}", input=x)
        blind = all_in_padding(size, self.kernel, self.stride, self.padding, self.dilation, count)
        require(not blind, ShapeError, self, "a window sees nothing but padding", input=x)
        return x.with_shape((*x.shape[:2], *count))


class MaxPool(_MaxPooling):
    """The greatest number of every window; NaN where the window has one.

    Math      y[n,c,p] = max over k of x[n, c, p stride - padding + k dilation];  dx: dy at the place of the maximum
    Shapes    x (N, C, *size)  ->  y (N, C, *windows)
    Raises    ShapeError where no window fits; ArgumentError where the padding exceeds half the kernel
    """

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"max_pool{len(self.kernel)}d"

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.max_pool(x, self.kernel, self.stride, self.padding, self.dilation, self.count(x.shape[2:]))

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        op = MaxPoolInputGrad(self.kernel, self.stride, self.padding, self.dilation, self.ceil_mode)
        return op(dy, x.detach())  # type: ignore[no-any-return]

    def indices(self, x: Tensor) -> Tensor:
        """Where the maxima lie, as numbers in the row-major order of a plane."""
        op = MaxPoolIndices(self.kernel, self.stride, self.padding, self.dilation, self.ceil_mode)
        return op(x.detach())  # type: ignore[no-any-return]


class MaxPoolInputGrad(_MaxPooling):
    """The gradient of a max pool: linear in `dy`, a step function of x, of which it takes the places of the maxima.

    Math      dx: the sum of dy over the windows whose maximum lies there;  ddy = dx at the places of the maxima
    Shapes    dy (N, C, *windows), x (N, C, *size)  ->  dx (N, C, *size)
    """

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"max_pool{len(self.kernel)}d_input_grad"

    def check(self, dy: Spec, x: Spec) -> Spec:  # type: ignore[override]
        fits = dy.shape == super().check(x).shape
        require(fits, ShapeError, self, "dy must have the shape of the pool's result", dy=dy, x=x)
        return x.with_dtype(dy.dtype)

    def forward(self, kernels: Kernels, dy: Array, x: Array) -> Array:
        return kernels.max_pool_input_grad(dy, x, self.kernel, self.stride, self.padding, self.dilation)

    def vjp(self, x: Tensor, dy: Tensor) -> tuple[Tensor, None]:
        op = MaxPoolIndices(self.kernel, self.stride, self.padding, self.dilation, self.ceil_mode)
        return PoolGather()(dy, op(x.detach())), None


class MaxPoolIndices(_MaxPooling):
    """Where the greatest number of every window lies, row-major in its plane: the first of equals, the last NaN.

    Shapes    x (N, C, *size)  ->  y (N, C, *windows), int64
    """

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"max_pool{len(self.kernel)}d_indices"

    def check(self, x: Spec) -> Spec:
        return super().check(x).with_dtype(int64)

    def forward(self, kernels: Kernels, x: Array) -> Array:
        count = self.count(x.shape[2:])
        return kernels.max_pool_indices(x, self.kernel, self.stride, self.padding, self.dilation, count)


class AdaptiveMaxPool(Op):
    """The greatest number of each of `output_size` windows that cover the input.

    Math      window i goes from floor(i size / output_size) to ceil((i + 1) size / output_size)
    Shapes    x (N, C, *size)  ->  y (N, C, *output_size)
    """

    output_size: Shape

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"adaptive_max_pool{len(self.output_size)}d"

    def check(self, x: Spec) -> Spec:
        require(x.dtype.is_floating_point, DtypeError, self, "input must be floating point", input=x)
        check_pooled(self, x, len(self.output_size))
        return x.with_shape((*x.shape[:2], *self.output_size))

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.adaptive_max_pool(x, self.output_size)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return PoolScatter(tuple(x.shape[2:]))(dy, self.indices(x))  # type: ignore[no-any-return]

    def indices(self, x: Tensor) -> Tensor:
        """Where the maxima lie, as numbers in the row-major order of a plane."""
        return AdaptiveMaxPoolIndices(self.output_size)(x.detach())  # type: ignore[no-any-return]


class AdaptiveMaxPoolIndices(AdaptiveMaxPool):
    """Where the greatest number of every window lies, counted row-major in its plane."""

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"adaptive_max_pool{len(self.output_size)}d_indices"

    def check(self, x: Spec) -> Spec:
        return super().check(x).with_dtype(int64)

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.adaptive_max_pool_indices(x, self.output_size)


class PoolScatter(Op):
    """Add every number of `x` to the place of its plane that `indices` names.

    Shapes    x and indices (N, C, *windows)  ->  y (N, C, *size)
    """

    size: Shape

    def check(self, x: Spec, indices: Spec) -> Spec:
        require(x.shape == indices.shape, ShapeError, self, "x and indices differ in shape", x=x, indices=indices)
        return x.with_shape((*x.shape[:2], *self.size))

    def forward(self, kernels: Kernels, x: Array, indices: Array) -> Array:
        return kernels.pool_scatter(x, indices, self.size)

    def vjp(self, indices: Tensor, dy: Tensor) -> tuple[Tensor, None]:
        return PoolGather()(dy, indices), None


class PoolGather(Op):
    """Read the places of every plane that `indices` names.

    Shapes    x (N, C, *size), indices (N, C, *windows)  ->  y (N, C, *windows)
    """

    def check(self, x: Spec, indices: Spec) -> Spec:
        require(x.shape[:2] == indices.shape[:2], ShapeError, self, "x and indices differ", x=x, indices=indices)
        return x.with_shape(indices.shape)

    def forward(self, kernels: Kernels, x: Array, indices: Array) -> Array:
        return kernels.pool_gather(x, indices)

    def vjp(self, x_spec: Spec, indices: Tensor, dy: Tensor) -> tuple[Tensor, None]:
        return PoolScatter(tuple(x_spec.shape[2:]))(dy, indices), None


class MaxUnpool(Op):
    """Put every number back to the place that it was chosen from, zeros elsewhere; of several the last stays.

    Shapes    x and indices (N, C, *windows)  ->  y (N, C, *size)
    Raises    DimError for an index outside the plane
    """

    size: Shape

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"max_unpool{len(self.size)}d"

    def check(self, x: Spec, indices: Spec) -> Spec:
        given = {"input": x, "indices": indices}
        require(x.dtype.is_floating_point, DtypeError, self, "input must be floating point", **given)
        require(indices.dtype is int64, DtypeError, self, "indices must be int64", **given)
        check_pooled(self, x, len(self.size), indices=indices)
        require(x.shape == indices.shape, ShapeError, self, "input and indices differ in shape", **given)
        return x.with_shape((*x.shape[:2], *self.size))

    def forward(self, kernels: Kernels, x: Array, indices: Array) -> Array:
        return kernels.max_unpool(x, indices, self.size)

    def vjp(self, indices: Tensor, dy: Tensor) -> tuple[Tensor, None]:
        return PoolGather()(dy, indices), None
