"""AUROC and average precision: by hand, by counting pairs, by scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest

import medtorch
from medtorch import metrics
from medtorch.errors import ArgumentError, DtypeError, ShapeError

pytestmark = pytest.mark.requirement("REQ-F-MET-004")


def slow_auroc(scores, truth):
    """The definition: over all pairs of a positive and a negative, who scores higher; ties count half."""
    wins = [
        1.0 if p > n else 0.5 if p == n else 0.0
        for p, right in zip(scores, truth, strict=True) if right
        for n, wrong in zip(scores, truth, strict=True) if not wrong
    ]  # fmt: skip
    return sum(wins) / len(wins)


def test_values_worked_out_on_paper():
    scores, truth = [0.9, 0.8, 0.8, 0.3, 0.1], [1, 1, 0, 0, 1]
    # pairs (positive, negative): 0.9 wins 2; 0.8 ties once and wins once; 0.1 wins none
    assert metrics.auroc(scores, truth).item() == 3.5 / 6
    # thresholds 0.9: recall 1/3 at precision 1; 0.8: 2/3 at 2/3; 0.1: 1 at 3/5
    assert math.isclose(metrics.average_precision(scores, truth).item(), (1 + 2 / 3 + 3 / 5) / 3, rel_tol=1e-15)


@pytest.mark.parametrize("levels", [3, 50])
def test_auroc_is_the_share_of_pairs_in_order(levels, rng):
    scores = rng.integers(0, levels, 80) / levels
    truth = rng.integers(0, 2, 80)
    assert math.isclose(metrics.auroc(scores, truth).item(), slow_auroc(scores, truth), rel_tol=1e-14)


@pytest.mark.parametrize("levels", [3, 1000000])
def test_binary_scores_agree_with_scikit_learn(levels, rng, needs_sklearn):
    truth = rng.integers(0, 2, 400)
    scores = (rng.integers(0, levels, 400) + truth) / levels
    for mine, theirs in (
        (metrics.auroc, needs_sklearn.roc_auc_score),
        (metrics.average_precision, needs_sklearn.average_precision_score),
    ):
        assert math.isclose(mine(scores, truth).item(), theirs(truth, scores), rel_tol=1e-13)


def test_several_classes_agree_with_scikit_learn(rng, needs_sklearn):
    truth = rng.integers(0, 4, 300)
    scores = rng.dirichlet(np.ones(4), 300)
    expected = needs_sklearn.roc_auc_score(truth, scores, multi_class="ovr", average=None)
    assert np.allclose(metrics.auroc(scores, truth).numpy(), expected, rtol=1e-13, atol=0)
    assert math.isclose(metrics.auroc(scores, truth, average="macro").item(), expected.mean(), rel_tol=1e-13)
    precision = [needs_sklearn.average_precision_score(truth == c, scores[:, c]) for c in range(4)]
    assert np.allclose(metrics.average_precision(scores, truth).numpy(), precision, rtol=1e-13, atol=0)


def test_perfect_and_reversed_orders():
    truth = medtorch.tensor([0, 0, 1, 1])
    assert metrics.auroc(medtorch.tensor([0.1, 0.2, 0.3, 0.4]), truth).item() == 1.0
    assert metrics.auroc(medtorch.tensor([0.4, 0.3, 0.2, 0.1]), truth).item() == 0.0
    assert metrics.auroc(medtorch.tensor([0.5, 0.5, 0.5, 0.5]), truth).item() == 0.5


def test_infinite_scores_are_scores():
    assert metrics.auroc([-np.inf, 0.0, np.inf], [0, 0, 1]).item() == 1.0


def test_one_kind_alone_is_undefined():
    assert math.isnan(metrics.auroc([0.1, 0.2], [1, 1]).item())
    assert math.isnan(metrics.auroc([0.1, 0.2], [0, 0]).item())
    assert math.isnan(metrics.average_precision([0.1, 0.2], [0, 0]).item())
    assert metrics.average_precision([0.1, 0.2], [1, 1]).item() == 1.0
    assert math.isnan(metrics.auroc(np.zeros(0), np.zeros(0, np.int64)).item())


def test_a_macro_average_over_an_absent_class_is_undefined():
    scores = np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]])
    assert math.isnan(metrics.auroc(scores, [0, 1], average="macro").item())
    assert metrics.auroc(scores, [0, 1]).numpy()[:2].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("metric", [metrics.auroc, metrics.average_precision])
@pytest.mark.parametrize(
    ("scores", "truth", "error", "message"),
    [
        ([0, 1], [0, 1], DtypeError, "scores must be floating point, not int64"),
        ([0.5, 0.1], [0.0, 1.0], DtypeError, "truth must hold class numbers, not float64"),
        ([0.5, 0.1], [0, 1, 1], ShapeError, r"truth \(N,\)\n  scores \(2,\), truth \(3,\)"),
        ([0.5, np.nan], [0, 1], ArgumentError, "1 scores are nan"),
        ([0.5, 0.1], [0, 2], ArgumentError, "truth holds class 2, the classes are 0 to 1"),
        ([[0.5], [0.1]], [0, 1], ShapeError, r"scores of one class are given as \(N,\), not \(2, 1\)"),
    ],
)
def test_what_cannot_be_ranked_is_refused_by_name(metric, scores, truth, error, message):
    with pytest.raises(error, match=f"(?s)^{metric.__name__}: .*{message}"):
        metric(scores, truth)


def test_an_unknown_average_is_refused():
    with pytest.raises(ArgumentError, match="auroc: average must be 'none' or 'macro', not 'micro'"):
        metrics.auroc([0.5, 0.1], [0, 1], average="micro")
