"""EXIF orientation: read the tag from raw EXIF bytes, turn an array as it is meant to be seen, and turn it back.

Source    EXIF 2.32, tag 0x0112; TIFF 6.0, section 2 (image file directory)
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtorch.errors import DataError

ORIENTATION_TAG = 0x0112
_PREFIX = b"Exif\x00\x00"
_SHORT = 3


def stored_orientation(exif: bytes | None, name: str) -> int:
    """Give the value of the orientation tag, 1 where there is none.

    Raises    DataError if the EXIF block is malformed: then nobody knows which way is up
    """
    if not exif:
        return 1
    block = exif.removeprefix(_PREFIX)
    try:
        return _first_directory_value(block)
    except (struct.error, KeyError) as error:
        raise DataError(f"{name}: the EXIF block is malformed, the orientation cannot be known") from error


def _first_directory_value(block: bytes) -> int:
    order = {b"II*\x00": "<", b"MM\x00*": ">"}[block[:4]]
    (start,) = struct.unpack_from(order + "I", block, 4)
    (entries,) = struct.unpack_from(order + "H", block, start)
    for entry in range(entries):
        tag, kind, count, value = struct.unpack_from(order + "HHIH", block, start + 2 + 12 * entry)
        if tag == ORIENTATION_TAG:
            return int(value) if kind == _SHORT and count == 1 else 0
    return 1


def upright(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn stored rows and columns (the first two axes) as they are meant to be seen."""
    match orientation:
        case 2:
            return array[:, ::-1]
        case 3:
            return array[::-1, ::-1]
        case 4:
            return array[::-1]
        case 5:
            return array.swapaxes(0, 1)
        case 6:
            return np.rot90(array, -1)
        case 7:
            return array[::-1, ::-1].swapaxes(0, 1)
        case 8:
            return np.rot90(array, 1)
        case _:
            return array


def as_stored(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Undo `upright`: give the rows and columns in the order in which the file stores them."""
    inverse = {6: 8, 8: 6}.get(orientation, orientation)
    return upright(array, inverse)
