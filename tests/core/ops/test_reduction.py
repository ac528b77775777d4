"""Reductions: dtypes, ties, NaN, rounding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import medtorch

pytestmark = pytest.mark.requirement("REQ-F-OPS-002")


@pytest.mark.parametrize("dtype", [medtorch.uint8, medtorch.int8, medtorch.int16, medtorch.int32, medtorch.bool])
@pytest.mark.parametrize(
    "function", [medtorch.sum, medtorch.prod, medtorch.cumsum, medtorch.nansum], ids=lambda f: f.__name__
)
def test_whole_numbers_are_added_up_in_int64(function: Any, dtype: Any) -> None:
    x = medtorch.ones(300, dtype=dtype)
    found = function(x, 0)
    assert found.dtype is medtorch.int64
    assert found.max().item() == (1 if function is medtorch.prod else 300)


def test_a_dtype_is_taken_before_adding_up() -> None:
    x = medtorch.full((4096,), 16.0, dtype=medtorch.float16)
    assert x.sum().item() == float("inf")  # 65536 is beyond float16
    assert x.sum(dtype=medtorch.float32).item() == 65536.0
    assert x.mean().item() == 16.0  # the sum inside is float32
    assert medtorch.ones(3, dtype=medtorch.int64).mean(dtype=medtorch.float64).dtype is medtorch.float64


@pytest.mark.parametrize("dtype", [medtorch.float16, medtorch.bfloat16])
def test_sixteen_bits_do_not_stop_growing(dtype: Any) -> None:
    x = medtorch.full((10_000,), 1.0, dtype=dtype)
    assert x.sum().item() == pytest.approx(10_000, rel=2**-8)
    assert x.cumsum(0)[-1].item() == pytest.approx(10_000, rel=2**-8)


def test_float32_sums_are_pairwise(rng: np.random.Generator) -> None:
    numbers = rng.uniform(0, 1, 1_000_000).astype(np.float32)
    exact = math.fsum(numbers.tolist())
    assert abs(float(medtorch.from_numpy(numbers).sum()) - exact) / exact < 1e-6


def test_ties_share_the_gradient_of_amax_and_the_first_takes_that_of_max() -> None:
    x = medtorch.tensor([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]], requires_grad=True)
    (shared,) = medtorch.autograd.grad(x.amax(1).sum(), x)
    np.testing.assert_allclose(shared.numpy(), [[0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]], rtol=1e-6)
    (first,) = medtorch.autograd.grad(x.max(1).values.sum(), x)
    assert first.tolist() == [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    (all_of_it,) = medtorch.autograd.grad(x.max(), x)
    assert all_of_it.tolist() == [[0.0, 0.5, 0.5], [0.0, 0.0, 0.0]]


def test_nan_is_the_largest_and_is_never_lost() -> None:
    x = medtorch.tensor([1.0, float("nan"), 2.0])
    for found in (x.max(), x.min(), x.amax(), x.sum(), x.median(), x.quantile(0.1), x.norm(), x.std()):
        assert np.isnan(found.item())
    assert x.argmax().item() == x.argmin().item() == 1
    assert x.max(0).indices.item() == 1
    assert (x.nansum().item(), x.nanmean().item(), x.nanmedian().item(), x.nanquantile(0.5).item()) == (
        3.0,
        1.5,
        1.0,
        1.5,
    )


def test_results_with_places_are_named_pairs() -> None:
    found = medtorch.tensor([[3, 1, 2]]).max(dim=1)
    values, indices = found
    assert (values.tolist(), indices.tolist()) == ([3], [0])
    assert found.values is values
    assert found.indices is indices


def test_the_three_forms_of_max() -> None:
    a, b = medtorch.tensor([1, 5]), medtorch.tensor([4, 2])
    assert medtorch.max(a).item() == 5
    assert medtorch.max(a, b).tolist() == medtorch.max(a, other=b).tolist() == [4, 5]
    assert medtorch.min(a, 0, True).indices.tolist() == [0]


def test_logsumexp_does_not_overflow_and_knows_infinities() -> None:
    x = medtorch.tensor(
        [[1000.0, 1000.0], [-1000.0, -1001.0], [float("-inf"), float("-inf")], [float("inf"), 0.0]],
        dtype=medtorch.float64,
    )
    found = x.logsumexp(1).numpy()
    np.testing.assert_allclose(found[:2], [1000 + np.log(2), -1000 + np.log1p(np.exp(-1))])
    assert found[2:].tolist() == [float("-inf"), float("inf")]


def test_products_of_many_zeros_have_exact_gradients() -> None:
    x = medtorch.tensor([2.0, 0.0, 3.0, 0.0], dtype=medtorch.float64, requires_grad=True)
    (first,) = medtorch.autograd.grad(x.prod(), x, create_graph=True)
    assert first.tolist() == [0.0, 0.0, 0.0, 0.0]
    (second,) = medtorch.autograd.grad(first[1], x)
    assert second.tolist() == [0.0, 0.0, 0.0, 6.0]  # d2 / dx1 dx3 = x0 x2


def test_no_numbers_have_the_sum_0_the_product_1_and_no_mean() -> None:
    x = medtorch.zeros(0, 3)
    assert x.sum().item() == 0
    assert x.prod(0).tolist() == [1.0, 1.0, 1.0]
    assert np.isnan(x.mean().item())
    assert (x.any().item(), x.all().item()) == (False, True)
    assert x.logsumexp(0).tolist() == [float("-inf")] * 3
