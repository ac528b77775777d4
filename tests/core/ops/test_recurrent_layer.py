"""A recurrent layer in one op gives what it gives step by step; its gradient can be differentiated again."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.core.modes import STATE
from medtorch.core.ops import recurrent_layer as layers
from medtorch.core.ops.recurrence import GATES, Weights, input_gates, layer_by_steps
from medtorch.errors import DtypeError, ShapeError
from tests.core.backends.cpu.conftest import EXTENSION

pytestmark = pytest.mark.requirement("REQ-F-NN-010")

MODES = sorted(GATES)
SIZES = [(3, 3, 3, 3), (4, 3, 3, 1), (2,)]
FEATURES, WIDTH = 3, 4


def inputs_of(mode, sizes, rng, dtype=np.float64):
    """data, weights and first states, all of which want gradients."""
    gates = GATES[mode] * WIDTH
    shapes = [(sum(sizes), FEATURES), (gates, FEATURES), (gates, WIDTH), (gates,), (gates,), (sizes[0], WIDTH)]
    shapes += [(sizes[0], WIDTH)] if mode == "LSTM" else []
    return [medtorch.from_numpy(rng.uniform(-1, 1, shape).astype(dtype)).requires_grad_() for shape in shapes]


def in_one_op(mode, sizes, reverse):
    def run(data, weight, own, bias, own_bias, *state):
        rows, ends = layers.recurrent_layer(mode, data, sizes, state, Weights(weight, own, bias, own_bias), reverse)
        return (rows, *ends)

    return run


def by_steps(mode, sizes, reverse):
    def run(data, weight, own, bias, own_bias, *state):
        weights = Weights(weight, own, bias, own_bias)
        states, ends = layer_by_steps(mode, input_gates(mode, data, weights), sizes, state, weights, reverse)
        return (states[0], *ends)

    return run


def ops_of(result):
    """The names of the nodes behind a tensor."""
    seen, todo = set(), [result.grad_fn]
    while todo:
        node = todo.pop()
        seen.add(node.name())
        todo += [following for following, _ in node.next_functions if following is not None]
    return seen


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("mode", MODES)
def test_one_op_gives_the_bits_of_the_steps(mode, sizes, reverse, rng):
    inputs = inputs_of(mode, sizes, rng, np.float32)
    found, expected = in_one_op(mode, sizes, reverse)(*inputs), by_steps(mode, sizes, reverse)(*inputs)
    assert "RecurrenceBackward0" in ops_of(found[0])
    assert [x.detach().numpy().tobytes() for x in found] == [x.detach().numpy().tobytes() for x in expected]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("mode", MODES)
def test_gradients_are_those_of_the_steps(mode, sizes, reverse, rng):
    inputs = inputs_of(mode, sizes, rng)
    grads = []
    for run in (in_one_op(mode, sizes, reverse), by_steps(mode, sizes, reverse)):
        outs = run(*inputs)
        total = sum((x * medtorch.arange(x.numel()).reshape(x.shape).cos()).sum() for x in outs)
        grads.append(medtorch.autograd.grad(total, inputs))
    for found, expected in zip(*grads, strict=True):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_gradients_follow_a_small_step_in_first_and_second_order(mode, reverse, rng):
    inputs, run = inputs_of(mode, (2, 1), rng), in_one_op(mode, (2, 1), reverse)
    assert medtorch.autograd.gradcheck(run, inputs, fast_mode=True)
    # Both biases get one gradient, the same tensor: what follows one of them alone cannot be asked for.
    assert medtorch.autograd.gradgradcheck(run, inputs, fast_mode=True, check_undefined_grad=False)


@pytest.mark.parametrize("mode", ["LSTM", "GRU"])
def test_a_loss_on_the_last_state_alone_has_the_gradient_of_the_steps(mode, rng):
    inputs = inputs_of(mode, (3, 2), rng)
    found, expected = (
        medtorch.autograd.grad(run(mode, (3, 2), False)(*inputs)[-1].sum(), inputs) for run in (in_one_op, by_steps)
    )
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("mode", MODES)
def test_recorded_and_unrecorded_gradients_agree(mode, rng):
    inputs = inputs_of(mode, (3, 2), rng)
    outs = in_one_op(mode, (3, 2), False)(*inputs)
    plain = medtorch.autograd.grad(outs[0].sum(), inputs[:6], retain_graph=True)
    followed = medtorch.autograd.grad(outs[0].sum(), inputs[:6], create_graph=True)
    assert all(x.requires_grad for x in followed[:3])
    for a, b in zip(plain, followed, strict=True):
        np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("mode", MODES)
def test_training_steps_give_the_same_bits_on_every_kernel_set_and_at_every_place_of_a_batch(mode, rng, needs):
    needs(EXTENSION)
    from medtorch.core import backends  # noqa: PLC0415
    from medtorch.core.backends.cpu import CpuKernels, door  # noqa: PLC0415

    module, given = door.native(), inputs_of(mode, (5, 5, 5), rng, np.float32)
    found = {}
    for name in module.instruction_sets():
        before, backends._cpu = backends._cpu, lambda name=name: CpuKernels(module, name)
        try:
            out = in_one_op(mode, (5, 5, 5), False)(*given)
            grads = medtorch.autograd.grad(out[0].square().sum(), given)
        finally:
            backends._cpu = before
        found[name] = [x.detach().numpy().tobytes() for x in (*out, *grads)]
    assert len({tuple(values) for values in found.values()}) == 1
    data, *weights = given[:5]
    alone = in_one_op(mode, (1, 1, 1), False)(data.reshape(3, 5, -1)[:, 3], *weights, *(s[3:4] for s in given[5:]))
    whole = in_one_op(mode, (5, 5, 5), False)(*given)
    assert alone[0].detach().numpy().tobytes() == whole[0].reshape(3, 5, -1)[:, 3].detach().numpy().tobytes()


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_the_output_may_be_changed_in_place(kind, rng):
    layer, x = kind(FEATURES, WIDTH).double(), medtorch.from_numpy(rng.normal(size=(3, 2, FEATURES)))
    layer(x)[0].mul_(2).sum().backward()
    found = [p.grad.numpy().copy() for p in layer.parameters()]
    layer.zero_grad()
    (layer(x)[0] * 2).sum().backward()
    for a, p in zip(found, layer.parameters(), strict=True):
        np.testing.assert_allclose(a, p.grad.numpy(), rtol=1e-13)


def test_forward_mode_vmap_and_projections_run_step_by_step(rng):
    lstm = nn.LSTM(FEATURES, WIDTH).double()
    x, v = (medtorch.from_numpy(rng.normal(size=(2, 3, FEATURES))) for _ in range(2))
    _, slope = medtorch.func.jvp(lambda x: lstm(x)[0], (x,), (v,))
    step = 1e-6
    expected = (lstm(x + step * v)[0] - lstm(x - step * v)[0]) / (2 * step)
    np.testing.assert_allclose(slope.detach().numpy(), expected.detach().numpy(), atol=1e-8)
    many = medtorch.from_numpy(rng.normal(size=(4, 2, 3, FEATURES)))
    batched = medtorch.vmap(lambda x: lstm(x)[0])(many)
    np.testing.assert_allclose(batched[2].detach().numpy(), lstm(many[2])[0].detach().numpy(), rtol=1e-12)
    projected = nn.LSTM(FEATURES, WIDTH, proj_size=2)
    assert "RecurrenceBackward0" not in ops_of(projected(medtorch.ones(2, 1, FEATURES))[0])


def test_autocast_runs_an_lstm_in_fewer_bits_and_leaves_the_state_of_a_gru_as_pytorch_does():
    """dtypes of (output, *states) as PyTorch 2.13.0 gives them on CPU."""
    pytest.importorskip("ml_dtypes")
    x = medtorch.ones(3, 2, FEATURES)
    with medtorch.autocast("cpu", dtype=medtorch.bfloat16):
        out, (h, c) = nn.LSTM(FEATURES, WIDTH)(x)
        gru, last = nn.GRU(FEATURES, WIDTH)(x)
        rnn, end = nn.RNN(FEATURES, WIDTH)(x)
    assert [t.dtype for t in (out, h, c)] == [medtorch.bfloat16] * 3
    assert [t.dtype for t in (gru, last)] == [medtorch.float32] * 2
    assert [t.dtype for t in (rnn, end)] == [medtorch.bfloat16] * 2
    assert STATE.casting is None


def test_what_does_not_fit_is_refused_by_name():
    op = layers.Recurrence("GRU", (2, 2), False)
    given, weight, hidden = medtorch.ones(4, 12), medtorch.ones(12, 4), medtorch.ones(2, 4)
    with pytest.raises(ShapeError, match=r"^recurrence: hidden must have the shape \(2, 4\)\n  given   \(4, 12\)"):
        op(given, weight, None, medtorch.ones(3, 4), None)
    with pytest.raises(DtypeError, match=r"^recurrence: takes float32 or float64, all the same\n"):
        op(given, weight.double(), None, hidden, None)
    back = layers.RecurrenceGrad("GRU", (2, 2), False)
    with pytest.raises(ShapeError, match=r"^recurrence_grad: grad and out must have a row for every step\n"):
        back(medtorch.ones(3, 4), None, None, weight, hidden, None, medtorch.ones(4, 4), medtorch.ones(4, 16))
