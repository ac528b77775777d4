"""Reading NIfTI: numbers, units, series, limits, malformed files."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

from medtorch import data
from medtorch.errors import DataError, UnsupportedError

pytestmark = [pytest.mark.requirement("REQ-F-DAT-007"), pytest.mark.needs("package:nibabel")]
hostile = pytest.mark.requirement("REQ-S-DAT-003", "REQ-S-DAT-004")

CODES = {"uint8": 2, "int16": 4, "int32": 8, "float32": 16, "float64": 64, "uint16": 512, "complex64": 32}


def nifti(
    array, *, spacing=(1.0, 2.0, 3.0), unit=2, slope=0.0, inter=0.0, order="<", shape=None, code=None, offset=352.0
):
    """A NIfTI-1 file made from the header's definition (nifti1.h); x runs fastest."""
    shape = array.shape if shape is None else shape
    header = bytearray(352)
    struct.pack_into(order + "i", header, 0, 348)
    struct.pack_into(order + "8h", header, 40, len(shape), *shape, *[1] * (7 - len(shape)))
    code = CODES[str(array.dtype)] if code is None else code
    struct.pack_into(order + "hh", header, 70, code, array.dtype.itemsize * 8)
    struct.pack_into(order + "8f", header, 76, 1.0, *spacing, 1.0, 1.0, 1.0, 1.0)
    struct.pack_into(order + "fff", header, 108, offset, slope, inter)
    header[123] = unit
    struct.pack_into(order + "hh", header, 252, 0, 1)
    for row in range(3):
        affine = [0.0, 0.0, 0.0, 10.0 * row]
        affine[row] = spacing[row]
        struct.pack_into(order + "4f", header, 280 + 16 * row, *affine)
    header[344:348] = b"n+1\x00"
    return bytes(header) + array.astype(array.dtype.newbyteorder(order)).tobytes(order="F")


VOLUME = np.arange(24, dtype=np.int16).reshape(2, 3, 4) - 5


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_volume_keeps_its_numbers_axes_and_spacing(order, pack):
    image = data.read(pack(nifti(VOLUME, order=order)))
    assert image.array.dtype == np.int16
    assert image.array.dtype.isnative
    assert np.array_equal(image.array[..., 0], VOLUME)
    assert image.spacing_mm == (1.0, 2.0, 3.0)
    assert image.source.format == "NIfTI"
    assert image.affine.tolist() == [[1, 0, 0, 0], [0, 2, 0, 10], [0, 0, 3, 20], [0, 0, 0, 1]]


@pytest.mark.parametrize(("unit", "factor"), [(1, 1000.0), (2, 1.0), (3, 0.001)])
def test_spacing_is_turned_into_millimetres(unit, factor):
    image = data.read(nifti(VOLUME, unit=unit))
    assert image.spacing_mm == (1.0 * factor, 2.0 * factor, 3.0 * factor)
    assert image.affine[1, 1] == 2.0 * factor


def test_a_spacing_without_unit_is_not_taken_for_millimetres():
    image = data.read(nifti(VOLUME, unit=0))
    assert image.spacing_mm is None
    assert image.source.conversions == ("the file does not say the unit of its spacing: spacing left out",)


def test_slope_and_intercept_are_applied():
    image = data.read(nifti(VOLUME, slope=0.5, inter=3.0))
    assert image.array.dtype == np.float32
    assert np.array_equal(image.array[..., 0], VOLUME.astype(np.float32) * 0.5 + 3.0)


def test_a_series_needs_a_volume_number():
    series = np.arange(16, dtype=np.uint8).reshape(2, 2, 2, 2)
    with pytest.raises(DataError, match=r"^s\.nii: holds 2 volumes: say which one with frame=$"):
        data.read(nifti(series), name="s.nii")
    assert np.array_equal(data.read(nifti(series), frame=1).array[..., 0], series[..., 1])
    with pytest.raises(DataError, match="has no volume 2, only 2"):
        data.read(nifti(series), frame=2)


def test_complex_values_are_refused():
    with pytest.raises(UnsupportedError, match="NIfTI with values of type complex64"):
        data.read(nifti(np.zeros((2, 2, 2), np.complex64)))


def test_nan_is_refused():
    with pytest.raises(DataError, match="8 voxels are not finite numbers"):
        data.read(nifti(np.full((2, 2, 2), np.nan, np.float32)))


def test_options_of_pictures_are_refused_instead_of_ignored():
    with pytest.raises(DataError, match="alpha, palette and apply_exif mean nothing for a NIfTI file"):
        data.read(nifti(VOLUME), alpha="drop")
    with pytest.raises(DataError, match="window means nothing for a NIfTI file"):
        data.read(nifti(VOLUME), window=(1.0, 2.0))


@hostile
def test_a_header_that_claims_too_much_is_refused_before_anything_is_unpacked():
    with pytest.raises(DataError, match=r"30000 x 30000 x 30000 pixels exceed the limit of 536870912"):
        data.read(gzip.compress(nifti(VOLUME, shape=(30000, 30000, 30000))))


@hostile
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_missing_voxels_are_refused(pack):
    with pytest.raises(DataError, match=r"truncated NIfTI: 400 bytes where the header asks for 4\d\d"):
        data.read(pack(nifti(VOLUME, shape=(2, 3, 9))))


@hostile
def test_a_gzip_bomb_behind_a_small_header_is_refused():
    with pytest.raises(DataError, match="the packed data do not end where the header says"):
        data.read(gzip.compress(nifti(VOLUME) + bytes(1 << 24)))


@hostile
def test_a_broken_gzip_stream_is_refused():
    packed = bytearray(gzip.compress(nifti(VOLUME)))
    packed[-6] ^= 255
    with pytest.raises(DataError, match="truncated or corrupt NIfTI: Error -3"):
        data.read(bytes(packed))


@hostile
def test_a_gzip_of_something_else_is_refused():
    with pytest.raises(DataError, match="a gzip file that holds no NIfTI volume"):
        data.read(gzip.compress(b"hello" * 200))


@hostile
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (nifti(VOLUME, shape=(2, 0, 4)), r"corrupt NIfTI: shape \(2, 0, 4\)"),
        (nifti(VOLUME, code=77), "corrupt NIfTI: data type 77"),
        (nifti(VOLUME, offset=float("nan")), "corrupt NIfTI: cannot convert float NaN to integer"),
        (nifti(VOLUME, offset=-8.0), r"corrupt NIfTI: shape \(2, 3, 4\), data at byte -8"),
        (nifti(VOLUME, shape=(2, 3, 4, 1, 2)), r"values of shape \(2,\) in each voxel"),
    ],
)
def test_a_contradicting_header_is_refused(content, message):
    with pytest.raises((DataError, UnsupportedError), match=message):
        data.read(content)


@hostile
def test_no_damaged_header_ends_in_anything_but_a_volume_or_an_error_of_ours():
    content, rng, refused = nifti(VOLUME), np.random.default_rng(3), 0
    for _ in range(300):
        damaged = bytearray(content)
        for place in rng.integers(0, 352, 3):
            damaged[place] = rng.integers(0, 256)
        try:
            data.read(bytes(damaged), max_pixels=1 << 16)
        except (DataError, UnsupportedError):
            refused += 1
    assert refused > 30
