"""Gradients of lookups that are not plain derivatives, and rows that are shortened. Oracle: sums by hand."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch.core.ops.embedding import embedding
from medtorch.errors import DimError

pytestmark = pytest.mark.requirement("REQ-F-OPS-111")


def _table(rng: np.random.Generator) -> medtorch.Tensor:
    return medtorch.from_numpy(rng.normal(size=(4, 2))).requires_grad_()


def test_the_padding_row_gets_no_gradient(rng: np.random.Generator) -> None:
    weight = _table(rng)
    embedding(medtorch.tensor([0, 3, 3, 1]), weight, padding_idx=-1).sum().backward()
    assert weight.grad.tolist() == [[1, 1], [1, 1], [0, 0], [0, 0]]


def test_gradients_are_divided_by_how_often_a_row_was_looked_up(rng: np.random.Generator) -> None:
    weight = _table(rng)
    out = embedding(medtorch.tensor([0, 2, 2, 2]), weight, scale_grad_by_freq=True)
    out.backward(medtorch.tensor([[1.0, 2], [3, 3], [3, 3], [6, 0]], dtype=medtorch.float64))
    assert weight.grad.tolist() == [[1, 2], [0, 0], [4, 2], [0, 0]]


def test_gradients_of_such_gradients_follow_their_own_rule(rng: np.random.Generator) -> None:
    """The weight's gradient is linear in dy: its own gradient must be the transpose of that map."""
    indices, weight = medtorch.tensor([0, 2, 2, 1]), _table(rng)
    dy = medtorch.from_numpy(rng.normal(size=(4, 2))).requires_grad_()
    out = embedding(indices, weight, 1, scale_grad_by_freq=True)
    (grad,) = medtorch.autograd.grad(out, weight, dy, create_graph=True)
    push = rng.normal(size=(4, 2))
    (back,) = medtorch.autograd.grad(grad, dy, medtorch.from_numpy(push))
    expected = push[[0, 2, 2, 1]] * np.array([1, 0.5, 0.5, 0])[:, None]
    np.testing.assert_allclose(back.numpy(), expected, rtol=1e-12)


def test_long_rows_that_are_looked_up_are_shortened_in_place() -> None:
    weight = medtorch.tensor([[3.0, 4.0], [0.3, 0.4], [6.0, 8.0]])
    out = embedding(medtorch.tensor([0, 1, 0]), weight, max_norm=1.0)
    np.testing.assert_allclose(weight.numpy(), [[0.6, 0.8], [0.3, 0.4], [6.0, 8.0]], rtol=1e-6)
    np.testing.assert_allclose(out.numpy(), weight.numpy()[[0, 1, 0]])


def test_a_wrong_index_changes_no_row() -> None:
    weight = medtorch.tensor([[3.0, 4.0]])
    with pytest.raises(DimError, match=r"^embedding: input 1 is not one of 1 rows$"):
        embedding(medtorch.tensor([0, 1]), weight, max_norm=1.0)
    assert weight.tolist() == [[3.0, 4.0]]
