"""Gradients of activations in one kernel, for backward passes that nobody records.

The formulas are those of the activations' own vjps, with the same roundings. Where a gradient is itself recorded
(create_graph) the vjp is written in ops, which can be differentiated again.

Requires  REQ-F-OPS-109
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from medtorch.core.modes import is_plain
from medtorch.core.ops.op import Array, Op, require
from medtorch.core.spec import Spec
from medtorch.errors import ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


class ActivationInputGrad(Op):
    """dx of the activation `function` with the numbers `numbers`, from dy and what the activation read or made.

    Shapes    dy, saved: same shape  ->  dx: same shape
    Raises    ShapeError
    """

    function: str
    numbers: tuple[float, ...]

    def check(self, dy: Spec, saved: Spec) -> Spec:
        require(dy.shape == saved.shape, ShapeError, self, "dy and what was saved differ in shape", dy=dy, saved=saved)
        return dy

    def forward(self, kernels: Kernels, dy: Array, saved: Array) -> Array:
        return kernels.activation_input_grad(self.function, dy, saved, self.numbers)


def is_one_kernel(dy: Tensor, saved: Tensor) -> bool:
    """Whether one kernel may compute the gradient: nobody follows it, and both are of one floating dtype."""
    return is_plain() and dy.dtype is saved.dtype and dy.dtype.is_floating_point


def input_grad(function: str, dy: Tensor, saved: Tensor, *numbers: float) -> Tensor:
    """The gradient of `function`'s input; see `ActivationInputGrad`."""
    return ActivationInputGrad(function, tuple(float(n) for n in numbers))(dy, saved)  # type: ignore[no-any-return]
