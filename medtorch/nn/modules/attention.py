"""Attention with several heads.

Source    Vaswani et al. 2017, arXiv:1706.03762; semantics of torch.nn.MultiheadAttention
Requires  REQ-F-NN-005
"""

from __future__ import annotations

from typing import Any

from medtorch.core.dtypes import dtype as Dtype
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.nn import functional as F
from medtorch.nn import init
from medtorch.nn.modules._new import Device, parameter
from medtorch.nn.modules.linear import NonDynamicallyQuantizableLinear
from medtorch.nn.modules.module import Module
from medtorch.nn.parameter import Parameter


class MultiheadAttention(Module):
    """Each query takes a mean of the values, weighted by how its key matches, in `num_heads` learned projections.

    Math      head_i = softmax(Q W_i^Q (K W_i^K)^T / sqrt(head_dim) + mask) V W_i^V; y = concat(heads) W^O
    Shapes    query (L, N, E), key (S, N, kdim), value (S, N, vdim) -> (L, N, E), weights (N, L, S);
              with `batch_first` N comes first; without N for one sequence
    Raises    ArgumentError if embed_dim is not a multiple of num_heads
    """

    in_proj_weight: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Device = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0 or embed_dim % num_heads:
            raise ArgumentError(
                f"MultiheadAttention: embed_dim must be a positive multiple of num_heads, "
                f"got {embed_dim} and {num_heads}"
            )
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.kdim, self.vdim = embed_dim if kdim is None else kdim, embed_dim if vdim is None else vdim
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self._register_projections(device, dtype)
        self.register_parameter("in_proj_bias", parameter(3 * embed_dim, device, dtype) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        self.register_parameter("bias_k", parameter((1, 1, embed_dim), device, dtype) if add_bias_kv else None)
        self.register_parameter("bias_v", parameter((1, 1, embed_dim), device, dtype) if add_bias_kv else None)
        self._reset_parameters()

    def _register_projections(self, device: Device, dtype: Dtype | None) -> None:
        own, together = self.embed_dim, self._qkv_same_embed_dim
        apart = {"q_proj_weight": own, "k_proj_weight": self.kdim, "v_proj_weight": self.vdim}
        if together:
            self.register_parameter("in_proj_weight", parameter((3 * own, own), device, dtype))
        for name, width in apart.items():
            self.register_parameter(name, None if together else parameter((own, width), device, dtype))
        if not together:
            self.register_parameter("in_proj_weight", None)

    def _reset_parameters(self) -> None:
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None and self.out_proj.bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        for row in (self.bias_k, self.bias_v):
            if row is not None:
                init.xavier_normal_(row)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        turned = self.batch_first and query.ndim == 3
        if turned:
            query, key, value = (x.transpose(1, 0) for x in (query, key, value))
        out, weights = F.multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight, self.in_proj_bias,
            self.bias_k, self.bias_v, self.add_zero_attn, self.dropout, self.out_proj.weight, self.out_proj.bias,
            training=self.training, key_padding_mask=key_padding_mask, need_weights=need_weights, attn_mask=attn_mask,
            average_attn_weights=average_attn_weights, is_causal=is_causal, **self._apart(),
        )  # fmt: skip
        return (out.transpose(1, 0) if turned else out), weights

    def _apart(self) -> dict[str, Any]:
        if self._qkv_same_embed_dim:
            return {}
        weights = {
            "q_proj_weight": self.q_proj_weight,
            "k_proj_weight": self.k_proj_weight,
            "v_proj_weight": self.v_proj_weight,
        }
        return {"use_separate_proj_weight": True, **weights}
