"""The native step of an LSTM: right to the rounding of float32, and the bits of the step made of single kernels.

Oracle    the formulas of torch.nn.LSTM in float64
"""

from __future__ import annotations

import numpy as np
import pytest

from medtorch.core.backends.reference.recurrence import RecurrenceKernels
from tests.core.backends.cpu.arrays import numbers, rms_gap, same_bits

pytestmark = pytest.mark.requirement("REQ-F-OPS-300", "REQ-F-OPS-301")

SIZES = [(8, 32), (1, 1), (3, 19), (300, 40)]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.fixture(params=SIZES, ids=str)
def given(request, rng):
    rows, width = request.param
    return [numbers(rng, rows, n * width) for n in (4, 4, 1)]


def forward(step, kernels, given, own, cell):
    outs = [np.full((cell.shape[0], n * cell.shape[1]), 7, np.float32) for n in (1, 1, 4)]
    step(kernels, given, own, cell, *outs)
    return outs


def truth(given, own, cell):
    take, keep, candidate, shown = np.split(given.astype(float) + own, 4, axis=1)
    take, keep, candidate, shown = sigmoid(take), sigmoid(keep), np.tanh(candidate), sigmoid(shown)
    now = keep * cell + take * candidate
    return shown * np.tanh(now), now, np.concatenate([take, keep, candidate, shown], axis=1)


def test_a_step_is_right_and_has_the_bits_of_its_parts_on_every_set(native, sets, given):
    expected = truth(*given)
    parts = forward(RecurrenceKernels._lstm, sets[-1], *given)
    for threads in (1, 3):
        native.set_thread_count(threads)
        for kernels in sets:
            found = forward(type(kernels)._lstm, kernels, *given)
            assert all(same_bits(a, b) for a, b in zip(found, parts, strict=True)), kernels.set.name
            assert all(rms_gap(a, b) < 3e-7 for a, b in zip(found, expected, strict=True))


def test_states_that_are_part_of_something_larger_are_read_where_they_lie(widest, given):
    cell = given[2]
    wide = np.concatenate([cell, np.full_like(cell, np.nan)], axis=1)[:, : cell.shape[1]]
    found = forward(type(widest)._lstm, widest, *given[:2], wide)
    assert all(same_bits(a, b) for a, b in zip(found, forward(type(widest)._lstm, widest, *given), strict=True))


def test_arrays_that_do_not_lie_in_rows_go_by_the_parts(widest, given):
    turned = [np.asfortranarray(a) for a in given]
    assert widest.set.lstm_step(*turned, *(np.empty_like(a) for a in (given[2], given[2], given[0]))) == (
        min(given[2].shape) == 1
    )
    found = forward(type(widest)._lstm, widest, *turned)
    assert all(same_bits(a, b) for a, b in zip(found, forward(type(widest)._lstm, widest, *given), strict=True))


@pytest.mark.parametrize("has_extra", [True, False])
def test_the_gradient_of_a_step_has_the_bits_of_its_parts_on_every_set(native, sets, given, has_extra, rng):
    _, after, gates = forward(RecurrenceKernels._lstm, sets[-1], *given)
    cell = given[2]
    dh, dc, extra = numbers(rng, *cell.shape), numbers(rng, *cell.shape), numbers(rng, *gates.shape)

    def back(step, kernels):
        d_gates = np.empty_like(gates)
        d_cell = step(kernels, dh, dc, extra if has_extra else None, cell, (None, after, gates), d_gates)
        return d_gates, d_cell

    parts = back(RecurrenceKernels._lstm_grad, sets[-1])
    for threads in (1, 3):
        native.set_thread_count(threads)
        for kernels in sets:
            found = back(type(kernels)._lstm_grad, kernels)
            assert all(same_bits(a, b) for a, b in zip(found, parts, strict=True)), kernels.set.name


def test_the_gradient_of_a_step_follows_a_small_step_of_the_cell_state(widest, given):
    own_parts = [a.astype(float) for a in given]
    cell, step = own_parts[2], 1e-6
    slope = (truth(*own_parts[:2], cell + step)[0] - truth(*own_parts[:2], cell - step)[0]) / (2 * step)
    _, after, gates = forward(type(widest)._lstm, widest, *given)
    ones, none = np.ones_like(given[2]), np.zeros_like(given[2])
    found = widest._lstm_grad(ones, none, None, given[2], (None, after, gates), np.empty_like(gates))
    np.testing.assert_allclose(found, slope, atol=2e-6)
