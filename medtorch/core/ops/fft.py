"""Discrete Fourier transforms: of complex numbers, of real ones to half a spectrum, and back from that half.

A transform is one of three ops with a factor of its own; each is linear, and its gradient is made of the others.

Source    Cooley & Tukey 1965, Math. Comp. 19, 297-301 (computed by numpy.fft); semantics of torch.fft
Requires  REQ-F-OPS-214
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from medtorch.core import dtypes
from medtorch.core.ops.complex import conj, real
from medtorch.core.ops.op import Array, Op, require
from medtorch.core.ops.pad import Pad
from medtorch.core.shapes import Shape
from medtorch.core.spec import Spec
from medtorch.errors import DtypeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


class FftComplex(Op):
    """The transform of complex numbers, forward or backward.

    Math      y_k = factor sum_j x_j e^(-+ 2 pi i j k / n) over all `dims`, - for forward;  dx = the other one of dy
    """

    tangents = "linear"

    dims: Shape
    forward_: bool
    factor: float
    name = "fft"
    takes_complex = True

    def check(self, x: Spec) -> Spec:
        require(x.dtype.is_complex, DtypeError, self, "takes complex numbers", input=x)
        return x

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.fft_complex(x, self.dims, self.forward_, self.factor)

    def vjp(self, dy: Tensor) -> Tensor:
        return FftComplex(self.dims, not self.forward_, self.factor)(dy)  # type: ignore[no-any-return]


class FftReal(Op):
    """The first half of a real signal's spectrum: the second mirrors it.

    Math      y_k as `FftComplex` forward, for k up to n / 2 along the last of `dims`;  dx = Re of the backward
              transform of dy with zeros where the second half would be
    Shapes    (..., n, ...) -> (..., n // 2 + 1, ...)
    """

    tangents = "linear"

    dims: Shape
    factor: float
    name = "rfft"

    def check(self, x: Spec) -> Spec:
        require(x.dtype in (dtypes.float32, dtypes.float64), DtypeError, self, "takes float32 or float64", input=x)
        last = self.dims[-1]
        shape = (*x.shape[:last], x.shape[last] // 2 + 1, *x.shape[last + 1 :])
        return x.with_shape(shape).with_dtype(x.dtype.to_complex())

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.fft_real(x, self.dims, self.factor)

    def vjp(self, dy: Tensor, x_spec: Spec) -> Tensor:
        last = self.dims[-1]
        full = lengthened(dy, last, x_spec.shape[last])
        return real(FftComplex(self.dims, False, self.factor)(full)).contiguous()


class FftHalf(Op):
    """The real signal of n numbers whose half spectrum this is.

    Math      y = factor times the backward transform of x and its mirror;  dx = forward transform of dy, twice where
              a number stands for its mirror too
    Shapes    (..., n // 2 + 1, ...) -> (..., n, ...)
    """

    tangents = "linear"

    dims: Shape
    n: int
    factor: float
    name = "irfft"
    takes_complex = True

    def check(self, x: Spec) -> Spec:
        require(x.dtype.is_complex, DtypeError, self, "takes complex numbers", input=x)
        last = self.dims[-1]
        return x.with_shape((*x.shape[:last], self.n, *x.shape[last + 1 :])).with_dtype(x.dtype.parts)

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.fft_half(x, self.dims, self.n, self.factor)

    def vjp(self, dy: Tensor, x_spec: Spec) -> Tensor:
        last = self.dims[-1]
        out = FftReal(self.dims, self.factor)(dy)
        size = x_spec.shape[last]
        twice = [2.0 if k and 2 * k < self.n else 1.0 for k in range(size)]
        weights = dy.new_tensor(twice).reshape((size,) + (1,) * (len(x_spec.shape) - last - 1))
        return out * weights  # type: ignore[no-any-return]


def lengthened(x: Tensor, dim: int, size: int) -> Tensor:
    """x cut, or filled up with zeros, to `size` places along a dim."""
    more = size - x.shape[dim]
    if not more:
        return x
    pads = tuple((0, more if d == dim else 0) for d in range(dim, x.ndim))
    return Pad(pads, 0)(x)  # type: ignore[no-any-return]


def factor_of(norm: str | None, count: int, *, forward: bool) -> float:
    """What `norm` multiplies a transform of `count` numbers with."""
    if norm == "ortho":
        return 1 / math.sqrt(count)
    return 1.0 if ((norm or "backward") == "backward") == forward else 1 / count


def complex_transform(x: Tensor, dims: Shape, factor: float, *, forward: bool) -> Tensor:
    """`FftComplex` of real or complex numbers."""
    wide = x if x.dtype.is_complex else x.to(x.dtype.to_complex())
    return FftComplex(dims, forward, factor)(wide)  # type: ignore[no-any-return]


def half_to_real(x: Tensor, dims: Shape, n: int, factor: float) -> Tensor:
    """`FftHalf` of x with its last dim brought to n // 2 + 1 places."""
    wide = x if x.dtype.is_complex else x.to(x.dtype.to_complex())
    return FftHalf(dims, n, factor)(lengthened(wide, dims[-1], n // 2 + 1))  # type: ignore[no-any-return]


def real_to_half(x: Tensor, dims: Shape, factor: float, *, conjugated: bool = False) -> Tensor:
    """`FftReal`, or its conjugate: the transform of the other sign."""
    out: Tensor = FftReal(dims, factor)(x)
    return conj(out) if conjugated else out
