"""Sequences are packed, padded and taken apart again without a number lost, moved or made up."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch.errors import ArgumentError, ModuleTypeError, ShapeError
from medtorch.nn.utils import rnn

pytestmark = pytest.mark.requirement("REQ-F-NN-010")


def sequences(lengths, width=2):
    """Sequence i holds i00, i01, i10, i11, ...: every number tells where it belongs."""
    return [
        medtorch.tensor([[100.0 * (nr + 1) + 10 * t + w for w in range(width)] for t in range(length)])
        for nr, length in enumerate(lengths)
    ]


def test_packed_rows_are_in_order_of_time_longest_sequence_first():
    packed = rnn.pack_sequence(sequences([3, 2, 1], width=1))
    assert packed.data.flatten().tolist() == [100, 200, 300, 110, 210, 120]
    assert packed.batch_sizes.tolist() == [3, 2, 1]
    assert packed.sorted_indices is None
    assert packed.unsorted_indices is None


def test_unsorted_sequences_are_sorted_and_remember_their_places():
    packed = rnn.pack_sequence(sequences([1, 3, 2], width=1), enforce_sorted=False)
    assert packed.data.flatten().tolist() == [200, 300, 100, 210, 310, 220]
    assert packed.sorted_indices.tolist() == [1, 2, 0]
    assert packed.unsorted_indices.tolist() == [2, 0, 1]


@pytest.mark.parametrize("batch_first", [False, True])
def test_padding_a_packed_batch_gives_the_padded_batch_back(batch_first):
    every = sequences([2, 4, 1])
    padded = rnn.pad_sequence(every, batch_first, padding_value=-7.0)
    packed = rnn.pack_padded_sequence(padded, medtorch.tensor([2, 4, 1]), batch_first, enforce_sorted=False)
    again, lengths = rnn.pad_packed_sequence(packed, batch_first, padding_value=-7.0)
    assert again.tolist() == padded.tolist()
    assert lengths.tolist() == [2, 4, 1]
    longer, _ = rnn.pad_packed_sequence(packed, batch_first, total_length=6)
    assert longer.shape == ((3, 6, 2) if batch_first else (6, 3, 2))
    assert (longer[:, 4:] if batch_first else longer[4:]).abs().max().item() == 0.0


def test_sequences_come_back_as_they_were():
    every = sequences([2, 4, 1])
    for found in (
        rnn.unpack_sequence(rnn.pack_sequence(every, enforce_sorted=False)),
        rnn.unpad_sequence(rnn.pad_sequence(every), medtorch.tensor([2, 4, 1])),
        rnn.unpad_sequence(rnn.pad_sequence(every, batch_first=True), medtorch.tensor([2, 4, 1]), batch_first=True),
    ):
        assert [x.tolist() for x in found] == [x.tolist() for x in every]


def test_padding_is_at_the_side_that_is_asked_for():
    assert rnn.pad_sequence(sequences([1, 2], 1), True).squeeze(-1).tolist() == [[100, 0], [200, 210]]
    left = rnn.pad_sequence(sequences([1, 2], 1), True, padding_value=9, padding_side="left")
    assert left.squeeze(-1).tolist() == [[9, 100], [200, 210]]


def test_gradients_reach_what_was_packed_and_nothing_else():
    padded = medtorch.ones(3, 2, 1).requires_grad_()
    packed = rnn.pack_padded_sequence(padded, [3, 1])
    out, _ = rnn.pad_packed_sequence(packed)
    (out * 2).sum().backward()
    assert padded.grad.squeeze(-1).tolist() == [[2, 2], [2, 0], [2, 0]]


def test_a_packed_sequence_changes_dtype_with_its_places():
    packed = rnn.pack_sequence(sequences([1, 3]), enforce_sorted=False)
    double = packed.double()
    assert double.data.dtype is medtorch.float64
    assert double.half().data.dtype is medtorch.float16
    assert double.unsorted_indices.tolist() == packed.unsorted_indices.tolist()
    assert packed.float() is packed
    assert packed.cpu() is packed
    assert not packed.is_cuda


def test_an_inverse_leads_back():
    assert rnn.invert_permutation(medtorch.tensor([2, 0, 1])).tolist() == [1, 2, 0]
    assert rnn.invert_permutation(None) is None


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (
            lambda x: rnn.pack_padded_sequence(x, [3, 2, 1]),
            ShapeError,
            r"but got 3 \(batch_size=2\)",
        ),
        (lambda x: rnn.pack_padded_sequence(x, [3, 0]), ArgumentError, "has to be greater than 0"),
        (lambda x: rnn.pack_padded_sequence(x, [5, 2]), ArgumentError, "a length of 5 in an input of 4 steps"),
        (lambda x: rnn.pack_padded_sequence(x, [2, 3]), ArgumentError, "must be sorted in decreasing order when"),
        (lambda x: rnn.pad_sequence(3), ModuleTypeError, "Expected iterable for input sequences, .* int"),
        (lambda x: rnn.pad_sequence([]), ArgumentError, "received an empty list of sequences"),
        (lambda x: rnn.pad_sequence([x], padding_side="up"), ArgumentError, "must be 'left' or 'right', got 'up'"),
        (lambda x: rnn.PackedSequence(x), ArgumentError, "batch_sizes are missing"),
        (
            lambda x: rnn.pad_packed_sequence(rnn.pack_padded_sequence(x, [4, 2]), total_length=3),
            ArgumentError,
            "total_length=3 and max sequence length being 4",
        ),
    ],
)
def test_impossible_lengths_are_refused(make, error, text):
    with pytest.raises(error, match=text):
        make(medtorch.ones(4, 2, 1))


def test_torch_packs_the_same_rows(needs_torch):
    rng = np.random.default_rng(0)
    padded, lengths = rng.normal(size=(5, 7, 3)), [3, 5, 5, 1, 2, 4, 5]
    ours, theirs = (
        library.nn.utils.rnn.pack_padded_sequence(library.tensor(padded), lengths, enforce_sorted=False)
        for library in (medtorch, needs_torch)
    )
    assert ours.batch_sizes.tolist() == theirs.batch_sizes.tolist()
    assert sorted(ours.data.tolist()) == sorted(theirs.data.tolist())
