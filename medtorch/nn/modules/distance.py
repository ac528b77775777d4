"""Likeness and distance of vectors.

Source    semantics of torch.nn.CosineSimilarity, PairwiseDistance
Requires  REQ-F-NN-005
"""

from __future__ import annotations

from medtorch.core.tensor import Tensor
from medtorch.nn import functional as F
from medtorch.nn.modules.module import Module


class CosineSimilarity(Module):
    """The cosine of the angle between vectors along `dim`.

    Math      x1 . x2 / (max(|x1|, eps) max(|x2|, eps))
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """The p-norm of the difference of vectors along the last dim.

    Math      |x1 - x2 + eps|_p
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
