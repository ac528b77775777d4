"""Faster R-CNN and Mask R-CNN, under torchvision's keys.

Source    Ren et al., Faster R-CNN, NIPS 2015; He et al., Mask R-CNN, ICCV 2017; second versions: Li et al.,
          Benchmarking detection transfer learning with vision transformers, arXiv 2111.11429, 2021; semantics of
          torchvision.models.detection
Requires  REQ-F-MOD-035
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from medtorch import nn
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, UnsupportedError
from medtorch.models.blocks import ConvNormActivation, Layer
from medtorch.models.detection.anchors import AnchorGenerator
from medtorch.models.detection.pyramid import mobilenet_pyramid, rename_convs, resnet_pyramid
from medtorch.models.detection.roi_align import MultiScaleRoIAlign
from medtorch.models.detection.roi_heads import RoIHeads
from medtorch.models.detection.rpn import RegionProposalNetwork, RPNHead
from medtorch.models.detection.transform import GeneralizedRCNNTransform, Target, check_targets
from medtorch.models.mobilenetv3 import mobilenet_v3_large
from medtorch.models.resnet import resnet50
from medtorch.nn import functional as F

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's colours
LEVELS = ("0", "1", "2", "3")
Found = list[Target] | dict[str, Tensor]


class FasterRCNN(nn.Module):
    """Boxes proposed from a pyramid of features, then named and moved.

    Shapes    images (3, h, w) with numbers in [0, 1], of any sizes -> for each image a dict: "boxes" (k, 4), "labels"
              and "scores" (k,), from the highest score; while training, with targets (boxes and labels), losses by
              name
    Raises    ArgumentError without num_classes or box_predictor, or with both; for targets see check_targets
    """

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int | None = None,
        min_size: int | Sequence[int] = 800,
        max_size: int = 1333,
        image_mean: Sequence[float] | None = None,
        image_std: Sequence[float] | None = None,
        rpn_anchor_generator: AnchorGenerator | None = None,
        rpn_head: nn.Module | None = None,
        rpn_pre_nms_top_n_train: int = 2000,
        rpn_pre_nms_top_n_test: int = 1000,
        rpn_post_nms_top_n_train: int = 2000,
        rpn_post_nms_top_n_test: int = 1000,
        rpn_nms_thresh: float = 0.7,
        rpn_fg_iou_thresh: float = 0.7,
        rpn_bg_iou_thresh: float = 0.3,
        rpn_batch_size_per_image: int = 256,
        rpn_positive_fraction: float = 0.5,
        rpn_score_thresh: float = 0.0,
        box_roi_pool: MultiScaleRoIAlign | None = None,
        box_head: nn.Module | None = None,
        box_predictor: nn.Module | None = None,
        box_score_thresh: float = 0.05,
        box_nms_thresh: float = 0.5,
        box_detections_per_img: int = 100,
        box_fg_iou_thresh: float = 0.5,
        box_bg_iou_thresh: float = 0.5,
        box_batch_size_per_image: int = 512,
        box_positive_fraction: float = 0.25,
        bbox_reg_weights: Sequence[float] | None = None,
        size_divisible: int = 32,
        fixed_size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        width = _width(backbone)
        anchors = _anchors() if rpn_anchor_generator is None else rpn_anchor_generator
        head = RPNHead(width, anchors.num_anchors_per_location()[0]) if rpn_head is None else rpn_head
        pool = MultiScaleRoIAlign(LEVELS, 7, 2) if box_roi_pool is None else box_roi_pool
        if box_head is None:
            box_head = TwoMLPHead(width * pool.output_size[0] ** 2, 1024)
        self.transform = GeneralizedRCNNTransform(
            min_size, max_size, image_mean or MEAN, image_std or STD, size_divisible, fixed_size
        )
        self.backbone = backbone
        self.rpn = RegionProposalNetwork(
            anchors,
            head,
            rpn_fg_iou_thresh,
            rpn_bg_iou_thresh,
            rpn_batch_size_per_image,
            rpn_positive_fraction,
            {"training": rpn_pre_nms_top_n_train, "testing": rpn_pre_nms_top_n_test},
            {"training": rpn_post_nms_top_n_train, "testing": rpn_post_nms_top_n_test},
            rpn_nms_thresh,
            rpn_score_thresh,
        )
        self.roi_heads = RoIHeads(
            pool,
            box_head,
            _predictor(num_classes, box_predictor),
            box_fg_iou_thresh,
            box_bg_iou_thresh,
            box_batch_size_per_image,
            box_positive_fraction,
            bbox_reg_weights,
            box_score_thresh,
            box_nms_thresh,
            box_detections_per_img,
        )

    def forward(self, images: Sequence[Tensor], targets: Sequence[Mapping[str, Tensor]] | None = None) -> Found:
        if self.training:
            check_targets(images, targets, type(self).__name__)
        originals = [(int(image.shape[-2]), int(image.shape[-1])) for image in images]
        batch, told = self.transform(images, targets if self.training else None)
        features = self.backbone(batch.tensors)
        if isinstance(features, Tensor):
            features = OrderedDict([("0", features)])
        proposals, first = self.rpn(batch, features, told)
        found, second = self.roi_heads(features, proposals, batch.image_sizes, told)
        if self.training:
            return {**second, **first}
        return self.transform.postprocess(found, batch.image_sizes, originals)


def _width(backbone: nn.Module) -> int:
    width = getattr(backbone, "out_channels", None)
    if not isinstance(width, int):
        raise ArgumentError(
            f"a detector's backbone tells its width as out_channels; {type(backbone).__name__} does not"
        )
    return width


def _predictor(num_classes: int | None, given: nn.Module | None) -> nn.Module:
    if (num_classes is None) == (given is None):
        raise ArgumentError("FasterRCNN: needs num_classes or a box_predictor, not both")
    return FastRCNNPredictor(1024, num_classes or 0) if given is None else given


def _anchors() -> AnchorGenerator:
    return AnchorGenerator(((32,), (64,), (128,), (256,), (512,)), ((0.5, 1.0, 2.0),) * 5)


class TwoMLPHead(nn.Module):
    """Two linear layers on all of a box's features."""

    def __init__(self, in_channels: int, representation_size: int) -> None:
        super().__init__()
        self.fc6 = nn.Linear(in_channels, representation_size)
        self.fc7 = nn.Linear(representation_size, representation_size)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.fc7(F.relu(self.fc6(x.flatten(1)))))


