"""What can be known of a tensor without its numbers, and how an error shows it.

Requires  REQ-F-OPS-001
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from medtorch.core.devices import device
from medtorch.core.dtypes import DType


@dataclass(frozen=True, slots=True)
class Spec:
    """Shape, dtype and device of a tensor."""

    shape: tuple[int, ...]
    dtype: DType
    device: device

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def numel(self) -> int:
        return math.prod(self.shape)

    def with_shape(self, shape: tuple[int, ...]) -> Spec:
        return Spec(shape, self.dtype, self.device)

    def with_dtype(self, new: DType) -> Spec:
        return Spec(self.shape, new, self.device)

    def __str__(self) -> str:
        return f"{self.shape}  {self.dtype.name}  {self.device}"


def describe(**specs: Spec | None) -> str:
    """One indented line an input, names and shapes in columns, for the end of an error's text."""
    shown = {name: spec for name, spec in specs.items() if spec is not None}
    if not shown:
        return ""
    name_width = max(len(name) for name in shown)
    shape_width = max(len(str(spec.shape)) for spec in shown.values())
    lines = (f"  {n:<{name_width}}  {s.shape!s:<{shape_width}}  {s.dtype.name}  {s.device}" for n, s in shown.items())
    return "\n" + "\n".join(lines)
