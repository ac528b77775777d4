"""A stand-in for CuPy on NumPy, as strict as CuPy where it matters, so that the seam can be tested without a GPU.

- Only names that CuPy has (cupy_surface.txt) are there; the rest raises AttributeError.
- Arrays lie on a device; work on an array while another device is current raises WrongDevice.
- Host arrays are no arguments, and device arrays never turn into host arrays by themselves: TypeError, as in CuPy.
- `ufunc.at` is there for what CuPy can add atomically, `ufunc.accumulate` not at all.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

_LINES = dict(
    line.split(": ", 1)
    for line in Path(__file__).with_name("cupy_surface.txt").read_text().splitlines()
    if line[0] != "#"
)
MODULE = frozenset(_LINES["module"].split())
NDARRAY = frozenset(_LINES["ndarray"].split())
ATOMIC = frozenset({"int32", "uint32", "uint64", "float16", "float32", "float64"})


class WrongDevice(Exception):
    """Work on an array of one device while another is current."""


class Device:
    """cupy.cuda.Device."""

    current = 0

    def __init__(self, index: int | None = None) -> None:
        self.id = Device.current if index is None else index
        self._before: list[int] = []

    def __enter__(self) -> Device:
        self._before.append(Device.current)
        Device.current = self.id
        return self

    def __exit__(self, *_: object) -> None:
        Device.current = self._before.pop()

    def synchronize(self) -> None:
        FakeCupy.synchronized.append(self.id)

    @property
    def compute_capability(self) -> str:
        return "90"


class FakeArray:
    """cupy.ndarray: numbers on a device."""

    __array_priority__ = 100
    __slots__ = ("__weakref__", "numbers", "where")

    def __init__(self, numbers: Any, where: int | None = None) -> None:
        self.numbers = np.asarray(numbers)
        self.where = Device.current if where is None else where

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed")

    def __getattr__(self, name: str) -> Any:
        if name not in NDARRAY:
            raise AttributeError(f"cupy.ndarray has no {name}")
        if name in ("shape", "dtype", "ndim", "size", "itemsize", "strides", "nbytes", "flags"):
            return getattr(self.numbers, name)
        if name == "T":
            return FakeArray(self.numbers.T, self.where)

        def method(*args: Any, **kwargs: Any) -> Any:
            return on_device(getattr(_mine(self), name), args, kwargs)

        return method

    @property
    def base(self) -> FakeArray | None:
        return FakeArray(self.numbers.base, self.where) if isinstance(self.numbers.base, np.ndarray) else None

    @property
    def data(self) -> Any:
        return _Space(ptr=self.numbers.ctypes.data)

    @property
    def real(self) -> FakeArray:
        return FakeArray(_mine(self).real, self.where)

    @real.setter
    def real(self, value: Any) -> None:
        _mine(self).real = _opened(value)

    @property
    def imag(self) -> FakeArray:
        return FakeArray(_mine(self).imag, self.where)

    @imag.setter
    def imag(self, value: Any) -> None:
        _mine(self).imag = _opened(value)

    @property
    def device(self) -> Device:
        return Device(self.where)

    def get(self) -> Any:
        return self.numbers.copy()

    def copy(self, order: str = "C") -> FakeArray:
        return FakeArray(self.numbers.copy(order=order))  # onto the current device, wherever it lies

    def item(self) -> Any:
        return self.numbers.item()

    def __setitem__(self, key: Any, value: Any) -> None:
        with np.errstate(all="ignore"):
            _mine(self)[_opened(key)] = _opened(value)

    def __getitem__(self, key: Any) -> FakeArray:
        return FakeArray(np.asarray(_mine(self)[_opened(key)]), self.where)

    def __len__(self) -> int:
        return len(self.numbers)

    def __bool__(self) -> bool:
        return bool(self.numbers)

    def __int__(self) -> int:
        return int(self.numbers)

    def __float__(self) -> float:
        return float(self.numbers)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self.numbers)))


def _operator(function: Callable[..., Any], *, swapped: bool = False) -> Any:
    def method(self: FakeArray, *others: Any) -> Any:
        return on_device(function, (*others, self) if swapped else (self, *others), {})

    return method


for _name in (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "and",
    "or",
    "xor",
    "lshift",
    "rshift",
    "matmul",
):
    _function = getattr(operator, f"__{_name}__")
    setattr(FakeArray, f"__{_name}__", _operator(_function))
    setattr(FakeArray, f"__r{_name}__", _operator(_function, swapped=True))
for _name in ("eq", "ne", "lt", "le", "gt", "ge", "neg", "abs", "invert", "pos"):
    setattr(FakeArray, f"__{_name}__", _operator(getattr(operator, f"__{_name}__")))


def _mine(array: FakeArray) -> Any:
    if array.where != Device.current:
        raise WrongDevice(f"an array of device {array.where} is worked on while device {Device.current} is current")
    return array.numbers


def _opened(value: Any) -> Any:
    """Device arrays as what they stand for; host arrays are refused."""
    if isinstance(value, FakeArray):
        return _mine(value)
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(value, (list, tuple)):
        return type(value)(_opened(v) for v in value)
    return value


def on_device(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    with np.errstate(all="ignore"):
        return _closed(function(*_opened(tuple(args)), **{k: _opened(v) for k, v in kwargs.items()}))


def _closed(found: Any) -> Any:
    if isinstance(found, (np.ndarray, np.generic)):
        return FakeArray(found)
    if isinstance(found, (list, tuple)):
        return type(found)(_closed(v) for v in found)
    return found


class FakeUfunc:
    """A ufunc without accumulate, whose `at` takes what CuPy takes."""

    def __init__(self, ufunc: Any) -> None:
        self._ufunc = ufunc

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return on_device(self._ufunc, args, kwargs)

    def at(self, target: FakeArray, where: Any, value: Any) -> None:
        if self._ufunc is not np.add or target.dtype.name not in ATOMIC:
            raise TypeError(f"`{self._ufunc.__name__}.at` does not take {target.dtype}")
        self._ufunc.at(_mine(target), _opened(where), _opened(value))


class _Runtime:
    class CUDARuntimeError(RuntimeError):
        pass

    def __init__(self, count: int) -> None:
        self._count = count

    def getDeviceCount(self) -> int:
        if self._count < 0:
            raise _Runtime.CUDARuntimeError("cudaErrorInsufficientDriver")
        return self._count

    def getDeviceProperties(self, index: int) -> dict[str, Any]:
        return {"name": f"Fake {index}".encode()}

    def memGetInfo(self) -> tuple[int, int]:
        return 60, 100


class _Pool:
    def __init__(self) -> None:
        self.freed: list[int] = []

    def used_bytes(self) -> int:
        return 1000 + Device.current

    def total_bytes(self) -> int:
        return 2000 + Device.current

    def free_all_blocks(self) -> None:
        self.freed.append(Device.current)


class _Space:
    def __init__(self, **names: Any) -> None:
        self.__dict__.update(names)


def _as_strided(array: FakeArray, shape: Any = None, strides: Any = None) -> FakeArray:
    return FakeArray(np.lib.stride_tricks.as_strided(_mine(array), shape, strides))


def _wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: on_device(function, args, kwargs)


def _several(function: Callable[..., Any]) -> Callable[..., Any]:
    """NumPy's named tuples as the plain ones that CuPy gives."""
    return lambda *args, **kwargs: on_device(lambda *a, **k: tuple(function(*a, **k)), args, kwargs)


