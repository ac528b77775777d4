"""Streaming metrics: batches and shards give the value of the whole, exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest

from medtorch import metrics
from medtorch.errors import ArgumentError, ShapeError

pytestmark = pytest.mark.requirement("REQ-F-MET-005")

FUNCTIONS = {
    metrics.ConfusionMatrix: metrics.confusion_matrix,
    metrics.Accuracy: metrics.accuracy,
    metrics.BalancedAccuracy: metrics.balanced_accuracy,
    metrics.Precision: metrics.precision,
    metrics.Recall: metrics.recall,
    metrics.Specificity: metrics.specificity,
    metrics.F1: metrics.f1,
    metrics.Dice: metrics.dice,
    metrics.IoU: metrics.iou,
}
RANKINGS = {metrics.AUROC: metrics.auroc, metrics.AveragePrecision: metrics.average_precision}


def same(left, right):
    return np.array_equal(left.numpy(), right.numpy(), equal_nan=True)


@pytest.mark.parametrize("kind", FUNCTIONS)
@pytest.mark.parametrize("cases", [False, True])
def test_batches_and_shards_give_the_whole_exactly(kind, cases, rng):
    truth, prediction = rng.integers(0, 4, (2, 30, 5))
    whole = FUNCTIONS[kind](prediction, truth, num_classes=4)
    shards = []
    for part in np.array_split(rng.permutation(30), 3):
        shard = kind(4, cases=cases)
        for batch in np.array_split(part, 2):
            shard.update(prediction[batch], truth[batch])
        shards.append(shard)
    for order in ([0, 1, 2], [2, 0, 1]):
        merged = kind(4, cases=cases).merge(*(shards[place] for place in order))
        assert same(merged.compute(), whole)


@pytest.mark.parametrize("kind", RANKINGS)
def test_shards_of_rankings_give_the_whole_exactly(kind, rng):
    scores, truth = rng.integers(0, 9, (40, 3)) / 9, rng.integers(0, 3, 40)
    shards = []
    for part in np.array_split(rng.permutation(40), 3):
        shard = kind(average="macro")
        shard.update(scores[part], truth[part])
        shards.append(shard)
    assert same(shards[2].merge(shards[0], shards[1]).compute(), RANKINGS[kind](scores, truth, average="macro"))


def test_single_cases_can_be_looked_at():
    dice = metrics.Dice(2, cases=True)
    dice.update([[1, 1, 0, 0]], [[1, 0, 0, 0]])
    dice.update([[0, 0, 0, 0]], [[0, 0, 0, 0]])
    found = dice.per_case().numpy()
    assert np.allclose(found, [[4 / 5, 2 / 3], [1.0, np.nan]], rtol=1e-15, equal_nan=True)
    assert np.allclose(dice.compute().numpy(), [12 / 13, 2 / 3], rtol=1e-15)


def test_the_mean_over_images_counts_undefined_ones_apart():
    mean = metrics.CaseMean()
    mean.update(np.array([[0.5, np.nan], [1.0, np.nan]]))
    mean.update(np.array([[np.nan, np.nan], [0.9, 0.25]]))
    assert np.allclose(mean.compute().numpy(), [0.8, 0.25], rtol=1e-15)
    assert mean.defined().numpy().tolist() == [3, 1]
    empty = metrics.CaseMean()
    empty.update(np.array([np.nan]))
    assert math.isnan(empty.compute().item())


def test_the_mean_does_not_depend_on_the_order_of_shards(rng):
    values = rng.random(1000) * 10.0 ** rng.integers(-8, 8, 1000)
    shards = []
    for part in np.array_split(rng.permutation(1000), 7):
        shard = metrics.CaseMean()
        shard.update(values[part])
        shards.append(shard)
    whole = metrics.CaseMean()
    whole.update(values)
    assert shards[3].merge(*shards[:3], *shards[4:]).compute().item() == whole.compute().item()
    assert whole.compute().item() == math.fsum(values) / 1000


def test_reset_forgets():
    metric = metrics.Accuracy(2)
    metric.update([0, 1], [1, 0])
    metric.reset()
    metric.update([0], [0])
    assert metric.compute().item() == 1.0


def test_merging_into_nothing_takes_the_counts_and_leaves_the_other_alone():
    one = metrics.Accuracy(2)
    one.update([0, 1], [1, 1])
    both = metrics.Accuracy(2).merge(one, metrics.Accuracy(2))
    both.update([0, 0], [0, 0])
    assert both.compute().item() == 0.75
    assert one.compute().item() == 0.5


@pytest.mark.parametrize(
    "other",
    [metrics.Accuracy(3), metrics.Recall(2), metrics.Accuracy(2, cases=True), metrics.Accuracy(2, ignore_index=0)],
)
def test_metrics_that_do_not_match_are_not_merged(other):
    with pytest.raises(ArgumentError, match=r"^Accuracy: cannot merge \{'num_classes': 2, .*\} with "):
        metrics.Accuracy(2).merge(other)


def test_a_value_before_the_first_update_is_refused():
    with pytest.raises(ArgumentError, match=r"^Dice: nothing was counted yet$"):
        metrics.Dice(2).compute()


def test_cases_that_were_not_kept_cannot_be_looked_at():
    metric = metrics.Dice(2)
    metric.update([[1]], [[1]])
    with pytest.raises(ArgumentError, match="Dice: made without cases=True, it does not know single cases"):
        metric.per_case()
    ranking = metrics.AUROC()
    ranking.update([0.5], [1])
    with pytest.raises(ArgumentError, match="AUROC: a single case cannot be ranked"):
        ranking.per_case()


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ArgumentError, match="AUROC: a ranking always keeps its cases"):
        metrics.AUROC(cases=False)
    with pytest.raises(ArgumentError, match="CaseMean: always keeps its cases"):
        metrics.CaseMean(cases=False)
    with pytest.raises(
        ShapeError, match=r"CaseMean: values must be floating point, \(N,\) or \(N, K\), not \(2,\) int64"
    ):
        metrics.CaseMean().update(np.array([1, 2]))
    with pytest.raises(ArgumentError, match="CaseMean: takes values alone, no truth"):
        metrics.CaseMean()._count(np.array([1.0]), [1])


def test_rankings_of_different_numbers_of_classes_do_not_mix():
    ranking = metrics.AUROC()
    ranking.update([[0.5, 0.5]], [1])
    with pytest.raises(ShapeError, match="scores of 2 and of 3 classes do not add up"):
        ranking.update([[0.5, 0.2, 0.3]], [1])
