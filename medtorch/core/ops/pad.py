"""More elements around a tensor, or with negative numbers fewer.

Source    semantics of torch.nn.functional.pad
Requires  REQ-F-OPS-107
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from medtorch.core.autocasting import wide
from medtorch.core.ops.op import Array, Op, require
from medtorch.core.shapes import Shape
from medtorch.core.spec import Spec
from medtorch.core.windows import Pads
from medtorch.errors import ArgumentError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor

MODES = ("constant", "reflect", "replicate", "circular")


def _padded(shape: Shape, pads: Pads) -> Shape:
    lead = len(shape) - len(pads)
    return (*shape[:lead], *(n + before + after for n, (before, after) in zip(shape[lead:], pads, strict=True)))


def _cuts(pads: Pads) -> Pads:
    return tuple((min(before, 0), min(after, 0)) for before, after in pads)


class Pad(Op):
    """`value` around the last dims; a negative pad cuts away.

    Shapes    x (..., *size), pads for each of the last dims  ->  y (..., *(before + size + after))
    Raises    ShapeError if nothing but a negative size remained
    """

    takes_complex = True

    pads: Pads
    value: float | int | bool

    def check(self, x: Spec) -> Spec:
        require(
            len(self.pads) <= x.ndim, ShapeError, self, f"pads for {len(self.pads)} dims, input has {x.ndim}", input=x
        )
        shape = _padded(x.shape, self.pads)
        left = _padded(x.shape, _cuts(self.pads))
        require(all(n >= 0 for n in left), ShapeError, self, f"more is cut away than there is: {self.pads}", input=x)
        return x.with_shape(shape)

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.pad_constant(x, self.pads, self.value)

    def vjp(self, dy: Tensor) -> Tensor:
        return Pad(tuple((-before, -after) for before, after in self.pads), 0)(dy)  # type: ignore[no-any-return]


class PadByIndex(Op):
    """The input's own elements around its last dims: mirrored, repeated from the edge, or taken from the other end.

    Math      reflect: index |i| and 2(n - 1) - i;  replicate: i cut to [0, n - 1];  circular: i mod n
    Shapes    x (..., *size), pads for each of the last dims  ->  y (..., *(before + size + after))
    Raises    ShapeError where the pad is larger than the mode can fill, or the sizes do not fit
    """

    takes_complex = True

    mode: str
    pads: Pads
    name = "pad"

    def check(self, x: Spec) -> Spec:
        spatial = len(self.pads)
        fits = spatial in (1, 2, 3) and x.ndim in (spatial + 1, spatial + 2)
        text = (
            f"mode={self.mode!r} pads the last 1, 2 or 3 of 1 or 2 more dims; got pads for {spatial} of {x.ndim} dims"
        )
        require(fits, ShapeError, self, text, input=x)
        shape = _padded(x.shape, self.pads)
        left = _padded(x.shape, _cuts(self.pads)) if self.mode == "circular" else x.shape
        require(
            all(n >= 0 for n in (*left, *shape)),
            ShapeError,
            self,
            f"more is cut away than there is: {self.pads}",
            input=x,
        )
        require(0 not in x.shape[-spatial:], ShapeError, self, "there is nothing to take the padding from", input=x)
        slack = {"reflect": -1, "circular": 0}.get(self.mode)
        for n, pair in zip(left[-spatial:], self.pads, strict=True):
            text = f"mode={self.mode!r} cannot pad {n} elements by {max(pair)}"
            require(slack is None or max(pair) <= n + slack, ShapeError, self, text, input=x)
        return x.with_shape(shape)

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.pad_by_index(x, self.mode, self.pads)

    def vjp(self, x_spec: Spec, dy: Tensor) -> Tensor:
        return PadByIndexInputGrad(self.mode, self.pads, x_spec.shape)(dy)  # type: ignore[no-any-return]


class PadByIndexInputGrad(Op):
    """Add every number of `grad` to the element that it was taken from.

    Shapes    grad (..., *(before + size + after))  ->  y (..., *size)
    """

    takes_complex = True

    mode: str
    pads: Pads
    shape: Shape

    def check(self, grad: Spec) -> Spec:
        return grad.with_shape(self.shape)

    def forward(self, kernels: Kernels, grad: Array) -> Array:
        return kernels.pad_by_index_input_grad(grad, self.mode, self.pads, self.shape)

    def vjp(self, dy: Tensor) -> Tensor:
        return PadByIndex(self.mode, self.pads)(dy)  # type: ignore[no-any-return]


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Pad the last dims: `pad` is (before, after) of the last dim, then of the one before it, and so on.

    Raises    ArgumentError for an unknown mode, an odd number of pads, or a value that the mode does not use
    """
    given = {"input": input.spec}
    require(mode in MODES, ArgumentError, "pad", f"mode must be one of {', '.join(MODES)}; got {mode!r}", **given)
    numbers = tuple(int(p) for p in pad)
    require(len(numbers) % 2 == 0, ArgumentError, "pad", f"pad needs two numbers for each dim, got {numbers}", **given)
    pads = tuple(zip(numbers[-2::-2], numbers[::-2], strict=True))
    if mode == "constant":
        return Pad(pads, 0 if value is None else value)(input)  # type: ignore[no-any-return]
    require(not value, ArgumentError, "pad", f"mode={mode!r} takes no value, got {value}", **given)
    return _by_index(input, mode, pads)


@wide
def _by_index(input: Tensor, mode: str, pads: Pads) -> Tensor:
    return PadByIndex(mode, pads)(input)  # type: ignore[no-any-return]
