"""Tries faults: in a process of its own, each test runs without the fault, with it, and after it.

A process of its own, because a fault in one place may live on in another: what it leaves behind ends here. The third
run shows that it was the fault that was noticed, and not what an earlier one had left. This file is both sides:
`try_faults` starts the process, the hooks are the plugin in it.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from medtorch.errors import MedtorchError
from tests.falsifiers.seeding import Fault, seeded
from validation.errors import ValidationError
from validation.plugin import requirement_ids

# A test notices a fault by an assertion, or because the product itself refuses. Anything else only breaks it.
NOTICED = (AssertionError, MedtorchError, ValidationError, pytest.fail.Exception)
_RAISED = pytest.StashKey[list[BaseException]]()
SECONDS = 600


def try_faults(root: Path, folder: Path, faults: Mapping[str, Fault]) -> dict[str, Any]:
    """What each of these faults, by name, did to the tests that must notice it; the process runs once for all."""
    wanted, answer = folder / "faults.json", folder / "trials.json"
    places = {
        name: {"module": fault.seed.__module__, "function": fault.seed.__name__} for name, fault in faults.items()
    }
    wanted.write_text(json.dumps(places), encoding="utf-8")
    nodes = sorted({node for fault in faults.values() for node in fault.noticed_by})
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.falsifiers.trials"]
    command += [f"--rootdir={root}", f"--faults={wanted}", f"--trials={answer}", *nodes]
    ended = subprocess.run(
        command, cwd=root, env=_environment(root), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    if not answer.is_file():
        pytest.fail(f"the faults could not be tried (exit status {ended.returncode}):\n{ended.stdout[-4000:]}")
    found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return found


def _environment(root: Path) -> dict[str, str]:
    """Without options from outside, which could leave tests out."""
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTEST_ADDOPTS", "PYTHONOPTIMIZE")}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, [str(root), kept.get("PYTHONPATH")]))}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults", metavar="FILE", help="which falsifiers to try")
    parser.addoption("--trials", metavar="FILE", help="where what happened goes")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    if call.excinfo is not None:
        item.stash[_RAISED].append(call.excinfo.value)
    return (yield)


def pytest_runtestloop(session: pytest.Session) -> bool:
    """Instead of pytest's own loop."""
    items = {item.nodeid: item for item in session.items}
    wanted = json.loads(Path(session.config.getoption("faults")).read_text(encoding="utf-8"))
    found = {name: _tried(_fault(place), items) for name, place in wanted.items()}
    Path(session.config.getoption("trials")).write_text(json.dumps(found), encoding="utf-8")
    return True


def _fault(place: Mapping[str, str]) -> Fault:
    fault: Fault = getattr(importlib.import_module(place["module"]), place["function"]).fault
    return fault


def _tried(fault: Fault, items: Mapping[str, pytest.Item]) -> dict[str, Any]:
    return {"trials": [_trial(fault, items[node]) for node in fault.noticed_by]}


def _trial(fault: Fault, item: pytest.Item) -> dict[str, Any]:
    without, _, lacks = _run(item, None)
    if without != "held":
        said = {"without": without, "with": "was not run", "why": "", "after": "was not run"}
    else:
        during, why, _ = _run(item, fault)
        said = {"without": without, "with": during, "why": why, "after": _run(item, None)[0]}
    return {"node": item.nodeid, "requirements": list(requirement_ids(item)), "lacks": lacks, **said}


def _run(item: pytest.Item, fault: Fault | None) -> tuple[str, str, list[str]]:
    """What a test did (held, failed, broke, was skipped), why, and the capabilities that it misses here."""
    raised = item.stash[_RAISED] = []
    with nullcontext() if fault is None else seeded(fault.seed):
        runtestprotocol(item, log=False, nextitem=None)
    skipped = [error for error in raised if isinstance(error, pytest.skip.Exception)]
    if skipped:
        return "was skipped", str(skipped[0]), _lacking(item)
    others = [error for error in raised if not isinstance(error, NOTICED)]
    if others:
        return "broke", f"{type(others[0]).__name__}: {others[0]}"[:500], []
    return ("failed", str(raised[0])[:500], []) if raised else ("held", "", [])


def _lacking(item: pytest.Item) -> list[str]:
    session = item.config.pluginmanager.getplugin("validation-session")
    return [need["capability"] for need in session.facts[item.nodeid].needs if not need["present"]]
