"""Spectral norm as it was before parametrizations: the weight is computed by a hook before every call.

Source    Miyato et al. 2018, arXiv:1802.05957; semantics of torch.nn.utils.spectral_norm
Requires  REQ-F-NN-013
"""

from __future__ import annotations

from typing import Any

from medtorch.core.modes import no_grad
from medtorch.core.ops.least_squares import pinv
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.nn import functional as F
from medtorch.nn.modules.conv import _ConvTransposeNd
from medtorch.nn.modules.module import Module
from medtorch.nn.parameter import Parameter
from medtorch.nn.utils._hooked import removed, set_plain, weight_to_compute
from medtorch.nn.utils.parametrizations import _direction, as_matrix


class SpectralNorm:
    """The hook. In training each call goes one round of the power method further."""

    _version = 1

    def __init__(self, name: str = "weight", n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        if n_power_iterations <= 0:
            raise ArgumentError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.name, self.dim, self.n_power_iterations, self.eps = name, dim, n_power_iterations, eps

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Tensor:
        """The weight divided by u^T W v, about its largest singular value."""
        weight, u, v = (getattr(module, self.name + suffix) for suffix in ("_orig", "_u", "_v"))
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(F.normalize(matrix.T.mv(u), dim=0, eps=self.eps))
                    u.copy_(F.normalize(matrix.mv(v), dim=0, eps=self.eps))
        # copies: a second call before backward may change the buffers
        return weight / u.clone().dot(matrix.mv(v.clone()))  # type: ignore[no-any-return]

    def __call__(self, module: Module, inputs: Any) -> None:
        set_plain(module, self.name, self.compute_weight(module, module.training))

    def _write_version(self, module: Module, state_dict: Any, prefix: str, local_metadata: dict[str, Any]) -> None:
        local_metadata.setdefault("spectral_norm", {})[self.name + ".version"] = self._version

    def _read_old(
        self, state_dict: Any, prefix: str, local_metadata: dict[str, Any], strict: bool, missing: list[str], *_: Any
    ) -> None:
        """Before version 1 the computed weight was saved, and v was not: v is solved for."""
        version = local_metadata.get("spectral_norm", {}).get(self.name + ".version")
        key = prefix + self.name
        if version is not None and version >= 1:
            return
        if version is None and key not in state_dict and all(key + s in state_dict for s in ("_orig", "_u", "_v")):
            return  # made by hand, in today's form
        absent = [key + suffix for suffix in ("_orig", "", "_u") if key + suffix not in state_dict]
        if absent:
            missing.extend(absent if strict else ())
            return
        with no_grad():
            original, weight, u = state_dict[key + "_orig"], state_dict.pop(key), state_dict[key + "_u"]
            matrix = as_matrix(original, self.dim)
            v = (pinv(matrix.T @ matrix) @ matrix.T).mv(u)
            state_dict[key + "_v"] = v * ((original / weight).mean() / u.dot(matrix.mv(v)))


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """The weight as parameter `name`_orig, divided by its largest singular value before every call.

    Raises    ModuleError for a second one on the same weight; ArgumentError for no iteration, or a weight that is None
    """
    rows = (1 if isinstance(module, _ConvTransposeNd) else 0) if dim is None else dim
    weight = weight_to_compute(module, SpectralNorm, "spectral_norm", name)
    fn = SpectralNorm(name, n_power_iterations, rows, eps)
    matrix = as_matrix(weight.detach(), rows)
    del module._parameters[name]
    module.register_parameter(name + "_orig", weight)
    set_plain(module, name, weight.detach())
    module.register_buffer(name + "_u", _direction(matrix, matrix.shape[0], eps))
    module.register_buffer(name + "_v", _direction(matrix, matrix.shape[1], eps))
    module.register_forward_pre_hook(fn)
    module._register_state_dict_hook(fn._write_version)
    module._register_load_state_dict_pre_hook(fn._read_old)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight a parameter again, as it is now. Raises ArgumentError if there is no spectral norm."""
    fn: SpectralNorm = removed(module, SpectralNorm, "spectral_norm", name)
    with no_grad():
        weight = fn.compute_weight(module, do_power_iteration=False)
    del module.__dict__[name], module._parameters[name + "_orig"]
    for suffix in ("_u", "_v"):
        delattr(module, name + suffix)
    module.register_parameter(name, Parameter(weight.detach()))
    for hooks in (module._state_dict_hooks, module._load_state_dict_pre_hooks):
        for number, hook in list(hooks.items()):
            function = hook[0] if isinstance(hook, tuple) else hook
            if getattr(function, "__self__", None) is fn:
                del hooks[number]
    return module
