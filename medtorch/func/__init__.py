"""torch.func's names: transforms of functions of tensors, which may be nested in any order.

Source    semantics of torch.func
Requires  REQ-F-AUT-010, REQ-F-AUT-011
"""

from __future__ import annotations

from medtorch.func.batches import vmap
from medtorch.func.gradients import grad, grad_and_value, jvp, linearize, vjp
from medtorch.func.jacobians import hessian, jacfwd, jacrev
from medtorch.func.modules import functional_call, stack_module_state

__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "stack_module_state",
    "vjp",
    "vmap",
]
