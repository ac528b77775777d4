"""NumPy scalars and arrays in a checkpoint (statistics, random states) as plain data: fixed-size numbers only.

Source    numpy's pickle protocol: dtype state version 3, array state version 1
Requires  REQ-F-SER-004, REQ-S-SEC-001
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from medtorch.errors import FormatError, UnsafeError, UnsupportedFileError
from medtorch.serialize.guards import kind_of
from medtorch.serialize.records import Global, NumpyArrayState, NumpyDtypeState

_CODES = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
_DIMS = 32


def new_numpy_dtype(args: tuple[Any, ...]) -> NumpyDtypeState:
    """numpy.dtype('f8', False, True): a kind of number, or refused."""
    if not 1 <= len(args) <= 3 or type(args[0]) is not str:
        raise FormatError("a numpy.dtype from something other than its code")
    if args[0] not in _CODES:
        raise UnsupportedFileError(f"holds NumPy data of dtype {args[0]!r}; only plain numbers are read")
    return NumpyDtypeState(args[0])


def new_numpy_array(args: tuple[Any, ...], ndarray: Global) -> NumpyArrayState:
    """numpy's _reconstruct(ndarray, (0,), b'b'): an array that a BUILD will fill."""
    if len(args) != 3 or args[0] != ndarray:
        raise UnsafeError(f"asks NumPy to reconstruct {kind_of(args[0]) if args else 'nothing'}; only arrays are read")
    return NumpyArrayState()


def numpy_scalar(args: tuple[Any, ...]) -> Any:
    """numpy's scalar(dtype, bytes)."""
    if len(args) != 2 or type(args[0]) is not NumpyDtypeState:
        raise FormatError("a NumPy scalar from something other than a dtype and bytes")
    return _numbers(args[0], args[1], ())[()]


def build_numpy(target: NumpyDtypeState | NumpyArrayState, state: Any) -> None:
    """The BUILD of a dtype (its byte order) or of an array (everything)."""
    if type(state) is not tuple:
        raise FormatError(f"the state of a NumPy object is a {kind_of(state)}")
    if isinstance(target, NumpyDtypeState):
        _build_dtype(target, state)
    else:
        _build_array(target, state)


def _build_dtype(target: NumpyDtypeState, state: tuple[Any, ...]) -> None:
    if len(state) < 2 or state[1] not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
        raise FormatError("a numpy.dtype whose state is not that of a plain number")
    target.order = state[1]


def _build_array(target: NumpyArrayState, state: tuple[Any, ...]) -> None:
    if target.value is not None:
        raise FormatError("a NumPy array is filled twice")
    if len(state) != 5 or type(state[1]) is not tuple or type(state[2]) is not NumpyDtypeState:
        raise FormatError("a NumPy array whose state is not (version, shape, dtype, order, bytes)")
    _, shape, dtype, fortran, raw = state
    if len(shape) > _DIMS or any(type(size) is not int or size < 0 for size in shape):
        raise FormatError(f"a NumPy array of shape {shape!r}"[:200])
    target.value = _numbers(dtype, raw, shape[::-1] if fortran else shape)
    if fortran:
        target.value = target.value.transpose()


def _numbers(dtype: NumpyDtypeState, raw: Any, shape: tuple[int, ...]) -> Any:
    if type(raw) is str:  # a str of Python 2 that happened to decode as UTF-8
        raw = raw.encode("utf-8", "surrogatepass")
    if type(raw) is not bytes:
        raise FormatError(f"the numbers of NumPy data are a {kind_of(raw)}, not bytes")
    kind = np.dtype(("<" if dtype.order in "|=" else dtype.order) + dtype.code)
    wanted = math.prod(shape) * kind.itemsize
    if len(raw) != wanted or (0 in shape and any(size > 1 << 40 for size in shape)):
        raise FormatError(f"NumPy data of shape {shape} and dtype {dtype.code} with {len(raw)} bytes"[:200])
    if dtype.code == "b1" and raw.strip(b"\x00\x01"):
        raise FormatError("NumPy booleans other than 0 and 1")
    return np.frombuffer(raw, kind).astype(kind.newbyteorder("=")).reshape(shape)
