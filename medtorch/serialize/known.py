"""The table of globals that tensor files need, and what medtorch makes of each: a record or plain data, never a call.

Requires  REQ-S-SEC-001, REQ-F-SER-004
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from medtorch.core import dtypes
from medtorch.core.devices import device
from medtorch.core.tensor import Size
from medtorch.errors import DeviceError, FormatError, UnsafeError, UnsupportedFileError
from medtorch.serialize.guards import checked_key, kind_of, shown
from medtorch.serialize.limits import Limits
from medtorch.serialize.numpydata import new_numpy_array, new_numpy_dtype, numpy_scalar
from medtorch.serialize.rebuild import (
    rebuild_parameter,
    rebuild_parameter_with_state,
    rebuild_tensor,
    rebuild_tensor_v2,
    rebuild_tensor_v3,
)
from medtorch.serialize.records import (
    DtypeName,
    Global,
    ScriptClass,
    ScriptObject,
    StorageType,
    TensorRef,
)

_LONGEST = 512  # characters of a module's and a class's name


@dataclass
class Context:
    """What a global may need to know of the file that it stands in."""

    limits: Limits
    script: bool
    notes: list[str]


def find_global(module: str, name: str, context: Context) -> Any:
    """The record for a global.

    Raises    UnsupportedFileError for what torch has and medtorch has not; UnsafeError for everything else
    """
    found = _VALUES.get((module, name))
    if found is not None:
        return found
    if len(module) + len(name) > _LONGEST:
        raise FormatError(f"a global with a name of {len(module) + len(name)} characters")
    key = Global(module, name)
    if key in _REBUILDERS or key in _MARKERS:
        return key
    if context.script and (module == "__torch__" or module.startswith("__torch__.")):
        if module.startswith("__torch__.torch.classes"):
            raise UnsupportedFileError(f"holds an object of the custom C++ class {key}")
        return ScriptClass(str(key))
    if context.script and key in _SCRIPT:
        return key
    if module == "torch" and (missing := _missing_type(name)):
        raise UnsupportedFileError(f"holds {missing} (global {key}), which medtorch does not have")
    if (missing := _MISSING.get(key)) is not None:
        raise UnsupportedFileError(f"holds {missing} (global {key}), which medtorch does not have")
    raise UnsafeError(
        f"refused global {key}: the file asks for this Python class or function, and loading never fetches code; "
        "if the file holds a whole module or other objects, save module.state_dict() instead"
    )


def rebuild(function: Global, args: tuple[Any, ...], context: Context) -> Any:
    """What REDUCE gives for a known global."""
    action = _REBUILDERS.get(function)
    if action is None and context.script:
        action = _SCRIPT.get(function)
    if action is None:
        raise UnsafeError(f"asks to call {function}, which is no function of tensor files")
    return action(args, context)


def construct(cls: Any, args: tuple[Any, ...], context: Context) -> Any:
    """What NEWOBJ gives: an empty OrderedDict, or an object of a TorchScript archive."""
    if type(cls) is ScriptClass and not args:
        return ScriptObject(cls)
    if cls == _ORDERED_DICT:
        return _ordered_dict(args, context)
    raise UnsafeError(f"asks for a new object of {kind_of(cls)}")


def _ordered_dict(args: tuple[Any, ...], context: Context) -> OrderedDict[Any, Any]:
    if len(args) > 1 or (args and type(args[0]) is not list):
        raise FormatError(f"an OrderedDict from {len(args)} arguments: {', '.join(map(kind_of, args))}")
    result: OrderedDict[Any, Any] = OrderedDict()
    for pair in args[0] if args else ():  # Python 2 hands the items over as a list of [key, value]
        if type(pair) not in (list, tuple) or len(pair) != 2:
            raise FormatError("an OrderedDict from something other than pairs")
        result[checked_key(pair[0])] = pair[1]
    return result


def _counter(args: tuple[Any, ...], context: Context) -> Counter[Any]:
    """The milestones of a learning-rate schedule."""
    if len(args) != 1 or type(args[0]) is not dict or any(type(count) is not int for count in args[0].values()):
        raise FormatError("a Counter from something other than one dict of counts")
    return Counter(args[0])


def _size(args: tuple[Any, ...], context: Context) -> Size:
    if len(args) != 1 or type(args[0]) is not tuple or any(type(size) is not int for size in args[0]):
        raise FormatError("a torch.Size from something other than one tuple of whole numbers")
    return Size(args[0])


def _device(args: tuple[Any, ...], context: Context) -> device:
    """A device is a name here: this machine need not have it."""
    if not (1 <= len(args) <= 2) or type(args[0]) is not str or (len(args) == 2 and type(args[1]) is not int):
        raise FormatError("a torch.device from something other than a name and an index")
    try:
        return device(*args)
    except DeviceError as error:
        raise UnsupportedFileError(f"holds the device {shown(args[0])}, which medtorch does not have") from error


def _encode(args: tuple[Any, ...], context: Context) -> bytes:
    """How pickles of protocol 2 carry bytes: text of code points below 256."""
    if len(args) != 2 or type(args[0]) is not str or args[1] != "latin1":
        raise UnsafeError("asks _codecs.encode for something other than latin1 bytes")
    try:
        return args[0].encode("latin1")
    except UnicodeEncodeError as error:
        raise FormatError("bytes with a value above 255") from error


def _empty_bytes(args: tuple[Any, ...], context: Context) -> bytes:
    if args:
        raise UnsafeError("asks to call bytes with arguments")
    return b""


def _from_type_v2(args: tuple[Any, ...], context: Context) -> Any:
    """A tensor with Python attributes: the tensor, for plain Tensor and Parameter; the attributes are noted."""
    if len(args) != 4:
        raise FormatError(f"_rebuild_from_type_v2 with {len(args)} arguments")
    function, cls, inner, state = args
    if cls not in (_TENSOR, _PARAMETER):
        raise UnsupportedFileError(f"holds a tensor of the subclass {kind_of(cls)}")
    if type(function) is not Global or function not in _TENSOR_REBUILDERS or type(inner) is not tuple:
        raise UnsafeError(f"asks _rebuild_from_type_v2 to call {kind_of(function)}")
    result = _TENSOR_REBUILDERS[function](inner, context)
    note_attributes(state, context)
    return result


def _parameter_with_state(args: tuple[Any, ...], context: Context) -> TensorRef:
    result, state = rebuild_parameter_with_state(args)
    note_attributes(state, context)
    return result


def note_attributes(state: Any, context: Context) -> None:
    """Python attributes of a tensor are no part of its value; `inspect_torch` lists them."""
    parts: tuple[Any, ...] = (state,)
    if type(state) is tuple and len(state) == 2 and type(state[1]) is dict:
        parts = state
    for part in parts:
        if part is None:
            continue
        if type(part) is not dict:
            raise FormatError(f"the attributes of a tensor are a {kind_of(part)}")
        context.notes.extend(f"left out: attribute {shown(key)} of a tensor" for key in part)


def _build_list(args: tuple[Any, ...], context: Context) -> list[Any]:
    if len(args) != 1 or type(args[0]) is not list:
        raise FormatError("a typed list of TorchScript from something other than a list")
    return args[0]


def _restore_type_tag(args: tuple[Any, ...], context: Context) -> Any:
    if len(args) != 2 or type(args[1]) is not str:
        raise FormatError("a type tag of TorchScript from something other than a value and a text")
    return args[0]


_TENSOR = Global("torch", "Tensor")
_PARAMETER = Global("torch.nn.parameter", "Parameter")
_NDARRAY = Global("numpy", "ndarray")
_ORDERED_DICT = Global("collections", "OrderedDict")
_MARKERS = (_TENSOR, _PARAMETER, _NDARRAY)

Rebuilder = Callable[[tuple[Any, ...], Context], Any]

_TENSOR_REBUILDERS: dict[Global, Rebuilder] = {
    Global("torch._utils", "_rebuild_tensor"): lambda args, context: rebuild_tensor(args),
    Global("torch._utils", "_rebuild_tensor_v2"): lambda args, context: rebuild_tensor_v2(args),
    Global("torch._utils", "_rebuild_tensor_v3"): lambda args, context: rebuild_tensor_v3(args),
    Global("torch._utils", "_rebuild_parameter"): lambda args, context: rebuild_parameter(args),
}

_REBUILDERS: dict[Global, Rebuilder] = {
    **_TENSOR_REBUILDERS,
    Global("torch._utils", "_rebuild_parameter_with_state"): _parameter_with_state,
    Global("torch._tensor", "_rebuild_from_type_v2"): _from_type_v2,
    Global("torch", "Size"): _size,
    Global("torch", "device"): _device,
    _ORDERED_DICT: _ordered_dict,
    Global("collections", "Counter"): _counter,
    Global("_codecs", "encode"): _encode,
    Global("__builtin__", "bytes"): _empty_bytes,
    Global("builtins", "bytes"): _empty_bytes,
    Global("numpy", "dtype"): lambda args, context: new_numpy_dtype(args),
    Global("numpy.core.multiarray", "scalar"): lambda args, context: numpy_scalar(args),
    Global("numpy._core.multiarray", "scalar"): lambda args, context: numpy_scalar(args),
    Global("numpy.core.multiarray", "_reconstruct"): lambda args, context: new_numpy_array(args, _NDARRAY),
    Global("numpy._core.multiarray", "_reconstruct"): lambda args, context: new_numpy_array(args, _NDARRAY),
}

_SCRIPT: dict[Global, Rebuilder] = {
    Global("torch.jit._pickle", "build_intlist"): _build_list,
    Global("torch.jit._pickle", "build_doublelist"): _build_list,
    Global("torch.jit._pickle", "build_boollist"): _build_list,
    Global("torch.jit._pickle", "build_tensorlist"): _build_list,
    Global("torch.jit._pickle", "restore_type_tag"): _restore_type_tag,
}

_STORAGES = {
    "BoolStorage": dtypes.bool_,
    "ByteStorage": dtypes.uint8,
    "CharStorage": dtypes.int8,
    "ShortStorage": dtypes.int16,
    "IntStorage": dtypes.int32,
    "LongStorage": dtypes.int64,
    "HalfStorage": dtypes.float16,
    "BFloat16Storage": dtypes.bfloat16,
    "FloatStorage": dtypes.float32,
    "DoubleStorage": dtypes.float64,
    "ComplexFloatStorage": dtypes.complex64,
    "ComplexDoubleStorage": dtypes.complex128,
}

_VALUES: dict[tuple[str, str], Any] = {
    **{("torch", name): StorageType(name, dtype) for name, dtype in _STORAGES.items()},
    **{("torch.cuda", name): StorageType(name, dtype) for name, dtype in _STORAGES.items()},
    ("torch", "UntypedStorage"): StorageType("UntypedStorage", None),
    ("torch.storage", "UntypedStorage"): StorageType("UntypedStorage", None),
    **{("torch", dtype.name): DtypeName(dtype) for dtype in dtypes.ALL},
}

_MISSING_STORAGES = {
    "QInt8Storage": "quantized numbers",
    "QUInt8Storage": "quantized numbers",
    "QInt32Storage": "quantized numbers",
    "QUInt4x2Storage": "quantized numbers",
    "QUInt2x4Storage": "quantized numbers",
}
_MISSING_DTYPES = (
    "complex32", "uint16", "uint32", "uint64", "quint8", "qint8", "qint32", "quint4x2",
    "quint2x4", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu",
    "float4_e2m1fn_x2", *(f"{sign}int{bits}" for sign in ("", "u") for bits in range(1, 8)),
)  # fmt: skip


def _missing_type(name: str) -> str | None:
    if name in _MISSING_STORAGES:
        return _MISSING_STORAGES[name]
    if name in _MISSING_DTYPES:
        return f"the dtype torch.{name}"
    if name.startswith(("per_tensor_", "per_channel_")):
        return "a quantized tensor"
    return None


_MISSING: dict[Global, str] = {
    Global("torch._utils", "_rebuild_qtensor"): "a quantized tensor",
    Global("torch._utils", "_rebuild_sparse_tensor"): "a sparse tensor",
    Global("torch._utils", "_rebuild_nested_tensor"): "a nested tensor",
    Global("torch._utils", "_rebuild_meta_tensor_no_storage"): "a tensor without data (device meta)",
    Global("torch._utils", "_rebuild_wrapper_subclass"): "a tensor of a subclass",
    Global("torch._utils", "_rebuild_device_tensor_from_numpy"): "a tensor of a device plug-in",
    Global("torch._utils", "_rebuild_device_tensor_from_cpu_tensor"): "a tensor of a device plug-in",
    Global("torch._tensor", "_rebuild_from_type"): "a tensor of a subclass",
    Global("torch.serialization", "_get_layout"): "a tensor layout",
    Global("torch.storage", "TypedStorage"): "a typed storage as a class",
    Global("torch.jit._pickle", "build_tensor_from_id"): "a tensor kept outside of the file",
}
