"""Native matrix products: right to float32 rounding, and the same bits whatever computes them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.core.backends.cpu.arrays import numbers, rms_gap, same_bits

pytestmark = pytest.mark.requirement("REQ-F-OPS-110", "REQ-F-OPS-300", "REQ-F-OPS-301")

BOUND = 3e-7  # as for convolution

PAIRS = {
    "small": ((5, 7), (7, 3)),
    "one row": ((1, 300), (300, 40)),
    "one column": ((50, 130), (130, 1)),
    "one term": ((4, 1), (1, 5)),
    "linear": ((197, 256), (256, 300)),
    "stack": ((2, 3, 17, 20), (2, 3, 20, 31)),
    "stack, one right side": ((2, 3, 17, 20), (20, 31)),
    "stretched both ways": ((4, 1, 17, 20), (1, 5, 20, 31)),
    "attention": ((3, 50, 64), (3, 64, 50)),
}


@pytest.fixture(params=PAIRS.values(), ids=PAIRS.keys())
def pair(request, rng):
    return tuple(numbers(rng, *shape) for shape in request.param)


def turned(x: np.ndarray) -> np.ndarray:
    """The same numbers, columns without gaps in memory."""
    return np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2)


def gappy(x: np.ndarray) -> np.ndarray:
    """The same numbers with neither rows nor columns without gaps."""
    wide = np.zeros((*x.shape[:-2], 2 * x.shape[-2], 3 * x.shape[-1]), np.float32)
    wide[..., ::2, ::3] = x
    return wide[..., ::2, ::3]


def test_products_are_right_to_the_rounding_of_float32(widest, pair):
    a, b = pair
    found = widest.matmul(a, b)
    assert found.dtype == np.float32
    assert rms_gap(found, np.matmul(a, b, dtype=np.float64)) < BOUND


def test_every_kernel_set_gives_the_same_bits(sets, pair):
    first, *others = (kernels.matmul(*pair) for kernels in sets)
    assert all(same_bits(first, other) for other in others)


def test_any_order_of_memory_gives_the_same_bits(widest, pair):
    a, b = pair
    plain = widest.matmul(a, b)
    for left in (a, turned(a), gappy(a)):
        for right in (b, turned(b), gappy(b)):
            assert same_bits(plain, widest.matmul(left, right))


@pytest.mark.parametrize(
    "shapes", [((500, 200), (200, 300)), ((6, 100, 64), (6, 64, 100)), ((1, 600), (600, 700))], ids=str
)
def test_any_number_of_threads_gives_the_same_bits(native, widest, rng, shapes):
    a, b = (numbers(rng, *shape) for shape in shapes)
    native.set_thread_count(1)
    alone = widest.matmul(a, b)
    for threads in (2, 3, 7):
        native.set_thread_count(threads)
        assert same_bits(alone, widest.matmul(a, b))


def test_a_row_does_not_depend_on_its_neighbours(widest, rng):
    a, b = numbers(rng, 8, 5, 130), numbers(rng, 130, 70)
    alone = [widest.matmul(a[i : i + 1], b) for i in range(8)]
    for batch in (2, 5, 8):
        together = widest.matmul(a[:batch], b)
        assert all(same_bits(together[i : i + 1], alone[i]) for i in range(batch))


@pytest.mark.parametrize("shapes", [((3, 0), (0, 4)), ((0, 5), (5, 4)), ((3, 5), (5, 0)), ((0, 3, 5), (5, 4))], ids=str)
def test_sums_over_nothing_are_zero(widest, shapes):
    a, b = (np.ones(shape, np.float32) for shape in shapes)
    found = widest.matmul(a, b)
    assert found.shape == np.matmul(a, b).shape
    assert not found.any()


def test_other_dtypes_are_computed_by_the_reference(widest, reference, pair):
    for kind in (np.float64, np.float16, np.int64):
        a, b = (x.astype(kind) for x in pair)
        assert same_bits(widest.matmul(a, b), reference.matmul(a, b))


def test_what_would_leave_memory_is_refused_at_the_border(widest):
    a, b, y = (np.zeros((4, 4), np.float32) for _ in range(3))
    with pytest.raises(ValueError, match="sizes do not fit"):
        widest.set.matmul(a, np.zeros((5, 4), np.float32), y)
    with pytest.raises(ValueError, match="y no gaps"):
        widest.set.matmul(a, b, y.T[::2])
    with pytest.raises(ValueError, match="b needs its rows or its columns without gaps"):
        widest.set.matmul(a, np.zeros((8, 8), np.float32)[::2, ::2], y)


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("inner", [1, 7, 64, 70, 150])
def test_few_rows_give_the_bits_that_they_have_among_many(sets, rng, rows, inner):
    a, weight = numbers(rng, 40, inner), numbers(rng, 37, inner)
    for kernels in sets:
        many = kernels.matmul(a, np.ascontiguousarray(weight.T))
        assert same_bits(kernels.matmul(a[:rows], weight.T), many[:rows])
        stack = np.broadcast_to(weight.T, (3, inner, 37))
        assert same_bits(kernels.matmul(np.stack([a[:rows]] * 3), stack)[2], many[:rows])
