"""Writing PNG files and overlays."""

from __future__ import annotations

import numpy as np
import pytest

from medtorch import data
from medtorch.errors import DataError

pytestmark = pytest.mark.requirement("REQ-F-DAT-015")


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype=np.uint8).reshape(3, 4),
        np.arange(12, dtype=np.uint16).reshape(3, 4, 1) * 5000,
        np.arange(36, dtype=np.uint8).reshape(3, 4, 3),
    ],
)
def test_what_is_written_is_read_back(array, tmp_path):
    path = tmp_path / "mask.png"
    data.write_png(path, array)
    found = data.read(path).array
    assert found.dtype == array.dtype
    assert np.array_equal(found, array if array.ndim == 3 else array[:, :, None])
    assert [entry.name for entry in tmp_path.iterdir()] == ["mask.png"]


@pytest.mark.parametrize(
    "array",
    [np.zeros((3, 4)), np.zeros((3, 4, 2), np.uint8), np.zeros((3, 4, 3), np.uint16), np.zeros((0, 4), np.uint8)],
)
def test_nothing_is_scaled_or_rounded_to_fit(array):
    with pytest.raises(DataError, match=r"^encode_png: needs uint8 or uint16 \(H, W\), or uint8 \(H, W, 3\), not \("):
        data.encode_png(array)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "mask.png"
    data.write_png(path, np.ones((2, 2), np.uint8))

    def fail(self, target):
        raise OSError("disk full")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        data.write_png(path, np.zeros((2, 2), np.uint8))
    monkeypatch.undo()
    assert data.read(path).array.min() == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["mask.png"]


def test_an_overlay_tints_the_region_and_draws_its_outline():
    image, mask = np.full((5, 5, 1), 100, np.uint8), np.zeros((5, 5), np.int64)
    mask[1:4, 1:4] = 1
    found = data.overlay(image, mask, {1: (255, 0, 0)}, opacity=0.5)
    assert found[0, 0].tolist() == [100, 100, 100]
    assert found[1, 1].tolist() == [255, 0, 0]
    assert found[2, 2].tolist() == [178, 50, 50]  # 177.5 rounds to even


def test_labels_without_a_colour_stay_untouched():
    found = data.overlay(np.full((2, 2, 3), 9, np.uint8), np.full((2, 2), 4), {1: (255, 0, 0)})
    assert (found == 9).all()


def test_an_overlay_of_what_does_not_fit_is_refused():
    with pytest.raises(DataError, match=r"^overlay: needs a uint8 image .* not \(2, 2, 3\) uint8 and \(3, 2\)"):
        data.overlay(np.zeros((2, 2, 3), np.uint8), np.zeros((3, 2)), {})
    with pytest.raises(DataError, match="opacity must be from 0 to 1, not 2"):
        data.overlay(np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2)), {}, opacity=2)
