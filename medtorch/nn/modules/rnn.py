"""Recurrent layers over sequences: RNN, LSTM, GRU.

Source    semantics of torch.nn.RNN, LSTM, GRU; the formulas are written at medtorch.core.ops.recurrence
Requires  REQ-F-NN-010
"""

from __future__ import annotations

import math
import warnings
from typing import Any, cast

from medtorch.core.dtypes import dtype as Dtype
from medtorch.core.ops.recurrence import GATES, Mode, State, Weights
from medtorch.core.ops.recurrent_layer import recurrent_layer
from medtorch.core.ops.shape import cat, stack
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, ModuleTypeError, ShapeError
from medtorch.nn import functional as F
from medtorch.nn import init
from medtorch.nn.modules._new import Device, parameter
from medtorch.nn.modules.module import Module
from medtorch.nn.modules.rnn_cell import GRUCell as GRUCell
from medtorch.nn.modules.rnn_cell import LSTMCell as LSTMCell
from medtorch.nn.modules.rnn_cell import RNNCell as RNNCell
from medtorch.nn.modules.rnn_cell import RNNCellBase as RNNCellBase
from medtorch.nn.packed import PackedSequence
from medtorch.nn.parameter import Parameter


class RNNBase(Module):
    """What all recurrent layers share: weights by layer and direction, and how a sequence runs through them.

    Parameters are named weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0 (and weight_hr_l0 with proj_size) for layer
    0, with "_reverse" behind for the direction backwards in time.

    Shapes    input (L, N, input_size), (N, L, input_size) with `batch_first`, (L, input_size) or a PackedSequence;
              hx (layers * directions, N, hidden)  ->  output in the input's form with directions * hidden features, hx
    Raises    ArgumentError, ModuleTypeError, ShapeError for sizes or an input that do not fit
    """

    def __init__(
        self,
        mode: Mode,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Device = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        if mode not in GATES:
            raise ArgumentError(f"Unrecognized RNN mode: {mode}")
        _check_kinds(bool, bias=bias, batch_first=batch_first)
        _check_kinds(int, input_size=input_size, hidden_size=hidden_size)
        _check_numbers(input_size, hidden_size, num_layers, dropout, proj_size)
        self.mode, self.input_size, self.hidden_size, self.num_layers = mode, input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size = bidirectional, proj_size
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            for suffix in ("", "_reverse") if bidirectional else ("",):
                self._register_weights(layer, suffix, device, dtype)
        self.reset_parameters()

    @property
    def _width(self) -> int:
        """Features of the hidden state."""
        return self.proj_size or self.hidden_size

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _register_weights(self, layer: int, suffix: str, device: Device, dtype: Dtype | None) -> None:
        gates = GATES[self.mode] * self.hidden_size
        features = self._width * self._directions if layer else self.input_size
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (gates, features), "weight_hh": (gates, self._width)}
        if self.bias:
            shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        names = []
        for stem, shape in shapes.items():
            names.append(f"{stem}_l{layer}{suffix}")
            self.register_parameter(names[-1], parameter(shape, device, dtype))
        self._all_weights.append(names)

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self) -> list[Parameter]:
        return [weight for weights in self.all_weights for weight in weights]

    def flatten_parameters(self) -> None:
        """Nothing to do: weights are used where they lie."""

    def reset_parameters(self) -> None:
        """Draw all weights and biases anew, uniform in +-1/sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    # -- one call -----------------------------------------------------------------------------------------------------

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> tuple[Any, Any]:
        data = input.data if isinstance(input, PackedSequence) else input
        self._check_input(data, packed=isinstance(input, PackedSequence))
        given = None if hx is None else tuple(hx) if self.mode == "LSTM" else (hx,)
        if isinstance(input, PackedSequence):
            packed, last = self._run_packed(input, given)
            return packed, last if self.mode == "LSTM" else last[0]
        out, last = self._run_padded(input, given)
        return out, last if self.mode == "LSTM" else last[0]

    def _run_packed(self, input: PackedSequence, given: State | None) -> tuple[PackedSequence, State]:
        sizes: list[int] = input.batch_sizes.tolist()
        if given is not None and input.sorted_indices is not None:
            given = tuple(x.index_select(1, input.sorted_indices) for x in given)
        rows, last = self._run(input.data, sizes, given)
        if input.unsorted_indices is not None:
            last = tuple(x.index_select(1, input.unsorted_indices) for x in last)
        return PackedSequence(rows, input.batch_sizes, input.sorted_indices, input.unsorted_indices), last

    def _run_padded(self, input: Tensor, given: State | None) -> tuple[Tensor, State]:
        alone = input.ndim == 2
        self._check_hidden_dims(given, 2 if alone else 3)
        steps = input.unsqueeze(1) if alone else input.transpose(0, 1) if self.batch_first else input
        if alone and given is not None:
            given = tuple(x.unsqueeze(1) for x in given)
        length, batch = steps.shape[:2]
        if not length:
            raise ShapeError(f"{self._get_name()}: Expected sequence length to be larger than 0 in RNN")
        rows, last = self._run(steps.flatten(0, 1), [batch] * length, given)
        out = rows.unflatten(0, (length, batch))
        if alone:
            return out.squeeze(1), tuple(x.squeeze(1) for x in last)
        return (out.transpose(0, 1) if self.batch_first else out), last

    def _run(self, rows: Tensor, sizes: list[int], given: State | None) -> tuple[Tensor, State]:
        """All layers, one above the other; the states of every layer and direction at the end."""
        starts = self._starts(rows, sizes[0], given)
        ends: list[State] = []
        for layer in range(self.num_layers):
            if layer and self.dropout:
                rows = F.dropout(rows, self.dropout, self.training)
            outputs = []
            for direction in range(self._directions):
                nr = layer * self._directions + direction
                state = tuple(x[nr] for x in starts)
                out, end = recurrent_layer(self.mode, rows, sizes, state, self._weights(nr), direction == 1)
                outputs.append(out)
                ends.append(end)
            rows = cat(outputs, 1) if self.bidirectional else outputs[0]
        return rows, tuple(stack(parts) for parts in zip(*ends, strict=True))

    def _weights(self, nr: int) -> Weights:
        found: list[Tensor] = [getattr(self, name) for name in self._all_weights[nr]]
        given, own = found[2:4] if self.bias else (None, None)
        return Weights(found[0], found[1], given, own, found[-1] if self.proj_size else None)

    def _starts(self, rows: Tensor, batch: int, given: State | None) -> State:
        """The first states: as given, or zeros."""
        count = self.num_layers * self._directions
        widths = (self._width, self.hidden_size) if self.mode == "LSTM" else (self._width,)
        shapes = [(count, batch, width) for width in widths]
        if given is None:
            return tuple(rows.new_zeros(shape) for shape in shapes)
        if len(given) != len(shapes):
            raise ArgumentError(f"{self._get_name()}: hx must be a hidden state and a cell state, got {len(given)}")
        for nr, (x, shape) in enumerate(zip(given, shapes, strict=True)):
            if tuple(x.shape) != shape:
                what = f"hidden[{nr}]" if len(shapes) == 2 else "hidden"
                raise ShapeError(f"{self._get_name()}: Expected {what} size {shape}, got {list(x.shape)}")
        return given

    # -- checks -------------------------------------------------------------------------------------------------------

    def _check_input(self, data: Tensor, *, packed: bool) -> None:
        name, weight = self._get_name(), cast(Tensor, getattr(self, self._all_weights[0][0]))
        if data.dtype is not weight.dtype:
            raise ArgumentError(
                f"{name}: RNN input dtype ({data.dtype}) does not match weight dtype ({weight.dtype}). "
                f"Convert input: input.to({weight.dtype}), or convert model: model.to({data.dtype})"
            )
        if packed and data.ndim != 2:
            raise ShapeError(f"{name}: input must have 2 dimensions, got {data.ndim}")
        if data.ndim not in (2, 3):
            raise ShapeError(f"{name}: Expected input to be 2D or 3D, got {data.ndim}D instead")
        if data.shape[-1] != self.input_size:
            raise ShapeError(
                f"{name}: input.size(-1) must be equal to input_size. Expected {self.input_size}, got {data.shape[-1]}"
            )

    def _check_hidden_dims(self, given: State | None, dims: int) -> None:
        if given is not None and any(x.ndim != dims for x in given):
            kind = "unbatched 2-D" if dims == 2 else "batched 3-D"
            what = "hx and cx" if self.mode == "LSTM" else "hx"
            found = ", ".join(f"{x.ndim}-D" for x in given)
            raise ShapeError(
                f"{self._get_name()}: For {kind} input, {what} should also be {dims}-D but got ({found}) tensors"
            )

    def extra_repr(self) -> str:
        plain = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0}
        shown = [f"{name}={getattr(self, name)}" for name, usual in plain.items() if getattr(self, name) != usual]
        shown += ["bidirectional=True"] if self.bidirectional else []
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *shown])


def _check_kinds(kind: type, **values: Any) -> None:
    for name, value in values.items():
        if not isinstance(value, kind):
            raise ModuleTypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")


def _check_numbers(input_size: int, hidden_size: int, num_layers: int, dropout: Any, proj_size: int) -> None:
    if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1:
        raise ArgumentError(
            "dropout should be a number in range [0, 1] representing the probability of an element being zeroed, "
            f"got {dropout}"
        )
    sizes = {"input_size": input_size, "hidden_size": hidden_size, "num_layers": num_layers}
    for name, value in sizes.items():
        if value <= 0:
            raise ArgumentError(f"{name} must be greater than zero, got {value}")
    if proj_size < 0:
        raise ArgumentError(f"proj_size should be a positive integer or zero to disable projections, got {proj_size}")
    if proj_size >= hidden_size:
        raise ArgumentError(f"proj_size has to be smaller than hidden_size, got {proj_size} and {hidden_size}")
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers "
            f"greater than 1, but got dropout={dropout} and num_layers={num_layers}",
            stacklevel=5,
        )


def _refuse_projection(name: str, proj_size: int | None) -> None:
    if proj_size is not None:
        raise ArgumentError(f"{name}: proj_size argument is only supported for LSTM, not RNN or GRU")


class RNN(RNNBase):
    """Elman's network: h' = tanh(W x + b + U h + c), or relu.

    Raises    ArgumentError for another nonlinearity, besides what RNNBase refuses
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Device = None,
        dtype: Dtype | None = None,
        *,
        proj_size: int | None = None,
    ) -> None:
        _refuse_projection("RNN", proj_size)
        if nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        mode: Mode = "RNN_TANH" if nonlinearity == "tanh" else "RNN_RELU"
        super().__init__(
            mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Long short-term memory: gates i, f, g, o, a cell state that they write and read; hx is (hidden, cell).

    With `proj_size` the hidden state is projected to that many features.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Device = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__(
            "LSTM",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
        )


class GRU(RNNBase):
    """Gated recurrent units: gates r, z and the candidate n, the reset gate behind the product with the state."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Device = None,
        dtype: Dtype | None = None,
        *,
        proj_size: int | None = None,
    ) -> None:
        _refuse_projection("GRU", proj_size)
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )
