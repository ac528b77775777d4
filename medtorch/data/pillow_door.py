"""The one door to Pillow: nothing else in medtorch imports it.

Requires  REQ-F-DAT-002
"""

from __future__ import annotations

import functools
import struct
import zlib
from dataclasses import dataclass
from types import ModuleType

from medtorch.errors import MissingDependencyError

# What Pillow's decoders raise on malformed files; found by flipping and cutting bytes of files of every format.
# Warnings are among them for a process that turns warnings into errors.
DECODING_ERRORS = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, EOFError,
    NotImplementedError, struct.error, zlib.error, Warning,
)  # fmt: skip


@dataclass(frozen=True)
class Pillow:
    """The modules of Pillow that medtorch uses."""

    image: ModuleType
    files: ModuleType
    gif: ModuleType
    jpeg: ModuleType
    png: ModuleType
    tiff: ModuleType


@functools.cache
def pillow() -> Pillow:
    """Import Pillow, or say which extra brings it."""
    try:
        from PIL import (  # noqa: PLC0415 (optional: only who reads pictures needs it)
            GifImagePlugin,
            Image,
            ImageFile,
            JpegImagePlugin,
            PngImagePlugin,
            TiffImagePlugin,
        )
    except ImportError as error:
        raise MissingDependencyError("pillow", extra="imaging") from error
    return Pillow(Image, ImageFile, GifImagePlugin, JpegImagePlugin, PngImagePlugin, TiffImagePlugin)
