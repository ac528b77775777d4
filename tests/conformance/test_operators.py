"""How many operators of PyTorch's own database hold: no fewer than were counted when this was written."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.needs("torch"), pytest.mark.requirement("REQ-F-OPS-205")]

GOAL, MODULES, OPTIMIZERS, REFUSED = 450, 104, 14, 230
EXACT = (
    "torch.nn",
    "torch.nn.functional",
    "torch.nn.Module",
    "torch.nn.init",
    "torch.optim",
    "torch.optim.lr_scheduler",
)


@pytest.fixture
def operators(needs_torch: ModuleType) -> ModuleType:
    if importlib.util.find_spec("expecttest") is None:
        pytest.skip("PyTorch's operator database needs the package expecttest")
    return importlib.import_module("tests.conformance.operators")


def test_at_least_450_operator_cases_hold(operators: ModuleType) -> None:
    found = list(operators.cases())
    holding = sum(not case.gap for case in found)
    assert holding >= GOAL, [(case.name, case.gap) for case in found if case.gap]


def test_a_wrong_result_is_seen(operators: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators.medtorch, "sinc", lambda x: x.sin())
    assert [bool(case.gap) for case in operators.cases("sinc")] == [True]


def test_every_module_of_the_database_holds(operators: ModuleType) -> None:
    found = list(importlib.import_module("tests.conformance.modules").cases())
    assert sum(not case.gap for case in found) >= MODULES, [(c.name, c.gap) for c in found if c.gap]


def test_every_optimizer_of_the_database_holds(operators: ModuleType) -> None:
    found = list(importlib.import_module("tests.conformance.optimizers").cases())
    assert [(c.name, c.gap) for c in found if c.gap] == []
    assert len(found) == OPTIMIZERS


def test_a_wrong_optimizer_is_seen(operators: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    optimizers = importlib.import_module("tests.conformance.optimizers")
    monkeypatch.setattr(optimizers.medtorch.optim, "SGD", lambda p, **o: optimizers.medtorch.optim.Adam(p))
    assert [bool(case.gap) for case in optimizers.cases("SGD")] == [True]


def test_wrong_inputs_are_refused_where_pytorch_refuses_them(operators: ModuleType) -> None:
    found = list(importlib.import_module("tests.conformance.errors").wrongs("nn.functional"))
    assert sum(not wrong.gap for wrong in found) >= REFUSED, [(w.name, w.gap) for w in found if w.gap]


@pytest.mark.requirement("REQ-F-CPT-005")
def test_parameters_are_those_of_pytorch(operators: ModuleType) -> None:
    found = [c for c in importlib.import_module("tests.conformance.signatures").compared() if c.room in EXACT]
    allowed = {"Hardtanh", "log_softmax", "softmax", "softmin"}  # parameters that PyTorch keeps for old code
    assert {c.name: c.gap for c in found if c.gap and c.name not in allowed} == {}
