"""Pillow's pixel modes to arrays with a channel axis: what is expanded, dropped or converted is written down.

Requires  REQ-F-DAT-002
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from medtorch.data.image import Array
from medtorch.data.pillow_door import pillow
from medtorch.data.read_options import ReadOptions
from medtorch.errors import DataError, UnsupportedError


@dataclass(frozen=True)
class Pixels:
    """(H, W, C) numbers, and what was done to get them."""

    array: Array
    notes: tuple[str, ...] = ()


def to_pixels(picture: Any, name: str, options: ReadOptions, bits: int) -> Pixels:
    """Turn a decoded picture of any mode that medical practice meets into an array."""
    mode = picture.mode
    if mode in ("P", "PA") and options.palette == "index":
        return _indices(picture, name)
    if options.palette == "index":
        raise DataError(f"{name}: palette='index' asks for palette numbers, but the file has mode {mode}")
    if mode in ("LA", "La", "RGBA", "RGBa", "PA") or "transparency" in picture.info:
        return _without_alpha(picture, name, options)
    if mode == "P":
        return Pixels(_array(picture.convert("RGB")), ("palette expanded to RGB",))
    if mode in ("L", "RGB"):
        note = (f"{bits}-bit grey stretched to 0..255",) if bits < 8 else ()
        return Pixels(_array(picture), note)
    if mode == "1":
        return Pixels(_array(picture.convert("L")), ("1 bit to 0 and 255",))
    if mode in ("CMYK", "YCbCr", "RGBX"):
        return Pixels(_array(picture.convert("RGB")), (f"{mode} converted to RGB",))
    return _deep_grey(picture, name, bits)


def _array(picture: Any) -> Array:
    array = np.asarray(picture)
    return array[:, :, None] if array.ndim == 2 else array


def _indices(picture: Any, name: str) -> Pixels:
    if picture.mode == "PA":
        raise UnsupportedError(f"{name}: palette='index' of a palette image with an alpha channel")
    return Pixels(_array(picture), ("palette kept as numbers",))


def _deep_grey(picture: Any, name: str, bits: int) -> Pixels:
    if picture.mode in ("I;16", "I;16L", "I;16B", "I;16N"):
        return Pixels(_array(picture).astype(np.uint16), () if bits == 16 else (f"{bits} bits kept in 16",))
    if picture.mode == "I":
        return Pixels(_array(picture).astype(np.int16 if bits == 16 else np.int32))
    if picture.mode == "F":
        array = _array(picture)
        if not np.isfinite(array).all():
            raise DataError(f"{name}: {int((~np.isfinite(array)).sum())} pixels are not finite numbers")
        return Pixels(array)
    raise UnsupportedError(f"{name}: pixels of mode {picture.mode}")


def _without_alpha(picture: Any, name: str, options: ReadOptions) -> Pixels:
    """Apply the caller's policy to an alpha channel, or to a colour that stands for transparency."""
    if picture.mode.startswith("I"):
        raise UnsupportedError(f"{name}: transparency in an image of mode {picture.mode}")
    grey = picture.mode in ("L", "LA", "La", "1")
    layers = _array(picture.convert("LA" if grey else "RGBA"))
    colours, alpha = layers[:, :, :-1], layers[:, :, -1]
    if (alpha == 255).all():
        return Pixels(colours, ("opaque alpha dropped",))
    if options.alpha == "drop":
        return Pixels(colours, ("alpha dropped",))
    if options.alpha == "composite":
        return _composite(layers, options.background)
    clear = int((alpha < 255).sum())
    raise DataError(f"{name}: {clear} pixels are transparent: say alpha='drop' or alpha='composite'")


def _composite(layers: Array, background: tuple[int, ...]) -> Pixels:
    """Lay the picture over one colour, in Pillow's arithmetic; the result is RGB."""
    image = pillow().image
    front = image.fromarray(np.ascontiguousarray(layers)).convert("RGBA")
    ground = image.new("RGBA", front.size, (*background, 255))
    return Pixels(_array(image.alpha_composite(ground, front).convert("RGB")), (f"alpha composited over {background}",))
