"""Read an image file: what it is, is told from its bytes, never from its name.

Requires  REQ-F-DAT-001, REQ-S-DAT-003, REQ-S-DAT-004
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from medtorch.data.dicom import read_dicom
from medtorch.data.image import Image
from medtorch.data.nifti import read_nifti
from medtorch.data.raster import read_raster
from medtorch.data.read_options import ReadOptions
from medtorch.errors import DataError

Format = Literal["PNG", "JPEG", "GIF", "TIFF", "DICOM", "NIfTI"]

_GZIP = b"\x1f\x8b"
_NIFTI_MAGIC = ((344, b"n+1\x00"), (4, b"n+2\x00\r\n\x1a\n"))
# DICOM first: its preamble may hold a TIFF header, so that one file is both (PS3.10, 7.1).
_MAGIC: tuple[tuple[int, bytes, Format], ...] = (
    (128, b"DICM", "DICOM"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"GIF87a", "GIF"),
    (0, b"GIF89a", "GIF"),
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (0, b"II+\x00", "TIFF"),
    (0, b"MM\x00+", "TIFF"),
)


def read(
    source: str | os.PathLike[str] | bytes,
    *,
    frame: int | None = None,
    apply_exif: bool = True,
    alpha: Literal["refuse", "drop", "composite"] = "refuse",
    background: Sequence[int] = (0, 0, 0),
    palette: Literal["expand", "index"] = "expand",
    window: Literal["file", "none"] | tuple[float, float] = "none",
    max_pixels: int | None = None,
    max_bytes: int = 1 << 29,
    name: str | None = None,
) -> Image:
    """Read PNG, JPEG, TIFF, GIF, DICOM or NIfTI from a path or from bytes.

    A file of several pages or frames is refused unless `frame` says which one is meant. Opaque alpha is dropped; real
    transparency is refused unless `alpha` says "drop" or "composite" (over `background`, red, green, blue). A palette
    is expanded to colours, or with `palette="index"` kept as its numbers (label maps). CMYK files are converted with
    Pillow's formula; embedded colour profiles are recorded and not applied. `max_pixels` is 2^26 for pictures and 2^29
    for volumes unless given. `name` is what errors call the image when it comes as bytes.

    DICOM values are rescaled to the modality's unit (float32; whole numbers where the file has no rescale) and
    MONOCHROME1 is inverted; `window` maps them to 0..1 by the file's own window or by (centre, width). A NIfTI volume
    keeps the file's order of axes.

    Shapes    (H, W, C), or (D, H, W, C) for a volume
    Units     spacing_mm in mm, only from DICOM and NIfTI: dots per inch are not a spacing in the patient
    Raises    DataError naming the file and what is wrong: unreadable, truncated, corrupt, larger than `max_pixels`
              (checked on the header, before anything is decoded) or `max_bytes`; MissingDependencyError
    Requires  REQ-F-DAT-001
    """
    options = ReadOptions(frame, apply_exif, alpha, tuple(background), palette, window, max_pixels)
    if isinstance(source, bytes):
        label, content = name or "<bytes>", source
        if len(content) > max_bytes:
            raise DataError(f"{label}: {len(content)} bytes exceed the limit of {max_bytes} (max_bytes)")
    else:
        label = name or os.fspath(source)
        content = _content(Path(source), label, max_bytes)
    kind = _format(content, label)
    if kind == "DICOM":
        return read_dicom(content, label, options)
    if kind == "NIfTI":
        return read_nifti(content, label, options, max_bytes)
    return read_raster(content, kind, label, options)


def _content(path: Path, label: str, max_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise DataError(f"{label}: cannot be read: {error.strerror or error}") from error
    if len(content) > max_bytes:
        raise DataError(f"{label}: more than {max_bytes} bytes (max_bytes)")
    return content


def _format(content: bytes, label: str) -> Format:
    for offset, magic, kind in _MAGIC:
        if content.startswith(magic, offset):
            return kind
    if content.startswith(_GZIP) or any(content.startswith(magic, offset) for offset, magic in _NIFTI_MAGIC):
        return "NIfTI"
    start = content[:8].hex(" ") or "nothing"
    raise DataError(f"{label}: not a PNG, JPEG, TIFF, GIF, DICOM or NIfTI file (it starts with {start})")
