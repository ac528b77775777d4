"""Reading and writing along one dim at places that an index tensor names.

Shapes    index: as many dims as the input; along the other dims it may be shorter than the input
Raises    DimError for a place that is not there; DtypeError if index is not int64 (or int32); ShapeError
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from medtorch.core import dtypes
from medtorch.core.ops.op import Array, Op, require
from medtorch.core.ops.reduction import dim_of
from medtorch.core.spec import Spec, describe
from medtorch.errors import ArgumentError, DimError, DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


def require_index(op: Op | str, which: Spec, /, **shown: Spec) -> None:
    """Raise DtypeError unless `which`, one of the inputs shown, can name places."""
    require(which.dtype in (dtypes.int64, dtypes.int32), DtypeError, op, "index must be int64 or int32", **shown)


class _Along(Op):
    dim: int

    def place(self, x: Array) -> int:
        return self.dim % int(x.ndim) if x.ndim else 0

    def fits(self, x: Spec, index: Spec, shown: dict[str, Spec], *, free: bool) -> None:
        dim = dim_of(self, self.dim, x)
        if index.numel == 0:
            return  # of any dtype and shape, as torch
        require_index(self, index, **shown)
        require(
            max(1, index.ndim) == max(1, x.ndim), ShapeError, self, "index must have as many dims as the input", **shown
        )
        for d, (size, limit) in enumerate(zip(index.shape, x.shape, strict=False)):
            fits = size <= limit or (free and d == dim)
            require(fits, ShapeError, self, f"index is longer than the input at dim {d}: {size}, {limit}", **shown)


def _at_least_1d(array: Array) -> Array:
    return array.reshape(1) if array.ndim == 0 else array


class Gather(_Along):
    """Math      y[.., i, ..] = x[.., index[.., i, ..], ..];  dx = dy added up where it came from

    Source    semantics of torch.gather
    """

    takes_complex = True

    def check(self, x: Spec, index: Spec) -> Spec:
        self.fits(x, index, {"input": x, "index": index}, free=True)
        return x.with_shape(index.shape)

    def forward(self, kernels: Kernels, x: Array, index: Array) -> Array:
        if not index.size:
            return kernels.zeros(index.shape, x.dtype)
        with _named(self):
            return kernels.gather(_at_least_1d(x), self.place(x), _at_least_1d(index)).reshape(index.shape)

    def vjp(self, x_spec: Spec, index: Tensor, dy: Tensor) -> tuple[Tensor, None]:
        return ScatterAdd(self.dim)(dy.new_zeros(x_spec.shape), index, dy), None


class _named:  # noqa: N801
    """Puts the op's name in front of what a kernel says of a wrong place."""

    def __init__(self, op: Op | str) -> None:
        self.name = op if isinstance(op, str) else op.name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is DimError:
            raise DimError(f"{self.name}: {error}") from None


named = _named


class _Scattering(_Along):
    def check(self, x: Spec, index: Spec, src: Spec) -> Spec:
        shown = {"input": x, "index": index, "src": src}
        self.fits(x, index, shown, free=True)
        require(src.dtype is x.dtype, DtypeError, self, "src must have the input's dtype", **shown)
        if src.ndim and index.numel:
            same = src.ndim == index.ndim or (index.ndim == 0 and src.numel == 1)
            covers = same and all(have >= want for have, want in zip(src.shape, index.shape, strict=False))
            require(covers, ShapeError, self, "src must be as long as index on every dim", **shown)
        elif index.numel > 1:
            require(src.ndim == 0, ShapeError, self, "src must be as long as index on every dim", **shown)
        return x

    def forward(self, kernels: Kernels, x: Array, index: Array, src: Array) -> Array:
        if not index.size:
            return kernels.copy(x, "contiguous_format")
        with _named(self):
            return self.kernel(kernels, _at_least_1d(x), self.place(x), _at_least_1d(index), src).reshape(x.shape)

    def kernel(self, kernels: Kernels, x: Array, dim: int, index: Array, src: Array) -> Array:
        raise NotImplementedError

    def source_gradient(self, dy: Tensor, index: Tensor, src: Spec) -> Tensor:
        """dy read where src was written to; zero for what of src lies beyond index."""
        if not index.numel():
            return dy.new_zeros(src.shape)
        read = Gather(self.dim)(dy, index)
        if not src.ndim:
            return read.sum()  # type: ignore[no-any-return]
        return padded(read, src.shape)


