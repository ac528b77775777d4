"""Optimizer: parameters in groups, a state a parameter, one step after another.

Source    semantics of torch.optim.Optimizer; the state_dict has its form, so that either reads what the other wrote
Requires  REQ-F-OPT-001
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from medtorch.core import dtypes
from medtorch.core.handles import RemovableHandle
from medtorch.core.modes import enable_grad, no_grad
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, ModuleTypeError, StateDictError, UnsupportedError

Group = dict[str, Any]
Params = Iterable[Tensor] | Iterable[Group] | Iterable[tuple[str, Tensor]]
Closure = Callable[[], Any]

# torch's switches between implementations of the same rule. Ours are the plain loop over parameters and, for some
# rules, one kernel call over all of them, which gives the same bits.
_SWITCHES = ("foreach", "fused", "capturable", "differentiable")


# What the optimizers here keep in the shape of its parameter.
_SHAPED = (
    "momentum_buffer",
    "exp_avg",
    "exp_avg_sq",
    "max_exp_avg_sq",
    "square_avg",
    "grad_avg",
    "acc_delta",
    "sum",
    "exp_inf",
    "prev",
    "step_size",
    "ax",
    "variance",
)


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


class Optimizer:
    """Base of all optimizers: derive, give `defaults`, write `_update` (or `step`).

    `params` are parameters, named parameters, or groups of them as dictionaries with options of their own.

    Raises    ArgumentError for no parameters, computed tensors, a parameter in two groups, a missing option;
              UnsupportedError for a switch of torch's that would mean another implementation
    """

    _accepted: ClassVar[tuple[str, ...]] = ()
    """Which of torch's switches mean something here: "foreach" and "fused" where one call moves all parameters."""

    def __init__(self, params: Params, defaults: Group) -> None:
        self.defaults = defaults
        self._init_hooks()
        if isinstance(params, Tensor):
            raise ModuleTypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got Tensor"
            )
        self.state: defaultdict[Any, Any] = defaultdict(dict)
        self.param_groups: list[Group] = []
        every: list[Any] = list(params)
        if not every:
            raise ArgumentError("optimizer got an empty parameter list")
        for group in every if isinstance(every[0], dict) else [{"params": every}]:
            self.add_param_group(group)

    def _init_hooks(self) -> None:
        self._step_pre_hooks: dict[int, Callable[..., Any]] = {}
        self._step_post_hooks: dict[int, Callable[..., Any]] = {}
        self._state_dict_pre_hooks: dict[int, Callable[..., Any]] = {}
        self._state_dict_post_hooks: dict[int, Callable[..., Any]] = {}
        self._load_state_dict_pre_hooks: dict[int, Callable[..., Any]] = {}
        self._load_state_dict_post_hooks: dict[int, Callable[..., Any]] = {}
        self._steps_taken = 0

    def __init_subclass__(cls) -> None:
        """A step that a subclass writes calls the hooks, too."""
        if "step" in cls.__dict__:
            cls.step = _hooked(cls.__dict__["step"])  # type: ignore[method-assign]

    def __repr__(self) -> str:
        text = type(self).__name__ + " ("
        for nr, group in enumerate(self.param_groups):
            text += f"\nParameter Group {nr}\n"
            text += "".join(f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params")
        return text + ")"

    # -- groups -------------------------------------------------------------------------------------------------------

    def add_param_group(self, param_group: Group) -> None:
        """Take in more parameters, with options of their own."""
        if not isinstance(param_group, dict):
            raise ModuleTypeError(f"param_group must be a dict, but got {type(param_group).__name__}")
        params, names = _separated(param_group["params"])
        group = param_group
        group["params"] = params
        if names:
            group["param_names"] = names
        for name, default in self.defaults.items():
            if default is required and name not in group:
                raise ArgumentError(f"parameter group didn't specify a value of required optimization parameter {name}")
            group.setdefault(name, default)
        self._check_group(group)
        refuse_switches(type(self).__name__, group, self._accepted)
        self.param_groups.append(group)

    def _check_group(self, group: Group) -> None:
        for param in group["params"]:
            if not isinstance(param, Tensor):
                raise ModuleTypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {type(param).__name__}"
                )
            if not (param.is_leaf or param.retains_grad):
                raise ArgumentError("can't optimize a non-leaf Tensor")
        ids = [id(param) for param in group["params"]]
        if len(set(ids)) != len(ids):
            raise ArgumentError(
                "optimizer contains a parameter group with duplicate parameters: "
                "a parameter appears twice in one parameter group"
            )
        for other in self.param_groups:
            if ("param_names" in group) != ("param_names" in other):
                raise ArgumentError(
                    "all optimizer param groups should be with/without names. "
                    f"cannot add param group {'with' if 'param_names' in group else 'without'} names to the optimizer"
                )
            if not set(ids).isdisjoint(id(param) for param in other["params"]):
                raise ArgumentError("some parameters appear in more than one parameter group")

    # -- steps --------------------------------------------------------------------------------------------------------

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradient of every parameter, or fill it with zeros."""
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is not None:
                    param.grad = None if set_to_none else param.grad.detach().zero_()

    def step(self, closure: Closure | None = None) -> Any:
        """Move every parameter that has a gradient. `closure` computes the loss anew, which is given back."""
        raise NotImplementedError

    def _step(self, closure: Closure | None) -> Any:
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad():
            for group in self.param_groups:
                plain = {**group, "lr": number(group["lr"])} if isinstance(group.get("lr"), Tensor) else group
                moved = [param for param in group["params"] if param.grad is not None]
                for param in self._update_together(moved, plain):
                    if param.grad is not None:
                        self._update(param, param.grad, plain)
        return loss

    def _update_together(self, params: list[Tensor], group: Group) -> list[Tensor]:
        """Move those that one kernel call can move with the same numbers as `_update`; give back the others."""
        return params

    def _update(self, param: Tensor, grad: Tensor, group: Group) -> None:
        """Move one parameter in place."""
        raise NotImplementedError

    # -- state --------------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """State and options, parameters as numbers in the order in which they came. Shares memory."""
        for hook in list(self._state_dict_pre_hooks.values()):
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for param in group["params"]:
                numbers[id(param)] = len(numbers)
            groups.append(
                {
                    **{k: v for k, v in group.items() if k != "params"},
                    "params": [numbers[id(p)] for p in group["params"]],
                }
            )
        state = {numbers[id(key)] if isinstance(key, Tensor) else key: value for key, value in self.state.items()}
        found: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in list(self._state_dict_post_hooks.values()):
            found = hook(self, found) or found
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take state and options from what state_dict gave; tensors go to the device and dtype of their parameter.

        Raises    StateDictError where groups or their sizes differ, or a tensor has not the shape of its parameter
        """
        given = dict(state_dict)
        for hook in list(self._load_state_dict_pre_hooks.values()):
            given = hook(self, given) or given
        if missing := [key for key in ("state", "param_groups") if key not in given]:
            raise StateDictError(f"loaded state dict has no {' and no '.join(missing)}")
        groups = [dict(group) for group in given["param_groups"]]
        owners = self._matched(groups)
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in given["state"].items():
            state[owners.get(key, key)] = _fitted(owners[key], value) if key in owners else value
        for own, new in zip(self.param_groups, groups, strict=True):
            refuse_switches(type(self).__name__, new, self._accepted)
            new["params"] = own["params"]
            if "param_names" in own:
                new.setdefault("param_names", own["param_names"])
            for name, default in self.defaults.items():
                new.setdefault(name, default)  # an option that is younger than the file
        self.state, self.param_groups = state, groups
        for hook in list(self._load_state_dict_post_hooks.values()):
            hook(self)

    def _matched(self, groups: list[Group]) -> dict[Any, Tensor]:
        """Which parameter each number in the file means."""
        if len(groups) != len(self.param_groups):
            raise StateDictError(
                f"loaded state dict has a different number of parameter groups: {len(groups)}, "
                f"here {len(self.param_groups)}"
            )
        owners: dict[Any, Tensor] = {}
        for nr, (own, new) in enumerate(zip(self.param_groups, groups, strict=True)):
            if len(own["params"]) != len(new["params"]):
                raise StateDictError(
                    f"loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                    f"group {nr} has {len(new['params'])} parameters, here {len(own['params'])}"
                )
            owners.update(zip(new["params"], own["params"], strict=True))
        return owners

    # -- hooks --------------------------------------------------------------------------------------------------------

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step; it may give back other (args, kwargs)."""
        return RemovableHandle(self._step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return RemovableHandle(self._step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` before state_dict."""
        return RemovableHandle(self._state_dict_pre_hooks, hook, first=prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` after; it may give back another."""
        return RemovableHandle(self._state_dict_post_hooks, hook, first=prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` before loading; it may give back another."""
        return RemovableHandle(self._load_state_dict_pre_hooks, hook, first=prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` after loading."""
        return RemovableHandle(self._load_state_dict_post_hooks, hook, first=prepend)


_BEFORE_EVERY_STEP: dict[int, Callable[..., Any]] = {}
_AFTER_EVERY_STEP: dict[int, Callable[..., Any]] = {}


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` before each step of any optimizer; it may give back other (args, kwargs)."""
    return RemovableHandle(_BEFORE_EVERY_STEP, hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` after each step of any optimizer."""
    return RemovableHandle(_AFTER_EVERY_STEP, hook)


def _hooked(step: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(step)
    def wrapper(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        for hook in [*_BEFORE_EVERY_STEP.values(), *self._step_pre_hooks.values()]:
            changed = hook(self, (self, *args), kwargs)
            if changed is not None:
                if not (isinstance(changed, tuple) and len(changed) == 2):
                    raise ArgumentError(
                        f"a step pre-hook must return None or a tuple of (new_args, new_kwargs), but got {changed}."
                    )
                (_, *args), kwargs = changed
        loss = step(self, *args, **kwargs)
        self._steps_taken += 1
        for hook in [*self._step_post_hooks.values(), *_AFTER_EVERY_STEP.values()]:
            hook(self, (self, *args), kwargs)
        return loss

    return wrapper


def _separated(params: Any) -> tuple[list[Tensor], list[str]]:
    """Tensors, and names where they are named. Raises ArgumentError where some are and some are not."""
    if isinstance(params, Tensor):
        return [params], []
    if isinstance(params, set):
        raise ModuleTypeError("optimizer parameters need an order, which a set has not; use a list instead")
    every = list(params)
    named = [param for param in every if isinstance(param, tuple)]
    if named and len(named) != len(every):
        raise ArgumentError("all optimizer params should be with/without names. Some param names are missing")
    return [param[1] for param in named] if named else every, [param[0] for param in named]


def refuse_switches(name: str, group: Group, accepted: tuple[str, ...] = ()) -> None:
    """Raise UnsupportedError for a switch of torch's that would mean another implementation than ours."""
    if group.get("foreach") and group.get("fused"):
        raise ArgumentError(f"{name}: foreach and fused cannot both be True")
    for switch in _SWITCHES:
        if group.get(switch) and switch not in accepted:
            raise UnsupportedError(f"{name}: {switch}={group[switch]!r} is not supported")


def check_numbers(name: str, **numbers: Any) -> None:
    """Raise UnsupportedError for a tensor other than lr, ArgumentError for a number below 0."""
    for what, value in numbers.items():
        if isinstance(value, Tensor) and what != "lr":
            raise UnsupportedError(f"{name}: {what} as a tensor is not supported; use a number")
        if isinstance(value, Tensor) and value.numel() != 1:
            raise ArgumentError(f"{name}: Tensor lr must be 1-element, got shape {tuple(value.shape)}")
        if not number(value) >= 0:
            raise ArgumentError(f"{name}: {what} must not be negative, got {value}. Invalid {what} value: {value}")


def number(value: Any) -> float:
    """The learning rate, which may be a tensor of one element, as a number."""
    return value.item() if isinstance(value, Tensor) else value  # type: ignore[no-any-return]


def new_step(param: Tensor) -> Tensor:
    """The count of steps, as torch keeps it: a 0-d float on the CPU, exact up to 2^24 steps."""
    wanted = dtypes.float64 if dtypes.get_default_dtype() is dtypes.float64 else dtypes.float32
    return param.new_tensor(0.0, dtype=wanted, device="cpu")


def counted(state: dict[str, Any]) -> int:
    """One step more."""
    before = state["step"]
    state["step"] = before._made(before._array + 1, before.device)
    return int(state["step"].item())


def _fitted(param: Tensor, value: Any, name: str = "") -> Any:
    """`value` with its tensors on the device and in the dtype of `param`; the count of steps stays as it is."""
    if name == "step":  # a number before PyTorch 1.12
        return value.detach().clone() if isinstance(value, Tensor) else new_step(param).add_(value)
    if isinstance(value, Tensor):
        if name in _SHAPED and value.shape != param.shape:
            raise StateDictError(
                f"loaded optimizer state {name!r} has shape {value.shape}, its parameter {param.shape}"
            )
        wanted = param.dtype if param.is_floating_point() else value.dtype
        return value.detach().to(device=param.device, dtype=wanted, copy=True)
    if isinstance(value, dict):
        return {key: _fitted(param, inside, key) for key, inside in value.items()}
    if isinstance(value, list):
        return [_fitted(param, inside) for inside in value]
    return value
