"""Convolution where it is cut into pieces, laid out otherwise, or asked for its gradients' gradients.

Oracle    a loop over output elements (tests/oracles/windows.py); the definition of an adjoint
"""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import medtorch
from medtorch.core.backends.reference import windows as pieces
from medtorch.core.ops import conv
from medtorch.errors import ArgumentError, ShapeError
from tests.oracles import windows

pytestmark = pytest.mark.requirement("REQ-F-OPS-100", "REQ-F-OPS-101")


@pytest.mark.parametrize("piece", [1, 7, 64, 500, 1 << 19])
def test_the_size_of_the_pieces_does_not_show(
    piece: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces.blocks, "__defaults__", (piece,))
    x, w, b = rng.normal(size=(3, 4, 6, 5)), rng.normal(size=(6, 2, 3, 2)), rng.normal(size=6)
    args = (2, (1, 2), (1, 2), 2)
    leaves = [medtorch.from_numpy(a).requires_grad_() for a in (x, w, b)]
    out = medtorch.conv2d(*leaves, *args)
    np.testing.assert_allclose(out.detach().numpy(), windows.conv(x, w, b, *args), atol=1e-12)
    dy = rng.normal(size=tuple(out.shape))
    dx, dw, db = medtorch.autograd.grad(out, leaves, medtorch.from_numpy(dy))
    for grad, leaf, others in ((dx, x, lambda d: (d, w)), (dw, w, lambda d: (x, d))):
        direction = rng.normal(size=leaf.shape)
        slope = (windows.conv(*others(direction), None, *args) * dy).sum()  # linear in each: the slope is exact
        assert abs((grad.numpy() * direction).sum() - slope) < 1e-10 * max(1.0, abs(slope))
    np.testing.assert_allclose(db.numpy(), dy.sum((0, 2, 3)), atol=1e-12)


def test_channels_last_images_give_the_same_numbers(rng: np.random.Generator) -> None:
    x, w = rng.normal(size=(2, 3, 5, 4)), rng.normal(size=(4, 3, 3, 3))
    inside = medtorch.from_numpy(x).contiguous(memory_format="channels_last")
    assert not inside.is_contiguous()
    found = medtorch.conv2d(inside, medtorch.from_numpy(w), padding=1)
    np.testing.assert_allclose(found.numpy(), windows.conv(x, w, None, 1, 1), atol=1e-12)


def test_transposed_convolution_is_the_adjoint_of_convolution(rng: np.random.Generator) -> None:
    """<conv(x), y> = <x, conv_transpose(y)> for every x and y."""
    x, y = rng.normal(size=(2, 4, 7, 7)), rng.normal(size=(2, 6, 4, 4))
    w = rng.normal(size=(6, 2, 3, 3))
    there = medtorch.conv2d(medtorch.from_numpy(x), medtorch.from_numpy(w), None, 2, 1, 1, 2).numpy()
    back = medtorch.conv_transpose2d(medtorch.from_numpy(y), medtorch.from_numpy(w), None, 2, 1, 0, 2).numpy()
    assert abs((there * y).sum() - (x * back).sum()) < 1e-10


def test_working_memory_stays_far_below_the_unfolded_windows(rng: np.random.Generator) -> None:
    x = medtorch.from_numpy(rng.normal(size=(4, 16, 96, 96)).astype(np.float32))
    w = medtorch.from_numpy(rng.normal(size=(16, 16, 5, 5)).astype(np.float32))
    unfolded = 4 * 16 * 25 * 96 * 96 * 4  # bytes
    tracemalloc.start()
    medtorch.conv2d(x, w, padding=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < unfolded / 4  # input, padded input and output alone are unfolded / 8


def test_no_channel_at_all_gives_the_bias(rng: np.random.Generator) -> None:
    out = medtorch.conv2d(medtorch.zeros(2, 0, 4, 4), medtorch.zeros(3, 0, 2, 2), medtorch.tensor([1.0, 2.0, 3.0]))
    assert out.shape == (2, 3, 3, 3)
    np.testing.assert_array_equal(out.numpy()[0, :, 0, 0], [1, 2, 3])


@pytest.mark.parametrize("stride", [True, 1.0, (1.0, 1.0), (True, 1)])
def test_numbers_that_equal_whole_ones_are_refused_after_those_were_taken(stride):
    x, weight = medtorch.ones(1, 2, 4, 4), medtorch.ones(3, 2, 3, 3)
    assert conv.conv2d(x, weight, stride=1).shape == conv.conv2d(x, weight, stride=(1, 1)).shape == (1, 3, 2, 2)
    with pytest.raises(ArgumentError, match=r"^conv2d: stride must be a whole number or 2 of them"):
        conv.conv2d(x, weight, stride=stride)


def test_a_shape_that_was_refused_is_refused_again_with_all_that_was_given():
    for _ in range(2):
        with pytest.raises(ShapeError, match=r"^conv2d: input has 2 channels, weight expects 4 \(groups=1\)\n  input "):
            conv.conv2d(medtorch.ones(1, 2, 4, 4), medtorch.ones(3, 4, 3, 3))
