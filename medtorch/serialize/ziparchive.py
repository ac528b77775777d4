"""Zip archives in memory, read strictly: every byte belongs to one thing, and both directories tell the same story.

Python's zipfile reads through a file object (a second copy of every storage) and forgives what must be refused here:
bytes in front, gaps, overlaps, duplicate names, local headers that contradict the central directory.

Source    PKWARE APPNOTE.TXT 6.3.10, sections 4.3 to 4.5
Requires  REQ-S-SEC-005, REQ-F-SER-001
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass

import numpy as np

from medtorch.errors import FormatError, LimitError, UnsafeError, UnsupportedFileError
from medtorch.serialize.limits import Limits
from medtorch.serialize.source import Bytes, Source

LOCAL_MAGIC = b"PK\x03\x04"

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_EXTRA = struct.Struct("<2H")
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _DESCRIPTOR, _STRONG, _UTF8, _MASKED = 0x1, 0x8, 0x40, 0x800, 0x2000
_KNOWN_FLAGS = _DESCRIPTOR | _UTF8 | 0x6  # 0x6: how hard deflate tried
_ZIP64 = 1
_DRIVE = re.compile(r"[A-Za-z]:(/|$)")


@dataclass(frozen=True)
class Entry:
    """One file of an archive. `start` is where its packed bytes begin."""

    name: str
    header: int
    start: int
    packed: int
    size: int
    crc: int
    method: int


@dataclass(frozen=True, eq=False)
class ZipArchive:
    """A checked archive: its entries by name, in the order of the central directory."""

    source: Source
    entries: dict[str, Entry]
    comment: bytes
    limits: Limits

    def read(self, name: str) -> Bytes:
        """The bytes of an entry, checked against their CRC; a view of the archive where they are stored unpacked.

        Raises    FormatError, LimitError
        """
        entry = self.entries.get(name)
        where = f"{self.source.name}: {name}"
        if entry is None:
            raise FormatError(f"{where}: there is no such entry in the archive")
        packed = self.source.data[entry.start : entry.start + entry.packed]
        data = packed if entry.method == _STORED else _unpack(packed, entry, where)
        if zlib.crc32(data.data) != entry.crc:
            raise FormatError(f"{where}: the CRC does not fit: the entry is damaged")
        return data

    def text(self, name: str) -> bytes:
        """A small entry (a version number, a byte order) as bytes."""
        if name in self.entries and self.entries[name].size > 64:
            raise FormatError(f"{self.source.name}: {name}: longer than 64 bytes")
        return self.read(name).tobytes()


def open_zip(source: Source, limits: Limits) -> ZipArchive:
    """Check the whole directory of an archive; no entry is read yet.

    Raises    FormatError, UnsafeError (names), LimitError, UnsupportedFileError (encryption, packing methods)
    """
    directory, count, comment = _find_directory(source)
    limits.hold("archive_entries", count, f"{source.name}: entries of the archive")
    entries: dict[str, Entry] = {}
    position = directory.start
    for _ in range(count):
        entry, position = _read_central(source, position, directory.stop, limits)
        if entry.name in entries:
            raise FormatError(f"{source.name}: two entries of the archive are called {entry.name!r}")
        entries[entry.name] = entry
    if position != directory.stop:
        raise FormatError(f"{source.name}: the archive's directory has {directory.stop - position} bytes too many")
    _check_cover(source, list(entries.values()), directory.start)
    _check_sizes(source, list(entries.values()), limits)
    return ZipArchive(source, entries, comment, limits)


def _find_directory(source: Source) -> tuple[range, int, bytes]:
    """Where the central directory lies, how many entries it has, the archive's comment."""
    view, name = source.view, source.name
    if source.head(4) != LOCAL_MAGIC and source.head(4) != b"PK\x05\x06":
        raise FormatError(f"{name}: bytes in front of the archive's first entry")
    tail_start = max(0, len(source) - _END.size - _FULL16)
    tail = bytes(view[tail_start:])
    at = tail.rfind(b"PK\x05\x06")
    while at >= 0 and not _is_end(tail, at):
        at = tail.rfind(b"PK\x05\x06", 0, at + 3)
    if at < 0:
        raise FormatError(f"{name}: the archive has no end record: it is truncated, or has bytes behind it")
    _, disk, first_disk, here, total, size, offset, _ = _END.unpack_from(tail, at)
    comment = tail[at + _END.size :]
    end = tail_start + at
    if end >= _LOCATOR.size and bytes(view[end - _LOCATOR.size : end][:4]) == b"PK\x06\x07":
        end, here, total, size, offset, disk, first_disk = _find_directory64(source, end - _LOCATOR.size)
    elif _FULL16 in (here, total) or _FULL32 in (size, offset):
        raise FormatError(f"{name}: the archive's zip64 end record is missing")
    if disk or first_disk or here != total:
        raise UnsupportedFileError(f"{name}: a zip archive in several parts")
    if offset + size != end:
        raise FormatError(f"{name}: the archive's directory is not where its end record says")
    return range(offset, end), total, comment


