"""Transformer: encoders and decoders of attention and feed-forward blocks.

Source    Vaswani et al. 2017, arXiv:1706.03762; Xiong et al. 2020, arXiv:2002.04745 (norm_first); semantics of
          torch.nn.Transformer and its parts
Requires  REQ-F-NN-011
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

from medtorch.core.creation import full
from medtorch.core.dtypes import bool_
from medtorch.core.dtypes import dtype as Dtype
from medtorch.core.modes import is_grad_enabled
from medtorch.core.ops.triangles import triu
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, DtypeError, ShapeError
from medtorch.nn import functional as F
from medtorch.nn import init
from medtorch.nn.modules._new import Device
from medtorch.nn.modules.activation import GELU, ReLU
from medtorch.nn.modules.attention import MultiheadAttention
from medtorch.nn.modules.container import ModuleList
from medtorch.nn.modules.dropout import Dropout
from medtorch.nn.modules.linear import Linear
from medtorch.nn.modules.module import Module
from medtorch.nn.modules.normalization import LayerNorm

Activation = str | Callable[[Tensor], Tensor]
_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}


def _activation(given: Activation) -> Callable[[Tensor], Tensor]:
    if not isinstance(given, str):
        return given
    if given not in _ACTIVATIONS:
        raise ArgumentError(f"activation should be relu/gelu, not {given}")
    return _ACTIVATIONS[given]


def _check_mask(name: str, mask: Tensor | None) -> None:
    if mask is not None and mask.dtype is not bool_ and not mask.is_floating_point():
        raise DtypeError(f"only bool and floating types of {name} are supported, got {mask.dtype}")


class _Layer(Module):
    """What encoder and decoder layers share; a decoder's has attention to a memory, too.

    Raises    ArgumentError for an unknown activation
    """

    _has_memory = False

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Device = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        place: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout=dropout, batch_first=batch_first, **place)
        if self._has_memory:
            self.multihead_attn = MultiheadAttention(d_model, nhead, dropout=dropout, batch_first=batch_first, **place)
        self.linear1 = Linear(d_model, dim_feedforward, **place)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **place)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, **place)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, **place)
        if self._has_memory:
            self.norm3 = LayerNorm(d_model, eps=layer_norm_eps, **place)
        self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout)
        if self._has_memory:
            self.dropout3 = Dropout(dropout)
        self.activation = _activation(activation)

    def _sa_block(
        self, x: Tensor, attn_mask: Tensor | None, key_padding_mask: Tensor | None, is_causal: bool = False
    ) -> Tensor:
        out: Tensor = self.dropout1(_attended(self.self_attn, x, x, attn_mask, key_padding_mask, is_causal))
        return out

    def _ff_block(self, x: Tensor) -> Tensor:
        last = self.dropout3 if self._has_memory else self.dropout2
        out: Tensor = last(self.linear2(self.dropout(self.activation(self.linear1(x)))))
        return out


class TransformerEncoderLayer(_Layer):
    """Self-attention, then two linear layers with an activation; around each a residual and a layer norm.

    Math      x <- norm1(x + attend(x)), x <- norm2(x + feed(x)); with norm_first x <- x + attend(norm1(x)), ...
    Shapes    src (S, N, d_model), (N, S, d_model) with `batch_first`, or (S, d_model)  ->  the same
    Raises    ArgumentError for an unknown activation; DtypeError for a mask of whole numbers
    """

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        _check_mask("src_mask", src_mask)
        _check_mask("src_key_padding_mask", src_key_padding_mask)
        masks = (src_mask, src_key_padding_mask, is_causal)
        if self.norm_first:
            x = src + self._sa_block(self.norm1(src), *masks)
            return x + self._ff_block(self.norm2(x))
        x = self.norm1(src + self._sa_block(src, *masks))
        return self.norm2(x + self._ff_block(x))  # type: ignore[no-any-return]


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to an encoder's memory, two linear layers; around each a residual and a layer norm.

    Shapes    tgt (T, N, d_model), memory (S, N, d_model); batch first, or without N  ->  tgt's shape
    Raises    ArgumentError for an unknown activation; DtypeError for a mask of whole numbers
    """

    _has_memory = True

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        own = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        other = (memory_mask, memory_key_padding_mask, memory_is_causal)
        names = ("tgt_mask", "tgt_key_padding_mask", "memory_mask", "memory_key_padding_mask")
        for name, mask in zip(names, (*own[:2], *other[:2]), strict=True):
            _check_mask(name, mask)
        if self.norm_first:
            x = tgt + self._sa_block(self.norm1(tgt), *own)
            x = x + self._mha_block(self.norm2(x), memory, *other)
            return x + self._ff_block(self.norm3(x))
        x = self.norm1(tgt + self._sa_block(tgt, *own))
        x = self.norm2(x + self._mha_block(x, memory, *other))
        return self.norm3(x + self._ff_block(x))  # type: ignore[no-any-return]

    def _mha_block(
        self,
        x: Tensor,
        mem: Tensor,
        attn_mask: Tensor | None,
        key_padding_mask: Tensor | None,
        is_causal: bool = False,
    ) -> Tensor:
        out: Tensor = self.dropout2(_attended(self.multihead_attn, x, mem, attn_mask, key_padding_mask, is_causal))
        return out


