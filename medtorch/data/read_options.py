"""What a caller may ask of reading, checked once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from medtorch.errors import ArgumentError, DataError

PICTURE_LIMIT, VOLUME_LIMIT = 1 << 26, 1 << 29


@dataclass(frozen=True)
class ReadOptions:
    """The options of `read`, the same for every format."""

    frame: int | None
    apply_exif: bool
    alpha: Literal["refuse", "drop", "composite"]
    background: tuple[int, ...]
    palette: Literal["expand", "index"]
    window: Literal["file", "none"] | tuple[float, float]
    max_pixels: int | None

    def __post_init__(self) -> None:
        if self.frame is not None and self.frame < 0:
            raise ArgumentError(f"read: frame must be 0 or more, not {self.frame}")
        if self.alpha not in ("refuse", "drop", "composite"):
            raise ArgumentError(f"read: alpha must be 'refuse', 'drop' or 'composite', not {self.alpha!r}")
        if self.palette not in ("expand", "index"):
            raise ArgumentError(f"read: palette must be 'expand' or 'index', not {self.palette!r}")
        if len(self.background) != 3 or not all(0 <= part <= 255 for part in self.background):
            raise ArgumentError(f"read: background must be three numbers from 0 to 255, not {self.background}")
        if isinstance(self.window, str):
            if self.window not in ("file", "none"):
                raise ArgumentError(f"read: window must be 'file', 'none' or (centre, width), not {self.window!r}")
        elif len(self.window) != 2 or not self.window[1] > 0:
            raise ArgumentError(f"read: window must be (centre, width) with a positive width, not {self.window}")
        if self.max_pixels is not None and self.max_pixels < 1:
            raise ArgumentError(f"read: max_pixels must be positive, not {self.max_pixels}")

    def check_pixels(self, name: str, *sizes: int) -> None:
        """Refuse an image by the size that its header claims, before anything is decoded."""
        limit = self.max_pixels or (PICTURE_LIMIT if len(sizes) == 2 else VOLUME_LIMIT)
        total = 1
        for size in sizes:
            total *= size
        shape = " x ".join(str(size) for size in sizes)
        if min(sizes) < 1:
            raise DataError(f"{name}: an image without pixels ({shape})")
        if total > limit:
            raise DataError(f"{name}: {shape} pixels exceed the limit of {limit} (max_pixels)")

    def refuse_raster_only(self, name: str, kind: str) -> None:
        """Refuse options that mean nothing for a medical format, instead of ignoring them."""
        if self.alpha != "refuse" or self.palette != "expand" or not self.apply_exif:
            raise DataError(f"{name}: alpha, palette and apply_exif mean nothing for a {kind} file")
