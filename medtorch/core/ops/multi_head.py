"""Attention in several learned projections at once.

Source    Vaswani et al. 2017, arXiv:1706.03762; semantics of torch.nn.functional.multi_head_attention_forward
Requires  REQ-F-OPS-114
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from medtorch.core.dtypes import bool_
from medtorch.core.ops.attention import softmax_of_seen
from medtorch.core.ops.dropout import dropout
from medtorch.core.ops.linear import linear
from medtorch.core.ops.op import require
from medtorch.core.ops.pad import pad
from medtorch.core.ops.shape import cat
from medtorch.errors import ArgumentError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor

_NAME = "multi_head_attention_forward"


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attention in `num_heads` projections, joined by another.

    Shapes    query (L, N, E), key (S, N, *), value (S, N, *), each without N for one sequence  ->  (L, N, E) and, if
              `need_weights`, (N, L, S), or (N, heads, L, S) if not averaged; key_padding_mask (N, S) and attn_mask
              (L, S) or (N heads, L, S): bool, True where a query may not look, or numbers that are added;
              static_k, static_v (N heads, S, E / heads) stand in for projected keys and values
    Undefined with `need_weights` a query that may look at nothing gives nan, without it zeros, as in torch
    Raises    ShapeError where the sizes do not fit; ArgumentError for missing weights, or is_causal without attn_mask
    """
    alone = query.ndim == 2
    if alone:
        query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    _check(query, key, value, embed_dim_to_check, num_heads)
    require(not is_causal or attn_mask is not None, ArgumentError, _NAME, "is_causal is a hint: pass attn_mask, too")
    separate = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    q, k, v = _projected((query, key, value), in_proj_weight, separate, in_proj_bias)
    mask = _joined_mask(query, key, attn_mask, key_padding_mask, num_heads)
    if bias_k is not None and bias_v is not None:
        batch = query.shape[1]
        k, v = cat([k, bias_k.expand(1, batch, -1)]), cat([v, bias_v.expand(1, batch, -1)])
        mask = None if mask is None else pad(mask, (0, 1))
    q = _in_heads(q, num_heads)
    k = _in_heads(k, num_heads) if static_k is None else static_k.reshape(*q.shape[:2], *static_k.shape[1:])
    v = _in_heads(v, num_heads) if static_v is None else static_v.reshape(*q.shape[:2], *static_v.shape[1:])
    if add_zero_attn:
        k, v = pad(k, (0, 0, 0, 1)), pad(v, (0, 0, 0, 1))
        mask = None if mask is None else pad(mask, (0, 1))
    shares = _shares(q, k, mask, need_weights)
    shares = dropout(shares, dropout_p, training)
    joined = shares.matmul(v).permute(2, 0, 1, 3).reshape(query.shape)
    out = linear(joined, out_proj_weight, out_proj_bias)
    out = out.squeeze(1) if alone else out
    if not need_weights:
        return out, None
    seen = shares.mean(1) if average_attn_weights else shares
    return out, seen.squeeze(0) if alone else seen


def _check(query: Tensor, key: Tensor, value: Tensor, width: int, heads: int) -> None:
    given = {"query": query.spec, "key": key.spec, "value": value.spec}
    three = query.ndim == key.ndim == value.ndim == 3
    require(three, ShapeError, _NAME, "inputs must all have 3 dims, or 2 without a batch", **given)
    require(query.shape[2] == width, ShapeError, _NAME, f"query must have {width} features", **given)
    require(key.shape[:2] == value.shape[:2], ShapeError, _NAME, "key and value differ in length or batch", **given)
    require(query.shape[1] == key.shape[1], ShapeError, _NAME, "query and key differ in batch", **given)
    require(width % heads == 0, ShapeError, _NAME, f"{width} features do not divide into {heads} heads", **given)


def _projected(
    inputs: tuple[Tensor, Tensor, Tensor],
    together: Tensor | None,
    separate: tuple[Tensor | None, Tensor | None, Tensor | None] | None,
    bias: Tensor | None,
) -> list[Tensor]:
    weights = separate
    if separate is None and together is not None:
        first, second, third = together.chunk(3)
        weights = (first, second, third)
    biases = (None, None, None) if bias is None else bias.chunk(3)
    out = []
    for x, weight, own in zip(inputs, weights or (None, None, None), biases, strict=True):
        if weight is None:
            raise ArgumentError(f"{_NAME}: a projection weight is missing")
        out.append(linear(x, weight, own))
    return out


def _in_heads(x: Tensor, heads: int) -> Tensor:
    """(length, N, E) -> (N, heads, length, E / heads)."""
    length, batch, width = x.shape
    return x.reshape(length, batch, heads, width // heads).permute(1, 2, 0, 3)


def _shares(q: Tensor, k: Tensor, mask: Tensor | None, need_weights: bool) -> Tensor:
    scores = (q * (1 / math.sqrt(q.shape[-1]))).matmul(k.transpose(-2, -1))
    if mask is None:
        return scores.softmax(-1)
    return (scores + mask).softmax(-1) if need_weights else softmax_of_seen(scores + mask)


def _joined_mask(
    query: Tensor, key: Tensor, attn_mask: Tensor | None, key_padding_mask: Tensor | None, heads: int
) -> Tensor | None:
    """Both masks as numbers to add, stretching to (N, heads, L, S)."""
    (length, batch), source = query.shape[:2], key.shape[0]
    mask = None
    if attn_mask is not None:
        shapes = ((length, source), (batch * heads, length, source))
        text = f"attn_mask must have the shape {shapes[0]} or {shapes[1]}"
        require(tuple(attn_mask.shape) in shapes, ShapeError, _NAME, text, attn_mask=attn_mask.spec)
        mask = _added(query, attn_mask)
        mask = mask.reshape(batch, heads, length, source) if attn_mask.ndim == 3 else mask
    if key_padding_mask is not None:
        text = f"key_padding_mask must have the shape {(batch, source)}"
        fits = tuple(key_padding_mask.shape) == (batch, source)
        require(fits, ShapeError, _NAME, text, key_padding_mask=key_padding_mask.spec)
        padding = _added(query, key_padding_mask).reshape(batch, 1, 1, source)
        mask = padding if mask is None else mask + padding
    return mask


def _added(query: Tensor, mask: Tensor) -> Tensor:
    """Minus infinity where a bool mask is True."""
    return query.new_zeros(mask.shape).masked_fill(mask, -math.inf) if mask.dtype is bool_ else mask
