"""Detectors under torchvision's keys, with torchvision's losses, detections and gradients."""

from __future__ import annotations

import sys
from typing import Any

import pytest

import medtorch
from medtorch.errors import ArgumentError, DtypeError, MedtorchError, ShapeError, UnsupportedError
from medtorch.models import get_model
from tests.models import zoo
from tests.models.record_zoo import load_torchvision
from tests.models.zoo import Case

KEYS = pytest.mark.requirement("REQ-F-MOD-035")
NUMBERS = pytest.mark.requirement("REQ-F-MOD-036")

NAMES = [
    *("fasterrcnn_mobilenet_v3_large_320_fpn", "fasterrcnn_mobilenet_v3_large_fpn"),
    *("fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn_v2"),
    *("maskrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn_v2", "retinanet_resnet50_fpn", "retinanet_resnet50_fpn_v2"),
]
SMALL = {"num_classes": 4, "min_size": 64, "max_size": 96}
FEW = {
    **SMALL,
    "rpn_post_nms_top_n_train": 12,
    "rpn_post_nms_top_n_test": 20,
    "rpn_score_thresh": 0.0,
    "box_score_thresh": 0.0,
    "box_detections_per_img": 6,
}
FIRST = {**SMALL, "score_thresh": 0.0, "topk_candidates": 50, "detections_per_img": 8}
ALL = {"rpn_batch_size_per_image": 100_000, "box_batch_size_per_image": 100_000}  # so that nothing is drawn by chance


def called(model: Any, x: Any) -> Any:
    """Two images of different sizes and, while training, something in each."""
    first, second = x[0], x[0][:, :40, :60]
    if not model.training:
        return model([first, second])
    like = sys.modules["medtorch" if isinstance(x, medtorch.Tensor) else "torch"]
    whole = like.zeros(2, *first.shape[1:], dtype=like.uint8)
    whole[0, 6:30, 5:20], whole[1, 10:40, 12:50] = 1, 1
    boxes = [[[5.0, 6.0, 20.0, 30.0], [12.0, 10.0, 50.0, 40.5]], [[1.0, 2.0, 44.0, 38.0]]]
    targets = [
        {"boxes": like.tensor(boxes[0], dtype=x.dtype), "labels": like.tensor([1, 3]), "masks": whole},
        {"boxes": like.tensor(boxes[1], dtype=x.dtype), "labels": like.tensor([2]), "masks": whole[:1, :40, :60]},
    ]
    return model([first, second], targets)


def case(name: str, config: dict[str, Any], **told: Any) -> Case:
    return Case(name, (1, 3, 48, 64), config, **{"gain": 1, "call": called, **told})


CASES = [
    case("fasterrcnn_mobilenet_v3_large_320_fpn", FEW),
    case("fasterrcnn_mobilenet_v3_large_fpn", {**FEW, **ALL}, train=True, rounded=1e-6),
    case("fasterrcnn_resnet50_fpn", FEW, slow=True),
    case("fasterrcnn_resnet50_fpn_v2", {**FEW, **ALL}, train=True, rounded=1e-6, slow=True),
    case("maskrcnn_resnet50_fpn", FEW, slow=True),
    case("maskrcnn_resnet50_fpn", {**FEW, **ALL}, train=True, gain=0.5, rounded=1e-6, slow=True),
    case("maskrcnn_resnet50_fpn_v2", FEW, slow=True),
    case("retinanet_resnet50_fpn", FIRST, slow=True),
    case("retinanet_resnet50_fpn", SMALL, train=True, slow=True),
    case("retinanet_resnet50_fpn_v2", FIRST, slow=True),
    case("retinanet_resnet50_fpn_v2", SMALL, train=True, slow=True),
]


@KEYS
@pytest.mark.parametrize("name", zoo.names("detection.networks"))
def test_keys_shapes_and_dtypes_are_torchvisions(name):
    zoo.check_keys(name)


