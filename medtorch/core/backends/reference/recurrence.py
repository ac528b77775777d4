"""Recurrent layers over whole sequences, step by step. The formulas stand at medtorch.core.ops.recurrence.

Products of matrices, sigmoid and tanh are the own kernels of the backend; sums and products are rounded once each,
in the order of the layer written with tensors.
"""

from __future__ import annotations

from medtorch.core.backends.reference.activation import ActivationKernels
from medtorch.core.backends.reference.base import Array
from medtorch.core.backends.reference.elementwise import ElementwiseKernels
from medtorch.core.backends.reference.matmul import MatmulKernels
from medtorch.core.sequences import Step, steps


class RecurrenceKernels(ActivationKernels, ElementwiseKernels, MatmulKernels):
    """Rows of all times one below the other, `sizes[t]` of them at time t, never more than at the time before."""

    def recurrence(
        self,
        mode: str,
        given: Array,
        weight: Array,
        bias: Array | None,
        hidden: Array,
        cell: Array | None,
        sizes: tuple[int, ...],
        reverse: bool,
    ) -> tuple[Array, ...]:
        """The hidden state at every row; of an LSTM the cell state, too; what its gates were, except for an RNN."""
        width, turned = hidden.shape[1], weight.T
        outs = [self.xp.empty((given.shape[0], w), given.dtype) for w in _widths(mode, width)]
        cells = None if cell is None else outs[1]
        for step in steps(sizes, reverse):
            rows, h = step.rows, self._state(outs[0], hidden, step)
            own = self.matmul(h, turned)
            if bias is not None:
                own += bias
            now = tuple(out[rows] for out in outs)
            if mode == "LSTM":
                self._lstm(given[rows], own, self._state(cells, cell, step), *now)
            elif mode == "GRU":
                self._gru(given[rows], own, h, *now)
            else:
                total = given[rows] + own
                now[0][...] = self.tanh(total) if mode == "RNN_TANH" else self.relu(total)
        return tuple(outs)

    def recurrence_grad(
        self,
        mode: str,
        grads: tuple[Array, Array | None, Array | None],
        outs: tuple[Array, ...],
        weight: Array,
        hidden: Array,
        cell: Array | None,
        sizes: tuple[int, ...],
        reverse: bool,
    ) -> tuple[Array, ...]:
        """As the outputs of RecurrenceGrad (medtorch.core.ops.recurrent_layer)."""
        xp, width, given = self.xp, hidden.shape[1], outs[0]
        grad, cell_grad, kept_grad = grads
        d_given = xp.empty((given.shape[0], weight.shape[0]), given.dtype)
        d_own = xp.empty_like(d_given) if mode == "GRU" else d_given
        states = xp.empty_like(given)
        d_hidden = xp.zeros_like(hidden)
        d_cell = None if cell is None else xp.zeros_like(cell)
        carried = [xp.zeros((0, width), given.dtype)] * (1 if cell is None else 2)
        for step in reversed(list(steps(sizes, reverse))):
            rows, joined = step.rows, step.joined
            now = tuple(out[rows] for out in outs)
            extra = None if kept_grad is None else kept_grad[rows]
            h = states[rows]
            h[...] = self._state(given, hidden, step)
            dh = _with(grad[rows], carried[0])
            if mode == "LSTM":
                c = self._state(outs[1], cell, step)
                dc = None if cell_grad is None else cell_grad[rows]
                dc = _with(xp.zeros_like(c) if dc is None else dc, carried[1])
                backs = [None, self._lstm_grad(dh, dc, extra, c, now, d_given[rows])]
            elif mode == "GRU":
                backs = [self._gru_grad(dh, extra, h, now, d_given[rows], d_own[rows])]
            else:
                name = "tanh" if mode == "RNN_TANH" else "relu"
                d_given[rows] = self.activation_input_grad(name, dh, now[0], ())
                backs = [None]
            through = self.matmul(d_own[rows], weight)
            backs[0] = through if backs[0] is None else backs[0] + through
            for start, back in zip((d_hidden, d_cell), backs, strict=False):
                start[joined : back.shape[0]] += back[joined:]
            carried = [back[:joined] for back in backs]
        return (d_given, d_own, states, d_hidden, *(() if d_cell is None else (d_cell,)))

    def _state(self, rows: Array, start: Array, step: Step) -> Array:
        """The state that the step reads: that of the step before it, and the first one of sequences that begin here."""
        if not step.joined:
            return start[: step.size]
        before = rows[step.before]
        return before if step.joined == step.size else self.xp.concatenate([before, start[step.joined : step.size]])

    def _lstm(self, given: Array, own: Array, cell: Array, hidden: Array, out: Array, gates: Array) -> None:
        width = cell.shape[1]
        total = given + own
        gates[...] = self.sigmoid(total)
        take, keep, candidate, shown = (gates[:, nr * width : (nr + 1) * width] for nr in range(4))
        candidate[...] = self.tanh(total[:, 2 * width : 3 * width])
        self.xp.add(keep * cell, take * candidate, out=out)
        self.xp.multiply(shown, self.tanh(out), out=hidden)

    def _lstm_grad(
        self, dh: Array, dc: Array, extra: Array | None, cell: Array, now: tuple[Array, ...], d_gates: Array
    ) -> Array:
        """Fills d_gates; the gradient of the cell state before."""
        width, (_, after, gates) = cell.shape[1], now
        take, keep, candidate, shown = (gates[:, nr * width : (nr + 1) * width] for nr in range(4))
        seen = self.tanh(after)
        dc = dc + self.activation_input_grad("tanh", dh * shown, seen, ())
        raw = self.xp.empty_like(gates)
        for nr, (a, b) in enumerate(((dc, candidate), (dc, cell), (dc, take), (dh, seen))):
            self.xp.multiply(a, b, out=raw[:, nr * width : (nr + 1) * width])
        if extra is not None:
            raw += extra
        d_gates[...] = self.activation_input_grad("sigmoid", raw, gates, ())
        third = slice(2 * width, 3 * width)
        d_gates[:, third] = self.activation_input_grad("tanh", raw[:, third], candidate, ())
        return dc * keep

    def _gru(self, given: Array, own: Array, hidden: Array, out: Array, kept: Array) -> None:
        width = hidden.shape[1]
        kept[:, : 2 * width] = self.sigmoid(given[:, : 2 * width] + own[:, : 2 * width])
        reset, keep, new = (kept[:, nr * width : (nr + 1) * width] for nr in range(3))
        kept[:, 3 * width :] = own[:, 2 * width :]
        new[...] = self.tanh(given[:, 2 * width :] + reset * own[:, 2 * width :])
        self.xp.add(new, keep * (hidden - new), out=out)

    def _gru_grad(
        self, dh: Array, extra: Array | None, hidden: Array, now: tuple[Array, ...], d_given: Array, d_own: Array
    ) -> Array:
        """Fills both; the part of the state's gradient that does not go through the weight."""
        width, kept = hidden.shape[1], now[1]
        reset, keep, new, own = (kept[:, nr * width : (nr + 1) * width] for nr in range(4))
        through = dh * keep
        d_new = dh - through
        if extra is not None:
            d_new += extra[:, 2 * width : 3 * width]
        d_new = self.activation_input_grad("tanh", d_new, new, ())
        raw = self.xp.empty((dh.shape[0], 2 * width), dh.dtype)
        self.xp.multiply(d_new, own, out=raw[:, :width])
        self.xp.multiply(dh, hidden - new, out=raw[:, width:])
        if extra is not None:
            raw += extra[:, : 2 * width]
        both = self.activation_input_grad("sigmoid", raw, kept[:, : 2 * width], ())
        d_given[:, : 2 * width] = d_own[:, : 2 * width] = both
        d_given[:, 2 * width :] = d_new
        self.xp.multiply(d_new, reset, out=d_own[:, 2 * width :])
        if extra is not None:
            d_own[:, 2 * width :] += extra[:, 3 * width :]
        return through


def _widths(mode: str, width: int) -> tuple[int, ...]:
    return {"LSTM": (width, width, 4 * width), "GRU": (width, 4 * width)}.get(mode, (width,))


def _with(own: Array, carried: Array) -> Array:
    """The gradient of a state: of it as a result, and of it as what the next step read."""
    out = own.copy()
    out[: carried.shape[0]] += carried
    return out
