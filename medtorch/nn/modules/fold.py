"""Windows of images as columns, and back.

Source    semantics of torch.nn.Unfold, Fold
Requires  REQ-F-NN-005
"""

from __future__ import annotations

from medtorch.core.tensor import Tensor
from medtorch.nn import functional as F
from medtorch.nn.common_types import _size_any_t
from medtorch.nn.modules._new import shown
from medtorch.nn.modules.module import Module


class Unfold(Module):
    """Each window of an image as a column.

    Shapes    (N, C, H, W) -> (N, C kh kw, windows)
    """

    def __init__(
        self,
        kernel_size: _size_any_t,
        dilation: _size_any_t = 1,
        padding: _size_any_t = 0,
        stride: _size_any_t = 1,
    ) -> None:
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return shown(self, "kernel_size", "dilation", "padding", "stride")


class Fold(Module):
    """Columns added up to an image; where windows overlap, so do their numbers.

    Shapes    (N, C kh kw, windows) -> (N, C, *output_size)
    """

    def __init__(
        self,
        output_size: _size_any_t,
        kernel_size: _size_any_t,
        dilation: _size_any_t = 1,
        padding: _size_any_t = 0,
        stride: _size_any_t = 1,
    ) -> None:
        super().__init__()
        self.output_size, self.kernel_size = output_size, kernel_size
        self.dilation, self.padding, self.stride = dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return shown(self, "output_size", "kernel_size", "dilation", "padding", "stride")
