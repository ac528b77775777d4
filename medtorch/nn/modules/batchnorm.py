"""Batch normalisation.

Source    Ioffe & Szegedy 2015, arXiv:1502.03167; semantics of torch.nn.BatchNorm1d-3d
Requires  REQ-F-NN-005
"""

from __future__ import annotations

from typing import Any

from medtorch.core.dtypes import dtype as Dtype
from medtorch.core.stepping import count_one
from medtorch.core.tensor import Tensor
from medtorch.errors import ShapeError, UnsupportedError
from medtorch.nn import functional as F
from medtorch.nn import init
from medtorch.nn.modules._new import Device, count, full, parameter
from medtorch.nn.modules.module import Module
from medtorch.nn.parameter import Parameter


class _NormBase(Module):
    """What batch and instance norm share: a scale and a shift a channel, and running statistics."""

    _version = 2

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Device = None,
        dtype: Dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.register_parameter("weight", parameter(num_features, device, dtype) if affine else None)
        self.register_parameter("bias", parameter(num_features, device, dtype) if affine and bias else None)
        tracked = track_running_stats
        self.register_buffer("running_mean", full(num_features, 0, device, dtype) if tracked else None)
        self.register_buffer("running_var", full(num_features, 1, device, dtype) if tracked else None)
        self.register_buffer("num_batches_tracked", count(device) if tracked else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the statistics seen so far."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Forget the statistics; scale one, shift zero."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _check_input_dim(self, input: Tensor) -> None:
        raise NotImplementedError

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: dict[str, Any], *args: Any) -> None:
        # PyTorch before 0.4.1 counted no batches; its files name no version, or 1.
        if (local_metadata.get("version") or 1) < 2 and self.num_batches_tracked is not None:
            state_dict.setdefault(prefix + "num_batches_tracked", self.num_batches_tracked)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)


class _BatchNorm(_NormBase):
    """Bring each channel to mean 0 and variance 1 over the batch, then scale and shift.

    Math      y = (x - mean) / sqrt(var + eps) * weight + bias; the running statistics follow with `momentum`
              (None: the plain mean over all batches), their variance taken with N - 1
    """

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        momentum = self._count_batch()
        use_batch = self.training or (self.running_mean is None and self.running_var is None)
        keep = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if keep else None,
            self.running_var if keep else None,
            self.weight,
            self.bias,
            use_batch,
            momentum,
            self.eps,
        )

    def _count_batch(self) -> float:
        """One batch more in training; the weight it has in the running statistics."""
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            if not count_one(self.num_batches_tracked):
                self.num_batches_tracked.add_(1)
            if self.momentum is None:
                return 1.0 / float(self.num_batches_tracked.item())
        return 0.0 if self.momentum is None else self.momentum


class BatchNorm1d(_BatchNorm):
    """Batch norm of features or signals.

    Shapes    (N, C) or (N, C, L) -> the same
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in (2, 3):
            raise ShapeError(f"BatchNorm1d: expected 2D or 3D input (got {input.ndim}D input)")


class BatchNorm2d(_BatchNorm):
    """Batch norm of images.

    Shapes    (N, C, H, W) -> the same
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim != 4:
            raise ShapeError(f"BatchNorm2d: expected 4D input (got {input.ndim}D input)")


class BatchNorm3d(_BatchNorm):
    """Batch norm of volumes.

    Shapes    (N, C, D, H, W) -> the same
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim != 5:
            raise ShapeError(f"BatchNorm3d: expected 5D input (got {input.ndim}D input)")


class SyncBatchNorm(_BatchNorm):
    """Batch norm over the batches of all processes of a distributed run; of a run of one process, BatchNorm.

    medtorch runs no process groups yet: the statistics are those of this process, and a group is refused.

    Raises    UnsupportedError if a process group is given
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Device = None,
        dtype: Dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        if process_group is not None:
            raise UnsupportedError("SyncBatchNorm: process_group is not supported; statistics are those of one process")
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = None

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise ShapeError(f"SyncBatchNorm: expected at least 2D input (got {input.ndim}D input)")

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """`module` with every batch norm inside replaced by a SyncBatchNorm of the same parameters and statistics."""
        out = module
        if isinstance(module, _BatchNorm):
            out = cls(
                module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats,
                process_group, bias=module.bias is not None,
            )  # fmt: skip
            out.weight, out.bias = module.weight, module.bias
            out.running_mean, out.running_var = module.running_mean, module.running_var
            out.num_batches_tracked, out.training = module.num_batches_tracked, module.training
        for name, child in module.named_children():
            out.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return out
