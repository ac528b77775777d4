"""Reading DICOM: the modality's unit, inversion, windows, spacing, frames."""

from __future__ import annotations

import csv
import io
from importlib.util import find_spec

import numpy as np
import pytest

from medtorch import data
from medtorch.errors import DataError, UnsupportedError

if find_spec("pydicom"):  # else no test of this file is executed
    import pydicom
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

pytestmark = [pytest.mark.requirement("REQ-F-DAT-008"), pytest.mark.needs("package:pydicom")]
hostile = pytest.mark.requirement("REQ-S-DAT-003", "REQ-S-DAT-004")

STORED = np.array([[0, 1, 1000], [2000, 3000, 4095]], np.uint16)


def dicom(pixels=STORED, **attributes):
    """A small uncompressed DICOM file."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    dataset.Rows, dataset.Columns = pixels.shape[-2:] if pixels.ndim < 4 else pixels.shape[1:3]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.Modality = "DX"
    dataset.PixelData = pixels.tobytes()
    for name, value in attributes.items():
        setattr(dataset, name, value)
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def test_values_without_rescale_stay_whole_numbers():
    image = data.read(dicom(PixelSpacing=[0.2, 0.1]))
    assert image.array.dtype == np.uint16
    assert np.array_equal(image.array[..., 0], STORED)
    assert image.spacing_mm == (0.2, 0.1)
    assert image.modality == "DX"
    assert image.source.bits == 12


def test_rescale_gives_the_modalitys_unit():
    image = data.read(dicom(RescaleSlope=2, RescaleIntercept=-1024))
    assert image.array.dtype == np.float32
    assert np.array_equal(image.array[..., 0], STORED.astype(np.float32) * 2 - 1024)
    assert image.source.conversions == ("rescaled: 2 v -1024",)


def test_monochrome1_is_inverted_within_the_stored_bits():
    image = data.read(dicom(PhotometricInterpretation="MONOCHROME1"))
    assert image.array.dtype == np.uint16
    assert np.array_equal(image.array[..., 0], 4095 - STORED)
    assert image.source.conversions == ("MONOCHROME1 inverted",)


def test_rescaled_monochrome1_is_inverted_within_the_rescaled_range():
    image = data.read(dicom(PhotometricInterpretation="MONOCHROME1", RescaleSlope=2, RescaleIntercept=10))
    assert np.array_equal(image.array[..., 0], (4095 - STORED).astype(np.float32) * 2 + 10)


def test_the_files_window_follows_the_standards_formula():
    image = data.read(dicom(WindowCenter=2000, WindowWidth=2001), window="file")
    expected = np.clip((STORED - 1999.5) / 2000 + 0.5, 0, 1)  # PS3.3 C.11.2.1.2
    assert np.abs(image.array[..., 0] - expected).max() < 1e-7
    assert image.source.conversions == ("window 2000 2001 LINEAR to 0..1",)


def test_the_first_of_several_windows_is_taken():
    image = data.read(dicom(WindowCenter=[2000, 40], WindowWidth=[2001, 400]), window="file")
    assert image.source.conversions == ("window 2000 2001 LINEAR to 0..1",)


def test_a_sigmoid_window_follows_the_standards_formula():
    content = dicom(WindowCenter=2000, WindowWidth=1000, VOILUTFunction="SIGMOID")
    expected = 1 / (1 + np.exp(-4 * (STORED.astype(float) - 2000) / 1000))
    assert np.abs(data.read(content, window="file").array[..., 0] - expected).max() < 1e-7


def test_a_given_window_maps_its_ends_to_0_and_1():
    image = data.read(dicom(), window=(2000.0, 2000.0))
    assert image.array[..., 0].tolist() == [[0.0, 0.0, 0.0], [0.5, 1.0, 1.0]]


def test_a_window_on_monochrome1_shows_high_values_dark():
    image = data.read(dicom(PhotometricInterpretation="MONOCHROME1"), window=(2000.0, 2000.0))
    assert image.array[..., 0].tolist() == [[1.0, 1.0, 1.0], [0.5, 0.0, 0.0]]


def test_a_missing_window_is_refused():
    with pytest.raises(DataError, match=r"^w\.dcm: window='file', but the file holds no window centre and width$"):
        data.read(dicom(), window="file", name="w.dcm")


def test_several_frames_need_a_frame_number():
    content = dicom(np.stack([STORED, STORED + 1]) % 4096, NumberOfFrames=2)
    with pytest.raises(DataError, match=r"holds 2 frames: say which one with frame=$"):
        data.read(content)
    assert np.array_equal(data.read(content, frame=1).array[..., 0], (STORED + 1) % 4096)
    with pytest.raises(DataError, match="has no frame 2, only 2"):
        data.read(content, frame=2)


def test_a_tiff_header_in_the_preamble_does_not_make_it_a_tiff():
    content = b"II*\x00" + dicom()[4:]
    assert data.read(content).source.format == "DICOM"


def test_a_modality_lookup_table_is_refused():
    table = Dataset()
    table.LUTDescriptor, table.ModalityLUTType, table.LUTData = [2, 0, 16], "US", b"\x00\x00\x01\x00"
    with pytest.raises(UnsupportedError, match="DICOM with a modality lookup table"):
        data.read(dicom(ModalityLUTSequence=[table]))


def test_options_of_pictures_are_refused_instead_of_ignored():
    with pytest.raises(DataError, match="alpha, palette and apply_exif mean nothing for a DICOM file"):
        data.read(dicom(), palette="index")


@hostile
def test_a_bomb_is_refused_by_its_header():
    with pytest.raises(DataError, match=r"60000 x 60000 pixels exceed the limit of 67108864"):
        data.read(dicom(Rows=60000, Columns=60000))


@hostile
def test_missing_pixels_are_refused():
    with pytest.raises(DataError, match="truncated or corrupt DICOM: "):
        data.read(dicom(Rows=20))
    with pytest.raises(DataError, match=r"corrupt DICOM: BitsStored is missing$"):
        data.read(dicom(BitsStored=None))


@hostile
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_no_damaged_file_ends_in_anything_but_an_image_or_an_error_of_ours():
    content, rng, refused = dicom(RescaleSlope=2, RescaleIntercept=1), np.random.default_rng(4), 0
    for _ in range(300):
        damaged = bytearray(content)
        for place in rng.integers(132, len(content), 4):
            damaged[place] = rng.integers(0, 256)
        try:
            data.read(bytes(damaged[: rng.integers(132, len(content) + 200)]), max_pixels=1 << 16)
        except (DataError, UnsupportedError):
            refused += 1
    assert refused > 30


def test_real_files_are_read_as_pydicom_reads_them(shared_data):
    """The table beside the files tells shape, type and range by pydicom 3.0.2; refusals must say why."""
    with (shared_data / "dicom" / "index.csv").open() as file:
        rows = list(csv.DictReader(file))
    read, refused = 0, []
    for row in rows:
        path = shared_data / "dicom" / f"{row['file']}.dcm"
        try:
            image = data.read(path, frame=None if row["frames"] in ("1", "") else 0)
        except (DataError, UnsupportedError) as error:
            refused.append(str(error))
            continue
        stored = pydicom.dcmread(path)
        assert image.size == (stored.Rows, stored.Columns)
        if image.source.mode == "MONOCHROME2":
            expected = pydicom.pixels.pixel_array(stored, index=0).astype(np.float64)
            if "RescaleSlope" in stored:
                expected = expected * float(stored.RescaleSlope) + float(stored.RescaleIntercept)
            assert np.allclose(image.array[..., 0], expected, rtol=6e-8, atol=1e-9)  # rounded to float32
        read += 1
    assert read >= 18
    assert all(message.startswith(str(shared_data)) for message in refused)
