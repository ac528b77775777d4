"""Pads by hand: what stands where, and that a gradient returns to where a number came from."""

from __future__ import annotations

import pytest

import medtorch
from medtorch.core.ops.pad import pad

pytestmark = pytest.mark.requirement("REQ-F-OPS-107")


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("constant", [0, 0, 1, 2, 3, 4, 0]),
        ("reflect", [3, 2, 1, 2, 3, 4, 3]),
        ("replicate", [1, 1, 1, 2, 3, 4, 4]),
        ("circular", [3, 4, 1, 2, 3, 4, 1]),
    ],
)
def test_what_stands_around_is_what_the_mode_says(mode: str, expected: list[int]) -> None:
    assert pad(medtorch.tensor([[1.0, 2, 3, 4]]), (2, 1), mode).tolist() == [expected]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("constant", [1, 1, 1, 1]), ("reflect", [1, 2, 3, 1]), ("replicate", [3, 1, 1, 2]), ("circular", [2, 1, 2, 2])],
)
def test_a_number_that_is_shown_twice_gets_two_gradients(mode: str, expected: list[int]) -> None:
    x = medtorch.tensor([[1.0, 2, 3, 4]], requires_grad=True)
    pad(x, (2, 1), mode).sum().backward()
    assert x.grad.tolist() == [expected]


def test_the_first_pair_is_for_the_last_dim() -> None:
    assert pad(medtorch.ones(1, 1, 2, 3, 4), (1, 1, 2, 2, 3, 0)).shape == (1, 1, 5, 7, 6)


def test_negative_pads_cut_away_and_keep_the_dtype() -> None:
    x = medtorch.tensor([[True, False, True, True]])
    assert pad(x, (-1, 1)).tolist() == [[False, True, True, False]]
    assert pad(x, (-1, 1)).dtype is medtorch.bool
