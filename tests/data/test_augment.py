"""Augmentation: image and mask stay together, values are right, everything comes from the generator."""

from __future__ import annotations

import math

import numpy as np
import pytest

from medtorch import data
from medtorch.data.augment import CHANGES
from medtorch.data.warp import warp
from medtorch.errors import ConfigError, DataError

pytestmark = pytest.mark.requirement("REQ-F-DAT-014")

MILD = [{"op": name, **({"size": [5, 4]} if name == "random_crop" else {})} for name in CHANGES]


class Fixed:
    """A generator whose uniform numbers are given, for looking at one outcome."""

    def __init__(self, *numbers):
        self.numbers = list(numbers)

    def random(self, count=None):
        if count is None:
            return self.numbers.pop(0)
        return np.array([self.numbers.pop(0) for _ in range(count)])


def marked(height=7, width=6):
    """An image whose mask says, at every pixel, what the image says there."""
    labels = np.arange(1, height * width + 1).reshape(height, width)
    return np.repeat(labels[:, :, None], 3, axis=2).astype(np.uint8), labels


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("op", ["random_flip", "random_rotate90", "random_crop"])
def test_every_pixel_keeps_its_label(op, seed):
    image, labels = marked()
    steps = [{"op": op, "size": [4, 3]} if op == "random_crop" else {"op": op}]
    changed, changed_labels = data.Augmentation.parse(steps)(image, labels, np.random.default_rng(seed))
    assert np.array_equal(changed[..., 0], changed_labels)


def test_both_mirrors_follow_their_probabilities():
    image, _ = marked()
    flip = CHANGES["random_flip"](horizontal=0.5, vertical=0.25)
    assert np.array_equal(flip(image, None, Fixed(0.49, 0.26))[0], image[:, ::-1])
    assert np.array_equal(flip(image, None, Fixed(0.51, 0.24))[0], image[::-1])


def test_turns_and_places_are_equally_likely():
    rng, image = np.random.default_rng(0), np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
    turns = [CHANGES["random_rotate90"]()(image, None, rng)[0][0, 0, 0] for _ in range(4000)]
    crops = [CHANGES["random_crop"]((3, 3))(image, None, rng)[0][0, 0, 0] for _ in range(4000)]
    for found in (turns, crops):
        counts = np.unique(found, return_counts=True)[1]
        assert len(counts) == 4
        assert np.abs(counts - 1000).max() < 5 * math.sqrt(4000 * 0.25 * 0.75)


# ---------------------------------------------------------------- affine


def test_a_quarter_turn_is_rot90():
    image, labels = marked(6, 6)
    assert np.array_equal(warp(image, math.pi / 2, 1.0, (0, 0), "bilinear", 0), np.rot90(image))
    assert np.array_equal(warp(labels[..., None], math.pi / 2, 1.0, (0, 0), "nearest", 0)[..., 0], np.rot90(labels))


def test_a_shift_moves_down_and_right_and_fills():
    image = np.arange(9.0).reshape(3, 3, 1)
    moved = warp(image, 0.0, 1.0, (1, 1), "bilinear", -1.0)[..., 0]
    assert moved.tolist() == [[-1, -1, -1], [-1, 0, 1], [-1, 3, 4]]


def slow_bilinear(image, row, column, fill):
    top, left = math.floor(row), math.floor(column)
    value = 0.0
    for r, weight_r in ((top, 1 - (row - top)), (top + 1, row - top)):
        for c, weight_c in ((left, 1 - (column - left)), (left + 1, column - left)):
            inside = 0 <= r < image.shape[0] and 0 <= c < image.shape[1]
            value += weight_r * weight_c * (image[r, c] if inside else fill)
    return value


def test_any_warp_follows_its_formula(rng):
    image, angle, zoom, shift = rng.random((6, 9)), 0.3, 1.2, (0.7, -1.1)
    found = warp(image[..., None], angle, zoom, shift, "bilinear", 0.25)[..., 0]
    for row in range(6):
        for column in range(9):
            down, right = (row - 2.5 - shift[0]) / zoom, (column - 4.0 - shift[1]) / zoom
            source = (
                2.5 + math.cos(angle) * down + math.sin(angle) * right,
                4.0 - math.sin(angle) * down + math.cos(angle) * right,
            )
            assert math.isclose(found[row, column], slow_bilinear(image, *source, 0.25), abs_tol=1e-12)


def test_zooming_in_makes_things_larger():
    disc = (np.hypot(*np.mgrid[-20:21, -20:21]) < 8).astype(np.uint8)
    larger = warp(disc[..., None], 0.0, 1.5, (0, 0), "nearest", 0)
    assert abs(larger.sum() / disc.sum() - 1.5**2) < 0.1


