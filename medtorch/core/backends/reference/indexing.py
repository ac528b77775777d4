"""Reading and writing at places that other arrays name. Every place is checked first: outside is an error."""

from __future__ import annotations

from typing import Any

from medtorch.core.backends.reference.base import Array, KernelFamily
from medtorch.core.backends.reference.halves import in_float32
from medtorch.errors import DimError

Places = tuple[int, ...]


class IndexingKernels(KernelFamily):
    """Advanced indexing, gather and scatter, nonzero, triangles."""

    def index(self, x: Array, index: Array, places: Places) -> Array:
        """x at index[0], index[1], ... along the dims `places`, whole along the others; NumPy's order of dims."""
        return x[self._coordinates(x.shape, index, places)]

    def index_put(self, x: Array, index: Array, value: Array, places: Places) -> Array:
        out = x.copy()
        out[self._coordinates(x.shape, index, places)] = value
        return out

    @in_float32
    def index_add(self, x: Array, index: Array, value: Array, places: Places) -> Array:
        """x with `value` added at each named place, as often as it is named."""
        return self._added(x, self._coordinates(x.shape, index, places), value)

    def _added(self, x: Array, where: tuple[Any, ...], value: Array) -> Array:
        """x with value added at coordinates. CuPy adds in few dtypes only: whole numbers go through one that wraps."""
        xp = self.xp
        if x.dtype.kind in "fc":
            out = x.copy()
            xp.add.at(out, where, value)
            return out
        wraps = xp.uint64 if x.dtype.itemsize == 8 else xp.int32
        out = x.astype(wraps)
        xp.add.at(out, where, value.astype(wraps))
        return out != 0 if x.dtype == bool else out.astype(x.dtype)

    def _coordinates(self, shape: tuple[int, ...], index: Array, places: Places) -> tuple[Any, ...]:
        full: list[Any] = [slice(None)] * len(shape)
        for row, dim in zip(index, places, strict=True):
            size = shape[dim]
            self._inside(row, -size, size, dim)
            full[dim] = row
        return tuple(full)

    def _inside(self, index: Array, low: int, size: int, dim: int) -> None:
        if not index.size:
            return
        smallest, largest = int(index.min()), int(index.max())
        if smallest < low or largest >= size:
            wrong = smallest if smallest < low else largest
            raise DimError(f"index {wrong} is out of range for dim {dim} of size {size}")

    def gather(self, x: Array, dim: int, index: Array) -> Array:
        self._inside(index, 0, x.shape[dim], dim)
        return self.xp.take_along_axis(self._cut(x, index, dim), index, axis=dim)

    def _cut(self, x: Array, index: Array, dim: int) -> Array:
        """x down to the sizes of `index` on all dims but `dim`."""
        return x[tuple(slice(None) if d == dim else slice(size) for d, size in enumerate(index.shape))]

    def scatter(self, x: Array, dim: int, index: Array, value: Array) -> Array:
        """x with value's numbers written where `index` says along `dim`; of several for one place the last stays."""
        self._inside(index, 0, x.shape[dim], dim)
        out = x.copy()
        out[self._grid(index, dim)] = self._source(value, index)
        return out

    @in_float32
    def scatter_add(self, x: Array, dim: int, index: Array, value: Array) -> Array:
        self._inside(index, 0, x.shape[dim], dim)
        return self._added(x, self._grid(index, dim), self._source(value, index))

    @in_float32
    def scatter_extreme(self, x: Array, dim: int, index: Array, value: Array, largest: bool) -> Array:
        """x with the largest (or smallest) of itself and what is sent to it; NaN if there is one."""
        self._inside(index, 0, x.shape[dim], dim)
        choose = self.xp.maximum if largest else self.xp.minimum
        return self._in_rounds(x, dim, index, value, choose)

    @in_float32
    def scatter_prod(self, x: Array, dim: int, index: Array, value: Array) -> Array:
        self._inside(index, 0, x.shape[dim], dim)
        return self._in_rounds(x, dim, index, value, self.xp.multiply)

    def _in_rounds(self, x: Array, dim: int, index: Array, value: Array, combine: Any) -> Array:
        """One source a place and round, in the order of the sources: the same bits every time, on any array module."""
        xp = self.xp
        out = xp.ascontiguousarray(x).copy()
        if not index.size:
            return out
        strides = [1] * x.ndim
        for d in range(x.ndim - 2, -1, -1):
            strides[d] = strides[d + 1] * x.shape[d + 1]
        target = sum(
            (c * s for c, s in zip(self._grid(index, dim), strides, strict=True)), xp.zeros(index.shape, xp.int64)
        ).ravel()
        source = xp.broadcast_to(self._source(value, index), index.shape).ravel()
        order = xp.argsort(target, kind="stable")
        target, source = target[order], source[order]
        place = xp.arange(target.size)
        turn = place - xp.searchsorted(target, target, side="left")
        flat = out.reshape(-1)
        with self.quiet():
            for round_ in range(int(turn.max()) + 1):
                now = turn == round_
                flat[target[now]] = combine(flat[target[now]], source[now])
        return flat.reshape(x.shape)

    def _grid(self, index: Array, dim: int) -> tuple[Array, ...]:
        """Coordinates of every place of `index`, with `index` itself along `dim`."""
        out = []
        for d, size in enumerate(index.shape):
            shape = [1] * index.ndim
            shape[d] = size
            out.append(index if d == dim else self.xp.arange(size).reshape(shape))
        return tuple(out)

    def _source(self, value: Array, index: Array) -> Array:
        return value[tuple(slice(size) for size in index.shape)] if value.ndim else value

    @in_float32
    def nonzero(self, x: Array) -> Array:
        """Coordinates of the numbers that are not zero, (count, ndim)."""
        if x.ndim == 0:
            return self.xp.zeros((int(x.reshape(1)[0] != 0), 0), self.xp.int64)
        return self.xp.stack(self.xp.nonzero(x), axis=1).astype(self.xp.int64)

    def triangle(self, x: Array, diagonal: int, upper: bool) -> Array:
        """Zero below (upper) or above (lower) a diagonal of the last two dims."""
        row = self.xp.arange(x.shape[-2])[:, None]
        column = self.xp.arange(x.shape[-1])
        kept = column - row >= diagonal if upper else column - row <= diagonal
        return self.xp.where(kept, x, x.dtype.type(0))
