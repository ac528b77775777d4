"""Batched arrays: many arrays as one, for ops that are told of a single one.

A `BatchedArray` shows the shape of one sample; the batch is dim 0 of what it holds. Levels are numbered as they are
opened and may be nested: an array may hold a batched array of a lower level. An op on batched arrays is carried out by
a rule that turns it into one op on what they hold (medtorch/core/batching_rules.py); an op without a rule is carried
out sample by sample. Either way the tape sees one op on samples, so gradients and tangents of batched tensors need
nothing of their own.

A tensor that requires grad and comes from outside of a level enters it through `Shared`, whose gradient adds up the
samples' gradients.

Source    semantics of torch.func.vmap
Requires  REQ-F-AUT-011
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from medtorch.core.modes import STATE
from medtorch.core.ops.op import Array, Op
from medtorch.core.spec import Spec
from medtorch.errors import UnsupportedError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor

_levels = itertools.count(1)
Rule = Callable[..., Any]
RULES: dict[type[Op], Rule] = {}
"""For an op's class: `rule(op, kernels, size, *inputs)`, inputs being arrays, `Held` ones where batched."""


@dataclass(frozen=True)
class Level:
    """One vmap: its number, how many samples, and what random numbers are inside ("error", "same", "different")."""

    number: int
    size: int
    randomness: str

    def stream(self, source: Any) -> Any:
        """Where random numbers inside come from. Raises UnsupportedError where there shall be none."""
        if self.randomness == "error":
            raise UnsupportedError('vmap: random numbers need randomness="same" or "different"')
        return source if self.randomness == "same" else Drawn(source, self)


@dataclass(frozen=True)
class Drawn:
    """Random numbers that differ by sample. What it has not, no sample may draw."""

    source: Any
    level: Level

    def uniform(self, shape: tuple[int, ...], *wanted: Any) -> BatchedArray:
        return BatchedArray(self.source.uniform((self.level.size, *shape), *wanted), self.level.number)

    def normal(self, shape: tuple[int, ...]) -> BatchedArray:
        return BatchedArray(self.source.normal((self.level.size, *shape)), self.level.number)

    def integers(self, low: int, high: int, shape: tuple[int, ...]) -> BatchedArray:
        return BatchedArray(self.source.integers(low, high, (self.level.size, *shape)), self.level.number)

    def permutation(self, n: int) -> BatchedArray:
        return BatchedArray(stacked([self.source.permutation(n) for _ in range(self.level.size)]), self.level.number)


def new_level(size: int, randomness: str) -> Level:
    """A level above all that were opened so far."""
    return Level(next(_levels), size, randomness)


class BatchedArray(np.lib.mixins.NDArrayOperatorsMixin):
    """Arrays of one shape, of which it shows one."""

    __slots__ = ("data", "level")
    batched = True

    def __init__(self, data: Array, level: int) -> None:
        self.data, self.level = data, level

    shape = property(lambda self: tuple(self.data.shape[1:]))
    strides = property(lambda self: tuple(self.data.strides[1:]))
    ndim = property(lambda self: self.data.ndim - 1)
    size = property(lambda self: int(np.prod(self.shape)))
    dtype = property(lambda self: self.data.dtype)
    itemsize = property(lambda self: self.data.itemsize)
    real = property(lambda self: BatchedArray(self.data.real, self.level))
    imag = property(lambda self: BatchedArray(self.data.imag, self.level))

    def astype(self, *args: Any, **kwargs: Any) -> BatchedArray:
        return BatchedArray(self.data.astype(*args, **kwargs), self.level)

    def copy(self, order: str = "C") -> BatchedArray:
        return BatchedArray(self.data.copy(order=order), self.level)

    def reshape(self, shape: Sequence[int]) -> BatchedArray:
        return BatchedArray(self.data.reshape((self.data.shape[0], *shape)), self.level)

    def transpose(self, dims: Sequence[int]) -> BatchedArray:
        return BatchedArray(self.data.transpose((0, *(d + 1 for d in dims))), self.level)

    def __getitem__(self, key: Any) -> BatchedArray:
        entries = key if isinstance(key, tuple) else (key,)
        return BatchedArray(self.data[(slice(None), *entries)], self.level)

    def __setitem__(self, key: Any, value: Any) -> None:
        entries = key if isinstance(key, tuple) else (key,)
        if isinstance(value, BatchedArray) and value.level == self.level:
            part = self.data[(slice(None), *entries)]
            value = aligned(value.data, part.ndim)
        self.data[(slice(None), *entries)] = value

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> BatchedArray:
        """NumPy's elementwise functions of what is drawn at random."""
        if method != "__call__" or options.get("out") is not None:
            raise UnsupportedError(f"vmap: {ufunc.__name__}.{method} of batched numbers is not supported")
        level = max(level_of(x) for x in inputs)
        ndim = max(np.ndim(x.data) if level_of(x) == level else np.ndim(x) + 1 for x in inputs)
        held = [aligned(x.data, ndim) if level_of(x) == level else x for x in inputs]
        return BatchedArray(ufunc(*held, **options), level)

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise UnsupportedError(
            "vmap: the numbers of a batched tensor cannot leave it inside vmap, nor steer Python code"
        )

    get = __array__


