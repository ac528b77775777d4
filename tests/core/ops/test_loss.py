"""Weights, ignored targets, extremes and old arguments of losses. Oracle: sums by hand in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import medtorch
from medtorch.core.ops import loss, regression_loss

pytestmark = pytest.mark.requirement("REQ-F-OPS-108")


def _log_softmax(x: Any) -> Any:
    return x - np.log(np.exp(x).sum(1, keepdims=True))


def test_class_weights_weigh_the_sum_and_the_mean(rng: np.random.Generator) -> None:
    x, target, weight = rng.normal(size=(5, 3)), np.array([0, 2, 1, 1, 2]), np.array([0.5, 2.0, 3.0])
    terms = -_log_softmax(x)[np.arange(5), target] * weight[target]
    args = [medtorch.from_numpy(a) for a in (x, target, weight)]
    np.testing.assert_allclose(loss.cross_entropy(*args, reduction="sum").item(), terms.sum(), rtol=1e-12)
    np.testing.assert_allclose(loss.cross_entropy(*args).item(), terms.sum() / weight[target].sum(), rtol=1e-12)


def test_class_weights_weigh_the_smoothed_part_by_class(rng: np.random.Generator) -> None:
    """Smoothing s spreads s / C over the classes, each times its own weight; the mean is over the targets' weights."""
    x, target, weight, s = rng.normal(size=(5, 3)), np.array([0, 2, 1, 1, 2]), np.array([0.5, 2.0, 3.0]), 0.3
    log_p = _log_softmax(x)
    terms = (1 - s) * -log_p[np.arange(5), target] * weight[target] - s / 3 * (log_p * weight).sum(1)
    args = [medtorch.from_numpy(a) for a in (x, target, weight)]
    found = loss.cross_entropy(*args, label_smoothing=s).item()
    np.testing.assert_allclose(found, terms.sum() / weight[target].sum(), rtol=1e-12)


def test_ignored_targets_count_for_nothing_even_where_scores_are_nan() -> None:
    x = medtorch.tensor([[0.0, 0.0], [math.nan, math.nan]], requires_grad=True)
    found = loss.nll_loss(x, medtorch.tensor([1, -100]))
    found.backward()
    assert found.item() == 0.0
    assert x.grad.tolist() == [[0.0, -1.0], [0.0, 0.0]]


def test_the_mean_over_nothing_is_nan_and_the_sum_is_zero() -> None:
    x, target = medtorch.zeros(2, 3), medtorch.tensor([-100, -100])
    assert math.isnan(loss.cross_entropy(x, target).item())
    assert loss.cross_entropy(x, target, reduction="sum").item() == 0.0


def test_huge_scores_neither_overflow_nor_lose_the_loss() -> None:
    x = medtorch.tensor([[1000.0, 0.0], [0.0, 1000.0]])
    assert loss.cross_entropy(x, medtorch.tensor([1, 1]), reduction="none").tolist() == [1000.0, 0.0]
    far = medtorch.tensor([1000.0, -1000.0])
    assert loss.binary_cross_entropy_with_logits(far, medtorch.zeros(2), reduction="none").tolist() == [1000.0, 0.0]


def test_logarithms_of_zero_are_held_at_minus_100_and_gradients_stay_finite() -> None:
    p = medtorch.tensor([0.0, 1.0], dtype=medtorch.float64, requires_grad=True)
    found = loss.binary_cross_entropy(p, medtorch.tensor([1.0, 0.0], dtype=medtorch.float64), reduction="none")
    assert found.tolist() == [100.0, 100.0]
    found.sum().backward()
    assert p.grad.tolist() == [-1e12, 1e12]


def test_kl_divergence_of_a_zero_probability_is_zero() -> None:
    found = loss.kl_div(medtorch.tensor([-1.0, -2.0]), medtorch.tensor([0.0, 1.0]), reduction="none")
    assert found.tolist() == [0.0, 2.0]


def test_batchmean_divides_by_the_batch(rng: np.random.Generator) -> None:
    x, t = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    found = loss.kl_div(medtorch.from_numpy(x), medtorch.from_numpy(t), reduction="batchmean", log_target=True)
    np.testing.assert_allclose(found.item(), (np.exp(t) * (t - x)).sum() / 4, rtol=1e-12)


