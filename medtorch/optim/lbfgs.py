"""L-BFGS.

Source    Nocedal 1980, Math. Comp. 35(151), 773-782; semantics of torch.optim.LBFGS
Requires  REQ-F-OPT-008
"""

from __future__ import annotations

from typing import Any

from medtorch.core.modes import enable_grad, no_grad
from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.optim.line_search import Point, strong_wolfe
from medtorch.optim.optimizer import Closure, Group, Optimizer, Params, check_numbers, number

LEAST_CURVATURE = 1e-10


class LBFGS(Optimizer):
    """Newton's method for all parameters together, the Hessian guessed from the last steps and gradients.

    One step takes up to max_iter moves; the closure computes the loss and its gradients anew for each. The state lies
    with the first parameter.

    Math      d = -H g, H from the pairs s = step, y = change of the gradient, with y s > 1e-10; p <- p + t d,
              t = lr (at first min(1, 1 / |g|_1) lr), or the step that the strong Wolfe conditions want
    Raises    ArgumentError for several groups, a negative lr, an unknown line search, a step without a closure
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_numbers("LBFGS", lr=lr)
        if line_search_fn not in (None, "strong_wolfe"):
            raise ArgumentError(f"LBFGS: only 'strong_wolfe' is supported as line_search_fn, got {line_search_fn!r}")
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: Group) -> None:
        """Take in the one group there may be."""
        if self.param_groups:
            raise ArgumentError("LBFGS doesn't support per-parameter options (parameter groups)")
        super().add_param_group(param_group)

    def step(self, closure: Closure | None = None) -> Any:
        """Up to max_iter moves; gives back the loss before them."""
        if closure is None:
            raise ArgumentError("LBFGS: step needs a closure that computes the loss and its gradients")
        with no_grad():
            return _Run(self, closure).go()


class _Run:
    """One call of step."""

    def __init__(self, optimizer: LBFGS, closure: Closure) -> None:
        self.closure = closure
        self.group = optimizer.param_groups[0]
        self.params: list[Tensor] = self.group["params"]
        self.state: dict[str, Any] = optimizer.state[self.params[0]]
        self.evaluations = 0

    def go(self) -> Any:
        state, group = self.state, self.group
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        before = self._closure()
        loss, gradient = float(before), self._gradient()
        if self._small(gradient):
            return before
        for nr in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            direction = self._direction(gradient)
            state["prev_flat_grad"], state["prev_loss"] = gradient, loss
            rate = number(group["lr"])
            state["t"] = min(1.0, 1.0 / float(gradient.abs().sum().item())) * rate if state["n_iter"] == 1 else rate
            slope = float(gradient.dot(direction).item())
            if slope > -group["tolerance_change"]:
                break
            here = Point(0.0, loss, gradient, slope)
            last = nr == group["max_iter"]
            loss, gradient = self._moved(here, direction, evaluate=not last)
            if last or self._done(gradient, direction, loss):
                break
        return before

    def _closure(self) -> Any:
        self.evaluations += 1
        self.state["func_evals"] += 1
        with enable_grad():
            return self.closure()

    def _small(self, gradient: Tensor) -> bool:
        return bool(gradient.abs().amax().item() <= self.group["tolerance_grad"])

    def _done(self, gradient: Tensor, direction: Tensor, loss: float) -> bool:
        least, state = self.group["tolerance_change"], self.state
        return (
            self.evaluations >= self.group["max_eval"]
            or self._small(gradient)
            or bool((direction * state["t"]).abs().amax().item() <= least)
            or abs(loss - state["prev_loss"]) < least
        )

    def _moved(self, here: Point, direction: Tensor, *, evaluate: bool) -> tuple[float, Tensor]:
        """Move the parameters; the loss and the gradient there, or those of before if they were not evaluated."""
        state = self.state
        if self.group["line_search_fn"] is not None:
            found = self._searched(here, direction)
            state["t"] = found.step
            self._add(direction, found.step)
            return found.loss, found.gradient
        self._add(direction, state["t"])
        return (float(self._closure()), self._gradient()) if evaluate else (here.loss, here.gradient)

    def _searched(self, here: Point, direction: Tensor) -> Point:
        origin = [param.detach().clone() for param in self.params]

        def evaluate(step: float) -> Point:
            self._add(direction, step)
            loss, gradient = float(self._closure()), self._gradient()
            for param, start in zip(self.params, origin, strict=True):
                param.copy_(start)
            return Point(step, loss, gradient, float(gradient.dot(direction).item()))

        left = self.group["max_eval"] - self.evaluations
        reach = float(direction.abs().amax().item())
        return strong_wolfe(evaluate, here, self.state["t"], reach, self.group["tolerance_change"], left)[0]

    def _gradient(self) -> Tensor:
        """The gradients of all parameters as one vector; zeros for those that have none."""
        parts = [
            param.detach().new_zeros(param.numel()) if param.grad is None else param.grad.detach().reshape(-1)
            for param in self.params
        ]
        return cat(parts).clone()

    def _add(self, direction: Tensor, step: float) -> None:
        start = 0
        for param in self.params:
            own = direction[start : start + param.numel()]
            param.add_(own.reshape(param.shape), alpha=step)
            start += param.numel()

    def _direction(self, gradient: Tensor) -> Tensor:
        state = self.state
        if state["n_iter"] == 1:
            state.update(d=-gradient, old_dirs=[], old_stps=[], ro=[], H_diag=1)
        else:
            self._remember(gradient)
            state["d"] = self._two_loops(-gradient)
        return state["d"]  # type: ignore[no-any-return]

    def _remember(self, gradient: Tensor) -> None:
        """Keep the last step and the change of the gradient over it, if the loss curves upwards there."""
        state = self.state
        change, step = gradient - state["prev_flat_grad"], state["d"] * state["t"]
        curvature = change.dot(step)
        if float(curvature.item()) <= LEAST_CURVATURE:
            return
        if len(state["old_dirs"]) == self.group["history_size"]:
            for name in ("old_dirs", "old_stps", "ro"):
                state[name].pop(0)
        state["old_dirs"].append(change)
        state["old_stps"].append(step)
        state["ro"].append(1.0 / curvature)
        state["H_diag"] = curvature / change.dot(change)

    def _two_loops(self, q: Tensor) -> Tensor:
        """H times `q`: Nocedal's recursion down and up the memory."""
        state = self.state
        memory = list(zip(state["old_dirs"], state["old_stps"], state["ro"], strict=True))
        shares = state.setdefault("al", [None] * self.group["history_size"])
        for nr, (change, step, inverse) in reversed(list(enumerate(memory))):
            shares[nr] = step.dot(q) * inverse
            q = q - change * shares[nr]
        q = q * state["H_diag"]
        for nr, (change, step, inverse) in enumerate(memory):
            q = q + step * (shares[nr] - change.dot(q) * inverse)
        return q
