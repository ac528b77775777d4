"""One block of memory for all values: who lies where, and that nothing is read after its time."""

from __future__ import annotations

import time

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.core.backends.reference import ReferenceKernels
from medtorch.core.graph.arena import ALIGNMENT, Life, offsets
from medtorch.errors import BackendError
from tests.core.graph.models import INPUTS, NAMES, eager, gap, image, leaves, lively, zoo

pytestmark = pytest.mark.requirement("REQ-F-CMP-005")


class WritingKernels(ReferenceKernels):
    """The reference kernels as a backend that computes everything straight into given memory."""

    writes = frozenset(
        {
            "conv_fused",
            "conv_transpose_fused",
            "linear_fused",
            "scale_shift",
            "add_activated",
            "activate",
            "copy_into",
        }
    )


@pytest.fixture
def writing(monkeypatch):
    kernels = WritingKernels(np)
    for module in ("graph.plan", "autograd"):  # the model itself is computed by the same backend
        monkeypatch.setattr(f"medtorch.core.{module}.kernels_for", lambda place: kernels)
    return kernels


# -- the arena alone ---------------------------------------------------------------------------------------------------


def test_values_that_live_together_never_overlap(rng):
    for _ in range(50):
        lives = []
        for _ in range(rng.integers(1, 60)):
            first = int(rng.integers(0, 200))
            length = int(rng.choice([0, 1, 7, 63, 64, 65, 150]))
            lives.append(Life(int(rng.integers(1, 5000)), first, first + length))
        starts, total = offsets(lives)
        assert all(start % ALIGNMENT == 0 for start in starts)
        assert total >= max(start + life.size for start, life in zip(starts, lives, strict=True))
        for i, one in enumerate(lives):
            for j in range(i):
                if one.first <= lives[j].last and lives[j].first <= one.last:
                    apart = starts[i] + one.size <= starts[j] or starts[j] + lives[j].size <= starts[i]
                    assert apart


def test_a_chain_needs_two_neighbours_at_a_time():
    # Written by step n, read by step n + 1: at any time two of them live, so two slots do for all ten.
    starts, total = offsets([Life(1024, n, n + 1) for n in range(10)])
    assert total == 2 * 1024
    assert set(starts) == {0, 1024}


def test_a_small_value_fits_into_the_gap_that_a_large_one_left():
    lives = [Life(4096, 0, 1), Life(64, 0, 5), Life(2048, 2, 3)]
    assert offsets(lives) == ([0, 4096, 0], 4160)


def test_thousands_of_short_lives_are_placed_in_a_moment():
    lives = [Life(64 * (1 + n % 7), n, n + 2) for n in range(20000)]
    started = time.process_time()
    starts, total = offsets(lives)
    assert total <= 4 * 64 * 7
    assert len(starts) == 20000
    assert time.process_time() - started < 20  # comparing each with each took minutes


def test_nothing_needs_no_memory():
    assert offsets([]) == ([], 0)


# -- plans -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_sharing_memory_changes_no_bit_of_any_model(name, writing):
    model, x = zoo(name), image(INPUTS[name], seed=3)
    shared = medtorch.compile(model, x, poison=True)
    writing.__class__.writes, kept = frozenset(), WritingKernels.writes
    try:
        alone = medtorch.compile(model, x)
    finally:
        WritingKernels.writes = kept
    assert alone.stats()["plan"]["arena_bytes"] == 0
    assert shared.stats()["plan"]["arena_bytes"] > 0
    for _ in range(2):  # the second time in memory that was used and poisoned
        pairs = zip(leaves(shared(x)), leaves(alone(x)), strict=True)
        assert all(one.numpy().tobytes() == other.numpy().tobytes() for one, other in pairs)


def test_memory_is_used_again_and_again(writing):
    plan = medtorch.compile(zoo("cifar_resnet20"), image((1, 3, 16, 16))).stats()["plan"]
    # 19 convolutions make 19 feature maps; at any time a block needs its input, its middle and its result.
    largest = 16 * 16 * 16 * 4
    assert plan["arena_values"] >= 19
    assert plan["arena_bytes"] <= 3 * largest
    assert plan["values_bytes"] > 2 * plan["arena_bytes"]


def test_what_is_concatenated_is_written_where_it_goes(writing):
    plan = medtorch.compile(zoo("unet"), image(INPUTS["unet"])).stats()["plan"]
    # Three levels, each concatenates what the way down kept and what comes up: six parts, all written straight.
    assert plan["kernels"]["cat"] == 3
    assert plan["concatenated_in_place"] == 6


class DenseBlock(nn.Module):
    """Each layer sees all that came before it: Huang et al., CVPR 2017."""

    def __init__(self, layers=4, width=4):
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(width * (n + 1)) for n in range(layers))
        self.convs = nn.ModuleList(nn.Conv2d(width * (n + 1), width, 3, padding=1) for n in range(layers))
        self.first = nn.Conv2d(3, width, 1)

    def forward(self, x):
        seen = [self.first(x)]
        for norm, conv in zip(self.norms, self.convs, strict=True):
            seen.append(conv(norm(medtorch.cat(seen, 1)).relu()))
        return medtorch.cat(seen, 1).sum((2, 3))