def aligned(data: Array, ndim: int) -> Array:
    """`data`, whose dim 0 is the batch, with as many dims of size 1 behind it as it needs to have `ndim`."""
    missing = ndim - data.ndim
    return data.reshape((data.shape[0], *(1,) * missing, *data.shape[1:])) if missing > 0 else data


def level_of(array: Array) -> int:
    """The highest level of an array, 0 where it is not batched."""
    return int(array.level) if isinstance(array, BatchedArray) else 0


# -- crossing a level -------------------------------------------------------------------------------------------------


class Enter(Op):
    """A dim becomes the batch of a level.

    Math      dx = dy, its batch again that dim
    """

    level: Level
    dim: int
    around: int
    takes_complex = True
    tangents = "linear"
    name = "vmap"

    def check(self, x: Spec) -> Spec:
        return x.with_shape((*x.shape[: self.dim], *x.shape[self.dim + 1 :]))

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return BatchedArray(moved(x, self.dim, 0), self.level.number)

    def vjp(self, dy: Tensor) -> Tensor:
        return Exit(self.level, self.dim, self.around)(dy)  # type: ignore[no-any-return]


class Exit(Op):
    """The batch of a level becomes a dim; what is not batched is repeated.

    Math      dx = dy, that dim again the batch
    """

    level: Level
    dim: int
    around: int
    takes_complex = True
    tangents = "linear"
    name = "vmap"

    def check(self, x: Spec) -> Spec:
        return x.with_shape((*x.shape[: self.dim], self.level.size, *x.shape[self.dim :]))

    def forward(self, kernels: Kernels, x: Array) -> Array:
        if level_of(x) == self.level.number:
            return moved(x.data, 0, self.dim)
        front = forward_expand(kernels, x, (self.level.size, *x.shape))
        return moved(front, 0, self.dim)

    def vjp(self, dy: Tensor) -> Tensor:
        return Enter(self.level, self.dim, self.around)(dy)  # type: ignore[no-any-return]


class Shared(Op):
    """The same numbers for all samples of the levels above `depth`, up to `top`.

    Math      dx = the sum of dy over those samples
    """

    depth: int
    top: int
    takes_complex = True
    tangents = "linear"
    name = "vmap"

    def check(self, x: Spec) -> Spec:
        return x

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return x[...]

    def vjp(self, dy: Tensor) -> Tensor:
        return Collapse(self.depth, self.top)(dy)  # type: ignore[no-any-return]


class Collapse(Op):
    """The sum over the samples of all levels above `depth`, up to `top`."""

    depth: int
    top: int
    takes_complex = True
    tangents = "linear"
    name = "vmap"

    def check(self, x: Spec) -> Spec:
        return x

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return x

    def vjp(self, dy: Tensor) -> Tensor:
        return Shared(self.depth, self.top)(dy)  # type: ignore[no-any-return]


def moved(x: Array, source: int, target: int) -> Array:
    """x with one dim elsewhere."""
    order = [d for d in range(x.ndim) if d != source]
    order.insert(target, source)
    return x.transpose(order)


# -- on the way of an op ----------------------------------------------------------------------------------------------