@pytest.mark.parametrize(
    ("old", "expected"),
    [({"reduce": False}, [1.0, 4.0]), ({"size_average": False}, 5.0), ({"size_average": True}, 2.5)],
)
def test_the_old_arguments_say_what_they_said_and_warn(old: dict[str, bool], expected: Any) -> None:
    with pytest.warns(UserWarning, match=r"^mse_loss: size_average and reduce are deprecated; use reduction="):
        found = regression_loss.mse_loss(medtorch.tensor([1.0, 2.0]), medtorch.zeros(2), **old)
    assert found.tolist() == expected


def test_shapes_that_are_stretched_are_warned_of() -> None:
    with pytest.warns(UserWarning, match=r"^l1_loss: input and target differ in shape, \(2, 1\) and \(2,\)"):
        assert regression_loss.l1_loss(medtorch.zeros(2, 1), medtorch.ones(2)).item() == 1.0


def test_weights_of_single_numbers_weigh_the_mean() -> None:
    found = regression_loss.mse_loss(medtorch.tensor([1.0, 2.0]), medtorch.zeros(2), weight=medtorch.tensor([3.0, 1.0]))
    assert found.item() == (3 * 1 + 1 * 4) / 4


def test_margin_losses_follow_their_formulas(rng: np.random.Generator) -> None:
    a, b, y = rng.normal(size=4), rng.normal(size=4), np.array([1.0, -1.0, 1.0, -1.0])
    args = [medtorch.from_numpy(v) for v in (a, b, y)]
    R = regression_loss
    found = R.margin_ranking_loss(*args, 0.5, reduction="none").numpy()
    np.testing.assert_allclose(found, np.maximum(-y * (a - b) + 0.5, 0), rtol=1e-12)
    found = R.hinge_embedding_loss(args[0], args[2], 0.5, reduction="none").numpy()
    np.testing.assert_allclose(found, np.where(y == 1, a, np.maximum(0.5 - a, 0)), rtol=1e-12)
    x = rng.normal(size=(3, 4))
    found = R.multi_margin_loss(medtorch.from_numpy(x), medtorch.tensor([0, 3, 1]), 2, 0.7, reduction="none").numpy()
    expected = [
        sum(max(0, 0.7 - x[n, c] + x[n, j]) ** 2 for j in range(4) if j != c) / 4 for n, c in enumerate((0, 3, 1))
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    t = (rng.random((3, 4)) < 0.5) * 1.0
    found = R.multilabel_soft_margin_loss(medtorch.from_numpy(x), medtorch.from_numpy(t), reduction="none").numpy()
    np.testing.assert_allclose(found, (t * np.log1p(np.exp(-x)) + (1 - t) * np.log1p(np.exp(x))).mean(1), rtol=1e-12)


def test_cosine_embedding_loss_pulls_and_pushes(rng: np.random.Generator) -> None:
    a, b, y = rng.normal(size=(4, 3)), rng.normal(size=(4, 3)), np.array([1, -1, 1, -1])
    cosine = (a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1))
    args = [medtorch.from_numpy(v) for v in (a, b, y)]
    found = regression_loss.cosine_embedding_loss(*args, 0.2, reduction="none").numpy()
    np.testing.assert_allclose(found, np.where(y == 1, 1 - cosine, np.maximum(cosine - 0.2, 0)), rtol=1e-9)


def test_gaussian_likelihood_holds_small_variances_but_not_their_gradient() -> None:
    var = medtorch.tensor([1e-9], dtype=medtorch.float64, requires_grad=True)
    x, t = medtorch.tensor([1.0], dtype=medtorch.float64), medtorch.tensor([3.0], dtype=medtorch.float64)
    found = regression_loss.gaussian_nll_loss(x, t, var, full=True, eps=0.5)
    np.testing.assert_allclose(found.item(), 0.5 * (math.log(0.5) + 4 / 0.5 + math.log(2 * math.pi)), rtol=1e-12)
    found.backward()
    np.testing.assert_allclose(var.grad.item(), 0.5 * (1 / 0.5 - 4 / 0.25), rtol=1e-9)


def test_full_poisson_likelihood_adds_stirling_above_one() -> None:
    x, t = medtorch.tensor([0.0, 0.0], dtype=medtorch.float64), medtorch.tensor([1.0, 5.0], dtype=medtorch.float64)
    found = regression_loss.poisson_nll_loss(x, t, full=True, reduction="none").numpy()
    np.testing.assert_allclose(found, [1.0, 1.0 + 5 * math.log(5) - 5 + 0.5 * math.log(10 * math.pi)], rtol=1e-12)
