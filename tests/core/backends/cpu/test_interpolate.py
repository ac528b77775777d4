"""Native resizing: bit for bit what the reference backend computes, in any memory order, by any number of threads.

Oracle    the reference backend, which tests/core/ops/test_interpolate.py checks against formulas and PyTorch
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.core.backends.cpu.arrays import numbers, same_bits
from tests.core.backends.cpu.layouts import layouts

pytestmark = pytest.mark.requirement("REQ-F-OPS-105", "REQ-F-OPS-300", "REQ-F-OPS-301")

MODES = [
    ("nearest", False, False),
    ("nearest-exact", False, False),
    ("bilinear", False, False),
    ("bilinear", True, False),
    ("bicubic", False, False),
    ("bicubic", True, False),
    ("bilinear", False, True),
    ("bicubic", False, True),
]
SIZES = [
    ((2, 3, 7, 9), (14, 18)),
    ((1, 5, 8, 8), (3, 5)),
    ((2, 16, 1, 1), (4, 6)),
    ((2, 4, 5, 6), (5, 6)),
    ((1, 20, 6, 40), (11, 300)),
]


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_resizing_and_its_gradient_equal_the_references_bit_for_bit(sets, reference, rng, mode, sizes):
    (shape, size), (name, corners, antialias) = sizes, mode
    x, grad, scales = numbers(rng, *shape), numbers(rng, *shape[:2], *size), (None, None)
    forward = (name, size, scales, corners, antialias)
    back = (shape[2:], name, scales, corners, antialias)
    expected, expected_grad = reference.interpolate(x, *forward), reference.interpolate_input_grad(grad, *back)
    for kernels in sets:
        for laid in layouts(x).values():
            assert same_bits(kernels.interpolate(laid, *forward), expected)
        for laid in layouts(grad).values():
            assert same_bits(kernels.interpolate_input_grad(laid, *back), expected_grad)


@pytest.mark.parametrize(
    ("mode", "shape", "size"),
    [("linear", (2, 3, 9), (21,)), ("trilinear", (1, 4, 5, 6, 7), (10, 9, 8)), ("nearest", (1, 2, 3, 4, 5), (6, 6, 6))],
)
def test_lines_and_volumes_equal_the_references_bit_for_bit(sets, reference, rng, mode, shape, size):
    x = numbers(rng, *shape)
    arguments = (mode, size, (None,) * len(size), False, False)
    for kernels in sets:
        for laid in layouts(x).values():
            assert same_bits(kernels.interpolate(laid, *arguments), reference.interpolate(x, *arguments))


def test_given_scales_are_followed(widest, reference, rng):
    x = numbers(rng, 1, 2, 10, 11)
    arguments = ("bilinear", (15, 16), (1.5, 1.5), False, False)
    assert same_bits(widest.interpolate(x, *arguments), reference.interpolate(x, *arguments))
    assert not same_bits(
        widest.interpolate(x, *arguments), widest.interpolate(x, "bilinear", (15, 16), (None, None), False, False)
    )


def test_nan_stays_where_it_is_read(widest, reference):
    x = np.zeros((1, 1, 5, 5), np.float32)
    x[0, 0, 2, 2] = np.nan
    arguments = ("bilinear", (10, 10), (None, None), False, False)
    np.testing.assert_array_equal(widest.interpolate(x, *arguments), reference.interpolate(x, *arguments))


@pytest.mark.parametrize("relayout", ["contiguous", "channels last"])
def test_memory_order_is_kept_and_threads_change_no_bit(native, widest, rng, relayout):
    x = layouts(numbers(rng, 2, 16, 40, 50))[relayout]
    arguments = ("bilinear", (80, 100), (None, None), False, False)
    native.set_thread_count(1)
    alone = widest.interpolate(x, *arguments)
    assert np.argsort(alone.strides).tolist() == np.argsort(x.strides).tolist()
    for threads in (2, 3, 7):
        native.set_thread_count(threads)
        assert same_bits(alone, widest.interpolate(x, *arguments))


def test_a_single_pixel_grows_into_channels_last_memory(widest):
    y = widest.interpolate(np.ones((2, 8, 1, 1), np.float32), "bilinear", (5, 6), (None, None), False, False)
    assert y.strides == (5 * 6 * 8 * 4, 4, 6 * 8 * 4, 8 * 4)


def test_other_dtypes_and_nothing_are_computed_by_the_reference(widest, reference, rng):
    x = numbers(rng, 1, 2, 5, 6)
    arguments = ("bilinear", (7, 8), (None, None), False, False)
    for other in (
        x.astype(np.float64),
        x.astype(np.float16),
        (x * 50 + 128).astype(np.uint8),
        np.zeros((0, 2, 5, 6), np.float32),
    ):
        assert same_bits(widest.interpolate(other, *arguments), reference.interpolate(other, *arguments))


def test_what_would_leave_memory_is_refused_at_the_border(widest):
    x, one = np.zeros((2, 3), np.float32), np.ones((1, 1), np.float32)
    with pytest.raises(ValueError, match="an index is out of range"):
        widest.set.weighted_sum(x, 1, np.array([[3]], np.int32), one)
    with pytest.raises(ValueError, match="index and weight differ in shape"):
        widest.set.weighted_sum(x, 1, np.zeros((2, 1), np.int32), one)
    with pytest.raises(ValueError, match="no such dim"):
        widest.set.weighted_sum(x, 2, np.zeros((1, 1), np.int32), one)
