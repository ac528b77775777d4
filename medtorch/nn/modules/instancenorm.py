"""Instance normalisation.

Source    Ulyanov et al. 2016, arXiv:1607.08022; semantics of torch.nn.InstanceNorm1d-3d
Requires  REQ-F-NN-005
"""

from __future__ import annotations

from typing import Any

from medtorch.core.dtypes import dtype as Dtype
from medtorch.core.tensor import Tensor
from medtorch.errors import ShapeError
from medtorch.nn import functional as F
from medtorch.nn.modules._new import Device
from medtorch.nn.modules.batchnorm import _NormBase


class _InstanceNorm(_NormBase):
    """Bring each channel of each sample to mean 0 and variance 1, then scale and shift if `affine`.

    Raises    ShapeError for the wrong number of dims, or, if `affine`, of channels
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Device = None,
        dtype: Dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _get_no_batch_dim(self) -> int:
        raise NotImplementedError

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        single = input.ndim == self._get_no_batch_dim()
        channels = input.shape[0 if single else 1]
        if self.affine and channels != self.num_features:
            raise ShapeError(
                f"{type(self).__name__}: expected {self.num_features} channels, got {channels} in {input.shape}"
            )
        normed = F.instance_norm(
            input.unsqueeze(0) if single else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return normed.squeeze(0) if single else normed

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing: list[str],
        unexpected: list[str],
        errors: list[str],
    ) -> None:
        # PyTorch before 0.4.0 kept running statistics where none were asked for; today's module has no place for them.
        if local_metadata.get("version") is None and not self.track_running_stats:
            found = [prefix + name for name in ("running_mean", "running_var") if prefix + name in state_dict]
            if found:
                errors.append(
                    f"Unexpected running stats buffer(s) {' and '.join(map(repr, found))} for {type(self).__name__} "
                    "with track_running_stats=False. If they belong to a checkpoint of PyTorch before 0.4.0, set "
                    "track_running_stats=True or remove these keys from the state_dict."
                )
                for key in found:
                    state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing, unexpected, errors)


def _expect(input: Tensor, dims: tuple[int, int], name: str) -> None:
    if input.ndim not in dims:
        raise ShapeError(f"{name}: expected {dims[0]}D or {dims[1]}D input (got {input.ndim}D input)")


class InstanceNorm1d(_InstanceNorm):
    """Instance norm of signals.

    Shapes    (N, C, L) or (C, L) -> the same
    """

    def _get_no_batch_dim(self) -> int:
        return 2

    def _check_input_dim(self, input: Tensor) -> None:
        _expect(input, (2, 3), "InstanceNorm1d")


class InstanceNorm2d(_InstanceNorm):
    """Instance norm of images.

    Shapes    (N, C, H, W) or (C, H, W) -> the same
    """

    def _get_no_batch_dim(self) -> int:
        return 3

    def _check_input_dim(self, input: Tensor) -> None:
        _expect(input, (3, 4), "InstanceNorm2d")


class InstanceNorm3d(_InstanceNorm):
    """Instance norm of volumes.

    Shapes    (N, C, D, H, W) or (C, D, H, W) -> the same
    """

    def _get_no_batch_dim(self) -> int:
        return 4

    def _check_input_dim(self, input: Tensor) -> None:
        _expect(input, (4, 5), "InstanceNorm3d")
