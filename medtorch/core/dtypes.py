"""What the numbers of a tensor are, and which dtype two of them meet in.

Source    semantics of torch.dtype, torch.promote_types, torch.result_type
Requires  REQ-F-TEN-002
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from medtorch.errors import ArgumentError, DtypeError, MissingDependencyError


@dataclass(frozen=True, eq=False)
class dtype:  # noqa: N801  the public name is torch's
    """The type of a tensor's elements."""

    name: str
    category: int  # 0 bool, 1 whole number, 2 floating point, 3 complex: the higher wins a promotion
    itemsize: int

    @property
    def is_floating_point(self) -> bool:
        return self.category == 2

    @property
    def is_complex(self) -> bool:
        return self.category == 3

    @property
    def is_differentiable(self) -> bool:
        """Whether tensors of it can require gradients: floating-point and complex ones."""
        return self.category >= 2

    @property
    def parts(self) -> dtype:
        """The dtype of the real and the imaginary part; a real dtype is its own."""
        return _PARTS.get(self, self)

    def to_complex(self) -> dtype:
        """The complex dtype with parts of this one. Raises DtypeError where there is none."""
        if self.is_complex:
            return self
        found = _COMPLEX.get(self)
        if found is None:
            raise DtypeError(f"there are no complex numbers of {self!r}")
        return found

    def to_real(self) -> dtype:
        """The dtype of the parts."""
        return self.parts

    @property
    def is_signed(self) -> bool:
        return self.name not in ("bool", "uint8")

    @property
    def numpy(self) -> np.dtype[Any]:
        """The NumPy dtype of the same bits. Raises MissingDependencyError for bfloat16 without ml_dtypes."""
        return np.dtype(_bfloat16_numpy()) if self.name == "bfloat16" else np.dtype(self.name)

    def __repr__(self) -> str:
        return f"medtorch.{self.name}"

    def __reduce__(self) -> str:
        return self.name if self.name != "bool" else "bool_"


DType = dtype  # for signatures where another `dtype` stands in the way

bool_ = dtype("bool", 0, 1)
uint8 = dtype("uint8", 1, 1)
int8 = dtype("int8", 1, 1)
int16 = short = dtype("int16", 1, 2)
int32 = int_ = dtype("int32", 1, 4)
int64 = long = dtype("int64", 1, 8)
float16 = half = dtype("float16", 2, 2)
bfloat16 = dtype("bfloat16", 2, 2)
float32 = float_ = dtype("float32", 2, 4)
float64 = double = dtype("float64", 2, 8)
complex64 = cfloat = dtype("complex64", 3, 8)
complex128 = cdouble = dtype("complex128", 3, 16)

ALL = (bool_, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64, complex64, complex128)
_PARTS = {complex64: float32, complex128: float64}
_COMPLEX = {float32: complex64, float64: complex128}
_BY_NAME = {d.name: d for d in ALL}
_BY_NUMPY = {np.dtype(d.name): d for d in ALL if d is not bfloat16}
_WIDTH = {
    uint8: 1,
    int8: 1,
    int16: 2,
    int32: 3,
    int64: 4,
    float16: 1,
    bfloat16: 1,
    float32: 2,
    float64: 3,
    complex64: 2,
    complex128: 3,
}

_default = float32


def _bfloat16_numpy() -> Any:
    """The one door to ml_dtypes, opened when bfloat16 is first used."""
    try:
        import ml_dtypes  # noqa: PLC0415
    except ImportError as missing:
        raise MissingDependencyError("ml_dtypes", extra="bfloat16") from missing
    return ml_dtypes.bfloat16


def from_numpy(numpy_dtype: Any) -> dtype:
    """The dtype that holds NumPy's `numpy_dtype`. Raises DtypeError where there is none."""
    found = _BY_NUMPY.get(numpy_dtype)
    if found is None:
        wanted = np.dtype(numpy_dtype)
        found = _BY_NAME.get(wanted.newbyteorder("=").name)
        if found is None:
            raise DtypeError(f"no dtype for NumPy's {wanted}; have {', '.join(_BY_NAME)}")
    return found


_TYPE_NAMES = {
    "FloatTensor": float32,
    "DoubleTensor": float64,
    "HalfTensor": float16,
    "BFloat16Tensor": bfloat16,
    "ByteTensor": uint8,
    "CharTensor": int8,
    "ShortTensor": int16,
    "IntTensor": int32,
    "LongTensor": int64,
    "BoolTensor": bool_,
    "ComplexFloatTensor": complex64,
    "ComplexDoubleTensor": complex128,
}
_NAME_OF_TYPE = {dtype: name for name, dtype in _TYPE_NAMES.items()}


