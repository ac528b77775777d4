"""One DICOM image to an Image, through pydicom: values in the modality's unit, bright is high, spacing in the patient.

Source    DICOM PS3.3 C.7.6.3 (image pixel), C.11.1 (modality LUT), C.11.2.1.2 (window centre and width)
Requires  REQ-F-DAT-008, REQ-S-DAT-003, REQ-S-DAT-004
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtorch.data.image import Image, Orientation, Source
from medtorch.data.read_options import ReadOptions
from medtorch.errors import DataError, MissingDependencyError, UnsupportedError

_GREY = ("MONOCHROME1", "MONOCHROME2")
# What pydicom raises on malformed data sets and pixel data.
_DECODING_ERRORS = (
    OSError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, EOFError, struct.error,
    NotImplementedError,
)  # fmt: skip


@dataclass(frozen=True)
class Pydicom:
    """The modules of pydicom that medtorch uses."""

    base: ModuleType
    pixels: ModuleType
    errors: ModuleType


@functools.cache
def pydicom() -> Pydicom:
    """Import pydicom, or say which extra brings it."""
    try:
        import pydicom as base  # noqa: PLC0415 (optional: only who reads DICOM needs it)
        from pydicom import errors, pixels  # noqa: PLC0415
    except ImportError as error:
        raise MissingDependencyError("pydicom", extra="imaging") from error
    return Pydicom(base, pixels, errors)


def read_dicom(content: bytes, name: str, options: ReadOptions) -> Image:
    """Read one frame; see `medtorch.data.read`."""
    options.refuse_raster_only(name, "DICOM")
    with _decoding(name):
        dataset = pydicom().base.dcmread(io.BytesIO(content))
        facts = _Facts.of(dataset, name)
    options.check_pixels(name, facts.rows, facts.columns)
    frame = _chosen_frame(facts, name, options)
    with _decoding(name):
        stored = _decode(dataset, facts, frame, name)
        values, notes = _values(stored, dataset, facts, name, options)
    values = np.ascontiguousarray(values if values.ndim == 3 else values[..., None])
    values.flags.writeable = False
    digest = hashlib.sha256(content).hexdigest()
    source = Source(name, "DICOM", digest, facts.photometric, facts.bits, options.frame or 0, tuple(notes))
    orientation = Orientation(cosines=facts.cosines)
    return Image(values, facts.spacing_mm, orientation, facts.modality, None, source)


@contextlib.contextmanager
def _decoding(name: str) -> Iterator[None]:
    """Answer what pydicom says about a malformed file with one error that names the file."""
    try:
        yield
    except (DataError, UnsupportedError):
        raise
    except (pydicom().errors.InvalidDicomError, pydicom().errors.BytesLengthException, *_DECODING_ERRORS) as error:
        raise DataError(f"{name}: truncated or corrupt DICOM: {error}") from error


@dataclass(frozen=True)
class _Facts:
    """The attributes of the image that decoding needs, checked to be there."""

    rows: int
    columns: int
    frames: int
    samples: int
    bits: int
    signed: bool
    photometric: str
    syntax: str
    modality: str | None
    spacing_mm: tuple[float, ...] | None
    cosines: tuple[float, ...] | None

    @classmethod
    def of(cls, dataset: Any, name: str) -> _Facts:
        if "PixelData" not in dataset:
            raise DataError(f"{name}: a DICOM file without pixels ({dataset.get('Modality', 'no modality')})")
        for needed in ("Rows", "Columns", "BitsStored", "PixelRepresentation", "PhotometricInterpretation"):
            if dataset.get(needed) is None:
                raise DataError(f"{name}: corrupt DICOM: {needed} is missing")
        spacing, cosines = dataset.get("PixelSpacing"), dataset.get("ImageOrientationPatient")
        return cls(
            rows=int(dataset.Rows),
            columns=int(dataset.Columns),
            frames=int(dataset.get("NumberOfFrames") or 1),
            samples=int(dataset.get("SamplesPerPixel") or 1),
            bits=int(dataset.BitsStored),
            signed=dataset.PixelRepresentation == 1,
            photometric=str(dataset.PhotometricInterpretation),
            syntax=str(dataset.file_meta.TransferSyntaxUID.name),
            modality=str(dataset.Modality) if dataset.get("Modality") else None,
            spacing_mm=tuple(float(step) for step in spacing) if spacing else None,
            cosines=tuple(float(part) for part in cosines) if cosines else None,
        )

    @property
    def stored_range(self) -> tuple[int, int]:
        """The smallest and largest number that the stored bits can hold."""
        half = 1 << (self.bits - 1)
        return (-half, half - 1) if self.signed else (0, 2 * half - 1)


def _chosen_frame(facts: _Facts, name: str, options: ReadOptions) -> int:
    if options.frame is None and facts.frames > 1:
        raise DataError(f"{name}: holds {facts.frames} frames: say which one with frame=")
    if (options.frame or 0) >= facts.frames:
        raise DataError(f"{name}: has no frame {options.frame}, only {facts.frames}")
    return options.frame or 0


def _decode(dataset: Any, facts: _Facts, frame: int, name: str) -> NDArray[Any]:
    try:
        pixels: NDArray[Any] = pydicom().pixels.pixel_array(dataset, index=frame)
        if facts.photometric == "PALETTE COLOR":
            pixels = pydicom().pixels.apply_color_lut(pixels, dataset)
    except (RuntimeError, NotImplementedError) as error:
        raise UnsupportedError(f"{name}: DICOM pixels of {facts.syntax} cannot be decoded here: {error}") from error
    return pixels


def _values(
    stored: NDArray[Any], dataset: Any, facts: _Facts, name: str, options: ReadOptions
) -> tuple[NDArray[Any], list[str]]:
    if facts.photometric not in _GREY:
        if options.window != "none":
            raise DataError(f"{name}: window means nothing for colour pixels ({facts.photometric})")
        return stored, [] if facts.photometric == "RGB" else [f"{facts.photometric} converted to RGB"]
    if "ModalityLUTSequence" in dataset:
        raise UnsupportedError(f"{name}: DICOM with a modality lookup table")
    slope, intercept = float(dataset.get("RescaleSlope") or 1.0), float(dataset.get("RescaleIntercept") or 0.0)
    values, notes, low_high = stored, [], facts.stored_range
    if "RescaleSlope" in dataset:
        values = (stored * np.float64(slope) + intercept).astype(np.float32)
        notes.append(f"rescaled: {slope:g} v {intercept:+g}")
    dark_is_high = facts.photometric == "MONOCHROME1"
    if options.window != "none":
        return _windowed(values, dataset, name, options, notes, inverted=dark_is_high)
    if dark_is_high:
        ends = sum(low_high) * slope + 2 * intercept
        values = (np.float32(ends) - values) if values.dtype.kind == "f" else (sum(low_high) - values.astype(np.int64))
        notes.append("MONOCHROME1 inverted")
    return values.astype(np.float32 if values.dtype.kind == "f" else stored.dtype), notes


def _windowed(
    values: NDArray[Any], dataset: Any, name: str, options: ReadOptions, notes: list[str], *, inverted: bool
) -> tuple[NDArray[np.float32], list[str]]:
    centre, width, function = _window(dataset, name, options)
    shown = _through_window(values.astype(np.float64), centre, width, function)
    notes = [*notes, f"window {centre:g} {width:g} {function} to 0..1"]
    if inverted:
        return (1.0 - shown).astype(np.float32), [*notes, "MONOCHROME1 inverted"]
    return shown.astype(np.float32), notes


def _window(dataset: Any, name: str, options: ReadOptions) -> tuple[float, float, str]:
    if isinstance(options.window, tuple):
        return float(options.window[0]), float(options.window[1]), "LINEAR_EXACT"
    if dataset.get("WindowCenter") is None or dataset.get("WindowWidth") is None:
        raise DataError(f"{name}: window='file', but the file holds no window centre and width")
    function = str(dataset.get("VOILUTFunction") or "LINEAR")
    centre, width = _first(dataset.WindowCenter), _first(dataset.WindowWidth)
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID") or width < 1:
        raise DataError(f"{name}: corrupt DICOM: window {centre:g} {width:g} {function}")
    return centre, width, function


def _first(value: Any) -> float:
    return float(value[0] if isinstance(value, list | tuple) or hasattr(value, "append") else value)


def _through_window(values: NDArray[np.float64], centre: float, width: float, function: str) -> NDArray[np.float64]:
    """Values to 0..1 by the formulas of PS3.3 C.11.2.1.2 and C.11.2.1.3."""
    if function == "SIGMOID":
        return 1.0 / (1.0 + np.exp(-4.0 * (values - centre) / width))
    if function == "LINEAR_EXACT":
        return np.clip((values - centre) / width + 0.5, 0.0, 1.0)
    if width == 1:
        return (values > centre - 0.5).astype(np.float64)
    return np.clip((values - (centre - 0.5)) / (width - 1.0) + 0.5, 0.0, 1.0)
