"""Multiply-adds of a plan, against numbers worked out by hand from the definition of each layer."""

from __future__ import annotations

import pytest

import medtorch
from medtorch import nn
from medtorch.core import backends
from tests.core.backends.cpu.conftest import native, sets

__all__ = ["native", "sets"]

pytestmark = pytest.mark.requirement("REQ-F-CMP-007")


@pytest.fixture
def fast(sets, monkeypatch):
    """The widest native kernels of this machine."""
    monkeypatch.setattr(backends, "_cpu", lambda: sets[-1])


def counted(model: nn.Module, *shape: int, algorithms: str = "direct") -> tuple[int, int]:
    compiled = medtorch.compile(model.eval(), medtorch.zeros(*shape), algorithms=algorithms)
    found = compiled.stats()["plan"]["multiply_adds"]
    return found["plain"], found["chosen"]


def plain(model: nn.Module, *shape: int) -> int:
    first, second = counted(model, *shape)
    assert first == second
    return first


def test_a_convolution_has_a_product_for_each_result_and_tap():
    assert plain(nn.Conv2d(6, 10, (3, 5), stride=2, groups=2), 2, 6, 9, 11) == 2 * 10 * 4 * 4 * 3 * 3 * 5


def test_a_transposed_convolution_has_a_product_for_each_input_and_tap():
    assert plain(nn.ConvTranspose2d(6, 10, 2, stride=2), 2, 6, 5, 4) == 2 * 6 * 5 * 4 * 10 * 2 * 2


def test_a_linear_map_has_a_product_for_each_result_and_input():
    assert plain(nn.Linear(7, 5), 2, 3, 7) == 2 * 3 * 5 * 7
    as_written = medtorch.compile(nn.Linear(7, 5).eval(), medtorch.zeros(2, 3, 7), rewrites="none")
    assert as_written.stats()["plan"]["multiply_adds"]["plain"] == 2 * 3 * 5 * 7


def test_attention_has_those_of_its_scores_and_of_its_values():
    class Attention(nn.Module):
        def forward(self, x):
            return nn.functional.scaled_dot_product_attention(x, x, x[..., :3])

    assert plain(Attention(), 2, 4, 9, 5) == 2 * 4 * 9 * 9 * (5 + 3)


def test_a_recurrent_layer_has_those_of_its_inputs_and_of_the_states_that_are_not_its_zeros_at_first():
    assert plain(nn.LSTM(5, 3, batch_first=True), 2, 7, 5) == 2 * 4 * 3 * (7 * 5 + 6 * 3)


def test_what_is_no_product_counts_as_nothing():
    assert plain(nn.Sequential(nn.ReLU(), nn.MaxPool2d(2), nn.InstanceNorm2d(3)), 1, 3, 8, 8) == 0


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize(
    ("algorithms", "multiplications"),
    [("direct", 17 * 24 * 9), ("default", 9 * 12 * 16), ("fast", 5 * 6 * 36)],
)
def test_tiles_that_are_not_whole_cost_as_much_as_whole_ones(algorithms, multiplications):
    convolution = nn.Conv2d(32, 48, 3, padding=1)
    assert counted(convolution, 2, 32, 17, 24, algorithms=algorithms) == (
        2 * 32 * 48 * 17 * 24 * 9,
        2 * 32 * 48 * multiplications,
    )


@pytest.mark.usefixtures("fast")
def test_a_dilated_convolution_has_tiles_of_its_own_in_each_phase():
    # 20 results a row are 7, 7 and 6 that lie three apart: 4 + 4 + 3 tiles; a column's 16 are 6, 5 and 5: 3 + 3 + 3.
    convolution = nn.Conv2d(64, 64, 3, padding=3, dilation=3)
    assert counted(convolution, 1, 64, 16, 20, algorithms="default")[1] == 64 * 64 * 16 * 9 * 11


@pytest.mark.usefixtures("fast")
def test_a_volume_has_the_tiles_of_its_slices_for_each_slice_of_the_kernel():
    convolution = nn.Conv3d(32, 32, 3, padding=1)
    assert counted(convolution, 1, 32, 6, 16, 16, algorithms="default")[1] == 32 * 32 * 6 * 3 * 16 * 8 * 8
