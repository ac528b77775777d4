"""Transposed convolution over 1 to 3 spatial dims: the input gradient of a convolution as a layer of its own.

Source    semantics of torch.nn.functional.conv_transpose2d; Dumoulin & Visin 2016, arXiv:1603.07285, chapter 4
Requires  REQ-F-OPS-101
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medtorch.core.autocasting import narrow
from medtorch.core.ops.conv import ConvInputGrad, check_input
from medtorch.core.ops.op import require
from medtorch.core.windows import batched, both_sides, numbers, transposed_outputs
from medtorch.errors import ArgumentError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor


class ConvTranspose(ConvInputGrad):
    """`ConvInputGrad`, which names its input `input` in errors."""

    called = "input"

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"conv_transpose{self.spatial}d"


@narrow
def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """Transposed convolution over one spatial dim, (N, C, L) or (C, L). See `ConvInputGrad`."""
    return _conv_transpose(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


@narrow
def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """Transposed convolution over two spatial dims, (N, C, H, W) or (C, H, W). See `ConvInputGrad`."""
    return _conv_transpose(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


@narrow
def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """Transposed convolution over three spatial dims, (N, C, D, H, W) or (C, D, H, W). See `ConvInputGrad`."""
    return _conv_transpose(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def _conv_transpose(
    spatial: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Tensor:
    name = f"conv_transpose{spatial}d"
    check_input(name, spatial, input, weight, bias)
    steps = numbers(stride, spatial, op=name, name="stride", least=1)
    spread = numbers(dilation, spatial, op=name, name="dilation", least=1)
    pads = both_sides(numbers(padding, spatial, op=name, name="padding", least=0))
    extra = numbers(output_padding, spatial, op=name, name="output_padding", least=0)
    small = all(e < max(s, d) for e, s, d in zip(extra, steps, spread, strict=True))
    require(
        small, ArgumentError, name, f"output_padding {extra} must be smaller than stride {steps} or dilation {spread}"
    )
    x, added = batched(input, spatial)
    size = transposed_outputs(x.shape[2:], weight.shape[2:], steps, pads, extra, spread)
    out = ConvTranspose(steps, pads, spread, groups, size)(x, weight, bias)
    return out.squeeze(0) if added else out  # type: ignore[no-any-return]
