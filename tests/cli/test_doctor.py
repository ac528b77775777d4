"""`medtorch doctor`, and `backend_info`."""

from __future__ import annotations

import json
import re
import tomllib

import numpy as np
import pytest

import medtorch
from medtorch.cli.doctor import EXTRAS
from medtorch.core.backends.reference.blas import blas_threads
from tests.cli.commands import ROOT, here, run

pytestmark = pytest.mark.requirement("REQ-F-CLI-006")


def test_backend_info_is_plain_data_about_this_machine():
    found = medtorch.backend_info()
    assert json.loads(json.dumps(found)) == found
    assert found["libraries"]["numpy"] == np.__version__
    assert found["cpu"]["backend"] in ("reference", "native")
    assert found["cuda"]["available"] is bool(found["cuda"]["devices"])
    assert (found["cuda"]["reason"] is None) is found["cuda"]["available"]


def test_the_command_computes_with_one_blas_thread_unless_told_otherwise():
    if blas_threads() is None:
        pytest.skip("needs package:numpy with its own OpenBLAS")
    assert json.loads(run("doctor", "--json", OPENBLAS_NUM_THREADS="").stdout)["cpu"]["threads"]["blas"] == 1
    assert json.loads(run("doctor", "--json", OPENBLAS_NUM_THREADS="2").stdout)["cpu"]["threads"]["blas"] == 2


def test_doctor_gives_the_same_as_data(capsys):
    code, out, err = here(capsys, "doctor", "--json")
    said = json.loads(out)
    assert (code, err) == (0, "")
    assert said.pop("extras").keys() == EXTRAS.keys()
    now = medtorch.backend_info()
    for one in (said, now):
        one["cpu"].pop("memory", None)  # what is in use differs from moment to moment
    assert said == now


def test_doctor_says_it_in_words(capsys):
    code, out, _ = here(capsys, "doctor")
    assert code == 0
    assert f"medtorch {medtorch.__version__}" in out
    assert "kernel set" in out


def test_a_missing_extra_is_an_answer_of_no(capsys, monkeypatch):
    monkeypatch.setitem(EXTRAS, "cuda", ("no-such-distribution",))
    code, out, err = here(capsys, "doctor", "--json", "--require", "cuda")
    assert code == 1
    assert json.loads(out)["extras"]["cuda"] == {"complete": False, "distributions": {"no-such-distribution": None}}
    assert err == "medtorch: the extra cuda is missing: pip install 'medtorch[cuda]'\n"


def test_a_complete_extra_is_good(capsys):
    assert here(capsys, "doctor", "--require", "cli")[0] == 0


@pytest.mark.needs("checkout")
def test_the_extras_are_those_of_the_project():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {name: tuple(re.match(r"[A-Za-z0-9_.-]+", one)[0] for one in extras[name]) for name in EXTRAS}
    assert named == EXTRAS
