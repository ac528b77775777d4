"""The two containers of a bundle: a folder of plain files, or the same files in one uncompressed zip.

A zip that medtorch wrote says so in its comment, and then every byte of it follows from its files: any other byte is
refused. A zip by another tool may have its own time stamps and permissions; they are no part of the bundle.

Requires  REQ-F-BUN-003, REQ-S-SEC-006
"""

from __future__ import annotations

import os
import stat
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medtorch.errors import FileMissingError, FormatError, SaveError, UnreadableError, UnsafeError
from medtorch.serialize.atomic import find_set_aside
from medtorch.serialize.limits import Limits
from medtorch.serialize.source import Source, read_source
from medtorch.serialize.ziparchive import ZipArchive, open_zip

COMMENT = b"medtorch bundle 1"

_ALIGNMENT = 64
_TOO_LARGE = 0xFFFFFFFF
_ALIGNMENT_FIELD = 0xD935  # an extra field that other tools know as padding for alignment
_DATE = 0x21  # 1980-01-01, the first day that zip knows


@dataclass(frozen=True, eq=False)
class Container:
    """The files of a bundle by name; `read` gives the bytes of one, to be called once each."""

    name: str
    sizes: Mapping[str, int]
    read: Callable[[str], Source]


def open_container(path: Path, limits: Limits) -> Container:
    """List what a bundle's path holds.

    Raises    FileMissingError, UnreadableError, UnsafeError, FormatError, LimitError
    """
    if path.is_dir():
        return _open_folder(path, limits)
    if not path.exists():
        aside = find_set_aside(path)
        hint = f"; an interrupted save left the complete former bundle at {aside[0]}" if aside else ""
        raise FileMissingError(f"{path}: no such bundle{hint}")
    source = read_source(path, limits)
    if source.head(2) != b"PK":
        raise FormatError(f"{path}: neither a folder nor a zip file: no bundle")
    return _open_zip(open_zip(source, limits), limits)


def pack_zip(files: Mapping[str, list[Any]]) -> list[Any]:
    """The pieces of a zip file of `files`, each aligned to 64 bytes and stored as it is."""
    pieces: list[Any] = []
    directory: list[bytes] = []
    position = 0
    for name, parts in files.items():
        size = sum(memoryview(part).nbytes for part in parts)
        crc = 0
        for part in parts:
            crc = zlib.crc32(part, crc)
        header = _local_header(name, crc, size, position)
        directory.append(_central_header(name, crc, size, position))
        pieces += [header, *parts]
        position += len(header) + size
    tail = _end(directory, position)
    if position + len(tail) > _TOO_LARGE:
        raise SaveError(f"the bundle has {position} bytes, a zip file holds 4 GiB: save it as a folder")
    return [*pieces, tail]


def _open_folder(path: Path, limits: Limits) -> Container:
    sizes: dict[str, int] = {}
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                limits.hold("bundle_files", len(sizes) + 1, f"{path}: files of the bundle")
                status = entry.stat(follow_symlinks=False)
                if not stat.S_ISREG(status.st_mode):
                    raise UnsafeError(f"{path}: {entry.name}: not a regular file (a folder, a link or a device)")
                sizes[entry.name] = status.st_size
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be read: {error.strerror or error}") from error
    limits.hold("file_bytes", sum(sizes.values()), f"{path}: bytes of the bundle")

    def read(name: str) -> Source:
        source = read_source(path / name, limits)
        return Source(f"{path}: {name}", source.data)

    return Container(str(path), sizes, read)


def _open_zip(archive: ZipArchive, limits: Limits) -> Container:
    name = archive.source.name
    limits.hold("bundle_files", len(archive.entries), f"{name}: files of the bundle")
    for entry in archive.entries.values():
        if "/" in entry.name:
            raise UnsafeError(f"{name}: {entry.name}: a bundle has no folders inside")
        if entry.packed != entry.size or entry.method:
            raise FormatError(f"{name}: {entry.name}: a bundle's zip is not compressed")
    if archive.comment == COMMENT:
        _check_canonical(archive)
    elif archive.comment:
        raise FormatError(f"{name}: a zip file with a comment that is not that of a bundle: {archive.comment[:40]!r}")

    def read(file: str) -> Source:
        return Source(f"{name}: {file}", archive.read(file))

    return Container(name, {entry.name: entry.size for entry in archive.entries.values()}, read)


def _check_canonical(archive: ZipArchive) -> None:
    """Every byte that is not a file's is the byte that `pack_zip` writes."""
    view = archive.source.view
    directory = []
    position = 0
    for entry in archive.entries.values():
        header = _local_header(entry.name, entry.crc, entry.size, position)
        if entry.header != position or view[position : entry.start] != header:
            raise FormatError(f"{archive.source.name}: {entry.name}: its header is not as medtorch writes it: altered")
        directory.append(_central_header(entry.name, entry.crc, entry.size, position))
        position = entry.start + entry.size
    if view[position:] != _end(directory, position):
        raise FormatError(f"{archive.source.name}: the zip's directory is not as medtorch writes it: altered")


def _local_header(name: str, crc: int, size: int, position: int) -> bytes:
    raw = name.encode()
    padding = -(position + 30 + len(raw) + 6) % _ALIGNMENT
    extra = struct.pack("<HHH", _ALIGNMENT_FIELD, 2 + padding, _ALIGNMENT) + bytes(padding)
    return (
        _pack("<4s5H3I2H", b"PK\x03\x04", 20, 0x800, 0, 0, _DATE, crc, size, size, len(raw), len(extra)) + raw + extra
    )


def _central_header(name: str, crc: int, size: int, position: int) -> bytes:
    raw = name.encode()
    made_by, mode = 3 << 8 | 20, 0o100644 << 16
    fields = (made_by, 20, 0x800, 0, 0, _DATE, crc, size, size, len(raw), 0, 0, 0, 0, mode, position)
    return _pack("<4s6H3I5H2I", b"PK\x01\x02", *fields) + raw


def _end(directory: list[bytes], position: int) -> bytes:
    whole = b"".join(directory)
    count = len(directory)
    return whole + _pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, len(whole), position, len(COMMENT)) + COMMENT


def _pack(form: str, *values: Any) -> bytes:
    try:
        return struct.pack(form, *values)
    except struct.error as error:
        raise SaveError("the bundle is larger than the 4 GiB that a zip file holds: save it as a folder") from error
