"""Recurrent cells, and layers of them over sequences that may end at different times.

A batch of sequences is their rows in order of time, `sizes[t]` of them at time t, never more than at the time before:
sequences are sorted by length. One matrix product projects all inputs; only the one with the state goes step by step.

Source    Elman 1990; Hochreiter & Schmidhuber 1997 with forget gates (Gers et al. 2000); Cho et al. 2014,
          arXiv:1406.1078; Sak et al. 2014, arXiv:1402.1128 (projections); semantics of torch.nn.RNN, LSTM, GRU
Requires  REQ-F-NN-010
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from medtorch.core.ops.elementwise import relu, sigmoid, tanh
from medtorch.core.ops.linear import linear
from medtorch.core.ops.op import require
from medtorch.core.ops.shape import cat
from medtorch.errors import ShapeError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor

Mode = Literal["RNN_TANH", "RNN_RELU", "LSTM", "GRU"]
State = tuple["Tensor", ...]

GATES: dict[str, int] = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}


@dataclass(frozen=True)
class Weights:
    """What one direction of one layer learns: input and hidden weights and biases, and the projection of an LSTM."""

    input: Tensor
    hidden: Tensor
    input_bias: Tensor | None = None
    hidden_bias: Tensor | None = None
    projection: Tensor | None = None


def layer_by_steps(
    mode: Mode, gates: Tensor, sizes: Sequence[int], state: State, weights: Weights, reverse: bool
) -> tuple[tuple[Tensor, ...], State]:
    """One layer in one direction, an op for every sum and product: the state at every row, and at each sequence's end.

    Shapes    gates (rows, gates), state: tensors (batch, hidden)  ->  tensors (rows, hidden), tensors (batch, hidden)
    """
    given = gates.split(list(sizes))
    states: list[State] = []
    ended: list[State] = []
    now = state if not reverse else tuple(x[: sizes[-1]] for x in state)
    for t in reversed(range(len(sizes))) if reverse else range(len(sizes)):
        have, size = now[0].shape[0], sizes[t]
        if size > have:  # going back in time, longer sequences come first; the others join at their ends
            now = tuple(cat([x, start[have:size]]) for x, start in zip(now, state, strict=True))
        elif size < have:
            ended.append(tuple(x[size:] for x in now))
            now = tuple(x[:size] for x in now)
        now = _step(mode, given[t], now, weights)
        states.append(now)
    if ended:
        now = tuple(cat([last, *reversed(early)]) for last, early in zip(now, zip(*ended, strict=True), strict=True))
    rows = zip(*(reversed(states) if reverse else states), strict=True)
    return tuple(cat(list(parts)) for parts in rows), now


def input_gates(mode: Mode, data: Tensor, weights: Weights) -> Tensor:
    """What the inputs add to the gates, for all rows; with the hidden bias, which all modes but GRU only add."""
    bias = weights.input_bias
    if bias is not None and weights.hidden_bias is not None and mode != "GRU":
        bias = bias + weights.hidden_bias
    return linear(data, weights.input, bias)


def _step(mode: Mode, gates: Tensor, state: State, weights: Weights) -> State:
    if mode == "GRU":
        return (_gru(gates, linear(state[0], weights.hidden, weights.hidden_bias), state[0]),)
    gates = gates + linear(state[0], weights.hidden)
    if mode != "LSTM":
        return (tanh(gates) if mode == "RNN_TANH" else relu(gates),)
    hidden, cell = _lstm(gates, state[1])
    return (hidden if weights.projection is None else linear(hidden, weights.projection)), cell


def _lstm(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    width = cell.shape[1]
    kept, candidate, shown = gates.split([2 * width, width, width], 1)
    take, keep = sigmoid(kept).chunk(2, 1)
    cell = keep * cell + take * tanh(candidate)
    return sigmoid(shown) * tanh(cell), cell


def _gru(given: Tensor, own: Tensor, hidden: Tensor) -> Tensor:
    width = hidden.shape[1]
    both, candidate = given.split([2 * width, width], 1)
    own_both, own_candidate = own.split([2 * width, width], 1)
    reset, keep = sigmoid(both + own_both).chunk(2, 1)
    new = tanh(candidate + reset * own_candidate)
    return new + keep * (hidden - new)


def recurrent_cell(mode: Mode, input: Tensor, state: State, weights: Weights) -> State:
    """One step of one layer.

    Shapes    input (batch, features), state: tensors (batch, hidden)  ->  tensors (batch, hidden)
    Raises    ShapeError where the sizes do not fit
    """
    given = {"input": input.spec, "hidden0": state[0].spec}
    features, width = weights.input.shape[1], weights.hidden.shape[1]
    name = _CELLS[mode]
    found = input.shape[1]
    text = f"input has inconsistent input_size: got {found} expected {features}"
    require(found == features, ShapeError, name, text, **given)
    for nr, hidden in enumerate(state):
        text = f"Input batch size {input.shape[0]} doesn't match hidden{nr} batch size {hidden.shape[0]}"
        require(hidden.shape[0] == input.shape[0], ShapeError, name, text, **given)
        text = f"hidden{nr} has inconsistent hidden_size: got {hidden.shape[1]}, expected {width}"
        require(hidden.shape[1] == width, ShapeError, name, text, **given)
    return _step(mode, input_gates(mode, input, weights), state, weights)


_CELLS: dict[str, str] = {
    "RNN_TANH": "rnn_tanh_cell",
    "RNN_RELU": "rnn_relu_cell",
    "LSTM": "lstm_cell",
    "GRU": "gru_cell",
}


def rnn_tanh_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """tanh(x W_ih^T + b_ih + h W_hh^T + b_hh)."""
    return recurrent_cell("RNN_TANH", input, (hx,), Weights(w_ih, w_hh, b_ih, b_hh))[0]


def rnn_relu_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """max(0, x W_ih^T + b_ih + h W_hh^T + b_hh)."""
    return recurrent_cell("RNN_RELU", input, (hx,), Weights(w_ih, w_hh, b_ih, b_hh))[0]


def gru_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """(1 - z) n + z h; r, z = sigmoid(W x + U h), n = tanh(W_n x + b_n + r (U_n h + c_n)); in order r, z, n."""
    return recurrent_cell("GRU", input, (hx,), Weights(w_ih, w_hh, b_ih, b_hh))[0]


def lstm_cell(
    input: Tensor,
    hx: tuple[Tensor, Tensor] | list[Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """c' = f c + i g, h' = o tanh c'; i, f, o sigmoid and g tanh of W x + U h + biases; in order i, f, g, o."""
    hidden, cell = recurrent_cell("LSTM", input, tuple(hx), Weights(w_ih, w_hh, b_ih, b_hh))
    return hidden, cell
