"""Metrics on tensors: counts that add up, then one formula; undefined is nan; a confidence interval for every one.

Requires  REQ-F-MET-001
"""

from medtorch.metrics.bootstrap import Interval, bootstrap
from medtorch.metrics.classification import (
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    f1,
    precision,
    recall,
    sensitivity,
    specificity,
)
from medtorch.metrics.counts import (
    ConfusionCounts,
    MeanCounts,
    OverlapCounts,
    confusion_counts,
    mask_overlap_counts,
    overlap_counts,
)
from medtorch.metrics.overlap import dice, iou
from medtorch.metrics.ranking import RankCounts, ScoredCases, auroc, average_precision
from medtorch.metrics.streaming import (
    AUROC,
    F1,
    Accuracy,
    AveragePrecision,
    BalancedAccuracy,
    CaseMean,
    ConfusionMatrix,
    Dice,
    IoU,
    Metric,
    Precision,
    Recall,
    Sensitivity,
    Specificity,
)

__all__ = [
    "AUROC",
    "F1",
    "Accuracy",
    "AveragePrecision",
    "BalancedAccuracy",
    "CaseMean",
    "ConfusionCounts",
    "ConfusionMatrix",
    "Dice",
    "Interval",
    "IoU",
    "MeanCounts",
    "Metric",
    "OverlapCounts",
    "Precision",
    "RankCounts",
    "Recall",
    "ScoredCases",
    "Sensitivity",
    "Specificity",
    "accuracy",
    "auroc",
    "average_precision",
    "balanced_accuracy",
    "bootstrap",
    "confusion_counts",
    "confusion_matrix",
    "dice",
    "f1",
    "iou",
    "mask_overlap_counts",
    "overlap_counts",
    "precision",
    "recall",
    "sensitivity",
    "specificity",
]
