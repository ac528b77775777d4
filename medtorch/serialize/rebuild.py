"""From the arguments of torch's `_rebuild_*` functions to a checked tensor record.

Source    semantics of torch._utils._rebuild_tensor, _rebuild_tensor_v2, _rebuild_tensor_v3, _rebuild_parameter
Requires  REQ-F-SER-003, REQ-S-SEC-004
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from medtorch.core.dtypes import dtype
from medtorch.errors import FormatError, UnsupportedFileError
from medtorch.serialize.guards import kind_of, shown
from medtorch.serialize.records import DtypeName, StorageRef, TensorRef

_DIMS = 64  # torch's own bound


def rebuild_tensor(args: tuple[Any, ...]) -> TensorRef:
    """(storage, offset, size, stride), as files before PyTorch 0.4 have it."""
    _count("_rebuild_tensor", args, 4, 4)
    return _tensor(args, requires_grad=False, seen_as=None)


def rebuild_tensor_v2(args: tuple[Any, ...]) -> TensorRef:
    """(storage, offset, size, stride, requires_grad, hooks[, metadata])."""
    _count("_rebuild_tensor_v2", args, 6, 7)
    _no_hooks(args[5])
    _no_metadata(args[6] if len(args) == 7 else None)
    return _tensor(args, requires_grad=args[4], seen_as=None)


def rebuild_tensor_v3(args: tuple[Any, ...]) -> TensorRef:
    """(storage, offset, size, stride, requires_grad, hooks, dtype[, metadata]): the storage is plain bytes."""
    _count("_rebuild_tensor_v3", args, 7, 8)
    _no_hooks(args[5])
    _no_metadata(args[7] if len(args) == 8 else None)
    if type(args[6]) is not DtypeName:
        raise FormatError(f"the dtype of a tensor is a {kind_of(args[6])}")
    return _tensor(args, requires_grad=args[4], seen_as=args[6].dtype)


def rebuild_parameter(args: tuple[Any, ...]) -> TensorRef:
    """(tensor, requires_grad, hooks)."""
    _count("_rebuild_parameter", args, 3, 3)
    return _parameter(*args)


def rebuild_parameter_with_state(args: tuple[Any, ...]) -> tuple[TensorRef, Any]:
    """(tensor, requires_grad, hooks, attributes) -> the tensor, and the attributes."""
    _count("_rebuild_parameter_with_state", args, 4, 4)
    return _parameter(*args[:3]), args[3]


def _parameter(data: Any, requires_grad: Any, hooks: Any) -> TensorRef:
    if type(data) is not TensorRef:
        raise FormatError(f"the data of a parameter are a {kind_of(data)}")
    _no_hooks(hooks)
    return TensorRef(
        data.storage, data.dtype, data.offset, data.shape, data.strides, _grad_flag(requires_grad, data.dtype)
    )


def _tensor(args: tuple[Any, ...], *, requires_grad: Any, seen_as: dtype | None) -> TensorRef:
    storage, offset, size, stride = args[:4]
    if type(storage) is not StorageRef:
        raise FormatError(f"the storage of a tensor is a {kind_of(storage)}")
    kind = storage.type.dtype if seen_as is None else seen_as
    if kind is None:
        raise FormatError("a tensor over untyped bytes does not say its dtype")
    if seen_as is not None and storage.type.dtype not in (None, seen_as):
        raise FormatError(f"a tensor of {seen_as.name} over a storage of {storage.type.name}")
    shape, strides = _whole_numbers("size", size), _whole_numbers("stride", stride)
    if len(shape) != len(strides):
        raise FormatError(f"a tensor with {len(shape)} sizes and {len(strides)} strides")
    (start,) = _whole_numbers("storage offset", (offset,))
    ref = TensorRef(storage, kind, start, shape, strides, _grad_flag(requires_grad, kind))
    _check_inside(ref)
    return ref


def _check_inside(ref: TensorRef) -> None:
    """Every element lies within the storage."""
    available = ref.storage.elements * ref.storage.type.itemsize // ref.dtype.itemsize
    if 0 in ref.shape:
        if ref.offset > available:
            raise FormatError(f"an empty tensor starts at element {ref.offset} of a storage of {available}")
        return
    last = ref.offset + sum((size - 1) * stride for size, stride in zip(ref.shape, ref.strides, strict=True))
    if last >= available:
        raise FormatError(
            f"a tensor reaches element {last} of storage {ref.storage.key!r}, which has {available} "
            f"(offset {ref.offset}, size {ref.shape}, stride {ref.strides})"
        )


def _whole_numbers(what: str, values: Any) -> tuple[int, ...]:
    if not isinstance(values, tuple):
        raise FormatError(f"the {what} of a tensor is a {kind_of(values)}, not a tuple")
    if len(values) > _DIMS:
        raise FormatError(f"the {what} of a tensor has {len(values)} dims")
    for value in values:
        if type(value) is not int:
            raise FormatError(f"the {what} of a tensor has a {kind_of(value)}, not a whole number")
        if value < 0:
            raise FormatError(f"the {what} of a tensor is negative: {value}")
        if value >= 1 << 62:
            raise FormatError(f"the {what} of a tensor is beyond all memory: {value}")
    return values


def _grad_flag(value: Any, kind: dtype) -> bool:
    if type(value) is not bool:
        raise FormatError(f"requires_grad of a tensor is a {kind_of(value)}")
    return value and kind.is_floating_point


def _no_hooks(hooks: Any) -> None:
    if hooks is None or (type(hooks) in (OrderedDict, dict, tuple) and not hooks):
        return
    raise UnsupportedFileError("holds a tensor with backward hooks")


def _no_metadata(metadata: Any) -> None:
    if metadata is None:
        return
    if type(metadata) is not dict:
        raise FormatError(f"the metadata of a tensor are a {kind_of(metadata)}")
    if metadata:
        raise UnsupportedFileError(f"holds a tensor with metadata {', '.join(map(shown, metadata))}"[:200])


def _count(function: str, args: tuple[Any, ...], low: int, high: int) -> None:
    if not low <= len(args) <= high:
        raise FormatError(f"{function} with {len(args)} arguments")
