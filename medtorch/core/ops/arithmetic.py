"""Two tensors, number by number: sums, products, powers, bits. Shapes broadcast, dtypes are promoted.

Every class here has Shapes `a, b: broadcastable -> y: the shape both stretch to`, and the semantics of the torch
function of the same name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from medtorch.core.ops.op import Array, Op, Promotion, Tangents, require, sum_to
from medtorch.core.shapes import broadcast_shapes
from medtorch.core.spec import Spec, describe
from medtorch.errors import ArgumentError, DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor

Number = bool | int | float
Grads = tuple["Tensor | None", "Tensor | None"]


class Binary(Op):
    """Two inputs of one dtype and broadcastable shapes."""

    promotes: ClassVar[Promotion] = "together"

    def check(self, a: Spec, b: Spec) -> Spec:
        try:
            return a.with_shape(broadcast_shapes(a.shape, b.shape))
        except ShapeError as clash:
            raise ShapeError(f"{self.name}: shapes do not broadcast{describe(input=a, other=b)}") from clash


class FloatBinary(Binary):
    """Whole numbers become floating ones first."""

    promotes = "float"


class Add(Binary):
    """Math      y = a + b"""

    tangents = "linear"
    takes_complex = True

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.add(a, b)

    def write(self, kernels: Kernels, out: Array, a: Array, b: Array) -> Array:
        return kernels.add_activated(a, b, "none", 0.0, out)

    def vjp(self, dy: Tensor, a_spec: Spec, b_spec: Spec, needs: tuple[bool, ...]) -> Grads:
        return sum_to(dy, a_spec) if needs[0] else None, sum_to(dy, b_spec) if needs[1] else None


class Sub(Binary):
    """Math      y = a - b"""

    tangents = "linear"
    takes_complex = True

    def check(self, a: Spec, b: Spec) -> Spec:
        require(
            a.dtype.category > 0,
            DtypeError,
            self,
            "bool tensors cannot be subtracted; use logical_xor or ~",
            input=a,
            other=b,
        )
        return super().check(a, b)

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.sub(a, b)

    def vjp(self, dy: Tensor, a_spec: Spec, b_spec: Spec, needs: tuple[bool, ...]) -> Grads:
        return sum_to(dy, a_spec) if needs[0] else None, sum_to(-dy, b_spec) if needs[1] else None


class Mul(Binary):
    """Math      y = a b;  da = b dy;  db = a dy"""

    tangents: ClassVar[Tangents] = "bilinear"
    takes_complex = True

    uses: ClassVar[dict[str, tuple[int, ...]]] = {"a": (1,), "b": (0,)}

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.mul(a, b)

    def vjp(self, a: Tensor, b: Tensor, a_spec: Spec, b_spec: Spec, dy: Tensor, needs: tuple[bool, ...]) -> Grads:
        return sum_to(dy * b.conj(), a_spec) if needs[0] else None, sum_to(dy * a.conj(), b_spec) if needs[1] else None


class Div(FloatBinary):
    """Math      y = a / b;  da = dy / b;  db = -dy a / b^2"""

    takes_complex = True

    uses: ClassVar[dict[str, tuple[int, ...]]] = {"a": (1,)}

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.div(a, b)

    def vjp(self, a: Tensor, b: Tensor, a_spec: Spec, dy: Tensor, needs: tuple[bool, ...]) -> Grads:
        da = sum_to(dy / b.conj(), a_spec) if needs[0] else None
        return da, sum_to(-dy * ((a / b) / b).conj(), b.spec) if needs[1] else None


class _Divided(Binary):
    """A quotient without fraction: a step function, whose gradient is zero wherever it exists."""

    def check(self, a: Spec, b: Spec) -> Spec:
        require(a.dtype.category > 0, DtypeError, self, "bool tensors cannot be divided so", input=a, other=b)
        return super().check(a, b)

    def vjp(self, dy: Tensor, a_spec: Spec, b_spec: Spec) -> Grads:
        return dy.new_zeros(a_spec.shape), dy.new_zeros(b_spec.shape)


class FloorDivide(_Divided):
    """Math      y = floor(a / b)

    Raises    ArgumentError for whole numbers divided by zero
    """

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.floor_divide(a, b)


class TruncDivide(_Divided):
    """Math      y = a / b, cut towards zero

    Raises    ArgumentError for whole numbers divided by zero
    """

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.trunc_divide(a, b)


class Remainder(_Divided):
    """Math      y = a - b floor(a / b);  da = dy;  db = -dy floor(a / b)

    Raises    ArgumentError for whole numbers divided by zero
    """

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.remainder(a, b)

    def vjp(self, a: Tensor, b: Tensor, dy: Tensor, needs: tuple[bool, ...]) -> Grads:  # type: ignore[override]
        return sum_to(dy, a.spec) if needs[0] else None, sum_to(-dy * floor_divide(a, b), b.spec) if needs[1] else None


class Fmod(_Divided):
    """Math      y = a - b trunc(a / b);  da = dy;  db = -dy trunc(a / b)

    Raises    ArgumentError for whole numbers divided by zero
    """

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.fmod(a, b)

    def vjp(self, a: Tensor, b: Tensor, dy: Tensor, needs: tuple[bool, ...]) -> Grads:  # type: ignore[override]
        return sum_to(dy, a.spec) if needs[0] else None, sum_to(-dy * TruncDivide()(a, b), b.spec) if needs[1] else None


class Pow(Binary):
    """Math      y = a^b;  da = b a^(b-1) dy, 0 where b = 0;  db = y ln(a) dy, 0 where a = 0 and b >= 0

    Raises    ArgumentError for whole numbers to a negative power
    """

    takes_complex = True

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.pow(a, b)

    def vjp(self, a: Tensor, b: Tensor, y: Tensor, dy: Tensor, needs: tuple[bool, ...]) -> Grads:
        da = db = None
        if needs[0]:
            da = sum_to((dy * (b * a.pow(b - 1)).conj()).masked_fill(b == 0, 0.0), a.spec)
        if needs[1]:
            zero = a == 0
            flat = (zero & (b.real >= 0)).expand(dy.shape)
            db = (dy * (y * a.masked_fill(zero, 1.0).log()).conj()).masked_fill(flat, 0.0)
            if not dy.dtype.is_complex:
                # 0 to a negative power is infinite, and so is its slope; apart, so that zeros elsewhere stay zeros
                dead = zero.expand(dy.shape) & ~flat
                steep = (dy.sign() * y.sign() * float("-inf")).masked_fill(~dead, 0.0)
                db = db.masked_fill(dead, 0.0) + steep
            db = sum_to(db, b.spec)
        return da, db


class Atan2(FloatBinary):
    """Math      y = angle of (b, a);  da = dy b / (a^2 + b^2);  db = -dy a / (a^2 + b^2)"""

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.atan2(a, b)

    def vjp(self, a: Tensor, b: Tensor, dy: Tensor) -> Grads:
        scale = dy / (a * a + b * b)
        return sum_to(scale * b, a.spec), sum_to(-scale * a, b.spec)


class _Larger(Binary):
    """The gradient goes to the chosen input, in halves where both are equal."""

    keeps_nan = True

    def _shares(self, a: Tensor, b: Tensor, dy: Tensor, a_wins: Tensor) -> Grads:
        half = dy.masked_fill(a != b, 0.0) / 2
        if self.keeps_nan:
            da, db = dy.masked_fill(~a_wins, 0.0) + half, dy.masked_fill(a_wins | (a == b), 0.0) + half
        else:
            da = dy.masked_fill(~(a_wins | (b != b)) | (a == b), 0.0) + half
            db = dy.masked_fill((a_wins | (b != b)) | (a == b), 0.0) + half
        return sum_to(da, a.spec), sum_to(db, b.spec)


class Maximum(_Larger):
    """Math      y = max(a, b), NaN if either is NaN"""

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.maximum(a, b)

    def vjp(self, a: Tensor, b: Tensor, dy: Tensor) -> Grads:
        return self._shares(a, b, dy, a > b)


class Minimum(_Larger):
    """Math      y = min(a, b), NaN if either is NaN"""

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.minimum(a, b)

    def vjp(self, a: Tensor, b: Tensor, dy: Tensor) -> Grads:
        return self._shares(a, b, dy, a < b)


class Fmax(_Larger):
    """Math      y = max(a, b), the number where the other is NaN"""

    keeps_nan = False

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.fmax(a, b)

    def vjp(self, a: Tensor, b: Tensor, dy: Tensor) -> Grads:
        return self._shares(a, b, dy, a > b)


class Fmin(_Larger):
    """Math      y = min(a, b), the number where the other is NaN"""

    keeps_nan = False

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.fmin(a, b)

    def vjp(self, a: Tensor, b: Tensor, dy: Tensor) -> Grads:
        return self._shares(a, b, dy, a < b)


class _Bitwise(Binary):
    """Raises    DtypeError for floating dtypes"""

    takes_bool = True

    def check(self, a: Spec, b: Spec) -> Spec:
        fits = a.dtype.category == 1 or (self.takes_bool and a.dtype.category == 0)
        wanted = "whole numbers or bool" if self.takes_bool else "whole numbers"
        require(fits, DtypeError, self, f"takes {wanted}", input=a, other=b)
        return super().check(a, b)


class BitwiseAnd(_Bitwise):
    """Math      y = a & b"""

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.bitwise_and(a, b)


class BitwiseOr(_Bitwise):
    """Math      y = a | b"""

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.bitwise_or(a, b)


class BitwiseXor(_Bitwise):
    """Math      y = a ^ b"""

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.bitwise_xor(a, b)


class BitwiseLeftShift(_Bitwise):
    """Math      y = a 2^b"""

    takes_bool = False

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.left_shift(a, b)


class BitwiseRightShift(_Bitwise):
    """Math      y = floor(a / 2^b)"""

    takes_bool = False

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.right_shift(a, b)


class BitwiseNot(Op):
    """Math      y = ~x: every bit turned; the opposite of a bool"""

    def check(self, x: Spec) -> Spec:
        require(x.dtype.category < 2, DtypeError, self, "takes whole numbers or bool", input=x)
        return x

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.bitwise_not(x)


def _scaled(input: Any, other: Any, alpha: Number, name: str) -> Any:
    """`other` times alpha. Raises ArgumentError for a floating alpha on whole numbers."""
    if alpha == 1:
        return other
    floating = any(t.dtype.is_floating_point if hasattr(t, "_run") else isinstance(t, float) for t in (input, other))
    if isinstance(alpha, float) and not floating:
        raise ArgumentError(f"{name}: alpha={alpha} is floating, the tensors are whole numbers")
    return other * alpha


def add(input: Tensor | Number, other: Tensor | Number, *, alpha: Number = 1) -> Tensor:
    """input + alpha * other."""
    return Add()(input, _scaled(input, other, alpha, "add"))  # type: ignore[no-any-return]


def sub(input: Tensor | Number, other: Tensor | Number, *, alpha: Number = 1) -> Tensor:
    """input - alpha * other."""
    return Sub()(input, _scaled(input, other, alpha, "sub"))  # type: ignore[no-any-return]


def rsub(input: Tensor | Number, other: Tensor | Number, *, alpha: Number = 1) -> Tensor:
    """other - alpha * input."""
    return Sub()(other, _scaled(other, input, alpha, "rsub"))  # type: ignore[no-any-return]


def mul(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """input * other."""
    return Mul()(input, other)  # type: ignore[no-any-return]


def div(input: Tensor | Number, other: Tensor | Number, *, rounding_mode: str | None = None) -> Tensor:
    """input / other; with rounding_mode "floor" or "trunc" a quotient without fraction."""
    if rounding_mode is None:
        return Div()(input, other)  # type: ignore[no-any-return]
    if rounding_mode == "floor":
        return FloorDivide()(input, other)  # type: ignore[no-any-return]
    if rounding_mode == "trunc":
        return TruncDivide()(input, other)  # type: ignore[no-any-return]
    raise ArgumentError(f"div: rounding_mode must be None, 'floor' or 'trunc', got {rounding_mode!r}")


def rdiv(input: Tensor, other: Number) -> Tensor:
    """other / input."""
    return Div()(other, input)  # type: ignore[no-any-return]


def floor_divide(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """floor(input / other)."""
    return FloorDivide()(input, other)  # type: ignore[no-any-return]


def rfloordiv(input: Tensor, other: Number) -> Tensor:
    """floor(other / input)."""
    return FloorDivide()(other, input)  # type: ignore[no-any-return]


def remainder(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """What is left of input / other, with the sign of `other`."""
    return Remainder()(input, other)  # type: ignore[no-any-return]


def rmod(input: Tensor, other: Number) -> Tensor:
    """What is left of other / input, with the sign of `input`."""
    return Remainder()(other, input)  # type: ignore[no-any-return]


def fmod(input: Tensor, other: Tensor | Number) -> Tensor:
    """What is left of input / other, with the sign of `input`."""
    return Fmod()(input, other)  # type: ignore[no-any-return]


def pow(input: Tensor | Number, exponent: Tensor | Number) -> Tensor:
    """input to the power of `exponent`."""
    return Pow()(input, exponent)  # type: ignore[no-any-return]


def rpow(input: Tensor, other: Number) -> Tensor:
    """other to the power of `input`."""
    return Pow()(other, input)  # type: ignore[no-any-return]


def atan2(input: Tensor, other: Tensor) -> Tensor:
    """The angle whose sine is as `input` and whose cosine is as `other`, in radians."""
    return Atan2()(input, other)  # type: ignore[no-any-return]


def maximum(input: Tensor, other: Tensor) -> Tensor:
    """The larger of two, NaN if either is."""
    return Maximum()(input, other)  # type: ignore[no-any-return]


def minimum(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of two, NaN if either is."""
    return Minimum()(input, other)  # type: ignore[no-any-return]