def padded(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """x in the corner of zeros of the larger `shape`."""
    if x.shape == shape:
        return x
    if not x.ndim:
        return x.reshape(shape)
    out = x.new_zeros(shape)
    out[tuple(slice(size) for size in x.shape)] = x
    return out


class Scatter(_Scattering):
    """Math      y = x, with src written at index;  dx = dy, 0 where written;  dsrc = dy at index

    Undefined which number stays where index names a place twice (here the last; its gradient goes to all of them)
    Source    semantics of torch.scatter
    """

    takes_complex = True

    def kernel(self, kernels: Kernels, x: Array, dim: int, index: Array, src: Array) -> Array:
        return kernels.scatter(x, dim, index, src)

    def vjp(
        self, index: Tensor, src_spec: Spec, dy: Tensor, needs: tuple[bool, ...]
    ) -> tuple[Tensor | None, None, Tensor | None]:
        dx = Scatter(self.dim)(dy, index, dy.new_zeros(())) if needs[0] else None
        return dx, None, self.source_gradient(dy, index, src_spec) if needs[2] else None


class ScatterAdd(_Scattering):
    """Math      y = x, with src added at index as often as it is named;  dx = dy;  dsrc = dy at index

    Source    semantics of torch.scatter_add
    """

    takes_complex = True

    def kernel(self, kernels: Kernels, x: Array, dim: int, index: Array, src: Array) -> Array:
        return kernels.scatter_add(x, dim, index, src)

    def vjp(
        self, index: Tensor, src_spec: Spec, dy: Tensor, needs: tuple[bool, ...]
    ) -> tuple[Tensor, None, Tensor | None]:
        return dy, None, self.source_gradient(dy, index, src_spec) if needs[2] else None


class ScatterExtreme(_Scattering):
    """Math      y = the largest (smallest) of x and all src sent there;  dy goes in equal parts to all that equal y"""

    largest: bool
    name = "scatter_reduce"

    def kernel(self, kernels: Kernels, x: Array, dim: int, index: Array, src: Array) -> Array:
        return kernels.scatter_extreme(x, dim, index, src, self.largest)

    def vjp(self, x: Tensor, index: Tensor, src: Tensor, y: Tensor, dy: Tensor) -> tuple[Tensor, None, Tensor]:
        if not index.numel():
            return dy, None, dy.new_zeros(src.shape)
        used = src[tuple(slice(size) for size in index.shape)] if index.ndim else src
        stayed = (x == y).to(dy.dtype)
        taken = (used == Gather(self.dim)(y, index)).to(dy.dtype)
        share = dy / ScatterAdd(self.dim)(stayed, index, taken)
        return stayed * share, None, padded(taken * Gather(self.dim)(share, index), src.shape)


class ScatterProd(_Scattering):
    """Math      y = x times all src sent there;  d of each = dy times the product of the others, exact with one zero"""

    name = "scatter_reduce"

    def kernel(self, kernels: Kernels, x: Array, dim: int, index: Array, src: Array) -> Array:
        return kernels.scatter_prod(x, dim, index, src)

    def vjp(self, x: Tensor, index: Tensor, src: Tensor, dy: Tensor) -> tuple[Tensor, None, Tensor]:
        if not index.numel():
            return dy, None, dy.new_zeros(src.shape)
        used = src[tuple(slice(size) for size in index.shape)] if index.ndim else src
        x_zero, zero = (x == 0).to(dy.dtype), (used == 0).to(dy.dtype)
        zeros = ScatterAdd(self.dim)(x_zero, index, zero)
        x_safe, safe = x.masked_fill(x == 0, 1.0), used.masked_fill(used == 0, 1.0)
        rest = ScatterProd(self.dim)(x_safe, index, safe)  # of all that are not zero
        dx = dy * (rest / x_safe) * (zeros == x_zero).to(dy.dtype)
        clear = (Gather(self.dim)(zeros, index) == zero).to(dy.dtype)
        return dx, None, padded(Gather(self.dim)(dy * rest, index) / safe * clear, src.shape)


def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """The numbers at `index` along `dim`.

    Source    semantics of torch.gather
    """
    if sparse_grad:
        raise ArgumentError("gather: sparse gradients are not supported; leave sparse_grad out")
    return Gather(dim)(input, index)  # type: ignore[no-any-return]


def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor | float | None = None,
    *,
    value: Any = None,
    reduce: str | None = None,
) -> Tensor:
    """`input` with `src` (a tensor or a number) written at `index` along `dim`; or added, or multiplied, by `reduce`.

    Source    semantics of torch.scatter
    """
    if (src is None) == (value is None):
        raise ArgumentError("scatter: give src or value")
    given: Any = value if src is None else src
    source = given if hasattr(given, "_run") else input._scalar(given, input.dtype)
    if reduce is None:
        return Scatter(dim)(input, index, source)  # type: ignore[no-any-return]
    if reduce == "add":
        return ScatterAdd(dim)(input, index, source)  # type: ignore[no-any-return]
    if reduce == "multiply":
        return ScatterProd(dim)(input, index, source if source.ndim else source.expand(index.shape))  # type: ignore[no-any-return]
    raise ArgumentError(f"scatter: unknown reduce {reduce!r}; have 'add', 'multiply'")


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """`input` with `src` added at `index` along `dim`, as often as a place is named.

    Source    semantics of torch.scatter_add
    """
    if index.ndim != src.ndim and index.numel():
        raise ShapeError(
            "scatter_add: src must be as long as index on every dim"
            f"{describe(input=input.spec, index=index.spec, src=src.spec)}"
        )
    return ScatterAdd(dim)(input, index, src)  # type: ignore[no-any-return]


