"""Windows of an image as columns, and columns added up to an image again: each other's gradients.

Source    semantics of torch.nn.functional.unfold, fold
Requires  REQ-F-OPS-113
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from medtorch.core.ops.op import Array, Op, require
from medtorch.core.shapes import Shape
from medtorch.core.spec import Spec
from medtorch.core.windows import both_sides, numbers, window_outputs
from medtorch.errors import DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


class _Windows(Op):
    kernel: Shape
    dilation: Shape
    padding: Shape
    stride: Shape

    def count(self, size: Shape, **given: Spec) -> Shape:
        """How many windows there are along each dim. Raises ShapeError for none."""
        found = window_outputs(size, self.kernel, self.stride, both_sides(self.padding), self.dilation)
        text = f"no window of {self.kernel} fits into {size} with padding {self.padding}"
        require(all(n > 0 for n in found), ShapeError, self, text, **given)
        return found


class Unfold(_Windows):
    """Every window as a column.

    Shapes    x (N, C, H, W)  ->  y (N, C kh kw, windows)
    """

    def check(self, x: Spec) -> Spec:
        require(x.dtype.is_floating_point, DtypeError, self, "input must be floating point", input=x)
        text = f"input must have 4 dims, or 3 without a batch, has {x.ndim}"
        require(x.ndim == 4 and 0 not in x.shape[1:], ShapeError, self, text, input=x)
        count = self.count(x.shape[2:], input=x)
        return x.with_shape((x.shape[0], x.shape[1] * math.prod(self.kernel), math.prod(count)))

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.unfold(x, self.kernel, self.dilation, self.padding, self.stride)

    def vjp(self, x_spec: Spec, dy: Tensor) -> Tensor:
        return Fold(self.kernel, self.dilation, self.padding, self.stride, x_spec.shape[2:])(dy)  # type: ignore[no-any-return]


class Fold(_Windows):
    """Every column added to the window that it belongs to.

    Shapes    x (N, C kh kw, windows)  ->  y (N, C, *size)
    """

    size: Shape

    def check(self, x: Spec) -> Spec:
        require(x.dtype.is_floating_point, DtypeError, self, "input must be floating point", input=x)
        text = f"input must have 3 dims, or 2 without a batch, has {x.ndim}"
        require(x.ndim == 3 and 0 not in x.shape[1:], ShapeError, self, text, input=x)
        rows, windows = math.prod(self.kernel), math.prod(self.count(self.size, input=x))
        require(
            x.shape[1] % rows == 0, ShapeError, self, f"{x.shape[1]} rows are no multiple of {rows} per window", input=x
        )
        require(x.shape[2] == windows, ShapeError, self, f"{x.shape[2]} columns, but {windows} windows", input=x)
        return x.with_shape((x.shape[0], x.shape[1] // rows, *self.size))

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.fold(x, self.size, self.kernel, self.dilation, self.padding, self.stride)

    def vjp(self, dy: Tensor) -> Tensor:
        return Unfold(self.kernel, self.dilation, self.padding, self.stride)(dy)  # type: ignore[no-any-return]


def _fields(name: str, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> tuple[Shape, Shape, Shape, Shape]:
    return (
        numbers(kernel_size, 2, op=name, name="kernel_size", least=1),
        numbers(dilation, 2, op=name, name="dilation", least=1),
        numbers(padding, 2, op=name, name="padding", least=0),
        numbers(stride, 2, op=name, name="stride", least=1),
    )


def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """Windows of (N, C, H, W) or (C, H, W) as columns. See `Unfold`."""
    op = Unfold(*_fields("unfold", kernel_size, dilation, padding, stride))
    return op(input.unsqueeze(0)).squeeze(0) if input.ndim == 3 else op(input)  # type: ignore[no-any-return]


def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Columns (N, C kh kw, L) or (C kh kw, L) added up to images of `output_size`. See `Fold`."""
    size = numbers(output_size, 2, op="fold", name="output_size", least=1)
    op = Fold(*_fields("fold", kernel_size, dilation, padding, stride), size)
    return op(input.unsqueeze(0)).squeeze(0) if input.ndim == 2 else op(input)  # type: ignore[no-any-return]
