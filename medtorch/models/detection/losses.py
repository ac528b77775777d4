"""Losses of detectors.

Source    Lin et al., Focal loss for dense object detection, ICCV 2017; Rezatofighi et al., Generalized intersection
          over union, CVPR 2019; semantics of torchvision.ops.sigmoid_focal_loss, generalized_box_iou_loss
Requires  REQ-F-MOD-034
"""

from __future__ import annotations

from medtorch.core.ops.arithmetic import maximum, minimum
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.nn import functional as F


def sigmoid_focal_loss(
    inputs: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2, reduction: str = "none"
) -> Tensor:
    """Cross entropy of scores, less where the answer is right already; `alpha` weighs ones, -1 leaves that out.

    Math      -a (1 - p)^gamma log p, p the probability of the right answer
    Shapes    inputs, targets: one shape -> that, or () reduced
    Raises    ArgumentError for an alpha outside [0, 1] other than -1, or an unknown reduction
    """
    if not 0 <= alpha <= 1 and alpha != -1:
        raise ArgumentError(f"sigmoid_focal_loss: alpha must lie between 0 and 1, or be -1, got {alpha}")
    p = inputs.sigmoid()
    right = p * targets + (1 - p) * (1 - targets)
    loss = F.binary_cross_entropy_with_logits(inputs, targets, reduction="none") * (1 - right) ** gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    return _reduced("sigmoid_focal_loss", loss, reduction)


def generalized_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7) -> Tensor:
    """1 less the generalized overlap of boxes that belong together.

    Shapes    (..., 4), (..., 4) -> (...), or () reduced; the mean of none is 0
    """
    x1, y1, x2, y2 = boxes1.unbind(-1)
    u1, v1, u2, v2 = boxes2.unbind(-1)
    wide = (minimum(x2, u2) - maximum(x1, u1)).clamp(min=0)
    high = (minimum(y2, v2) - maximum(y1, v1)).clamp(min=0)
    common = wide * high
    everything = (x2 - x1) * (y2 - y1) + (u2 - u1) * (v2 - v1) - common
    around = (maximum(x2, u2) - minimum(x1, u1)) * (maximum(y2, v2) - minimum(y1, v1))
    overlap = common / (everything + eps) - (around - everything) / (around + eps)
    return _reduced("generalized_box_iou_loss", 1 - overlap, reduction)


def _reduced(name: str, loss: Tensor, reduction: str) -> Tensor:
    if reduction == "none":
        return loss
    if reduction == "sum" or (reduction == "mean" and not loss.numel()):
        return loss.sum()
    if reduction == "mean":
        return loss.mean()
    raise ArgumentError(f"{name}: reduction must be 'none', 'mean' or 'sum', got {reduction!r}")
