"""A recurrent layer over whole sequences in one op.

The formulas stand at medtorch.core.ops.recurrence. In forward mode, in vmap, while a model is captured, in halves, with
a projection and (an LSTM aside) under autocast, a layer runs step by step instead.

Source    semantics of torch.nn.RNN, LSTM, GRU; under autocast as PyTorch 2.13.0 on CPU
Requires  REQ-F-NN-010
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from medtorch.core.autocasting import narrow
from medtorch.core.dtypes import float32, float64
from medtorch.core.modes import STATE, is_plain
from medtorch.core.ops.op import Array, Op, Specs, require
from medtorch.core.ops.recurrence import GATES, Mode, State, Weights, input_gates, layer_by_steps
from medtorch.core.ops.recurrent_grad import gradients_in_ops
from medtorch.core.sequences import last_rows
from medtorch.core.spec import Spec
from medtorch.errors import DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


def recurrent_layer(
    mode: Mode, data: Tensor, sizes: Sequence[int], state: State, weights: Weights, reverse: bool
) -> tuple[Tensor, State]:
    """One layer in one direction: the hidden state at every row, and the state of each sequence after its last step.

    Shapes    data (rows, features), state: tensors (batch, hidden)  ->  (rows, hidden), tensors (batch, hidden)
    """
    if mode == "LSTM" and weights.projection is None and STATE.casting is not None:
        return _narrow_lstm(
            data, sizes, state, weights.input, weights.hidden, weights.input_bias, weights.hidden_bias, reverse
        )
    gates = input_gates(mode, data, weights)
    if not _is_one_op(gates, state, weights):
        states, ends = layer_by_steps(mode, gates, sizes, state, weights, reverse)
        return states[0], ends
    bias, cell = weights.hidden_bias if mode == "GRU" else None, state[1] if mode == "LSTM" else None
    found = Recurrence(mode, tuple(sizes), reverse)(gates, weights.hidden, bias, state[0], cell)
    rows = found[: len(state)] if isinstance(found, tuple) else (found,)
    ends = tuple(_ends(x, tuple(sizes), reverse) for x in rows)
    return rows[0].clone() if rows[0].requires_grad else rows[0], ends  # saved, while callers may change what they get


@narrow
def _narrow_lstm(
    data: Tensor,
    sizes: Sequence[int],
    state: State,
    weight: Tensor,
    hidden: Tensor,
    bias: Tensor | None,
    own: Tensor | None,
    reverse: bool,
) -> tuple[Tensor, State]:
    """An LSTM's layer, of which autocast runs all in fewer bits."""
    return recurrent_layer("LSTM", data, sizes, state, Weights(weight, hidden, bias, own), reverse)


def _is_one_op(gates: Tensor, state: State, weights: Weights) -> bool:
    followed = STATE.levels or STATE.batches or STATE.capture is not None or STATE.casting is not None
    present = [gates, *state, weights.hidden, *(() if weights.hidden_bias is None else (weights.hidden_bias,))]
    alike = all(x.dtype is gates.dtype for x in present) and gates.dtype in (float32, float64)
    return not followed and weights.projection is None and alike


def _ends(rows: Tensor, sizes: tuple[int, ...], reverse: bool) -> Tensor:
    """The rows of `last_rows`."""
    if reverse or sizes[0] == sizes[-1]:
        return rows[: sizes[0]] if reverse else rows[-sizes[0] :]
    return rows[last_rows(sizes, reverse)]


