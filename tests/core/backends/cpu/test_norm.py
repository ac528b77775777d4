"""Native standardization and its gradient: right to float32 rounding, and the same bits whatever computes them.

Oracle    NumPy in float64; the fixed order of sums (tests/oracles/reductions.py); PyTorch where it is installed
"""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from medtorch.core.backends.cpu import norm as norm_module
from tests.core.backends.cpu.arrays import numbers, rms_gap, same_bits
from tests.core.backends.cpu.layouts import layouts
from tests.oracles.reductions import ordered_sum

pytestmark = pytest.mark.requirement("REQ-F-OPS-104", "REQ-F-OPS-300", "REQ-F-OPS-301")

EPS = 1e-5
CASES = {
    "layer": ((40, 197), (1,)),
    "layer of two dims": ((3, 20, 30, 16), (2, 3)),
    "batch": ((4, 7, 9, 11), (0, 2, 3)),
    "batch, volumes": ((2, 5, 3, 8, 9), (0, 2, 3, 4)),
    "batch, no space": ((60, 30), (0,)),
    "instance": ((2, 7, 30, 40), (2, 3)),
    "channels": ((2, 24, 5, 6), (1,)),
    "group": ((2, 4, 700), (2,)),
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request, rng):
    shape, dims = request.param
    return numbers(rng, *shape) + 1, numbers(rng, *shape), dims


def truth(x, dims):
    wide = x.astype(np.float64)
    mean, var = wide.mean(axis=dims, keepdims=True), wide.var(axis=dims, keepdims=True)
    return (wide - mean) / np.sqrt(var + EPS), mean, var


def grad_truth(grad, x, dims):
    y, _, var = truth(x, dims)
    wide = grad.astype(np.float64)
    along = (y * wide).mean(axis=dims, keepdims=True)
    return (wide - wide.mean(axis=dims, keepdims=True) - y * along) / np.sqrt(var + EPS)


def test_numbers_are_standardized_to_the_rounding_of_float32(widest, case):
    x, grad, dims = case
    for found, expected in zip(widest.standardize(x, dims, EPS), truth(x, dims), strict=True):
        assert found.dtype == np.float32
        assert found.shape == expected.shape
        assert rms_gap(found, expected) < 2e-7
    assert rms_gap(widest.standardize_input_grad(grad, x, dims, EPS), grad_truth(grad, x, dims)) < 3e-7


def test_every_kernel_set_and_layout_gives_the_same_bits(sets, case):
    x, grad, dims = case
    first = (*sets[0].standardize(x, dims, EPS), sets[0].standardize_input_grad(grad, x, dims, EPS))
    for kernels in sets:
        for name, laid in layouts(x).items():
            found = (
                *kernels.standardize(laid, dims, EPS),
                kernels.standardize_input_grad(layouts(grad)[name], laid, dims, EPS),
            )
            assert all(same_bits(a, b) for a, b in zip(first, found, strict=True)), (kernels.set.name, name)
            mixed = kernels.standardize_input_grad(grad, laid, dims, EPS)
            assert same_bits(first[-1], mixed), (kernels.set.name, name)


def test_sums_are_in_the_fixed_order(widest, case):
    x, _, dims = case
    terms = float(np.prod([x.shape[d] for d in dims]))
    mean = ordered_sum(x, dims, terms)
    var = ordered_sum((x - mean) * (x - mean), dims, terms)
    scale = np.float32(1) / np.sqrt(var + np.float32(EPS))
    expected = ((x - mean) * scale, mean, var)
    assert all(same_bits(a, b) for a, b in zip(widest.standardize(x, dims, EPS), expected, strict=True))


def test_long_rows_that_threads_share_give_the_same_bits(widest, rng, monkeypatch):
    x, grad = numbers(rng, 3, 5000), numbers(rng, 3, 5000)
    whole = (*widest.standardize(x, (1,), EPS), widest.standardize_input_grad(grad, x, (1,), EPS))
    monkeypatch.setattr(norm_module, "LONG_ROW", 100)
    shared = (*widest.standardize(x, (1,), EPS), widest.standardize_input_grad(grad, x, (1,), EPS))
    assert all(same_bits(a, b) for a, b in zip(whole, shared, strict=True))


@pytest.mark.parametrize(("shape", "dims"), [((300, 197), (1,)), ((4, 32, 40, 40), (0, 2, 3))], ids=str)
def test_any_number_of_threads_gives_the_same_bits(native, widest, rng, shape, dims):
    x, grad = numbers(rng, *shape), numbers(rng, *shape)
    native.set_thread_count(1)
    alone = (*widest.standardize(x, dims, EPS), widest.standardize_input_grad(grad, x, dims, EPS))
    for threads in (2, 3, 7):
        native.set_thread_count(threads)
        together = (*widest.standardize(x, dims, EPS), widest.standardize_input_grad(grad, x, dims, EPS))
        assert all(same_bits(a, b) for a, b in zip(alone, together, strict=True))


