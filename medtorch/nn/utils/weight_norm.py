"""Weight norm as it was before parametrizations: the weight is computed by a hook before every call.

Source    Salimans & Kingma 2016, arXiv:1602.07868; semantics of torch.nn.utils.weight_norm
Requires  REQ-F-NN-013
"""

from __future__ import annotations

from typing import Any

from medtorch.core.tensor import Tensor
from medtorch.nn.modules.module import Module
from medtorch.nn.parameter import Parameter
from medtorch.nn.utils._hooked import removed, set_plain, weight_to_compute
from medtorch.nn.utils.parametrizations import norm_except_dim, weight_of


class WeightNorm:
    """The hook."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name, self.dim = name, -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Tensor:
        """g v / |v|."""
        return weight_of(getattr(module, self.name + "_g"), getattr(module, self.name + "_v"), self.dim)

    def __call__(self, module: Module, inputs: Any) -> None:
        set_plain(module, self.name, self.compute_weight(module))


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """The weight as parameters `name`_g (its length for each index of `dim`) and `name`_v (its direction).

    Raises    ModuleError for a second one on the same weight
    """
    weight = weight_to_compute(module, WeightNorm, "weight_norm", name)
    fn = WeightNorm(name, dim)
    del module._parameters[name]
    plain = weight.detach()
    module.register_parameter(name + "_g", Parameter(norm_except_dim(plain, 2, fn.dim)))
    module.register_parameter(name + "_v", Parameter(plain))
    fn(module, ())
    module.register_forward_pre_hook(fn)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight a parameter again, as it is now. Raises ArgumentError if there is no weight norm."""
    fn: WeightNorm = removed(module, WeightNorm, "weight_norm", name)
    weight = fn.compute_weight(module).detach()
    del module.__dict__[name], module._parameters[name + "_g"], module._parameters[name + "_v"]
    module.register_parameter(name, Parameter(weight))
    return module
