"""Recurrent layers natively for float32: what an LSTM does to its gates is one call a step.

Requires  REQ-F-OPS-001
"""

from __future__ import annotations

from medtorch.core.backends.cpu.base import NativeFamily
from medtorch.core.backends.reference.base import Array
from medtorch.core.backends.reference.recurrence import RecurrenceKernels as ReferenceRecurrenceKernels


class RecurrenceKernels(NativeFamily, ReferenceRecurrenceKernels):
    """The roundings of the reference, step by step."""

    def _lstm(self, given: Array, own: Array, cell: Array, hidden: Array, out: Array, gates: Array) -> None:
        if not self.set.lstm_step(given, own, cell, hidden, out, gates):
            super()._lstm(given, own, cell, hidden, out, gates)

    def _lstm_grad(
        self, dh: Array, dc: Array, extra: Array | None, cell: Array, now: tuple[Array, ...], d_gates: Array
    ) -> Array:
        _, after, gates = now
        back = self.xp.empty(dc.shape, dc.dtype)
        if self.set.lstm_step_grad(dh, dc, extra, cell, after, gates, d_gates, back):
            return back
        return super()._lstm_grad(dh, dc, extra, cell, now, d_gates)
