"""What a PyTorch file's pickle is read into: plain data, and these records in place of everything torch-specific.

None of them can do anything: they are notes that `resolve` turns into arrays once the storages' bytes are at hand.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from medtorch.core.dtypes import dtype


@dataclass(frozen=True)
class Global:
    """A name of the table of known globals, on the stack until REDUCE or NEWOBJ uses it."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True)
class StorageType:
    """A storage class: what one element is. `dtype` is None for UntypedStorage (bytes)."""

    name: str
    dtype: dtype | None

    @property
    def itemsize(self) -> int:
        return 1 if self.dtype is None else self.dtype.itemsize


@dataclass(frozen=True)
class DtypeName:
    """A torch dtype that stands in the pickle as a value."""

    dtype: dtype


@dataclass(frozen=True)
class StorageRef:
    """The storage `key`, or elements `start` to `start + count` of it, seen as `type`."""

    key: str
    type: StorageType
    count: int  # elements of the whole storage
    start: int = 0
    length: int | None = None  # elements of the view, None for all

    @property
    def bytes(self) -> int:
        return self.count * self.type.itemsize

    @property
    def elements(self) -> int:
        return self.count if self.length is None else self.length


@dataclass(frozen=True, eq=False)
class TensorRef:
    """A strided tensor over a storage; sizes and strides count elements of `dtype`."""

    storage: StorageRef
    dtype: dtype
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    requires_grad: bool


@dataclass(frozen=True)
class ScriptClass:
    """A class of a TorchScript archive: a name, no code."""

    name: str


@dataclass(eq=False)
class ScriptObject:
    """An object of a TorchScript archive; BUILD fills its attributes in."""

    cls: ScriptClass
    attributes: dict[str, Any] = field(default_factory=dict)
    built: bool = False


@dataclass(eq=False)
class NumpyDtypeState:
    """numpy.dtype(code) before and after its BUILD, which says the byte order."""

    code: str
    order: str = "|"


@dataclass(eq=False)
class NumpyArrayState:
    """A numpy array between `_reconstruct` and its BUILD."""

    value: Any = None