def shared(tensors: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
    """The inputs of an op, those that require grad and come from outside of its level taken into it."""
    if not STATE.grad:
        return tensors
    depth = depth_of(tensors)
    return tuple(
        Shared(t._depth, depth)(t) if t is not None and t._depth < depth and t.requires_grad else t for t in tensors
    )


def depth_of(tensors: Sequence[Tensor | None]) -> int:
    """The highest level that an op on these has to do with."""
    present = [t for t in tensors if t is not None]
    batches = max(level_of(t._array) for t in present)
    return max([batches, *(t._depth for t in present if t._depth > batches and t.requires_grad)])


def mark(op: Op, tensors: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> None:
    """Note at which level outputs that require grad live."""
    if isinstance(op, (Exit, Collapse)):
        depth = op.around if isinstance(op, Exit) else op.depth
        depth = max(depth, *(level_of(o._array) for o in outputs))
    elif isinstance(op, Shared):
        depth = max(op.top, *(level_of(o._array) for o in outputs))
    else:
        depth = depth_of(tensors)
        if isinstance(op, Enter):
            depth = max(depth, op.level.number)
    for out in outputs:
        out._depth = depth


def forward(op: Op, kernels: Kernels, *arrays: Array) -> Any:
    """`op.forward`, batched where an array is."""
    level = max((level_of(a) for a in arrays if a is not None), default=0)
    if level == 0:
        return op.forward(kernels, *arrays)
    if isinstance(op, Collapse):
        return _collapsed(op, kernels, arrays[0])
    if isinstance(op, Exit) and level == op.level.number:
        return op.forward(kernels, *arrays)
    held = [a.data if level_of(a) == level else a for a in arrays]
    which = tuple(level_of(a) == level for a in arrays)
    size = next(h.shape[0] for h, batched in zip(held, which, strict=True) if batched)
    found = _rule_of(op)(op, kernels, size, which, held)
    return tuple(BatchedArray(f, level) for f in found) if isinstance(found, tuple) else BatchedArray(found, level)


def _collapsed(op: Collapse, kernels: Kernels, x: Array) -> Array:
    from medtorch.core.ops.reduction import Sum  # noqa: PLC0415  the ops come after what carries them out

    if level_of(x) > op.top:
        return BatchedArray(_collapsed(op, kernels, x.data), x.level)
    while level_of(x) > op.depth:
        x = forward(Sum((0,)), kernels, x.data)
    return x


def _rule_of(op: Op) -> Rule:
    for kind in type(op).__mro__:
        if kind in RULES:
            return RULES[kind]
    return one_by_one


def one_by_one(op: Op, kernels: Kernels, size: int, which: Sequence[bool], held: Sequence[Array]) -> Any:
    """Sample by sample. Raises UnsupportedError where the samples' results differ in shape, or the op gives views."""
    if op.views or not size:
        raise UnsupportedError(f"vmap: {op.name} is not supported{'' if size else ' for no sample'}")
    results = []
    for place in range(size):
        found = forward(op, kernels, *(h[place] if batched else h for h, batched in zip(held, which, strict=True)))
        results.append(found if isinstance(found, tuple) else (found,))
    if any(a.shape != b.shape for result in results for a, b in zip(result, results[0], strict=True)):
        raise UnsupportedError(f"vmap: {op.name} gives a shape that depends on the numbers")
    outs = tuple(stacked([result[nr] for result in results]) for nr in range(len(results[0])))
    return outs if isinstance(found, tuple) else outs[0]


def stacked(arrays: Sequence[Array]) -> Array:
    """Arrays along a new dim 0; of batched ones, where some are."""
    level = max(level_of(a) for a in arrays)
    if not level:
        return np.stack([np.asarray(a) for a in arrays])
    size = next(a.data.shape[0] for a in arrays if level_of(a) == level)
    whole = [a.data if level_of(a) == level else stacked([a] * size) for a in arrays]
    return BatchedArray(moved(stacked(whole), 0, 1), level)


def forward_expand(kernels: Kernels, x: Array, shape: tuple[int, ...]) -> Array:
    """x stretched to a shape, batched or not."""
    from medtorch.core.ops.shape import Expand  # noqa: PLC0415  the ops come after what carries them out

    return forward(Expand(shape), kernels, x)


__all__ = ["RULES", "BatchedArray", "Enter", "Exit", "Level", "forward", "mark", "new_level", "replace", "shared"]
