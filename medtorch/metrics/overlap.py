"""Metrics of predicted label maps: how well they cover the truth. Each takes label maps, or OverlapCounts.

Requires  REQ-F-MET-003
"""

from __future__ import annotations

from typing import Any

from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.metrics import formulas
from medtorch.metrics.arrays import as_tensor
from medtorch.metrics.counts import OverlapCounts, overlap_counts


def dice(
    prediction: Any, truth: Any = None, *, num_classes: int | None = None, ignore_index: int | None = None
) -> Tensor:
    """Overlap per class, in [0, 1].

    Math      2 |P and T| / (|P| + |T|)
    Shapes    any, the same  ->  (C,)
    Undefined a class absent from both scores nan, never 0 or 1; no mean is taken here
    Source    Dice 1945, Ecology 26(3), 297-302
    Requires  REQ-F-MET-003
    """
    return as_tensor(formulas.dice_of(_counts("dice", prediction, truth, num_classes, ignore_index)))


def iou(
    prediction: Any, truth: Any = None, *, num_classes: int | None = None, ignore_index: int | None = None
) -> Tensor:
    """Intersection over union per class, in [0, 1].

    Math      |P and T| / |P or T|
    Shapes    any, the same  ->  (C,)
    Undefined a class absent from both scores nan, never 0 or 1; no mean is taken here
    Source    Jaccard 1912, New Phytologist 11(2), 37-50
    Requires  REQ-F-MET-003
    """
    return as_tensor(formulas.iou_of(_counts("iou", prediction, truth, num_classes, ignore_index)))


def _counts(
    metric: str, prediction: Any, truth: Any, num_classes: int | None, ignore_index: int | None
) -> OverlapCounts:
    if isinstance(prediction, OverlapCounts):
        if truth is not None or num_classes is not None or ignore_index is not None:
            raise ArgumentError(f"{metric}: counts go without truth, num_classes and ignore_index")
        return prediction
    if truth is None or num_classes is None:
        raise ArgumentError(f"{metric}: needs prediction, truth and num_classes, or counts")
    return overlap_counts(prediction, truth, num_classes=num_classes, ignore_index=ignore_index, metric=metric)
