"""Shuffles and folds undo each other."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch.core.ops.shuffle import channel_shuffle, pixel_shuffle, pixel_unshuffle
from medtorch.core.ops.unfold import fold, unfold

pytestmark = pytest.mark.requirement("REQ-F-OPS-113")


def test_pixel_unshuffle_undoes_pixel_shuffle(rng: np.random.Generator) -> None:
    x = medtorch.from_numpy(rng.normal(size=(2, 18, 3, 4)))
    np.testing.assert_array_equal(pixel_unshuffle(pixel_shuffle(x, 3), 3).numpy(), x.numpy())
    assert pixel_shuffle(x, 3).shape == (2, 2, 9, 12)


def test_channels_are_dealt_out_in_turn() -> None:
    x = medtorch.arange(6).reshape(1, 6, 1)
    assert channel_shuffle(x, 2).flatten().tolist() == [0, 3, 1, 4, 2, 5]


def test_folding_counts_every_pixel_as_often_as_it_was_seen(rng: np.random.Generator) -> None:
    x = medtorch.from_numpy(rng.normal(size=(1, 2, 5, 6)))
    seen = fold(unfold(medtorch.ones(1, 2, 5, 6, dtype=medtorch.float64), 3, 1, 1), (5, 6), 3, 1, 1)
    np.testing.assert_allclose(fold(unfold(x, 3, 1, 1), (5, 6), 3, 1, 1).numpy(), (x * seen).numpy(), rtol=1e-12)
    assert seen.numpy()[0, 0, 0, 0] == 4  # a corner lies in four windows of 3 x 3 around pixels
    assert seen.numpy()[0, 0, 2, 2] == 9
