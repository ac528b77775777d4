"""Builds pickles, zip files, PyTorch files and safetensors byte by byte, right or wrong on purpose."""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass
from typing import Any

MARK, STOP, TUPLE, REDUCE, BUILD, EMPTY_TUPLE = b"(", b".", b"t", b"R", b"b", b")"
EMPTY_DICT, EMPTY_LIST, NONE, FALSE, TRUE = b"}", b"]", b"N", b"\x89", b"\x88"
PERSID, SETITEM, SETITEMS, APPEND, NEWOBJ = b"Q", b"s", b"u", b"a", b"\x81"
PROTO = b"\x80\x02"

MAGIC = 0x1950A86A20F9469CFC6C


def text(value: str) -> bytes:
    raw = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(raw)) + raw


def whole(value: int) -> bytes:
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if -(1 << 31) <= value < 1 << 31:
        return b"J" + struct.pack("<i", value)
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def glob(name: str) -> bytes:
    module, _, attribute = name.rpartition(".")
    return b"c" + module.encode() + b"\n" + attribute.encode() + b"\n"


def tup(*parts: bytes) -> bytes:
    return MARK + b"".join(parts) + TUPLE


def call(function: str, *args: bytes) -> bytes:
    return glob(function) + tup(*args) + REDUCE


def ordered(**items: bytes) -> bytes:
    pairs = b"".join(text(key) + value for key, value in items.items())
    return glob("collections.OrderedDict") + EMPTY_TUPLE + REDUCE + MARK + pairs + SETITEMS


def pickled(body: bytes) -> bytes:
    return PROTO + body + STOP


def storage(key: str = "0", count: int = 4, kind: str = "torch.FloatStorage", device: str = "cpu") -> bytes:
    """A persistent id as the zip format has it."""
    return tup(text("storage"), glob(kind), text(key), text(device), whole(count)) + PERSID


def old_storage(key: str = "0", count: int = 4, kind: str = "torch.FloatStorage", view: bytes = NONE) -> bytes:
    """A persistent id as the legacy format has it."""
    return tup(text("storage"), glob(kind), text(key), text("cpu"), whole(count), view) + PERSID


def whole_tuple(values: tuple[int, ...]) -> bytes:
    return tup(*map(whole, values))


def tensor(
    source: bytes | None = None, offset: int = 0, size: tuple[int, ...] = (4,), stride: tuple[int, ...] = (1,)
) -> bytes:
    return call(
        "torch._utils._rebuild_tensor_v2",
        storage() if source is None else source,
        whole(offset),
        whole_tuple(size),
        whole_tuple(stride),
        FALSE,
        glob("collections.OrderedDict") + EMPTY_TUPLE + REDUCE,
    )


FLOATS = struct.pack("<4f", 1.0, 2.0, 3.0, 4.0)


@dataclass
class Part:
    """One entry of a zip file; every field that is not None overrides what would be right."""

    name: bytes
    data: bytes
    method: int = 0
    flags: int = 0
    crc: int | None = None
    size: int | None = None
    packed: int | None = None
    local_name: bytes | None = None
    local_size: int | None = None
    local_crc: int | None = None
    local_method: int | None = None
    local_flags: int | None = None
    offset: int | None = None
    extra: bytes = b""
    local_extra: bytes = b""
    before: bytes = b""  # bytes between the former entry and this one
    after: bytes = b""  # a data descriptor


def deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def zip_file(
    parts: list[Part],
    *,
    front: bytes = b"",
    gap: bytes = b"",
    behind: bytes = b"",
    comment: bytes = b"",
    count: int | None = None,
    directory_offset: int | None = None,
    disk: int = 0,
) -> bytes:
    out = bytearray(front)
    central = b""
    for part in parts:
        raw = deflate(part.data) if part.method == 8 else part.data
        crc = zlib.crc32(part.data) if part.crc is None else part.crc
        packed = len(raw) if part.packed is None else part.packed
        size = len(part.data) if part.size is None else part.size
        out += part.before
        here = len(out)
        name = part.name if part.local_name is None else part.local_name
        out += struct.pack(
            "<4s5H3I2H",
            b"PK\x03\x04",
            20,
            part.flags if part.local_flags is None else part.local_flags,
            part.method if part.local_method is None else part.local_method,
            0,
            0,
            crc if part.local_crc is None else part.local_crc,
            packed,
            size if part.local_size is None else part.local_size,
            len(name),
            len(part.local_extra),
        )
        out += name + part.local_extra + raw + part.after
        central += struct.pack(
            "<4s6H3I5H2I",
            b"PK\x01\x02",
            20,
            20,
            part.flags,
            part.method,
            0,
            0,
            crc,
            packed,
            size,
            len(part.name),
            len(part.extra),
            0,
            0,
            0,
            0,
            here if part.offset is None else part.offset,
        )
        central += part.name + part.extra
    out += gap
    start = len(out) if directory_offset is None else directory_offset
    entries = len(parts) if count is None else count
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", disk, disk, entries, entries, len(central), start, len(comment))
    return bytes(out) + central + end + comment + behind


def torch_parts(body: bytes, storages: dict[str, bytes] | None = None, folder: str = "archive") -> list[Part]:
    found = {"0": FLOATS} if storages is None else storages
    return [
        Part(f"{folder}/data.pkl".encode(), pickled(body)),
        Part(f"{folder}/byteorder".encode(), b"little"),
        *(Part(f"{folder}/data/{key}".encode(), data) for key, data in found.items()),
        Part(f"{folder}/version".encode(), b"3\n"),
    ]


def torch_zip(body: bytes, storages: dict[str, bytes] | None = None) -> bytes:
    return zip_file(torch_parts(body, storages))


def script_zip(body: bytes, storages: dict[str, bytes] | None = None, constants: bytes = EMPTY_TUPLE) -> bytes:
    return zip_file([*torch_parts(body, storages), Part(b"archive/constants.pkl", pickled(constants))])


def torch_legacy(
    body: bytes,
    storages: dict[str, tuple[int, bytes]] | None = None,
    *,
    magic: int = MAGIC,
    protocol: int = 1001,
    facts: bytes | None = None,
    keys: bytes | None = None,
    behind: bytes = b"",
) -> bytes:
    found = {"0": (4, FLOATS)} if storages is None else storages
    info = EMPTY_DICT + text("little_endian") + TRUE + SETITEM if facts is None else facts
    names = EMPTY_LIST + MARK + b"".join(map(text, found)) + b"e" if keys is None else keys
    out = b"".join(map(pickled, (whole(magic), whole(protocol), info, body, names)))
    for count, data in found.values():
        out += struct.pack("<q", count) + data
    return out + behind


def safetensors_file(header: Any, body: bytes = b"", *, length: int | None = None, pad: bool = True) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    if pad:
        raw += b" " * (-len(raw) % 8)
    return struct.pack("<Q", len(raw) if length is None else length) + raw + body


def entry(dtype: str = "F32", shape: tuple[int, ...] = (4,), begin: int = 0, end: int = 16) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
