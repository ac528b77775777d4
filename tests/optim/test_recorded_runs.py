"""Every optimizer goes where PyTorch's went, and goes on from PyTorch's state; PyTorch goes on from ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import medtorch
from tests.optim.recorded_cases import AFTER, BEFORE, CASES, Case, begin, read, run, written

pytestmark = [pytest.mark.requirement("REQ-F-OPT-007"), pytest.mark.requirement("REQ-F-OPT-008")]

RECORDED = json.loads(Path(__file__).with_name("recorded_runs.json").read_text())


def tolerance(case: Case) -> float:
    """float64 sums differ in their last digits; Muon rounds to bfloat16 in between, where such a digit can tip; ASGD
    keeps its rate in float32."""
    return {"Muon": 2e-4, "ASGD": 1e-7}.get(case.name, 1e-9)


def gap(found: Any, expected: Any) -> float:
    return max(float(np.abs(np.array(a) - np.array(b)).max()) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_six_steps_lead_where_torchs_led(case: Case) -> None:
    found, expected = run(medtorch, case), RECORDED["cases"][case.id]
    assert gap(found["middle"], expected["middle"]) < tolerance(case)
    assert gap(found["end"], expected["end"]) < tolerance(case)
    assert np.allclose(found["losses"], expected["losses"], rtol=tolerance(case))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_state_has_torchs_names_and_shapes(case: Case) -> None:
    found, expected = run(medtorch, case)["state"], RECORDED["cases"][case.id]["state"]
    assert list(found["param_groups"][0]) == list(expected["param_groups"][0])
    assert {k: set(v) for k, v in found["state"].items()} == {k: set(v) for k, v in expected["state"].items()}
    for key, theirs in expected["state"].items():
        for name, value in theirs.items():
            ours = found["state"][key][name]
            if isinstance(value, dict):
                assert ours["dtype"] == value["dtype"], name
                assert np.shape(ours["tensor"]) == np.shape(value["tensor"]), name


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_torchs_state_is_read_and_the_run_goes_on_as_torchs_did(case: Case) -> None:
    expected = RECORDED["cases"][case.id]
    params, optimizer, closure = begin(medtorch, case)
    with medtorch.no_grad():
        for param, start in zip(params, expected["middle"], strict=True):
            param.copy_(medtorch.tensor(start, dtype=medtorch.float64))
    optimizer.load_state_dict(read(medtorch, expected["state"]))
    for _ in range(AFTER):
        optimizer.step(closure)
    assert gap([p.detach().numpy() for p in params], expected["end"]) < tolerance(case)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_torch_reads_our_state_and_goes_on_as_ours_does(case: Case, needs_torch: Any) -> None:
    ours, optimizer, closure = begin(medtorch, case)
    for _ in range(BEFORE):
        optimizer.step(closure)
    theirs, reference, their_closure = begin(needs_torch, case)
    with needs_torch.no_grad():
        for param, own in zip(theirs, ours, strict=True):
            param.copy_(needs_torch.tensor(own.detach().numpy()))
    reference.load_state_dict(read(needs_torch, written(optimizer.state_dict())))
    for _ in range(AFTER):
        optimizer.step(closure)
        reference.step(their_closure)
    assert gap([p.detach().numpy() for p in ours], [p.detach().numpy() for p in theirs]) < tolerance(case)


def test_the_record_is_of_these_cases_and_names_its_origin() -> None:
    assert set(RECORDED["cases"]) == {case.id for case in CASES}
    assert RECORDED["torch"].startswith("2.")
