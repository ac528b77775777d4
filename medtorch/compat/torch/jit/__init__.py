"""TorchScript's marks on Python code. Nothing is scripted here: marked code stays as it is, and runs as Python.

Source    semantics of torch.jit for code that runs eagerly
Requires  REQ-F-CPT-003
"""

from __future__ import annotations

import builtins
import types
from collections.abc import Callable
from typing import Any, Final, TypeVar, Union, get_args, get_origin

from medtorch.errors import UnsupportedError
from medtorch.nn.modules.module import Module

__all__ = [
    "Attribute",
    "Final",
    "RecursiveScriptModule",
    "ScriptFunction",
    "ScriptModule",
    "_overload",
    "_overload_method",
    "_script_if_tracing",
    "annotate",
    "export",
    "ignore",
    "interface",
    "is_scripting",
    "is_tracing",
    "isinstance",
    "load",
    "save",
    "script",
    "script_if_tracing",
    "script_method",
    "strict_fusion",
    "trace",
    "unused",
]

T = TypeVar("T")


def is_scripting() -> bool:
    """False: Python runs this."""
    return False


def is_tracing() -> bool:
    """False: nothing records this."""
    return False


def _as_it_is(marked: T) -> T:
    return marked


unused = interface = export = script_method = _as_it_is
script_if_tracing = _script_if_tracing = _overload = _overload_method = _as_it_is


def ignore(drop: Any = False, **_kwargs: Any) -> Any:
    """`@ignore` and `@ignore(drop=True)` leave the function as it is."""
    return drop if callable(drop) else _as_it_is


def script(obj: T, optimize: None = None, _frames_up: int = 0, _rcb: Any = None, example_inputs: Any = None) -> T:
    """`obj` as it is: TorchScript promises the same results. It has no `.save` or `.graph`, which raise by name."""
    return obj


def annotate(the_type: Any, the_value: T) -> T:
    """The value; its type is news for the script compiler alone."""
    return the_value


def Attribute(value: T, type: Any) -> T:  # noqa: N802  the public name is torch's
    """The value, as torch.jit.Attribute is outside of a ScriptModule's constructor."""
    return value


def isinstance(obj: Any, target_type: Any) -> bool:
    """As the builtin, and for `list[int]`, `dict[str, Tensor]`, `tuple[...]` and unions the contents are asked too."""
    if builtins.isinstance(target_type, tuple):
        return any(isinstance(obj, t) for t in target_type)
    origin, inner = get_origin(target_type), get_args(target_type)
    if origin is None:
        return builtins.isinstance(obj, target_type)
    if origin in (types.UnionType, Union):
        return any(isinstance(obj, t) for t in inner)
    if not builtins.isinstance(obj, origin):
        return False
    if origin is dict:
        return all(isinstance(k, inner[0]) and isinstance(v, inner[1]) for k, v in obj.items())
    if origin is tuple and inner[-1:] != (...,):
        return len(obj) == len(inner) and all(isinstance(o, t) for o, t in zip(obj, inner, strict=True))
    return all(isinstance(o, inner[0]) for o in obj)


class ScriptModule(Module):
    """There to be asked for: nothing is one."""

    def __init__(self) -> None:
        raise UnsupportedError("torch.jit.ScriptModule is not supported; use medtorch.compile for a faster model")


class RecursiveScriptModule(ScriptModule):
    """There to be asked for: nothing is one."""


class ScriptFunction:
    """There to be asked for: nothing is one."""

    def __init__(self) -> None:
        raise UnsupportedError("torch.jit.ScriptFunction is not supported; use medtorch.compile for a faster model")


class strict_fusion:  # noqa: N801  the public name is torch's
    """`with strict_fusion():` asks a fusing compiler to complain; without one it asks nothing."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def trace(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Raises UnsupportedError."""
    raise UnsupportedError("torch.jit.trace is not supported; use medtorch.compile(model, *example_inputs)")


def load(f: Any, *args: Any, **kwargs: Any) -> Any:
    """Raises UnsupportedError."""
    raise UnsupportedError(
        "torch.jit.load runs a program from a file, which medtorch never does; "
        "medtorch.serialize.load_torch reads the archive's tensors"
    )


def save(m: Any, f: Any, *args: Any, **kwargs: Any) -> None:
    """Raises UnsupportedError."""
    raise UnsupportedError("torch.jit.save is not supported; use medtorch.save_bundle")