@pytest.mark.parametrize("relayout", ["contiguous", "channels last"])
def test_a_sample_does_not_depend_on_its_neighbours(widest, rng, relayout):
    x = numbers(rng, 8, 5, 30, 31)
    alone = [widest.standardize(layouts(x[i : i + 1])[relayout], (2, 3), EPS)[0] for i in range(8)]
    for batch in (2, 5, 8):
        together = widest.standardize(layouts(x[:batch])[relayout], (2, 3), EPS)[0]
        assert all(same_bits(together[i : i + 1], alone[i]) for i in range(batch))


def test_other_dtypes_and_nothing_are_computed_by_the_reference(widest, reference, rng):
    x = numbers(rng, 4, 50)
    for other in (x.astype(np.float64), x.astype(np.float16), np.zeros((0, 3), np.float32)):
        pairs = zip(widest.standardize(other, (1,), EPS), reference.standardize(other, (1,), EPS), strict=True)
        assert all(same_bits(a, b) for a, b in pairs)


def test_what_would_leave_memory_is_refused_at_the_border(widest):
    x = np.zeros((2, 3), np.float32)
    with pytest.raises(ValueError, match="no such dims"):
        widest.set.standardize(x, 3, EPS)
    with pytest.raises(ValueError, match="grad and x differ in shape"):
        widest.set.standardize_input_grad(np.zeros((2, 4), np.float32), x, 1, EPS)
    assert widest.set.standardize(x.T, 1, EPS) is None


def test_norms_are_as_accurate_as_pytorchs(widest, rng, needs_torch: ModuleType):
    f = needs_torch.nn.functional
    rows, images = numbers(rng, 300, 768) + 1, numbers(rng, 8, 64, 28, 28) + 1
    layer = f.layer_norm(needs_torch.from_numpy(rows), (768,)).numpy()
    batch = f.batch_norm(needs_torch.from_numpy(images), None, None, training=True).numpy()
    for x, dims, theirs in ((rows, (1,), layer), (images, (0, 2, 3), batch)):
        expected = truth(x, dims)[0]
        assert rms_gap(widest.standardize(x, dims, EPS)[0], expected) <= 1.5 * rms_gap(theirs, expected)


NORMALIZED = {name: CASES[name] for name in ("batch", "batch, volumes", "batch, no space", "instance")}


@pytest.fixture(params=NORMALIZED.values(), ids=NORMALIZED.keys())
def normalized(request, rng):
    shape, dims = request.param
    across = (1, shape[1], *(1,) * (len(shape) - 2))
    return numbers(rng, *shape) + 1, numbers(rng, *shape), numbers(rng, *across), numbers(rng, *across), dims


def test_weight_and_bias_come_in_the_same_pass(widest, normalized):
    x, dy, weight, bias, dims = normalized
    y, mean, var = widest.normalize(x, weight, bias, dims, EPS)
    plain, *moments = truth(x, dims)
    for found, expected in zip((y, mean, var), (plain * weight + bias, *moments), strict=True):
        assert rms_gap(found, expected) < 3e-7
    dx, total, along = widest.normalize_input_grad(dy, x, weight, mean, var, dims, EPS)
    assert rms_gap(dx, grad_truth((dy * weight.astype(np.float64)), x, dims)) < 4e-7
    assert rms_gap(total, dy.astype(np.float64).sum(axis=dims, keepdims=True)) < 1e-5
    assert rms_gap(along, (dy * plain).sum(axis=dims, keepdims=True)) < 1e-5


def test_weight_and_bias_give_the_bits_of_the_steps_one_by_one(widest, normalized):
    x, _, weight, bias, dims = normalized
    y, mean, var = widest.normalize(x, weight, bias, dims, EPS)
    plain, *moments = widest.standardize(x, dims, EPS)
    assert same_bits(y, widest.add(widest.mul(plain, weight), bias))
    assert same_bits(mean, moments[0])
    assert same_bits(var, moments[1])


def test_normalizing_gives_the_same_bits_on_every_set_layout_and_number_of_threads(native, sets, normalized):
    x, dy, weight, bias, dims = normalized
    first = None
    for kernels in sets:
        for threads in (1, 3):
            native.set_thread_count(threads)
            for name, laid in layouts(x).items():
                y, mean, var = kernels.normalize(laid, weight, bias, dims, EPS)
                found = (y, *kernels.normalize_input_grad(layouts(dy)[name], laid, weight, mean, var, dims, EPS))
                first = first or found
                assert all(same_bits(a, b) for a, b in zip(first, found, strict=True)), (kernels.set.name, name)
