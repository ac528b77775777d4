"""Steps of optimizers in place, one array after the other. The rules stand at the optimizers (medtorch/optim)."""

from __future__ import annotations

from medtorch.core.backends.reference.base import Array, KernelFamily


class OptimizerKernels(KernelFamily):
    """Rows (param, grad, *state) of floating-point arrays of one dtype."""

    def sgd_step(
        self,
        rows: list[tuple[Array, ...]],
        lr: float,
        momentum: float,
        dampening: float,
        weight_decay: float,
        nesterov: bool,
        maximize: bool,
        first: bool,
    ) -> None:
        """Rows (param, grad) without momentum, else (param, grad, buffer); `first` fills the buffer."""
        for param, grad, *state in rows:
            one = param.dtype.type
            with self.quiet():
                g = -grad if maximize else grad
                g = g + param * one(weight_decay) if weight_decay else g
                if state:
                    buffer = state[0]
                    buffer[...] = g if first else buffer * one(momentum) + g * one(1 - dampening)
                    g = g + buffer * one(momentum) if nesterov else buffer
                param += g * one(-lr)

    def adam_step(
        self,
        rows: list[tuple[Array, ...]],
        step: int,
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        decoupled: bool,
        maximize: bool,
    ) -> None:
        """Rows (param, grad, mean, square), with AMSGrad the largest square, too."""
        near, beta2 = 1 - betas[0], betas[1]
        for param, grad, mean, square, *largest in rows:
            one = param.dtype.type
            with self.quiet():
                g = -grad if maximize else grad
                if weight_decay and decoupled:
                    param *= one(1 - lr * weight_decay)
                elif weight_decay:
                    g = g + param * one(weight_decay)
                gap = g - mean
                mean[...] = mean + one(near) * gap if near < 0.5 else g - gap * one(1 - near)
                square[...] = square * one(beta2) + (g * g) * one(1 - beta2)
                if largest:
                    largest[0][...] = self.xp.maximum(largest[0], square)
                root = self.xp.sqrt(largest[0] if largest else square)
                scale = root / one((1 - beta2**step) ** 0.5) + one(eps)
                param += (mean / scale) * one(-lr / (1 - betas[0] ** step))
