"""DataParallel on one device: the module itself, its keys under "module.".

Source    semantics of torch.nn.DataParallel
Requires  REQ-F-NN-004
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medtorch.errors import UnsupportedError
from medtorch.nn.modules.module import Module


class DataParallel(Module):
    """Call `module`; batches are not split, as there is one device.

    Raises    UnsupportedError for several devices
    """

    def __init__(
        self, module: Module, device_ids: Sequence[Any] | None = None, output_device: Any = None, dim: int = 0
    ) -> None:
        super().__init__()
        if device_ids is not None and len(device_ids) > 1:
            raise UnsupportedError(f"DataParallel: several devices are not supported, got device_ids={device_ids}")
        self.module, self.dim = module, dim
        self.device_ids = list(device_ids or [])
        self.output_device = output_device

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        out = self.module(*inputs, **kwargs)
        return out if self.output_device is None else out.to(self.output_device)


class DistributedDataParallel(Module):
    """Not supported: there are no process groups. Raises UnsupportedError on construction."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise UnsupportedError("DistributedDataParallel is not supported: there are no process groups")
