"""Faults in metrics."""

from __future__ import annotations

from medtorch.metrics.arrays import ratio
from medtorch.metrics.bootstrap import _ends, _units
from medtorch.metrics.formulas import dice_of, precision_of, recall_of
from medtorch.metrics.ranking import _area, _mean_precision
from medtorch.metrics.streaming import Metric
from tests.falsifiers.seeding import Seeding, falsifies

BOOTSTRAP = "tests/metrics/test_bootstrap.py"
CLASSIFICATION = "tests/metrics/test_classification.py"
RANKING = "tests/metrics/test_ranking.py"
STREAMING = "tests/metrics/test_streaming.py"


@falsifies("REQ-F-MET-001", noticed_by=f"{CLASSIFICATION}::test_a_class_never_predicted_has_no_precision_but_a_recall")
def test_truth_and_prediction_exchanged_in_precision(fault: Seeding):
    fault.edit(precision_of, "axis=-2", "axis=-1")


@falsifies(
    "REQ-F-MET-001",
    "REQ-F-MET-002",
    noticed_by=f"{CLASSIFICATION}::test_a_class_never_predicted_has_no_precision_but_a_recall",
)
def test_truth_and_prediction_exchanged_in_recall(fault: Seeding):
    fault.edit(recall_of, "axis=-1", "axis=-2")


@falsifies("REQ-F-MET-002", noticed_by=f"{CLASSIFICATION}::test_a_class_never_predicted_has_no_precision_but_a_recall")
def test_an_undefined_class_that_scores_zero(fault: Seeding):
    fault.edit(ratio, "np.nan", "0.0")


@falsifies("REQ-F-MET-003", noticed_by=f"{CLASSIFICATION}::test_dice_of_cases_is_one_row_an_image")
def test_dice_with_the_intersection_once(fault: Seeding):
    fault.edit(dice_of, "2 * counts.intersection", "counts.intersection")


@falsifies("REQ-F-MET-004", noticed_by=f"{RANKING}::test_auroc_is_the_share_of_pairs_in_order[3]")
def test_ties_that_count_as_won(fault: Seeding):
    fault.edit(_area, "0.5 * counts.negatives", "counts.negatives")


@falsifies("REQ-F-MET-004", noticed_by=f"{RANKING}::test_binary_scores_agree_with_scikit_learn[3]")
def test_a_precision_without_its_false_positives(fault: Seeding):
    fault.edit(_mean_precision, "found / np.where(called == 0, 1, called)", "found / np.maximum(found, 1)")


@falsifies(
    "REQ-F-MET-005", noticed_by=f"{STREAMING}::test_batches_and_shards_give_the_whole_exactly[False-ConfusionMatrix]"
)
def test_a_merge_that_forgets_the_other(fault: Seeding):
    fault.edit(Metric.merge, "if other.counts is not None:", "if False:")


@falsifies("REQ-F-MET-005", noticed_by=f"{STREAMING}::test_metrics_that_do_not_match_are_not_merged[other0]")
def test_another_metric_that_is_merged(fault: Seeding):
    fault.edit(Metric.merge, "other.settings() != self.settings()", "False")


@falsifies("REQ-F-MET-006", noticed_by=f"{BOOTSTRAP}::test_patients_are_drawn_whole")
def test_clusters_that_are_drawn_apart(fault: Seeding):
    fault.edit(
        _units,
        "names, unit_of_case = np.unique(clusters, return_inverse=True)",
        "names, unit_of_case = np.arange(cases), np.arange(cases)",
    )


@falsifies("REQ-F-MET-006", noticed_by=f"{BOOTSTRAP}::test_the_acceleration_is_that_of_a_skewed_mean")
def test_an_interval_of_one_tail(fault: Seeding):
    fault.edit(_ends, "(1.0 - confidence) / 2.0", "1.0 - confidence")
