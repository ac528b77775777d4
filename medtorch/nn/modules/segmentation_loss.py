"""Losses of segmentation: overlap of masks, and cross-entropy that looks at what is hard.

Predictions are (N, C, *spatial), truths of the same shape with 1 where a class is, or class numbers (N, 1, *spatial)
with `to_onehot_y`. Names of arguments and formulas follow MONAI's losses, so that configurations carry over.

A class that is absent from the truth of a sample (of the batch, with `batch`) is treated as `absent` says:
"include" (the default): it counts like any other; `smooth_nr` and `smooth_dr` decide: with the defaults its loss is 0
where nothing is predicted and near 1 where anything is. "exclude": it is left out of the mean, or counts 0 in the sum;
where all are absent, the loss is 0.

Requires  REQ-F-NN-008
"""

from __future__ import annotations

from collections.abc import Sequence

from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, ShapeError
from medtorch.nn import functional as F
from medtorch.nn.modules.loss import _Loss


class _OverlapLoss(_Loss):
    """What Dice and Tversky share: activation, one-hot truths, classes that count, weights, reduction."""

    def __init__(
        self,
        include_background: bool = True,
        to_onehot_y: bool = False,
        sigmoid: bool = False,
        softmax: bool = False,
        reduction: str = "mean",
        smooth_nr: float = 1e-5,
        smooth_dr: float = 1e-5,
        batch: bool = False,
        weight: Sequence[float] | Tensor | None = None,
        absent: str = "include",
    ) -> None:
        super().__init__(reduction=reduction)
        name = type(self).__name__
        if sigmoid and softmax:
            raise ArgumentError(f"{name}: sigmoid and softmax exclude each other")
        if absent not in ("include", "exclude"):
            raise ArgumentError(f"{name}: absent must be 'include' or 'exclude', got {absent!r}")
        if absent == "exclude" and reduction == "none":
            raise ArgumentError(f"{name}: absent='exclude' needs a reduction of mean or sum")
        self.include_background, self.to_onehot_y = include_background, to_onehot_y
        self.sigmoid, self.softmax, self.batch, self.absent = sigmoid, softmax, batch, absent
        self.smooth_nr, self.smooth_dr = float(smooth_nr), float(smooth_dr)
        self.weight = (
            None if weight is None else (weight.tolist() if isinstance(weight, Tensor) else [float(w) for w in weight])
        )

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        truth = _one_hot(target, input, type(self).__name__) if self.to_onehot_y else target
        probability = input.sigmoid() if self.sigmoid else input.softmax(1) if self.softmax else input
        if not self.include_background:
            if input.shape[1] == 1:
                raise ArgumentError(f"{type(self).__name__}: include_background=False needs more than one channel")
            probability, truth = probability[:, 1:], truth[:, 1:]
        if probability.shape != truth.shape:
            raise ShapeError(
                f"{type(self).__name__}: input {probability.shape} and target {truth.shape} differ in shape"
            )
        truth = truth.to(probability.dtype)
        dims = ([0] if self.batch else []) + list(range(2, input.ndim))
        return self._reduced(1.0 - self._overlap(probability, truth, dims), truth.sum(dims) > 0)

    def _overlap(self, probability: Tensor, truth: Tensor, dims: list[int]) -> Tensor:
        """Overlap in [0, 1] of each class, for each sample or for the batch."""
        raise NotImplementedError

    def _reduced(self, loss: Tensor, present: Tensor) -> Tensor:
        if self.weight is not None:
            if len(self.weight) != loss.shape[-1]:
                raise ArgumentError(f"{type(self).__name__}: {len(self.weight)} weights for {loss.shape[-1]} classes")
            loss = loss * loss.new_tensor(self.weight)
        if self.reduction == "none":
            return loss
        if self.absent == "include":
            return loss.mean() if self.reduction == "mean" else loss.sum()
        counted = (loss * present.to(loss.dtype)).sum()
        return counted / max(int(present.sum().item()), 1) if self.reduction == "mean" else counted


