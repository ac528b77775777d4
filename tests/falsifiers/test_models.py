"""Faults in architectures."""

from __future__ import annotations

from medtorch.models.blocks import make_divisible
from medtorch.models.detection.boxes import batched_nms, nms
from medtorch.models.registry import get_model
from medtorch.models.unet import UNet
from tests.falsifiers.seeding import Seeding, falsifies

BLOCKS = "tests/models/test_blocks.py"
BOXES = "tests/models/detection/test_boxes.py"
MNASNET = "tests/models/test_mnasnet.py"
REGISTRY = "tests/models/test_registry.py"
UNET = "tests/models/test_unet.py"


@falsifies("REQ-F-MOD-001", noticed_by=f"{REGISTRY}::test_unknown_names_arguments_and_weights_are_refused")
def test_weights_that_are_asked_for_and_not_there(fault: Seeding):
    fault.edit(get_model, "if weights is not None:", "if False:")


@falsifies("REQ-F-MOD-004", noticed_by=f"{UNET}::test_sizes_that_cannot_be_halved_are_refused")
def test_a_size_that_cannot_be_halved(fault: Seeding):
    fault.edit(UNet.forward, "if any(size % self.multiple for size in x.shape[2:]):", "if False:")


@falsifies(
    "REQ-F-MOD-012",
    "REQ-F-MOD-010",
    noticed_by=(
        f"{BLOCKS}::test_widths_become_multiples_of_8_that_lose_no_tenth[11.4-16]",
        f"{MNASNET}::test_keys_shapes_and_dtypes_are_torchvisions[mnasnet0_75]",
    ),
)
def test_widths_that_shrink_by_more_than_a_tenth(fault: Seeding):
    fault.edit(make_divisible, "near + divisor if near < 0.9 * width else near", "near")


@falsifies("REQ-F-MOD-034", noticed_by=f"{BOXES}::test_classes_do_not_suppress_each_other[30]")
def test_boxes_of_other_classes_that_suppress_each_other(fault: Seeding):
    fault.edit(batched_nms, "nms(boxes + offsets.unsqueeze(1),", "nms(boxes,")


@falsifies("REQ-F-MOD-034", noticed_by=f"{BOXES}::test_classes_do_not_suppress_each_other[30]")
def test_overlap_of_the_smaller_box(fault: Seeding):
    fault.edit(nms, "both / (areas[i] + areas[others] - both)", "both / np.minimum(areas[i], areas[others])")
