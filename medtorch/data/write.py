"""Write arrays as PNG files: label masks, pictures, a mask laid over a picture.

Requires  REQ-F-DAT-015
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtorch.data.pillow_door import pillow
from medtorch.errors import DataError

Array = NDArray[Any]


def encode_png(array: Array) -> bytes:
    """A PNG of 8-bit grey or RGB, or of 16-bit grey; the pixels read back are the same.

    Shapes    (H, W), (H, W, 1) or (H, W, 3)
    Raises    DataError for any other shape or dtype: nothing is scaled or rounded
    """
    pixels = np.asarray(array)
    pixels = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    grey = pixels.ndim == 2 and pixels.dtype in (np.uint8, np.uint16)
    colour = pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.dtype == np.uint8
    if not (grey or colour) or not pixels.size:
        raise DataError(
            f"encode_png: needs uint8 or uint16 (H, W), or uint8 (H, W, 3), not {array.shape} {array.dtype}"
        )
    stream = io.BytesIO()
    pillow().image.fromarray(np.ascontiguousarray(pixels)).save(stream, "PNG")
    return stream.getvalue()


def write_png(path: str | os.PathLike[str], array: Array) -> None:
    """Write a PNG whole or not at all."""
    content, target = encode_png(array), Path(path)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        temporary.chmod(0o644)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def overlay(
    image: Array, mask: Array, colours: Mapping[int, tuple[int, int, int]], *, opacity: float = 0.4
) -> NDArray[np.uint8]:
    """Tint the pixels of each label and draw its outline in full colour; labels without a colour stay untouched.

    Shapes    image: (H, W, 1) or (H, W, 3) uint8; mask: (H, W)  ->  (H, W, 3) uint8
    Raises    DataError for an image that is not 8-bit, or a mask of another size
    """
    labels = np.asarray(mask)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3) or labels.shape != image.shape[:2]:
        raise DataError(
            f"overlay: needs a uint8 image (H, W, 1 or 3) and a mask (H, W), not {image.shape} {image.dtype} and "
            f"{labels.shape}"
        )
    if not 0.0 <= opacity <= 1.0:
        raise DataError(f"overlay: opacity must be from 0 to 1, not {opacity}")
    picture = np.broadcast_to(image, (*labels.shape, 3)).astype(np.float64)
    for label, colour in colours.items():
        inside = labels == label
        picture[inside] = (1.0 - opacity) * picture[inside] + opacity * np.asarray(colour)
        picture[inside & ~_eroded(inside)] = colour
    return np.rint(picture).astype(np.uint8)


def _eroded(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The region without the pixels that touch its outside or the border of the image."""
    padded = np.pad(region, 1)
    inner: NDArray[np.bool_] = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:] & region
    return inner
