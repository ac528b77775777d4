"""vmap: a function of samples becomes one of batches."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from medtorch.core import batching, batching_rules
from medtorch.core.batching import Enter, Exit, Level, new_level
from medtorch.core.modes import STATE
from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor
from medtorch.core.trees import flatten, spread, unflatten
from medtorch.errors import ArgumentError, DimError

RANDOMNESS = ("error", "same", "different")


@contextmanager
def _opened(level: Level) -> Iterator[None]:
    batching_rules.install()  # not before: from then on every op asks whether it is batched
    before = STATE.batches
    STATE.batches = (*before, level)
    try:
        yield
    finally:
        STATE.batches = before


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """A function that applies func to every sample at once: sample i is place i along `in_dims` of the arguments.

    `in_dims` and `out_dims` are an int (None: the same for all samples), or a tree of them as arguments and outputs
    are. `randomness` says what random numbers inside are: an error, the same for all samples, or different.
    `chunk_size` takes that many samples at a time.

    Raises    ArgumentError, DimError for dims that do not fit; UnsupportedError, naming the op, for Python code that
              is steered by the numbers, and for shapes that depend on them
    Source    semantics of torch.func.vmap
    """
    if randomness not in RANDOMNESS:
        raise ArgumentError(f"vmap: randomness must be one of {', '.join(RANDOMNESS)}, got {randomness!r}")
    if chunk_size is not None and chunk_size < 1:
        raise ArgumentError(f"vmap: chunk_size must be at least 1, got {chunk_size}")

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = flatten(args)
        given = tuple(in_dims) if isinstance(in_dims, list) else in_dims
        dims = spread(given, structure, "vmap: in_dims")
        dims = [_checked(leaf, dim) for leaf, dim in zip(leaves, dims, strict=True)]
        size = _size(leaves, dims)
        call = functools.partial(_once, func, structure, out_dims, randomness, kwargs)
        if chunk_size is None or size <= chunk_size:
            return call(leaves, dims, size)
        return _in_chunks(call, leaves, dims, size, chunk_size, out_dims)

    return wrapper


def _checked(leaf: Any, dim: Any) -> int | None:
    if dim is None:
        return None
    if not isinstance(dim, int) or not isinstance(leaf, Tensor):
        raise ArgumentError(f"vmap: in_dims gives {dim!r} for {type(leaf).__name__}; ints are for tensors, else None")
    if not -leaf.ndim <= dim < leaf.ndim:
        raise DimError(f"vmap: in_dims gives dim {dim} for a tensor of shape {tuple(leaf.shape)}")
    return dim % leaf.ndim


def _size(leaves: list[Any], dims: list[int | None]) -> int:
    sizes = {leaf.shape[dim] for leaf, dim in zip(leaves, dims, strict=True) if dim is not None}
    if len(sizes) != 1:
        text = f"differ in size along in_dims: {sorted(sizes)}" if sizes else "need at least one dim that is not None"
        raise ArgumentError(f"vmap: the arguments {text}")
    return int(sizes.pop())


def _once(
    func: Callable[..., Any],
    structure: Any,
    out_dims: Any,
    randomness: str,
    kwargs: dict[str, Any],
    leaves: list[Any],
    dims: list[int | None],
    size: int,
) -> Any:
    around = STATE.batches[-1].number if STATE.batches else 0
    level = new_level(size, randomness)
    with _opened(level):
        inside = [
            leaf if dim is None else Enter(level, dim, around)(leaf) for leaf, dim in zip(leaves, dims, strict=True)
        ]
        found, out_structure = flatten(func(*unflatten(inside, structure), **kwargs))
    given = tuple(out_dims) if isinstance(out_dims, list) else out_dims
    places = spread(given, out_structure, "vmap: out_dims")
    outs = [_left(out, place, level, around) for out, place in zip(found, places, strict=True)]
    return unflatten(outs, out_structure)


def _left(out: Any, place: Any, level: Level, around: int) -> Any:
    if not isinstance(out, Tensor):
        raise ArgumentError(f"vmap: the function must return tensors, returned {type(out).__name__}")
    if place is None:
        if batching.level_of(out._array) == level.number:
            raise ArgumentError("vmap: out_dims=None is for outputs that are the same for all samples")
        return out
    if not -out.ndim - 1 <= place <= out.ndim:
        raise DimError(f"vmap: out_dims gives dim {place} for samples of shape {tuple(out.shape)}")
    return Exit(level, place % (out.ndim + 1), around)(out)


def _in_chunks(
    call: Callable[..., Any], leaves: list[Any], dims: list[int | None], size: int, chunk: int, out_dims: Any
) -> Any:
    parts = []
    for start in range(0, size, chunk):
        count = min(chunk, size - start)
        part = [leaf if dim is None else leaf.narrow(dim, start, count) for leaf, dim in zip(leaves, dims, strict=True)]
        parts.append(flatten(call(part, dims, count)))
    structure = parts[0][1]
    places = spread(out_dims, structure, "vmap: out_dims")
    joined = [
        parts[0][0][nr] if place is None else cat([p[0][nr] for p in parts], place) for nr, place in enumerate(places)
    ]
    return unflatten(joined, structure)
