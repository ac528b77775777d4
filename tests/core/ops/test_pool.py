"""What pools do with NaN, ties and infinities. Oracle: the rules of torch.nn.functional.max_pool2d, by hand."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch.core.ops import pool

pytestmark = pytest.mark.requirement("REQ-F-OPS-102", "REQ-F-OPS-103")
NAN = float("nan")


def test_a_window_with_nan_is_nan_and_names_its_last_nan() -> None:
    x = medtorch.tensor([[[1.0, NAN, 2.0, 5.0, NAN, NAN]]])
    values, places = pool.max_pool1d(x, 3, return_indices=True)
    assert np.isnan(values.numpy()).all()
    assert places.tolist() == [[[1, 5]]]


def test_of_equals_the_first_is_chosen_and_alone_gets_the_gradient() -> None:
    x = medtorch.ones(1, 1, 2, 2, requires_grad=True)
    assert pool.max_pool2d(x, 2, return_indices=True)[1].item() == 0
    pool.max_pool2d(x, 2).sum().backward()
    assert x.grad.tolist() == [[[[1.0, 0.0], [0.0, 0.0]]]]


def test_a_window_of_minus_infinities_names_its_first_place() -> None:
    x = medtorch.full((1, 1, 4), -float("inf"))
    values, places = pool.max_pool1d(x, 2, 2, 1, return_indices=True)
    assert values.tolist() == [[[-float("inf")] * 3]]
    assert places.tolist() == [[[0, 1, 3]]]


def test_a_place_seen_by_several_windows_gets_all_their_gradients() -> None:
    x = medtorch.tensor([[[0.0, 9.0, 0.0, 0.0]]], requires_grad=True)
    pool.max_pool1d(x, 3, 1).backward(medtorch.tensor([[[2.0, 3.0]]]))
    assert x.grad.tolist() == [[[0.0, 5.0, 0.0, 0.0]]]


def test_infinity_outside_of_a_window_does_not_reach_its_mean() -> None:
    x = medtorch.tensor([[[float("inf"), 1.0, 3.0, 5.0]]])
    assert pool.avg_pool1d(x, 2, 1, 1).tolist() == [[[float("inf"), float("inf"), 2.0, 4.0, 2.5]]]
    assert pool.adaptive_avg_pool1d(x, 3).tolist() == [[[float("inf"), 2.0, 4.0]]]


def test_means_of_whole_numbers_are_cut_towards_zero() -> None:
    x = medtorch.tensor([[[[1, 2], [3, -9]]]])
    assert pool.avg_pool2d(x, 2).item() == 0  # -3 / 4
    assert pool.avg_pool2d(x, 2, divisor_override=2).item() == -1  # -3 / 2


def test_unpooling_undoes_pooling_where_the_maxima_were(rng: np.random.Generator) -> None:
    x = medtorch.from_numpy(rng.normal(size=(2, 3, 5, 7)))
    values, places = pool.max_pool2d(x, 2, return_indices=True)
    back = pool.max_unpool2d(values, places, 2, output_size=(2, 3, 5, 7))
    assert back.shape == x.shape
    kept = back.numpy() != 0
    assert kept.sum() == values.numel()
    np.testing.assert_array_equal(back.numpy()[kept], x.numpy()[kept])


def test_half_precision_means_are_added_in_float32() -> None:
    x = medtorch.ones(1, 1, 4096, dtype=medtorch.float16)  # 1 + 2048 is 2048 in float16
    assert pool.avg_pool1d(x, 4096).item() == 1.0
