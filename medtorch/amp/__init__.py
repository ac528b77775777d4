"""torch.amp's names: autocast, which runs some functions in fewer bits, and GradScaler, which keeps gradients in range.

Source    semantics of torch.amp; Micikevicius et al. 2018, arXiv:1710.03740
Requires  REQ-F-AMP-001
"""

from __future__ import annotations

from medtorch.amp import autocast_mode, grad_scaler
from medtorch.amp.autocast_mode import autocast, custom_bwd, custom_fwd, is_autocast_available
from medtorch.amp.grad_scaler import GradScaler

__all__ = [
    "GradScaler",
    "autocast",
    "autocast_mode",
    "custom_bwd",
    "custom_fwd",
    "grad_scaler",
    "is_autocast_available",
]
