"""The gradient of a recurrent layer written in ops, so that it can be differentiated again.

The sums are those of the kernel `recurrence_grad` (medtorch/core/backends/reference/recurrence.py).

Requires  REQ-F-NN-010
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from medtorch.core.ops.elementwise import tanh
from medtorch.core.ops.shape import cat
from medtorch.core.sequences import Step, steps

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor


def gradients_in_ops(op: Any) -> Callable[..., tuple[Tensor, ...]]:
    """What `RecurrenceGrad` does, for a `Recurrence`."""

    def back(
        grad: Tensor,
        cell_grad: Tensor | None,
        kept_grad: Tensor | None,
        weight: Tensor,
        hidden: Tensor,
        cell: Tensor | None,
        *outs: Tensor,
    ) -> tuple[Tensor, ...]:
        firsts = [x for x in (hidden, cell) if x is not None]
        carried: list[Tensor | None] = [None] * len(firsts)
        rows: list[tuple[int, Any]] = []
        starts: list[tuple[int, list[Tensor]]] = []
        for step in reversed(list(steps(op.sizes, op.reverse))):
            now = [out[step.rows] for out in outs]
            states = [_state(out, first, step) for out, first in zip(outs, firsts, strict=False)]
            grads = [None if g is None else g[step.rows] for g in (grad, cell_grad)][: len(firsts)]
            dys = [_with(g, c, s) for g, c, s in zip(grads, carried, states, strict=True)]
            extra = None if kept_grad is None else kept_grad[step.rows]
            d_given, d_own, direct = _RULES[op.mode](dys, extra, states, now)
            through = d_own @ weight
            backs = [through if direct[0] is None else direct[0] + through, *direct[1:]]
            rows.append((step.rows.start, (d_given, d_own, states[0])))
            starts.append((step.joined, [b[step.joined :] for b in backs]))
            carried = [b[: step.joined] for b in backs]
        in_order = [parts for _, parts in sorted(rows, key=lambda row: row[0])]
        by_place = [parts for _, parts in sorted(starts, key=lambda row: row[0])]
        return (*_joined(in_order), *_joined(by_place))

    return back


def _joined(rows: list[Any]) -> list[Tensor]:
    return [cat(list(parts)) for parts in zip(*rows, strict=True)]


def _state(rows: Tensor, start: Tensor, step: Step) -> Tensor:
    """The state that the step reads."""
    if not step.joined:
        return start[: step.size]
    before = rows[step.before]
    return before if step.joined == step.size else cat([before, start[step.joined : step.size]])


def _with(own: Tensor | None, carried: Tensor | None, like: Tensor) -> Tensor:
    """The gradient of a state: of it as a result, and of it as what the next step read."""
    own = like.new_zeros(like.shape) if own is None else own
    if carried is None or not carried.shape[0]:
        return own
    count = carried.shape[0]
    return own + carried if count == own.shape[0] else cat([own[:count] + carried, own[count:]])


def _sigmoid_grad(dy: Tensor, y: Tensor) -> Tensor:
    return dy * (y * (1 - y))


def _tanh_grad(dy: Tensor, y: Tensor) -> Tensor:
    return dy * (1 - y * y)


def _tanh_rule(dys: list[Tensor], extra: Any, states: list[Tensor], now: list[Tensor]) -> Any:
    back = _tanh_grad(dys[0], now[0])
    return back, back, [None]


def _relu_rule(dys: list[Tensor], extra: Any, states: list[Tensor], now: list[Tensor]) -> Any:
    back = dys[0].masked_fill(now[0] <= 0, 0)
    return back, back, [None]


def _lstm_rule(dys: list[Tensor], extra: Tensor | None, states: list[Tensor], now: list[Tensor]) -> Any:
    (dh, dc), cell = dys, states[1]
    take, keep, candidate, shown = now[2].chunk(4, 1)
    seen = tanh(now[1])
    dc = dc + _tanh_grad(dh * shown, seen)
    raw = [dc * candidate, dc * cell, dc * take, dh * seen]
    if extra is not None:
        raw = [a + b for a, b in zip(raw, extra.chunk(4, 1), strict=True)]
    back = [_sigmoid_grad(raw[0], take), _sigmoid_grad(raw[1], keep)]
    back += [_tanh_grad(raw[2], candidate), _sigmoid_grad(raw[3], shown)]
    gates = cat(back, 1)
    return gates, gates, [None, dc * keep]


def _gru_rule(dys: list[Tensor], extra: Tensor | None, states: list[Tensor], now: list[Tensor]) -> Any:
    dh, hidden = dys[0], states[0]
    reset, keep, new, own = now[1].chunk(4, 1)
    more = [0.0] * 4 if extra is None else extra.chunk(4, 1)
    through = dh * keep
    d_new = _tanh_grad(dh - through + more[2], new)
    d_reset = _sigmoid_grad(d_new * own + more[0], reset)
    d_keep = _sigmoid_grad(dh * (hidden - new) + more[1], keep)
    d_own = d_new * reset + more[3]
    return cat([d_reset, d_keep, d_new], 1), cat([d_reset, d_keep, d_own], 1), [through]


_RULES: dict[str, Callable[..., Any]] = {
    "RNN_TANH": _tanh_rule,
    "RNN_RELU": _relu_rule,
    "LSTM": _lstm_rule,
    "GRU": _gru_rule,
}
