"""Losses of classification: cross-entropy, negative log-likelihood, their binary forms, Kullback-Leibler divergence.

Source    semantics of torch.nn.functional.cross_entropy and its kin
Requires  REQ-F-OPS-108
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

from medtorch.core.autocasting import wide
from medtorch.core.ops.activation import logsigmoid
from medtorch.core.ops.class_entropy import ClassEntropy, is_one_op
from medtorch.core.ops.classes import PickClass
from medtorch.core.ops.op import Array, Op, require
from medtorch.core.ops.softmax import log_softmax
from medtorch.core.spec import Spec
from medtorch.errors import ArgumentError, DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


def reduction_of(name: str, size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """`reduction`, or what torch's two old arguments say in its place."""
    if size_average is None and reduce is None:
        require(
            reduction in ("none", "mean", "sum"),
            ArgumentError,
            name,
            f"reduction must be none, mean or sum; got {reduction!r}",
        )
        return reduction
    old = "none" if reduce is False else "sum" if size_average is False else "mean"
    warnings.warn(f"{name}: size_average and reduce are deprecated; use reduction={old!r}", stacklevel=3)
    return old


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """All losses, their mean, or their sum."""
    return loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()


@wide
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Minus the log-probability of the true class, times the class's weight.

    Math      l = -weight[target] input[target]; mean: sum l / sum weight[target] over what is not ignored
    Shapes    input (C), (N, C) or (N, C, *size) log-probabilities; target (), (N) or (N, *size) classes; weight (C)
    Undefined the mean over nothing is nan
    Raises    DimError for a class out of range; ShapeError, DtypeError
    """
    how = reduction_of("nll_loss", size_average, reduce, reduction)
    if input.ndim == 1:
        return _nll(input.unsqueeze(0), target.unsqueeze(0), weight, ignore_index, how, single=True)
    return _nll(input, target, weight, ignore_index, how, single=False)


def _nll(
    scores: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str, *, single: bool
) -> Tensor:
    given = {"input": scores.spec, "target": target.spec}
    require(scores.ndim >= 2, ShapeError, "nll_loss", "input must have 1 dim or more", **given)
    picked: Tensor = -PickClass(ignore_index)(scores, target)
    counts = _weight_of_targets(scores, target, weight, ignore_index, needed=weight is not None or reduction == "mean")
    loss = picked if weight is None else picked * counts
    if reduction == "none":
        return loss.squeeze(0) if single else loss
    total = loss.sum()
    return total if reduction == "sum" else total / counts.sum()


def _weight_of_targets(
    scores: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, *, needed: bool = True
) -> Tensor:
    """What each target counts: its class's weight, or 1, and 0 if it is ignored."""
    if weight is None:
        return (target != ignore_index).to(scores.dtype) if needed else target
    given = {"input": scores.spec, "weight": weight.spec}
    fits = weight.shape == (scores.shape[1],)
    require(fits, ShapeError, "nll_loss", f"weight must have {scores.shape[1]} elements, one a class", **given)
    require(weight.dtype is scores.dtype, DtypeError, "nll_loss", "weight must have the dtype of input", **given)
    laid = weight.reshape(1, -1, *(1,) * (scores.ndim - 2)).expand(scores.shape)
    return PickClass(ignore_index)(laid, target)  # type: ignore[no-any-return]


