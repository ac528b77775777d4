"""Sequences of different lengths: padded to one tensor, packed, and back.

Source    semantics of torch.nn.utils.rnn
Requires  REQ-F-NN-010
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from medtorch.core.creation import from_numpy
from medtorch.core.ops.pad import pad
from medtorch.core.ops.shape import stack
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, ModuleTypeError, ShapeError
from medtorch.nn.packed import PackedSequence as PackedSequence
from medtorch.nn.packed import invert_permutation as invert_permutation


def pack_padded_sequence(
    input: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Leave out the padding: the first `lengths[i]` steps of each sequence i.

    Shapes    input (longest, batch, ...), or batch first
    Raises    ShapeError for another number of lengths, ArgumentError for a length that is 0 or longer than the input,
              or for lengths that do not fall while `enforce_sorted`
    """
    wanted = _numbers(lengths)
    sequences = input.transpose(0, 1) if batch_first else input
    steps, batch = sequences.shape[:2]
    if wanted.shape != (batch,):
        raise ShapeError(
            f"pack_padded_sequence: Expected `len(lengths)` to be equal to batch_size, but got {wanted.size} "
            f"(batch_size={batch})"
        )
    _check_lengths(wanted, steps)
    order: Tensor | None = None
    if not enforce_sorted:
        ranks = np.argsort(-wanted, kind="stable")
        wanted, order = wanted[ranks], from_numpy(ranks).to(input.device)
        sequences = sequences.index_select(1, order)
    elif np.any(np.diff(wanted) > 0):
        raise ArgumentError(
            "pack_padded_sequence: `lengths` array must be sorted in decreasing order when `enforce_sorted` is True. "
            "You can pass `enforce_sorted=False` to sort it"
        )
    sizes = np.array([(wanted > t).sum() for t in range(int(wanted[0]))], np.int64)
    rows = np.concatenate([t * batch + np.arange(size) for t, size in enumerate(sizes)])
    data = sequences.flatten(0, 1).index_select(0, from_numpy(rows).to(input.device))
    return PackedSequence(data, from_numpy(sizes), order)


def _numbers(lengths: Tensor | Sequence[int]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    plain = lengths.numpy(force=True) if isinstance(lengths, Tensor) else [int(length) for length in lengths]
    return np.array(plain).astype(np.int64)


def _check_lengths(lengths: np.ndarray[tuple[int, ...], np.dtype[np.int64]], steps: int) -> None:
    if lengths.size == 0 or lengths.min() <= 0:
        raise ArgumentError(
            "pack_padded_sequence: Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    if lengths.max() > steps:
        raise ArgumentError(f"pack_padded_sequence: a length of {lengths.max()} in an input of {steps} steps")


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """The sequences with padding at their ends, in their old order, and their lengths.

    Shapes    (total_length or longest, batch, ...), or batch first; (batch) whole numbers on the CPU
    Raises    ArgumentError for a total_length below the longest
    """
    sizes = sequence.batch_sizes.numpy()
    steps, batch = len(sizes), int(sizes[0])
    if total_length is not None and total_length < steps:
        raise ArgumentError(
            "pad_packed_sequence: Expected total_length to be at least the length of the longest sequence in input, "
            f"but got total_length={total_length} and max sequence length being {steps}"
        )
    there = np.zeros((total_length or steps, batch), bool)
    there[:steps] = np.arange(batch) < sizes[:, None]
    rows = np.zeros(there.shape, np.int64)
    rows[there] = np.arange(int(sizes.sum()))
    data, lengths = sequence.data, from_numpy(there.sum(0))
    padded = data.index_select(0, from_numpy(rows.reshape(-1)).to(data.device)).unflatten(0, there.shape)
    absent = from_numpy(~there).to(data.device).reshape(*there.shape, *(1,) * (data.ndim - 1))
    padded = padded.masked_fill(absent, padding_value)
    if sequence.unsorted_indices is not None:
        padded = padded.index_select(1, sequence.unsorted_indices)
        lengths = lengths.index_select(0, sequence.unsorted_indices.cpu())
    return (padded.transpose(0, 1) if batch_first else padded), lengths


def pad_sequence(
    sequences: Tensor | Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences (length, ...) side by side, the shorter ones filled up with `padding_value`.

    Shapes    (longest, batch, ...), or batch first
    Raises    ModuleTypeError for no list of tensors; ArgumentError for an empty one or an unknown side
    """
    if not isinstance(sequences, Iterable):
        raise ModuleTypeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: " + type(sequences).__name__
        )
    every = list(sequences)
    if not every:
        raise ArgumentError("pad_sequence: received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise ArgumentError(f"pad_sequence: padding_side must be 'left' or 'right', got {padding_side!r}")
    longest = max(len(sequence) for sequence in every)
    filled = [_filled(sequence, longest - len(sequence), padding_value, padding_side) for sequence in every]
    return stack(filled, 0 if batch_first else 1)


def _filled(sequence: Tensor, missing: int, value: float, side: str) -> Tensor:
    ends = (0, missing) if side == "right" else (missing, 0)
    return pad(sequence, (0, 0) * (sequence.ndim - 1) + ends, value=value) if missing else sequence


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The first `lengths[i]` steps of each sequence i."""
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [row[: int(length)] for row, length in zip(rows.unbind(0), lengths.tolist(), strict=True)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences (length, ...). Raises ArgumentError as pack_padded_sequence."""
    lengths = [len(sequence) for sequence in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences that were packed, in their old order."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
