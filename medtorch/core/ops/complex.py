"""Complex numbers: taken apart, put together, turned round.

The gradient of a complex number is dL/dRe + i dL/dIm, so that a step against it lowers a real L; an op that is
holomorphic hands dy on times the conjugate of its derivative.

Source    semantics of torch's complex functions; Kreutz-Delgado 2009, arXiv:0906.4835, section 4
Requires  REQ-F-OPS-214
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from medtorch.core import dtypes
from medtorch.core.autocasting import wide
from medtorch.core.ops.arithmetic import Binary, atan2
from medtorch.core.ops.op import Array, Op, require, sum_to
from medtorch.core.ops.shape import View, matrix_transpose, t
from medtorch.core.spec import Spec
from medtorch.errors import DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


def _is_complex(tensor: Tensor) -> bool:
    return bool(tensor._array.dtype.kind == "c")


class Conj(Op):
    """Math      y = Re x - i Im x;  dx = conj dy"""

    tangents = "linear"
    takes_complex = True

    def check(self, x: Spec) -> Spec:
        return x

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.conj(x)

    def vjp(self, dy: Tensor) -> Tensor:
        return conj(dy)


class Real(View):
    """The real parts, as a view.

    Math      dx = dy + 0i
    """

    def check(self, x: Spec) -> Spec:
        return x.with_dtype(x.dtype.parts)

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return x.real

    def vjp(self, dy: Tensor, x_spec: Spec) -> Tensor:
        return dy.to(x_spec.dtype)


class Imag(View):
    """The imaginary parts, as a view.

    Math      dx = i dy
    """

    def check(self, x: Spec) -> Spec:
        return x.with_dtype(x.dtype.parts)

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return x.imag

    def vjp(self, dy: Tensor, x_spec: Spec) -> Tensor:
        return dy.to(x_spec.dtype) * 1j  # type: ignore[arg-type,no-any-return]


class ViewAsReal(View):
    """Both parts side by side in a new last dim, as a view.

    Shapes    (...) complex -> (..., 2) real
    """

    def check(self, x: Spec) -> Spec:
        require(x.dtype.is_complex, DtypeError, self, "takes complex numbers", input=x)
        return x.with_shape((*x.shape, 2)).with_dtype(x.dtype.parts)

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.as_strided(x.real, (*x.shape, 2), (*x.strides, x.itemsize // 2))

    def vjp(self, dy: Tensor) -> Tensor:
        return view_as_complex(dy.contiguous())


class ViewAsComplex(View):
    """Pairs of neighbours in memory as complex numbers, as a view.

    Shapes    (..., 2) real -> (...) complex
    Raises    ShapeError where the last dim is not of size 2 and stride 1, or other strides are odd
    """

    def check(self, x: Spec) -> Spec:
        text = "takes float32 or float64"
        require(x.dtype in (dtypes.float32, dtypes.float64), DtypeError, self, text, input=x)
        require(x.ndim > 0 and x.shape[-1] == 2, ShapeError, self, "the last dim must have size 2", input=x)
        return x.with_shape(x.shape[:-1]).with_dtype(x.dtype.to_complex())

    def forward(self, kernels: Kernels, x: Array) -> Array:
        pair, wanted = 2 * x.itemsize, dtypes.from_numpy(x.dtype).to_complex().numpy
        if not x.size:
            return kernels.zeros(x.shape[:-1], wanted)
        steps = [s for n, s in zip(x.shape[:-1], x.strides[:-1], strict=True) if n > 1]
        paired = x.strides[-1] == x.itemsize and all(s % pair == 0 for s in steps)
        require(paired, ShapeError, self, "pairs must lie side by side in memory; use contiguous()")
        return x.view(wanted)[..., 0]

    def vjp(self, dy: Tensor) -> Tensor:
        return view_as_real(dy)


class Complex(Binary):
    """Math      y = a + i b;  da = Re dy;  db = Im dy"""

    tangents = "linear"

    promotes = "none"

    def check(self, a: Spec, b: Spec) -> Spec:
        text = "both parts must be float32 or both float64"
        fits = a.dtype is b.dtype and a.dtype in (dtypes.float32, dtypes.float64)
        require(fits, DtypeError, self, text, real=a, imag=b)
        return super().check(a, b).with_dtype(a.dtype.to_complex())

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.complex(a, b)

    def vjp(self, dy: Tensor, a_spec: Spec, b_spec: Spec) -> tuple[Tensor, Tensor]:
        return sum_to(real(dy), a_spec), sum_to(imag(dy), b_spec)


def conj(input: Tensor) -> Tensor:
    """The complex conjugate; a real number is its own."""
    return Conj()(input) if _is_complex(input) else input


def conj_physical(input: Tensor) -> Tensor:
    """conj, always as new numbers."""
    return Conj()(input) if _is_complex(input) else input.clone()


def resolve_conj(input: Tensor) -> Tensor:
    """input itself: conjugates are computed at once here."""
    return input


def resolve_neg(input: Tensor) -> Tensor:
    """input itself: negatives are computed at once here."""
    return input


def is_conj(input: Tensor) -> bool:
    """False: conjugates are computed at once here."""
    del input
    return False


def is_neg(input: Tensor) -> bool:
    """False: negatives are computed at once here."""
    del input
    return False


def real(input: Tensor) -> Tensor:
    """The real part, as a view; a real tensor itself."""
    return Real()(input) if _is_complex(input) else input


def imag(input: Tensor) -> Tensor:
    """The imaginary part, as a view. Raises DtypeError for a real tensor, as torch does."""
    if not _is_complex(input):
        raise DtypeError(f"imag: the tensor is not complex, it has dtype {input.dtype.name}")
    return Imag()(input)  # type: ignore[no-any-return]


def set_real(input: Tensor, value: Any) -> None:
    """`input.real = value`."""
    real(input).copy_(value)


def set_imag(input: Tensor, value: Any) -> None:
    """`input.imag = value`."""
    imag(input).copy_(value)


def view_as_real(input: Tensor) -> Tensor:
    """Both parts in a new last dim, as a view. See `ViewAsReal`."""
    return ViewAsReal()(input)  # type: ignore[no-any-return]


@wide
def view_as_complex(input: Tensor) -> Tensor:
    """Pairs of neighbours as complex numbers, as a view. See `ViewAsComplex`."""
    return ViewAsComplex()(input)  # type: ignore[no-any-return]


def complex(real: Tensor, imag: Tensor) -> Tensor:
    """real + i imag. Raises DtypeError unless both are float32 or both float64."""
    return Complex()(real, imag)  # type: ignore[no-any-return]


@wide
def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """abs e^(i angle). Raises DtypeError unless both are float32 or both float64."""
    fits = abs.dtype is angle.dtype and abs.dtype in (dtypes.float32, dtypes.float64)
    require(fits, DtypeError, "polar", "both must be float32 or both float64", abs=abs.spec, angle=angle.spec)
    return complex(abs * angle.cos(), abs * angle.sin())


def angle(input: Tensor) -> Tensor:
    """The angle of a complex number; of a real one 0 from 0 up, pi below, NaN for NaN.

    Math      dx = 0 for real x
    """
    if _is_complex(input):
        return atan2(imag(input), real(input))
    floating = input if input.dtype.is_floating_point else input + 0.0
    return (floating.sign().clamp(max=0.0) * -math.pi + 0.0).masked_fill(floating != floating, math.nan)


def sgn(input: Tensor) -> Tensor:
    """x / |x|, 0 for 0; the sign of a real number."""
    if not _is_complex(input):
        return input.sign()
    size = input.abs()
    return (input / size.masked_fill(size == 0, 1.0)).masked_fill(size == 0, 0.0)


def isreal(input: Tensor) -> Tensor:
    """Whether the imaginary part is 0."""
    if _is_complex(input):
        return imag(input) == 0
    return input.new_full(input.shape, True, dtype=dtypes.bool_)


def adjoint(input: Tensor) -> Tensor:
    """The last two dims swapped, and conjugated."""
    return conj(matrix_transpose(input))


def adjoint_of_matrix(input: Tensor) -> Tensor:
    """A matrix transposed and conjugated."""
    return conj(t(input))
