"""Losses of distances between numbers and between vectors.

Source    semantics of torch.nn.functional's functions of these names
Requires  REQ-F-OPS-108
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

from medtorch.core.autocasting import wide
from medtorch.core.ops.activation import softplus
from medtorch.core.ops.comparison import choose
from medtorch.core.ops.loss import reduced, reduction_of
from medtorch.core.ops.moments import norm
from medtorch.core.ops.op import require
from medtorch.core.ops.shape import broadcast_tensors
from medtorch.errors import ArgumentError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor


def _difference(name: str, input: Tensor, target: Tensor) -> Tensor:
    if input.shape != target.shape:
        shapes = f"{tuple(input.shape)} and {tuple(target.shape)}"
        warnings.warn(f"{name}: input and target differ in shape, {shapes}, and are stretched", stacklevel=3)
    return input - target


def _weighted(loss: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """With a weight for each number the mean is over the weights."""
    if weight is None:
        return reduced(loss, reduction)
    loss = loss * weight
    return loss.sum() / weight.expand(loss.shape).sum() if reduction == "mean" else reduced(loss, reduction)


@wide
def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The squared difference."""
    how = reduction_of("mse_loss", size_average, reduce, reduction)
    gap = _difference("mse_loss", input, target)
    return _weighted(gap * gap, weight, how)


@wide
def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The absolute difference."""
    how = reduction_of("l1_loss", size_average, reduce, reduction)
    return _weighted(_difference("l1_loss", input, target).abs(), weight, how)


@wide
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """d^2 / (2 beta) where the difference d is less than beta, else |d| - beta / 2."""
    how = reduction_of("smooth_l1_loss", size_average, reduce, reduction)
    require(beta >= 0, ArgumentError, "smooth_l1_loss", f"beta must not be negative, got {beta}")
    gap = _difference("smooth_l1_loss", input, target)
    if beta == 0:
        return reduced(gap.abs(), how)
    return reduced(choose(gap.abs() < beta, gap * gap * (0.5 / beta), gap.abs() - 0.5 * beta), how)


@wide
def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """d^2 / 2 where the difference d is at most delta, else delta (|d| - delta / 2)."""
    how = reduction_of("huber_loss", None, None, reduction)
    require(delta > 0, ArgumentError, "huber_loss", f"delta must be positive, got {delta}")
    gap = _difference("huber_loss", input, target)
    return _weighted(choose(gap.abs() <= delta, gap * gap * 0.5, (gap.abs() - 0.5 * delta) * delta), weight, how)


@wide
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Minus the log-likelihood of counts; `full` adds Stirling's approximation of log(target!) where target > 1."""
    how = reduction_of("poisson_nll_loss", size_average, reduce, reduction)
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        known = choose(target > 1, target, target.new_ones(target.shape))
        stirling = known * known.log() - known + 0.5 * (2 * math.pi * known).log()
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return reduced(loss, how)


def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Tensor | float, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """Minus the log-likelihood of normal numbers with mean `input` and variance `var`, at least `eps`.

    Math      l = (log v + (input - target)^2 / v) / 2 [+ log(2 pi) / 2 if full], v = max(var, eps), whose gradient
              goes to var also where eps is larger
    Shapes    var: input's shape, or without its last dim, or 1 in its place
    """
    how = reduction_of("gaussian_nll_loss", None, None, reduction)
    spread = input.new_full((1,) * input.ndim, var) if isinstance(var, (int, float)) else var
    given = {"input": input.spec, "target": target.spec, "var": spread.spec}
    if spread.shape != input.shape and spread.ndim == input.ndim - 1:
        spread = spread.unsqueeze(-1)
    fits = spread.ndim == input.ndim and all(v in (1, n) for v, n in zip(spread.shape, input.shape, strict=True))
    require(fits, ShapeError, "gaussian_nll_loss", "var does not fit input", **given)
    require(not bool((spread < 0).any()), ArgumentError, "gaussian_nll_loss", "var must not be negative", **given)
    # The value is held at eps while the gradient goes on as if it were not, as in torch.
    held = spread + (spread.detach().clamp_min(eps) - spread.detach())
    loss = 0.5 * (held.log() + (input - target).square() / held)
    return reduced(loss + 0.5 * math.log(2 * math.pi) if full else loss, how)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along `dim`; each length counts at least `eps`."""
    x1, x2 = broadcast_tensors(x1, x2)
    first = x1 / norm(x1, 2, dim, keepdim=True).clamp_min(eps)
    second = x2 / norm(x2, 2, dim, keepdim=True).clamp_min(eps)
    return (first * second).sum(dim)


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last dim."""
    return norm(x1 - x2 + eps, p, -1, keepdim=keepdim)


