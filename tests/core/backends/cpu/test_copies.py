"""Native copies: the numbers of NumPy's own, whatever the order of memory, and channels-last images stay so.

Oracle    NumPy's assignment, concatenate and pad
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.core.backends.cpu.arrays import channels_last, numbers, same_bits
from tests.core.backends.cpu.layouts import layouts

pytestmark = pytest.mark.requirement("REQ-F-OPS-300")

SHAPES = [(5000,), (37, 61), (3, 40, 29), (2, 24, 13, 17), (2, 3, 5, 7, 11)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_layout_is_copied_into_every_other(sets, rng, shape):
    x = numbers(rng, *shape)
    for kernels in sets:
        for name, source in layouts(x).items():
            for target, out in layouts(np.zeros_like(x)).items():
                assert kernels.copy_into(source, out) is out
                assert same_bits(np.asarray(out), x), (kernels.set.name, name, target)


@pytest.mark.parametrize("dtype", [np.bool_, np.int16, np.int64, np.float64])
def test_other_widths_are_copied_too(widest, rng, dtype):
    x = (rng.standard_normal((40, 7, 33)) * 9).astype(dtype)
    out = np.zeros((33, 7, 40), dtype).transpose(2, 1, 0)
    assert widest.set.copy_into(x, out)
    np.testing.assert_array_equal(out, x)


def test_what_does_not_fit_is_left_to_the_caller(widest, rng):
    x = numbers(rng, 8, 9)
    out = np.zeros((9, 8), np.float32)
    assert not widest.set.copy_into(x, out)
    assert not widest.set.copy_into(x, np.zeros((8, 9)))
    locked = np.zeros((8, 9), np.float32)
    locked.flags.writeable = False
    assert not widest.set.copy_into(x, locked)
    assert not out.any()
    assert not locked.any()


def test_an_array_is_copied_onto_memory_that_it_shares(widest, rng):
    x = numbers(rng, 64, 64)
    expected = x.T.copy()
    widest.copy_into(x.T, x)
    assert same_bits(x, expected)


@pytest.mark.parametrize("memory_format", ["contiguous_format", "preserve_format", "channels_last"])
def test_a_copy_has_the_wanted_order_of_memory(sets, reference, rng, memory_format):
    for x in layouts(numbers(rng, 2, 24, 13, 17)).values():
        plain = reference.copy(x, memory_format)
        for kernels in sets:
            found = kernels.copy(x, memory_format)
            assert found.strides == plain.strides
            assert same_bits(found, x)
            assert not np.shares_memory(found, x)


@pytest.mark.parametrize("dim", [0, 1, 3])
def test_parts_are_put_together_in_the_order_of_memory_of_the_largest(sets, rng, dim):
    shapes = [[2, 24, 13, 17], [2, 24, 13, 17], [2, 24, 13, 17]]
    for nr, n in enumerate((1, 5, 2)):
        shapes[nr][dim] = n
    parts = [numbers(rng, *shape) for shape in shapes]
    expected = np.concatenate(parts, dim)
    for kernels in sets:
        assert same_bits(kernels.cat(tuple(parts), dim), expected)
        found = kernels.cat(tuple(channels_last(p) for p in parts), dim)
        assert same_bits(found, expected)
        assert found.strides == channels_last(expected).strides


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("pads", [((1, 2), (3, 0)), ((0, 0), (0, 4)), ((5, 6), (1, 1))])
def test_a_border_of_the_arrays_own_elements_is_put_around(sets, rng, mode, pads):
    x = numbers(rng, 2, 3, 7, 9)
    x[:, :, 0, 0] = -0.0
    border = [(0, 0), (0, 0), *pads]
    expected = np.pad(x, border, mode={"replicate": "edge", "circular": "wrap"}.get(mode, mode))
    for kernels in sets:
        for laid in layouts(x).values():
            assert same_bits(kernels.pad_by_index(laid, mode, pads), expected)
        assert kernels.pad_by_index(channels_last(x), mode, pads).strides == channels_last(expected).strides


def test_what_is_filled_with_one_number_may_have_gaps(sets, rng):
    for kernels in sets:
        for name, out in layouts(numbers(rng, 5, 40, 37)).items():
            aside = out[1:4, 3:, ::2]
            expected = np.array(out)
            expected[1:4, 3:, ::2] = -2.5
            if kernels.set.fill_into(aside, -2.5):
                assert same_bits(np.array(out), expected), name
            else:
                assert name in ("backwards", "a field of records")
        assert not kernels.set.fill_into(np.zeros((3, 4)), 1.0)


@pytest.mark.parametrize("pads", [((1, 2), (3, 0)), ((-2, 4), (0, -3)), ((0, 0), (0, 0))])
def test_a_constant_border_is_put_around(sets, rng, pads):
    x = numbers(rng, 2, 24, 13, 17)
    (top, bottom), (left, right) = pads
    inner = x[:, :, max(-top, 0) : 13 - max(-bottom, 0), max(-left, 0) : 17 - max(-right, 0)]
    border = [(0, 0), (0, 0), *((max(a, 0), max(b, 0)) for a, b in pads)]
    expected = np.pad(inner, border, constant_values=2.5)
    for kernels in sets:
        for laid in layouts(x).values():
            assert same_bits(kernels.pad_constant(laid, pads, 2.5), expected)
        assert kernels.pad_constant(channels_last(x), pads, 2.5).strides == channels_last(expected).strides