class Recurrence(Op):
    """The states of a layer at every row, from what the inputs give to its gates.

    Math      as at medtorch.core.ops.recurrence; `bias` is what a GRU adds to the product with the state
    Shapes    given (rows, gates), weight (gates, hidden), bias (gates), hidden and cell (batch, hidden)
              ->  hidden (rows, hidden); of an LSTM cell (rows, hidden); except of an RNN what the gates were, (rows, 4
              hidden): i, f, g, o of an LSTM; r, z, n of a GRU and what its state gave to n
    Raises    ShapeError, DtypeError
    """

    mode: Mode
    sizes: tuple[int, ...]
    reverse: bool

    def check(self, given: Spec, weight: Spec, bias: Spec | None, hidden: Spec, cell: Spec | None) -> Specs:
        all_of = {"given": given, "weight": weight, "bias": bias, "hidden": hidden, "cell": cell}
        rows, batch, width = sum(self.sizes), self.sizes[0], weight.shape[-1]
        gates = GATES[self.mode] * width
        expected = [(rows, gates), (gates, width), (gates,), (batch, width), (batch, width)]
        for (name, spec), shape in zip(all_of.items(), expected, strict=True):
            fits = spec is None or spec.shape == shape
            require(fits, ShapeError, self, f"{name} must have the shape {shape}", **all_of)
            same = spec is None or (spec.dtype is given.dtype and spec.dtype in (float32, float64))
            require(same, DtypeError, self, "takes float32 or float64, all the same", **all_of)
        wide = {"LSTM": (width, width, 4 * width), "GRU": (width, 4 * width)}.get(self.mode, (width,))
        found = tuple(given.with_shape((rows, w)) for w in wide)
        return found if len(found) > 1 else found[0]

    def forward(
        self, kernels: Kernels, given: Array, weight: Array, bias: Array | None, hidden: Array, cell: Array | None
    ) -> Any:
        found = kernels.recurrence(self.mode, given, weight, bias, hidden, cell, self.sizes, self.reverse)
        return found if len(found) > 1 else found[0]

    def vjp(
        self, dy: Any, y: Any, weight: Tensor, bias_spec: Spec | None, hidden: Tensor, cell: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        dys, ys = (x if isinstance(x, tuple) else (x,) for x in (dy, y))
        grads = [*dys[:1], dys[1] if cell is not None else None, dys[-1] if len(dys) > 1 else None]
        if grads[0] is None:
            grads[0] = hidden.new_zeros(ys[0].shape)
        back = RecurrenceGrad(self.mode, self.sizes, self.reverse) if is_plain() else gradients_in_ops(self)
        d_given, d_own, before, d_hidden, *d_cell = back(*grads, weight, hidden, cell, *ys)
        d_bias = None if bias_spec is None else d_own.sum(0)
        return d_given, d_own.t() @ before, d_bias, d_hidden, d_cell[0] if d_cell else None


class RecurrenceGrad(Op):
    """From gradients of what `Recurrence` gave: those of `given`, of what the state added to it, of the first states.

    Shapes    grad, cell_grad, kept_grad and outs as Recurrence's outputs  ->  d_given, d_own (rows, gates), the hidden
              state before each row (rows, hidden), d_hidden and of an LSTM d_cell (batch, hidden)
    Raises    ShapeError
    """

    mode: Mode
    sizes: tuple[int, ...]
    reverse: bool

    def check(
        self,
        grad: Spec,
        cell_grad: Spec | None,
        kept_grad: Spec | None,
        weight: Spec,
        hidden: Spec,
        cell: Spec | None,
        out: Spec,
        *others: Spec,
    ) -> Specs:
        fits = grad.shape == out.shape == (sum(self.sizes), hidden.shape[-1])
        require(fits, ShapeError, self, "grad and out must have a row for every step", grad=grad, out=out)
        gates = out.with_shape((sum(self.sizes), weight.shape[0]))
        return gates, gates, out, hidden, *(() if cell is None else (cell,))

    def forward(
        self,
        kernels: Kernels,
        grad: Array,
        cell_grad: Array | None,
        kept_grad: Array | None,
        weight: Array,
        hidden: Array,
        cell: Array | None,
        *outs: Array,
    ) -> Any:
        grads = (grad, cell_grad, kept_grad)
        return kernels.recurrence_grad(self.mode, grads, outs, weight, hidden, cell, self.sizes, self.reverse)