@wide
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos where target is 1; what cos has above `margin` where it is -1.

    Shapes    inputs (N, D) or (D), target (N) or ()
    """
    how = reduction_of("cosine_embedding_loss", size_average, reduce, reduction)
    given = {"input1": input1.spec, "input2": input2.spec, "target": target.spec}
    fits = target.ndim in (0, 1) and input1.ndim == target.ndim + 1 and input2.ndim == target.ndim + 1
    require(fits, ShapeError, "cosine_embedding_loss", "takes (N, D), (N, D), (N) or (D), (D), ()", **given)
    lengths = ((input1.square().sum(-1) + 1e-12) * (input2.square().sum(-1) + 1e-12)).sqrt()
    cosine = (input1 * input2).sum(-1) / lengths
    alike = (1 - cosine).masked_fill(target != 1, 0)
    return reduced(alike + (cosine - margin).clamp_min(0).masked_fill(target != -1, 0), how)


@wide
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """How far input1 fails to exceed input2 by `margin` (target 1), or the other way round (-1)."""
    how = reduction_of("margin_ranking_loss", size_average, reduce, reduction)
    given = {"input1": input1.spec, "input2": input2.spec, "target": target.spec}
    same = input1.ndim == input2.ndim == target.ndim
    require(same, ShapeError, "margin_ranking_loss", "inputs and target differ in their dims", **given)
    return reduced((-target * (input1 - input2) + margin).clamp_min(0), how)


@wide
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The distance itself where target is 1; what it lacks of `margin` where it is -1."""
    how = reduction_of("hinge_embedding_loss", size_average, reduce, reduction)
    apart = (margin - input).clamp_min(0).masked_fill(target == 1, 0)
    return reduced(apart + input.masked_fill(target == -1, 0), how)


@wide
def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """log(1 + e^(-target input)), target 1 or -1."""
    how = reduction_of("soft_margin_loss", size_average, reduce, reduction)
    given = {"input": input.spec, "target": target.spec}
    require(input.shape == target.shape, ShapeError, "soft_margin_loss", "input and target differ in shape", **given)
    return reduced(softplus(-target * input, 1.0, math.inf), how)


@wide
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """How far `negative` fails to be `margin` farther from `anchor` than `positive` is."""
    how = reduction_of("triplet_margin_loss", size_average, reduce, reduction)
    return triplet_margin_with_distance_loss(
        anchor,
        positive,
        negative,
        distance_function=lambda a, b: pairwise_distance(a, b, p, eps),
        margin=margin,
        swap=swap,
        reduction=how,
    )


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with a distance of one's own; `swap` takes the shorter way to `negative`."""
    name = "triplet_margin_with_distance_loss"
    how = reduction_of(name, None, None, reduction)
    given = {"anchor": anchor.spec, "positive": positive.spec, "negative": negative.spec}
    require(anchor.ndim == positive.ndim == negative.ndim, ShapeError, name, "the three differ in their dims", **given)
    require(margin > 0, ArgumentError, name, f"margin must be positive, got {margin}", **given)
    distance = pairwise_distance if distance_function is None else distance_function
    far = distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return reduced((distance(anchor, positive) - far + margin).clamp_min(0), how)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Binary cross-entropy of scores, averaged over the classes, which are the last dim."""
    how = reduction_of("multilabel_soft_margin_loss", size_average, reduce, reduction)
    no, yes = softplus(input, 1.0, math.inf), softplus(-input, 1.0, math.inf)
    loss = target * yes + (1 - target) * no
    return reduced((loss if weight is None else loss * weight).mean(-1), how)


@wide
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """How far the other classes fail to stay `margin` below the true one, to the power p, averaged over the classes.

    Shapes    input (N, C) or (C), target (N) or ()
    """
    how = reduction_of("multi_margin_loss", size_average, reduce, reduction)
    require(p in (1, 2), ArgumentError, "multi_margin_loss", f"p must be 1 or 2, got {p}", input=input.spec)
    given = {"input": input.spec, "target": target.spec}
    fits = input.ndim <= 2 and target.numel() == (input.shape[0] if input.ndim == 2 else 1)
    require(fits, ShapeError, "multi_margin_loss", "takes (N, C), (N) or (C), ()", **given)
    scores = input if input.ndim == 2 else input.reshape(1, input.numel())
    classes = target.reshape(scores.shape[0], 1)
    gaps = (scores - scores.gather(1, classes) + margin).clamp_min(0).pow(p)
    if weight is not None:
        gaps = gaps * weight.gather(0, classes.reshape(-1)).unsqueeze(1)
    own = scores.new_zeros(scores.shape).scatter(1, classes, 1.0)
    loss = (gaps * (1 - own)).sum(1) / scores.shape[1]
    return reduced(loss if input.ndim == 2 else loss.squeeze(0), how)
