"""Gradients of activations in one kernel: the formula, and the bits of the same gradient written in ops.

Oracle    small formulas in float64; the vjps that create_graph takes
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import medtorch
import medtorch.nn.functional as F
from tests.core.backends.cpu.arrays import numbers, rms_gap, same_bits
from tests.core.backends.cpu.layouts import layouts

pytestmark = pytest.mark.requirement("REQ-F-OPS-109", "REQ-F-OPS-300", "REQ-F-OPS-301")

_erf = np.vectorize(math.erf)
_sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
SLOPES = {
    "relu": (F.relu, lambda x: x > 0),
    "leaky_relu": (lambda x: F.leaky_relu(x, 0.3), lambda x: np.where(x > 0, 1, 0.3)),
    "sigmoid": (F.sigmoid, lambda x: _sigmoid(x) * (1 - _sigmoid(x))),
    "tanh": (F.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "silu": (F.silu, lambda x: _sigmoid(x) * (1 + x * (1 - _sigmoid(x)))),
    "gelu": (
        F.gelu,
        lambda x: (1 + _erf(x / math.sqrt(2))) / 2 + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi),
    ),
    "hardswish": (F.hardswish, lambda x: np.where(x <= -3, 0, np.where(x < 3, x / 3 + 0.5, 1))),
    "hardsigmoid": (F.hardsigmoid, lambda x: np.where(np.abs(x) < 3, 1 / 6, 0)),
    "relu6": (F.relu6, lambda x: np.where((x > 0) & (x < 6), 1, 0)),
}


def gradient(function, x, dy, create_graph):
    leaf = medtorch.from_numpy(x).requires_grad_()
    (dx,) = medtorch.autograd.grad(function(leaf), leaf, medtorch.from_numpy(dy), create_graph=create_graph)
    return dx.detach().numpy()


@pytest.mark.parametrize("name", SLOPES)
def test_the_gradient_is_the_slope_times_what_comes_back(rng, name):
    function, slope = SLOPES[name]
    x, dy = numbers(rng, 3000) * 3, numbers(rng, 3000)
    assert rms_gap(gradient(function, x, dy, False), slope(x.astype(np.float64)) * dy) < 3e-7


@pytest.mark.parametrize("name", SLOPES)
def test_one_kernel_gives_the_bits_of_the_gradient_that_is_recorded(native, rng, name):
    function, _ = SLOPES[name]
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 3.0, -3.0, 6.0, 1e-40, -200.0], np.float32)
    x = np.concatenate([special, numbers(rng, 3000) * 3])
    dy = numbers(rng, *x.shape)
    alone, recorded = (gradient(function, x, dy, create_graph) for create_graph in (False, True))
    np.testing.assert_array_equal(np.isnan(alone), np.isnan(recorded))
    numbers_there = ~np.isnan(alone)
    assert same_bits(alone[numbers_there], recorded[numbers_there])


CALLS = [
    ("relu", ()), ("leaky_relu", (0.3,)), ("sigmoid", ()), ("tanh", ()), ("silu", ()), ("gelu", ()), ("hardswish", ()),
    ("hardsigmoid", ()), ("clamp", (-1.0, 2.0)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "more"), CALLS, ids=[name for name, _ in CALLS])
def test_every_set_and_layout_gives_the_same_bits_and_the_reference_nearly_them(sets, reference, rng, name, more):
    x, dy = numbers(rng, 2, 24, 13, 17), numbers(rng, 2, 24, 13, 17)
    first = sets[0].activation_input_grad(name, dy, x, more)
    assert rms_gap(reference.activation_input_grad(name, dy, x, more), first) < 3e-7
    for kernels in sets:
        for laid in layouts(x).values():
            assert same_bits(kernels.activation_input_grad(name, dy, laid, more), first)


def test_an_unknown_activation_is_refused_by_name(reference):
    one = np.ones(1)
    with pytest.raises(medtorch.errors.ArgumentError, match="no activation 'softmax'"):
        reference.activation_input_grad("softmax", one, one, ())
