"""safetensors files, read strictly and written byte for byte as the safetensors package does.

A file is 8 bytes with the header's length, the header (JSON: name -> dtype, shape, begin and end), and the tensors'
bytes in C order, little-endian. Every byte belongs to exactly one tensor.

Source    safetensors README.md, section Format
Requires  REQ-F-SER-007, REQ-S-SEC-007
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from medtorch.core import dtypes
from medtorch.core.dtypes import dtype
from medtorch.core.tensor import Tensor
from medtorch.errors import DtypeError, FormatError, SaveError, UnsupportedFileError
from medtorch.serialize.atomic import write_file
from medtorch.serialize.digest import check_sha256, sha256_of
from medtorch.serialize.edge import to_array, to_tensor
from medtorch.serialize.jsontext import parse_json
from medtorch.serialize.limits import DEFAULT_LIMITS, Limits
from medtorch.serialize.source import PathLike, Source, aligned, read_source
from medtorch.serialize.storages import Array

_PREFIX = 8
_METADATA = "__metadata__"

# Files are laid out from the last of these to the first, so that every tensor is aligned.
_CODES: dict[str, dtype] = {
    "BOOL": dtypes.bool_,
    "U8": dtypes.uint8,
    "I8": dtypes.int8,
    "I16": dtypes.int16,
    "F16": dtypes.float16,
    "BF16": dtypes.bfloat16,
    "I32": dtypes.int32,
    "F32": dtypes.float32,
    "F64": dtypes.float64,
    "I64": dtypes.int64,
}
_ORDER = {kind: rank for rank, kind in enumerate(_CODES.values())}
_NAMES = {kind: code for code, kind in _CODES.items()}
_MISSING = (
    "F4", "F6_E2M3", "F6_E3M2", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ",
    "U16", "U32", "C64", "U64",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class SafetensorsFile:
    """The tensors of a file in the order of its header, its metadata, the digest of the very bytes that were read."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    sha256: str


@dataclass(frozen=True, eq=False)
class Parsed:
    """The arrays in a file's bytes, and the metadata."""

    tensors: dict[str, Array]
    metadata: dict[str, str]


def load_safetensors(
    path: PathLike | BinaryIO, *, sha256: str | None = None, limits: Limits = DEFAULT_LIMITS
) -> dict[str, Tensor]:
    """The tensors of a file by name, over memory of their own. `sha256`, where given, is checked first.

    Raises    FileMissingError, UnreadableError; DigestError; FormatError; UnsupportedFileError for a dtype that
              medtorch has not; LimitError
    Source    semantics of safetensors.torch.load_file
    Requires  REQ-F-SER-007
    """
    return _to_tensors(parse_safetensors(_read(path, sha256, limits), limits))


def read_safetensors(
    path: PathLike | BinaryIO, *, sha256: str | None = None, limits: Limits = DEFAULT_LIMITS
) -> SafetensorsFile:
    """As `load_safetensors`, with the metadata and the file's digest."""
    source = _read(path, sha256, limits)
    file = parse_safetensors(source, limits)
    return SafetensorsFile(_to_tensors(file), file.metadata, sha256_of(source.view))


def save_safetensors(
    tensors: Mapping[str, Any], path: PathLike, metadata: Mapping[str, str] | None = None, *, overwrite: bool = True
) -> None:
    """Write tensors by name. The file appears whole or not at all; tensors that share memory are written one by one.

    Raises    SaveError for names, metadata or dtypes that the format has not, for an existing file unless `overwrite`,
              and where the file cannot be written
    Source    semantics of safetensors.torch.save_file
    Requires  REQ-F-SER-007
    """
    arrays = {name: to_array(value, f"save_safetensors: {name!r}") for name, value in tensors.items()}
    write_file(path, pack_safetensors(arrays, metadata), overwrite=overwrite)


def _read(path: PathLike | BinaryIO, sha256: str | None, limits: Limits) -> Source:
    source = read_source(path, limits)
    if sha256 is not None:
        check_sha256(source.view, sha256, source.name)
    return source


def _to_tensors(file: Parsed) -> dict[str, Tensor]:
    return {name: to_tensor(array, False) for name, array in file.tensors.items()}


def parse_safetensors(source: Source, limits: Limits) -> Parsed:
    """A file's bytes -> its arrays, which are views of the bytes wherever they are aligned."""
    header, body_start = _read_header(source, limits)
    metadata = _checked_metadata(header.pop(_METADATA, {}), source.name)
    limits.hold("tensors", len(header), f"{source.name}: tensors")
    layout = [(name, *_checked_entry(name, entry, source.name, limits)) for name, entry in header.items()]
    _check_cover(source, layout, len(source) - body_start)
    arrays = {
        name: _array(source, body_start + begin, end - begin, kind, shape, name)
        for name, kind, shape, begin, end in layout
    }
    return Parsed(arrays, metadata)


def pack_safetensors(arrays: Mapping[str, Array], metadata: Mapping[str, str] | None = None) -> list[Any]:
    """The pieces of a file, in order: its length and header, then each tensor's bytes."""
    header: dict[str, Any] = {}
    if metadata is not None:
        header[_METADATA] = dict(sorted(_savable_metadata(metadata).items()))
    pieces: list[Any] = []
    position = 0
    kinds = {name: _savable(name, array) for name, array in arrays.items()}
    for name in sorted(arrays, key=lambda name: (-_ORDER[kinds[name]], name)):
        piece = tensor_bytes(arrays[name])
        header[name] = {
            "dtype": _NAMES[kinds[name]],
            "shape": list(arrays[name].shape),
            "data_offsets": [position, position + piece.nbytes],
        }
        position += piece.nbytes
        pieces.append(piece)
    try:
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    except UnicodeEncodeError as error:
        raise SaveError(f"a name or metadata that is not valid Unicode: {error.object[:80]!r}") from error
    text += b" " * (-len(text) % _PREFIX)
    return [len(text).to_bytes(_PREFIX, "little") + text, *pieces]