def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """`input` combined with all of `src` sent to a place: "sum", "prod", "mean", "amax", "amin".

    Without `include_self` the input's own number does not count where something is sent.
    Source    semantics of torch.scatter_reduce
    """
    if reduce not in _START:
        raise ArgumentError(f"scatter_reduce: unknown reduce {reduce!r}; have {', '.join(_START)}")
    start = input
    if not include_self:
        touched = Scatter(dim)(
            input.detach().new_zeros(input.shape, dtype=dtypes.bool_), index, input._scalar(True, dtypes.bool_)
        )
        start = input.masked_fill(touched, _START[reduce](input.dtype))
    if reduce == "sum":
        return ScatterAdd(dim)(start, index, src)  # type: ignore[no-any-return]
    if reduce == "prod":
        return ScatterProd(dim)(start, index, src)  # type: ignore[no-any-return]
    if reduce != "mean":
        return ScatterExtreme(dim, reduce == "amax")(start, index, src)  # type: ignore[no-any-return]
    total = ScatterAdd(dim)(start, index, src)
    ones = start.detach().new_ones(start.shape) if include_self else (~touched).to(start.dtype)
    count = ScatterAdd(dim)(ones, index, src.detach().new_ones(src.shape))
    return total / count if input.dtype.is_floating_point else total.floor_divide(count)  # type: ignore[no-any-return]


def _lowest(d: dtypes.dtype) -> Any:
    return float("-inf") if d.is_floating_point else False if d is dtypes.bool_ else dtypes.iinfo(d).min


def _highest(d: dtypes.dtype) -> Any:
    return float("inf") if d.is_floating_point else True if d is dtypes.bool_ else dtypes.iinfo(d).max


_START: dict[str, Callable[[dtypes.dtype], Any]] = {
    "sum": lambda d: d is not dtypes.bool_ and 0,
    "prod": lambda d: d is dtypes.bool_ or 1,
    "mean": lambda d: d is not dtypes.bool_ and 0,
    "amax": _lowest,
    "amin": _highest,
}


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """gather with the dims other than `dim` broadcast; without `dim` both flattened.

    With `dim`, negative places count from its end.

    Source    semantics of torch.take_along_dim
    """
    if dim is None:
        return gather(input.reshape(-1), 0, indices.reshape(-1))
    shown = {"input": input.spec, "indices": indices.spec}
    require(input.ndim == indices.ndim, ShapeError, "take_along_dim", "input and indices need as many dims", **shown)
    place = dim_of("take_along_dim", dim, input.spec)
    sizes = [[t.shape[d] for d in range(t.ndim)] for t in (input, indices)]
    for d in range(input.ndim):
        a, b = sizes[0][d], sizes[1][d]
        if d != place and a != b:
            require(
                1 in (a, b), ShapeError, "take_along_dim", f"sizes {a} and {b} do not broadcast at dim {d}", **shown
            )
            sizes[0][d] = sizes[1][d] = b if a == 1 else a
    size = input.shape[place] if input.ndim else 1
    wrapped = indices + (indices < 0).to(indices.dtype) * size
    return gather(input.expand(sizes[0]), place, wrapped.expand(sizes[1]))
