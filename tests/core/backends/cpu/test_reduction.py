"""Native reductions: in the fixed order of the decision record, whatever the memory order, threads and kernel set.

Oracle    tests/oracles/reductions.py, bit for bit; NumPy in float64; PyTorch where it is installed
"""

from __future__ import annotations

import warnings
from types import ModuleType

import numpy as np
import pytest

from tests.core.backends.cpu.arrays import numbers, rms_gap, same_bits
from tests.core.backends.cpu.layouts import layouts
from tests.oracles.reductions import ordered_sum

pytestmark = pytest.mark.requirement("REQ-F-OPS-300", "REQ-F-OPS-301", "REQ-F-OPS-311")

CASES = {
    "a few": ((5,), (0,)),
    "lanes and a rest": ((3, 49), (1,)),
    "blocks and a rest": ((3, 1500), (1,)),
    "many rows": ((70, 530), (1,)),
    "columns": ((1100, 70), (0,)),
    "more columns than a tile": ((40, 300), (0,)),
    "moments of channels": ((4, 7, 9, 11), (0, 2, 3)),
    "planes": ((2, 3, 40, 50), (2, 3)),
    "channels": ((2, 21, 9, 10), (1,)),
    "two runs": ((6, 5, 4, 3, 2), (1, 3)),
    "around a dim of size 1": ((4, 1, 5), (0, 2)),
    "everything": ((3, 4, 200), (0, 1, 2)),
    "one term": ((3, 1), (1,)),
    "no term": ((3, 0), (1,)),
    "no result": ((0, 3), (1,)),
    "no dims": ((2, 3), ()),
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request, rng):
    shape, dims = request.param
    return numbers(rng, *shape), dims


FULL = {name: case for name, case in CASES.items() if name not in ("no term", "no result")}


@pytest.fixture(params=FULL.values(), ids=FULL.keys())
def full_case(request, rng):
    shape, dims = request.param
    return numbers(rng, *shape), dims


def test_sums_and_means_follow_the_fixed_order_in_any_layout_on_every_kernel_set(sets, case):
    x, dims = case
    terms = int(np.prod([x.shape[d] for d in dims]))
    total, mean = (ordered_sum(x, dims, by) if dims else x + np.float32(0) for by in (1.0, float(terms)))
    for kernels in sets:
        for name, laid in layouts(x).items():
            assert same_bits(kernels.sum(laid, dims, True), total), (kernels.set.name, name)
            assert same_bits(kernels.mean(laid, dims, True), mean) or not dims, (kernels.set.name, name)


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("name", ["sum", "mean", "prod", "amax", "amin", "logsumexp"])
def test_reductions_are_right_to_the_rounding_of_float32(widest, case, name, keepdim):
    x, dims = case
    if name in ("amax", "amin") and 0 in [x.shape[d] for d in dims]:
        with pytest.raises(ValueError, match="zero-size array"):  # its op refuses before
            getattr(widest, name)(x, dims, keepdim)
        return
    if name == "prod":
        x = np.exp(x / 32)  # whose products stay in range
    numpys = {"logsumexp": lambda v, axis, keepdims: np.log(np.exp(v).sum(axis=axis, keepdims=keepdims))}
    truth = numpys.get(name, getattr(np, name, None))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing
        expected = truth(x.astype(np.float64), axis=dims, keepdims=keepdim)
        found = getattr(widest, name)(x, dims, keepdim)
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    around = 1e-6 if name != "prod" else 0
    np.testing.assert_allclose(
        found, expected, rtol=1e-4 if name == "prod" else 2e-6, atol=around * max(1, x.size**0.5)
    )


@pytest.mark.parametrize("name", ["prod", "amax", "amin", "logsumexp", "var", "std", "vector_norm"])
def test_every_kernel_set_and_layout_gives_the_same_bits(sets, full_case, name):
    x, dims = full_case
    more = {"var": (1.0,), "std": (1.0,), "vector_norm": ()}.get(name, ())
    call = (
        (lambda k, v: k.vector_norm(v, 2.0, dims, False))
        if name == "vector_norm"
        else (lambda k, v: getattr(k, name)(v, dims, *more, False))
    )
    first, *others = [call(kernels, laid) for kernels in sets for laid in layouts(x).values()]
    for other in others:
        np.testing.assert_array_equal(first, other)


@pytest.mark.parametrize("correction", [0.0, 1.0])
def test_variances_are_two_passes_in_the_fixed_order(widest, rng, correction):
    x, dims = numbers(rng, 4, 7, 9, 11), (0, 2, 3)
    terms = 4 * 9 * 11
    around = x - ordered_sum(x, dims, float(terms))
    expected = ordered_sum(around * around, dims, terms - correction)
    assert same_bits(widest.var(x, dims, correction, True), expected)
    assert same_bits(widest.std(x, dims, correction, True), np.sqrt(expected))
    np.testing.assert_allclose(expected, x.var(axis=dims, keepdims=True, ddof=correction, dtype=np.float64), rtol=3e-7)


def test_a_variance_without_degrees_of_freedom_is_not_finite(widest):
    found = widest.var(np.ones((2, 1), np.float32), (1,), 1.0, False)
    assert np.isnan(found).all()


@pytest.mark.parametrize("order", [1.0, 2.0, 3.0, 0.5, np.inf, -np.inf, 0.0])
def test_norms_follow_their_formula(widest, rng, order):
    x = numbers(rng, 4, 600)
    assert (
        rms_gap(widest.vector_norm(x, order, (1,), False), np.linalg.norm(x.astype(np.float64), order, axis=1)) < 3e-7
    )


