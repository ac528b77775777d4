"""The score of each sample's own class, and the way back: what losses and one-hot vectors are made of.

Source    semantics of torch.nn.functional.nll_loss, one_hot
Requires  REQ-F-OPS-108
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from medtorch.core.dtypes import int64
from medtorch.core.ops.op import Array, Op, require
from medtorch.core.spec import Spec
from medtorch.errors import ArgumentError, DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


class PickClass(Op):
    """Of each row of scores the one of its class; 0 where the class is `ignore_index`.

    Math      y[n, ...] = x[n, target[n, ...], ...]
    Shapes    x (N, C, *size), target (N, *size)  ->  y (N, *size)
    Raises    DimError for a class that is neither one of C nor `ignore_index`
    """

    ignore_index: int
    name = "nll_loss"

    def check(self, x: Spec, target: Spec) -> Spec:
        given = {"input": x, "target": target}
        require(target.dtype.category == 1, DtypeError, self, "target must hold classes as whole numbers", **given)
        wanted = (*x.shape[:1], *x.shape[2:])
        require(target.shape == wanted, ShapeError, self, f"target must have the shape {wanted}", **given)
        return x.with_shape(wanted)

    def forward(self, kernels: Kernels, x: Array, target: Array) -> Array:
        return kernels.pick_class(x, target, self.ignore_index)

    def vjp(self, x_spec: Spec, target: Tensor, dy: Tensor) -> tuple[Tensor, None]:
        return PlaceClass(x_spec.shape[1], self.ignore_index)(dy, target), None


class PlaceClass(Op):
    """Each number at its class, zeros at the others; nothing where the class is `ignore_index`.

    Math      y[n, target[n, ...], ...] = x[n, ...]
    Shapes    x and target (N, *size)  ->  y (N, classes, *size)
    """

    classes: int
    ignore_index: int

    def check(self, x: Spec, target: Spec) -> Spec:
        require(x.shape == target.shape, ShapeError, self, "x and target differ in shape", x=x, target=target)
        return x.with_shape((x.shape[0], self.classes, *x.shape[1:]))

    def forward(self, kernels: Kernels, x: Array, target: Array) -> Array:
        return kernels.place_class(x, target, self.classes, self.ignore_index)

    def vjp(self, target: Tensor, dy: Tensor) -> tuple[Tensor, None]:
        return PickClass(self.ignore_index)(dy, target), None


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """A 1 at each class and zeros at the others, in a new last dim.

    Shapes    tensor: any shape, int64  ->  (*shape, num_classes), int64; -1 for as many as the largest class needs
    Raises    DtypeError if tensor is not int64; ArgumentError for a class that is negative or too large
    """
    given = {"tensor": tensor.spec}
    require(tensor.dtype is int64, DtypeError, "one_hot", "tensor must be int64", **given)
    if tensor.numel():
        require(not bool((tensor < 0).any()), ArgumentError, "one_hot", "classes must not be negative", **given)
        largest = int(tensor.amax().item())
    else:
        require(num_classes > 0, ArgumentError, "one_hot", "num_classes must be given for an empty tensor", **given)
        largest = -1
    classes = largest + 1 if num_classes == -1 else num_classes
    require(largest < classes, ArgumentError, "one_hot", f"class {largest} is not one of {classes}", **given)
    require(classes > 0, ArgumentError, "one_hot", f"num_classes must be positive, got {num_classes}", **given)
    flat = tensor.reshape(tensor.numel())
    out = PlaceClass(classes, -1)(flat.new_ones(flat.shape), flat)
    return out.reshape(*tensor.shape, classes)  # type: ignore[no-any-return]
