"""Faults in architectures."""

from __future__ import annotations

from medtorch.models.blocks import make_divisible
from medtorch.models.decoders.unet import UnetDecoderBlock
from medtorch.models.detection.boxes import batched_nms, nms
from medtorch.models.detection.matching import BoxCoder
from medtorch.models.detection.transform import check_targets
from medtorch.models.lenet import LeNet
from medtorch.models.medical.layers import check_dims
from medtorch.models.medical.unet import SkipConnection
from medtorch.models.registry import get_model
from medtorch.models.resnet import conv3x3
from medtorch.models.squeezenet import Fire
from medtorch.models.unet import UNet
from medtorch.serve.decision import _place
from tests.falsifiers.seeding import Seeding, falsifies

BLOCKS = "tests/models/test_blocks.py"
BOXES = "tests/models/detection/test_boxes.py"
BUNDLES = "tests/models/test_bundles.py"
CHECKPOINTS = "tests/models/test_checkpoints.py"
DECODERS_NETWORKS = "tests/models/decoders/test_networks.py"
DETECTION_NETWORKS = "tests/models/detection/test_networks.py"
LAYERS = "tests/models/medical/test_layers.py"
MNASNET = "tests/models/test_mnasnet.py"
NETWORKS = "tests/models/medical/test_networks.py"
REGISTRY = "tests/models/test_registry.py"
RESNET = "tests/models/test_resnet.py"
SQUEEZENET = "tests/models/test_squeezenet.py"
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


@falsifies("REQ-F-MOD-002", noticed_by=f"{RESNET}::test_keys_shapes_and_dtypes_are_torchvisions[resnet18]")
def test_convolutions_with_a_bias_beside_their_norm(fault: Seeding):
    fault.edit(conv3x3, "bias=False", "bias=True")


@falsifies(
    "REQ-F-MOD-011",
    noticed_by=(
        f"{SQUEEZENET}::test_outputs_and_gradients_are_those_recorded_from_torchvision[squeezenet1_0 1x3x60x53]"
    ),
)
def test_expanded_features_exchanged(fault: Seeding):
    fault.edit(Fire.forward, "cat((one, three), 1)", "cat((three, one), 1)")


@falsifies(
    "REQ-F-MOD-030",
    "REQ-F-MOD-031",
    noticed_by=(
        f"{NETWORKS}::test_keys_outputs_and_gradients_are_those_recorded_from_monai"
        "[monai_unet 1x1x20x24 spatial_dims=2 in_channels=1 out_channels=2 channels=(4, 8, 16) stri"
        "des=(2, 2) kernel_size=(3, 5) act=('leakyrelu', {'negative_slope': 0.1}) norm=('group', {'"
        "num_groups': 2}) adn_ordering=AND bias=False]"
    ),
)
def test_a_skip_on_the_other_side(fault: Seeding):
    fault.edit(SkipConnection.forward, "cat((x, self.submodule(x)), 1)", "cat((self.submodule(x), x), 1)")


@falsifies(
    "REQ-F-MOD-030",
    noticed_by=(
        f"{LAYERS}::test_impossible_networks_are_refused[vnet-config5-spatial_dims must be one of 2, 3, got 1]"
    ),
)
def test_an_unknown_number_of_dimensions(fault: Seeding):
    fault.edit(check_dims, "if spatial_dims not in known:", "if False:")


@falsifies(
    "REQ-F-MOD-032",
    "REQ-F-MOD-033",
    noticed_by=(
        f"{DECODERS_NETWORKS}::test_keys_outputs_and_gradients_are_those_recorded"
        "[smp_unet 1x3x32x64 encoder_name=mobilenet_v2 decoder_channels=(32, 24, 16, 8, 8) decoder_"
        "use_norm=False]"
    ),
)
def test_what_was_kept_put_on_the_other_side(fault: Seeding):
    fault.edit(UnetDecoderBlock.forward, "cat((x, kept), 1)", "cat((kept, x), 1)")


@falsifies(
    "REQ-F-MOD-036",
    noticed_by=(
        f"{DETECTION_NETWORKS}::test_losses_detections_and_gradients_are_those_recorded_from_torchvision"
        "[fasterrcnn_mobilenet_v3_large_320_fpn 1x3x48x64 num_classes=4 min_size=64 max_size=96 rpn"
        "_post_nms_top_n_train=12 rpn_post_nms_top_n_test=20 rpn_score_thresh=0.0 box_score_thresh="
        "0.0 box_detections_per_img=6 gain=1]"
    ),
)
def test_boxes_decoded_by_other_weights(fault: Seeding):
    fault.edit(BoxCoder.decode_single, "/ wx * w + x", "* wx * w + x")


@falsifies("REQ-F-MOD-035", noticed_by=f"{DETECTION_NETWORKS}::test_targets_that_do_not_fit_are_refused")
def test_targets_that_do_not_fit(fault: Seeding):
    fault.edit(check_targets, "if boxes.ndim != 2 or boxes.shape[1] != 4:", "if False:")


@falsifies(
    "REQ-F-MOD-037",
    noticed_by=f"{BUNDLES}::test_a_segmenter_in_a_bundle_marks_each_pixel_with_its_best_label[monai_unet]",
)
def test_the_worst_label_for_the_best(fault: Seeding):
    fault.edit(_place, "np.argmax(probabilities, axis=0)", "np.argmin(probabilities, axis=0)")


@falsifies("REQ-F-MOD-004", noticed_by=f"{UNET}::test_sizes_that_cannot_be_halved_are_refused")
def test_a_level_that_is_not_as_large_as_its_image(fault: Seeding):
    fault.edit(UNet.forward, "if any(size % self.multiple for size in x.shape[2:]):", "if False:")


@falsifies("REQ-F-MOD-003", noticed_by=f"{CHECKPOINTS}::test_chest_x_ray_lenet")
def test_a_network_that_reads_its_features_in_another_order(fault: Seeding):
    fault.edit(LeNet.forward, "flatten(self.convs(x), 1)", "flatten(self.convs(x).flip(1), 1)")
