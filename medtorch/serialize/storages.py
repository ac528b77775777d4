"""From the bytes of a storage to arrays over it: tensors of one storage share its memory, as they did when saved.

Requires  REQ-F-SER-003, REQ-S-SEC-004
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from medtorch.core.dtypes import dtype
from medtorch.errors import FormatError
from medtorch.serialize.limits import Limits
from medtorch.serialize.records import StorageRef, TensorRef
from medtorch.serialize.source import Bytes, aligned

_FAR = 1 << 40

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(eq=False)
class Storages:
    """The storages of one file by key, each read at most once.

    `read` gives the bytes of a key. Where they are aligned and in this machine's byte order the tensors are views of
    them, else of one copy for all tensors of the storage. The arrays can be written to; the file is not.
    """

    name: str
    limits: Limits
    read: Callable[[str], Bytes]
    big_endian: bool = False
    _loaded: dict[str, tuple[Bytes, int]] = field(default_factory=dict)
    _tensors: int = 0
    _tensor_bytes: int = 0

    def tensor(self, ref: TensorRef) -> Array:
        """The array of a tensor record; raises FormatError, LimitError."""
        self._account(ref)
        kind = ref.dtype.numpy
        data = self._bytes(ref.storage, ref.dtype)
        empty = 0 in ref.shape
        array: Array = np.ndarray(
            ref.shape,
            kind,
            buffer=data[:0] if empty else data,  # numpy checks once more that no element lies outside
            offset=0 if empty else ref.offset * kind.itemsize,
            strides=_strides(ref, kind.itemsize, empty),
        )
        return array

    def whole(self, ref: StorageRef) -> Array:
        """A storage saved by itself, as a flat array."""
        kind = ref.type.dtype
        data = self._bytes(ref, kind)
        self.limits.hold("tensor_bytes", data.nbytes, f"{self.name}: bytes of a storage")
        return data if kind is None else data.view(kind.numpy)

    def _account(self, ref: TensorRef) -> None:
        where = f"{self.name}: a tensor of storage {ref.storage.key[:80]!r}"
        self.limits.hold("dims", len(ref.shape), f"{where}: dims")
        size = math.prod(max(1, length) for length in ref.shape) * ref.dtype.itemsize
        self.limits.hold("tensor_bytes", size, f"{where}: bytes by its shape {ref.shape}")
        self._tensors += 1
        self._tensor_bytes += 0 if 0 in ref.shape else size
        self.limits.hold("tensors", self._tensors, f"{self.name}: tensors")
        self.limits.hold("tensor_bytes", self._tensor_bytes, f"{self.name}: bytes of all tensors by their shapes")

    def _bytes(self, ref: StorageRef, kind: dtype | None) -> Bytes:
        itemsize = 1 if kind is None else kind.itemsize
        if ref.key not in self._loaded:
            self._loaded[ref.key] = (self._prepare(ref, kind, itemsize), itemsize)
        data, stored_as = self._loaded[ref.key]
        self._check_size(ref, data)
        if self.big_endian and stored_as != itemsize:
            raise FormatError(f"{self.name}: storage {ref.key[:80]!r} of big-endian numbers is seen as two dtypes")
        if kind is not None and kind.name == "bool" and data.size and data.max() > 1:
            raise FormatError(f"{self.name}: storage {ref.key[:80]!r} has booleans other than 0 and 1")
        first = ref.start * ref.type.itemsize
        return data[first : first + ref.elements * ref.type.itemsize]

    def _check_size(self, ref: StorageRef, data: Bytes) -> None:
        if data.nbytes != ref.bytes:
            raise FormatError(
                f"{self.name}: storage {ref.key[:80]!r} has {data.nbytes} bytes, the pickle says {ref.bytes}"
            )

    def _prepare(self, ref: StorageRef, kind: dtype | None, itemsize: int) -> Bytes:
        data = self.read(ref.key)
        self._check_size(ref, data)
        swap = itemsize > 1 and self.big_endian != (sys.byteorder == "big")
        if data.ctypes.data % 8 == 0 and data.flags.writeable and not swap:
            return data
        copy = aligned(data.nbytes)
        copy[:] = data
        if swap:  # a complex number is two numbers, each in the file's order
            part = itemsize // 2 if kind is not None and kind.is_complex else itemsize
            copy.view(f"u{part}").byteswap(inplace=True)
        return copy


def _strides(ref: TensorRef, itemsize: int, empty: bool) -> tuple[int, ...]:
    """Strides in bytes. Those that lead nowhere (of a dim of size 1, of an empty tensor) may be beyond all memory."""
    return tuple(
        stride * itemsize if stride < _FAR or not (empty or size == 1) else itemsize
        for size, stride in zip(ref.shape, ref.strides, strict=True)
    )
