"""Features of boxes. Oracle: tests/oracles/detection.py, one place at a time."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch.errors import ArgumentError, DtypeError, ShapeError
from medtorch.models.detection import MultiScaleRoIAlign, RoIAlign, roi_align
from medtorch.models.detection import roi_align as public
from tests.oracles import detection as slow

pytestmark = pytest.mark.requirement("REQ-F-MOD-034")


def rois(rng, n):
    corners = rng.uniform(-2, 10, (n, 2))
    return np.concatenate([rng.integers(0, 2, (n, 1)), corners, corners + rng.uniform(0, 8, (n, 2))], 1)


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("ratio", [-1, 0, 1, 2, 3])
def test_a_cell_is_the_mean_of_its_places(aligned, ratio, rng):
    x, boxes = rng.standard_normal((2, 3, 7, 9)), rois(rng, 6)
    expected = slow.roi_align(x, boxes, (2, 3), 0.7, ratio, aligned)
    found = roi_align(medtorch.tensor(x), medtorch.tensor(boxes), (2, 3), 0.7, ratio, aligned).numpy()
    assert np.abs(found - expected).max() < 1e-12
    layer = RoIAlign((2, 3), 0.7, ratio, aligned)
    single = layer(medtorch.tensor(x, dtype=medtorch.float32), medtorch.tensor(boxes, dtype=medtorch.float32))
    assert np.abs(single.numpy() - expected).max() < 1e-4


def test_the_gradient_is_that_of_a_linear_map(rng):
    x, boxes = rng.standard_normal((2, 3, 7, 9)), medtorch.tensor(rois(rng, 6))
    given = medtorch.tensor(x).requires_grad_()
    out = roi_align(given, boxes, 2, 0.7, 2)
    weights = rng.standard_normal(tuple(out.shape))
    (out * medtorch.tensor(weights)).sum().backward()
    other = rng.standard_normal(x.shape)
    moved = roi_align(medtorch.tensor(other), boxes, 2, 0.7, 2).numpy()
    assert abs((given.grad.numpy() * other).sum() - (moved * weights).sum()) < 1e-10


def test_many_boxes_are_done_in_parts(rng, monkeypatch):
    x, boxes = medtorch.tensor(rng.standard_normal((2, 3, 7, 9))), medtorch.tensor(rois(rng, 9))
    whole = roi_align(x, boxes, 2)
    monkeypatch.setitem(roi_align.__globals__, "_AT_ONCE", 100)
    assert roi_align(x, boxes, 2).tolist() == whole.tolist()


def test_boxes_of_each_image_are_numbered(rng):
    x = medtorch.tensor(rng.standard_normal((2, 3, 7, 9)))
    first, second = medtorch.tensor(rois(rng, 2)[:, 1:]), medtorch.tensor(rois(rng, 1)[:, 1:])
    numbered = medtorch.cat([medtorch.tensor([[0.0], [0.0], [1.0]], dtype=x.dtype), medtorch.cat([first, second])], 1)
    assert roi_align(x, [first, second], 2).tolist() == roi_align(x, numbered, 2).tolist()
    assert roi_align(x, [first[:0], second[:0]], 2).shape == (0, 3, 2, 2)


def test_what_does_not_fit_is_refused():
    x = medtorch.zeros(1, 2, 4, 4)
    with pytest.raises(ShapeError, match=r"roi_align: needs input \(n, c, h, w\) and boxes"):
        roi_align(x, medtorch.zeros(3, 4), 2)
    with pytest.raises(ShapeError, match=r"roi_align: boxes of each image must be \(k, 4\), got \(3, 5\)"):
        roi_align(x, [medtorch.zeros(3, 5)], 2)
    with pytest.raises(DtypeError, match="roi_align: input and boxes must have one dtype"):
        roi_align(x, medtorch.zeros(3, 5, dtype=medtorch.float64), 2)
    with pytest.raises(ArgumentError, match="roi_align: boxes name image 1 of 1"):
        roi_align(x, medtorch.ones(1, 5), 2)
    assert callable(public)


def test_large_boxes_are_read_from_coarse_levels():
    sizes = {"0": 128, "1": 64, "2": 32, "3": 16}
    features = {name: medtorch.full((1, 1, side, side), float(name)) for name, side in sizes.items()}
    features["pool"] = medtorch.zeros(1, 1, 8, 8)
    pool = MultiScaleRoIAlign(["0", "1", "2", "3"], 2, 2)
    boxes = [medtorch.tensor([[0.0, 0, 20, 20], [0, 0, 120, 120], [0, 0, 230, 230], [0, 0, 460, 460], [1, 1, 1, 1]])]
    found = pool(features, boxes, [(512, 512)])
    # level floor(4 + log2(sqrt(area) / 224)) of 2 to 5: 0.5, 3.1, 4.04, 5.04 and, without area, the first
    assert found[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 0]
    assert pool.scales == [1 / 4, 1 / 8, 1 / 16, 1 / 32]
    with pytest.raises(ArgumentError, match=r"MultiScaleRoIAlign: needs images and features named \['0'"):
        pool({}, boxes, [(256, 256)])


def test_one_level_takes_all_boxes():
    pool = MultiScaleRoIAlign(["only"], (1, 2), 1)
    found = pool({"only": medtorch.ones(1, 3, 8, 8)}, [medtorch.tensor([[0.0, 0, 30, 30]])], [(64, 64)])
    assert found.shape == (1, 3, 1, 2)
    assert found.unique().tolist() == [1.0]
