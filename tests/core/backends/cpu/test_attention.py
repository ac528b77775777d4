"""Native attention: right to float32 rounding, and the bits of its steps one by one on every set and number of threads.

Oracle    NumPy in float64; the kernels for products and softmax
"""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
import medtorch.nn.functional as F
from tests.core.backends.cpu.arrays import numbers, rms_gap, same_bits

pytestmark = pytest.mark.requirement("REQ-F-OPS-114", "REQ-F-OPS-300", "REQ-F-OPS-301")

SHAPES = {
    "one head": ((197, 64), (197, 64), (197, 64)),
    "heads": ((2, 3, 50, 16), (2, 3, 50, 16), (2, 3, 50, 16)),
    "other lengths": ((3, 7, 20), (3, 130, 20), (3, 130, 33)),
    "many queries": ((2, 1500, 8), (2, 70, 8), (2, 70, 5)),
    "shared keys": ((4, 2, 9, 12), (2, 30, 12), (1, 30, 12)),
    "a single key": ((2, 5, 1), (2, 1, 1), (2, 1, 3)),
}


def truth(query, key, value, mask, is_causal, scale):
    scores = query.astype(np.float64) @ key.astype(np.float64).swapaxes(-2, -1) * scale
    if is_causal:
        mask = np.tril(np.ones(scores.shape[-2:], bool))
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    top = scores.max(-1, keepdims=True)
    powers = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = powers.sum(-1, keepdims=True)
    return powers / np.where(total == 0, 1, total) @ value


def masks(rng, table):
    allowed = rng.random(table) > 0.3
    allowed[0] = False  # a query that may look at nothing
    return {
        "none": (None, False),
        "causal": (None, True),
        "bool": (allowed, False),
        "added": (numbers(rng, *table), False),
    }


@pytest.fixture(params=SHAPES.values(), ids=SHAPES.keys())
def given(request, rng):
    return [numbers(rng, *shape) for shape in request.param]


def test_attention_follows_its_formula_under_every_mask(widest, rng, given):
    query, key, _ = given
    for mask, causal in masks(rng, (query.shape[-2], key.shape[-2])).values():
        found = widest.scaled_dot_product_attention(*given, mask, causal, 0.3)
        # A score's rounding is that of its size, and counts in full in its power.
        assert rms_gap(found, truth(*given, mask, causal, 0.3)) < 1e-6


def test_the_bits_are_those_of_the_steps_one_by_one_whatever_computes_them(native, sets, rng, given):
    query, key, value = given
    for mask, causal in masks(rng, (query.shape[-2], key.shape[-2])).values():
        scores = sets[0].matmul(query * np.float32(0.3), key.swapaxes(-2, -1))
        seen = np.tril(np.ones(scores.shape[-2:], bool)) if causal else mask
        if seen is not None:
            scores = np.where(seen, scores, np.float32(-np.inf)) if seen.dtype == bool else scores + seen
        blind = (scores == -np.inf).all(-1, keepdims=True)
        shares = np.where(
            blind, np.float32(0), sets[0].softmax(np.where(blind, np.float32(0), scores), scores.ndim - 1)
        )
        expected = sets[0].matmul(shares, value)
        for kernels in sets:
            for threads in (1, 3):
                native.set_thread_count(threads)
                found = kernels.scaled_dot_product_attention(query, key, value, mask, causal, 0.3)
                assert same_bits(found, expected), kernels.set.name


def test_a_head_does_not_depend_on_its_neighbours_or_on_how_it_lies(widest, rng):
    query, key, value = (numbers(rng, 2, 40, 3, 16) for _ in range(3))
    laid = [a.swapaxes(1, 2) for a in (query, key, value)]
    found = widest.scaled_dot_product_attention(*laid, None, False, 0.25)
    for n in range(2):
        for head in range(3):
            alone = [np.ascontiguousarray(a[n, head]) for a in laid]
            assert same_bits(widest.scaled_dot_product_attention(*alone, None, False, 0.25), found[n, head])


def test_gradients_are_those_of_the_scores_kept(native, rng):
    arrays = [numbers(rng, 2, 3, 20, 8) for _ in range(3)]
    added = numbers(rng, 20, 20)
    leaves = [medtorch.from_numpy(a).requires_grad_() for a in (*arrays, added)]
    dy = medtorch.from_numpy(numbers(rng, 2, 3, 20, 8))
    found = medtorch.autograd.grad(F.scaled_dot_product_attention(*leaves), leaves, dy)
    query, key, value, mask = leaves
    scores = (query * (1 / np.sqrt(8))).matmul(key.transpose(-2, -1)) + mask
    expected = medtorch.autograd.grad(scores.softmax(-1).matmul(value), leaves, dy)
    for one, other in zip(found, expected, strict=True):
        assert rms_gap(one.numpy(), other.numpy()) < 1e-6


def test_other_dtypes_and_empty_stacks_are_computed_by_the_reference(widest, reference, rng):
    wide = [a.astype(np.float64) for a in (numbers(rng, 5, 4), numbers(rng, 6, 4), numbers(rng, 6, 3))]
    same = widest.scaled_dot_product_attention(*wide, None, False, 0.5)
    np.testing.assert_array_equal(same, reference.scaled_dot_product_attention(*wide, None, False, 0.5))
    empty = [np.zeros(s, np.float32) for s in ((0, 5, 4), (0, 6, 4), (0, 6, 3))]
    assert widest.scaled_dot_product_attention(*empty, None, False, 0.5).shape == (0, 5, 3)
    blind = widest.scaled_dot_product_attention(wide[0], np.zeros((0, 4)), np.zeros((0, 3)), None, False, 0.5)
    np.testing.assert_array_equal(blind, np.zeros((5, 3)))


def test_a_mask_that_does_not_stretch_is_refused_by_name(rng):
    query = medtorch.ones(2, 5, 4)
    with pytest.raises(medtorch.errors.ShapeError, match=r"^scaled_dot_product_attention: attn_mask does not stretch"):
        F.scaled_dot_product_attention(query, query, query, medtorch.ones(3, 5))
