"""Small image files made byte by byte from their specifications, so that expected pixels do not come from a decoder."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    rows: list[bytes], width: int, bits: int, colour_type: int, extra: bytes = b"", height: int | None = None
) -> bytes:
    """A PNG whose rows are given as raw bytes, unfiltered."""
    size = len(rows) if height is None else height
    header = struct.pack(">IIBBBBB", width, size, bits, colour_type, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\x00" + row for row in rows))
    chunks = png_chunk(b"IHDR", header) + extra + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def png_of(array: NDArray[np.generic], extra: bytes = b"") -> bytes:
    """A grey or colour PNG of 8 or 16 bits a channel."""
    channels = 1 if array.ndim == 2 else array.shape[2]
    bits = array.dtype.itemsize * 8
    rows = [row.astype(array.dtype.newbyteorder(">")).tobytes() for row in array]
    return png(rows, array.shape[1], bits, {1: 0, 2: 4, 3: 2, 4: 6}[channels], extra)


def interlaced_png(grey: NDArray[np.uint8]) -> bytes:
    """An 8-bit grey PNG in the seven passes of Adam7."""
    steps = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    raw = b""
    for row, column, row_step, column_step in steps:
        part = grey[row::row_step, column::column_step]
        if part.size:
            raw += b"".join(b"\x00" + line.tobytes() for line in part)
    header = struct.pack(">IIBBBBB", grey.shape[1], grey.shape[0], 8, 0, 0, 0, 1)
    pixels = png_chunk(b"IDAT", zlib.compress(raw)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + pixels


def exif_block(orientation: int, order: str = "<") -> bytes:
    """An EXIF block (TIFF header and one directory) with an orientation."""
    mark = b"II*\x00" if order == "<" else b"MM\x00*"
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    return mark + struct.pack(order + "I", 8) + struct.pack(order + "H", 1) + entry + struct.pack(order + "I", 0)


def tiff(
    pages: list[bytes],
    width: int,
    height: int,
    *,
    bits: tuple[int, ...] = (8,),
    photometric: int = 1,
    sample_format: int = 1,
    orientation: int = 1,
    order: str = "<",
) -> bytes:
    """An uncompressed TIFF; each page is given as its raw bytes."""
    content = (b"II*\x00" if order == "<" else b"MM\x00*") + b"\x00\x00\x00\x00"
    link = 4
    for page in pages:
        pixels_at = len(content)
        content += page + b"\x00" * (len(page) % 2)
        bits_at = len(content)
        content += struct.pack(order + f"{len(bits)}H", *bits) + b"\x00" * (2 * len(bits) % 4)
        entries = [
            (256, 4, 1, width),
            (257, 4, 1, height),
            (258, 3, len(bits), bits[0] if len(bits) == 1 else bits_at),
            (259, 3, 1, 1),
            (262, 3, 1, photometric),
            (273, 4, 1, pixels_at),
            (274, 3, 1, orientation),
            (277, 3, 1, len(bits)),
            (278, 4, 1, height),
            (279, 4, 1, len(page)),
            (282, 5, 1, bits_at),
            (296, 3, 1, 2),
            (339, 3, 1, sample_format),
        ]
        directory_at = len(content)
        content = content[:link] + struct.pack(order + "I", directory_at) + content[link + 4 :]
        content += struct.pack(order + "H", len(entries))
        for tag, kind, count, value in entries:
            if kind == 3 and count == 1:
                content += struct.pack(order + "HHIHH", tag, kind, count, value, 0)
            else:
                content += struct.pack(order + "HHII", tag, kind, count, value)
        link = len(content)
        content += struct.pack(order + "I", 0)
    return content