def test_extremes_pass_nan_on_and_know_infinities(widest):
    x = np.array([[1, np.nan, 3], [-np.inf, 2, np.inf], [np.nan, np.nan, np.nan]], np.float32)
    np.testing.assert_array_equal(widest.amax(x, (1,), False), [np.nan, np.inf, np.nan])
    np.testing.assert_array_equal(widest.amin(x, (1,), False), [np.nan, -np.inf, np.nan])
    np.testing.assert_array_equal(widest.argmax(x, 1, False), [1, 2, 0])
    np.testing.assert_array_equal(widest.argmin(x, 1, False), [1, 0, 0])
    np.testing.assert_array_equal(widest.argmax(x.T.copy(), 0, False), [1, 2, 0])
    np.testing.assert_array_equal(widest.logsumexp(x[1:2], (1,), False), [np.inf])
    np.testing.assert_array_equal(widest.logsumexp(np.full((1, 3), -np.inf, np.float32), (1,), False), [-np.inf])


@pytest.mark.parametrize("dim", [None, 0, 1, 2])
@pytest.mark.parametrize("keepdim", [False, True])
def test_places_of_extremes_are_the_first_in_any_layout(sets, rng, dim, keepdim):
    x = np.round(numbers(rng, 7, 20, 33))  # with many equals
    for kernels in sets:
        for laid in layouts(x).values():
            for name in ("argmax", "argmin"):
                found = getattr(kernels, name)(laid, dim, keepdim)
                assert found.dtype == np.int64
                np.testing.assert_array_equal(found, getattr(np, name)(x, axis=dim, keepdims=keepdim))


@pytest.mark.parametrize(
    ("shape", "dims"), [((1 << 20,), (0,)), ((8, 32, 40, 40), (0, 2, 3)), ((600, 700), (0,))], ids=str
)
def test_any_number_of_threads_gives_the_same_bits(native, widest, rng, shape, dims):
    x = numbers(rng, *shape)
    native.set_thread_count(1)
    alone = [widest.sum(x, dims, False), widest.var(x, dims, 0.0, False), widest.argmax(x, None, False)]
    for threads in (2, 3, 7):
        native.set_thread_count(threads)
        together = [widest.sum(x, dims, False), widest.var(x, dims, 0.0, False), widest.argmax(x, None, False)]
        assert all(same_bits(a, b) for a, b in zip(alone, together, strict=True))


@pytest.mark.parametrize("relayout", ["contiguous", "channels last"])
def test_a_sample_does_not_depend_on_its_neighbours(widest, rng, relayout):
    x = numbers(rng, 8, 5, 30, 31)
    alone = [widest.mean(layouts(x[i : i + 1])[relayout], (2, 3), True) for i in range(8)]
    for batch in (2, 5, 8):
        together = widest.mean(layouts(x[:batch])[relayout], (2, 3), True)
        assert all(same_bits(together[i : i + 1], alone[i]) for i in range(batch))


def test_other_dtypes_are_computed_by_the_reference(widest, reference, rng):
    x = numbers(rng, 5, 40)
    for kind in (np.float64, np.float16, np.int64):
        for name in ("sum", "amax"):
            args = (x.astype(kind), (1,), False)
            assert same_bits(getattr(widest, name)(*args), getattr(reference, name)(*args))
    assert same_bits(
        widest.var(x.astype(np.float64), (1,), 1.0, False), reference.var(x.astype(np.float64), (1,), 1.0, False)
    )


def test_what_would_leave_memory_is_refused_at_the_border(widest):
    x = np.zeros((2, 3), np.float32)
    with pytest.raises(ValueError, match="no such dims"):
        widest.set.fold("sum", x, 1, 3, True)
    with pytest.raises(ValueError, match="no such fold"):
        widest.set.fold("median", x, 0, 1, True)
    with pytest.raises(ValueError, match="mean or scale does not fit"):
        widest.set.fold("sum_square_gaps", x, 1, 2, True, 1.0, None, np.zeros((3, 1), np.float32))
    small = np.zeros((2, 1), np.float32)
    with pytest.raises(ValueError, match="g has another shape"):
        widest.set.fold("sum_standardized", x, 1, 2, True, 1.0, np.zeros((3, 3), np.float32), small, small)
    with pytest.raises(ValueError, match="arrays missing or too many"):
        widest.set.fold("sum", x, 1, 2, True, 1.0, x)


@pytest.mark.parametrize(
    ("shape", "dims"), [((512, 1000), 1), ((4, 200, 20, 20), (0, 2, 3)), ((5000, 200), 0)], ids=str
)
@pytest.mark.parametrize("offset", [0, 5])
def test_sums_are_as_accurate_as_pytorchs(widest, rng, needs_torch: ModuleType, shape, dims, offset):
    x = numbers(rng, *shape) + np.float32(offset)
    tuple_of_dims = dims if isinstance(dims, tuple) else (dims,)
    peer, wide = needs_torch.from_numpy(x), x.astype(np.float64)
    truth, theirs = wide.sum(axis=dims), peer.sum(dims).numpy()
    assert rms_gap(widest.sum(x, tuple_of_dims, False), truth) <= 1.5 * rms_gap(theirs, truth)
    truth, theirs = wide.var(axis=dims, ddof=1), peer.var(dims).numpy()
    assert rms_gap(widest.var(x, tuple_of_dims, 1.0, False), truth) <= 1.5 * rms_gap(theirs, truth)
