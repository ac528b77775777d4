"""`save_torch`: tensors and plain data in PyTorch's file format, which torch.load(weights_only=True) reads.

The file is a zip archive, uncompressed: `archive/data.pkl` describes the value, `archive/data/N` holds the bytes of
storage N at a multiple of 64. The description is put together here from the few pickle instructions that plain data
need, so nothing of the user's is asked how it wants to be pickled.

Source    the format of torch.save since PyTorch 1.6; CPython's pickletools for the instructions
Requires  REQ-F-CPT-004
"""

from __future__ import annotations

import io
import struct
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO

import numpy as np

from medtorch.core.devices import device
from medtorch.core.dtypes import DType
from medtorch.core.tensor import Size, Tensor
from medtorch.errors import SaveError
from medtorch.serialize.atomic import write_file
from medtorch.serialize.source import PathLike
from medtorch.serialize.storages import Array

_FOLDER, _ALIGNMENT = "archive", 64
_STORAGES = {
    "bool": "BoolStorage",
    "uint8": "ByteStorage",
    "int8": "CharStorage",
    "int16": "ShortStorage",
    "int32": "IntStorage",
    "int64": "LongStorage",
    "float16": "HalfStorage",
    "bfloat16": "BFloat16Storage",
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
    "complex64": "ComplexFloatStorage",
    "complex128": "ComplexDoubleStorage",
}
_DEPTH = 200


def save_torch(obj: Any, path: PathLike | BinaryIO) -> None:
    """Write tensors, numbers, strings, None, sizes, dtypes, and lists, tuples and dicts of them.

    Tensors come to the CPU and are written contiguously; one tensor that stands in several places is written once.

    Raises    SaveError for anything else, naming its place in `obj`, and where the file cannot be written
    Source    semantics of torch.save
    """
    writer = _Writer()
    writer.value(obj, "obj", 0)
    data = _archive(b"\x80\x02" + writer.code.getvalue() + b".", writer.storages)
    if hasattr(path, "write"):
        path.write(data)
    else:
        write_file(path, [data], overwrite=True)


