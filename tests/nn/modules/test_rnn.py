"""Recurrent layers give what a loop over sequences, steps and gates gives, however they are batched or packed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.errors import ArgumentError, ModuleTypeError, ShapeError
from medtorch.nn.utils import rnn as packing
from tests.oracles import recurrent

pytestmark = pytest.mark.requirement("REQ-F-NN-010")

KINDS = {
    "RNN_TANH": (nn.RNN, {}),
    "RNN_RELU": (nn.RNN, {"nonlinearity": "relu"}),
    "LSTM": (nn.LSTM, {}),
    "LSTM projected": (nn.LSTM, {"proj_size": 3}),
    "GRU": (nn.GRU, {}),
}
FEATURES, HIDDEN = 4, 5
LENGTHS = [3, 6, 1, 6]


def layer_of(kind, **options):
    layer, own = KINDS[kind]
    return layer(FEATURES, HIDDEN, **own, **options).double()


def weights_of(layer):
    """The layer's parameters as the oracle takes them."""
    stems = [
        {name.rpartition("_l")[0]: getattr(layer, name).detach().numpy() for name in names}
        for names in layer._all_weights
    ]
    return [stems[nr : nr + layer._directions] for nr in range(0, len(stems), layer._directions)]


def starts_of(layer, batch, rng):
    count = layer.num_layers * layer._directions
    return rng.normal(size=(count, batch, layer._width)), rng.normal(size=(count, batch, HIDDEN))


def given(layer, h, c):
    return (medtorch.tensor(h), medtorch.tensor(c)) if layer.mode == "LSTM" else medtorch.tensor(h)


def expected_of(layer, kind, sequences, h, c):
    runs = [recurrent.run(kind.split()[0], x, h[:, nr], c[:, nr], weights_of(layer)) for nr, x in enumerate(sequences)]
    return [run[0] for run in runs], np.stack([run[1] for run in runs], 1), np.stack([run[2] for run in runs], 1)


def check_state(layer, found, h, c):
    hidden, cell = found if layer.mode == "LSTM" else (found, None)
    np.testing.assert_allclose(hidden.detach().numpy(), h, rtol=1e-10, atol=1e-12)
    if cell is not None:
        np.testing.assert_allclose(cell.detach().numpy(), c, rtol=1e-10, atol=1e-12)


SHAPES = [
    {"num_layers": layers, "bidirectional": both, "bias": bias}
    for layers, both, bias in itertools.product((1, 3), (False, True), (False, True))
]


