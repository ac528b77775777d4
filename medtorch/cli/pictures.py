"""Pictures for people: outlines over images, and masks as files.

Requires  REQ-F-CLI-003
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtorch.data.write import encode_png, overlay
from medtorch.errors import DataError
from medtorch.serialize.atomic import write_file

Array = NDArray[Any]
Rgb = NDArray[np.uint8]
Colour = tuple[int, int, int]

_TINT = 0.18

# Okabe & Ito 2008: told apart by people with any colour vision.
COLOURS: tuple[Colour, ...] = (
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167),
)  # fmt: skip


def overlaid(image: Array, mask: Array) -> Rgb:
    """The image with each label above 0 outlined and lightly tinted in a colour of its own.

    Shapes    image (H, W, C), mask (H, W)  ->  (H, W, 3)
    """
    labels = range(1, int(mask.max(initial=0)) + 1)
    colours = {label: COLOURS[(label - 1) % len(COLOURS)] for label in labels}
    return overlay(displayed(image), mask, colours, opacity=_TINT)


def displayed(image: Array) -> Rgb:
    """Numbers of any range as 8-bit red, green, blue; 8-bit images stay as they are, others are stretched.

    Raises    DataError for an image that is neither grey nor RGB
    """
    if image.ndim != 3 or image.shape[-1] not in (1, 3):
        raise DataError(f"an image of {image.shape} cannot be shown: it is neither grey nor RGB")
    if image.dtype != np.uint8:
        low, high = float(image.min()), float(image.max())
        image = np.rint((image.astype(np.float64) - low) * 255.0 / (high - low or 1.0)).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image)


def stretched(image: Array, share: float = 0.005) -> Rgb:
    """As `displayed`, with the darkest and brightest `share` of the values made black and white: for looking only."""
    low, high = np.quantile(image, [share, 1 - share])
    return displayed(np.clip(image.astype(np.float64), low, high))


def border(inside: Array) -> NDArray[np.bool_]:
    """Pixels of a mask of which one of the four neighbours is not in it; the image's edge counts as in it."""
    padded = np.pad(inside.astype(bool), 1, mode="edge")
    whole = padded[1:-1, :-2] & padded[1:-1, 2:] & padded[:-2, 1:-1] & padded[2:, 1:-1]
    edge: NDArray[np.bool_] = inside.astype(bool) & ~whole
    return edge


def write_mask(folder: Path, name: str, mask: Array) -> str:
    """Write the places of labels as numbers: grey PNG for a picture, .npy for a volume. Returns the file's name."""
    if mask.ndim == 2:
        write_png(folder / f"{name}.mask.png", mask)
        return f"{name}.mask.png"
    stream = io.BytesIO()
    np.save(stream, mask, allow_pickle=False)
    write_file(folder / f"{name}.mask.npy", [stream.getvalue()], overwrite=True)
    return f"{name}.mask.npy"


def write_png(path: Path, pixels: Array) -> None:
    """Write (H, W) or (H, W, 3) as PNG, atomically. Raises SaveError."""
    write_file(path, [encode_png(pixels)], overwrite=True)
