"""How ops are carried out on batched arrays: each rule turns an op on samples into one op on all of them.

`size` is the number of samples, `which` says of each input whether it is batched, `held` is what the inputs hold: the
batch is dim 0 of those that are. An op that has no rule here is carried out sample by sample: right, only slow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from medtorch.core import autograd, batching
from medtorch.core.batching import (
    RULES,
    BatchedArray,
    Enter,
    Exit,
    Shared,
    aligned,
    forward,
    forward_expand,
    moved,
    new_level,
    one_by_one,
)
from medtorch.core.modes import STATE
from medtorch.core.ops import (
    activation,
    avg_pool,
    classes,
    comparison,
    conv,
    copy,
    elementwise,
    embedding,
    extremes,
    factor,
    fft,
    gathering,
    indexing,
    interpolate,
    linalg,
    loss,
    matmul,
    max_pool,
    norm,
    pad,
    reduction,
    scan,
    shape,
    softmax,
    sorting,
    svd,
    transcendental,
    triangles,
    unfold,
)
from medtorch.core.ops import complex as complex_ops
from medtorch.core.ops.arithmetic import Binary
from medtorch.core.ops.op import Array, Op

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor

Which = Sequence[bool]
Held = Sequence[Any]


def elementwise_rule(op: Op, kernels: Any, size: int, which: Which, held: Held) -> Any:
    """Inputs broadcast; the op names no dim."""
    ndim = max(h.ndim - batched for h, batched in zip(held, which, strict=True) if h is not None)
    return forward(op, kernels, *(aligned(h, ndim + 1) if b else h for h, b in zip(held, which, strict=True)))


def as_it_is(op: Op, kernels: Any, size: int, which: Which, held: Held) -> Any:
    """The op works on the last dims and takes any number before them."""
    return forward(op, kernels, *held)


def leading(op: Op, kernels: Any, size: int, which: Which, held: Held) -> Any:
    """The op works on the last dims of inputs whose leading dims broadcast."""
    return elementwise_rule(op, kernels, size, which, held)


def dims(*fields: str) -> Any:
    """The op names dims in `fields`; all inputs are batched alike."""

    def rule(op: Op, kernels: Any, size: int, which: Which, held: Held) -> Any:
        ndim = next(h.ndim - 1 for h, batched in zip(held, which, strict=True) if batched)
        if ndim == 0:
            return one_by_one(op, kernels, size, which, held)
        changed = replace(op, **{name: _up(getattr(op, name), ndim) for name in fields})  # type: ignore[type-var]
        return forward(changed, kernels, *_all(kernels, size, which, held))

    return rule


def _up(dim: Any, ndim: int) -> Any:
    if dim is None or dim == ():
        return tuple(range(1, ndim + 1))
    return dim % ndim + 1 if isinstance(dim, int) else tuple(d % ndim + 1 for d in dim)


def _all(kernels: Any, size: int, which: Which, held: Held) -> list[Array]:
    """Every input batched."""
    return [
        h if h is None or batched else forward_expand(kernels, h, (size, *h.shape))
        for h, batched in zip(held, which, strict=True)
    ]


def place_rule(op: Any, kernels: Any, size: int, which: Which, held: Held) -> Any:
    """Where an extreme lies; without a dim it is counted through all numbers."""
    if op.dim is None and not op.keepdim and held[0].ndim > 1:
        return forward(replace(op, dim=1), kernels, held[0].reshape((size, -1)))
    if op.dim is None:
        return one_by_one(op, kernels, size, which, held)
    return dims("dim")(op, kernels, size, which, held)


def along_rule(op: Op, kernels: Any, size: int, which: Which, held: Held) -> Any:
    """Index and numbers are laid over each other place by place."""
    ndims = {h.ndim - batched for h, batched in zip(held, which, strict=True)}
    empty = any(0 in h.shape for h in held)
    return (one_by_one if len(ndims) > 1 or empty else dims("dim"))(op, kernels, size, which, held)


def folded(op: Op, kernels: Any, size: int, which: Which, held: Held) -> Any:
    """The first dim of all inputs and outputs counts independent pictures: the batch joins it."""
    whole = _all(kernels, size, which, held)
    count = whole[0].shape[1]
    found = forward(op, kernels, *(h.reshape((size * count, *h.shape[2:])) for h in whole))
    if isinstance(found, tuple):
        return tuple(f.reshape((size, count, *f.shape[1:])) for f in found)
    return found.reshape((size, count, *found.shape[1:]))


def folded_first(op: Op, kernels: Any, size: int, which: Which, held: Held) -> Any:
    """As `folded` for the first input, where it alone is batched."""
    if any(which[1:]):
        return one_by_one(op, kernels, size, which, held)
    count = held[0].shape[1]
    found = forward(op, kernels, held[0].reshape((size * count, *held[0].shape[2:])), *held[1:])
    return found.reshape((size, count, *found.shape[1:]))


# -- views ------------------------------------------------------------------------------------------------------------


def view_of_all(op: Any, size: int, ndim: int) -> Any:
    """The view of all samples that is `op` on each."""
    if isinstance(op, (shape.Reshape, shape.Expand)):
        return replace(op, shape=(size, *op.shape))
    if isinstance(op, shape.Permute):
        return shape.Permute((0, *(d + 1 for d in op.dims)))
    if isinstance(op, shape.Diagonal):
        return replace(op, dim1=op.dim1 + 1, dim2=op.dim2 + 1)
    if isinstance(op, indexing.BasicIndex):
        return replace(op, entries=(("slice", 0, size, 1), *op.entries))
    return replace(op, dim=op.dim % max(ndim, 1) + 1)


def view_rule(op: Any, kernels: Any, size: int, which: Which, held: Held) -> Any:
    x = held[0]
    if isinstance(op, shape.Reshape):
        return x.reshape((size, *op.shape))
    if isinstance(op, shape.Expand):
        x = aligned(x, len(op.shape) + 1)
    if isinstance(op, shape.Unfold) and x.ndim == 1:
        x, op = x.reshape((size, 1)), replace(op, dim=0)
        return forward(view_of_all(op, size, 1), kernels, x)[:, 0]
    return forward(view_of_all(op, size, x.ndim - 1), kernels, x)


def scattered_rule(op: shape.Scattered, kernels: Any, size: int, which: Which, held: Held) -> Any:
    changed = shape.Scattered(view_of_all(op.place, size, len(op.shape)), (size, *op.shape))
    return forward(changed, kernels, held[0])


def unfold_grad_rule(op: shape.UnfoldGrad, kernels: Any, size: int, which: Which, held: Held) -> Any:
    if not op.shape:
        return one_by_one(op, kernels, size, which, held)
    return forward(replace(op, dim=op.dim + 1, shape=(size, *op.shape)), kernels, held[0])


def copy_rule(op: copy.Clone, kernels: Any, size: int, which: Which, held: Held) -> Any:
    """Each sample contiguous, unless its order is to be preserved."""
    if op.memory_format in ("preserve_format", "contiguous_format"):
        return forward(op, kernels, held[0])
    return one_by_one(op, kernels, size, which, held)


def index_rule(op: indexing.Index, kernels: Any, size: int, which: Which, held: Held) -> Any:
    """Places that are the same for all samples."""
    if which[1]:
        return one_by_one(op, kernels, size, which, held)
    out = forward(indexing.Index(tuple(d + 1 for d in op.places)), kernels, *held)
    apart = op.places[-1] - op.places[0] != len(op.places) - 1
    return moved(out, held[1].ndim - 1, 0) if apart else out


def embedding_rule(op: Op, kernels: Any, size: int, which: Which, held: Held) -> Any:
    """Words of every sample in one table."""
    return one_by_one(op, kernels, size, which, held) if which[0] else forward(op, kernels, *held)


def pooled_rule(op: Op, kernels: Any, size: int, which: Which, held: Held) -> Any:
    return folded(op, kernels, size, which, held)


def padded_rule(op: Any, kernels: Any, size: int, which: Which, held: Held) -> Any:
    """Pads of the last dims, two more before them."""
    spatial = len(op.pads)
    if held[0].ndim != spatial + 3 or isinstance(op, pad.PadByIndexInputGrad):
        return one_by_one(op, kernels, size, which, held)
    return folded(op, kernels, size, which, held)


def inside_rule(op: Any, kernels: Any, size: int, which: Which, held: Held) -> Any:
    """Levels that lie below: the dim that they open or close is one further back."""
    if isinstance(op, Shared):
        return forward(op, kernels, held[0])
    return forward(replace(op, dim=op.dim + 1), kernels, held[0])


_ELEMENTWISE: tuple[type[Op], ...] = (
    Binary, elementwise.Unary, elementwise.FloatUnary, elementwise._Step, elementwise.Frac, elementwise.Clamp,
    elementwise.NanToNum, comparison._Test, comparison.Where, comparison.MaskedFill, activation._Activation,
    activation._Cut, loss.BinaryCrossEntropy, transcendental.Logit, copy.Cast, copy.Alias, complex_ops.Conj,
    complex_ops.Real, complex_ops.Imag, complex_ops.ViewAsReal, complex_ops.ViewAsComplex, complex_ops.Complex,
)  # fmt: skip
_LAST_DIMS: tuple[type[Op], ...] = (
    triangles.Triangle, linalg.Inv, linalg.Slogdet, factor.Cholesky, factor.Qr, factor.EighOp, factor.LuPivots,
    factor.LuSquare, svd.Svd, pad.Pad,
)  # fmt: skip
_FOLDED: tuple[type[Op], ...] = (
    avg_pool.AvgPool, avg_pool.AvgPoolInputGrad, avg_pool.AdaptiveAvgPool, avg_pool.AdaptiveAvgPoolInputGrad,
    max_pool.MaxPool, max_pool.MaxPoolIndices, max_pool.AdaptiveMaxPool, max_pool.PoolScatter, max_pool.PoolGather,
    max_pool.MaxUnpool, interpolate.Interpolate, interpolate.InterpolateInputGrad, unfold.Unfold, unfold.Fold,
    classes.PickClass, classes.PlaceClass,
)  # fmt: skip
_DIM: tuple[type[Op], ...] = (
    reduction.Reduction, softmax.Softmax, softmax.LogSoftmax, scan._Scan, sorting.Argsort, shape.Cat,
)  # fmt: skip


@contextmanager
def entered(tensors: Sequence[Tensor]) -> Iterator[tuple[list[Tensor], Callable[[Tensor], Tensor]]]:
    """Inside, a new level: the tensors with their first dim as its batch, and the way out of it for results."""
    install()
    around = STATE.batches[-1].number if STATE.batches else 0
    level = new_level(tensors[0].shape[0], "error")
    before, STATE.batches = STATE.batches, (*STATE.batches, level)
    try:
        yield [Enter(level, 0, around)(t) for t in tensors], Exit(level, 0, around)
    finally:
        STATE.batches = before


def install() -> None:
    """Let ops meet batched arrays from now on, and fill the table of rules."""
    if RULES:
        return
    autograd.install_batching(batching)
    RULES.update(dict.fromkeys(_ELEMENTWISE, elementwise_rule))
    RULES.update(dict.fromkeys(_LAST_DIMS, as_it_is))
    RULES.update(dict.fromkeys(_FOLDED, folded))
    RULES.update(dict.fromkeys(_DIM, dims("dim")))
    RULES.update(dict.fromkeys((linalg.Solve, matmul.Matmul), leading))
    RULES.update(dict.fromkeys((fft.FftComplex, fft.FftReal, fft.FftHalf), dims("dims")))
    RULES.update(dict.fromkeys((norm.Standardize, norm.StandardizeInputGrad, shape.Flip, shape.Roll), dims("dims")))
    RULES.update(dict.fromkeys((conv.Conv, conv.ConvInputGrad), folded_first))
    RULES.update(dict.fromkeys((pad.PadByIndex, pad.PadByIndexInputGrad), padded_rule))
    RULES.update(dict.fromkeys((Enter, Exit, Shared), inside_rule))
    views = (shape.Reshape, shape.Permute, shape.Expand, shape.Slice, shape.Select, shape.Diagonal, shape.Split)
    RULES.update(dict.fromkeys((*views, shape.Unbind, shape.Unfold, indexing.BasicIndex), view_rule))
    RULES[shape.Scattered] = scattered_rule
    RULES[shape.UnfoldGrad] = unfold_grad_rule
    RULES[extremes._Place] = place_rule
    RULES[gathering._Along] = along_rule
    RULES[copy.Clone] = copy_rule
    RULES[indexing.Index] = index_rule
    RULES[embedding.Embedding] = embedding_rule


__all__ = ["BatchedArray", "install"]
