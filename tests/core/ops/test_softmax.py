"""Softmax at the edges. Oracle: the formula in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest

import medtorch
from medtorch.core.ops import softmax

pytestmark = pytest.mark.requirement("REQ-F-OPS-106")


def test_scores_of_any_size_give_probabilities() -> None:
    x = medtorch.tensor([[1e30, -1e30, 1e30], [-math.inf, 0.0, 0.0]])
    assert softmax.softmax(x, 1).tolist() == [[0.5, 0.0, 0.5], [0.0, 0.5, 0.5]]


def test_a_row_of_minus_infinities_is_nan() -> None:
    assert np.isnan(softmax.softmax(medtorch.full((2,), -math.inf), 0).numpy()).all()


def test_the_logarithm_is_exact_where_the_probability_is_zero() -> None:
    assert softmax.log_softmax(medtorch.tensor([0.0, -1000.0]), 0).tolist() == [0.0, -1000.0]


def test_dtype_is_applied_first() -> None:
    found = softmax.softmax(medtorch.tensor([1, 2]), 0, dtype=medtorch.float64)
    assert found.dtype is medtorch.float64
    np.testing.assert_allclose(found.numpy(), np.exp([1, 2]) / np.exp([1, 2]).sum(), rtol=1e-12)


@pytest.mark.parametrize(("shape", "dim"), [((3,), 0), ((2, 3), 1), ((2, 3, 4), 0), ((1, 2, 3, 4), 1)])
def test_an_implied_dim_is_the_one_that_torch_implies_and_is_warned_of(shape: tuple[int, ...], dim: int) -> None:
    x = medtorch.randn(*shape)
    with pytest.warns(UserWarning, match=r"^softmax: an implied dim is deprecated; pass dim$"):
        found = softmax.softmax(x)
    np.testing.assert_array_equal(found.numpy(), softmax.softmax(x, dim).numpy())
