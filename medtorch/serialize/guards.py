"""What the pickle reader lets a file do to the values that it builds: keys, the state of two known kinds, text.

Requires  REQ-S-SEC-001
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from medtorch.errors import FormatError, UnsafeError
from medtorch.serialize.records import Global, ScriptClass, ScriptObject


def checked_key(key: Any) -> Any:
    """A dict key that no file can use to make dicts slow: text, bytes, numbers of 64 bits, None."""
    kind = type(key)
    if kind is str or kind is bytes or kind is bool or kind is float or key is None:
        return key
    if kind is int:
        if key.bit_length() > 64:
            raise UnsafeError("a dict key is a whole number of more than 64 bits")
        return key
    raise UnsafeError(f"a dict key is a {kind_of(key)}; only text, bytes, numbers and None are keys")


def set_metadata(target: OrderedDict[Any, Any], state: Any) -> None:
    """torch puts the modules' versions on a state dict, as its attribute `_metadata`: the one attribute there is."""
    if type(state) is not dict:
        raise UnsafeError(f"asks to set the state of an OrderedDict from a {kind_of(state)}")
    others = [key for key in state if key != "_metadata"]
    if others:
        raise UnsafeError(f"asks to set attribute {shown(others[0])} of an OrderedDict; only '_metadata' is known")
    if "_metadata" in state:
        metadata = state["_metadata"]
        if type(metadata) not in (dict, OrderedDict):
            raise FormatError(f"_metadata of a state dict is a {kind_of(metadata)}")
        target._metadata = metadata  # type: ignore[attr-defined]


def set_attributes(target: ScriptObject, state: Any) -> None:
    if type(state) is not dict:
        raise UnsafeError(f"{target.cls.name}: a custom class whose state is a {kind_of(state)}, not attributes")
    if target.built:
        raise FormatError(f"{target.cls.name}: the state of one object is set twice")
    for key in state:
        if type(key) is not str:
            raise FormatError(f"{target.cls.name}: an attribute is named by a {kind_of(key)}")
    target.attributes, target.built = state, True


def text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        return raw.decode("utf-8", "surrogatepass")  # as pickle writes lone surrogates
    except UnicodeDecodeError as error:
        raise FormatError("a string that is not UTF-8") from error


def shown(value: Any) -> str:
    """A value from a file in a message: short, whatever the file holds."""
    words = repr(value) if type(value) in (str, bytes, int, float, bool) else type(value).__name__
    return words if len(words) <= 100 else f"{words[:97]}..."


def kind_of(value: Any) -> str:
    if type(value) is Global:
        return f"global {value}"
    if type(value) is ScriptClass:
        return f"class {value.name}"
    return type(value).__name__
