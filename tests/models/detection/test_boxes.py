"""Overlaps, and which boxes are kept. Oracle: tests/oracles/detection.py."""

from __future__ import annotations

import math

import numpy as np
import pytest

import medtorch
from medtorch.errors import ArgumentError, ShapeError
from medtorch.models import detection
from medtorch.models.detection import boxes as room
from tests.oracles import detection as slow

pytestmark = pytest.mark.requirement("REQ-F-MOD-034")


def some(rng, n, side=20.0):
    corners = rng.uniform(0, side, (n, 2))
    return np.concatenate([corners, corners + rng.uniform(0.1, side / 2, (n, 2))], 1)


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.5, 0.9])
def test_of_boxes_that_overlap_the_best_is_kept(threshold, rng):
    for n in (0, 1, 7, 40):
        boxes, scores = some(rng, n), rng.uniform(0, 1, n)
        found = detection.nms(medtorch.tensor(boxes.reshape(-1, 4)), medtorch.tensor(scores), threshold)
        assert found.dtype is medtorch.int64
        assert found.tolist() == slow.nms(boxes, scores, threshold)


def test_equal_scores_keep_their_order():
    boxes = medtorch.tensor([[0.0, 0, 2, 2], [5, 5, 7, 7], [0, 0, 2, 2]])
    assert detection.nms(boxes, medtorch.ones(3), 0.5).tolist() == [0, 1]


@pytest.mark.parametrize("n", [30, 1500])
def test_classes_do_not_suppress_each_other(n, rng):
    boxes, scores, classes = some(rng, n, side=60.0), rng.permutation(n) / n, rng.integers(0, 3, n)
    found = detection.batched_nms(
        medtorch.tensor(boxes), medtorch.tensor(scores), medtorch.tensor(classes), 0.3
    ).tolist()
    expected = [int(p) for c in range(3) for p in np.flatnonzero(classes == c)[_kept(boxes, scores, classes == c)]]
    assert found == sorted(expected, key=lambda place: -scores[place])


def _kept(boxes, scores, here):
    places = np.flatnonzero(here)
    order = np.argsort(-scores[places], kind="stable")
    corners = boxes[places][order]
    kept: list[int] = []
    for i in range(len(order)):
        best = corners[kept]
        wide = np.minimum(best[:, 2], corners[i, 2]) - np.maximum(best[:, 0], corners[i, 0])
        high = np.minimum(best[:, 3], corners[i, 3]) - np.maximum(best[:, 1], corners[i, 1])
        both = np.maximum(wide, 0) * np.maximum(high, 0)
        sizes = (best[:, 2] - best[:, 0]) * (best[:, 3] - best[:, 1])
        own = (corners[i, 2] - corners[i, 0]) * (corners[i, 3] - corners[i, 1])
        if not (both / (sizes + own - both) > 0.3).any():
            kept.append(i)
    return order[kept]


def test_overlaps_are_those_of_the_definition(rng):
    first, second = some(rng, 5), some(rng, 4)
    found = detection.box_iou(medtorch.tensor(first), medtorch.tensor(second)).numpy()
    assert np.abs(found - [[slow.overlap(a, b) for b in second] for a in first]).max() < 1e-15
    for half in (medtorch.float16, medtorch.bfloat16):
        assert detection.box_area(medtorch.tensor([[0.0, 0, 300, 300]], dtype=half)).item() == 90000


def test_generalized_overlap_falls_with_the_gap():
    box = medtorch.tensor([[0.0, 0, 1, 1]], dtype=medtorch.float64)
    apart = medtorch.tensor([[3.0, 0, 4, 1], [0, 0, 1, 1], [0, 0, 2, 1]], dtype=medtorch.float64)
    assert detection.generalized_box_iou(box, apart).tolist() == [[-0.5, 1.0, 0.5]]
    loss = detection.generalized_box_iou_loss(box.expand(3, 4), apart, reduction="none")
    assert np.abs(loss.numpy() - [1.5, 0.0, 0.5]).max() < 1e-6
    assert detection.generalized_box_iou_loss(box[:0], box[:0], reduction="mean").item() == 0
    with pytest.raises(ArgumentError, match="reduction must be 'none', 'mean' or 'sum', got 'max'"):
        detection.generalized_box_iou_loss(box, box, reduction="max")


def test_formats_are_converted_there_and_back(rng):
    boxes = medtorch.tensor([[1.0, 2.0, 5.0, 8.0]])
    assert detection.box_convert(boxes, "xyxy", "xywh").tolist() == [[1, 2, 4, 6]]
    assert detection.box_convert(boxes, "xyxy", "cxcywh").tolist() == [[3, 5, 4, 6]]
    for fmt in ("xyxy", "xywh", "cxcywh"):
        there = detection.box_convert(boxes, "xyxy", fmt)
        assert detection.box_convert(there, fmt, "xyxy").tolist() == boxes.tolist()
    assert detection.box_convert(medtorch.tensor([[1.0, 2, 4, 6]]), "xywh", "cxcywh").tolist() == [[3, 5, 4, 6]]
    with pytest.raises(ArgumentError, match="a format is 'xyxy', 'xywh' or 'cxcywh', got 'yxyx'"):
        detection.box_convert(boxes, "yxyx", "xyxy")


def test_boxes_are_cut_at_the_edge_and_small_ones_found():
    boxes = medtorch.tensor([[-3.0, 2, 50, 8], [4, 4, 4.5, 9], [1, 1, 3, 3]])
    assert detection.clip_boxes_to_image(boxes, (6, 10)).tolist() == [[0, 2, 10, 6], [4, 4, 4.5, 6], [1, 1, 3, 3]]
    assert detection.remove_small_boxes(boxes, 2).tolist() == [0, 2]


def test_masks_have_their_boxes():
    masks = medtorch.zeros(3, 5, 6)
    masks[0, 1:4, 2:5] = 1
    masks[1, 4, 0] = 0.5
    assert detection.masks_to_boxes(masks).tolist() == [[2, 1, 4, 3], [0, 4, 0, 4], [0, 0, 0, 0]]


def test_focal_loss_is_its_formula(rng):
    x, t = rng.standard_normal(20), (rng.uniform(size=20) < 0.5).astype(float)
    p = 1 / (1 + np.exp(-x))
    right = np.where(t == 1, p, 1 - p)
    expected = -np.where(t == 1, 0.3, 0.7) * (1 - right) ** 2.5 * np.log(right)
    given = (medtorch.tensor(x), medtorch.tensor(t))
    for reduction, value in (("none", expected), ("sum", expected.sum()), ("mean", expected.mean())):
        found = detection.sigmoid_focal_loss(*given, alpha=0.3, gamma=2.5, reduction=reduction)
        assert np.abs(found.numpy() - value).max() < 1e-12
    plain = detection.sigmoid_focal_loss(*given, alpha=-1, gamma=0, reduction="sum").item()
    assert math.isclose(plain, -np.log(right).sum(), rel_tol=1e-12)
    with pytest.raises(ArgumentError, match="alpha must lie between 0 and 1, or be -1, got 2"):
        detection.sigmoid_focal_loss(*given, alpha=2)


def test_boxes_and_scores_must_belong_together():
    with pytest.raises(ShapeError, match=r"nms: needs boxes \(n, 4\) and scores \(n,\), got \(2, 4\), \(3,\)"):
        detection.nms(medtorch.zeros(2, 4), medtorch.zeros(3), 0.5)


def test_places_are_where_a_mask_holds():
    assert room.places(medtorch.tensor([False, True, True])).tolist() == [1, 2]
