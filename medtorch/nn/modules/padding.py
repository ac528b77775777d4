"""Padding: numbers around an input, by their kind.

Source    semantics of torch.nn's padding layers
Requires  REQ-F-NN-005
"""

from __future__ import annotations

from typing import Any

from medtorch.core.tensor import Tensor
from medtorch.nn import functional as F
from medtorch.nn.common_types import _size_2_t, _size_4_t, _size_6_t
from medtorch.nn.modules.module import Module
from medtorch.nn.modules.utils import _ntuple, _pair, _quadruple


class _ConstantPadNd(Module):
    """One number all around."""

    padding: Any
    value: float

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ReflectionPadNd(Module):
    """The input mirrored at its edges, which are not repeated."""

    padding: Any

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "reflect")

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ReplicationPadNd(Module):
    """The edges of the input repeated."""

    padding: Any

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "replicate")

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _CircularPadNd(Module):
    """The input over again, from its other end."""

    padding: Any

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "circular")

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad1d(_ConstantPadNd):
    """One number all around a signal."""

    def __init__(self, padding: _size_2_t, value: float) -> None:
        super().__init__()
        self.padding, self.value = _pair(padding), value


class ConstantPad2d(_ConstantPadNd):
    """One number all around an image."""

    def __init__(self, padding: _size_4_t, value: float) -> None:
        super().__init__()
        self.padding, self.value = _quadruple(padding), value


class ConstantPad3d(_ConstantPadNd):
    """One number all around a volume."""

    def __init__(self, padding: _size_6_t, value: float) -> None:
        super().__init__()
        self.padding, self.value = _ntuple(padding, 6), value


class ZeroPad1d(ConstantPad1d):
    """Zeros all around a signal."""

    def __init__(self, padding: _size_2_t) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    """Zeros all around an image."""

    def __init__(self, padding: _size_4_t) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    """Zeros all around a volume."""

    def __init__(self, padding: _size_6_t) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ReflectionPad1d(_ReflectionPadNd):
    """A signal mirrored at its edges."""

    def __init__(self, padding: _size_2_t) -> None:
        super().__init__()
        self.padding = _pair(padding)


class ReflectionPad2d(_ReflectionPadNd):
    """An image mirrored at its edges."""

    def __init__(self, padding: _size_4_t) -> None:
        super().__init__()
        self.padding = _quadruple(padding)


class ReflectionPad3d(_ReflectionPadNd):
    """A volume mirrored at its edges."""

    def __init__(self, padding: _size_6_t) -> None:
        super().__init__()
        self.padding = _ntuple(padding, 6)


class ReplicationPad1d(_ReplicationPadNd):
    """A signal with its edges repeated."""

    def __init__(self, padding: _size_2_t) -> None:
        super().__init__()
        self.padding = _pair(padding)


class ReplicationPad2d(_ReplicationPadNd):
    """An image with its edges repeated."""

    def __init__(self, padding: _size_4_t) -> None:
        super().__init__()
        self.padding = _quadruple(padding)


class ReplicationPad3d(_ReplicationPadNd):
    """A volume with its edges repeated."""

    def __init__(self, padding: _size_6_t) -> None:
        super().__init__()
        self.padding = _ntuple(padding, 6)


class CircularPad1d(_CircularPadNd):
    """A signal over again from its other end."""

    def __init__(self, padding: _size_2_t) -> None:
        super().__init__()
        self.padding = _pair(padding)


class CircularPad2d(_CircularPadNd):
    """An image over again from its other end."""

    def __init__(self, padding: _size_4_t) -> None:
        super().__init__()
        self.padding = _quadruple(padding)


class CircularPad3d(_CircularPadNd):
    """A volume over again from its other end."""

    def __init__(self, padding: _size_6_t) -> None:
        super().__init__()
        self.padding = _ntuple(padding, 6)