class DiceLoss(_OverlapLoss):
    """1 - Dice, the overlap of soft masks.

    Math      1 - (2 sum p t + smooth_nr) / (sum p + sum t + smooth_dr), sums over space, of each sample and class (with
              `batch`, over the batch too); with `squared_pred` the sums of squares below; with `jaccard`
              1 - (sum p t + nr/2) / (sum p + sum t - sum p t + dr/2); then times the weight of the class, then reduced
    Shapes    "none": (N, C), with `batch` (C)
    Undefined no overlap is undefined: the smoothing terms decide for an absent class, see the top of this file
    Source    Milletari et al. 2016, arXiv:1606.04797; semantics of monai.losses.DiceLoss
    """

    def __init__(
        self,
        include_background: bool = True,
        to_onehot_y: bool = False,
        sigmoid: bool = False,
        softmax: bool = False,
        squared_pred: bool = False,
        jaccard: bool = False,
        reduction: str = "mean",
        smooth_nr: float = 1e-5,
        smooth_dr: float = 1e-5,
        batch: bool = False,
        weight: Sequence[float] | Tensor | None = None,
        absent: str = "include",
    ) -> None:
        super().__init__(
            include_background, to_onehot_y, sigmoid, softmax, reduction, smooth_nr, smooth_dr, batch, weight, absent
        )
        self.squared_pred, self.jaccard = squared_pred, jaccard

    def _overlap(self, probability: Tensor, truth: Tensor, dims: list[int]) -> Tensor:
        both = (probability * truth).sum(dims)
        sizes = (probability.square() + truth.square() if self.squared_pred else probability + truth).sum(dims)
        if self.jaccard:
            sizes = 2.0 * (sizes - both)
        return (2.0 * both + self.smooth_nr) / (sizes + self.smooth_dr)


class TverskyLoss(_OverlapLoss):
    """1 - Tversky index: Dice in which false positives and false negatives weigh differently.

    Math      1 - (TP + smooth_nr) / (TP + alpha FP + beta FN + smooth_dr), TP = sum p t, FP = sum p (1 - t),
              FN = sum (1 - p) t; alpha = beta = 1/2 is Dice
    Source    Salehi et al. 2017, arXiv:1706.05721, equation 3; semantics of monai.losses.TverskyLoss
    """

    def __init__(
        self,
        include_background: bool = True,
        to_onehot_y: bool = False,
        sigmoid: bool = False,
        softmax: bool = False,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str = "mean",
        smooth_nr: float = 1e-5,
        smooth_dr: float = 1e-5,
        batch: bool = False,
        weight: Sequence[float] | Tensor | None = None,
        absent: str = "include",
    ) -> None:
        super().__init__(
            include_background, to_onehot_y, sigmoid, softmax, reduction, smooth_nr, smooth_dr, batch, weight, absent
        )
        self.alpha, self.beta = alpha, beta

    def _overlap(self, probability: Tensor, truth: Tensor, dims: list[int]) -> Tensor:
        both = (probability * truth).sum(dims)
        false_positive = (probability * (1.0 - truth)).sum(dims)
        false_negative = ((1.0 - probability) * truth).sum(dims)
        return (both + self.smooth_nr) / (
            both + self.alpha * false_positive + self.beta * false_negative + self.smooth_dr
        )


class FocalLoss(_Loss):
    """Cross-entropy of scores in which what is easy counts little.

    Math      sigmoid: -a (1 - q)^gamma log q, where t = 1 q = p and a = alpha, where t = 0 q = 1 - p and a = 1 - alpha;
              softmax: -t (1 - p)^gamma log p; then times the weight of the class; mean over all elements
    Shapes    "none": the shape of input (less the background)
    Undefined a class absent from the truth gives, with sigmoid, the terms of its negatives; with softmax, zeros
    Raises    ArgumentError for alpha with softmax, whose paper has no such form: use weight
    Source    Lin et al. 2017, arXiv:1708.02002, equations 4 and 5; semantics of monai.losses.FocalLoss
    """

    def __init__(
        self,
        include_background: bool = True,
        to_onehot_y: bool = False,
        gamma: float = 2.0,
        alpha: float | None = None,
        weight: Sequence[float] | Tensor | None = None,
        reduction: str = "mean",
        use_softmax: bool = False,
    ) -> None:
        super().__init__(reduction=reduction)
        if alpha is not None and use_softmax:
            raise ArgumentError("FocalLoss: alpha has no meaning with use_softmax; use weight")
        self.include_background, self.to_onehot_y = include_background, to_onehot_y
        self.gamma, self.alpha, self.use_softmax = gamma, alpha, use_softmax
        self.weight = (
            None if weight is None else (weight.tolist() if isinstance(weight, Tensor) else [float(w) for w in weight])
        )

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        truth = (_one_hot(target, input, "FocalLoss") if self.to_onehot_y else target).to(input.dtype)
        if input.shape != truth.shape:
            raise ShapeError(f"FocalLoss: input {input.shape} and target {truth.shape} differ in shape")
        loss = self._softmax_terms(input, truth) if self.use_softmax else self._sigmoid_terms(input, truth)
        if not self.include_background:
            if input.shape[1] == 1:
                raise ArgumentError("FocalLoss: include_background=False needs more than one channel")
            loss = loss[:, 1:]
        if self.weight is not None:
            if len(self.weight) != loss.shape[1]:
                raise ArgumentError(f"FocalLoss: {len(self.weight)} weights for {loss.shape[1]} classes")
            loss = loss * loss.new_tensor(self.weight).reshape((-1, *(1,) * (loss.ndim - 2)))
        return loss if self.reduction == "none" else loss.mean() if self.reduction == "mean" else loss.sum()

    def _sigmoid_terms(self, scores: Tensor, truth: Tensor) -> Tensor:
        entropy = F.binary_cross_entropy_with_logits(scores, truth, reduction="none")
        # (1 - q)^gamma as exp(gamma log sigmoid(-+x)): no 0^0, no loss of digits for sure predictions
        loss = (self.gamma * F.logsigmoid(-scores * (truth * 2.0 - 1.0))).exp() * entropy
        if self.alpha is None:
            return loss
        return loss * (self.alpha * truth + (1.0 - self.alpha) * (1.0 - truth))

    def _softmax_terms(self, scores: Tensor, truth: Tensor) -> Tensor:
        log_probability = scores.log_softmax(1)
        return -((1.0 - log_probability.exp()) ** self.gamma) * log_probability * truth


