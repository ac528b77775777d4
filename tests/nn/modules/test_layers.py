"""Every layer gives what PyTorch gave for it: shapes, numbers, gradients, buffers, keys, printed form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import medtorch
from tests.nn.modules.layer_cases import CASES, Case, run

pytestmark = pytest.mark.requirement("REQ-F-NN-005")

RECORDED = json.loads(Path(__file__).with_name("recorded_layers.json").read_text())


def differences(found: Any, expected: Any, rtol: float, path: str = "") -> list[str]:
    """Where two records differ by more than rounding of float64 sums."""
    if isinstance(expected, dict):
        return [d for key in expected for d in differences(found[key], expected[key], rtol, f"{path}.{key}")]
    if isinstance(expected, list):
        if len(found) != len(expected):
            return [f"{path}: {len(found)} for {len(expected)}"]
        pairs = enumerate(zip(found, expected, strict=True))
        return [d for nr, (a, b) in pairs for d in differences(a, b, rtol, f"{path}[{nr}]")]
    if isinstance(expected, float):
        close = np.isclose(found, expected, rtol=rtol, atol=rtol, equal_nan=True)
        return [] if close else [f"{path}: {found} for {expected}"]
    return [] if found == expected else [f"{path}: {found} for {expected}"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_layer_gives_what_was_recorded_from_torch(case: Case) -> None:
    assert differences(run(medtorch, case), RECORDED["cases"][case.id], case.rtol) == []


def test_the_record_is_of_these_cases_and_names_its_origin() -> None:
    assert set(RECORDED["cases"]) == {case.id for case in CASES}
    assert RECORDED["torch"].startswith("2.")


@pytest.mark.parametrize(("name", "args", "slope"), [("Hardsigmoid", (), 1 / 6), ("CELU", (0.3,), np.exp(-0.2 / 0.3))])
def test_the_slopes_that_torch_rounds_are_exact_here(name: str, args: tuple[Any, ...], slope: float) -> None:
    x = medtorch.tensor([-0.2], dtype=medtorch.float64).requires_grad_()
    getattr(medtorch.nn, name)(*args)(x).sum().backward()
    assert x.grad.item() == pytest.approx(slope, rel=1e-14)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_layer_prints_as_torchs(case: Case, needs_torch: Any) -> None:
    ours, theirs = (getattr(library.nn, case.name)(*case.args, **case.kwargs) for library in (medtorch, needs_torch))
    assert repr(ours) == repr(theirs)
    assert [(k, tuple(v.shape)) for k, v in ours.state_dict().items()] == [
        (k, tuple(v.shape)) for k, v in theirs.state_dict().items()
    ]
