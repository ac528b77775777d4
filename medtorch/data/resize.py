"""Resize pixels: Pillow's own arithmetic for 8-bit pictures, one float64 arithmetic for everything else.

Requires  REQ-F-DAT-004
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtorch.data.pillow_door import pillow
from medtorch.data.taps import INTERPOLATIONS, Interpolation, apply_taps, nearest_indices, taps
from medtorch.errors import ArgumentError


def resize(
    array: NDArray[Any], size: tuple[int, ...], interpolation: Interpolation = "bilinear", *, antialias: bool = True
) -> NDArray[Any]:
    """Resize the spatial axes, keeping the dtype; whole numbers are rounded half to even and clipped.

    8-bit pictures with `antialias` go through Pillow, bit for bit what torchvision does with a PIL image. Everything
    else (16 bits, floats, volumes, `antialias=False`) follows torch.nn.functional.interpolate(align_corners=False).

    Shapes    (H, W, C) or (D, H, W, C)  ->  (*size, C)
    Raises    ArgumentError for sizes that do not fit the array, or antialias=False with box or lanczos
    Requires  REQ-F-DAT-004
    """
    _check(array, size, interpolation, antialias)
    if array.shape[:-1] == size:
        return array
    if interpolation == "nearest":
        return _nearest(array, size)
    if array.dtype == np.uint8 and array.ndim == 3 and antialias:
        return _by_pillow(array, size, interpolation)
    return _by_taps(array, size, interpolation, antialias)


def _check(array: NDArray[Any], size: tuple[int, ...], interpolation: str, antialias: bool) -> None:
    if len(size) != array.ndim - 1 or min(size) < 1:
        raise ArgumentError(f"resize: an array of shape {array.shape} (channel last) cannot become {size}")
    if interpolation not in INTERPOLATIONS:
        raise ArgumentError(f"resize: interpolation must be one of {', '.join(INTERPOLATIONS)}, not {interpolation!r}")
    if not antialias and interpolation in ("box", "lanczos"):
        raise ArgumentError(f"resize: {interpolation} is always antialiased")


def _nearest(array: NDArray[Any], size: tuple[int, ...]) -> NDArray[Any]:
    for axis, after in enumerate(size):
        array = array.take(nearest_indices(array.shape[axis], after), axis=axis)
    return array


def _by_taps(array: NDArray[Any], size: tuple[int, ...], interpolation: Interpolation, antialias: bool) -> NDArray[Any]:
    resized: NDArray[Any] = array
    for axis in reversed(range(len(size))):
        if array.shape[axis] != size[axis]:
            resized = apply_taps(resized, axis, taps(array.shape[axis], size[axis], interpolation, antialias))
    if array.dtype.kind in "ui":
        limits = np.iinfo(array.dtype)
        resized = np.clip(np.rint(resized), limits.min, limits.max)
    return resized.astype(array.dtype)


def _by_pillow(array: NDArray[np.uint8], size: tuple[int, ...], interpolation: Interpolation) -> NDArray[Any]:
    """Three channels go as RGB, others one by one: Pillow would weigh a fourth channel as alpha."""
    if array.shape[-1] == 3:
        return _resized(array, size, interpolation)
    planes = [_resized(array[..., channel], size, interpolation) for channel in range(array.shape[-1])]
    return np.stack(planes, axis=-1)


def _resized(plane: NDArray[np.uint8], size: tuple[int, ...], interpolation: Interpolation) -> NDArray[Any]:
    image = pillow().image
    methods = image.Resampling
    method = {
        "box": methods.BOX,
        "bilinear": methods.BILINEAR,
        "bicubic": methods.BICUBIC,
        "lanczos": methods.LANCZOS,
    }[interpolation]
    picture = image.fromarray(np.ascontiguousarray(plane))
    return np.asarray(picture.resize((size[1], size[0]), method))
