"""Bootstrap confidence intervals: coverage, agreement with scipy, clusters, every metric."""

from __future__ import annotations

import math

import numpy as np
import pytest

from medtorch import metrics
from medtorch.errors import ArgumentError, ShapeError

pytestmark = pytest.mark.requirement("REQ-F-MET-006")


def ends(interval):
    return np.stack([interval.low.numpy(), interval.high.numpy()])


CLASSES = [
    metrics.ConfusionMatrix, metrics.Accuracy, metrics.BalancedAccuracy, metrics.Precision, metrics.Recall,
    metrics.Specificity, metrics.F1, metrics.Dice, metrics.IoU,
]  # fmt: skip


@pytest.mark.parametrize("method", ["percentile", "bca"])
@pytest.mark.parametrize("kind", CLASSES)
def test_every_metric_of_classes_has_an_interval_around_its_estimate(kind, method, rng):
    truth = rng.integers(0, 3, 120)
    prediction = np.where(rng.random(120) < 0.7, truth, rng.integers(0, 3, 120))
    found = metrics.bootstrap(kind(3), prediction, truth, n_resamples=400, method=method)
    assert np.array_equal(found.estimate.numpy(), _whole(kind, prediction, truth))
    assert found.estimate.shape == found.low.shape == found.high.shape == found.undefined.shape
    assert (found.low.numpy() <= found.estimate.numpy()).all()
    assert (found.estimate.numpy() <= found.high.numpy()).all()
    assert (found.low.numpy() < found.high.numpy()).all()


def _whole(kind, prediction, truth):
    metric = kind(3)
    metric.update(prediction, truth)
    return metric.compute().numpy()


@pytest.mark.parametrize("kind", [metrics.AUROC, metrics.AveragePrecision])
def test_every_ranking_has_an_interval_around_its_estimate(kind, rng):
    truth = rng.integers(0, 2, 150)
    scores = rng.normal(size=150) + truth
    found = metrics.bootstrap(kind(), scores, truth, n_resamples=400, method="bca")
    assert found.low.item() < found.estimate.item() < found.high.item()
    assert found.high.item() - found.low.item() < 0.25


def test_resampling_by_weights_is_resampling_by_copies(rng):
    """Each resample's value, recomputed from real copies of the cases."""
    truth = rng.integers(0, 2, 25)
    scores = np.round(rng.random(25), 1)
    metric = metrics.AUROC()
    metric.update(scores, truth)
    weights = np.stack([np.bincount(rng.integers(0, 25, 25), minlength=25) for _ in range(20)]).astype(float)
    found = metric.values(metric.counts.weighted(weights))
    for value, row in zip(found, weights.astype(int), strict=True):
        expected = metrics.auroc(np.repeat(scores, row), np.repeat(truth, row)).item()
        assert math.isclose(value, expected, rel_tol=1e-14)


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_intervals_agree_with_scipy(method, rng, needs_scipy_stats):
    right = (rng.random(200) < 0.8).astype(np.int64)
    truth = np.ones(200, np.int64)
    mine = metrics.bootstrap(metrics.Accuracy(2), right, truth, n_resamples=20000, method=method)
    theirs = needs_scipy_stats.bootstrap(
        (right,), np.mean, n_resamples=20000, method=method, rng=np.random.default_rng(0)
    ).confidence_interval
    # two independent draws of 20000 resamples: the ends move by less than one step of 1/200
    assert np.abs(ends(mine) - [theirs.low, theirs.high]).max() <= 0.0051


def test_the_acceleration_is_that_of_a_skewed_mean(rng, needs_scipy_stats):
    values = rng.exponential(size=40)
    metric = metrics.CaseMean()
    metric.update(values)
    mine = metrics.bootstrap(metric, n_resamples=40000, method="bca")
    theirs = needs_scipy_stats.bootstrap(
        (values,), np.mean, n_resamples=40000, method="BCa", rng=np.random.default_rng(0)
    ).confidence_interval
    # the standard error of an end is near 0.006 with 40000 resamples; bca shifts the ends here by 0.04
    assert np.abs(ends(mine) - [theirs.low, theirs.high]).max() < 0.02
    plain = metrics.bootstrap(metric, n_resamples=40000)
    assert ends(mine)[1] > ends(plain)[1] + 0.02


def test_nine_of_ten_intervals_hold_the_true_value():
    rng, held = np.random.default_rng(1), 0
    for trial in range(400):
        right = (rng.random(120) < 0.8).astype(np.int64)
        found = metrics.bootstrap(
            metrics.Accuracy(2), right, np.ones_like(right), n_resamples=400, confidence=0.9, seed=trial
        )
        held += found.low.item() <= 0.8 <= found.high.item()
    assert (
        abs(held / 400 - 0.9) < 4 * math.sqrt(0.09 / 400) + 0.02
    )  # 4 standard deviations, and the bootstrap's own bias


