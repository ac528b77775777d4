"""`__torch_function__`: a subclass of Tensor sees the calls of its tensors' methods and operators.

A method called on a tensor of a subclass is handed to the subclass's `__torch_function__(func, types, args, kwargs)`;
`Tensor.__torch_function__`, which that usually calls in turn, carries `func` out and makes the tensors of the result
instances of the subclass. Methods and operators are handed over, functions of the module (`torch.cat(...)`) and
questions (`shape`, `dtype`, `device`) are not. Plain tensors pay nothing: the subclass gets the methods that ask.

As in torch, the `__dict__` of such a tensor holds what its class put there and nothing of the tensor itself: code
copies it whole from one tensor to another.

Source    semantics of torch.Tensor.__torch_function__
Requires  REQ-F-CPT-007
"""

from __future__ import annotations

import functools
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor

_OPERATORS = frozenset(
    f"__{stem}__"
    for stem in (
        *("abs", "add", "and", "array", "bool", "contains", "eq", "float", "floordiv", "ge", "getitem", "gt"),
        *("iadd", "iand", "ifloordiv", "imod", "imul", "index", "int", "invert", "ior", "ipow", "isub", "iter"),
        *("itruediv", "ixor", "le", "len", "lshift", "lt", "matmul", "mod", "mul", "ne", "neg", "or", "pos", "pow"),
        *("radd", "rand", "rfloordiv", "rmod", "rmul", "ror", "rpow", "rshift", "rsub", "rtruediv", "rxor"),
        *("setitem", "sub", "truediv", "xor", "format", "deepcopy"),
    )
)
_SEEN_PROPERTIES = frozenset({"T", "mT", "H", "mH", "data", "real", "imag"})
_NOT_SEEN = frozenset({"as_subclass", "dim", "ndimension", "size", "stride", "numel", "nelement", "element_size"})


class _State(threading.local):
    off = False


STATE = _State()


@contextmanager
def disabled() -> Iterator[None]:
    """For a while, methods of subclasses are those of Tensor."""
    before, STATE.off = STATE.off, True
    try:
        yield
    finally:
        STATE.off = before


def call(cls: type[Tensor], func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any] | None) -> Any:
    """What Tensor.__torch_function__ does: the call itself, its tensors made instances of `cls`."""
    with disabled():
        found = func(*args, **(kwargs or {}))
        return _converted(found, cls)


def plainly(func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
    """The `__torch_function__` of a subclass whose methods are those of Tensor."""
    with disabled():
        return func(*args, **(kwargs or {}))


def _converted(value: Any, cls: type[Tensor]) -> Any:
    if hasattr(value, "_run"):
        return value if isinstance(value, cls) else value.as_subclass(cls)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_converted(v, cls) for v in value))
    if type(value) in (list, tuple):
        return type(value)(_converted(v, cls) for v in value)
    return value


def install(cls: type[Tensor], root: type[Tensor]) -> None:
    """Give a new subclass methods that ask its `__torch_function__`; those it defines itself stay."""
    if cls.__dict__.get("__torch_function__") is None and any(
        "__torch_function__" in vars(k) or "_asks" in vars(k) for k in cls.__mro__[1:] if k is not root
    ):
        return
    if getattr(cls.__torch_function__, "__func__", cls.__torch_function__) is plainly:
        return
    cls._asks = True
    for name, member in (("__setattr__", _put), ("__getattr__", _get), ("__delattr__", _drop)):
        if name not in vars(cls):
            type.__setattr__(cls, name, member)
    inherited = {name for k in cls.__mro__ if k is not root and issubclass(k, root) for name in vars(k)}
    for name, member in vars(root).items():
        if name not in inherited and _is_seen(name, member):
            type.__setattr__(cls, name, _asking(name, member))


class Attributed:
    """Has the real attributes of every tensor; what Tensor and its subclasses show as `__dict__` is `attributes`."""


_REAL = vars(Attributed)["__dict__"]
_ABSENT = object()


class TensorKind(type):
    """The type of Tensor and of its subclasses. Each has `__dict__` itself, ahead of what it inherits from others."""

    def __new__(mcs, name: str, bases: tuple[type, ...], members: dict[str, Any], **options: Any) -> TensorKind:
        members.setdefault("__dict__", property(attributes, replace_attributes))
        return super().__new__(mcs, name, bases, members, **options)


def attributes(tensor: Tensor) -> dict[str, Any]:
    """All attributes of a plain tensor; of a subclass's those that its class put there, in a dict of theirs."""
    real: dict[str, Any] = _REAL.__get__(tensor)
    return real.setdefault("_own_attributes", {}) if tensor._asks else real


def replace_attributes(tensor: Tensor, new: dict[str, Any]) -> None:
    """`tensor.__dict__ = new`."""
    real: dict[str, Any] = _REAL.__get__(tensor)
    if tensor._asks:
        real["_own_attributes"] = new
    else:
        real.clear()
        real.update(new)


def _put(self: Tensor, name: str, value: Any) -> None:
    if name in _core_names(type(self)) or hasattr(getattr(type(self), name, None), "__set__"):
        object.__setattr__(self, name, value)
    else:
        attributes(self)[name] = value


def _get(self: Tensor, name: str) -> Any:
    try:
        return attributes(self)[name]
    except KeyError:
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}") from None


def _drop(self: Tensor, name: str) -> None:
    if attributes(self).pop(name, _ABSENT) is _ABSENT:
        object.__delattr__(self, name)


@functools.cache
def _core_names(kind: type[Tensor]) -> frozenset[str]:
    """The names of a tensor's own attributes."""
    root = next(k for k in reversed(kind.__mro__) if issubclass(k, Attributed) and k is not Attributed)
    return frozenset({*root.__annotations__, *dir(root), "_kept_accumulator"})


def _is_seen(name: str, member: Any) -> bool:
    if isinstance(member, property):
        return name in _SEEN_PROPERTIES
    if not isinstance(member, types.FunctionType) or name in _NOT_SEEN:
        return False
    return name in _OPERATORS if name.startswith("_") else not name.startswith("is_")


def _asking(name: str, member: Any) -> Any:
    if isinstance(member, property) and member.fget is not None:
        return property(_handed_over(member.fget), member.fset)
    return _handed_over(member)


def _handed_over(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        if STATE.off:
            return function(self, *args, **kwargs)
        kinds = tuple({type(a): None for a in (self, *args) if hasattr(a, "_run")})
        return type(self).__torch_function__(function, kinds, (self, *args), kwargs)

    return method