@pytest.mark.parametrize("seed", range(10))
def test_image_and_mask_move_together(seed):
    rows, columns = np.mgrid[0:60, 0:50]
    disc = np.hypot(rows - 25, columns - 30) < 12
    affine = CHANGES["random_affine"](degrees=45.0, scale=(0.8, 1.2), shift=0.1)
    image, mask = affine(disc[..., None].astype(np.float32), disc.astype(np.int64), np.random.default_rng(seed))
    disagree = ((image[..., 0] > 0.5) != (mask == 1)).mean()
    assert disagree < 0.01  # only on the rim
    assert set(np.unique(mask)) <= {0, 1}


# ---------------------------------------------------------------- values


def test_brightness_and_contrast_follow_their_formula():
    image = np.array([[[0.2], [0.6]]], np.float32)
    change = CHANGES["random_brightness_contrast"](brightness=0.1, contrast=0.5)
    found = change(image, None, Fixed(0.75, 0.25))[0]  # light +0.5, spread -0.5
    assert np.allclose(found[0, :, 0], [0.4 + 0.75 * -0.2 + 0.05, 0.4 + 0.75 * 0.2 + 0.05], atol=1e-7)


def test_gamma_follows_its_formula():
    image = np.array([[[64], [255], [0]]], np.uint8)
    found = CHANGES["random_gamma"]((0.5, 2.0))(image, None, Fixed(1.0))[0]
    assert found[0, :, 0].tolist() == [round(255 * (64 / 255) ** 2), 255, 0]


def test_noise_has_the_deviation_that_was_drawn():
    image = np.full((200, 200, 1), 0.5, np.float32)
    rng = np.random.default_rng(3)
    share = np.random.default_rng(3).random()
    found = CHANGES["gaussian_noise"](std=0.1)(image, None, rng)[0]
    assert abs(found.std() - 0.1 * share) < 0.01 * 0.1
    assert abs(found.mean() - 0.5) < 0.002


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_dtype_shape_and_range_are_kept(dtype, rng):
    full = 1 if dtype is np.float32 else np.iinfo(dtype).max
    image = (rng.random((9, 9, 3)) * full).astype(dtype)
    steps = [step for step in MILD if step["op"] != "random_crop"]
    for seed in range(10):
        changed, _ = data.Augmentation.parse(steps)(image, None, np.random.default_rng(seed))
        assert changed.dtype == dtype
        assert changed.shape == image.shape
        assert changed.min() >= 0
        assert changed.max() <= full


# ---------------------------------------------------------------- as data


def test_the_same_generator_gives_the_same_change(rng):
    image, labels = marked(9, 9)
    augmentation = data.Augmentation.parse(MILD)
    one, other = (augmentation(image, labels, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one[0], other[0])
    assert np.array_equal(one[1], other[1])
    assert not np.array_equal(one[0], augmentation(image, labels, np.random.default_rng(6))[0])


def test_a_description_survives_the_round_trip():
    augmentation = data.Augmentation.parse(MILD)
    assert data.Augmentation.parse(augmentation.describe()) == augmentation
    assert augmentation.describe()[0] == {"op": "random_flip", "horizontal": 0.5, "vertical": 0.0}


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([{"op": "flip"}], r"^augmentation\[0\]: unknown op 'flip' \(known: random_flip"),
        ([{"op": "random_flip", "p": 1}], r"random_flip has no argument 'p' \(has: horizontal, vertical\)"),
        ([{"op": "random_flip", "vertical": 1.5}], "vertical must be from 0 to 1, not 1.5"),
        ([{"op": "random_affine", "scale": [1.1, 0.9]}], r"scale must be \[low, high\]"),
        ([{"op": "random_affine", "scale": [0, 1]}], "scale must be above 0"),
        ([{"op": "random_crop", "size": [1, 2, 3]}], "random_crop: number of sides must be one of 2, not 3"),
        ([{"op": "random_gamma", "gamma": [0, 1]}], "gamma must be above 0"),
    ],
)
def test_a_wrong_description_is_refused(steps, message):
    with pytest.raises(ConfigError, match=message):
        data.Augmentation.parse(steps)


def test_images_and_masks_that_do_not_fit_are_refused():
    image, labels = marked()
    with pytest.raises(
        DataError, match=r"needs an image \(H, W, C\) and a mask \(H, W\), not \(7, 6, 3\) and \(6, 6\)"
    ):
        data.Augmentation()(image, labels[1:], np.random.default_rng(0))
    with pytest.raises(DataError, match=r"random_crop: an image of \(7, 6\) is smaller than \(8, 4\)"):
        data.Augmentation.parse([{"op": "random_crop", "size": [8, 4]}])(image, None, np.random.default_rng(0))