def test_images_are_the_cases_of_dice(rng):
    """One bad image among nine good ones: intervals by image are wide, by pixel they would be narrow."""
    truth = np.zeros((10, 20, 20), np.int64)
    truth[:, 5:15, 5:15] = 1
    prediction = truth.copy()
    prediction[0] = 0
    by_image = metrics.bootstrap(metrics.Dice(2), prediction, truth)
    assert by_image.units == 10
    by_pixel = metrics.bootstrap(metrics.Dice(2), prediction.reshape(-1), truth.reshape(-1), n_resamples=200)
    assert by_pixel.units == 4000
    width = ends(by_image)[1, 1] - ends(by_image)[0, 1]
    assert width > 5 * (ends(by_pixel)[1, 1] - ends(by_pixel)[0, 1])


def test_images_of_different_sizes_can_be_counted_one_by_one(rng):
    dice = metrics.Dice(2, cases=True)
    for size in (8, 12, 16, 20):
        truth = rng.integers(0, 2, (1, size, size))
        dice.update(np.where(rng.random((1, size, size)) < 0.8, truth, 1 - truth), truth)
    found = metrics.bootstrap(dice)
    assert found.units == 4
    assert np.array_equal(found.estimate.numpy(), dice.compute().numpy())


def test_patients_are_drawn_whole():
    """Ten patients with ten equal answers each: the interval is that of ten cases, not of a hundred."""
    right = np.repeat([1, 1, 1, 1, 1, 1, 0, 0, 0, 0], 10)
    patients = np.repeat([f"patient {n}" for n in range(10)], 10)
    truth = np.ones(100, np.int64)
    by_patient = metrics.bootstrap(metrics.Accuracy(2), right, truth, by=patients)
    by_image = metrics.bootstrap(metrics.Accuracy(2), right, truth)
    ten = metrics.bootstrap(metrics.Accuracy(2), right[::10], truth[::10])
    assert by_patient.units == 10
    assert np.array_equal(ends(by_patient), ends(ten))
    assert by_patient.high.item() - by_patient.low.item() > 2.5 * (by_image.high.item() - by_image.low.item())


def test_the_same_seed_gives_the_same_interval_and_another_seed_another(rng):
    truth = rng.integers(0, 2, 57)
    scores = rng.normal(size=57) + truth
    one, same, other = (metrics.bootstrap(metrics.AUROC(), scores, truth, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(ends(one), ends(same))
    assert not np.array_equal(ends(one), ends(other))


def test_a_wider_confidence_gives_a_wider_interval(rng):
    truth = rng.integers(0, 2, 80)
    prediction = np.where(rng.random(80) < 0.8, truth, 1 - truth)
    narrow, wide = (metrics.bootstrap(metrics.Accuracy(2), prediction, truth, confidence=c) for c in (0.8, 0.99))
    assert wide.low.item() < narrow.low.item() < narrow.high.item() < wide.high.item()


def test_undefined_resamples_are_counted_and_an_undefined_estimate_has_no_interval():
    truth = np.array([1] + [0] * 9)
    found = metrics.bootstrap(metrics.Recall(3), truth, truth, n_resamples=2000)
    share = found.undefined.numpy() / 2000
    assert share[0] == 0.0
    assert abs(share[1] - 0.9**10) < 5 * math.sqrt(0.9**10 * (1 - 0.9**10) / 2000)
    assert share[2] == 1.0
    assert np.isnan([found.estimate.numpy()[2], found.low.numpy()[2], found.high.numpy()[2]]).all()


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_a_metric_that_cannot_vary_has_an_interval_of_one_point(method):
    right = np.ones(20, np.int64)
    found = metrics.bootstrap(metrics.Accuracy(2), right, right, method=method)
    assert (found.low.item(), found.high.item()) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_resamples": 99}, "n_resamples must be at least 100, not 99"),
        ({"confidence": 1.0}, "confidence must lie between 0 and 1, not 1.0"),
        ({"method": "basic"}, "method must be 'percentile' or 'bca', not 'basic'"),
        ({"by": [1, 1, 1]}, "1 unit cannot be resampled, at least 2 are needed"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ArgumentError, match=f"^bootstrap: {message}"):
        metrics.bootstrap(metrics.Accuracy(2), [0, 1, 1], [0, 1, 0], **arguments)


def test_clusters_that_do_not_fit_the_cases_are_refused():
    with pytest.raises(ShapeError, match=r"by must name a cluster for each of the 3 cases, not \(2,\)"):
        metrics.bootstrap(metrics.Accuracy(2), [0, 1, 1], [0, 1, 0], by=[1, 2])


def test_a_metric_without_cases_is_refused():
    metric = metrics.Accuracy(2)
    metric.update([0, 1], [0, 1])
    with pytest.raises(
        ArgumentError, match=r"Accuracy\(num_classes=2, ignore_index=None, cases=False\) was made without"
    ):
        metrics.bootstrap(metric)
    with pytest.raises(ArgumentError, match="bootstrap: the metric has counted nothing yet"):
        metrics.bootstrap(metrics.Accuracy(2, cases=True))
