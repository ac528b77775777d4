"""Attention: a mean of values weighted by how well their keys match a query.

Source    Vaswani et al. 2017, arXiv:1706.03762; semantics of torch.nn.functional.scaled_dot_product_attention
Requires  REQ-F-OPS-114
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from medtorch.core.autocasting import narrow
from medtorch.core.dtypes import bool_, float32, float64
from medtorch.core.ops.dropout import dropout
from medtorch.core.ops.op import Array, Op, require, sum_to
from medtorch.core.ops.triangles import tril
from medtorch.core.shapes import broadcast_shapes
from medtorch.core.spec import Spec
from medtorch.core.stream import Streaming
from medtorch.errors import ArgumentError, DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


@narrow
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    generator: Streaming | None = None,
) -> Tensor:
    """softmax(query key^T scale + mask) value; a query that may look at nothing gets zeros.

    Shapes    query (..., H, L, E), key (..., S, E), value (..., S, V)  ->  (..., H, L, V); attn_mask stretches to
              (..., L, S): bool, True where a query may look, or numbers that are added; with `enable_gqa` key and value
              may have a divisor of H heads
    Raises    ArgumentError for a mask together with `is_causal`; ShapeError, DtypeError
    """
    name = "scaled_dot_product_attention"
    given = {"query": query.spec, "key": key.spec, "value": value.spec}
    require(query.dtype is key.dtype and key.dtype is value.dtype, DtypeError, name, "dtypes differ", **given)
    require(min(query.ndim, key.ndim, value.ndim) >= 2, ShapeError, name, "inputs must have 2 dims or more", **given)
    require(query.shape[-1] == key.shape[-1], ShapeError, name, "query and key differ in their last dim", **given)
    require(key.shape[-2] == value.shape[-2], ShapeError, name, "key and value differ in length", **given)
    require(attn_mask is None or not is_causal, ArgumentError, name, "is_causal has a mask of its own", **given)
    if enable_gqa:
        key, value = _heads_of(name, query, key), _heads_of(name, query, value)
    factor = 1 / math.sqrt(max(query.shape[-1], 1)) if scale is None else scale
    if (
        not dropout_p
        and query.dtype in (float32, float64)
        and (attn_mask is None or attn_mask.dtype in (bool_, query.dtype))
    ):
        return ScaledDotProductAttention(factor, is_causal)(query, key, value, attn_mask)  # type: ignore[no-any-return]
    scores = (query * factor).matmul(key.transpose(-2, -1))
    shares = _shares(scores, attn_mask, is_causal)
    return dropout(shares, dropout_p, True, generator=generator).matmul(value)


class ScaledDotProductAttention(Op):
    """A mean of values for each query, in one kernel that keeps no scores; the way back computes them again.

    Math      s = softmax(q scale k^T + mask), 0 where the mask leaves nothing;  y = s v
              dv = s^T dy;  ds = s (dy v^T - sum(s dy v^T));  dq = scale ds k;  dk = ds^T (scale q);  dmask = ds
    Shapes    query (..., L, E), key (..., S, E), value (..., S, V), mask (..., L, S) or None  ->  (..., L, V)
    """

    scale: float
    is_causal: bool

    def check(self, query: Spec, key: Spec, value: Spec, mask: Spec | None) -> Spec:
        lead = broadcast_shapes(broadcast_shapes(query.shape[:-2], key.shape[:-2]), value.shape[:-2])
        if mask is not None:
            given = {"query": query, "key": key, "attn_mask": mask}
            wanted = (*lead, query.shape[-2], key.shape[-2])
            try:
                lead = broadcast_shapes(wanted, mask.shape)[:-2]
                fits = broadcast_shapes(wanted, mask.shape)[-2:] == wanted[-2:]
            except ShapeError:
                fits = False
            require(fits, ShapeError, self, f"attn_mask does not stretch to the scores, {wanted}", **given)
        return query.with_shape((*lead, query.shape[-2], value.shape[-1]))

    def forward(self, kernels: Kernels, query: Array, key: Array, value: Array, mask: Array | None) -> Array:
        return kernels.scaled_dot_product_attention(query, key, value, mask, self.is_causal, self.scale)

    def vjp(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None,
        needs: tuple[bool, ...],
        dy: Tensor,
    ) -> tuple[Tensor | None, ...]:
        scaled = query * self.scale
        shares = _shares(scaled.matmul(key.transpose(-2, -1)), mask, self.is_causal)
        dvalue = sum_to(shares.transpose(-2, -1).matmul(dy), value.spec) if needs[2] else None
        sent = dy.matmul(value.transpose(-2, -1))
        ds = shares * (sent - (shares * sent).sum(-1, keepdim=True))
        dquery = sum_to(ds.matmul(key) * self.scale, query.spec) if needs[0] else None
        dkey = sum_to(ds.transpose(-2, -1).matmul(scaled), key.spec) if needs[1] else None
        dmask = sum_to(ds, mask.spec) if mask is not None and needs[3] else None
        return dquery, dkey, dvalue, dmask


def _shares(scores: Tensor, mask: Tensor | None, is_causal: bool) -> Tensor:
    """How much each query takes of each value."""
    if is_causal:
        mask = tril(scores.new_ones(scores.shape[-2:])) != 0
    if mask is None:
        return scores.softmax(-1)
    if mask.dtype is bool_:
        return softmax_of_seen(scores.masked_fill(~mask, -math.inf))
    require(
        mask.dtype is scores.dtype,
        DtypeError,
        "scaled_dot_product_attention",
        "attn_mask must be bool or of query's dtype",
        scores=scores.spec,
        attn_mask=mask.spec,
    )
    return softmax_of_seen(scores + mask)


def _heads_of(name: str, query: Tensor, shared: Tensor) -> Tensor:
    heads, own = query.shape[-3], shared.shape[-3]
    fits = own > 0 and heads % own == 0
    require(fits, ShapeError, name, f"{heads} heads are no multiple of {own}", query=query.spec, shared=shared.spec)
    wide = shared.unsqueeze(-3).expand(*shared.shape[:-2], heads // own, *shared.shape[-2:])
    return wide.reshape(*shared.shape[:-3], heads, *shared.shape[-2:])


def softmax_of_seen(scores: Tensor) -> Tensor:
    """softmax over the last dim; zeros, not nan, where everything is masked by minus infinity."""
    blind = (scores == -math.inf).all(-1, keepdim=True)
    return scores.masked_fill(blind, 0).softmax(-1).masked_fill(blind, 0)
