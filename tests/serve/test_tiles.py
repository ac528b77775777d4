"""Large images through windows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from medtorch.errors import ShapeError
from medtorch.serve.tiles import blend, window_starts, window_weight

pytestmark = pytest.mark.requirement("REQ-F-MOD-905")


@pytest.mark.parametrize(("length", "side", "overlap"), [(10, 4, 0.5), (1000, 256, 0.25), (257, 256, 0.0), (7, 3, 0.9)])
def test_windows_cover_the_image_and_overlap_as_asked(length, side, overlap):
    starts = window_starts(length, side, overlap)
    assert starts[0] == 0
    assert starts[-1] == length - side
    steps = np.diff(starts)
    assert steps.min() > 0
    assert steps.max() <= math.ceil(side * (1 - overlap))


def test_a_small_image_has_one_window():
    assert window_starts(5, 8, 0.5) == [0]


def test_the_weight_is_a_gaussian_of_an_eighth_of_the_side_with_a_floor():
    weight = window_weight((9, 17))
    centre, off = weight[4, 8], weight[5, 8]
    assert off / centre == pytest.approx(math.exp(-0.5 * (1 / (9 / 8)) ** 2), rel=1e-12)
    assert weight.min() == pytest.approx(1e-3 * weight.max(), rel=1e-12)


def test_a_score_of_the_pixel_alone_is_the_same_through_windows(rng):
    image = rng.normal(size=(2, 37, 53)).astype(np.float32)
    seen = blend(lambda part: np.stack([part[0] * 2, part[1] - part[0], part.sum(0)]), image, (16, 24), 0.5)
    expected = np.stack([image[0] * 2, image[1] - image[0], image.sum(0)])
    assert seen.dtype == np.float32
    np.testing.assert_allclose(seen, expected, rtol=0, atol=2e-6)  # float32 rounding of a weighted mean of equal values


def test_scores_that_differ_between_windows_are_weighted_as_a_slow_loop_says(rng):
    image = rng.normal(size=(1, 11, 6)).astype(np.float32)
    side, weight = (6, 6), window_weight((6, 6))
    total, weights = np.zeros((11, 6)), np.zeros((11, 6))
    for start in window_starts(11, 6, 0.5):
        part = image[0, start : start + 6]
        for row in range(6):
            for column in range(6):
                total[start + row, column] += weight[row, column] * (part[row, column] + part.mean())
                weights[start + row, column] += weight[row, column]
    seen = blend(lambda part: part + part.mean(), image, side, 0.5)
    np.testing.assert_allclose(seen[0], total / weights, rtol=1e-5)


def test_a_smaller_image_is_padded_and_cut_back():
    shapes = []

    def score(part):
        shapes.append(part.shape)
        return part

    image = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    np.testing.assert_allclose(blend(score, image, (8, 8), 0.25), image, rtol=1e-6)
    assert shapes == [(1, 8, 8)]


def test_volumes_have_windows_of_three_sides(rng):
    image = rng.normal(size=(1, 9, 7, 8)).astype(np.float32)
    np.testing.assert_allclose(blend(lambda part: part * 3, image, (4, 4, 4), 0.5), image * 3, atol=2e-6)


def test_windows_of_another_number_of_axes_are_refused():
    with pytest.raises(ShapeError, match=r"^sliding_window: windows of \(4, 4\) for an image of \(4, 4, 4\)$"):
        blend(lambda part: part, np.zeros((1, 4, 4, 4), np.float32), (4, 4), 0.5)


def test_scores_on_another_grid_are_refused():
    with pytest.raises(ShapeError, match=r"the model gives scores of \(2, 2\) for a window of \(4, 4\)$"):
        blend(lambda part: part[:, ::2, ::2], np.zeros((1, 6, 6), np.float32), (4, 4), 0.5)
