"""Ops that only a compiled graph has: several of the model's ops in one kernel call, and what memory layouts need.

Requires  REQ-F-CMP-003
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from medtorch.core.ops.conv import Conv
from medtorch.core.ops.conv_transpose import ConvTranspose
from medtorch.core.ops.norm import Normalize
from medtorch.core.ops.op import Array, Op, require
from medtorch.core.shapes import Shape, broadcast_shapes
from medtorch.core.spec import Spec
from medtorch.core.windows import Pads
from medtorch.errors import ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels


class Arrange(Op):
    """The numbers of x, stretched to `shape`, in memory of their own: steps shrink in the order of the dims `order`."""

    shape: Shape
    order: Shape

    def check(self, x: Spec) -> Spec:
        return x.with_shape(self.shape)

    def forward(self, kernels: Kernels, x: Array) -> Array:
        ordered = kernels.expand(x, self.shape).transpose(self.order)
        back = sorted(range(len(self.order)), key=self.order.__getitem__)
        return kernels.copy(ordered, "contiguous_format").transpose(back)


class Regroup(Op):
    """x read as another shape: a view where its memory allows that, else a copy."""

    shape: Shape

    def check(self, x: Spec) -> Spec:
        return x.with_shape(self.shape)

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.regroup(x, self.shape)


class Activated(Op):
    """Base of ops that end in an activation, by its name in the kernels' contract; `alpha` is its one number.

    `write` is `forward` with the memory that the result goes to; `kernel` is the kernel that does it, and `inplace`
    tells whether that memory may be an input's.
    """

    activation: str
    alpha: float
    kernel: ClassVar[str] = ""
    inplace: ClassVar[bool] = False

    def forward(self, kernels: Kernels, *arrays: Array) -> Array:
        return self.write(kernels, None, *arrays)

    def write(self, kernels: Kernels, out: Array | None, *arrays: Array) -> Array:
        raise NotImplementedError


class ConvFused(Activated):
    """Convolution, + bias, + residual, activation. Math as `Conv`."""

    stride: Shape
    padding: Pads
    dilation: Shape
    groups: int
    kernel = "conv_fused"

    def check(self, input: Spec, weight: Spec, bias: Spec | None, residual: Spec | None) -> Spec:
        return Conv(self.stride, self.padding, self.dilation, self.groups).check(input, weight, bias)

    def write(self, kernels: Kernels, out: Array | None, *arrays: Array) -> Array:
        geometry = (self.stride, self.padding, self.dilation, self.groups)
        input, weight, bias, residual = arrays
        return kernels.conv_fused(input, weight, bias, residual, *geometry, self.activation, self.alpha, out)


class ConvGated(ConvFused):
    """Convolution of the input times a gate by channel, + bias, + residual, activation.

    Shapes    input (N, C, ...), gate (N, C, 1, ...), weight, bias and residual as of ConvFused
    """

    kernel = "conv_gated"

    def check(
        self, input: Spec, weight: Spec, bias: Spec | None, residual: Spec | None, gate: Spec | None = None
    ) -> Spec:
        fits = gate is not None and gate == input.with_shape((*input.shape[:2], *(1,) * (input.ndim - 2)))
        require(fits, ShapeError, self, "gate needs one number for each channel", input=input, gate=gate)
        return super().check(input, weight, bias, residual)

    def write(self, kernels: Kernels, out: Array | None, *arrays: Array) -> Array:
        geometry = (self.stride, self.padding, self.dilation, self.groups)
        input, weight, bias, residual, gate = arrays
        return kernels.conv_gated(input, gate, weight, bias, residual, *geometry, self.activation, self.alpha, out)


class ConvTransposeFused(Activated):
    """Transposed convolution, + bias, + residual, activation. Math as `ConvInputGrad`."""

    stride: Shape
    padding: Pads
    dilation: Shape
    groups: int
    size: Shape
    kernel = "conv_transpose_fused"

    def check(self, input: Spec, weight: Spec, bias: Spec | None, residual: Spec | None) -> Spec:
        return ConvTranspose(self.stride, self.padding, self.dilation, self.groups, self.size).check(
            input, weight, bias
        )

    def write(self, kernels: Kernels, out: Array | None, *arrays: Array) -> Array:
        geometry = (self.size, self.stride, self.padding, self.dilation, self.groups)
        input, weight, bias, residual = arrays
        return kernels.conv_transpose_fused(input, weight, bias, residual, *geometry, self.activation, self.alpha, out)


class LinearFused(Activated):
    """x weight^T, + bias, + residual, activation.

    Shapes    x (..., I), weight (O, I), bias (O), residual (..., O)  ->  y (..., O)
    """

    kernel = "linear_fused"

    def check(self, x: Spec, weight: Spec, bias: Spec | None, residual: Spec | None) -> Spec:
        return x.with_shape((*x.shape[:-1], weight.shape[0]))

    def write(self, kernels: Kernels, out: Array | None, *arrays: Array) -> Array:
        x, weight, bias, residual = arrays
        return kernels.linear_fused(x, weight, bias, residual, self.activation, self.alpha, out)


class ScaleShift(Activated):
    """Math      y = activation(x * scale + shift), both with one number for each place of the dim `dim`"""

    dim: int
    kernel = "scale_shift"
    inplace = True

    def check(self, x: Spec, scale: Spec, shift: Spec | None) -> Spec:
        return x

    def write(self, kernels: Kernels, out: Array | None, *arrays: Array) -> Array:
        x, scale, shift = arrays
        return kernels.scale_shift(x, scale, shift, self.dim, self.activation, self.alpha, out)


class NormalizeFused(Activated):
    """Math      y = activation((x - mean) (var + eps)^(-1/2) weight + bias), moments over `dims` as in `Normalize`"""

    dims: Shape
    eps: float
    kernel = "normalize_fused"
    inplace = True

    def check(self, x: Spec, weight: Spec, bias: Spec) -> Spec:
        return Normalize(self.dims, self.eps).check(x, weight, bias)[0]

    def write(self, kernels: Kernels, out: Array | None, *arrays: Array) -> Array:
        x, weight, bias = arrays
        across = (1, -1, *(1,) * (x.ndim - 2))
        given = (x, weight.reshape(across), bias.reshape(across), self.dims, self.eps)
        return kernels.normalize_fused(*given, self.activation, self.alpha, out)


class AddActivated(Activated):
    """Math      y = activation(a + b)"""

    kernel = "add_activated"
    inplace = True

    def check(self, a: Spec, b: Spec) -> Spec:
        return a.with_shape(broadcast_shapes(a.shape, b.shape))

    def write(self, kernels: Kernels, out: Array | None, *arrays: Array) -> Array:
        a, b = arrays
        return kernels.add_activated(a, b, self.activation, self.alpha, out)


class Activate(Activated):
    """Math      y = activation(x)"""

    kernel = "activate"
    inplace = True

    def check(self, x: Spec) -> Spec:
        return x

    def write(self, kernels: Kernels, out: Array | None, *arrays: Array) -> Array:
        return kernels.activate(arrays[0], self.activation, self.alpha, out)