def tensor_bytes(array: Array) -> memoryview:
    """The bytes of an array as files hold them: C order, little-endian. What digests of tensors are taken of."""
    array = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    if array.dtype.itemsize > 1 and sys.byteorder == "big":
        array = array.view(f"u{array.dtype.itemsize}").byteswap()
    return array.reshape(-1).view(np.uint8).data


def _read_header(source: Source, limits: Limits) -> tuple[dict[str, Any], int]:
    if len(source) < _PREFIX + 2:
        raise FormatError(f"{source.name}: {len(source)} bytes are too few for a safetensors file")
    length = int.from_bytes(source.head(_PREFIX), "little")
    if length > len(source) - _PREFIX:
        raise FormatError(
            f"{source.name}: a header of {length} bytes in a file of {len(source)}: truncated, or not safetensors"
        )
    limits.hold("json_bytes", length, f"{source.name}: bytes of the header")
    text = source.data[_PREFIX : _PREFIX + length].tobytes()
    if not text.startswith(b"{"):
        raise FormatError(f"{source.name}: the header does not begin with '{{': not safetensors")
    header = parse_json(text.rstrip(b" "), f"{source.name}: header", limits)
    return header, _PREFIX + length


def _checked_metadata(metadata: Any, name: str) -> dict[str, str]:
    if type(metadata) is not dict or any(type(value) is not str for value in metadata.values()):
        raise FormatError(f"{name}: {_METADATA} is not an object of texts")
    return metadata


def _checked_entry(name: str, entry: Any, file: str, limits: Limits) -> tuple[dtype, tuple[int, ...], int, int]:
    where = f"{file}: tensor {name[:80]!r}"
    limits.hold("name_bytes", len(name.encode("utf-8", "replace")), f"{where}: bytes of the name")
    if type(entry) is not dict or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise FormatError(f"{where}: not described by exactly dtype, shape and data_offsets")
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if type(code) is not str or code not in _CODES:
        error = UnsupportedFileError if type(code) is str and code in _MISSING else FormatError
        raise error(f"{where}: dtype {str(code)[:40]!r}; known are {', '.join(_CODES)}")
    if not _are_sizes(shape) or not _are_sizes(offsets) or len(offsets) != 2:
        raise FormatError(f"{where}: shape or data_offsets are not lists of whole numbers from 0")
    limits.hold("dims", len(shape), f"{where}: dims")
    begin, end = offsets
    size = math.prod(shape) * _CODES[code].itemsize
    if end - begin != size:
        given = end - begin
        raise FormatError(f"{where}: {code} of shape {tuple(shape)} takes {size} bytes, data_offsets give {given}")
    return _CODES[code], tuple(shape), begin, end


def _are_sizes(values: Any) -> bool:
    return type(values) is list and all(type(value) is int and 0 <= value < 1 << 62 for value in values)


def _check_cover(source: Source, layout: list[tuple[str, dtype, tuple[int, ...], int, int]], size: int) -> None:
    """The tensors' bytes follow each other from the header's end to the file's end."""
    position = 0
    for name, _, _, begin, end in sorted(layout, key=lambda item: item[3:]):
        if begin != position:
            what = "overlaps the one before it" if begin < position else f"leaves a hole of {begin - position} bytes"
            raise FormatError(f"{source.name}: tensor {name[:80]!r} {what}")
        position = end
    if position > size:
        raise FormatError(f"{source.name}: the tensors take {position} bytes, the file has {size}: it is truncated")
    if position < size:
        raise FormatError(f"{source.name}: {size - position} bytes behind the last tensor")


def _array(source: Source, start: int, size: int, kind: dtype, shape: tuple[int, ...], name: str) -> Array:
    data = source.data[start : start + size]
    if kind is dtypes.bool_ and data.size and data.max() > 1:
        raise FormatError(f"{source.name}: tensor {name[:80]!r} has booleans other than 0 and 1")
    swap = kind.itemsize > 1 and sys.byteorder == "big"
    if data.ctypes.data % kind.itemsize or swap:
        copy = aligned(size)
        copy[:] = data
        data = copy
    if swap:
        data.view(f"u{kind.itemsize}").byteswap(inplace=True)
    return data.view(kind.numpy).reshape(shape)


def _savable(name: Any, array: Array) -> dtype:
    if type(name) is not str or name == _METADATA:
        raise SaveError(f"no name for a tensor: {name!r}"[:120])
    try:
        kind = dtypes.from_numpy(array.dtype)
    except DtypeError as error:
        raise SaveError(f"tensor {name[:80]!r}: {error}") from error
    if kind not in _NAMES:
        raise SaveError(f"tensor {name[:80]!r}: safetensors files are not written with {kind.name}")
    return kind


def _savable_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    for key, value in metadata.items():
        if type(key) is not str or type(value) is not str:
            raise SaveError(f"metadata must be text to text, got {key!r}: {value!r}"[:120])
    return dict(metadata)
