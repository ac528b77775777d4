"""Transformers give what a loop over samples, heads and queries gives, whatever is masked, padded or normed first."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.errors import ArgumentError, DtypeError, ShapeError
from tests.oracles import attention

pytestmark = pytest.mark.requirement("REQ-F-NN-011")

WIDTH, HEADS, SOURCE, TARGET, BATCH = 8, 2, 5, 4, 3
PADDED = np.array([[False] * 5, [False] * 3 + [True] * 2, [False] * 4 + [True]])
OPTIONS = [
    {"norm_first": first, "bias": bias, "batch_first": batch}
    for first, bias, batch in itertools.product((False, True), (True, False), (False, True))
]


def filled(module, rng):
    """The module in float64 and eval mode, no weight as it was initialised; norms and biases too."""
    module = module.double().eval()
    with medtorch.no_grad():
        for p in module.parameters():
            p.copy_(medtorch.tensor(rng.normal(size=tuple(p.shape)) * 0.4))
    return module


def weights(module):
    return {name: value.numpy() for name, value in module.state_dict().items()}


def laid(x, options):
    """Samples first, as the oracle has them, in the layout that the layer wants."""
    return medtorch.tensor(x if options["batch_first"] else x.transpose(1, 0, 2).copy())


def samples(out, options):
    array = out.detach().numpy()
    return array if options["batch_first"] else array.transpose(1, 0, 2)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_an_encoder_layer_with_both_masks_is_the_loop(options, rng):
    layer = filled(nn.TransformerEncoderLayer(WIDTH, HEADS, 11, **options), rng)
    x = rng.normal(size=(BATCH, SOURCE, WIDTH))
    later = np.triu(np.ones((SOURCE, SOURCE), bool), 1)
    out = layer(laid(x, options), src_mask=medtorch.tensor(later), src_key_padding_mask=medtorch.tensor(PADDED))
    for nr, found in enumerate(samples(out, options)):
        allowed = ~later & ~PADDED[nr]
        expected = attention.encoder_layer(x[nr], weights(layer), HEADS, allowed, options["norm_first"])
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_decoder_layer_with_all_masks_is_the_loop(options, rng):
    layer = filled(nn.TransformerDecoderLayer(WIDTH, HEADS, 11, **options), rng)
    x, memory = rng.normal(size=(BATCH, TARGET, WIDTH)), rng.normal(size=(BATCH, SOURCE, WIDTH))
    later = nn.Transformer.generate_square_subsequent_mask(TARGET, dtype=medtorch.float64)
    near = np.abs(np.arange(TARGET)[:, None] - np.arange(SOURCE)) > 2
    out = layer(
        laid(x, options),
        laid(memory, options),
        tgt_mask=later,
        tgt_is_causal=True,
        memory_mask=medtorch.tensor(near),
        memory_key_padding_mask=medtorch.tensor(PADDED),
    )
    for nr, found in enumerate(samples(out, options)):
        allowed, seen = np.tril(np.ones((TARGET, TARGET), bool)), ~near & ~PADDED[nr]
        expected = attention.decoder_layer(
            x[nr], memory[nr], weights(layer), HEADS, allowed, seen, options["norm_first"]
        )
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


def test_a_transformer_is_its_encoder_and_decoder_with_a_norm_behind_each(rng):
    model = filled(nn.Transformer(WIDTH, HEADS, 2, 1, 11, batch_first=True), rng)
    source, target = rng.normal(size=(1, SOURCE, WIDTH)), rng.normal(size=(1, TARGET, WIDTH))
    out = model(medtorch.tensor(source), medtorch.tensor(target)).detach().numpy()
    w, x, y = weights(model), source[0], target[0]
    for nr in range(2):
        own = attention.below(w, f"encoder.layers.{nr}")
        x = attention.encoder_layer(x, own, HEADS, np.ones((SOURCE, SOURCE), bool), False)
    memory = attention.norm(x, attention.below(w, "encoder.norm"))
    own = attention.below(w, "decoder.layers.0")
    y = attention.decoder_layer(
        y, memory, own, HEADS, np.ones((TARGET, TARGET), bool), np.ones((TARGET, SOURCE), bool), False
    )
    np.testing.assert_allclose(out[0], attention.norm(y, attention.below(w, "decoder.norm")), rtol=1e-9, atol=1e-11)
    alone = model(medtorch.tensor(source[0]), medtorch.tensor(target[0])).detach().numpy()
    np.testing.assert_allclose(alone, out[0], rtol=1e-12)


def test_layers_are_copies_that_share_nothing():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 2, enable_nested_tensor=False)
    assert encoder.layers[0].linear1.weight is not encoder.layers[1].linear1.weight
    assert encoder.layers[0].linear1.weight.tolist() == encoder.layers[1].linear1.weight.tolist()


def test_padded_positions_are_zero_in_inference_where_torch_skips_them(rng):
    encoder = filled(nn.TransformerEncoder(nn.TransformerEncoderLayer(WIDTH, HEADS, 11, batch_first=True), 1), rng)
    x, padded = medtorch.tensor(rng.normal(size=(BATCH, SOURCE, WIDTH))), medtorch.tensor(PADDED)
    with medtorch.no_grad():
        skipped = encoder(x, src_key_padding_mask=padded)
        unordered = encoder(x, src_key_padding_mask=padded.flip(1))
    recorded = encoder(x, src_key_padding_mask=padded).detach()
    assert (skipped == 0).all(-1).tolist() == PADDED.tolist()
    assert skipped[~padded].tolist() == recorded[~padded].tolist()
    assert not (recorded == 0).any().item()
    assert not (unordered == 0).any().item()


def test_a_compiled_encoder_skips_the_padding_that_the_encoder_skips(rng):
    class Padded(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(WIDTH, HEADS, 11, batch_first=True), 1)

        def forward(self, x, padded):
            return self.encoder(x, src_key_padding_mask=padded)

    model, x = Padded().eval(), medtorch.tensor(rng.normal(size=(BATCH, SOURCE, WIDTH)).astype(np.float32))
    padded = medtorch.tensor(PADDED)
    compiled = medtorch.compile(model, x, padded)
    with medtorch.no_grad():
        for mask in (padded, padded.flip(1)):
            np.testing.assert_allclose(compiled(x, mask).numpy(), model(x, mask).numpy(), atol=1e-6)


def test_a_causal_mask_is_minus_infinity_above_the_diagonal():
    mask = nn.Transformer.generate_square_subsequent_mask(3)
    assert mask.tolist() == [[0, -math.inf, -math.inf], [0, 0, -math.inf], [0, 0, 0]]


def test_gelu_is_an_activation_too(rng):
    named, given = (nn.TransformerEncoderLayer(4, 2, 8, activation=a).eval() for a in ("gelu", nn.functional.gelu))
    given.load_state_dict(named.state_dict())
    x = medtorch.tensor(rng.normal(size=(3, 1, 4)).astype(np.float32))
    assert named(x).tolist() == given(x).tolist()


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: nn.TransformerEncoderLayer(4, 2, activation="tanh"), ArgumentError, "should be relu/gelu, not tanh"),
        (
            lambda: nn.TransformerEncoderLayer(4, 2)(medtorch.ones(3, 1, 4), medtorch.ones(3, 3, dtype=medtorch.int64)),
            DtypeError,
            "only bool and floating types of src_mask are supported",
        ),
        (
            lambda: nn.TransformerDecoderLayer(4, 2)(
                medtorch.ones(3, 1, 4), medtorch.ones(3, 1, 4), memory_mask=medtorch.ones(3, 3, dtype=medtorch.int64)
            ),
            DtypeError,
            "only bool and floating types of memory_mask are supported",
        ),
        (
            lambda: nn.TransformerEncoderLayer(4, 2)(medtorch.ones(3, 1, 4), is_causal=True),
            ArgumentError,
            "is_causal is a hint: pass attn_mask, too",
        ),
        (
            lambda: nn.Transformer(4, 2, 1, 1, 8)(medtorch.ones(3, 2, 4), medtorch.ones(3, 1, 4)),
            ShapeError,
            "the batch number of src and tgt must be equal",
        ),
        (
            lambda: nn.Transformer(4, 2, 1, 1, 8)(medtorch.ones(3, 1, 4), medtorch.ones(3, 1, 5)),
            ShapeError,
            "must be equal to d_model 4",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()


@pytest.mark.filterwarnings("ignore::UserWarning")  # torch tells when it cannot nest
@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_torch_gives_the_same_with_the_same_keys(options, grad, rng, needs_torch):
    shape = (WIDTH, HEADS, 2, 2, 11)
    ours = filled(nn.Transformer(*shape, **options), rng)
    theirs = needs_torch.nn.Transformer(*shape, **options).double().eval()
    theirs.load_state_dict({k: needs_torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    x, y = rng.normal(size=(BATCH, SOURCE, WIDTH)), rng.normal(size=(BATCH, TARGET, WIDTH))
    found = []
    for library, model in ((medtorch, ours), (needs_torch, theirs)):
        with library.set_grad_enabled(grad):
            inputs = [library.tensor(laid(v, options).numpy()) for v in (x, y)]
            found.append(model(*inputs, src_key_padding_mask=library.tensor(PADDED)).detach().numpy())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9, atol=1e-11)
    assert repr(ours) == repr(theirs)