class FastRCNNConvFCHead(nn.Sequential):
    """Convolutions of a box's features, then linear layers."""

    def __init__(
        self,
        input_size: tuple[int, int, int],
        conv_layers: Sequence[int],
        fc_layers: Sequence[int],
        norm_layer: Layer | None = None,
    ) -> None:
        channels, height, width = input_size
        made: list[nn.Module] = []
        for wide in conv_layers:
            made.append(ConvNormActivation(channels, wide, norm_layer=norm_layer))
            channels = wide
        made.append(nn.Flatten())
        values = channels * height * width
        for wide in fc_layers:
            made += [nn.Linear(values, wide), nn.ReLU(inplace=True)]
            values = wide
        super().__init__(*made)
        _fresh(self)


class FastRCNNPredictor(nn.Module):
    """A score and four differences for each class."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.cls_score = nn.Linear(in_channels, num_classes)
        self.bbox_pred = nn.Linear(in_channels, 4 * num_classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        flat = x.flatten(1)
        return self.cls_score(flat), self.bbox_pred(flat)


def _fresh(module: nn.Module) -> None:
    for m in module.modules():
        if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            if m.bias is not None and isinstance(m, nn.Conv2d):
                nn.init.zeros_(m.bias)


class MaskRCNNHeads(nn.Sequential):
    """Convolutions of a box's features."""

    def __init__(self, in_channels: int, layers: Sequence[int], dilation: int, norm_layer: Layer | None = None) -> None:
        widths = [in_channels, *layers]
        super().__init__(
            *(
                ConvNormActivation(a, b, 3, 1, dilation, dilation=dilation, norm_layer=norm_layer)
                for a, b in zip(widths[:-1], layers, strict=True)
            )
        )
        _fresh(self)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        rename_convs(state_dict, {f"{prefix}mask_fcn{i + 1}.": f"{prefix}{i}.0." for i in range(len(self))})
        super()._load_from_state_dict(state_dict, prefix, *args)


class MaskRCNNPredictor(nn.Sequential):
    """Twice the size, then an outline for each class."""

    def __init__(self, in_channels: int, dim_reduced: int, num_classes: int) -> None:
        larger = nn.ConvTranspose2d(in_channels, dim_reduced, 2, 2, 0)
        scores = nn.Conv2d(dim_reduced, num_classes, 1, 1, 0)
        super().__init__(OrderedDict(conv5_mask=larger, relu=nn.ReLU(inplace=True), mask_fcn_logits=scores))
        for m in (larger, scores):
            nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")


class MaskRCNN(FasterRCNN):
    """The same with an outline of what is in each box: "masks" (k, 1, h, w) with numbers in [0, 1]; targets need them.

    Raises    ArgumentError without num_classes or mask_predictor, or with both
    """

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int | None = None,
        *,
        mask_roi_pool: MultiScaleRoIAlign | None = None,
        mask_head: nn.Module | None = None,
        mask_predictor: nn.Module | None = None,
        **config: Any,
    ) -> None:
        if (num_classes is None) == (mask_predictor is None):
            raise ArgumentError("MaskRCNN: needs num_classes or a mask_predictor, not both")
        super().__init__(backbone, num_classes, **config)
        heads = self.roi_heads
        heads.mask_roi_pool = MultiScaleRoIAlign(LEVELS, 14, 2) if mask_roi_pool is None else mask_roi_pool
        heads.mask_head = MaskRCNNHeads(_width(backbone), (256,) * 4, 1) if mask_head is None else mask_head
        heads.mask_predictor = (
            MaskRCNNPredictor(256, 256, num_classes or 0) if mask_predictor is None else mask_predictor
        )


