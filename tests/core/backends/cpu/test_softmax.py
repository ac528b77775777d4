"""Native softmax: right to float32 rounding, and the same bits whatever computes them and however x lies in memory.

Oracle    NumPy in float64; the fixed order of sums (tests/oracles/reductions.py); PyTorch where it is installed
"""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from medtorch.core.backends.cpu import softmax as softmax_module
from tests.core.backends.cpu.arrays import numbers, rms_gap, same_bits
from tests.core.backends.cpu.layouts import layouts
from tests.oracles.reductions import ordered_sum

pytestmark = pytest.mark.requirement("REQ-F-OPS-106", "REQ-F-OPS-300", "REQ-F-OPS-301")

CASES = [
    ((3, 5), 1),
    ((3, 5), 0),
    ((2, 1300), 1),
    ((4, 21, 9, 10), 1),
    ((2, 3, 600, 3), 2),
    ((2, 3, 4, 5), -1),
    ((1, 1), 0),
    ((7,), 0),
    ((130, 3), 1),  # short rows, more than are taken at a time
    ((70, 16), 1),
    ((2, 2, 30, 40), 1),
]


@pytest.fixture(params=CASES, ids=str)
def case(request, rng):
    shape, dim = request.param
    return 3 * numbers(rng, *shape), dim


def truth(x, dim, logarithm):
    wide = x.astype(np.float64)
    wide = wide - wide.max(axis=dim, keepdims=True)
    total = np.exp(wide).sum(axis=dim, keepdims=True)
    return wide - np.log(total) if logarithm else np.exp(wide) / total


def test_probabilities_are_right_to_the_rounding_of_float32(widest, case):
    x, dim = case
    assert rms_gap(widest.softmax(x, dim), truth(x, dim, False)) < 1e-7
    assert np.abs(widest.log_softmax(x, dim) - truth(x, dim, True)).max() < 2e-6
    np.testing.assert_allclose(widest.softmax(x, dim).sum(axis=dim), 1, atol=1e-6)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_every_kernel_set_and_layout_gives_the_same_bits(sets, case, name):
    x, dim = case
    first, *others = [getattr(kernels, name)(laid, dim) for kernels in sets for laid in layouts(x).values()]
    assert all(same_bits(first, other) for other in others)


def test_long_rows_that_threads_share_give_the_same_bits_as_short_ones(widest, rng, monkeypatch):
    x = numbers(rng, 2, 5000)
    whole = [widest.softmax(x, 1), widest.log_softmax(x, 1)]
    monkeypatch.setattr(softmax_module, "LONG_ROW", 100)
    assert all(same_bits(a, b) for a, b in zip(whole, [widest.softmax(x, 1), widest.log_softmax(x, 1)], strict=True))


def test_powers_are_added_in_the_fixed_order(widest, rng):
    x = numbers(rng, 5, 1300)
    powers = widest.exp(x - x.max(axis=1, keepdims=True))
    assert same_bits(widest.softmax(x, 1), powers / ordered_sum(powers, (1,)))


@pytest.mark.parametrize(("shape", "dim"), [((400, 197), 1), ((2, 21, 64, 64), 1)], ids=str)
def test_any_number_of_threads_gives_the_same_bits(native, widest, rng, shape, dim):
    x = numbers(rng, *shape)
    native.set_thread_count(1)
    alone = widest.softmax(x, dim)
    for threads in (2, 3, 7):
        native.set_thread_count(threads)
        assert same_bits(alone, widest.softmax(x, dim))


def test_a_row_does_not_depend_on_its_neighbours(widest, rng):
    x = numbers(rng, 8, 5, 197)
    alone = [widest.softmax(x[i : i + 1], 2) for i in range(8)]
    for batch in (2, 5, 8):
        together = widest.softmax(x[:batch], 2)
        assert all(same_bits(together[i : i + 1], alone[i]) for i in range(batch))


def test_infinities_give_what_the_formula_says(widest):
    x = np.array([[0, -np.inf, 0], [np.inf, 0, 0], [-np.inf, -np.inf, -np.inf], [np.nan, 0, 0]], np.float32)
    nan = [np.nan] * 3
    np.testing.assert_array_equal(widest.softmax(x, 1), [[0.5, 0, 0.5], nan, nan, nan])
    np.testing.assert_array_equal(widest.softmax(x.T.copy(), 0).T, [[0.5, 0, 0.5], nan, nan, nan])


def test_other_dtypes_and_nothing_are_computed_by_the_reference(widest, reference, rng):
    for x in (
        numbers(rng, 4, 5).astype(np.float64),
        numbers(rng, 4, 5).astype(np.float16),
        np.zeros((0, 3), np.float32),
    ):
        assert same_bits(widest.softmax(x, 1), reference.softmax(x, 1))
        assert same_bits(widest.log_softmax(x, 1), reference.log_softmax(x, 1))


def test_softmax_is_as_accurate_as_pytorchs(widest, rng, needs_torch: ModuleType):
    for shape, dim in (((300, 1000), 1), ((2, 21, 64, 64), 1)):
        x = 3 * numbers(rng, *shape)
        for name, logarithm in (("softmax", False), ("log_softmax", True)):
            expected = truth(x, dim, logarithm)
            theirs = rms_gap(getattr(needs_torch.from_numpy(x), name)(dim).numpy(), expected)
            assert rms_gap(getattr(widest, name)(x, dim), expected) <= 1.5 * theirs