class _Writer:
    """The instructions written so far, and the storages that they name."""

    def __init__(self) -> None:
        self.code = io.BytesIO()
        self.storages: list[Array] = []
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._kept: list[Any] = []  # so that no address is used a second time

    def value(self, value: Any, place: str, depth: int) -> None:
        if depth > _DEPTH:
            raise SaveError(f"save: {place} is nested more than {_DEPTH} deep")
        if isinstance(value, Tensor):
            self._tensor(value)
            return
        action = _ACTIONS.get(OrderedDict if isinstance(value, OrderedDict) else type(value))
        if action is None and isinstance(value, np.generic) and value.dtype.kind in "bifu":
            self.value(value.item(), place, depth)
        elif action is None:
            raise SaveError(f"save: {place} is a {type(value).__name__}; only tensors and plain data can be saved")
        else:
            action(self, value, place, depth)

    def emit(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.code.write(piece)

    def name(self, module: str, name: str) -> None:
        self.emit(f"c{module}\n{name}\n".encode())

    def number(self, value: int) -> None:
        if -(1 << 31) <= value < 1 << 31:
            self.emit(b"J", struct.pack("<i", value))
        else:
            raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            if len(raw) > 255:
                raise SaveError(f"save: a whole number of {len(raw)} bytes")
            self.emit(b"\x8a", bytes([len(raw)]), raw)

    def text(self, value: str) -> None:
        raw = value.encode("utf-8", "surrogatepass")
        self.emit(b"X", struct.pack("<I", len(raw)), raw)

    def numbers(self, values: Iterable[int]) -> None:
        self.emit(b"(")
        for value in values:
            self.number(int(value))
        self.emit(b"t")

    def items(self, values: Iterable[Any], place: str, depth: int) -> None:
        for index, value in enumerate(values):
            self.value(value, f"{place}[{index}]", depth + 1)

    def pairs(self, mapping: Mapping[Any, Any], place: str, depth: int) -> None:
        if not mapping:
            return
        self.emit(b"(")
        for key, value in mapping.items():
            self.value(key, f"a key of {place}", depth + 1)
            self.value(value, f"{place}[{key!r}]", depth + 1)
        self.emit(b"u")

    def flag(self, value: bool) -> None:
        self.emit(b"\x88" if value else b"\x89")

    def _tensor(self, tensor: Tensor) -> None:
        if any(kind.__name__ == "Parameter" for kind in type(tensor).__mro__):
            self.name("torch._utils", "_rebuild_parameter")
            self.emit(b"(")
            self._plain(tensor, requires_grad=False)
            self.flag(tensor.requires_grad)
            self._no_hooks()
            self.emit(b"tR")
        else:
            self._plain(tensor, requires_grad=tensor.requires_grad)

    def _plain(self, tensor: Tensor, *, requires_grad: bool) -> None:
        array = tensor.numpy(force=True)
        self.name("torch._utils", "_rebuild_tensor_v2")
        self.emit(b"(")
        self._storage(array, tensor.dtype.name)
        self.number(0)
        self.numbers(array.shape)
        self.numbers(_steps(array.shape))
        self.flag(requires_grad)
        self._no_hooks()
        self.emit(b"tR")

    def _storage(self, array: Array, dtype: str) -> None:
        key = (array.ctypes.data, array.shape, array.strides, dtype) if array.size else (len(self.storages),)
        if key not in self._numbers:
            self._numbers[key] = len(self.storages)
            self.storages.append(np.ascontiguousarray(array))
            self._kept.append(array)
        self.emit(b"(")
        self.text("storage")
        self.name("torch", _STORAGES[dtype])
        self.text(str(self._numbers[key]))
        self.text("cpu")
        self.number(int(array.size))
        self.emit(b"tQ")

    def _no_hooks(self) -> None:
        self.name("collections", "OrderedDict")
        self.emit(b")R")


def _steps(shape: tuple[int, ...]) -> list[int]:
    """The strides of a contiguous tensor, in elements."""
    steps: list[int] = []
    step = 1
    for length in reversed(shape):
        steps.insert(0, step)
        step *= max(length, 1)
    return steps


def _write_none(writer: _Writer, value: None, place: str, depth: int) -> None:
    writer.emit(b"N")


def _write_bool(writer: _Writer, value: bool, place: str, depth: int) -> None:
    writer.flag(value)


def _write_int(writer: _Writer, value: int, place: str, depth: int) -> None:
    writer.number(value)


def _write_float(writer: _Writer, value: float, place: str, depth: int) -> None:
    writer.emit(b"G", struct.pack(">d", value))


def _write_str(writer: _Writer, value: str, place: str, depth: int) -> None:
    writer.text(value)


def _write_list(writer: _Writer, value: list[Any], place: str, depth: int) -> None:
    writer.emit(b"](")
    writer.items(value, place, depth)
    writer.emit(b"e")


def _write_tuple(writer: _Writer, value: tuple[Any, ...], place: str, depth: int) -> None:
    writer.emit(b"(")
    writer.items(value, place, depth)
    writer.emit(b"t")


def _write_size(writer: _Writer, value: Size, place: str, depth: int) -> None:
    writer.name("torch", "Size")
    writer.emit(b"(")
    writer.numbers(value)
    writer.emit(b"tR")


def _write_dict(writer: _Writer, value: Mapping[Any, Any], place: str, depth: int) -> None:
    writer.emit(b"}")
    writer.pairs(value, place, depth)


def _write_ordered(writer: _Writer, value: Mapping[Any, Any], place: str, depth: int) -> None:
    writer.name("collections", "OrderedDict")
    writer.emit(b")R")
    writer.pairs(value, place, depth)


def _write_dtype(writer: _Writer, value: DType, place: str, depth: int) -> None:
    writer.name("torch", value.name)


def _write_device(writer: _Writer, value: device, place: str, depth: int) -> None:
    writer.name("torch", "device")
    writer.emit(b"(")
    writer.text(value.type)
    if value.index is not None:
        writer.number(value.index)
    writer.emit(b"tR")


_ACTIONS: dict[type, Callable[[_Writer, Any, str, int], None]] = {
    type(None): _write_none,
    bool: _write_bool,
    int: _write_int,
    float: _write_float,
    str: _write_str,
    list: _write_list,
    tuple: _write_tuple,
    Size: _write_size,
    dict: _write_dict,
    OrderedDict: _write_ordered,
    DType: _write_dtype,
    device: _write_device,
}


def _archive(description: bytes, storages: list[Array]) -> bytes:
    """The zip file, with every storage at a multiple of 64."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, out, "data.pkl", description)
        _add(archive, out, "byteorder", sys.byteorder.encode())
        for number, array in enumerate(storages):
            _add(archive, out, f"data/{number}", array.reshape(-1).view(np.uint8).data if array.size else b"")
        _add(archive, out, "version", b"3\n")
    return out.getvalue()


def _add(archive: zipfile.ZipFile, out: io.BytesIO, name: str, data: Any) -> None:
    entry = zipfile.ZipInfo(f"{_FOLDER}/{name}")  # its date is fixed: the same value gives the same file
    start = out.tell() + 30 + len(entry.filename) + 4
    padding = -start % _ALIGNMENT
    entry.extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
    archive.writestr(entry, data)