def test_a_dense_block_lies_in_one_piece_of_memory(writing):
    model, x = lively(DenseBlock()), image((2, 3, 6, 6))
    compiled = medtorch.compile(model, x, poison=True)
    plan = compiled.stats()["plan"]
    # Concatenations of 1 (an identity), 2, 3, 4 and 5 values: all but the first begin with the one before. Placed: the
    # five values, and three concatenations in the next one.
    assert plan["rewrites"]["concatenations nested"] == 3
    assert plan["concatenated_in_place"] == 8
    whole = 2 * 20 * 36 * 4
    assert plan["arena_bytes"] <= 2 * whole + 1024  # the block, and the largest normalised copy of it
    other = image((2, 3, 6, 6), seed=3)
    assert gap(compiled(other), eager(model, other)) < 2e-6


class TwoInOne(nn.Module):
    """The same value twice in one concatenation, and in a second one."""

    def forward(self, x):
        a, b = x.relu(), (x * 2).relu()
        first = medtorch.cat((a, b, a), 1)
        return medtorch.cat((first.relu(), b, x), 1).relu()


def test_a_part_that_goes_to_several_places_is_copied(writing):
    x = image((2, 3, 4, 4))
    compiled = medtorch.compile(TwoInOne().eval(), x, poison=True)
    assert compiled(x).numpy().tobytes() == eager(TwoInOne().eval(), x).numpy().tobytes()
    # b in the first concatenation, first.relu() in the second
    assert compiled.stats()["plan"]["concatenated_in_place"] == 2


class Views(nn.Module):
    """Values that are looked at through views long after they were made."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x):
        a = self.conv(x)
        part, flat = a[:, 1:3], a.reshape(a.shape[0], -1)
        b = (x + 1).relu()
        c = (b + 1).relu()
        d = (c + b).relu()
        return d.sum((1, 2, 3)) + part.sum((1, 2, 3)) + flat.sum(1)


def test_a_view_keeps_its_memory_alive(writing):
    model, x = Views().eval(), image((2, 3, 5, 5))
    compiled = medtorch.compile(model, x, poison=True)
    assert compiled.stats()["plan"]["arena_values"] >= 3
    assert gap(compiled(x), eager(model, x)) < 1e-6


def test_an_elementwise_step_writes_over_an_input_that_dies(writing):
    model = nn.Sequential(nn.MaxPool2d(1), nn.BatchNorm2d(3), nn.Tanh(), nn.Conv2d(3, 3, 1))
    plan = medtorch.compile(lively(model), image((2, 3, 4, 4))).stats()["plan"]
    assert plan["kernels"]["scale_shift"] == 1

    def chain(x):
        return (((x + x).relu() + x).relu() + x).relu().sum()

    plan = medtorch.compile(chain, image((2, 3, 4, 4))).stats()["plan"]
    assert plan["kernels"]["add_activated"] == 3
    assert plan["written_over"] == 2
    assert plan["arena_values"] == 1


def test_a_kernel_that_does_not_write_where_it_should_is_found_out(writing, monkeypatch):
    monkeypatch.setattr(WritingKernels, "activate", lambda self, x, activation, alpha, out: self.relu(x))
    with pytest.raises(
        BackendError, match=r"^activate: the kernel activate did not write into the memory it was handed$"
    ):
        medtorch.compile(lambda x: x.relu().exp(), image((2, 3)))


# -- what goes out is the caller's -------------------------------------------------------------------------------------


def test_outputs_stay_as_they_are_when_the_model_runs_again(writing):
    model, x = zoo("unet"), image(INPUTS["unet"])
    compiled = medtorch.compile(model, x)
    first = compiled(x)
    before = first.numpy().copy()
    compiled(image(INPUTS["unet"], seed=9))
    assert np.array_equal(first.numpy(), before)


def test_an_output_that_is_an_input_a_constant_or_a_view_of_one_is_a_copy():
    class Handing(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(medtorch.ones(3))

        def forward(self, x):
            return x, x[0], self.weight, self.weight[1:], x + 1

    model, x = Handing().eval(), image((2, 3))
    compiled = medtorch.compile(model, x)
    kept = x.numpy().copy()
    for out in compiled(x):
        out += 100
    assert np.array_equal(x.numpy(), kept)
    assert np.array_equal(model.weight.detach().numpy(), np.ones(3, np.float32))
    again = compiled(x)
    assert np.array_equal(again[0].numpy(), kept)
    assert np.array_equal(again[2].numpy(), np.ones(3, np.float32))


def test_folding_differs_from_the_model_within_the_bound_when_everything_is_written(writing):
    model, x = zoo("wnet"), image(INPUTS["wnet"])
    assert gap(medtorch.compile(model, x)(x), eager(model, x)) < 5e-6
