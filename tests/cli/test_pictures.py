"""Outlines, displayed images, contact sheets."""

from __future__ import annotations

import numpy as np
import pytest

from medtorch.cli.demo.nuclei import BOTH, FOUND, TRUTH, comparison
from medtorch.cli.pictures import COLOURS, border, displayed, overlaid, stretched, write_mask
from medtorch.cli.sheet import Tile, fitted, sheet
from medtorch.data import read
from medtorch.errors import DataError

pytestmark = pytest.mark.requirement("REQ-F-CLI-003")


def test_the_border_is_the_pixels_with_a_neighbour_outside():
    inside = np.zeros((6, 7), bool)
    inside[1:5, 2:6] = True
    expected = inside.copy()
    expected[2:4, 3:5] = False
    np.testing.assert_array_equal(border(inside), expected)


def test_the_edge_of_the_image_is_no_border():
    assert not border(np.ones((4, 4), bool)).any()


def test_images_of_8_bit_are_shown_as_they_are_and_others_stretched():
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    np.testing.assert_array_equal(displayed(grey), np.repeat(grey, 3, axis=-1))
    wide = np.array([[[100], [300]], [[200], [500]]], np.uint16)
    np.testing.assert_array_equal(displayed(wide)[..., 0], [[0, 128], [64, 255]])
    np.testing.assert_array_equal(displayed(np.full((2, 2, 1), 7.0)), 0)
    with pytest.raises(DataError, match=r"^an image of \(2, 2, 4\) cannot be shown"):
        displayed(np.zeros((2, 2, 4), np.uint8))


def test_each_label_has_its_own_colour_and_background_none():
    mask = np.zeros((9, 9), np.uint8)
    mask[1:4, 1:4], mask[5:8, 5:8] = 1, 2
    drawn = overlaid(np.zeros((9, 9, 1), np.uint8), mask)
    assert tuple(drawn[1, 1]) == COLOURS[0]
    assert tuple(drawn[5, 5]) == COLOURS[1]
    assert tuple(drawn[0, 0]) == (0, 0, 0)


def test_truth_and_prediction_are_told_apart():
    truth, found = np.zeros((2, 8, 12), np.uint8)
    truth[2:6, 1:5], found[2:6, 1:6] = 1, 1
    drawn = comparison(np.zeros((8, 12, 3), np.uint8), truth, found)
    assert tuple(drawn[3, 4]) == TRUTH
    assert tuple(drawn[3, 5]) == FOUND
    assert tuple(drawn[3, 1]) == BOTH
    assert tuple(drawn[0, 0]) == (0, 0, 0)


def test_contrast_is_stretched_between_quantiles():
    image = np.arange(1000, dtype=np.uint16).reshape(25, 40, 1)
    seen = stretched(image, 0.1)[..., 0]
    low, high = np.quantile(np.arange(1000), [0.1, 0.9])
    expected = np.rint((np.clip(np.arange(1000), low, high) - low) * 255 / (high - low)).reshape(25, 40)
    np.testing.assert_array_equal(seen, expected)


@pytest.mark.parametrize(("labels", "dtype"), [(3, np.uint8), (300, np.uint16)])
def test_masks_are_written_with_the_numbers_of_labels(tmp_path, rng, labels, dtype):
    mask = rng.integers(0, labels, (5, 7)).astype(dtype)
    assert write_mask(tmp_path, "m", mask) == "m.mask.png"
    np.testing.assert_array_equal(read(tmp_path / "m.mask.png").array[..., 0], mask)


def test_masks_of_volumes_are_arrays(tmp_path, rng):
    mask = rng.integers(0, 3, (2, 3, 4)).astype(np.uint8)
    assert write_mask(tmp_path, "v", mask) == "v.mask.npy"
    np.testing.assert_array_equal(np.load(tmp_path / "v.mask.npy"), mask)


def test_pictures_keep_their_proportions():
    assert fitted(np.zeros((100, 50, 3), np.uint8), 40).shape == (40, 20, 3)
    assert fitted(np.zeros((10, 20, 3), np.uint8), 40).shape == (20, 40, 3)


def test_a_sheet_shows_every_picture_and_its_caption():
    colours = [(200, 30, 30), (30, 200, 30), (30, 30, 200)]
    tiles = [Tile(np.full((10, 10, 3), colour, np.uint8), f"tile {place}") for place, colour in enumerate(colours)]
    page = sheet(tiles, title="three", legend=[((1, 2, 3), "ink")], columns=2, side=20)
    for colour in colours:
        assert (page == colour).all(-1).sum() == 20 * 20
    assert (page == (1, 2, 3)).all(-1).sum() == 10 * 18
    blank = sheet([Tile(tile.picture, "") for tile in tiles], title="", legend=[((1, 2, 3), "")], columns=2, side=20)
    assert (page != blank).any()  # letters
