"""Networks made thinner: numbers, or whole slices, of parameters set to zero by a mask.

A pruned parameter `weight` is kept as parameter `weight_orig` and buffer `weight_mask`; `weight` is their product.

Source    semantics of torch.nn.utils.prune
Requires  REQ-F-NN-014
"""

from __future__ import annotations

from typing import Any

from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, ModuleTypeError
from medtorch.nn.modules.module import Module
from medtorch.nn.utils.pruning_methods import BasePruningMethod as BasePruningMethod
from medtorch.nn.utils.pruning_methods import CustomFromMask as CustomFromMask
from medtorch.nn.utils.pruning_methods import Identity as Identity
from medtorch.nn.utils.pruning_methods import L1Unstructured as L1Unstructured
from medtorch.nn.utils.pruning_methods import LnStructured as LnStructured
from medtorch.nn.utils.pruning_methods import Pairs, hook_of
from medtorch.nn.utils.pruning_methods import PruningContainer as PruningContainer
from medtorch.nn.utils.pruning_methods import RandomStructured as RandomStructured
from medtorch.nn.utils.pruning_methods import RandomUnstructured as RandomUnstructured


def identity(module: Module, name: str) -> Module:
    """The pruned form, without pruning."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: float) -> Module:
    """Cut `amount` numbers (a count, or a share) at random."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Module, name: str, amount: float, importance_scores: Tensor | None = None) -> Module:
    """Cut the `amount` numbers (a count, or a share) of the least magnitude, or of the least score."""
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: float, dim: int) -> Module:
    """Cut `amount` slices (a count, or a share) along `dim` at random."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Module, name: str, amount: float, n: Any, dim: int, importance_scores: Tensor | None = None
) -> Module:
    """Cut the `amount` slices (a count, or a share) along `dim` of the least n-norm."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Cut where `mask` is zero."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Pairs,
    pruning_method: type[BasePruningMethod],
    importance_scores: dict[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune several parameters as if they were one vector.

    Raises    ModuleTypeError for a method that is not unstructured; ArgumentError for no parameters
    """
    pairs, scores = list(parameters), importance_scores or {}
    if not pairs:
        raise ArgumentError("global_unstructured: got no parameters")
    method = pruning_method(**kwargs)
    method._tensor_name = "temp"
    if method.PRUNING_TYPE != "unstructured":
        raise ModuleTypeError(
            f"Only 'unstructured' PRUNING_TYPE supported for the `pruning_method`. "
            f"Found method {pruning_method} of type {method.PRUNING_TYPE}"
        )
    tensors = [scores.get((module, name), getattr(module, name)).detach() for module, name in pairs]
    masks = [
        getattr(module, name + "_mask", tensor.new_ones(tensor.shape))
        for (module, name), tensor in zip(pairs, tensors, strict=True)
    ]
    flat = [cat([x.reshape(-1) for x in parts]) for parts in (tensors, masks)]
    mask = PruningContainer(method).compute_mask(*flat)
    pieces = mask.split([tensor.numel() for tensor in tensors])
    for (module, name), tensor, piece in zip(pairs, tensors, pieces, strict=True):
        custom_from_mask(module, name, piece.reshape(tensor.shape))


def remove(module: Module, name: str) -> Module:
    """Make the pruning final: the parameter is a parameter again, its zeros its own.

    Raises    ArgumentError for a parameter that is not pruned
    """
    known = hook_of(module, name)
    if known is None:
        raise ArgumentError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")
    known[1].remove(module)
    del module._forward_pre_hooks[known[0]]
    return module


def is_pruned(module: Module) -> bool:
    """Whether anything inside is pruned."""
    return any(
        isinstance(hook.function, BasePruningMethod)
        for inner in module.modules()
        for hook in inner._forward_pre_hooks.values()
    )
