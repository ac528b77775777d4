"""Maximum pooling with windows at random distances.

Source    Graham 2014, arXiv:1412.6071; semantics of torch.nn.FractionalMaxPool2d, FractionalMaxPool3d
Requires  REQ-F-NN-005
"""

from __future__ import annotations

from typing import Any

from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.nn import functional as F
from medtorch.nn.common_types import _ratio_2_t, _ratio_3_t, _size_2_t, _size_3_t
from medtorch.nn.modules.module import Module
from medtorch.nn.modules.utils import _pair, _triple


class _FractionalMaxPool(Module):
    """What both share. Raises ArgumentError for neither or both of output size and ratio."""

    _random_samples: Tensor | None

    def __init__(
        self,
        kernel_size: tuple[int, ...],
        output_size: tuple[int, ...] | None,
        output_ratio: tuple[float, ...] | None,
        return_indices: bool,
        samples: Tensor | None,
    ) -> None:
        super().__init__()
        name = self._get_name()
        if output_size is None and output_ratio is None:
            raise ArgumentError(f"{name} requires specifying either an output size, or a pooling ratio")
        if output_size is not None and output_ratio is not None:
            raise ArgumentError(f"{name}: only one of output_size and output_ratio may be specified")
        if output_ratio is not None and not all(0 < ratio < 1 for ratio in output_ratio):
            raise ArgumentError(f"{name}: output_ratio must be between 0 and 1 (got {output_ratio})")
        self.kernel_size, self.return_indices = kernel_size, return_indices
        self.register_buffer("_random_samples", samples)
        self.output_size, self.output_ratio = output_size, output_ratio


class FractionalMaxPool2d(_FractionalMaxPool):
    """The greatest number of windows whose places are drawn anew in every call.

    Shapes    (N, C, H, W) or (C, H, W) -> output_size, or output_ratio of H and W
    """

    def __init__(
        self,
        kernel_size: _size_2_t,
        output_size: _size_2_t | None = None,
        output_ratio: _ratio_2_t | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        size, ratio = (None if x is None else _pair(x) for x in (output_size, output_ratio))
        super().__init__(_pair(kernel_size), size, ratio, return_indices, _random_samples)

    def forward(self, input: Tensor) -> Any:
        return F.fractional_max_pool2d(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples
        )


class FractionalMaxPool3d(_FractionalMaxPool):
    """The greatest number of windows whose places are drawn anew in every call.

    Shapes    (N, C, D, H, W) or (C, D, H, W) -> output_size, or output_ratio of D, H and W
    """

    def __init__(
        self,
        kernel_size: _size_3_t,
        output_size: _size_3_t | None = None,
        output_ratio: _ratio_3_t | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        size, ratio = (None if x is None else _triple(x) for x in (output_size, output_ratio))
        super().__init__(_triple(kernel_size), size, ratio, return_indices, _random_samples)

    def forward(self, input: Tensor) -> Any:
        return F.fractional_max_pool3d(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples
        )