def _is_end(tail: bytes, at: int) -> bool:
    return at + _END.size <= len(tail) and at + _END.size + _END.unpack_from(tail, at)[7] == len(tail)


def _find_directory64(source: Source, locator: int) -> tuple[int, int, int, int, int, int, int]:
    _, disk, offset, disks = _LOCATOR.unpack_from(source.view, locator)
    if disk or disks > 1:
        raise UnsupportedFileError(f"{source.name}: a zip archive in several parts")
    if offset + _END64.size != locator:
        raise FormatError(f"{source.name}: the archive's zip64 end record is not where its locator says")
    magic, length, _, _, this, first, here, total, size, start = _END64.unpack_from(source.view, offset)
    if magic != b"PK\x06\x06" or length != _END64.size - 12:
        raise FormatError(f"{source.name}: the archive's zip64 end record is damaged")
    return offset, here, total, size, start, this, first


def _read_central(source: Source, position: int, stop: int, limits: Limits) -> tuple[Entry, int]:
    if position + _CENTRAL.size > stop:
        raise FormatError(f"{source.name}: the archive's directory is truncated")
    fields = _CENTRAL.unpack_from(source.view, position)
    magic, _, _, flags, method, _, _, crc, packed, size = fields[:10]
    name_size, extra_size, comment_size, disk, _, _, header = fields[10:]
    names_at = position + _CENTRAL.size
    end = names_at + name_size + extra_size + comment_size
    if magic != b"PK\x01\x02" or end > stop:
        raise FormatError(f"{source.name}: the archive's directory is damaged")
    limits.hold("name_bytes", name_size, f"{source.name}: bytes of an entry's name")
    name = _checked_name(source, bytes(source.view[names_at : names_at + name_size]))
    where = f"{source.name}: {name}"
    extra = bytes(source.view[names_at + name_size : names_at + name_size + extra_size])
    size, packed, header = _zip64(extra, (size, packed, header), where)
    if flags & (_ENCRYPTED | _STRONG | _MASKED):
        raise UnsupportedFileError(f"{where}: the entry is encrypted")
    if flags & ~_KNOWN_FLAGS or disk not in (0, _FULL16):
        raise UnsupportedFileError(f"{where}: an entry with flags 0x{flags:04x} on disk {disk}")
    if method not in (_STORED, _DEFLATED):
        raise UnsupportedFileError(f"{where}: packed with method {method}; only stored and deflated entries are read")
    if method == _STORED and packed != size:
        raise FormatError(f"{where}: a stored entry of {packed} bytes that claims to be {size}")
    start = _check_local(source, name_size, (flags, method, crc, packed, size, header), names_at, where)
    return Entry(name, header, start, packed, size, crc, method), end


def _check_local(
    source: Source, name_size: int, central: tuple[int, int, int, int, int, int], names_at: int, where: str
) -> int:
    """Compare the local header with the central one; where the packed bytes start."""
    flags, method, crc, packed, size, header = central
    if header + _LOCAL.size + name_size > len(source):
        raise FormatError(f"{where}: the entry starts at byte {header}, beyond the file's end")
    magic, _, lflags, lmethod, _, _, lcrc, lpacked, lsize, lname, lextra = _LOCAL.unpack_from(source.view, header)
    at = header + _LOCAL.size
    if magic != LOCAL_MAGIC or lname != name_size:
        raise FormatError(f"{where}: no local header at byte {header}")
    if source.view[at : at + name_size] != source.view[names_at : names_at + name_size]:
        raise FormatError(f"{where}: the local header has another name than the directory")
    start = at + name_size + lextra
    if start + packed > len(source):
        raise FormatError(f"{where}: the entry's {packed} bytes reach beyond the file's end: it is truncated")
    extra = bytes(source.view[at + name_size : start])
    lsize, lpacked, _ = _zip64(extra, (lsize, lpacked, 0), where)
    late = bool(flags & _DESCRIPTOR) and (lcrc, lpacked, lsize) == (0, 0, 0)
    if (lflags, lmethod) != (flags, method) or not (late or (lcrc, lpacked, lsize) == (crc, packed, size)):
        raise FormatError(f"{where}: the local header contradicts the archive's directory")
    return int(start)


