"""How large, deep and numerous a file's contents may be, before any of it is believed.

Requires  REQ-S-SEC-003
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from medtorch.errors import ArgumentError, LimitError

_KIB = 1024
_MIB = 1024 * _KIB
_GIB = 1024 * _MIB
_DEEPEST = 200  # the walks over nested data take three calls a level; Python allows about a thousand


@dataclass(frozen=True)
class Limits:
    """Bounds that every loader holds; a caller who trusts a larger file says so with a `Limits` of their own.

    Units     names ending in _bytes are bytes, `nesting` is levels, the rest are counts
    Raises    ArgumentError for a bound that is not a positive whole number, or a nesting deeper than 200
    """

    file_bytes: int = 4 * _GIB  # one file, and one bundle with all its files
    pickle_bytes: int = 64 * _MIB  # one pickle of a PyTorch file
    objects: int = 500_000  # values that one pickle may put on the stack, memo look-ups included
    memo_entries: int = 500_000
    nesting: int = 64  # containers within containers
    expanded_objects: int = 2_000_000  # values when every shared container is counted where it is used
    string_bytes: int = _MIB  # one string or bytes object
    integer_bytes: int = 32  # one whole number
    archive_entries: int = 100_000
    name_bytes: int = 4 * _KIB  # the name of an archive entry or of a tensor
    compression_ratio: int = 100  # unpacked over packed, of one archive entry
    unpacked_bytes: int = 4 * _GIB  # all unpacked archive entries together
    tensors: int = 200_000
    dims: int = 32
    tensor_bytes: int = 16 * _GIB  # all tensors together, each as large as its shape says (expanded ones too)
    json_bytes: int = 8 * _MIB  # a safetensors header, a bundle.json
    bundle_files: int = 64

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ArgumentError(f"Limits: {field.name} must be a positive whole number, got {value!r}")
        if self.nesting > _DEEPEST:
            raise ArgumentError(f"Limits: nesting can be {_DEEPEST} at most, got {self.nesting}")

    def hold(self, name: str, value: int, what: str) -> None:
        """Raise LimitError if `value` of `what` is more than the bound called `name`."""
        bound = getattr(self, name)
        if value > bound:
            raise LimitError(f"{what}: {value} is more than the limit of {bound} (Limits.{name})")


DEFAULT_LIMITS = Limits()
