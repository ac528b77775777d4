"""Dropout: how often, how large, which numbers. Expectations are those of the binomial distribution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import medtorch
from medtorch.core.ops import activation, dropout, softmax
from medtorch.errors import ArgumentError, DtypeError, ShapeError

pytestmark = pytest.mark.requirement("REQ-F-OPS-110")


def test_each_number_is_dropped_with_probability_p_and_the_rest_scaled() -> None:
    medtorch.manual_seed(0)
    out = dropout.dropout(medtorch.ones(100_000), 0.3).numpy()
    assert set(np.unique(out)) == {0.0, np.float32(1 / 0.7)}
    assert abs((out == 0).mean() - 0.3) < 5 * math.sqrt(0.3 * 0.7 / 100_000)


def test_gradients_go_where_numbers_stayed() -> None:
    x = medtorch.ones(1000, dtype=medtorch.float64, requires_grad=True)
    out = dropout.dropout(x, 0.5)
    out.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), out.detach().numpy())


def test_the_same_seed_drops_the_same_numbers_and_calls_differ() -> None:
    x = medtorch.ones(1000)
    first = dropout.dropout(x, generator=medtorch.Generator().manual_seed(5))
    again = dropout.dropout(x, generator=medtorch.Generator().manual_seed(5))
    other = dropout.dropout(x, generator=medtorch.Generator().manual_seed(6))
    np.testing.assert_array_equal(first.numpy(), again.numpy())
    assert (first.numpy() != other.numpy()).any()
    medtorch.manual_seed(1)
    assert (dropout.dropout(x).numpy() != dropout.dropout(x).numpy()).any()


@pytest.mark.parametrize("function", [dropout.dropout, dropout.alpha_dropout])
def test_nothing_happens_when_not_training(function: Any) -> None:
    x = medtorch.ones(10)
    assert function(x, 0.9, False) is x


def test_probability_one_leaves_nothing() -> None:
    assert dropout.dropout(medtorch.ones(10), 1.0).tolist() == [0.0] * 10


@pytest.mark.parametrize(
    ("function", "shape"),
    [(dropout.dropout1d, (40, 50, 6)), (dropout.dropout2d, (40, 50, 2, 3)), (dropout.dropout3d, (40, 50, 2, 3, 2))],
)
def test_channels_are_dropped_whole(function: Any, shape: tuple[int, ...]) -> None:
    medtorch.manual_seed(0)
    planes = function(medtorch.ones(*shape), 0.4).numpy().reshape(2000, -1)
    assert ((planes == planes[:, :1]).all(1)).all()
    assert abs((planes[:, 0] == 0).mean() - 0.4) < 5 * math.sqrt(0.4 * 0.6 / 2000)


@pytest.mark.parametrize("function", [dropout.alpha_dropout, dropout.feature_alpha_dropout])
def test_alpha_dropout_keeps_mean_and_variance_of_normal_numbers(function: Any) -> None:
    medtorch.manual_seed(0)
    shape = (100_000,) if function is dropout.alpha_dropout else (1000, 200, 1)
    out = function(medtorch.randn(*shape), 0.3, True).numpy()
    assert abs(out.mean()) < 0.02
    assert abs(out.var() - 1) < 0.03


def test_rrelu_draws_its_slopes_from_the_interval() -> None:
    medtorch.manual_seed(0)
    out = activation.rrelu(-medtorch.ones(10_000), 0.2, 0.6, True).numpy()
    assert out.min() >= -0.6
    assert out.max() <= -0.2
    assert abs(out.mean() + 0.4) < 0.01
    assert activation.rrelu(medtorch.tensor([-1.0, 2.0]), 0.2, 0.6).tolist() == pytest.approx([-0.4, 2.0])


def test_gumbel_softmax_draws_classes_as_often_as_they_are_probable() -> None:
    medtorch.manual_seed(0)
    logits = medtorch.tensor([0.1, 0.6, 0.3]).log().expand(20_000, 3)
    hard = softmax.gumbel_softmax(logits, hard=True).numpy()
    np.testing.assert_allclose(hard.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose((hard > 0.5).mean(0), [0.1, 0.6, 0.3], atol=0.02)


def test_a_hard_draw_has_the_soft_gradient() -> None:
    x = medtorch.tensor([0.2, 0.5, 0.1], dtype=medtorch.float64, requires_grad=True)
    weight = medtorch.tensor([1.0, -2.0, 3.0], dtype=medtorch.float64)
    grads = [
        medtorch.autograd.grad((softmax.gumbel_softmax(x, 0.7, hard, generator=seeded) * weight).sum(), x)[0].numpy()
        for hard, seeded in ((True, medtorch.Generator().manual_seed(3)), (False, medtorch.Generator().manual_seed(3)))
    ]
    np.testing.assert_allclose(grads[0], grads[1], rtol=1e-12)


def test_what_does_not_fit_is_refused_by_name() -> None:
    with pytest.raises(ArgumentError, match=r"^dropout: p must lie in \[0, 1\], got 1.5\n  input  \(2,\)"):
        dropout.dropout(medtorch.ones(2), 1.5)
    with pytest.raises(DtypeError, match=r"^dropout: input must be floating point\n"):
        dropout.dropout(medtorch.ones(2, dtype=medtorch.int64))
    with pytest.raises(ShapeError, match=r"^dropout1d: input must have 3 dims, or 2 without a batch, has 4\n"):
        dropout.dropout1d(medtorch.ones(1, 1, 1, 1))
    with pytest.raises(ArgumentError, match=r"^gumbel_softmax: eps has no effect, leave it out; got 0.1\n"):
        softmax.gumbel_softmax(medtorch.ones(2), eps=0.1)
    with pytest.raises(ArgumentError, match=r"^rrelu: lower 0.5 is greater than upper 0.25\n"):
        activation.rrelu(medtorch.ones(2), 0.5, 0.25)
