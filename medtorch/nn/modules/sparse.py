"""Embedding: rows of a learned table, chosen by number, one by one or in bags.

Source    semantics of torch.nn.Embedding, EmbeddingBag
Requires  REQ-F-NN-005
"""

from __future__ import annotations

from medtorch.core.dtypes import dtype as Dtype
from medtorch.core.modes import no_grad
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, ShapeError, UnsupportedError
from medtorch.nn import functional as F
from medtorch.nn import init
from medtorch.nn.modules._new import Device, parameter
from medtorch.nn.modules.module import Module
from medtorch.nn.parameter import Parameter


class Embedding(Module):
    """The rows of a learned table that whole numbers choose; the row `padding_idx` starts at zero and is not learned.

    Shapes    whole numbers (*) -> (*, embedding_dim)
    Raises    ArgumentError for a padding_idx outside the table; UnsupportedError for `sparse`
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Device = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        if sparse:
            raise UnsupportedError("Embedding: sparse gradients are not supported")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = _place("Embedding", padding_idx, num_embeddings)
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        if _weight is None:
            self.weight = parameter((num_embeddings, embedding_dim), device, dtype).requires_grad_(not _freeze)
            self.reset_parameters()
        else:
            table = _fitting("Embedding", _weight, (num_embeddings, embedding_dim))
            self.weight = Parameter(table, requires_grad=not _freeze)

    def reset_parameters(self) -> None:
        """Draw the table anew, normal; the padding row zero."""
        _draw(self.weight, self.padding_idx)

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse
        )

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """An embedding over a table that is there already. Raises ShapeError unless it has 2 dims."""
        rows, columns = _table_shape("Embedding", embeddings)
        return cls(rows, columns, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, embeddings, freeze)

    def extra_repr(self) -> str:
        first, second, *rest = _shared_repr(self, "max_norm")
        return ", ".join([first, second, *_padding_repr(self), *rest])


def _place(name: str, padding_idx: int | None, rows: int) -> int | None:
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise ArgumentError(f"{name}: padding_idx {padding_idx} must be within num_embeddings {rows}")
    return None if padding_idx is None else padding_idx % rows


def _fitting(name: str, table: Tensor, shape: tuple[int, int]) -> Tensor:
    if tuple(table.shape) != shape:
        raise ShapeError(f"{name}: weight {table.shape} does not match {shape}")
    return table


def _table_shape(name: str, table: Tensor) -> tuple[int, int]:
    if table.ndim != 2:
        raise ShapeError(f"{name}: embeddings parameter is expected to be 2-dimensional, got {table.shape}")
    rows, columns = table.shape
    return rows, columns


def _draw(weight: Parameter, padding_idx: int | None) -> None:
    init.normal_(weight)
    if padding_idx is not None:
        with no_grad():
            weight.select(0, padding_idx).fill_(0)


def _shared_repr(layer: Embedding | EmbeddingBag, *optional: str) -> list[str]:
    parts = [str(layer.num_embeddings), str(layer.embedding_dim)]
    parts += [f"{name}={getattr(layer, name)}" for name in optional if getattr(layer, name) is not None]
    parts += [f"norm_type={layer.norm_type}"] if layer.norm_type != 2 else []
    parts += [f"scale_grad_by_freq={layer.scale_grad_by_freq}"] if layer.scale_grad_by_freq else []
    return parts


def _padding_repr(layer: Embedding | EmbeddingBag) -> list[str]:
    return [] if layer.padding_idx is None else [f"padding_idx={layer.padding_idx}"]


class EmbeddingBag(Module):
    """The sum, mean or maximum of the rows of a learned table that each bag of whole numbers chooses.

    Shapes    input (bags, size), or (numbers) with `offsets`  ->  (bags, embedding_dim)
    Raises    ArgumentError for a padding_idx outside the table; UnsupportedError for `sparse`
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Device = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        if sparse:
            raise UnsupportedError("EmbeddingBag: sparse gradients are not supported")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.max_norm, self.norm_type, self.scale_grad_by_freq = max_norm, norm_type, scale_grad_by_freq
        self.padding_idx = _place("EmbeddingBag", padding_idx, num_embeddings)
        self.mode, self.sparse, self.include_last_offset = mode, sparse, include_last_offset
        if _weight is None:
            self.weight = parameter((num_embeddings, embedding_dim), device, dtype)
            self.reset_parameters()
        else:
            self.weight = Parameter(_fitting("EmbeddingBag", _weight, (num_embeddings, embedding_dim)))

    def reset_parameters(self) -> None:
        """Draw the table anew, normal; the padding row zero."""
        _draw(self.weight, self.padding_idx)

    def forward(self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """Bags over a table that is there already. Raises ShapeError unless it has 2 dims."""
        rows, columns = _table_shape("EmbeddingBag", embeddings)
        bag = cls(
            rows, columns, max_norm, norm_type, scale_grad_by_freq, mode, sparse, embeddings, include_last_offset,
            padding_idx,
        )  # fmt: skip
        bag.weight.requires_grad_(not freeze)
        return bag

    def extra_repr(self) -> str:
        return ", ".join([*_shared_repr(self, "max_norm"), f"mode={self.mode!r}", *_padding_repr(self)])