@pytest.mark.parametrize("options", SHAPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_run_as_its_sequences_are(kind, options, rng):
    layer = layer_of(kind, **options)
    x, (h, c) = rng.normal(size=(6, 4, FEATURES)), starts_of(layer, 4, rng)
    out, state = layer(medtorch.tensor(x), given(layer, h, c))
    expected, last_h, last_c = expected_of(layer, kind, x.transpose(1, 0, 2), h, c)
    np.testing.assert_allclose(out.detach().numpy(), np.stack(expected, 1), rtol=1e-10, atol=1e-12)
    check_state(layer, state, last_h, last_c)


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_packed_sequences_end_where_they_end(kind, options, rng):
    layer = layer_of(kind, **options)
    sequences = [rng.normal(size=(length, FEATURES)) for length in LENGTHS]
    h, c = starts_of(layer, len(LENGTHS), rng)
    packed = packing.pack_sequence([medtorch.tensor(x) for x in sequences], enforce_sorted=False)
    out, state = layer(packed, given(layer, h, c))
    expected, last_h, last_c = expected_of(layer, kind, sequences, h, c)
    for found, theirs in zip(packing.unpack_sequence(out), expected, strict=True):
        np.testing.assert_allclose(found.detach().numpy(), theirs, rtol=1e-10, atol=1e-12)
    check_state(layer, state, last_h, last_c)


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_state_it_starts_at_zero_and_batch_first_turns_input_and_output_only(kind, rng):
    layer = layer_of(kind, num_layers=2, batch_first=True)
    x = rng.normal(size=(3, 5, FEATURES))
    out, state = layer(medtorch.tensor(x))
    h, c = (0 * part for part in starts_of(layer, 3, rng))
    expected, last_h, last_c = expected_of(layer, kind, x, h, c)
    np.testing.assert_allclose(out.detach().numpy(), np.stack(expected), rtol=1e-10, atol=1e-12)
    check_state(layer, state, last_h, last_c)


@pytest.mark.parametrize("kind", KINDS)
def test_one_sequence_needs_no_batch(kind, rng):
    layer = layer_of(kind, bidirectional=True)
    x, (h, c) = rng.normal(size=(5, FEATURES)), starts_of(layer, 1, rng)
    out, state = layer(medtorch.tensor(x), given(layer, h[:, 0], c[:, 0]))
    expected, last_h, last_c = expected_of(layer, kind, x[None], h, c)
    np.testing.assert_allclose(out.detach().numpy(), expected[0], rtol=1e-10, atol=1e-12)
    check_state(layer, state, last_h[:, 0], last_c[:, 0])


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_follow_a_small_step_in_every_parameter_and_input(kind, rng):
    layer = layer_of(kind, num_layers=2, bidirectional=True)
    packed = packing.pack_sequence([medtorch.tensor(rng.normal(size=(n, FEATURES))) for n in (4, 2)])
    rows, weights = packed.data.requires_grad_(), medtorch.tensor(rng.normal(size=(6, 2 * layer._width)))

    def loss():
        out, state = layer(packing.PackedSequence(rows, packed.batch_sizes))
        last = state[1] if layer.mode == "LSTM" else state
        return (out.data * weights).sum() + (last**2).sum()

    loss().backward()
    for tensor in (rows, *layer.parameters()):
        direction = medtorch.tensor(rng.normal(size=tuple(tensor.shape)))
        values = []
        for size in (1e-5, -1e-5):
            with medtorch.no_grad():
                tensor.add_(direction, alpha=size)
                values.append(loss().item())
                tensor.add_(direction, alpha=-size)
        slope = (values[0] - values[1]) / 2e-5
        assert (tensor.grad * direction).sum().item() == pytest.approx(slope, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(("kind", "cell"), [("RNN_TANH", nn.RNNCell), ("LSTM", nn.LSTMCell), ("GRU", nn.GRUCell)])
@pytest.mark.parametrize("bias", [True, False])
def test_a_cell_is_one_step_of_its_layer(kind, cell, bias, rng):
    layer, one = layer_of(kind, bias=bias), cell(FEATURES, HIDDEN, bias=bias).double()
    one.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
    x, (h, c) = rng.normal(size=(3, FEATURES)), starts_of(layer, 3, rng)
    _, state = layer(medtorch.tensor(x[None]), given(layer, h, c))
    found = one(medtorch.tensor(x), given(layer, h[0], c[0]))
    alone = one(medtorch.tensor(x[1]), given(layer, h[0, 1], c[0, 1]))
    for a, b, single in zip(*((f if kind == "LSTM" else (f,)) for f in (found, state, alone)), strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b[0].detach().numpy(), rtol=1e-12)
        np.testing.assert_allclose(single.detach().numpy(), b[0, 1].detach().numpy(), rtol=1e-12)
    assert one(medtorch.tensor(x))[0].shape == ((3, HIDDEN) if kind == "LSTM" else (HIDDEN,))


def test_a_relu_cell_never_goes_below_zero(rng):
    out = nn.RNNCell(FEATURES, HIDDEN, nonlinearity="relu").double()(medtorch.tensor(rng.normal(size=(9, FEATURES))))
    assert out.min().item() == 0.0


def test_dropout_is_between_layers_in_training_only(rng):
    layer = layer_of("GRU", num_layers=2, dropout=0.5)
    x = medtorch.tensor(rng.normal(size=(3, 2, FEATURES)))
    medtorch.manual_seed(1)
    first, second = layer(x)[0], layer(x)[0]
    assert (first != second).any().item()
    layer.eval()
    assert layer(x)[0].tolist() == layer(x)[0].tolist()


def test_dropout_of_one_layer_is_warned_about():
    with pytest.warns(UserWarning, match="dropout option adds dropout after all but last recurrent layer"):
        nn.LSTM(2, 3, dropout=0.5)


def test_parameters_have_torchs_names_and_lists():
    layer = nn.LSTM(2, 4, num_layers=2, bidirectional=True, proj_size=3)
    stems = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
    ends = ("_l0", "_l0_reverse", "_l1", "_l1_reverse")
    assert list(layer.state_dict()) == [stem + end for end in ends for stem in stems]
    assert [[tuple(w.shape) for w in weights] for weights in layer.all_weights][2] == [
        (16, 6), (16, 3), (16,), (16,), (3, 4),
    ]  # fmt: skip
    layer.flatten_parameters()
    assert all(weight.abs().max().item() <= 0.5 for weight in layer.parameters())
    assert repr(layer) == "LSTM(2, 4, proj_size=3, num_layers=2, bidirectional=True)"


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: nn.RNN(3, 5, bias=1), ModuleTypeError, "bias should be of type bool, got: int"),
        (lambda: nn.GRU(3, 5, batch_first="no"), ModuleTypeError, "batch_first should be of type bool, got: str"),
        (lambda: nn.LSTM(3.0, 5), ModuleTypeError, "input_size should be of type int, got: float"),
        (lambda: nn.LSTM(0, 5), ArgumentError, "input_size must be greater than zero"),
        (lambda: nn.LSTM(3, 0), ArgumentError, "hidden_size must be greater than zero"),
        (lambda: nn.LSTM(3, 5, 0), ArgumentError, "num_layers must be greater than zero"),
        (lambda: nn.LSTM(3, 5, proj_size=5), ArgumentError, "proj_size has to be smaller than hidden_size"),
        (lambda: nn.LSTM(3, 5, proj_size=-1), ArgumentError, "proj_size should be a positive integer or zero"),
        (lambda: nn.LSTM(3, 5, dropout=True), ArgumentError, r"dropout should be a number in range \[0, 1\]"),
        (lambda: nn.GRU(3, 5, proj_size=2), ArgumentError, "proj_size argument is only supported for LSTM"),
        (lambda: nn.RNN(3, 5, nonlinearity="gelu"), ArgumentError, "Unknown nonlinearity 'gelu'"),
        (lambda: nn.RNNBase("SRU", 3, 5), ArgumentError, "Unrecognized RNN mode: SRU"),
        (
            lambda: nn.RNN(3, 5)(medtorch.ones(2, 1, 3).double()),
            ArgumentError,
            "RNN input dtype .*float64",
        ),
        (lambda: nn.RNN(3, 5)(medtorch.ones(2, 1, 4)), ShapeError, r"Expected 3, got 4"),
        (lambda: nn.RNN(3, 5)(medtorch.ones(3)), ShapeError, "Expected input to be 2D or 3D, got 1D instead"),
        (lambda: nn.RNN(3, 5)(medtorch.ones(0, 1, 3)), ShapeError, "sequence length to be larger than 0"),
        (
            lambda: nn.RNN(3, 5)(medtorch.ones(2, 1, 3), medtorch.ones(1, 2, 5)),
            ShapeError,
            r"Expected hidden size \(1, 1, 5\), got \[1, 2, 5\]",
        ),
        (
            lambda: nn.LSTM(3, 5)(medtorch.ones(2, 1, 3), (medtorch.ones(1, 1, 5), medtorch.ones(1, 1, 4))),
            ShapeError,
            r"Expected hidden\[1\] size \(1, 1, 5\), got \[1, 1, 4\]",
        ),
        (
            lambda: nn.LSTM(3, 5)(medtorch.ones(2, 1, 3), (medtorch.ones(1, 1, 5),)),
            ArgumentError,
            "hx must be a hidden state and a cell state, got 1",
        ),
        (
            lambda: nn.LSTM(3, 5)(medtorch.ones(2, 1, 3), (medtorch.ones(1, 5), medtorch.ones(1, 5))),
            ShapeError,
            r"For batched 3-D input, hx and cx should also be 3-D but got \(2-D, 2-D\)",
        ),
        (
            lambda: nn.RNN(3, 5)(medtorch.ones(2, 3), medtorch.ones(1, 1, 5)),
            ShapeError,
            r"For unbatched 2-D input, hx should also be 2-D but got \(3-D\)",
        ),
        (lambda: nn.RNNCell(3, 5)(medtorch.ones(2, 4)), ShapeError, "inconsistent input_size: got 4 expected 3"),
        (
            lambda: nn.GRUCell(3, 5)(medtorch.ones(2, 3), medtorch.ones(2, 6)),
            ShapeError,
            "hidden0 has inconsistent hidden_size: got 6, expected 5",
        ),
        (
            lambda: nn.GRUCell(3, 5)(medtorch.ones(2, 3), medtorch.ones(4, 5)),
            ShapeError,
            "Input batch size 2 doesn't match hidden0 batch size 4",
        ),
        (
            lambda: nn.LSTMCell(3, 5)(medtorch.ones(2, 3), (medtorch.ones(2, 5, 1), medtorch.ones(2, 5))),
            ShapeError,
            r"LSTMCell: Expected hx\[0\] to be 1D or 2D, got 3D instead",
        ),
        (lambda: nn.RNNCell(3, 5)(medtorch.ones(1, 2, 3)), ShapeError, "input to be 1D or 2D, got 3D"),
        (lambda: nn.RNNCell(3, 5, nonlinearity="x")(medtorch.ones(3)), ArgumentError, "Unknown nonlinearity: x"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_was_expected(make, error, text):
    with pytest.raises(error, match=text):
        make()


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True, "batch_first": True}], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_torch_gives_the_same_for_packed_sequences(kind, options, rng, needs_torch):
    layer = layer_of(kind, **options)
    theirs = getattr(needs_torch.nn, type(layer).__name__)(FEATURES, HIDDEN, **KINDS[kind][1], **options).double()
    theirs.load_state_dict({k: needs_torch.tensor(v.numpy()) for k, v in layer.state_dict().items()})
    padded = rng.normal(size=(len(LENGTHS), max(LENGTHS), FEATURES))
    found = []
    for library, own in ((medtorch, layer), (needs_torch, theirs)):
        utils = library.nn.utils.rnn
        packed = utils.pack_padded_sequence(library.tensor(padded), LENGTHS, batch_first=True, enforce_sorted=False)
        out, state = own(packed)
        assert packed.batch_sizes.tolist() == [4, 3, 3, 2, 2, 2]
        found.append((*utils.pad_packed_sequence(out, padding_value=-1.0, total_length=8), state))
    (a, a_lengths, a_state), (b, b_lengths, b_state) = found
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-10)
    assert a_lengths.tolist() == b_lengths.tolist() == LENGTHS
    for one, other in zip(*((s if layer.mode == "LSTM" else (s,)) for s in (a_state, b_state)), strict=True):
        np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), rtol=1e-10)
    assert repr(layer) == repr(theirs)


@pytest.mark.parametrize(
    ("name", "cell"),
    [("rnn_tanh", nn.RNNCell), ("gru", nn.GRUCell), ("lstm", nn.LSTMCell), ("rnn_relu", nn.RNNCell)],
)
def test_cells_are_functions_too(name, cell, rng):
    options = {"nonlinearity": "relu"} if name == "rnn_relu" else {}
    layer = cell(FEATURES, HIDDEN, **options).double()
    x, h, c = (medtorch.tensor(rng.normal(size=(2, size))) for size in (FEATURES, HIDDEN, HIDDEN))
    state = (h, c) if name == "lstm" else h
    found = getattr(medtorch, f"{name}_cell")(x, state, *layer.parameters())
    expected = layer(x, state)
    for a, b in zip(*((v if name == "lstm" else (v,)) for v in (found, expected)), strict=True):
        assert a.tolist() == b.tolist()
