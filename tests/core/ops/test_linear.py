"""A linear layer on many leading dims, and of one output."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch.core.ops.linear import linear

pytestmark = pytest.mark.requirement("REQ-F-OPS-112")


def test_every_leading_place_is_a_sample_of_its_own(rng: np.random.Generator) -> None:
    x, w, b = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(6, 5)), rng.normal(size=6)
    found = linear(*(medtorch.from_numpy(a) for a in (x, w, b))).numpy()
    for at in np.ndindex(2, 3, 4):
        np.testing.assert_allclose(found[at], w @ x[at] + b, rtol=1e-12)


def test_a_weight_of_one_dim_gives_one_number_a_sample(rng: np.random.Generator) -> None:
    x, w = rng.normal(size=(3, 5)), rng.normal(size=5)
    np.testing.assert_allclose(linear(medtorch.from_numpy(x), medtorch.from_numpy(w)).numpy(), x @ w, rtol=1e-12)


def test_gradients_of_weight_and_bias_add_up_over_all_samples(rng: np.random.Generator) -> None:
    x, dy = rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 3, 4))
    w = medtorch.from_numpy(rng.normal(size=(4, 5))).requires_grad_()
    b = medtorch.zeros(4, dtype=medtorch.float64, requires_grad=True)
    linear(medtorch.from_numpy(x), w, b).backward(medtorch.from_numpy(dy))
    np.testing.assert_allclose(w.grad.numpy(), dy.reshape(6, 4).T @ x.reshape(6, 5), rtol=1e-12)
    np.testing.assert_allclose(b.grad.numpy(), dy.sum((0, 1)), rtol=1e-12)
