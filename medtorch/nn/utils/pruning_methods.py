"""Which numbers of a tensor are cut: the methods behind medtorch.nn.utils.prune.

Source    semantics of torch.nn.utils.prune.BasePruningMethod and its subclasses
Requires  REQ-F-NN-014
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, DimError, ModuleTypeError, ShapeError, UnsupportedError
from medtorch.nn.modules.module import Module
from medtorch.nn.parameter import Parameter
from medtorch.nn.utils._hooked import set_plain


class BasePruningMethod:
    """A hook that computes `name` from `name`_orig and `name`_mask before every call.

    Derive, set PRUNING_TYPE ("unstructured", "structured" with a `dim`, or "global"), write compute_mask.
    """

    PRUNING_TYPE: ClassVar[str] = "unstructured"
    _tensor_name: str

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask: `default_mask` with zeros where `t` says that a number matters least."""
        raise UnsupportedError(f"{type(self).__name__} has no compute_mask")

    def __call__(self, module: Module, inputs: Any) -> None:
        set_plain(module, self._tensor_name, self.apply_mask(module))

    def apply_mask(self, module: Module) -> Tensor:
        """The tensor with what is cut at zero."""
        mask, original = (getattr(module, self._tensor_name + suffix) for suffix in ("_mask", "_orig"))
        return mask.to(original.dtype) * original  # type: ignore[no-any-return]

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """`t` pruned, without a module."""
        scores = _scores(t, importance_scores)
        return t * self.compute_mask(scores, t.new_ones(t.shape) if default_mask is None else default_mask)

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any
    ) -> BasePruningMethod:
        """Prune a parameter of `module`, on top of what has been pruned before."""
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        before = hook_of(module, name)
        current = getattr(module, name)
        scores = _scores(current, importance_scores)
        if before is None:
            default = current.detach().new_ones(current.shape)
        else:
            default = getattr(module, name + "_mask").detach().clone()
            method = (
                PruningContainer(*before[1], method)
                if isinstance(before[1], PruningContainer)
                else (PruningContainer(before[1], method))
            )
        mask = method.compute_mask(scores.detach(), default)
        if before is None:
            module.register_parameter(name + "_orig", current)
            del module._parameters[name]
        else:
            del module._forward_pre_hooks[before[0]]
        module.register_buffer(name + "_mask", mask)
        method(module, ())
        module.register_forward_pre_hook(method)
        return method

    def remove(self, module: Module) -> None:
        """Make the pruned tensor a parameter again; the same object as before."""
        name = self._tensor_name
        pruned, original = self.apply_mask(module).detach(), module._parameters[name + "_orig"]
        del module.__dict__[name], module._parameters[name + "_orig"], module._buffers[name + "_mask"]
        if isinstance(original, Parameter):
            original.data = pruned
        module.register_parameter(name, original)