def fmax(input: Tensor, other: Tensor) -> Tensor:
    """The larger of two, the number where the other is NaN."""
    return Fmax()(input, other)  # type: ignore[no-any-return]


def fmin(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of two, the number where the other is NaN."""
    return Fmin()(input, other)  # type: ignore[no-any-return]


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor:
    """input + value * tensor1 * tensor2."""
    return add(input, mul(tensor1, tensor2), alpha=value)


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor:
    """input + value * tensor1 / tensor2."""
    return add(input, div(tensor1, tensor2), alpha=value)


def lerp(input: Tensor, end: Tensor, weight: Tensor | float) -> Tensor:
    """input + weight * (end - input), from the nearer end, so that weight 1 gives `end` exactly.

    Source    semantics of torch.lerp
    """
    step = end - input
    if isinstance(weight, (int, float)):
        return input + weight * step if abs(weight) < 0.5 else end - step * (1 - weight)
    near = weight.abs() < 0.5
    return (input + weight * step).where(near, end - step * (1 - weight))


def bitwise_and(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """Bits that both have."""
    return BitwiseAnd()(input, other)  # type: ignore[no-any-return]


def bitwise_or(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """Bits that either has."""
    return BitwiseOr()(input, other)  # type: ignore[no-any-return]


def bitwise_xor(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """Bits that one of the two has."""
    return BitwiseXor()(input, other)  # type: ignore[no-any-return]


def bitwise_not(input: Tensor) -> Tensor:
    """Every bit turned."""
    return BitwiseNot()(input)  # type: ignore[no-any-return]


def bitwise_left_shift(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """input times 2 to the power of `other`."""
    return BitwiseLeftShift()(input, other)  # type: ignore[no-any-return]


def bitwise_right_shift(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """input divided by 2 to the power of `other`, rounded down."""
    return BitwiseRightShift()(input, other)  # type: ignore[no-any-return]
