"""PyTorch source code, unmodified, on medtorch.

    with medtorch.compat.as_torch():
        from torchvision.models import resnet18       # its `import torch` means medtorch
        model = resnet18()

    with medtorch.compat.as_torch(load="nets/unet.py") as unet:
        model = unet.UNet(3, 1)

    python -m medtorch.compat train.py --epochs 2

Requires  REQ-F-CPT-001
"""

from __future__ import annotations

from medtorch.compat.world import as_torch

__all__ = ["as_torch"]
