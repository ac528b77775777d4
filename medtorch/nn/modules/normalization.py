"""Normalisation that needs no batch: over layers, groups, neighbouring channels.

Source    semantics of torch.nn.LayerNorm, GroupNorm, RMSNorm, LocalResponseNorm
Requires  REQ-F-NN-005
"""

from __future__ import annotations

from collections.abc import Sequence

from medtorch.core.dtypes import dtype as Dtype
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, ShapeError
from medtorch.nn import functional as F
from medtorch.nn import init
from medtorch.nn.modules._new import Device, parameter
from medtorch.nn.modules.module import Module
from medtorch.nn.parameter import Parameter


def _start(weight: Parameter | None, bias: Parameter | None) -> None:
    if weight is not None:
        init.ones_(weight)
    if bias is not None:
        init.zeros_(bias)


class LocalResponseNorm(Module):
    """Divide by the strength of `size` neighbouring channels (Krizhevsky et al. 2012).

    Math      y = x / (k + alpha / size * sum x^2)^beta
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(LocalResponseNorm):
    """LocalResponseNorm of images as Lua Torch's code in torch does it, to the letter.

    Math      y_c = x_c / (k + alpha / size * sum x^2)^beta over |i - c| < w, w = int((size - 1) / 2 + 1); from channel
              w on torch's running sum has kept channel 0, too: so it is here
    Raises    ShapeError unless the input has 4 dims
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__(size, alpha, beta, k)

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim != 4:
            raise ShapeError(f"CrossMapLRN2d: Expected input to be 4D, got {input.ndim}D instead.")
        channels, reach = input.shape[1], int((self.size - 1) / 2 + 1)
        squares = input * input
        padded = F.pad(squares, (0, 0, 0, 0, reach - 1, reach - 1))
        total = sum((padded[:, n : n + channels] for n in range(1, 2 * reach - 1)), padded[:, :channels])
        late = max(0, channels - reach)
        kept = F.pad(squares[:, :1].expand(-1, late, -1, -1), (0, 0, 0, 0, channels - late, 0))
        return input * ((total + kept) * (self.alpha / self.size) + self.k).pow(-self.beta)


class LayerNorm(Module):
    """Bring the last dims of each sample to mean 0 and variance 1, then scale and shift.

    Source    Ba et al. 2016, arXiv:1607.06450

    Shapes    (*, *normalized_shape) -> the same
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Device = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        shape = self.normalized_shape
        self.register_parameter("weight", parameter(shape, device, dtype) if elementwise_affine else None)
        self.register_parameter("bias", parameter(shape, device, dtype) if elementwise_affine and bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale one, shift zero."""
        _start(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class GroupNorm(Module):
    """Bring each group of channels of each sample to mean 0 and variance 1 (Wu & He 2018, arXiv:1803.08494).

    Raises    ArgumentError if num_groups does not divide num_channels
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Device = None,
        dtype: Dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ArgumentError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self.register_parameter("weight", parameter(num_channels, device, dtype) if affine else None)
        self.register_parameter("bias", parameter(num_channels, device, dtype) if affine and bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale one, shift zero."""
        _start(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        use_bias = self.bias is not None
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, bias={use_bias}"


class RMSNorm(Module):
    """Divide the last dims of each sample by their root mean square, then scale.

    Source    Zhang & Sennrich 2019, arXiv:1910.07467

    Math      y = x / sqrt(mean x^2 + eps) * weight; eps is the dtype's own where none is given
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Device = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self.register_parameter(
            "weight", parameter(self.normalized_shape, device, dtype) if elementwise_affine else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale one."""
        _start(self.weight, None)

    def forward(self, input: Tensor) -> Tensor:
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