def check_untrained(name: str, weights_backbone: None, trainable_backbone_layers: int | None) -> None:
    """Raises UnsupportedError where weights are asked for; ArgumentError for layers to be kept of weights not there."""
    if weights_backbone is not None:
        raise UnsupportedError(f"{name}: no weights come with medtorch; load a checkpoint into the backbone")
    if trainable_backbone_layers is not None:
        raise ArgumentError(f"{name}: trainable_backbone_layers goes with weights_backbone, which is not given")


def _second_version(num_classes: int) -> dict[str, Any]:
    anchors, norm = _anchors(), nn.BatchNorm2d
    return {
        "backbone": resnet_pyramid(resnet50(), norm_layer=norm),
        "num_classes": num_classes,
        "rpn_anchor_generator": anchors,
        "rpn_head": RPNHead(256, anchors.num_anchors_per_location()[0], conv_depth=2),
        "box_head": FastRCNNConvFCHead((256, 7, 7), (256,) * 4, (1024,), norm_layer=norm),
    }


def fasterrcnn_resnet50_fpn(
    num_classes: int = 91, weights_backbone: None = None, trainable_backbone_layers: int | None = None, **config: Any
) -> FasterRCNN:
    """Faster R-CNN over 50 layers."""
    check_untrained("fasterrcnn_resnet50_fpn", weights_backbone, trainable_backbone_layers)
    return FasterRCNN(resnet_pyramid(resnet50()), num_classes, **config)


def fasterrcnn_resnet50_fpn_v2(
    num_classes: int = 91, weights_backbone: None = None, trainable_backbone_layers: int | None = None, **config: Any
) -> FasterRCNN:
    """Faster R-CNN over 50 layers, with norms and convolutions in its heads."""
    check_untrained("fasterrcnn_resnet50_fpn_v2", weights_backbone, trainable_backbone_layers)
    return FasterRCNN(**{**_second_version(num_classes), **config})


def _over_mobilenet(num_classes: int, config: Mapping[str, Any]) -> FasterRCNN:
    anchors = AnchorGenerator(((32, 64, 128, 256, 512),) * 3, ((0.5, 1.0, 2.0),) * 3)
    # torchvision builds it with the norm of a residual network, not with MobileNet's own
    backbone = mobilenet_pyramid(mobilenet_v3_large(norm_layer=nn.BatchNorm2d))
    return FasterRCNN(backbone, num_classes, **{"rpn_anchor_generator": anchors, **config})


def fasterrcnn_mobilenet_v3_large_fpn(
    num_classes: int = 91, weights_backbone: None = None, trainable_backbone_layers: int | None = None, **config: Any
) -> FasterRCNN:
    """Faster R-CNN over MobileNetV3."""
    check_untrained("fasterrcnn_mobilenet_v3_large_fpn", weights_backbone, trainable_backbone_layers)
    return _over_mobilenet(num_classes, {"rpn_score_thresh": 0.05, **config})


def fasterrcnn_mobilenet_v3_large_320_fpn(
    num_classes: int = 91, weights_backbone: None = None, trainable_backbone_layers: int | None = None, **config: Any
) -> FasterRCNN:
    """Faster R-CNN over MobileNetV3, for small images."""
    check_untrained("fasterrcnn_mobilenet_v3_large_320_fpn", weights_backbone, trainable_backbone_layers)
    small = {
        "min_size": 320,
        "max_size": 640,
        "rpn_pre_nms_top_n_test": 150,
        "rpn_post_nms_top_n_test": 150,
        "rpn_score_thresh": 0.05,
    }
    return _over_mobilenet(num_classes, {**small, **config})


def maskrcnn_resnet50_fpn(
    num_classes: int = 91, weights_backbone: None = None, trainable_backbone_layers: int | None = None, **config: Any
) -> MaskRCNN:
    """Mask R-CNN over 50 layers."""
    check_untrained("maskrcnn_resnet50_fpn", weights_backbone, trainable_backbone_layers)
    return MaskRCNN(resnet_pyramid(resnet50()), num_classes, **config)


def maskrcnn_resnet50_fpn_v2(
    num_classes: int = 91, weights_backbone: None = None, trainable_backbone_layers: int | None = None, **config: Any
) -> MaskRCNN:
    """Mask R-CNN over 50 layers, with norms and convolutions in its heads."""
    check_untrained("maskrcnn_resnet50_fpn_v2", weights_backbone, trainable_backbone_layers)
    head = MaskRCNNHeads(256, (256,) * 4, 1, norm_layer=nn.BatchNorm2d)
    return MaskRCNN(**{**_second_version(num_classes), "mask_head": head, **config})
