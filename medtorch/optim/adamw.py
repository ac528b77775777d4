"""AdamW: Adam whose weight decay stays out of the running means.

Source    Loshchilov & Hutter 2019, arXiv:1711.05101; semantics of torch.optim.AdamW
Requires  REQ-F-OPT-003
"""

from __future__ import annotations

from typing import Any

from medtorch.optim.adam import Adam
from medtorch.optim.optimizer import Params


class AdamW(Adam):
    """Adam with decoupled weight decay; see Adam for the rule."""

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize, capturable=capturable,
            differentiable=differentiable, fused=fused, decoupled_weight_decay=True,
        )  # fmt: skip

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As Optimizer's; weight decay stays decoupled, also where an older file does not say so."""
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
