"""Cross-entropy of scores with classes in one op, and its gradient in another.

The bits are those of log_softmax, nll_loss and the sums one after the other (loss.py beside this), which other forms
of the loss are made of: with weights, smoothing or probabilities, without a reduction, in halves.

Requires  REQ-F-OPS-108
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medtorch.core.dtypes import float32, float64
from medtorch.core.modes import STATE, is_plain
from medtorch.core.ops.classes import PlaceClass
from medtorch.core.ops.op import Array, Op, Specs, require
from medtorch.core.spec import Spec
from medtorch.errors import ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


def is_one_op(scores: Tensor, target: Tensor, reduction: str) -> bool:
    """Whether `ClassEntropy` computes this loss: nothing but a backward pass follows it, and all fits."""
    followed = STATE.levels or STATE.batches or STATE.capture is not None
    fits = scores.ndim >= 2 and target.dtype.category == 1 and target.shape == (*scores.shape[:1], *scores.shape[2:])
    return not followed and fits and scores.dtype in (float32, float64) and reduction != "none"


class ClassEntropy(Op):
    """The sum or the mean of minus the log-probabilities of the true classes; and all log-probabilities.

    Math      p = softmax(x);  y = -sum log p[target], divided by the number of targets that are not ignored if `mean`;
              dx = dy (p - 1[target]), divided alike, 0 where the target is ignored
    Shapes    x (N, C, *size), target (N, *size)  ->  y (), log-probabilities (N, C, *size)
    Undefined the mean over nothing is nan
    Raises    DimError for a class that is neither one of C nor `ignore_index`
    """

    ignore_index: int
    mean: bool
    outputs = ("loss", "log_probability")

    def check(self, x: Spec, target: Spec) -> Specs:
        return x.with_shape(()), x

    def forward(self, kernels: Kernels, x: Array, target: Array) -> tuple[Array, Array]:
        found: tuple[Array, Array] = kernels.class_entropy(x, target, self.ignore_index, self.mean)
        return found

    def vjp(self, dy: tuple[Any, Any], log_probability: Tensor, target: Tensor) -> tuple[Tensor, None]:
        share, straight = dy
        back = ClassEntropyGrad(self.ignore_index, self.mean)
        if straight is None and share is not None and is_plain():
            return back(share, log_probability, target), None
        given = None if share is None else self._placed(share, log_probability, target)
        d = given if straight is None else straight if given is None else given + straight
        return d - log_probability.exp() * d.sum(1, keepdim=True), None  # type: ignore[union-attr,operator,arg-type]

    def _placed(self, share: Tensor, log_probability: Tensor, target: Tensor) -> Tensor:
        """The gradient of the log-probabilities, in ops."""
        if self.mean:
            share = share / (target != self.ignore_index).to(share.dtype).sum()
        place = PlaceClass(log_probability.shape[1], self.ignore_index)
        return place(-share.expand(target.shape), target)  # type: ignore[no-any-return]


class ClassEntropyGrad(Op):
    """dx of `ClassEntropy` from the gradient of the loss and the log-probabilities.

    Shapes    dy (), log_probability (N, C, *size), target (N, *size)  ->  dx (N, C, *size)
    Raises    ShapeError
    """

    ignore_index: int
    mean: bool

    def check(self, dy: Spec, log_probability: Spec, target: Spec) -> Spec:
        require(dy.shape == (), ShapeError, self, "dy must be a single number", dy=dy, log_probability=log_probability)
        return log_probability

    def forward(self, kernels: Kernels, dy: Array, log_probability: Array, target: Array) -> Array:
        return kernels.class_entropy_grad(dy, log_probability, target, self.ignore_index, self.mean)
