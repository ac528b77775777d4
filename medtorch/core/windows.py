"""The geometry of convolution and pooling on whole numbers only: pads, reach of a kernel, how many windows fit.

Requires  REQ-F-OPS-100
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from medtorch.core.shapes import Shape, as_tuple, window_output
from medtorch.errors import ArgumentError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor

Pads = tuple[tuple[int, int], ...]
"""For each spatial dim, how much is added before and after. A negative number takes away."""


def both_sides(padding: Sequence[int]) -> Pads:
    """The same padding before and after."""
    return tuple((p, p) for p in padding)


def reach(kernel: int, dilation: int) -> int:
    """How many elements a dilated kernel spans."""
    return dilation * (kernel - 1) + 1


def same_padding(kernel: Sequence[int], dilation: Sequence[int]) -> Pads:
    """Pads under which a convolution of stride 1 keeps the size; the odd one goes after, as in torch."""
    totals = [reach(k, d) - 1 for k, d in zip(kernel, dilation, strict=True)]
    return tuple((total // 2, total - total // 2) for total in totals)


def window_outputs(
    size: Shape, kernel: Shape, stride: Shape, padding: Pads, dilation: Shape, *, ceil_mode: bool = False
) -> Shape:
    """How many windows fit along each dim."""
    return tuple(
        window_output(n, k, s, p, d, ceil_mode=ceil_mode)
        for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True)
    )


def transposed_outputs(
    size: Shape, kernel: Shape, stride: Shape, padding: Pads, output_padding: Shape, dilation: Shape
) -> Shape:
    """The size that a convolution would have turned into `size`, plus `output_padding`."""
    return tuple(
        (n - 1) * s - before - after + reach(k, d) + extra
        for n, k, s, (before, after), extra, d in zip(
            size, kernel, stride, padding, output_padding, dilation, strict=True
        )
    )


def numbers(value: Any, n: int, *, op: str, name: str, least: int) -> Shape:
    """`value` as n whole numbers, none under `least`. Raises ArgumentError."""
    if type(value) is int and value >= least:
        return (value,) * n
    given = (value,) if _is_whole(value) else tuple(value) if isinstance(value, (tuple, list)) else None
    if given is None or not all(_is_whole(v) for v in given):
        raise ArgumentError(f"{op}: {name} must be a whole number or {n} of them, got {value!r}")
    out = as_tuple([int(v) for v in given], n, op=op, name=name)
    if any(v < least for v in out):
        raise ArgumentError(f"{op}: {name} must be at least {least}, got {value!r}")
    return out


def _is_whole(value: Any) -> bool:
    return hasattr(value, "__index__") and not isinstance(value, bool) and getattr(value, "ndim", 0) == 0


def batched(input: Tensor, spatial: int) -> tuple[Tensor, bool]:
    """`input` with a batch dim, and whether it had to be given one."""
    return (input.unsqueeze(0), True) if input.ndim == spatial + 1 else (input, False)


def all_in_padding(size: Shape, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, count: Shape) -> bool:
    """Whether some window has every element in the padding, which only a dilated one can."""
    for n, k, s, p, d, c in zip(size, kernel, stride, padding, dilation, count, strict=True):
        if d > 1 and not all(any(0 <= o * s - p + t * d < n for t in range(k)) for o in range(c)):
            return True
    return False
