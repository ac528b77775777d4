"""Attention: a mean of values weighted by how well their keys match a query.

Source    Vaswani et al. 2017, arXiv:1706.03762; semantics of torch.nn.functional.scaled_dot_product_attention
Requires  REQ-F-OPS-114
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from medtorch.core.autocasting import narrow
from medtorch.core.dtypes import bool_
from medtorch.core.ops.dropout import dropout
from medtorch.core.ops.op import require
from medtorch.core.ops.triangles import tril
from medtorch.core.stream import Streaming
from medtorch.errors import ArgumentError, DtypeError, ShapeError

if TYPE_CHECKING:
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
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = (query * factor).matmul(key.transpose(-2, -1))
    if is_causal:
        attn_mask = tril(query.new_ones(scores.shape[-2:])) != 0
    if attn_mask is None:
        shares = scores.softmax(-1)
    elif attn_mask.dtype is bool_:
        shares = softmax_of_seen(scores.masked_fill(~attn_mask, -math.inf))
    else:
        require(
            attn_mask.dtype is scores.dtype, DtypeError, name, "attn_mask must be bool or of query's dtype", **given
        )
        shares = softmax_of_seen(scores + attn_mask)
    return dropout(shares, dropout_p, True, generator=generator).matmul(value)


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