def type_name(of: dtype, *, cuda: bool) -> str:
    """torch's name of the type of such tensors: "torch.FloatTensor", "torch.cuda.LongTensor"."""
    return f"torch.{'cuda.' if cuda else ''}{_NAME_OF_TYPE[of]}"


def as_dtype(value: Any) -> dtype:
    """A dtype from a dtype, from bool, int or float, or from what NumPy takes for one."""
    if isinstance(value, dtype):
        return value
    if value is bool:
        return bool_
    if value is int:
        return int64
    if value is float:
        return _default
    if isinstance(value, str) and value.rpartition(".")[2] in _TYPE_NAMES:
        return _TYPE_NAMES[value.rpartition(".")[2]]
    if value is complex:
        return complex128 if _default is float64 else complex64
    return from_numpy(np.dtype(value))


def get_default_dtype() -> dtype:
    """The floating dtype of new tensors made from Python numbers."""
    return _default


def set_default_dtype(d: dtype) -> None:
    """Choose the floating dtype of new tensors. Raises DtypeError if it is not a floating one."""
    global _default  # noqa: PLW0603  torch's interface is process-wide state
    if not (isinstance(d, dtype) and d.is_floating_point):
        raise DtypeError(f"set_default_dtype: only floating-point dtypes can be the default, got {d!r}")
    _default = d


def promote_types(a: dtype, b: dtype) -> dtype:
    """The smallest dtype that both `a` and `b` go into."""
    if a is b:
        return a
    if {a.category, b.category} == {2, 3}:
        return complex128 if float64 in (a.parts, b.parts) else complex64
    if a.category != b.category:
        return a if a.category > b.category else b
    if _WIDTH[a] == _WIDTH[b]:  # uint8 with int8, float16 with bfloat16
        return int16 if a.category == 1 else float32
    return a if _WIDTH[a] > _WIDTH[b] else b


def of_scalar(value: object) -> dtype:
    """The dtype that a Python number has before it meets a tensor."""
    if isinstance(value, (bool, np.bool_)):
        return bool_
    if isinstance(value, (int, np.integer)):
        return int64
    if isinstance(value, (float, np.floating)):
        return _default
    if isinstance(value, (complex, np.complexfloating)):
        return complex128 if _default is float64 else complex64
    raise DtypeError(f"expected a number or a tensor, got {type(value).__name__}")


def number(value: Any, wanted: dtype) -> np.ndarray[Any, Any]:
    """A Python number as a 0-d array of `wanted`; a whole number that is too large wraps around, as in torch."""
    with np.errstate(all="ignore"):
        return np.asarray(np.asarray(value).astype(wanted.numpy))


def can_cast(source: dtype, target: dtype) -> bool:
    """Whether an in-place op may write `source` into `target`: never down a category."""
    return source.category <= target.category


@dataclass(frozen=True)
class finfo:  # noqa: N801
    """Limits of a floating dtype, as torch.finfo."""

    bits: int
    eps: float
    max: float
    min: float
    tiny: float
    smallest_normal: float
    resolution: float
    dtype: str

    def __init__(self, type: DType | None = None) -> None:
        d = _default if type is None else type.parts
        if not d.is_floating_point:
            raise DtypeError(f"finfo: {d!r} is not a floating-point dtype; use iinfo")
        bits = d.itemsize * 8
        mantissa = {"float16": 10, "bfloat16": 7, "float32": 23, "float64": 52}[d.name]
        top = {"float16": 15, "bfloat16": 127, "float32": 127, "float64": 1023}[d.name]
        tiny = 2.0 ** (1 - top)
        largest = (2.0 - 2.0**-mantissa) * 2.0**top
        resolution = {"float16": 1e-3, "bfloat16": 1e-2, "float32": 1e-6, "float64": 1e-15}[d.name]
        values = (bits, 2.0**-mantissa, largest, -largest, tiny, tiny, resolution, d.name)
        for name, value in zip(self.__dataclass_fields__, values, strict=True):
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class iinfo:  # noqa: N801
    """Limits of a whole-number dtype, as torch.iinfo."""

    bits: int
    max: int
    min: int
    dtype: str

    def __init__(self, type: DType) -> None:
        if type.category != 1:
            raise ArgumentError(f"iinfo: {type!r} is not a whole-number dtype")
        bits = type.itemsize * 8
        low = -(2 ** (bits - 1)) if type.is_signed else 0
        for name, value in zip(self.__dataclass_fields__, (bits, low + 2**bits - 1, low, type.name), strict=True):
            object.__setattr__(self, name, value)