def _checked_name(source: Source, raw: bytes) -> str:
    """A relative path in UTF-8 with plain parts, the same on every system."""
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"{source.name}: an entry's name is not UTF-8: {raw[:80]!r}") from error
    parts = name.split("/")
    if not name or "\\" in name or _DRIVE.match(name) or any(part in ("", ".", "..") for part in parts):
        raise UnsafeError(f"{source.name}: an entry's name is no plain relative path: {name[:80]!r}")
    if any(ord(character) < 32 or ord(character) == 127 for character in name):
        raise UnsafeError(f"{source.name}: an entry's name has control characters: {name[:80]!r}")
    return name


def _zip64(extra: bytes, values: tuple[int, int, int], where: str) -> tuple[int, int, int]:
    """Replace each 0xFFFFFFFF by the 64-bit value of the zip64 extra field."""
    found = None
    position = 0
    while position + _EXTRA.size <= len(extra):
        kind, size = _EXTRA.unpack_from(extra, position)
        position += _EXTRA.size
        if position + size > len(extra):
            raise FormatError(f"{where}: an extra field of the entry is truncated")
        if kind == _ZIP64:
            if found is not None:
                raise FormatError(f"{where}: two zip64 fields in one header")
            found = extra[position : position + size]
        position += size
    if position != len(extra):
        raise FormatError(f"{where}: the entry's extra fields are damaged")
    if _FULL32 not in values:
        return values
    if found is None or len(found) < 8 * values.count(_FULL32):
        raise FormatError(f"{where}: the entry's zip64 field is missing or too short")
    large = iter(struct.unpack_from(f"<{len(found) // 8}Q", found))
    size, packed, header = (next(large) if value == _FULL32 else value for value in values)
    return size, packed, header


def _check_cover(source: Source, entries: list[Entry], directory: int) -> None:
    """From byte 0 to the directory, the entries follow each other without overlap and without a gap."""
    position = 0
    for entry in sorted(entries, key=lambda entry: entry.header):
        where = f"{source.name}: {entry.name}"
        if entry.header < position:
            raise FormatError(f"{where}: the entry overlaps the one before it")
        if entry.header > position:
            raise FormatError(f"{where}: {entry.header - position} bytes in front of the entry belong to nothing")
        position = entry.start + entry.packed + _descriptor_size(source, entry)
        if position > directory:
            raise FormatError(f"{where}: the entry overlaps the archive's directory")
    if position != directory:
        gap = directory - position
        raise FormatError(f"{source.name}: {gap} bytes before the archive's directory belong to nothing")


def _descriptor_size(source: Source, entry: Entry) -> int:
    """Bytes of the data descriptor behind an entry: none, or CRC and sizes once more in one of four forms."""
    flags = _LOCAL.unpack_from(source.view, entry.header)[2]
    if not flags & _DESCRIPTOR:
        return 0
    end = entry.start + entry.packed
    for form in ("<4sIQQ", "<4sIII"):
        wanted = struct.pack(form, b"PK\x07\x08", entry.crc, *_fit(form, entry))
        for plain in (wanted, wanted[4:]):
            if bytes(source.view[end : end + len(plain)]) == plain:
                return len(plain)
    if not entry.packed:  # torch leaves the descriptor of an empty storage out
        return 0
    raise FormatError(f"{source.name}: {entry.name}: the data descriptor contradicts the archive's directory")


def _fit(form: str, entry: Entry) -> tuple[int, int]:
    mask = 0xFFFFFFFFFFFFFFFF if form.endswith("Q") else _FULL32
    return entry.packed & mask, entry.size & mask


def _check_sizes(source: Source, entries: list[Entry], limits: Limits) -> None:
    total = 0
    for entry in entries:
        if entry.method == _DEFLATED:
            if entry.size > limits.compression_ratio * entry.packed + 4096:
                raise LimitError(
                    f"{source.name}: {entry.name}: unpacks from {entry.packed} to {entry.size} bytes, more than "
                    f"{limits.compression_ratio} times (Limits.compression_ratio)"
                )
            total += entry.size
    limits.hold("unpacked_bytes", total, f"{source.name}: unpacked bytes of the archive")


def _unpack(packed: Bytes, entry: Entry, where: str) -> Bytes:
    """Inflate into memory of exactly the size that was announced and checked."""
    inflater = zlib.decompressobj(-15)
    try:
        data = inflater.decompress(packed.data, entry.size + 1)
    except zlib.error as error:
        raise FormatError(f"{where}: the packed bytes are damaged: {error}") from error
    if len(data) != entry.size or not inflater.eof or inflater.unused_data or inflater.unconsumed_tail:
        raise FormatError(f"{where}: unpacks to another size than the {entry.size} bytes announced")
    return np.frombuffer(bytearray(data), np.uint8)
