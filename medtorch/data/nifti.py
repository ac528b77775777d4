"""NIfTI volumes (.nii, .nii.gz) to an Image, through nibabel: scaled values, spacing, affine.

The header is read and checked first; then exactly as many bytes are unpacked as it asks for.

Source    NIfTI-1.1 and NIfTI-2 headers (nifti1.h, nifti2.h)
Requires  REQ-F-DAT-007, REQ-S-DAT-003, REQ-S-DAT-004
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import math
import zlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtorch.data.image import Image, Orientation, Source
from medtorch.data.read_options import ReadOptions
from medtorch.errors import DataError, MissingDependencyError, UnsupportedError

_GZIP = b"\x1f\x8b"
_NIFTI2_MAGIC = b"n+2\x00"
_HEADER_BYTES = 544
_SLACK = 1 << 16
_METRE, _MILLIMETRE, _MICRON = 1, 2, 3
_MILLIMETRES = {_METRE: 1000.0, _MILLIMETRE: 1.0, _MICRON: 0.001}


@functools.cache
def nibabel() -> ModuleType:
    """Import nibabel, or say which extra brings it."""
    try:
        import nibabel as module  # noqa: PLC0415 (optional: only who reads NIfTI needs it)
    except ImportError as error:
        raise MissingDependencyError("nibabel", extra="imaging") from error
    return module


def read_nifti(content: bytes, name: str, options: ReadOptions, max_bytes: int) -> Image:
    """Read one volume; see `medtorch.data.read`."""
    options.refuse_raster_only(name, "NIfTI")
    if options.window != "none":
        raise DataError(f"{name}: window means nothing for a NIfTI file")
    start = _unpacked(content, _HEADER_BYTES, name)
    kind = _kind(start, name)
    with _decoding(name):
        header = kind.header_class.from_fileobj(io.BytesIO(start), check=False)
        shape = _checked_shape(header, name, options)
    wanted = int(header["vox_offset"]) + math.prod(shape) * header.get_data_dtype().itemsize
    if wanted > max_bytes:
        raise DataError(f"{name}: {wanted} bytes unpacked exceed the limit of {max_bytes} (max_bytes)")
    whole = _unpacked(content, wanted, name, to_the_end=True)
    if len(whole) < wanted:
        raise DataError(f"{name}: truncated NIfTI: {len(whole)} bytes where the header asks for {wanted}")
    return _image(kind, whole, content, name, options)


@contextlib.contextmanager
def _decoding(name: str) -> Iterator[None]:
    """Answer what nibabel says about a malformed file with one error that names the file."""
    module = nibabel()
    try:
        yield
    except (DataError, UnsupportedError):
        raise
    except (
        module.wrapstruct.WrapStructError,
        module.spatialimages.HeaderDataError,
        module.spatialimages.ImageDataError,
        module.filebasedimages.ImageFileError,
        *(ValueError, OSError, KeyError, OverflowError, ArithmeticError),
    ) as error:
        raise DataError(f"{name}: truncated or corrupt NIfTI: {error}") from error


def _kind(start: bytes, name: str) -> Any:
    if start[4:8] == _NIFTI2_MAGIC:
        return nibabel().Nifti2Image
    if start[344:348] == b"n+1\x00":
        return nibabel().Nifti1Image
    raise DataError(f"{name}: a gzip file that holds no NIfTI volume")


def _unpacked(content: bytes, wanted: int, name: str, *, to_the_end: bool = False) -> bytes:
    """The first `wanted` bytes; with `to_the_end` the packed stream must end there: its checksum is compared."""
    if not content.startswith(_GZIP):
        return content[:wanted]
    unpacker = zlib.decompressobj(wbits=31)
    try:
        start = unpacker.decompress(content, wanted)
        if not to_the_end or len(start) < wanted:
            return start
        unpacker.decompress(unpacker.unconsumed_tail, _SLACK)
    except zlib.error as error:
        raise DataError(f"{name}: truncated or corrupt NIfTI: {error}") from error
    if not unpacker.eof:
        raise DataError(f"{name}: corrupt NIfTI: the packed data do not end where the header says")
    return start


def _checked_shape(header: Any, name: str, options: ReadOptions) -> tuple[int, ...]:
    axes = int(header["dim"][0])
    if not 1 <= axes <= 7 or int(header["sizeof_hdr"]) not in (348, 540):
        raise DataError(f"{name}: corrupt NIfTI: {axes} axes")
    shape = tuple(int(length) for length in header["dim"][1 : axes + 1])
    if min(shape) < 1 or not 0 <= int(header["vox_offset"]) < 1 << 24:
        raise DataError(f"{name}: corrupt NIfTI: shape {shape}, data at byte {int(header['vox_offset'])}")
    if any(length > 1 for length in shape[4:]):
        raise UnsupportedError(f"{name}: NIfTI with values of shape {shape[4:]} in each voxel")
    options.check_pixels(name, *(*shape, 1, 1, 1)[: max(3, axes)])
    try:
        header.get_data_dtype()
    except (nibabel().spatialimages.HeaderDataError, KeyError) as error:
        raise DataError(f"{name}: corrupt NIfTI: data type {int(header['datatype'])}") from error
    if header.get_data_dtype().kind not in "uif" or header.get_data_dtype().itemsize > 8:
        raise UnsupportedError(f"{name}: NIfTI with values of type {header.get_data_dtype()}")
    return shape


def _image(kind: Any, whole: bytes, content: bytes, name: str, options: ReadOptions) -> Image:
    with _decoding(name):
        volume = kind.from_bytes(whole)
        values = np.asarray(volume.dataobj)
    stored = _frame(values, name, options)
    steps = [float(step) for step in volume.header["pixdim"][1:4]]
    if not np.isfinite(volume.affine).all() or not all(0.0 < step < math.inf for step in steps):
        raise DataError(f"{name}: corrupt NIfTI: spacing {steps}, affine {volume.affine.tolist()}")
    array, notes = _plain_numbers(stored, name), []
    factor = _MILLIMETRES.get(int(volume.header["xyzt_units"]) & 7)
    if factor is None:
        notes.append("the file does not say the unit of its spacing: spacing left out")
    spacing = None if factor is None else tuple(step * factor for step in steps)
    affine = np.diag([factor or 1.0] * 3 + [1.0]) @ volume.affine
    array.flags.writeable = affine.flags.writeable = False
    stored_type = volume.header.get_data_dtype()
    source = Source(
        name, "NIfTI", hashlib.sha256(content).hexdigest(), str(stored_type), stored_type.itemsize * 8,
        options.frame or 0, tuple(notes),
    )  # fmt: skip
    return Image(array[..., None], spacing, Orientation(), None, affine, source)


def _frame(values: NDArray[Any], name: str, options: ReadOptions) -> NDArray[Any]:
    """One volume of a series; a picture becomes a volume of one slice."""
    while values.ndim < 3:
        values = values[..., None]
    series = values.reshape(*values.shape[:3], -1)
    if options.frame is None and series.shape[3] > 1:
        raise DataError(f"{name}: holds {series.shape[3]} volumes: say which one with frame=")
    frame = options.frame or 0
    if frame >= series.shape[3]:
        raise DataError(f"{name}: has no volume {frame}, only {series.shape[3]}")
    chosen: NDArray[Any] = series[..., frame]
    return chosen


def _plain_numbers(values: NDArray[Any], name: str) -> NDArray[Any]:
    """Native whole numbers of up to 32 bits, or finite float32."""
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise DataError(f"{name}: {int((~np.isfinite(values)).sum())} voxels are not finite numbers")
        return np.ascontiguousarray(values, np.float32)
    if values.dtype.itemsize > 4:
        raise UnsupportedError(f"{name}: NIfTI with values of type {values.dtype}")
    return np.ascontiguousarray(values, values.dtype.newbyteorder("="))
