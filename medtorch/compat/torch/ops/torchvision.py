"""The compiled operators of torchvision: those that medtorch has compute, the others raise by name when called.

Source    semantics of torchvision::nms, torchvision::roi_align
Requires  REQ-F-CPT-003
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from medtorch.core.tensor import Tensor
from medtorch.errors import UnsupportedError
from medtorch.models.detection.boxes import nms as boxes_nms
from medtorch.models.detection.roi_align import roi_align as roi_align_by_size

__all__ = [
    "_cuda_version",
    "_deform_conv2d_backward",
    "_ps_roi_align_backward",
    "_ps_roi_pool_backward",
    "_roi_align_backward",
    "_roi_pool_backward",
    "box_iou_rotated",
    "deform_conv2d",
    "nms",
    "ps_roi_align",
    "ps_roi_pool",
    "qnms",
    "qroi_align",
    "roi_align",
    "roi_pool",
]


class Operator:
    """An operator of the dispatcher: called as a function, `default` is its one overload."""

    def __init__(self, name: str, function: Callable[..., Any] | None = None) -> None:
        self.name, self._function = name, function

    @property
    def default(self) -> Operator:
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._function is None:
            raise UnsupportedError(f"torch.ops.torchvision.{self.name} is not supported")
        return self._function(*args, **kwargs)


def _cuda_version() -> int:
    """-1: built without CUDA, as far as extensions of PyTorch go."""
    return -1


def _roi_align(
    input: Tensor,
    rois: Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
    aligned: bool,
) -> Tensor:
    return roi_align_by_size(input, rois, (pooled_height, pooled_width), spatial_scale, sampling_ratio, aligned)


_deform_conv2d_backward = Operator("_deform_conv2d_backward")
_ps_roi_align_backward = Operator("_ps_roi_align_backward")
_ps_roi_pool_backward = Operator("_ps_roi_pool_backward")
_roi_align_backward = Operator("_roi_align_backward")
_roi_pool_backward = Operator("_roi_pool_backward")
box_iou_rotated = Operator("box_iou_rotated")
deform_conv2d = Operator("deform_conv2d")
nms = Operator("nms", boxes_nms)
ps_roi_align = Operator("ps_roi_align")
ps_roi_pool = Operator("ps_roi_pool")
qnms = Operator("qnms")
qroi_align = Operator("qroi_align")
roi_align = Operator("roi_align", _roi_align)
roi_pool = Operator("roi_pool")
