"""Images of another size: nearest, linear, cubic, with or without a low-pass filter before shrinking.

Source    semantics of torch.nn.functional.interpolate; cubic convolution: Keys 1981, IEEE TASSP 29(6), 1153-1160
Requires  REQ-F-OPS-105
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from medtorch.core.dtypes import uint8
from medtorch.core.ops.op import Array, Op, require
from medtorch.core.ops.pool import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from medtorch.core.shapes import Shape
from medtorch.core.spec import Spec
from medtorch.core.windows import numbers
from medtorch.errors import ArgumentError, DtypeError, ShapeError, UnsupportedError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor

_NAME = "interpolate"
_DIMS = {
    "nearest": (3, 4, 5),
    "nearest-exact": (3, 4, 5),
    "area": (3, 4, 5),
    "linear": (3,),
    "bilinear": (4,),
    "bicubic": (4,),
    "trilinear": (5,),
}
_INTERPOLATING = ("linear", "bilinear", "bicubic", "trilinear")


class Interpolate(Op):
    """Read an image at the places that the pixels of an image of another size have in it.

    Math      with scale = 1 / given scale, or in / out (align_corners: (in - 1) / (out - 1)), pixel i lies at
              i scale (align_corners), else (i + 1/2) scale - 1/2; its value is the nearest pixel's, or a weighted sum
              of 2 (linear) or 4 (cubic, a = -3/4) neighbours a dim; with antialias the filter (a = -1/2) is stretched
              by scale where that exceeds 1
    Shapes    x (N, C, *any size)  ->  y (N, C, *size)
    """

    mode: str
    size: Shape
    scales: tuple[float | None, ...]
    align_corners: bool
    antialias: bool

    def check(self, x: Spec) -> Spec:
        known = x.dtype.is_floating_point or x.dtype is uint8
        require(known, DtypeError, self, "input must be floating point or uint8", input=x)
        require(0 not in x.shape[1:], ShapeError, self, "only the batch of input may be empty", input=x)
        require(all(n > 0 for n in self.size), ShapeError, self, f"the output would have the size {self.size}", input=x)
        return x.with_shape((*x.shape[:2], *self.size))

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.interpolate(x, self.mode, self.size, self.scales, self.align_corners, self.antialias)

    def vjp(self, x_spec: Spec, dy: Tensor) -> Tensor:
        return InterpolateInputGrad(self, x_spec.shape[2:])(dy)  # type: ignore[no-any-return]


class InterpolateInputGrad(Op):
    """Add every number of `grad`, weighted, to the pixels that it was read from.

    Shapes    grad (N, C, *out)  ->  y (N, C, *size)
    """

    op: Interpolate
    size: Shape

    def check(self, grad: Spec) -> Spec:
        return grad.with_shape((*grad.shape[:2], *self.size))

    def forward(self, kernels: Kernels, grad: Array) -> Array:
        op = self.op
        return kernels.interpolate_input_grad(grad, self.size, op.mode, op.scales, op.align_corners, op.antialias)

    def vjp(self, dy: Tensor) -> Tensor:
        return self.op(dy)  # type: ignore[no-any-return]


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """`input` (N, C, *any) resized to `size`, or by `scale_factor`. See `Interpolate`; "area" is adaptive mean pooling.

    Raises    ArgumentError for arguments that contradict each other; UnsupportedError for a mode that there is not
    """
    _check_arguments(input, mode, size, scale_factor, align_corners, recompute_scale_factor, antialias)
    wanted, scales = _geometry(input, size, scale_factor)
    if recompute_scale_factor:
        scales = (None,) * len(wanted)
    if mode == "area":
        pools = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}
        return pools[len(wanted)](input, wanted)
    return Interpolate(mode, wanted, scales, bool(align_corners), antialias)(input)  # type: ignore[no-any-return]


def _check_arguments(
    input: Tensor,
    mode: str,
    size: Any,
    scale_factor: Any,
    align_corners: Any,
    recompute_scale_factor: Any,
    antialias: bool,
) -> None:
    given = {"input": input.spec}
    if mode not in _DIMS:
        raise UnsupportedError(f"interpolate: mode must be one of {', '.join(_DIMS)}; got {mode!r}")
    dims = " or ".join(map(str, _DIMS[mode]))
    require(
        input.ndim in _DIMS[mode],
        ShapeError,
        _NAME,
        f"mode={mode!r} takes {dims} dims, input has {input.ndim}",
        **given,
    )
    text = f"align_corners goes with the modes {', '.join(_INTERPOLATING)}, not with {mode!r}"
    require(align_corners is None or mode in _INTERPOLATING, ArgumentError, _NAME, text, **given)
    require((size is None) != (scale_factor is None), ArgumentError, _NAME, "give either size or scale_factor", **given)
    text = "recompute_scale_factor goes with scale_factor, not with size"
    require(not (recompute_scale_factor and size is not None), ArgumentError, _NAME, text, **given)
    text = f"antialias goes with the modes bilinear and bicubic, not with {mode!r}"
    require(not antialias or mode in ("bilinear", "bicubic"), ArgumentError, _NAME, text, **given)


def _geometry(input: Tensor, size: Any, scale_factor: Any) -> tuple[Shape, tuple[float | None, ...]]:
    """The output's size, and for each dim the scale that was asked for, if one was."""
    spatial = input.ndim - 2
    if size is not None:
        exact = isinstance(size, int) or len(size) == spatial
        require(exact, ArgumentError, _NAME, f"size needs {spatial} numbers, got {size}", input=input.spec)
        return numbers(size, spatial, op=_NAME, name="size", least=0), (None,) * spatial
    several = isinstance(scale_factor, (tuple, list))
    scales = tuple(float(s) for s in scale_factor) if several else (float(scale_factor),) * spatial
    require(
        len(scales) == spatial,
        ArgumentError,
        _NAME,
        f"scale_factor needs {spatial} numbers, got {scale_factor}",
        input=input.spec,
    )
    finite = all(math.isfinite(s) and s > 0 for s in scales)
    require(finite, ArgumentError, _NAME, f"scale_factor must be positive, got {scale_factor}", input=input.spec)
    return tuple(int(n * s) for n, s in zip(input.shape[2:], scales, strict=True)), scales


def upsample(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """`interpolate` under its old name."""
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(
    input: Tensor, size: int | Sequence[int] | None = None, scale_factor: float | Sequence[float] | None = None
) -> Tensor:
    """`interpolate` to the nearest number."""
    return interpolate(input, size, scale_factor, "nearest")


def upsample_bilinear(
    input: Tensor, size: int | Sequence[int] | None = None, scale_factor: float | Sequence[float] | None = None
) -> Tensor:
    """`interpolate` with mode="bilinear" and aligned corners."""
    return interpolate(input, size, scale_factor, "bilinear", True)