class FakeCupy:
    """The module."""

    synchronized: list[int] = []  # noqa: RUF012  what the fake devices were asked to wait for

    def __init__(self, devices: int) -> None:
        self.cuda = _Space(Device=Device, runtime=_Runtime(devices))
        self.ndarray = FakeArray
        self.pool = _Pool()
        stride_tricks = _Space(as_strided=_as_strided)
        self.linalg = _Space(  # of CuPy 14.2's, those that are used
            inv=_wrapped(np.linalg.inv),
            solve=_wrapped(np.linalg.solve),
            cholesky=_wrapped(np.linalg.cholesky),
            slogdet=_several(np.linalg.slogdet),
            qr=_several(np.linalg.qr),
            eigh=_several(np.linalg.eigh),
            svd=_several(np.linalg.svd),
        )
        self.fft = _Space(
            fftn=_wrapped(np.fft.fftn),
            ifftn=_wrapped(np.fft.ifftn),
            rfftn=_wrapped(np.fft.rfftn),
            irfftn=_wrapped(np.fft.irfftn),
        )
        self.lib = _Space(stride_tricks=stride_tricks)
        Device.current = 0

    def get_default_memory_pool(self) -> _Pool:
        return self.pool

    def asarray(self, a: Any, dtype: Any = None) -> FakeArray:
        """The one way in for host arrays."""
        if isinstance(a, FakeArray):
            return a if dtype is None else a.astype(dtype, copy=False)
        return FakeArray(np.array(a, dtype))

    def __getattr__(self, name: str) -> Any:
        if name not in MODULE:
            raise AttributeError(f"module 'cupy' has no attribute {name!r}")
        found = getattr(np, name)
        if isinstance(found, np.ufunc):
            return FakeUfunc(found)
        if isinstance(found, type) or not callable(found):
            return found

        def function(*args: Any, **kwargs: Any) -> Any:
            return on_device(found, args, kwargs)

        return function
