"""PNG, JPEG, GIF and TIFF files to pixels, through Pillow's decoders.

Pillow's plugins are called one by one, by the format that the bytes have: `Image.open` would try every format that
Pillow knows and warns about large files instead of refusing them.

Requires  REQ-F-DAT-001, REQ-F-DAT-002, REQ-S-DAT-003, REQ-S-DAT-004
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from medtorch.data.exif import ORIENTATION_TAG, as_stored, stored_orientation, upright
from medtorch.data.image import Array, Image, Orientation, Source
from medtorch.data.pillow_door import DECODING_ERRORS, pillow
from medtorch.data.pixels import Pixels, to_pixels
from medtorch.data.png_chunks import check_chunks, check_pixels_complete
from medtorch.data.read_options import ReadOptions
from medtorch.errors import ConfigError, DataError, UnsupportedError

RasterFormat = Literal["PNG", "JPEG", "GIF", "TIFF"]

_BITS_PER_SAMPLE, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
_UNSIGNED, _WHITE_IS_ZERO = 1, 0
_GREY_TYPE = 0
_DEEP_COLOUR = "16 bits a channel in colour: the decoder would keep only 8 of them"


@dataclass(frozen=True)
class _Stored:
    """What the header says about how a pixel is stored."""

    bits: int
    orientation: int
    inverted: bool = False


def read_raster(content: bytes, kind: RasterFormat, name: str, options: ReadOptions) -> Image:
    """Decode one picture; see `medtorch.data.read`."""
    if pillow().files.LOAD_TRUNCATED_IMAGES:
        raise ConfigError("PIL.ImageFile.LOAD_TRUNCATED_IMAGES is set: truncated images would pass as whole")
    if options.window != "none":
        raise DataError(f"{name}: window means nothing for a {kind} file")
    bits = _checked_png_bits(content, name, options) if kind == "PNG" else 8
    with _decoding(name, kind):
        picture = _open(content, kind)
    options.check_pixels(name, picture.size[1], picture.size[0])
    _choose_frame(picture, name, kind, options)
    with _decoding(name, kind):
        stored = _stored(picture, kind, name, bits)
        picture.load()
    pixels = to_pixels(picture, name, options, stored.bits)
    return _finish(pixels, picture, stored, content, kind, name, options)


def _checked_png_bits(content: bytes, name: str, options: ReadOptions) -> int:
    chunks = check_chunks(content, name)
    options.check_pixels(name, chunks.header.height, chunks.header.width)
    if chunks.header.bits == 16 and chunks.header.colour_type != _GREY_TYPE:
        raise UnsupportedError(f"{name}: PNG with {_DEEP_COLOUR}")
    check_pixels_complete(content, chunks, name)
    return chunks.header.bits


@contextlib.contextmanager
def _decoding(name: str, kind: str) -> Iterator[None]:
    """Answer whatever a decoder says about a malformed file with one error that names the file."""
    try:
        yield
    except (DataError, UnsupportedError):
        raise
    except (*DECODING_ERRORS, pillow().image.DecompressionBombError) as error:
        raise DataError(f"{name}: truncated or corrupt {kind}: {error or type(error).__name__}") from error


def _open(content: bytes, kind: RasterFormat) -> Any:
    stream = io.BytesIO(content)
    match kind:
        case "PNG":
            return pillow().png.PngImageFile(stream)
        case "JPEG":
            return pillow().jpeg.JpegImageFile(stream)
        case "GIF":
            return pillow().gif.GifImageFile(stream)
        case "TIFF":
            return pillow().tiff.TiffImageFile(stream)


def _choose_frame(picture: Any, name: str, kind: str, options: ReadOptions) -> None:
    """Go to the wanted frame, one by one: a GIF grows while its frames are gone through, and no size goes unchecked."""
    if options.frame is None:
        if _has_frame(picture, 1, name, kind):
            raise DataError(f"{name}: holds more than one page or frame: say which one with frame=")
        _has_frame(picture, 0, name, kind)
        return
    for frame in range(options.frame + 1):
        if not _has_frame(picture, frame, name, kind):
            raise DataError(f"{name}: has no page or frame {options.frame}")
        options.check_pixels(name, picture.size[1], picture.size[0])


def _has_frame(picture: Any, frame: int, name: str, kind: str) -> bool:
    """Go to a frame. Only a clean end of the file's frames means that there is none."""
    if kind == "JPEG":
        return frame == 0
    with _decoding(name, kind):
        try:
            picture.seek(frame)
        except EOFError:
            return False
    return True


def _stored(picture: Any, kind: RasterFormat, name: str, bits: int) -> _Stored:
    if kind == "TIFF":
        return _stored_in_tiff(picture, name)
    return _Stored(bits, 1 if kind == "GIF" else stored_orientation(picture.info.get("exif"), name))


def _stored_in_tiff(picture: Any, name: str) -> _Stored:
    bits = int(picture.tag_v2.get(_BITS_PER_SAMPLE, (1,))[0])
    white_is_zero = picture.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    if bits == 16 and picture.mode in ("RGB", "RGBA", "RGBX", "CMYK"):
        raise UnsupportedError(f"{name}: TIFF with {_DEEP_COLOUR}")
    if bits == 32 and picture.mode == "I" and picture.tag_v2.get(_SAMPLE_FORMAT, (_UNSIGNED,))[0] == _UNSIGNED:
        raise UnsupportedError(f"{name}: TIFF with unsigned 32-bit pixels: the decoder would wrap large values")
    if white_is_zero and picture.mode == "F":
        raise UnsupportedError(f"{name}: TIFF with floating-point pixels of which zero is white")
    # Pillow inverts such files up to 8 bits; 16-bit ones it hands over as they are.
    return _Stored(bits, int(picture.tag_v2.get(ORIENTATION_TAG, 1)), white_is_zero and bits == 16)


def _finish(
    pixels: Pixels, picture: Any, stored: _Stored, content: bytes, kind: str, name: str, options: ReadOptions
) -> Image:
    if stored.inverted:
        notes = (*pixels.notes, "white is zero: inverted")
        pixels = replace(pixels, array=np.uint16(65535) - pixels.array, notes=notes)
    remarks = list(pixels.notes)
    if not 1 <= stored.orientation <= 8:
        remarks.append(f"EXIF orientation {stored.orientation} does not exist: taken as 1")
    if "icc_profile" in picture.info:
        remarks.append("embedded colour profile not applied")
    array = np.ascontiguousarray(_orient(pixels.array, kind, stored.orientation, options))
    array.flags.writeable = False
    digest = hashlib.sha256(content).hexdigest()
    source = Source(name, kind, digest, picture.mode, stored.bits, options.frame or 0, tuple(remarks))
    return Image(array, orientation=Orientation(stored.orientation, options.apply_exif), source=source)


def _orient(array: Array, kind: str, orientation: int, options: ReadOptions) -> Array:
    """Turn as the options ask; Pillow has already turned a TIFF."""
    if kind == "TIFF":
        return array if options.apply_exif else as_stored(array, orientation)
    return upright(array, orientation) if options.apply_exif else array