def _attended(
    attention: Module,
    x: Tensor,
    memory: Tensor,
    attn_mask: Tensor | None,
    key_padding_mask: Tensor | None,
    is_causal: bool,
) -> Tensor:
    out: Tensor = attention(
        x,
        memory,
        memory,
        attn_mask=attn_mask,
        key_padding_mask=key_padding_mask,
        need_weights=False,
        is_causal=is_causal,
    )[0]
    return out


class TransformerEncoder(Module):
    """`num_layers` copies of a layer, one after the other, then `norm`.

    Undefined what padded positions give; in inference that torch runs on nested tensors (batch first, padding at the
              ends, no mask, no gradients, enable_nested_tensor) they are zero before `norm`, as there
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = ModuleList(copy.deepcopy(encoder_layer) for _ in range(num_layers))
        self.num_layers, self.norm = num_layers, norm
        self.enable_nested_tensor, self.mask_check = enable_nested_tensor, mask_check
        self.use_nested_tensor = enable_nested_tensor and _nests(encoder_layer)

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        output = src
        for layer in self.layers:
            output = layer(output, src_mask=mask, is_causal=bool(is_causal), src_key_padding_mask=src_key_padding_mask)
        if src_key_padding_mask is not None and self._may_skip_padding(src, mask):
            output = output.masked_fill(self._skipped(src_key_padding_mask).unsqueeze(-1), 0)
        return output if self.norm is None else self.norm(output)

    def _may_skip_padding(self, src: Tensor, mask: Tensor | None) -> bool:
        if not self.use_nested_tensor or self.training or src.ndim != 3 or mask is not None:
            return False
        recorded = src.requires_grad or any(p.requires_grad for p in self.layers[0].parameters())
        return not (is_grad_enabled() and recorded)

    def _skipped(self, padding: Tensor) -> Tensor:
        """Padded positions; with mask_check none at all unless padding is at the ends of all sequences."""
        absent = padding if padding.dtype is bool_ else padding == -math.inf
        if not self.mask_check:
            return absent
        return absent & ~(absent[:, :-1] & ~absent[:, 1:]).any()


def _nests(layer: Module) -> bool:
    """Whether torch would run the layer on nested tensors."""
    if not isinstance(layer, TransformerEncoderLayer) or layer.norm_first:
        return False
    attention: Any = layer.self_attn
    known = layer.activation in (F.relu, F.gelu) or isinstance(layer.activation, (ReLU, GELU))
    even = attention.batch_first and attention.num_heads % 2 == 0
    return bool(known and even and attention.in_proj_bias is not None and layer.norm1.eps == layer.norm2.eps)


class TransformerDecoder(Module):
    """`num_layers` copies of a layer, one after the other, then `norm`."""

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = ModuleList(copy.deepcopy(decoder_layer) for _ in range(num_layers))
        self.num_layers, self.norm = num_layers, norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        output = tgt
        for layer in self.layers:
            output = layer(
                output,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=bool(tgt_is_causal),
                memory_is_causal=memory_is_causal,
            )
        return output if self.norm is None else self.norm(output)


class Transformer(Module):
    """An encoder of the source and a decoder of the target that looks at it.

    Shapes    src (S, N, d_model), tgt (T, N, d_model); batch first, or without N  ->  tgt's shape
    Raises    ShapeError for other features than d_model, or batches that differ
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Device = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        shape = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)

        def norm() -> LayerNorm:
            return LayerNorm(d_model, eps=layer_norm_eps, bias=bias, device=device, dtype=dtype)

        if custom_encoder is None:
            layer = TransformerEncoderLayer(*shape, device=device, dtype=dtype)
            custom_encoder = TransformerEncoder(layer, num_encoder_layers, norm())
        if custom_decoder is None:
            other = TransformerDecoderLayer(*shape, device=device, dtype=dtype)
            custom_decoder = TransformerDecoder(other, num_decoder_layers, norm())
        self.encoder, self.decoder = custom_encoder, custom_decoder
        self._reset_parameters()
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def _reset_parameters(self) -> None:
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        batch = 0 if self.batch_first else 1
        if src.ndim == 3 and src.shape[batch] != tgt.shape[batch]:
            raise ShapeError(
                f"Transformer: the batch number of src and tgt must be equal, got {src.shape} and {tgt.shape}"
            )
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise ShapeError(
                f"Transformer: the feature number of src and tgt must be equal to d_model {self.d_model}, "
                f"got {src.shape} and {tgt.shape}"
            )
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        return self.decoder(  # type: ignore[no-any-return]
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Device = None, dtype: Dtype | None = None) -> Tensor:
        """Minus infinity above the diagonal, else 0: no position may look at a later one."""
        return triu(full((sz, sz), -math.inf, device=device, dtype=dtype), diagonal=1)