class PruningContainer(BasePruningMethod):
    """Methods one after the other: each sees only what those before have left."""

    PRUNING_TYPE = "container"

    def __init__(self, *args: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Put a method behind the last. Raises ModuleTypeError or ArgumentError for one of another tensor."""
        if not isinstance(method, BasePruningMethod):
            raise ModuleTypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if self._pruning_methods and method._tensor_name != self._tensor_name:
            raise ArgumentError(
                f"Can only add pruning methods acting on the parameter named '{self._tensor_name}' to "
                f"PruningContainer. Found '{method._tensor_name}'"
            )
        self._tensor_name = method._tensor_name
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: int) -> BasePruningMethod:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """What the last method leaves of `default_mask`."""
        method, mask = self._pruning_methods[-1], default_mask.to(t.dtype)
        kind = method.PRUNING_TYPE
        if kind == "unstructured":
            left: Any = mask == 1
        elif kind == "structured":
            dim = method.dim % t.ndim  # type: ignore[attr-defined]
            alive = mask.sum([d for d in range(t.ndim) if d != dim]) != 0
            left = (slice(None),) * dim + (alive,)
        elif kind == "global":
            left = (slice(None),) * t.ndim
        else:
            raise ArgumentError(f"Unrecognized PRUNING_TYPE {kind}")
        combined = mask.clone()
        combined[left] = method.compute_mask(t[left], mask[left])
        return combined


class Identity(BasePruningMethod):
    """Cut nothing: makes the pruned form without pruning."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """`default_mask`."""
        return default_mask


class RandomUnstructured(BasePruningMethod):
    """Cut `amount` numbers (a count, or a share from 0 to 1) at random."""

    def __init__(self, amount: float) -> None:
        self.amount = _amount(amount)

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Zeros at random places."""
        return _without_least(default_mask, t.new_empty(t.shape).uniform_(), self.amount)


class L1Unstructured(BasePruningMethod):
    """Cut the `amount` numbers (a count, or a share from 0 to 1) nearest to zero."""

    def __init__(self, amount: float) -> None:
        self.amount = _amount(amount)

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Zeros where |t| is least."""
        return _without_least(default_mask, t.abs(), self.amount)


class RandomStructured(BasePruningMethod):
    """Cut `amount` whole slices along `dim` at random."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1) -> None:
        self.amount, self.dim = _amount(amount), dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Zeros in slices drawn at random."""
        _check_dim(t, self.dim)
        return _without_slices(default_mask, t.new_empty(t.shape[self.dim]).uniform_(), self.amount, self.dim)


class LnStructured(BasePruningMethod):
    """Cut the `amount` whole slices along `dim` of the least n-norm."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        self.amount, self.n, self.dim = _amount(amount), n, dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Zeros in the slices of the least norm."""
        _check_dim(t, self.dim)
        others = tuple(d for d in range(t.ndim) if d != self.dim % t.ndim)
        return _without_slices(default_mask, t.norm(self.n, others), self.amount, self.dim)


class CustomFromMask(BasePruningMethod):
    """Cut where a given mask is zero."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Both masks. Raises ShapeError for a mask of another shape."""
        if default_mask.shape != self.mask.shape:
            raise ShapeError(
                f"prune: the mask must have the tensor's shape {default_mask.shape}, got {self.mask.shape}"
            )
        return default_mask * self.mask.to(default_mask.dtype)


def hook_of(module: Module, name: str) -> tuple[int, BasePruningMethod] | None:
    """The pruning of a parameter and its number among the module's hooks, if it is pruned."""
    for number, hook in module._forward_pre_hooks.items():
        method = hook.function
        if isinstance(method, BasePruningMethod) and method._tensor_name == name:
            return number, method
    return None


def _scores(t: Tensor, given: Tensor | None) -> Tensor:
    if given is not None and given.shape != t.shape:
        raise ShapeError(f"importance_scores should have the same shape as parameter: {t.shape}, got {given.shape}")
    return t if given is None else given


def _amount(amount: float) -> float:
    if isinstance(amount, bool) or not isinstance(amount, (int, float)):
        raise ModuleTypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    if amount < 0 or (isinstance(amount, float) and amount > 1):
        raise ArgumentError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")
    return amount


def _count(amount: float, size: int) -> int:
    if isinstance(amount, int) and amount > size:
        raise ArgumentError(f"amount={amount} should be smaller than the number of parameters to prune={size}")
    return amount if isinstance(amount, int) else round(amount * size)


def _check_dim(t: Tensor, dim: int) -> None:
    if t.ndim < 2:
        raise ShapeError(
            "Structured pruning can only be applied to multidimensional tensors. "
            f"Found tensor of shape {tuple(t.shape)} with {t.ndim} dims"
        )
    if not -t.ndim <= dim < t.ndim:
        raise DimError(f"Invalid index {dim} for tensor of size {tuple(t.shape)}")


def _without_least(mask: Tensor, strength: Tensor, amount: float) -> Tensor:
    """`mask` with zeros where `strength` is least."""
    count = _count(amount, strength.numel())
    if not count:
        return mask
    least = strength.reshape(-1).argsort()[:count]
    return mask.reshape(-1).index_fill(0, least, 0).reshape(mask.shape)


def _without_slices(mask: Tensor, strength: Tensor, amount: float, dim: int) -> Tensor:
    """`mask` with zeros in the slices along `dim` whose `strength` is least."""
    count = _count(amount, strength.numel())
    return mask.index_fill(dim, strength.argsort()[:count], 0) if count else mask


Pairs = Iterable[tuple[Module, str]]
