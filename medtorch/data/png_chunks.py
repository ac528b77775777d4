"""A PNG file checked before decoding: its chunks are whole and have right checksums, no pixel is missing.

Pillow neither compares the checksums of pixel data nor notices that rows are missing: both would pass as an image.

Source    PNG specification (third edition), sections 5.3, 8.1, 9.2 and 11.2.1
Requires  REQ-S-DAT-003
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from medtorch.errors import DataError

_SIGNATURE_BYTES = 8
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_STEP = 1 << 20
# First column, first row, column step, row step of the seven passes of an interlaced image.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


@dataclass(frozen=True)
class PngHeader:
    """What the header chunk says about the image."""

    width: int
    height: int
    bits: int
    colour_type: int
    interlaced: bool

    def raw_bytes(self) -> int:
        """Bytes of all rows, each with its filter byte, before compression."""
        passes = _PASSES if self.interlaced else ((0, 0, 1, 1),)
        return sum(self._pass_bytes(*step) for step in passes)

    def _pass_bytes(self, column: int, row: int, column_step: int, row_step: int) -> int:
        columns = max(0, -(-(self.width - column) // column_step))
        rows = max(0, -(-(self.height - row) // row_step))
        return rows * (1 + -(-columns * _CHANNELS[self.colour_type] * self.bits // 8)) if columns else 0


@dataclass(frozen=True)
class PngChunks:
    """The header, and where the compressed pixels lie: (start, end) of each piece."""

    header: PngHeader
    pixels: tuple[tuple[int, int], ...]


def check_chunks(content: bytes, name: str) -> PngChunks:
    """Walk every chunk to the end mark.

    Raises    DataError if a chunk is cut short or fails its checksum, or the header or the end mark is missing
    """
    position, header = _SIGNATURE_BYTES, None
    pixels: list[tuple[int, int]] = []
    view = memoryview(content)
    while True:
        if position + 12 > len(content):
            raise DataError(f"{name}: truncated PNG: no end mark (IEND) within {len(content)} bytes")
        (length,) = struct.unpack_from(">I", content, position)
        kind = content[position + 4 : position + 8]
        end = position + 8 + length
        if end + 4 > len(content):
            raise DataError(f"{name}: truncated PNG: chunk {kind!r} needs {end + 4} bytes, the file has {len(content)}")
        if zlib.crc32(view[position + 4 : end]) != struct.unpack_from(">I", content, end)[0]:
            raise DataError(f"{name}: corrupt PNG: chunk {kind!r} at byte {position} fails its checksum")
        header = header or _header(kind, content, position, length, name)
        if kind == b"IEND":
            return PngChunks(header, tuple(pixels))
        if kind == b"IDAT":
            pixels.append((position + 8, end))
        position = end + 4


def _header(kind: bytes, content: bytes, position: int, length: int, name: str) -> PngHeader:
    if kind != b"IHDR" or length != 13:
        raise DataError(f"{name}: corrupt PNG: the first chunk is {kind!r}, not the header (IHDR)")
    width, height, bits, colour_type, _, _, interlace = struct.unpack_from(">IIBBBBB", content, position + 8)
    if colour_type not in _CHANNELS or interlace > 1:
        raise DataError(f"{name}: corrupt PNG: colour type {colour_type}, interlace method {interlace}")
    return PngHeader(width, height, bits, colour_type, interlace == 1)


def check_pixels_complete(content: bytes, chunks: PngChunks, name: str) -> None:
    """Count the bytes that the compressed pixels unpack to, in bounded memory."""
    wanted, found = chunks.header.raw_bytes(), 0
    unpacker = zlib.decompressobj()
    try:
        for start, end in chunks.pixels:
            piece = content[start:end]
            while piece and not unpacker.eof and found <= wanted:
                found += len(unpacker.decompress(piece, _STEP))
                piece = unpacker.unconsumed_tail
    except zlib.error as error:
        raise DataError(f"{name}: corrupt PNG: {error}") from error
    if found != wanted:
        raise DataError(f"{name}: corrupt PNG: pixels of {min(found, wanted + 1)} bytes where {wanted} are needed")
