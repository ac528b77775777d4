"""Connectionist temporal classification: the probability of a label sequence, summed over all its alignments.

Source    Graves et al. 2006, ICML 369-376; semantics of torch.nn.functional.ctc_loss
Requires  REQ-F-OPS-108
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from medtorch.core.autocasting import wide
from medtorch.core.dtypes import float32, float64, int32, int64
from medtorch.core.ops.comparison import choose
from medtorch.core.ops.host import Numbers, beside, read
from medtorch.core.ops.op import require
from medtorch.core.ops.pad import pad
from medtorch.core.ops.shape import stack
from medtorch.errors import ArgumentError, DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor

NEVER = -1e30
"""The logarithm of a probability of nothing: finite, so that gradients through it are zero and not nan."""


@wide
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int],
    target_lengths: Tensor | Sequence[int],
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Minus the log-probability of the labels in this order, with blanks and repeats between them.

    Math      alpha_t(s) = p_t(label_s) (alpha_(t-1)(s) + alpha_(t-1)(s - 1) + alpha_(t-1)(s - 2) where a label
              may follow another at once); loss = -log(alpha_T(last) + alpha_T(last - 1)); mean: of loss / length.
              The gradient is that of scores of which `log_probs` is the log_softmax, as torch's
    Shapes    log_probs (T, N, C) or (T, C), targets (N, S) or all in a row, lengths (N)  ->  (N), or one number
    Undefined with no alignment at all the loss is infinite and its gradient not finite; both are 0 with zero_infinity
    Raises    ShapeError, DtypeError, ArgumentError for lengths, labels or a blank that do not fit
    """
    alone = log_probs.ndim == 2
    scores = log_probs.unsqueeze(1) if alone else log_probs
    _check(log_probs, targets, reduction)
    steps, batch, classes = scores.shape
    wanted = {"log_probs": log_probs.spec, "targets": targets.spec}
    inputs, sizes = _lengths("input_lengths", input_lengths, batch), _lengths("target_lengths", target_lengths, batch)
    require(0 <= blank < classes, ArgumentError, "ctc_loss", f"blank {blank} is not one of {classes} classes", **wanted)
    text = f"input_lengths must lie between 0 and {steps}"
    require(bool(((inputs >= 0) & (inputs <= steps)).all()), ArgumentError, "ctc_loss", text, **wanted)
    labels = _labels(targets, sizes, batch)
    known = bool(((labels >= 0) & (labels < classes)).all())
    require(known, ArgumentError, "ctc_loss", f"targets must lie between 0 and {classes - 1}", **wanted)
    loss = _losses(scores, labels, inputs, sizes, blank)
    impossible = loss > -NEVER / 2
    if zero_infinity:
        loss = loss.masked_fill(impossible, 0)
    else:
        loss = loss * loss.new_ones(loss.shape).masked_fill(impossible, math.inf)
    if reduction == "none":
        return loss.squeeze(0) if alone else loss
    if reduction == "sum":
        return loss.sum()
    return (loss / beside(scores, np.maximum(sizes, 1)).to(scores.dtype)).mean()


def _check(log_probs: Tensor, targets: Tensor, reduction: str) -> None:
    given = {"log_probs": log_probs.spec, "targets": targets.spec}
    require(
        log_probs.ndim in (2, 3), ShapeError, "ctc_loss", "log_probs must have 3 dims, or 2 without a batch", **given
    )
    require(
        log_probs.dtype in (float32, float64), DtypeError, "ctc_loss", "log_probs must be float32 or float64", **given
    )
    require(targets.dtype in (int32, int64), DtypeError, "ctc_loss", "targets must be int64 or int32", **given)
    require(log_probs.shape[0] > 0, ShapeError, "ctc_loss", "log_probs must have one step or more", **given)
    known = reduction in ("none", "mean", "sum")
    require(known, ArgumentError, "ctc_loss", f"reduction must be none, mean or sum; got {reduction!r}", **given)


def _lengths(name: str, given: Tensor | Sequence[int], batch: int) -> Numbers:
    found = (np.array(given, np.int64) if isinstance(given, Sequence) else read(given)).reshape(-1)
    text = f"{name} must be one a sample: {batch}, got {found.size}"
    require(found.size == batch, ShapeError, "ctc_loss", text)
    require(not (found < 0).any(), ArgumentError, "ctc_loss", f"{name} must not be negative")
    return found


def _labels(targets: Tensor, sizes: Numbers, batch: int) -> Numbers:
    """The labels of each sample in a row of their own; zeros behind its end."""
    plain = read(targets)
    longest = int(sizes.max(initial=0))
    out = np.zeros((batch, longest), np.int64)
    there = np.arange(longest) < sizes[:, None]
    if plain.ndim == 2:
        fits = plain.shape[0] == batch and plain.shape[1] >= longest
        text = f"targets must be ({batch}, {longest} or more)"
        require(fits, ShapeError, "ctc_loss", text, targets=targets.spec)
        out[there] = plain[:, :longest][there]
        return out
    text = f"targets must be {int(sizes.sum())} labels in a row, or have 2 dims"
    require(plain.ndim == 1 and plain.size == sizes.sum(), ShapeError, "ctc_loss", text, targets=targets.spec)
    out[there] = plain
    return out


def _losses(scores: Tensor, labels: Numbers, inputs: Numbers, sizes: Numbers, blank: int) -> Tensor:
    steps, batch, _ = scores.shape
    states = 2 * labels.shape[1] + 1
    extended = np.full((batch, states), blank)
    extended[:, 1::2] = labels
    jumps = np.zeros((batch, states), bool)  # where a label may follow the one before it without a blank
    jumps[:, 3::2] = labels[:, 1:] != labels[:, :-1]
    places, may_jump = beside(scores, extended), beside(scores, jumps)
    likely = scores.clamp(min=NEVER)
    emitted = [likely[t].gather(1, places) for t in range(steps)]
    first = beside(scores, np.arange(states) < 2)
    alpha = emitted[0].masked_fill(~first, NEVER)
    still = scores.new_zeros(states).masked_fill(beside(scores, np.arange(states) > 0), NEVER)
    alpha = choose(beside(scores, inputs > 0).unsqueeze(1), alpha, still)
    for t in range(1, steps):
        stay, step = alpha, pad(alpha, (1, 0), value=NEVER)[:, :states]
        jump = pad(alpha, (2, 0), value=NEVER)[:, :states].masked_fill(~may_jump, NEVER)
        further = stack([stay, step, jump]).logsumexp(0) + emitted[t]
        alpha = choose(beside(scores, inputs > t).unsqueeze(1), further, alpha)
    last = beside(scores, np.stack([2 * sizes, np.maximum(2 * sizes - 1, 0)], 1))
    ends = alpha.gather(1, last)
    only_one = beside(scores, np.stack([sizes < 0, sizes == 0], 1))
    loss: Tensor = -ends.masked_fill(only_one, NEVER).logsumexp(1)
    return loss + _of_scores(scores, inputs)


def _of_scores(scores: Tensor, inputs: Numbers) -> Tensor:
    """Zero, with exp(log_probs) as its gradient: what log_softmax's own gradient would add for scores."""
    steps = scores.shape[0]
    used = beside(scores, np.arange(steps)[:, None] < inputs).unsqueeze(2)
    total = scores.exp().masked_fill(~used, 0).sum((0, 2))
    return total - total.detach()