@KEYS
def test_every_name_of_the_family_is_recorded():
    assert [p.values[0] for p in zoo.names("detection.networks")] == NAMES


@NUMBERS
@pytest.mark.parametrize("case", zoo.params(CASES))
def test_losses_detections_and_gradients_are_those_recorded_from_torchvision(case):
    zoo.check_recorded(case)


@pytest.mark.needs("package:torchvision")
@pytest.mark.slow
@pytest.mark.parametrize("case", zoo.params(CASES))
def test_torchvisions_own_weights_load_and_give_its_losses_detections_and_gradients(case, needs_torch):
    zoo.check_torchvision(case, needs_torch, load_torchvision())


@pytest.fixture(scope="module")
def detector():
    with medtorch.nn.init.skip_init():
        return get_model("fasterrcnn_mobilenet_v3_large_320_fpn", **FEW)


@KEYS
def test_targets_that_do_not_fit_are_refused(detector):
    detector.train()
    image = medtorch.ones(3, 48, 64)
    labels = medtorch.tensor([1])
    good = medtorch.tensor([[1.0, 1.0, 9.0, 9.0]])
    with pytest.raises(ArgumentError, match="FasterRCNN: while training each of 1 images needs a target, got none"):
        detector([image])
    with pytest.raises(ArgumentError, match="FasterRCNN: target 0 needs boxes and labels, has boxes"):
        detector([image], [{"boxes": good}])
    with pytest.raises(ShapeError, match=r"FasterRCNN: boxes of target 0 must be \(n, 4\), got \(4,\)"):
        detector([image], [{"boxes": good[0], "labels": labels}])
    with pytest.raises(ShapeError, match=r"box \[5.0, 1.0, 5.0, 9.0\] of target 0 has no width or no height"):
        detector([image], [{"boxes": medtorch.tensor([[5.0, 1.0, 5.0, 9.0]]), "labels": labels}])
    with pytest.raises(DtypeError, match="RoIHeads: target 0 needs floating point boxes and int64 labels"):
        detector([image], [{"boxes": good, "labels": labels.float()}])


@KEYS
def test_an_image_with_nothing_in_it_can_be_learned_from(detector):
    detector.train()
    nothing = {"boxes": medtorch.zeros(0, 4), "labels": medtorch.zeros(0, dtype=medtorch.int64)}
    losses = detector([medtorch.rand(3, 48, 64)] * 2, [nothing] * 2)
    assert losses["loss_box_reg"].item() == 0
    assert losses["loss_rpn_box_reg"].item() == 0


@KEYS
def test_images_that_are_none_are_refused(detector):
    detector.eval()
    with pytest.raises(ShapeError, match=r"images must be \(c, h, w\), got \(48, 64\)"):
        detector([medtorch.ones(48, 64)])
    with pytest.raises(DtypeError, match=r"images must hold floating point numbers in \[0, 1\], got medtorch.uint8"):
        detector([medtorch.ones(3, 48, 64, dtype=medtorch.uint8)])


@KEYS
def test_weights_and_layers_that_depend_on_them_are_refused():
    with pytest.raises(UnsupportedError, match="retinanet_resnet50_fpn: no weights come with medtorch"):
        get_model("retinanet_resnet50_fpn", weights_backbone="DEFAULT")
    with pytest.raises(ArgumentError, match="trainable_backbone_layers goes with weights_backbone"):
        get_model("maskrcnn_resnet50_fpn", trainable_backbone_layers=3)
    with pytest.raises(ArgumentError, match="unexpected keyword argument 'min_sizes'"):
        get_model("fasterrcnn_mobilenet_v3_large_fpn", min_sizes=3)


@KEYS
def test_what_depends_on_what_is_seen_cannot_be_compiled(detector):
    detector.eval()
    with pytest.raises(MedtorchError, match="compile"):
        medtorch.compile(detector, [medtorch.rand(3, 48, 64)])
