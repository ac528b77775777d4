"""Convolution and transposed convolution over 1 to 3 spatial dims, one family for all.

`Conv`, `ConvInputGrad` and `ConvWeightGrad` are linear in each input and are each other's gradients, so they can be
differentiated any number of times. A transposed convolution (conv_transpose.py) is `ConvInputGrad` as a layer.

Source    semantics of torch.nn.functional.conv2d
Requires  REQ-F-OPS-100
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from medtorch.core.autocasting import narrow
from medtorch.core.devices import CPU
from medtorch.core.dtypes import float32, int64
from medtorch.core.ops.op import Array, Op, Tangents, require
from medtorch.core.shapes import Shape
from medtorch.core.spec import Spec
from medtorch.core.windows import Pads, batched, both_sides, numbers, reach, same_padding, window_outputs
from medtorch.errors import ArgumentError, DtypeError, OpError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


def known_shape(op: _Convolution, first: Spec, *others: Spec | None) -> Shape | None:
    """The shape of the result of float32 inputs that fit; None where they have to be looked at one by one."""
    if first.dtype is not float32 or not all(spec is None or spec.dtype is float32 for spec in others):
        return None
    return _shape_of(op, first.shape, *(None if spec is None else spec.shape for spec in others))


@lru_cache(2048)
def _shape_of(op: _Convolution, *shapes: Shape | None) -> Shape | None:
    """Remembered, as models ask for the same few over and over; None where they do not fit."""
    try:
        found: Spec = op.checked(*(None if shape is None else Spec(shape, float32, CPU) for shape in shapes))
    except OpError:  # the caller asks again, with what the error has to show
        return None
    return found.shape


class _Convolution(Op):
    """What the three have in common; each field but `groups` has one entry a spatial dim."""

    tangents: ClassVar[Tangents] = "bilinear"

    stride: Shape
    padding: Pads
    dilation: Shape
    groups: int
    checked: ClassVar[Callable[..., Spec]]

    @property
    def spatial(self) -> int:
        return len(self.stride)

    def windows(self, size: Shape, kernel: Shape) -> Shape:
        """How many windows there are over an input of `size`."""
        return window_outputs(size, kernel, self.stride, self.padding, self.dilation)

    def check_pair(self, **specs: Spec | None) -> None:
        """Equal dtypes that can be multiplied, and a batch, a channel and the spatial dims each."""
        given = {name: spec for name, spec in specs.items() if spec is not None}
        first = next(iter(given.values()))
        for name, spec in given.items():
            require(
                spec.dtype.is_floating_point or spec.dtype is int64,
                DtypeError,
                self,
                f"{name} must be floating point or int64",
                **specs,
            )
            require(
                spec.dtype is first.dtype, DtypeError, self, f"{name} must have the dtype {first.dtype.name}", **specs
            )
            wanted = 1 if name == "bias" else self.spatial + 2
            require(spec.ndim == wanted, ShapeError, self, f"{name} must have {wanted} dims, has {spec.ndim}", **specs)

    def check_groups(self, outputs: int, **specs: Spec | None) -> None:
        require(self.groups > 0, ArgumentError, self, f"groups must be at least 1, got {self.groups}", **specs)
        require(
            outputs % self.groups == 0,
            ShapeError,
            self,
            f"{outputs} channels of weight do not divide into groups={self.groups}",
            **specs,
        )

    def check_reach(self, size: Shape, kernel: Shape, **specs: Spec | None) -> None:
        """The kernel has elements and fits into the padded input."""
        require(0 not in kernel, ShapeError, self, f"the kernel has no elements: {kernel}", **specs)
        whole = tuple(n + before + after for n, (before, after) in zip(size, self.padding, strict=True))
        spans = tuple(reach(k, d) for k, d in zip(kernel, self.dilation, strict=True))
        fits = all(span <= n for span, n in zip(spans, whole, strict=True))
        require(
            fits,
            ShapeError,
            self,
            f"a kernel that reaches over {spans} does not fit the padded input of size {whole}",
            **specs,
        )


class Conv(_Convolution):
    """Sums of products of a kernel with every window of the input.

    Math      y[n,o,p] = bias[o] + sum over c, k of input[n, c, p stride - padding + k dilation] weight[o,c,k]
    Shapes    input (N, C, *size), weight (O, C/groups, *kernel), bias (O)  ->  y (N, O, *windows)
    Raises    ShapeError where channels, groups or sizes do not fit; DtypeError for different dtypes
    """

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"conv{self.spatial}d"

    def check(self, input: Spec, weight: Spec, bias: Spec | None) -> Spec:
        return input.with_shape(known_shape(self, input, weight, bias) or self.checked(input, weight, bias).shape)

    def checked(self, input: Spec, weight: Spec, bias: Spec | None) -> Spec:
        given = {"input": input, "weight": weight, "bias": bias}
        self.check_pair(**given)
        self.check_groups(weight.shape[0], **given)
        fits = input.shape[1] == weight.shape[1] * self.groups
        expected = weight.shape[1] * self.groups
        text = f"input has {input.shape[1]} channels, weight expects {expected} (groups={self.groups})"
        require(fits, ShapeError, self, text, **given)
        text = f"bias must have {weight.shape[0]} elements"
        require(bias is None or bias.shape[0] == weight.shape[0], ShapeError, self, text, **given)
        self.check_reach(input.shape[2:], weight.shape[2:], **given)
        return input.with_shape((input.shape[0], weight.shape[0], *self.windows(input.shape[2:], weight.shape[2:])))

    def forward(self, kernels: Kernels, input: Array, weight: Array, bias: Array | None) -> Array:
        return kernels.conv(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)

    def vjp(
        self, input: Tensor, weight: Tensor, needs: tuple[bool, ...], dy: Tensor
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        return (
            _input_grad(self, dy, weight, input.shape[2:]) if needs[0] else None,
            _weight_grad(self, input, dy, weight.shape[2:]) if needs[1] else None,
            _bias_grad(dy) if needs[2] else None,
        )


class ConvInputGrad(_Convolution):
    """Spread every element of `grad` over the window that it was computed from.

    Math      y[n,c,q] = bias[c] + sum of grad[n,o,p] weight[o,c,k] over o, k, p, q = p stride - padding + k dilation
    Shapes    grad (N, O, *windows), weight (O, C/groups, *kernel), bias (C)  ->  y (N, C, *size)
    Raises    ShapeError where channels, groups or sizes do not fit; DtypeError for different dtypes
    """

    size: Shape
    called: ClassVar[str] = "grad"

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"conv{self.spatial}d_input_grad"

    def check(self, grad: Spec, weight: Spec, bias: Spec | None) -> Spec:
        return grad.with_shape(known_shape(self, grad, weight, bias) or self.checked(grad, weight, bias).shape)

    def checked(self, grad: Spec, weight: Spec, bias: Spec | None) -> Spec:
        given = {self.called: grad, "weight": weight, "bias": bias}
        self.check_pair(**given)
        self.check_groups(weight.shape[0], **given)
        text = f"{self.called} has {grad.shape[1]} channels, weight expects {weight.shape[0]}"
        require(grad.shape[1] == weight.shape[0], ShapeError, self, text, **given)
        channels = weight.shape[1] * self.groups
        require(
            bias is None or bias.shape[0] == channels, ShapeError, self, f"bias must have {channels} elements", **given
        )
        require(0 not in weight.shape[2:], ShapeError, self, f"the kernel has no elements: {weight.shape[2:]}", **given)
        require(all(n > 0 for n in self.size), ShapeError, self, f"the output would have the size {self.size}", **given)
        return grad.with_shape((grad.shape[0], channels, *self.size))

    def forward(self, kernels: Kernels, grad: Array, weight: Array, bias: Array | None) -> Array:
        return kernels.conv_input_grad(
            grad, weight, bias, self.size, self.stride, self.padding, self.dilation, self.groups
        )

    def vjp(
        self, grad: Tensor, weight: Tensor, needs: tuple[bool, ...], dy: Tensor
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        return (
            _output_grad(self, dy, weight, grad.shape[2:]) if needs[0] else None,
            _weight_grad(self, dy, grad, weight.shape[2:]) if needs[1] else None,
            _bias_grad(dy) if needs[2] else None,
        )


class ConvWeightGrad(_Convolution):
    """How `grad` follows each element of the kernel.

    Math      y[o,c,k] = sum over n, p of input[n, c, p stride - padding + k dilation] grad[n,o,p]
    Shapes    input (N, C, *size), grad (N, O, *windows)  ->  y (O, C/groups, *kernel)
    Raises    ShapeError where batches, groups or sizes do not fit; DtypeError for different dtypes
    """

    kernel: Shape

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"conv{self.spatial}d_weight_grad"

    def check(self, input: Spec, grad: Spec) -> Spec:
        return grad.with_shape(known_shape(self, input, grad) or self.checked(input, grad).shape)

    def checked(self, input: Spec, grad: Spec) -> Spec:
        given = {"input": input, "grad": grad}
        self.check_pair(**given)
        self.check_groups(grad.shape[1], **given)
        require(input.shape[0] == grad.shape[0], ShapeError, self, "input and grad differ in their batch", **given)
        require(
            input.shape[1] % self.groups == 0,
            ShapeError,
            self,
            f"channels do not divide into groups={self.groups}",
            **given,
        )
        self.check_reach(input.shape[2:], self.kernel, **given)
        most = self.windows(input.shape[2:], self.kernel)
        fits = all(n <= m for n, m in zip(grad.shape[2:], most, strict=True))
        require(fits, ShapeError, self, f"grad has more than the {most} windows of input", **given)
        return grad.with_shape((grad.shape[1], input.shape[1] // self.groups, *self.kernel))

    def forward(self, kernels: Kernels, input: Array, grad: Array) -> Array:
        return kernels.conv_weight_grad(input, grad, self.kernel, self.stride, self.padding, self.dilation, self.groups)

    def vjp(
        self, input: Tensor, grad: Tensor, needs: tuple[bool, ...], dy: Tensor
    ) -> tuple[Tensor | None, Tensor | None]:
        return (
            _input_grad(self, grad, dy, input.shape[2:]) if needs[0] else None,
            _output_grad(self, input, dy, grad.shape[2:]) if needs[1] else None,
        )


def _input_grad(op: _Convolution, grad: Tensor, weight: Tensor, size: Shape) -> Tensor:
    return ConvInputGrad(op.stride, op.padding, op.dilation, op.groups, tuple(size))(grad, weight, None)  # type: ignore[no-any-return]


def _weight_grad(op: _Convolution, input: Tensor, grad: Tensor, kernel: Shape) -> Tensor:
    return ConvWeightGrad(op.stride, op.padding, op.dilation, op.groups, tuple(kernel))(input, grad)  # type: ignore[no-any-return]


def _output_grad(op: _Convolution, input: Tensor, weight: Tensor, count: Shape) -> Tensor:
    """A convolution of which only the first `count` windows took part: output_padding may leave room for more."""
    out: Tensor = Conv(op.stride, op.padding, op.dilation, op.groups)(input, weight, None)
    for dim, n in enumerate(count, 2):
        out = out if out.shape[dim] == n else out.narrow(dim, 0, n)
    return out


def _bias_grad(dy: Tensor) -> Tensor:
    return dy.sum(tuple(d for d in range(dy.ndim) if d != 1))


def _conv(
    spatial: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Tensor:
    name = f"conv{spatial}d"
    check_input(name, spatial, input, weight, bias)
    x, added = batched(input, spatial)
    kernel = tuple(weight.shape[2:])
    made = (
        _known_op if _is_plain(stride) and _is_plain(padding) and _is_plain(dilation) and type(groups) is int else _op
    )
    out = made(name, spatial, stride, padding, dilation, groups, kernel)(x, weight, bias)
    return out.squeeze(0) if added else out  # type: ignore[no-any-return]


def _op(name: str, spatial: int, stride: Any, padding: Any, dilation: Any, groups: int, kernel: Shape) -> Conv:
    steps = numbers(stride, spatial, op=name, name="stride", least=1)
    spread = numbers(dilation, spatial, op=name, name="dilation", least=1)
    return Conv(steps, _pads(name, padding, steps, spread, kernel), spread, groups)


_known_op = lru_cache(1024)(_op)


def _is_plain(value: Any) -> bool:
    """Whole numbers that nothing else equals: 1.0 and True, which are not taken, are 1 to a table."""
    kind = type(value)
    return kind is int or kind is str or (kind is tuple and all(type(v) is int for v in value))


def _pads(name: str, padding: Any, stride: Shape, dilation: Shape, kernel: Shape) -> Pads:
    if padding == "valid":
        return both_sides((0,) * len(stride))
    if padding == "same":
        require(all(s == 1 for s in stride), ArgumentError, name, "padding='same' needs stride 1")
        return same_padding(kernel, dilation)
    require(
        not isinstance(padding, str),
        ArgumentError,
        name,
        f"padding must be numbers, 'same' or 'valid', got {padding!r}",
    )
    return both_sides(numbers(padding, len(stride), op=name, name="padding", least=0))


def check_input(name: str, spatial: int, input: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    if input.ndim == weight.ndim == spatial + 2 and 0 not in input.shape[2:]:
        return
    given = {"input": input.spec, "weight": weight.spec, "bias": None if bias is None else bias.spec}
    text = f"input must have {spatial + 2} dims, or {spatial + 1} without a batch, has {input.ndim}"
    require(input.ndim in (spatial + 1, spatial + 2), ShapeError, name, text, **given)
    require(
        weight.ndim == spatial + 2, ShapeError, name, f"weight must have {spatial + 2} dims, has {weight.ndim}", **given
    )
    empty = 0 in input.shape[input.ndim - spatial :]
    require(not empty, ShapeError, name, "only the batch of input may be empty", **given)


@narrow
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution over one spatial dim, (N, C, L) or (C, L). See `Conv`."""
    return _conv(1, input, weight, bias, stride, padding, dilation, groups)


@narrow
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution over two spatial dims, (N, C, H, W) or (C, H, W). See `Conv`."""
    return _conv(2, input, weight, bias, stride, padding, dilation, groups)


@narrow
def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution over three spatial dims, (N, C, D, H, W) or (C, D, H, W). See `Conv`."""
    return _conv(3, input, weight, bias, stride, padding, dilation, groups)


def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """conv1d of (T, N, C) with a weight (K, C, out): time first, channels last.

    Source    semantics of torch.nn.functional.conv_tbc
    """
    out = conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad)
    return out.permute(2, 0, 1)