class DiceCELoss(_OverlapLoss):
    """lambda_dice DiceLoss + lambda_ce cross-entropy (binary cross-entropy for one channel), of scores.

    Math      Dice as DiceLoss with the same arguments; cross-entropy over all classes, background included
    Raises    ArgumentError unless one of sigmoid and softmax is chosen, for the Dice part
    Source    Taghanaki et al. 2019, arXiv:1805.02798; semantics of monai.losses.DiceCELoss
    """

    def __init__(
        self,
        include_background: bool = True,
        to_onehot_y: bool = False,
        sigmoid: bool = False,
        softmax: bool = False,
        squared_pred: bool = False,
        jaccard: bool = False,
        reduction: str = "mean",
        smooth_nr: float = 1e-5,
        smooth_dr: float = 1e-5,
        batch: bool = False,
        weight: Sequence[float] | Tensor | None = None,
        lambda_dice: float = 1.0,
        lambda_ce: float = 1.0,
        label_smoothing: float = 0.0,
        absent: str = "include",
    ) -> None:
        super().__init__(
            include_background, to_onehot_y, sigmoid, softmax, reduction, smooth_nr, smooth_dr, batch, weight, absent
        )
        if reduction == "none":
            raise ArgumentError("DiceCELoss: reduction must be mean or sum, as the two losses differ in shape")
        if not (sigmoid or softmax):
            raise ArgumentError("DiceCELoss: input are scores; choose sigmoid or softmax")
        if lambda_dice < 0 or lambda_ce < 0:
            raise ArgumentError(
                f"DiceCELoss: lambda_dice and lambda_ce must not be negative, got {lambda_dice}, {lambda_ce}"
            )
        dice_weight = self.weight if self.weight is None or include_background else self.weight[1:]
        self.dice = DiceLoss(
            include_background, to_onehot_y, sigmoid, softmax, squared_pred, jaccard,
            reduction, smooth_nr, smooth_dr, batch, dice_weight, absent,
        )  # fmt: skip
        self.lambda_dice, self.lambda_ce, self.label_smoothing = lambda_dice, lambda_ce, label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        overlap: Tensor = self.dice(input, target)
        return self.lambda_dice * overlap + self.lambda_ce * self._entropy(input, target)

    def _entropy(self, scores: Tensor, target: Tensor) -> Tensor:
        weight = None if self.weight is None else scores.new_tensor(self.weight)
        if scores.shape[1] == 1:
            if self.label_smoothing:
                raise ArgumentError("DiceCELoss: label_smoothing needs more than one channel")
            return F.binary_cross_entropy_with_logits(
                scores, target.to(scores.dtype), pos_weight=weight, reduction=self.reduction
            )
        classes = target.shape[1] == 1
        truth = target.squeeze(1).long() if classes else target.to(scores.dtype)
        return F.cross_entropy(
            scores, truth, weight=weight, reduction=self.reduction, label_smoothing=self.label_smoothing
        )


def _one_hot(target: Tensor, like: Tensor, name: str) -> Tensor:
    """Class numbers (N, 1, *) as (N, C, *). Raises ArgumentError for one channel, ShapeError for another shape."""
    if like.shape[1] == 1:
        raise ArgumentError(f"{name}: to_onehot_y needs more than one channel")
    if target.ndim != like.ndim or target.shape[1] != 1:
        raise ShapeError(
            f"{name}: to_onehot_y expects class numbers (N, 1, *spatial), got {target.shape} for input {like.shape}"
        )
    return F.one_hot(target.squeeze(1).long(), like.shape[1]).movedim(-1, 1)
