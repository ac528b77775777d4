"""Training loops as PyTorch's tutorials write them, unmodified inside as_torch, and with `import medtorch as torch`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from medtorch.compat import as_torch

pytestmark = pytest.mark.requirement("REQ-F-CPT-001")

LOOPS = Path(__file__).with_name("loops")


@pytest.fixture(params=["as_torch", "import medtorch as torch"])
def loop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[object]:
    """Gives the module of a loop by its name, with `torch` being medtorch in one way or the other."""
    opened = []

    def named(name: str) -> ModuleType:
        text = (LOOPS / f"{name}.py").read_text(encoding="utf-8")
        place = tmp_path / f"loop_{name}.py"
        if request.param == "as_torch":
            place.write_text(text, encoding="utf-8")
            context = as_torch(load=place)
            opened.append(context)
            return context.__enter__()
        text = re.sub(r"^import torch$", "import medtorch as torch", text, flags=re.MULTILINE)
        text = re.sub(r"^import torch\.nn\.parallel$", "", text, flags=re.MULTILINE)
        text = re.sub(r"^(import|from) torch\b", r"\1 medtorch", text, flags=re.MULTILINE)
        module = ModuleType(f"loop_{name}")
        exec(compile(text.replace("medtorch as torch as", "medtorch as"), str(place), "exec"), vars(module))
        return module

    yield named
    for context in opened:
        context.__exit__(None, None, None)


def test_a_classifier_of_images_learns(loop):
    first, last, accuracy = loop("images").train()
    assert last < first / 2
    assert accuracy == 1.0


def test_the_quickstart_learns_saves_and_loads(loop, tmp_path):
    first, last, accuracy = loop("quickstart").train(tmp_path / "checkpoint.pth")
    assert last < first / 2
    assert accuracy > 0.9


def test_a_discriminator_learns_against_a_generator(loop):
    first, least, largest = loop("gan").train()
    assert least < 0.8 * first
    assert 0 < largest <= 1


def test_a_recurrent_classifier_learns(loop):
    first, last, accuracy = loop("sequences").classify()
    assert last < first / 2
    assert accuracy == 1.0


def test_a_translation_with_attention_learns(loop):
    first, last, accuracy = loop("sequences").translate()
    assert last < first / 4
    assert accuracy > 0.9


def test_packed_sequences_give_what_each_alone_gives(loop):
    assert loop("sequences").packed() < 1e-6


def test_a_polynomial_is_fitted_through_a_function_of_ones_own(loop):
    first, last = loop("autograd").polynomial()
    assert last < first / 5


def test_a_net_by_hand_learns(loop):
    first, last = loop("autograd").by_hand()
    assert last < first / 4


def test_a_slope_is_penalised(loop):
    assert loop("autograd").penalty()


def test_a_new_head_learns_on_a_frozen_backbone(loop):
    first, last, kept = loop("transfer").train()
    assert last < first
    assert kept
