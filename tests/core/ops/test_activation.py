"""Activations at kinks, far out and at NaN. Expectations are limits of the formulas, and torch's choice at a kink."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import medtorch
from medtorch.core.ops import activation as A

pytestmark = pytest.mark.requirement("REQ-F-OPS-109")
FAR = [-1e4, -200.0, 200.0, 1e4]


@pytest.mark.parametrize(
    ("function", "expected", "slope"),
    [
        (A.silu, [0, 0, 200, 1e4], [0, 0, 1, 1]),
        (A.mish, [0, 0, 200, 1e4], [0, 0, 1, 1]),
        (A.gelu, [0, 0, 200, 1e4], [0, 0, 1, 1]),
        (lambda x: A.gelu(x, "tanh"), [0, 0, 200, 1e4], [0, 0, 1, 1]),
        (A.softplus, [0, 0, 200, 1e4], [0, 0, 1, 1]),
        (A.logsigmoid, [-1e4, -200, 0, 0], [1, 1, 0, 0]),
        (A.elu, [-1, -1, 200, 1e4], [0, 0, 1, 1]),
        (A.hardswish, [0, 0, 200, 1e4], [0, 0, 1, 1]),
        (A.hardsigmoid, [0, 0, 1, 1], [0, 0, 0, 0]),
        (A.softsign, [-1, -1, 1, 1], [0, 0, 0, 0]),
    ],
)
def test_far_out_neither_value_nor_slope_overflows(function: Any, expected: list[float], slope: list[float]) -> None:
    x = medtorch.tensor(FAR, dtype=medtorch.float64, requires_grad=True)
    out = function(x)
    np.testing.assert_allclose(out.detach().numpy(), expected, atol=0.006)
    (grad,) = medtorch.autograd.grad(out.sum(), x, create_graph=True)
    np.testing.assert_allclose(grad.detach().numpy(), slope, atol=1e-4)
    if not grad.requires_grad:  # straight pieces: the slope depends on nothing
        return
    (second,) = medtorch.autograd.grad(grad.sum(), x)
    np.testing.assert_allclose(second.numpy(), 0, atol=1e-6)


@pytest.mark.parametrize(
    ("function", "kinks", "slopes"),
    [
        (A.leaky_relu, [0.0], [0.01]),
        (A.elu, [0.0], [1.0]),
        (A.relu6, [0.0, 6.0], [0.0, 0.0]),
        (A.hardtanh, [-1.0, 1.0], [0.0, 0.0]),
        (A.hardsigmoid, [-3.0, 3.0], [0.0, 0.0]),
        (A.hardswish, [-3.0, 3.0], [0.0, 1.0]),
        (A.softshrink, [-0.5, 0.5], [0.0, 0.0]),
        (A.hardshrink, [-0.5, 0.5], [0.0, 0.0]),
        (lambda x: A.threshold(x, 0.5, 9.0), [0.5], [0.0]),
    ],
)
def test_at_a_kink_the_slope_is_the_one_that_torch_takes(
    function: Any, kinks: list[float], slopes: list[float]
) -> None:
    x = medtorch.tensor(kinks, requires_grad=True)
    function(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), slopes, rtol=1e-6)


@pytest.mark.parametrize(
    "function",
    [
        A.leaky_relu,
        A.elu,
        A.silu,
        A.mish,
        A.gelu,
        A.hardswish,
        A.hardsigmoid,
        A.relu6,
        A.softplus,
        A.softshrink,
        A.hardshrink,
    ],
)
def test_nan_stays_nan(function: Any) -> None:
    assert math.isnan(function(medtorch.tensor([math.nan])).item())


def test_whole_numbers_are_cut_as_whole_numbers() -> None:
    x = medtorch.tensor([-3, 2, 9])
    assert A.relu6(x).tolist() == [0, 2, 6]
    assert A.relu6(x).dtype is medtorch.int64
