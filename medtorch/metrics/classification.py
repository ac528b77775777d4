"""Metrics of predicted classes. Each takes class numbers, or the counts of a ConfusionCounts.

Class numbers are whole numbers from 0 to `num_classes` - 1 (booleans are classes 0 and 1), in any shape; elements whose
truth is `ignore_index` are left out. One number a class comes back; no mean is taken unless the name says so. Of a
binary problem (`num_classes=2`), entry 1 is the positive class.

Undefined a quotient 0 / 0 is nan, never 0 or 1
Requires  REQ-F-MET-001, REQ-F-MET-002
"""

from __future__ import annotations

from typing import Any

from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.metrics import formulas
from medtorch.metrics.arrays import as_tensor
from medtorch.metrics.counts import ConfusionCounts, confusion_counts


def confusion_matrix(
    prediction: Any, truth: Any = None, *, num_classes: int | None = None, ignore_index: int | None = None
) -> Tensor:
    """How often class t (row) was taken for class p (column).

    Shapes    any, the same  ->  (C, C)
    Requires  REQ-F-MET-001
    """
    return as_tensor(formulas.matrix_of(_counts("confusion_matrix", prediction, truth, num_classes, ignore_index)))


def accuracy(
    prediction: Any, truth: Any = None, *, num_classes: int | None = None, ignore_index: int | None = None
) -> Tensor:
    """Share of elements whose class is right.

    Math      sum_c M[c, c] / sum M
    Shapes    any, the same  ->  ()
    Undefined nan without any element
    Requires  REQ-F-MET-002
    """
    return as_tensor(formulas.accuracy_of(_counts("accuracy", prediction, truth, num_classes, ignore_index)))


def balanced_accuracy(
    prediction: Any, truth: Any = None, *, num_classes: int | None = None, ignore_index: int | None = None
) -> Tensor:
    """Mean of the classes' recalls.

    Math      (1 / C) sum_c TP_c / (TP_c + FN_c)
    Shapes    any, the same  ->  ()
    Undefined nan if any class is absent from the truth: its recall is unknown
    Source    Brodersen et al. 2010, ICPR, 3121-3124
    Requires  REQ-F-MET-002
    """
    counts = _counts("balanced_accuracy", prediction, truth, num_classes, ignore_index)
    return as_tensor(formulas.balanced_accuracy_of(counts))


def precision(
    prediction: Any, truth: Any = None, *, num_classes: int | None = None, ignore_index: int | None = None
) -> Tensor:
    """Of what was called a class, the share that is it (positive predictive value).

    Math      TP / (TP + FP)
    Shapes    any, the same  ->  (C,)
    Undefined a class that was never predicted scores nan
    Requires  REQ-F-MET-002
    """
    return as_tensor(formulas.precision_of(_counts("precision", prediction, truth, num_classes, ignore_index)))


def recall(
    prediction: Any, truth: Any = None, *, num_classes: int | None = None, ignore_index: int | None = None
) -> Tensor:
    """Of what is a class, the share that was found (sensitivity, true positive rate).

    Math      TP / (TP + FN)
    Shapes    any, the same  ->  (C,)
    Undefined a class that is absent from the truth scores nan
    Requires  REQ-F-MET-002
    """
    return as_tensor(formulas.recall_of(_counts("recall", prediction, truth, num_classes, ignore_index)))


sensitivity = recall


def specificity(
    prediction: Any, truth: Any = None, *, num_classes: int | None = None, ignore_index: int | None = None
) -> Tensor:
    """Of what is not a class, the share that was not called it (true negative rate).

    Math      TN / (TN + FP)
    Shapes    any, the same  ->  (C,)
    Undefined a class that every element of the truth has scores nan
    Requires  REQ-F-MET-002
    """
    return as_tensor(formulas.specificity_of(_counts("specificity", prediction, truth, num_classes, ignore_index)))


def f1(
    prediction: Any, truth: Any = None, *, num_classes: int | None = None, ignore_index: int | None = None
) -> Tensor:
    """Harmonic mean of precision and recall.

    Math      2 TP / (2 TP + FP + FN)
    Shapes    any, the same  ->  (C,)
    Undefined a class absent from both prediction and truth scores nan
    Source    van Rijsbergen 1979, Information Retrieval, chapter 7
    Requires  REQ-F-MET-002
    """
    return as_tensor(formulas.f1_of(_counts("f1", prediction, truth, num_classes, ignore_index)))


def _counts(
    metric: str, prediction: Any, truth: Any, num_classes: int | None, ignore_index: int | None
) -> ConfusionCounts:
    if isinstance(prediction, ConfusionCounts):
        if truth is not None or num_classes is not None or ignore_index is not None:
            raise ArgumentError(f"{metric}: counts go without truth, num_classes and ignore_index")
        return prediction
    if truth is None or num_classes is None:
        raise ArgumentError(f"{metric}: needs prediction, truth and num_classes, or counts")
    return confusion_counts(prediction, truth, num_classes=num_classes, ignore_index=ignore_index, metric=metric)
