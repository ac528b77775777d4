"""The formulas: counts in, numbers out. Leading axes (cases, resamples) are kept; 0 / 0 is nan."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medtorch.metrics.arrays import ratio
from medtorch.metrics.counts import ConfusionCounts, MeanCounts, OverlapCounts

Values = NDArray[np.float64]


def _diagonal(counts: ConfusionCounts) -> Values:
    return np.diagonal(counts.matrix, axis1=-2, axis2=-1)


def matrix_of(counts: ConfusionCounts) -> Values:
    """The confusion matrix itself."""
    return counts.matrix.astype(np.float64)


def accuracy_of(counts: ConfusionCounts) -> Values:
    """sum_c M[c, c] / sum M"""
    return ratio(_diagonal(counts).sum(axis=-1), counts.matrix.sum(axis=(-2, -1)))


def precision_of(counts: ConfusionCounts) -> Values:
    """TP / (TP + FP)"""
    return ratio(_diagonal(counts), counts.matrix.sum(axis=-2))


def recall_of(counts: ConfusionCounts) -> Values:
    """TP / (TP + FN)"""
    return ratio(_diagonal(counts), counts.matrix.sum(axis=-1))


def specificity_of(counts: ConfusionCounts) -> Values:
    """TN / (TN + FP)"""
    negatives = counts.matrix.sum(axis=(-2, -1))[..., None] - counts.matrix.sum(axis=-1)
    false_positives = counts.matrix.sum(axis=-2) - _diagonal(counts)
    return ratio(negatives - false_positives, negatives)


def f1_of(counts: ConfusionCounts) -> Values:
    """2 TP / (2 TP + FP + FN)"""
    return ratio(2 * _diagonal(counts), counts.matrix.sum(axis=-2) + counts.matrix.sum(axis=-1))


def balanced_accuracy_of(counts: ConfusionCounts) -> Values:
    """(1 / C) sum_c TP_c / (TP_c + FN_c)"""
    return np.mean(recall_of(counts), axis=-1)  # type: ignore[no-any-return]


def dice_of(counts: OverlapCounts) -> Values:
    """2 |P and T| / (|P| + |T|)"""
    return ratio(2 * counts.intersection, counts.prediction + counts.truth)


def iou_of(counts: OverlapCounts) -> Values:
    """|P and T| / |P or T|"""
    return ratio(counts.intersection, counts.prediction + counts.truth - counts.intersection)


def mean_of(counts: MeanCounts) -> Values:
    """sum / defined"""
    return ratio(counts.sum, counts.defined)
