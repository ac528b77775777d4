"""Rows of a table, looked up by number.

Source    semantics of torch.nn.functional.embedding
Requires  REQ-F-OPS-111
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from medtorch.core.dtypes import int32, int64
from medtorch.core.modes import no_grad
from medtorch.core.ops.op import Array, Op, require
from medtorch.core.spec import Spec
from medtorch.errors import ArgumentError, DtypeError, ShapeError, UnsupportedError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


class Embedding(Op):
    """The row of `weight` for each index.

    Math      y[..., :] = weight[indices[...], :];  dweight: dy added up per row, none for `padding_idx`, divided by how
              often the row was looked up if `scale_grad_by_freq`
    Shapes    weight (rows, width), indices: any shape  ->  y (*indices, width)
    Raises    DimError for an index that is not a row
    """

    padding_idx: int
    scale_grad_by_freq: bool

    def check(self, weight: Spec, indices: Spec) -> Spec:
        given = {"input": indices, "weight": weight}
        require(indices.dtype in (int32, int64), DtypeError, self, "input must be int64 or int32", **given)
        require(weight.ndim == 2, ShapeError, self, f"weight must have 2 dims, has {weight.ndim}", **given)
        return weight.with_shape((*indices.shape, weight.shape[1]))

    def forward(self, kernels: Kernels, weight: Array, indices: Array) -> Array:
        return kernels.embedding(weight, indices)

    def vjp(self, weight_spec: Spec, indices: Tensor, dy: Tensor) -> tuple[Tensor, None]:
        return EmbeddingWeightGrad(weight_spec.shape[0], self.padding_idx, self.scale_grad_by_freq)(dy, indices), None


class EmbeddingWeightGrad(Op):
    """`grad` added up in the rows that it was looked up from.

    Shapes    grad (*indices, width), indices  ->  y (rows, width)
    """

    rows: int
    padding_idx: int
    scale_grad_by_freq: bool

    def check(self, grad: Spec, indices: Spec) -> Spec:
        return grad.with_shape((self.rows, grad.shape[-1]))

    def forward(self, kernels: Kernels, grad: Array, indices: Array) -> Array:
        return kernels.embedding_weight_grad(grad, indices, self.rows, self.padding_idx, self.scale_grad_by_freq)

    def vjp(self, indices: Tensor, dy: Tensor) -> tuple[Tensor, None]:
        shares = dy.new_ones((*indices.shape, 1))
        if self.scale_grad_by_freq:
            counts = EmbeddingWeightGrad(self.rows, -1, False)(shares, indices)
            shares = shares / Embedding(-1, False)(counts, indices)
        shares = shares.masked_fill((indices == self.padding_idx).unsqueeze(-1), 0)
        return Embedding(-1, False)(dy, indices) * shares, None


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The row of `weight` for each number in `input`; with `max_norm` longer rows are first shortened, in place.

    Raises    DimError for a number that is not a row; UnsupportedError for sparse gradients
    """
    if sparse:
        raise UnsupportedError("embedding: sparse=True is not supported; there are no sparse tensors")
    given = {"input": input.spec, "weight": weight.spec}
    rows = weight.shape[0] if weight.ndim else 0
    padding = -1
    if padding_idx is not None:
        text = f"padding_idx {padding_idx} is not one of {rows} rows"
        require(-rows <= padding_idx < rows, ArgumentError, "embedding", text, **given)
        padding = padding_idx % rows
    if max_norm is not None:
        Embedding(padding, scale_grad_by_freq)(weight.detach(), input)  # refuses what is not a row before rows change
        _shorten(weight, input, max_norm, norm_type)
    return Embedding(padding, scale_grad_by_freq)(weight, input)  # type: ignore[no-any-return]


def _shorten(weight: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows that are looked up to `max_norm` where they are longer; 1e-7 as in torch's renorm."""
    with no_grad():
        ones = weight.new_ones((*indices.shape, 1))
        used = EmbeddingWeightGrad(weight.shape[0], -1, False)(ones, indices) > 0
        norms = weight.norm(norm_type, 1, keepdim=True)
        long = used.logical_and(norms > max_norm)
        factor = (max_norm / (norms + 1e-7)).masked_fill(long.logical_not(), 1)
        weight.copy_(weight * factor)
