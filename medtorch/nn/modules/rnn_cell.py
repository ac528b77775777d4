"""Recurrent cells: one step of one layer.

Source    semantics of torch.nn.RNNCell, LSTMCell, GRUCell
Requires  REQ-F-NN-010
"""

from __future__ import annotations

import math
from typing import Any

from medtorch.core.dtypes import dtype as Dtype
from medtorch.core.ops.recurrence import GATES, Mode, State, Weights, recurrent_cell
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, ShapeError
from medtorch.nn import init
from medtorch.nn.modules._new import Device, parameter
from medtorch.nn.modules.module import Module
from medtorch.nn.parameter import Parameter


class RNNCellBase(Module):
    """What all cells share.

    Shapes    input (N, input_size), hidden (N, hidden_size)  ->  (N, hidden_size); without N for one sample
    Raises    ShapeError for an input or a state that does not fit
    """

    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Device = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        gates = num_chunks * hidden_size
        self.weight_ih = parameter((gates, input_size), device, dtype)
        self.weight_hh = parameter((gates, hidden_size), device, dtype)
        self.register_parameter("bias_ih", parameter(gates, device, dtype) if bias else None)
        self.register_parameter("bias_hh", parameter(gates, device, dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights and biases anew, uniform in +-1/sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _cell(self, mode: Mode, input: Tensor, given: State | None) -> State:
        name = self._get_name()
        if input.ndim not in (1, 2):
            raise ShapeError(f"{name}: Expected input to be 1D or 2D, got {input.ndim}D instead")
        names = ["hx[0]", "hx[1]"] if mode == "LSTM" else ["hidden"]
        for what, x in zip(names, given or (), strict=bool(given)):
            if x.ndim not in (1, 2):
                raise ShapeError(f"{name}: Expected {what} to be 1D or 2D, got {x.ndim}D instead")
        alone = input.ndim == 1
        rows = input.unsqueeze(0) if alone else input
        if given is None:
            state = tuple(rows.new_zeros((rows.shape[0], self.hidden_size)) for _ in names)
        else:
            state = tuple(x.unsqueeze(0) if x.ndim == 1 else x for x in given)
        out = recurrent_cell(mode, rows, state, Weights(self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh))
        return tuple(x.squeeze(0) for x in out) if alone else out

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        text += "" if self.bias is True else f", bias={self.bias}"
        nonlinearity = self.__dict__.get("nonlinearity", "tanh")
        return text if nonlinearity == "tanh" else f"{text}, nonlinearity={nonlinearity}"


class RNNCell(RNNCellBase):
    """h' = tanh(W x + b + U h + c), or relu. Raises ArgumentError in a call with another nonlinearity."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Device = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, GATES["RNN_TANH"], device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        if self.nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(f"Unknown nonlinearity: {self.nonlinearity}")
        mode: Mode = "RNN_TANH" if self.nonlinearity == "tanh" else "RNN_RELU"
        return self._cell(mode, input, None if hx is None else (hx,))[0]


class LSTMCell(RNNCellBase):
    """One step of long short-term memory: (hidden, cell) to (hidden, cell)."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Device = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, GATES["LSTM"], device, dtype)

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Tensor]:
        hidden, cell = self._cell("LSTM", input, None if hx is None else tuple(hx))
        return hidden, cell


class GRUCell(RNNCellBase):
    """One step of gated recurrent units."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Device = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, GATES["GRU"], device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._cell("GRU", input, None if hx is None else (hx,))[0]
