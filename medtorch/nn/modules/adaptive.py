"""A softmax over many classes in clusters: the frequent ones at once, the others each in its cluster.

Source    Grave et al. 2017, arXiv:1609.04309; semantics of torch.nn.AdaptiveLogSoftmaxWithLoss
Requires  REQ-F-NN-007
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from medtorch.core.creation import arange
from medtorch.core.dtypes import dtype as Dtype
from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, ShapeError
from medtorch.nn import functional as F
from medtorch.nn.modules._new import Device
from medtorch.nn.modules.container import ModuleList, Sequential
from medtorch.nn.modules.linear import Linear
from medtorch.nn.modules.module import Module


class ASMoutput(NamedTuple):
    """The log-probability of each target, and minus their mean."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-probabilities of targets and their loss; class numbers are ordered, the most frequent first.

    Math      log p(y) = log_softmax(head x)_y for y < cutoffs[0], else log_softmax(head x)_cluster + that in the
              cluster, whose scores come through a projection to in_features / div_value^cluster
    Shapes    input (N, in_features), target (N) -> output (N), loss (); without N for one sample
    Raises    ArgumentError for cutoffs that do not rise from 1 to n_classes - 1, targets out of range; ShapeError
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Device = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        _check_cutoffs(cutoffs, n_classes)
        self.in_features, self.n_classes, self.cutoffs = in_features, n_classes, [*cutoffs, n_classes]
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size, self.n_clusters = self.cutoffs[0], len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, device=device, dtype=dtype)
        self.tail = ModuleList()
        for nr, (low, high) in enumerate(itertools.pairwise(self.cutoffs), 1):
            width = int(in_features // div_value**nr)
            first = Linear(in_features, width, bias=False, device=device, dtype=dtype)
            self.tail.append(Sequential(first, Linear(width, high - low, bias=False, device=device, dtype=dtype)))

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        self.head.reset_parameters()
        for layer in itertools.chain.from_iterable(self.tail):
            layer.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> ASMoutput:
        self._check(input_, target_)
        input, target = (input_, target_) if target_.ndim else (input_.unsqueeze(0), target_.unsqueeze(0))
        chosen, output = target, input.new_zeros(target.shape)
        for nr, (low, high) in enumerate(itertools.pairwise(self.cutoffs)):
            rows = _true_places((target >= low) & (target < high))
            if not rows.numel():
                continue
            inside = F.log_softmax(self.tail[nr](input.index_select(0, rows)), 1)
            own = inside.gather(1, (target.index_select(0, rows) - low).unsqueeze(1)).squeeze(1)
            output = output.index_add(0, rows, own)
            chosen = chosen.index_fill(0, rows, self.shortlist_size + nr)
        head = F.log_softmax(self.head(input), 1)
        output = output + head.gather(1, chosen.unsqueeze(1)).squeeze(1)
        loss = (-output).mean()
        return ASMoutput(output if target_.ndim else output.squeeze(0), loss)

    def _check(self, input: Tensor, target: Tensor) -> None:
        name, shapes = self._get_name(), f"got {tuple(input.shape)} and {tuple(target.shape)}"
        if target.ndim > 1:
            raise ShapeError(f"{name}: 0D or 1D target tensor expected, multi-target not supported, {shapes}")
        if input.ndim != target.ndim + 1:
            raise ShapeError(f"{name}: {target.ndim}D target tensor expects {target.ndim + 1}D input tensors, {shapes}")
        if target.ndim and input.shape[0] != target.shape[0]:
            raise ShapeError(f"{name}: Input and target should have the same size in the batch dimension, {shapes}")
        low, high = (int(target.amin().item()), int(target.amax().item())) if target.numel() else (0, 0)
        if low < 0 or high >= self.n_classes:
            raise ArgumentError(
                f"{name}: Target values should be in [0, {self.n_classes - 1}], "
                f"but values in range [{low}, {high}] were found"
            )

    def _all(self, input: Tensor, scores: Tensor) -> Tensor:
        head = F.log_softmax(scores, 1)
        parts = [head[:, : self.shortlist_size]]
        for nr, cluster in enumerate(self.tail, self.shortlist_size):
            parts.append(F.log_softmax(cluster(input), 1) + head[:, nr : nr + 1])
        return cat(parts, 1)

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probability of every class, (N, n_classes)."""
        return self._all(input, self.head(input))

    def predict(self, input: Tensor) -> Tensor:
        """The likeliest class of each sample, (N); clusters are looked into only where the head points at one."""
        scores = self.head(input)
        best: Tensor = scores.argmax(1)
        rows = _true_places(best >= self.shortlist_size)
        if not rows.numel():
            return best
        likely = self._all(input.index_select(0, rows), scores.index_select(0, rows))
        return best.index_copy(0, rows, likely.argmax(1))


def _true_places(mask: Tensor) -> Tensor:
    return arange(mask.numel(), device=mask.device)[mask]


def _check_cutoffs(cutoffs: Sequence[int], n_classes: int) -> None:
    found = list(cutoffs)
    if not found:
        raise ArgumentError("cutoffs should be a sequence of length larger than 0")
    rising = all(low < high for low, high in itertools.pairwise(found))
    if not rising or found[0] <= 0 or found[-1] > n_classes - 1 or any(int(c) != c for c in found):
        raise ArgumentError(
            "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each value "
            f"is between 1 and n_classes-1, got {found}"
        )
