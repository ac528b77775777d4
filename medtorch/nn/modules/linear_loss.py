"""A linear layer and the cross-entropy of its scores in one.

Source    semantics of torch.nn.LinearCrossEntropyLoss
Requires  REQ-F-NN-007
"""

from __future__ import annotations

import math

from medtorch.core.dtypes import dtype as Dtype
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, ShapeError, UnsupportedError
from medtorch.nn import functional as F
from medtorch.nn.modules._new import Device, shown
from medtorch.nn.modules.linear import Linear
from medtorch.nn.modules.loss import _WeightedLoss


class LinearCrossEntropyLoss(_WeightedLoss):
    """The cross-entropy of a learned linear layer's scores with classes or probabilities.

    Shapes    input (N, in_features) or (in_features), target as cross_entropy has it for scores (N, C, *out_features)
    Raises    ShapeError for weights of another length, ArgumentError for a label_smoothing outside [0, 1];
              UnsupportedError for options
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Device = None,
        dtype: Dtype | None = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: object = None,
    ) -> None:
        if options is not None:
            raise UnsupportedError("LinearCrossEntropyLoss: options are not supported")
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise ShapeError(f"expected weight shape to be {(num_classes,)}, got {tuple(weight.shape)}")
        if not 0 <= label_smoothing <= 1:
            raise ArgumentError(f"expected label_smoothing to be in range [0, 1], got {label_smoothing}")
        super().__init__(weight=weight, reduction=reduction)
        self.num_classes, self.out_features, self.options = num_classes, out_features, options
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing
        rows = math.prod(out_features, start=num_classes)
        self.linear = Linear(in_features, rows, bias=bias, device=device, dtype=dtype)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        shape = (self.num_classes, *self.out_features)
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape(*shape, self.linear.in_features),
            target,
            linear_bias=None if self.linear.bias is None else self.linear.bias.reshape(shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
        )

    def extra_repr(self) -> str:
        own = shown(self, "num_classes", "out_features")
        rest = shown(self, "reduction", "ignore_index", "label_smoothing", "options")
        return f"in_features={self.linear.in_features}, {own}, bias={self.linear.bias is not None}, {rest}"
