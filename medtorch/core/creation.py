"""New tensors from numbers, from arrays, or filled by a rule.

Source    semantics of torch's creation functions
Requires  REQ-F-TEN-007
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from medtorch.core import dtypes
from medtorch.core.backends import move
from medtorch.core.devices import as_device
from medtorch.core.dtypes import dtype as DType
from medtorch.core.factory import factory
from medtorch.core.promotion import result_type
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, DtypeError, UnsupportedError

Device = Any


def _wrap(array: Any, device: Device, requires_grad: bool) -> Tensor:
    place = as_device(device)
    return Tensor._from_array(move(array, place), place).requires_grad_(requires_grad)


def _shape(size: tuple[Any, ...]) -> tuple[int, ...]:
    many = size[0] if len(size) == 1 and not hasattr(size[0], "__index__") else size
    shape = tuple(int(s) for s in many)
    if any(s < 0 for s in shape):
        raise ArgumentError(f"a size must not be negative, got {shape}")
    return shape


def _numpy_of(data: Any, dtype: DType | None) -> np.ndarray[Any, Any]:
    """`data` as a new NumPy array: Python floats take the default dtype, everything else keeps its own."""
    if isinstance(data, (list, tuple)):
        data = _plain(data)
    if isinstance(data, (np.ndarray, np.generic)):
        found = np.array(data)
    else:
        try:
            found = np.array(data)
        except (ValueError, TypeError, OverflowError) as wrong:
            raise ArgumentError(f"tensor: the data do not form an array of numbers: {wrong}") from wrong
        if dtype is None and found.dtype == np.float64 and not _holds_arrays(data):
            found = found.astype(dtypes.get_default_dtype().numpy)
        elif dtype is None and found.dtype == np.complex128 and not _holds_arrays(data):
            found = found.astype(dtypes.of_scalar(0j).numpy)
    if found.dtype == object or found.dtype.kind in "USVmM":
        raise DtypeError(f"tensor: data of type {found.dtype} cannot become a tensor")
    if found.dtype.byteorder == ">":
        found = found.astype(found.dtype.newbyteorder("="))
    return found if dtype is None else found.astype(dtype.numpy, copy=False)


def _plain(data: Any) -> Any:
    """Nested lists with the tensors inside them as arrays."""
    if isinstance(data, Tensor):
        return data.numpy(force=True)
    return [_plain(v) for v in data] if isinstance(data, (list, tuple)) else data


def _holds_arrays(data: Any) -> bool:
    if isinstance(data, (list, tuple)):
        return bool(data) and _holds_arrays(data[0])
    return isinstance(data, (np.ndarray, np.inexact))


def tensor(
    data: Any, *, dtype: Any = None, device: Device = None, requires_grad: bool = False, pin_memory: bool = False
) -> Tensor:
    """A tensor of its own memory from numbers, nested sequences, an array or a tensor.

    Raises    ArgumentError for ragged data; DtypeError for what is no number
    """
    if pin_memory:
        raise UnsupportedError("tensor: pin_memory=True is not supported")
    wanted = None if dtype is None else dtypes.as_dtype(dtype)
    if isinstance(data, Tensor):
        place = data.device if device is None else device
        return data.detach().clone().to(device=place, dtype=wanted).requires_grad_(requires_grad)
    return _wrap(_numpy_of(data, wanted), device, requires_grad)


def from_numpy(ndarray: np.ndarray[Any, Any]) -> Tensor:
    """A tensor that shares the memory of `ndarray`. Raises DtypeError for a dtype that tensors have not."""
    if not isinstance(ndarray, np.ndarray):
        raise ArgumentError(f"from_numpy: expected a numpy.ndarray, got {type(ndarray).__name__}")
    dtypes.from_numpy(ndarray.dtype)
    if not ndarray.dtype.isnative:
        raise DtypeError(
            f"from_numpy: {ndarray.dtype} is not in this machine's byte order; "
            "use ndarray.astype(ndarray.dtype.newbyteorder('='))"
        )
    found = Tensor._from_array(ndarray, as_device("cpu"))
    found._shared = True
    return found


def as_tensor(data: Any, dtype: Any = None, device: Device = None) -> Tensor:
    """A tensor that shares memory with `data` where it can."""
    found = (
        data
        if isinstance(data, Tensor)
        else from_numpy(data)
        if isinstance(data, np.ndarray)
        else tensor(data, dtype=dtype)
    )
    return found.to(
        device=found.device if device is None else device, dtype=None if dtype is None else dtypes.as_dtype(dtype)
    )


asarray = as_tensor


def from_dlpack(ext_tensor: Any) -> Tensor:
    """A tensor over memory that another library exports by DLPack."""
    kind = ext_tensor.__dlpack_device__()[0]
    if int(kind) == 1:
        return from_numpy(np.from_dlpack(ext_tensor))
    from medtorch.core.backends.cuda import from_dlpack as cuda_from_dlpack  # noqa: PLC0415  the one door to CuPy

    array, place = cuda_from_dlpack(ext_tensor)
    return Tensor._from_array(array, place)


@factory
def full(
    size: Any, fill_value: Any, *, dtype: Any = None, device: Device = None, requires_grad: bool = False
) -> Tensor:
    """All elements `fill_value`, in its own dtype unless another is given."""
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    wanted = dtypes.of_scalar(value) if dtype is None else dtypes.as_dtype(dtype)
    return _wrap(np.full(_shape((size,)), dtypes.number(value, wanted)), device, requires_grad)


@factory
def zeros(*size: Any, dtype: Any = None, device: Device = None, requires_grad: bool = False) -> Tensor:
    """All zero."""
    wanted = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    return _wrap(np.zeros(_shape(size), wanted.numpy), device, requires_grad)


@factory
def ones(*size: Any, dtype: Any = None, device: Device = None, requires_grad: bool = False) -> Tensor:
    """All one."""
    wanted = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    return _wrap(np.ones(_shape(size), wanted.numpy), device, requires_grad)


@factory
def empty(
    *size: Any,
    dtype: Any = None,
    device: Device = None,
    requires_grad: bool = False,
    memory_format: str = "contiguous_format",
) -> Tensor:
    """Memory whose numbers are to be written; zeros, so that a forgotten one is the same on every run."""
    out = zeros(*size, dtype=dtype, device=device)
    return out.contiguous(memory_format).requires_grad_(requires_grad)


def _like(input: Tensor, value: Any, dtype: Any, device: Device, requires_grad: bool, memory_format: str) -> Tensor:
    out = input.detach().new_full(tuple(input.shape), value, dtype=dtype, device=device)
    if memory_format != "preserve_format":
        out = out.contiguous(memory_format)
    return out.requires_grad_(requires_grad)


@factory
def zeros_like(
    input: Tensor,
    *,
    dtype: Any = None,
    device: Device = None,
    requires_grad: bool = False,
    memory_format: str = "preserve_format",
) -> Tensor:
    """zeros, with the shape, dtype and device of `input`."""
    return _like(input, 0, dtype, device, requires_grad, memory_format)


@factory
def ones_like(
    input: Tensor,
    *,
    dtype: Any = None,
    device: Device = None,
    requires_grad: bool = False,
    memory_format: str = "preserve_format",
) -> Tensor:
    """ones, with the shape, dtype and device of `input`."""
    return _like(input, 1, dtype, device, requires_grad, memory_format)


@factory
def empty_like(
    input: Tensor,
    *,
    dtype: Any = None,
    device: Device = None,
    requires_grad: bool = False,
    memory_format: str = "preserve_format",
) -> Tensor:
    """empty, with the shape, dtype and device of `input`."""
    return _like(input, 0, dtype, device, requires_grad, memory_format)


@factory
def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Device = None,
    requires_grad: bool = False,
    memory_format: str = "preserve_format",
) -> Tensor:
    """full, with the shape, dtype and device of `input`."""
    return _like(input, fill_value, dtype, device, requires_grad, memory_format)


@factory
def arange(
    start: Any, end: Any = None, step: Any = 1, *, dtype: Any = None, device: Device = None, requires_grad: bool = False
) -> Tensor:
    """start, start + step, ... below `end`.

    Math      element i is start + i * step, computed in float64 (or int64) and rounded once
    Raises    ArgumentError for a step of 0 or in the wrong direction
    """
    first, last = (0, start) if end is None else (start, end)
    first, last, step = (v.item() if isinstance(v, Tensor) else v for v in (first, last, step))
    if not all(math.isfinite(v) for v in (first, last, step)):
        raise ArgumentError(f"arange: no numbers lie between {first} and {last} in steps of {step}")
    if step == 0 or (last - first) * step < 0:
        raise ArgumentError(f"arange: step {step} does not lead from {first} to {last}")
    whole = all(isinstance(v, (int, np.integer)) for v in (first, last, step))
    wanted = dtypes.as_dtype(dtype) if dtype is not None else dtypes.int64 if whole else dtypes.get_default_dtype()
    count = -((first - last) // step) if whole else math.ceil((last - first) / step)
    steps = np.arange(count, dtype=np.int64 if whole else np.float64)
    return _wrap((first + steps * step).astype(wanted.numpy), device, requires_grad)


@factory
def linspace(
    start: Any, end: Any, steps: int, *, dtype: Any = None, device: Device = None, requires_grad: bool = False
) -> Tensor:
    """`steps` numbers evenly from `start` to `end`, both included; counted from the nearer end: symmetric."""
    if steps < 0:
        raise ArgumentError(f"linspace: steps must not be negative, got {steps}")
    a, b = (v.item() if isinstance(v, Tensor) else v for v in (start, end))
    wanted = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    at = np.arange(steps, dtype=np.float64)
    step = (b - a) / (steps - 1) if steps > 1 else 0.0
    values = np.where(at < steps / 2, a + at * step, b - (steps - 1 - at) * step)
    return _wrap((values if steps > 1 else np.full(steps, a, np.float64)).astype(wanted.numpy), device, requires_grad)


@factory
def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Device = None,
    requires_grad: bool = False,
) -> Tensor:
    """`base` to the power of `linspace(start, end, steps)`."""
    wanted = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    powers = linspace(start, end, steps, dtype=dtypes.float64).numpy()
    return _wrap(np.power(np.float64(base), powers).astype(wanted.numpy), device, requires_grad)


@factory
def eye(
    n: int, m: int | None = None, *, dtype: Any = None, device: Device = None, requires_grad: bool = False
) -> Tensor:
    """Ones on the diagonal, zeros elsewhere."""
    if n < 0 or (m is not None and m < 0):
        raise ArgumentError(f"eye: n and m must not be negative, got {n} and {m}")
    wanted = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    return _wrap(np.eye(n, n if m is None else m, dtype=wanted.numpy), device, requires_grad)


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """`input` where `condition`, else `other`; with the condition alone, where it holds, one tensor a dim."""
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if input is None or other is None:
        raise ArgumentError("where: takes the condition alone, or both input and other")
    from_tensor = next((v for v in (input, other) if isinstance(v, Tensor)), None)
    chosen = input if isinstance(input, Tensor) else condition._scalar(input, _scalar_dtype(input, from_tensor, other))
    return chosen.where(condition, other)


def _scalar_dtype(value: Any, other_tensor: Tensor | None, other: Any) -> DType:
    """The dtype of a number that chooses beside a tensor or another number."""
    return result_type(value, other if other_tensor is None else other_tensor)


@factory
def scalar_tensor(s: Any, *, dtype: Any = None, device: Device = None, requires_grad: bool = False) -> Tensor:
    """A 0-d tensor, of the default dtype unless another is given."""
    wanted = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    return full((), s, dtype=wanted, device=device, requires_grad=requires_grad)


def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a Tensor."""
    return isinstance(obj, Tensor)


def numel(input: Tensor) -> int:
    """The number of elements."""
    return input.numel()


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = dtypes.int64, device: Device = None, layout: Any = None
) -> Tensor:
    """Rows and columns of the places on and below diagonal `offset`, as (2, count)."""
    return _triangle(row, col, np.tri(_side(row), _side(col), offset, dtype=bool), dtype, device, layout)


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = dtypes.int64, device: Device = None, layout: Any = None
) -> Tensor:
    """Rows and columns of the places on and above diagonal `offset`, as (2, count)."""
    return _triangle(row, col, ~np.tri(_side(row), _side(col), offset - 1, dtype=bool), dtype, device, layout)


def _side(size: int) -> int:
    if size < 0:
        raise ArgumentError(f"a size must not be negative, got {size}")
    return int(size)


def _triangle(row: int, col: int, mask: Any, dtype: Any, device: Device, layout: Any) -> Tensor:
    if layout not in (None, "strided"):
        raise UnsupportedError(f"layout={layout!r} is not supported")
    wanted = dtypes.as_dtype(dtype)
    if wanted.category != 1:
        raise DtypeError(f"triangle indices must be whole numbers, not {wanted.name}")
    return _wrap(np.stack(np.nonzero(mask)).astype(wanted.numpy), device, False)