@wide
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy of scores with classes, or with the probabilities of classes.

    Math      classes: (1 - s) nll_loss(log_softmax(input), target) + s / C times the same for every class
              probabilities: -sum over classes of weight target log_softmax(input); mean: over everything but classes
    Shapes    input (C), (N, C) or (N, C, *size) scores; target (), (N) or (N, *size) classes, or input's shape
    Undefined the mean over nothing is nan
    Raises    DimError for a class out of range; ShapeError, DtypeError, ArgumentError
    """
    how = reduction_of("cross_entropy", size_average, reduce, reduction)
    given = {"input": input.spec, "target": target.spec}
    require(input.ndim >= 1, ShapeError, "cross_entropy", "input must have 1 dim or more", **given)
    smooth = 0 <= label_smoothing <= 1
    require(
        smooth, ArgumentError, "cross_entropy", f"label_smoothing must lie in [0, 1], got {label_smoothing}", **given
    )
    if weight is None and not label_smoothing and is_one_op(input, target, how):
        return ClassEntropy(ignore_index, how == "mean")(input, target)[0]  # type: ignore[no-any-return]
    dim = 0 if input.ndim == 1 else 1
    log_probability = log_softmax(input, dim)
    if input.shape == target.shape:
        require(
            target.dtype.is_floating_point,
            DtypeError,
            "cross_entropy",
            "target of input's shape must hold probabilities",
            **given,
        )
        require(
            ignore_index < 0,
            ArgumentError,
            "cross_entropy",
            "ignore_index goes with classes, not with probabilities",
            **given,
        )
        return _probability_loss(log_probability, target, weight, how, label_smoothing, dim)
    loss = nll_loss(log_probability, target, weight, None, ignore_index, None, how)
    if not label_smoothing:
        return loss
    even = _even_loss(log_probability, target, weight, ignore_index, how, dim)
    return loss * (1 - label_smoothing) + even * (label_smoothing / input.shape[dim])


def _probability_loss(
    log_probability: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float, dim: int
) -> Tensor:
    classes = log_probability.shape[dim]
    if smoothing:
        target = target * (1 - smoothing) + smoothing / classes
    loss = -(_weighted(log_probability, weight, dim) * target).sum(dim)
    if reduction == "mean":  # over what remains without the classes; nothing gives nan
        return loss.sum() / loss.numel() if loss.numel() else loss.sum() * math.nan
    return reduced(loss, reduction)


def _even_loss(
    log_probability: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str, dim: int
) -> Tensor:
    """The loss summed over every class as if it were the true one."""
    loss = -_weighted(log_probability, weight, dim).sum(dim).masked_fill(target == ignore_index, 0)
    if reduction != "mean":
        return reduced(loss, reduction)
    scores, classes = (log_probability.unsqueeze(0), target.unsqueeze(0)) if dim == 0 else (log_probability, target)
    return loss.sum() / _weight_of_targets(scores, classes, weight, ignore_index).sum()


def _weighted(log_probability: Tensor, weight: Tensor | None, dim: int) -> Tensor:
    if weight is None:
        return log_probability
    shape = [1] * log_probability.ndim
    shape[dim] = weight.numel()
    return log_probability * weight.reshape(shape)


class BinaryCrossEntropy(Op):
    """Minus the log-probability of the truth, each logarithm at least -100.

    Math      y = -(t log x + (1 - t) log(1 - x));  dx = dy (x - t) / max(x (1 - x), 1e-12);  dt = dy log((1 - x) / x)
    Shapes    x and target: same shape  ->  y: same shape
    Raises    ArgumentError for an x outside of [0, 1]
    """

    def check(self, x: Spec, target: Spec) -> Spec:
        given = {"input": x, "target": target}
        require(x.dtype.is_floating_point, DtypeError, self, "input must be floating point", **given)
        require(x.dtype is target.dtype, DtypeError, self, "input and target must have the same dtype", **given)
        require(x.shape == target.shape, ShapeError, self, "input and target differ in shape", **given)
        return x

    def forward(self, kernels: Kernels, x: Array, target: Array) -> Array:
        return kernels.binary_cross_entropy(x, target)

    def vjp(
        self, x: Tensor, target: Tensor, needs: tuple[bool, ...], dy: Tensor
    ) -> tuple[Tensor | None, Tensor | None]:
        dx = dy * (x - target) / ((1 - x) * x).clamp_min(1e-12) if needs[0] else None
        dt = dy * ((-x).log1p().clamp_min(-100) - x.log().clamp_min(-100)) if needs[1] else None
        return dx, dt


@wide
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Cross-entropy of probabilities with truths in [0, 1]. See `BinaryCrossEntropy`; weight stretches to input."""
    how = reduction_of("binary_cross_entropy", size_average, reduce, reduction)
    loss = BinaryCrossEntropy()(input, target)
    return reduced(loss if weight is None else loss * weight, how)


@wide
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Cross-entropy of scores with truths in [0, 1], exact for large scores.

    Math      l = (1 - t) x - (1 + (pos_weight - 1) t) log sigmoid(x)
    Shapes    input and target: same shape; weight and pos_weight stretch to it
    """
    how = reduction_of("binary_cross_entropy_with_logits", size_average, reduce, reduction)
    given = {"input": input.spec, "target": target.spec}
    same = input.shape == target.shape
    require(same, ShapeError, "binary_cross_entropy_with_logits", "input and target differ in shape", **given)
    factor = 1 if pos_weight is None else (pos_weight - 1) * target + 1
    loss = (1 - target) * input - factor * logsigmoid(input)
    return reduced(loss if weight is None else loss * weight, how)


@wide
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """Kullback-Leibler divergence of log-probabilities `input` from probabilities `target`.

    Math      l = t (log t - input), 0 for t = 0; with log_target exp(t) (t - input); batchmean: sum l / batch
    Shapes    input and target stretch to each other
    """
    batchmean = reduction == "batchmean"
    how = reduction_of("kl_div", size_average, reduce, "sum" if batchmean else reduction)
    given = {"input": input.spec, "target": target.spec}
    require(input.dtype.is_floating_point, DtypeError, "kl_div", "input must be floating point", **given)
    if log_target:
        loss = target.exp() * (target - input)
    else:
        loss = target * (target.masked_fill(target == 0, 1).log() - input)
    return loss.sum() / input.shape[0] if batchmean and input.ndim else reduced(loss, how)
