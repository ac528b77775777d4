"""Matrix products as layers.

Source    semantics of torch.nn.functional.linear, bilinear
Requires  REQ-F-OPS-112
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from medtorch.core.autocasting import narrow, unchanged
from medtorch.core.dtypes import float32, float64
from medtorch.core.modes import STATE, is_plain
from medtorch.core.ops.op import Array, Op, require
from medtorch.core.spec import Spec
from medtorch.errors import DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


class Linear(Op):
    """Rows times a matrix, plus a bias: the bits of the product and the sum one after the other.

    Math      y = x w^T + b;  dx = dy w;  dw = dy^T x;  db = sum dy over the rows
    Shapes    x (*, I), weight (O, I), bias (O)  ->  y (*, O)
    Raises    ShapeError
    """

    uses: ClassVar[dict[str, tuple[int, ...]]] = {"x": (1,), "weight": (0,)}

    def check(self, x: Spec, weight: Spec, bias: Spec | None) -> Spec:
        fits = x.ndim > 1 and x.shape[-1] == weight.shape[-1] and (bias is None or bias.shape == weight.shape[:1])
        require(fits, ShapeError, self, "sizes do not fit", x=x, weight=weight, bias=bias)
        return x.with_shape((*x.shape[:-1], weight.shape[0]))

    def forward(self, kernels: Kernels, x: Array, weight: Array, bias: Array | None) -> Array:
        return kernels.linear(x, weight, bias)

    def vjp(
        self,
        x: Tensor | None,
        weight: Tensor | None,
        x_spec: Spec,
        needs: tuple[bool, bool, bool],
        dy: Tensor,
    ) -> tuple[Tensor | None, ...]:
        if is_plain():
            found = iter(LinearGrad(x_spec.shape, needs)(dy, x, weight))
            return tuple(next(found) if need else None for need in needs)
        rows = dy.reshape(-1, dy.shape[-1])
        return (
            None if weight is None else dy.matmul(weight),
            None if x is None else rows.t().matmul(x.reshape(-1, x.shape[-1])),
            rows.sum(0) if needs[2] else None,
        )


class LinearGrad(Op):
    """What `Linear` sends back to those inputs that want it, in one kernel. It has no gradient of its own.

    Shapes    dy (*, O), x (*, I), weight (O, I)  ->  those wanted of dx (*, I), dw (O, I), db (O)
    """

    shape: tuple[int, ...]
    wanted: tuple[bool, bool, bool]

    def check(self, dy: Spec, x: Spec | None, weight: Spec | None) -> tuple[Spec, ...]:
        sizes = (self.shape, (dy.shape[-1], self.shape[-1]), dy.shape[-1:])
        return tuple([dy.with_shape(size) for size, wanted in zip(sizes, self.wanted, strict=True) if wanted])

    def forward(self, kernels: Kernels, dy: Array, x: Array | None, weight: Array | None) -> tuple[Array, ...]:
        return kernels.linear_grad(dy, x, weight, self.shape, self.wanted)


def _is_one_op(input: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Whether `Linear` computes it: nothing but a backward pass follows it, and there is something to compute."""
    followed = STATE.levels or STATE.batches or STATE.capture is not None
    fits = input.ndim > 1 and weight.ndim == 2 and input.shape[-1] == weight.shape[1] and input.numel()
    if followed or not fits or not weight.numel():
        return False
    dtype = input.dtype
    alike = weight.dtype is dtype and (bias is None or (bias.dtype is dtype and bias.shape == weight.shape[:1]))
    return alike and dtype in (float32, float64)


_linear = Linear()


@narrow
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input weight^T + bias.

    Shapes    input (*, I), weight (O, I), bias (O)  ->  (*, O);  weight (I), bias ()  ->  (*)
    Raises    ShapeError where the sizes do not fit; DtypeError for different dtypes
    """
    if _is_one_op(input, weight, bias):
        return _linear(input, weight, bias)  # type: ignore[no-any-return]
    given = {"input": input.spec, "weight": weight.spec, **({} if bias is None else {"bias": bias.spec})}
    require(input.ndim >= 1, ShapeError, "linear", "input must have 1 dim or more", **given)
    require(weight.ndim in (1, 2), ShapeError, "linear", f"weight must have 1 or 2 dims, has {weight.ndim}", **given)
    text = f"input has {input.shape[-1]} features, weight expects {weight.shape[-1]}"
    require(input.shape[-1] == weight.shape[-1], ShapeError, "linear", text, **given)
    require(input.dtype is weight.dtype, DtypeError, "linear", "input and weight must have the same dtype", **given)
    out = input.matmul(weight.t())
    if bias is None:
        return out
    fits = bias.ndim <= 1 and bias.numel() in (1, out.shape[-1] if weight.ndim == 2 else 1)
    require(fits, ShapeError, "linear", f"bias must have {weight.shape[0]} elements", **given)
    require(input.dtype is bias.dtype, DtypeError, "linear", "input and bias must have the same dtype", **given)
    return out + bias


@unchanged
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y[o] = input1^T weight[o] input2 + bias[o].

    Shapes    input1 (*, I), input2 (*, J), weight (O, I, J), bias (O)  ->  (*, O)
    Raises    ShapeError where the sizes do not fit
    """
    given = {"input1": input1.spec, "input2": input2.spec, "weight": weight.spec}
    require(weight.ndim == 3, ShapeError, "bilinear", f"weight must have 3 dims, has {weight.ndim}", **given)
    fits = input1.ndim >= 1 and input1.ndim == input2.ndim and input1.shape[:-1] == input2.shape[:-1]
    require(fits, ShapeError, "bilinear", "input1 and input2 must be alike but for their last dim", **given)
    outputs, first, second = weight.shape
    sizes = (input1.shape[-1], input2.shape[-1])
    text = f"inputs have {sizes} features, weight expects {(first, second)}"
    require(sizes == (first, second), ShapeError, "bilinear", text, **given)
    half = input2.matmul(weight.reshape(outputs * first, second).t()).reshape(*input1.shape[:-1], outputs, first)
    out = half.matmul(input1.unsqueeze(-1)).squeeze(-1)
    return out if bias is None else out + bias
