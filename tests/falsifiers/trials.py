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
WANTED, STARTED, ANSWERS = "faults.json", "started.txt", "answers.jsonl"
NOT_RUN = {
    "requirements": [], "lacks": [], "without": "held", "with": "ended its process", "why": "", "after": "was not run",
}  # fmt: skip


def try_faults(root: Path, folder: Path, faults: Mapping[str, Fault]) -> dict[str, Any]:
    """What each of these faults, by name, did to the tests that must notice it.

    One process tries all. A fault that takes the process along is told apart, and another process tries the rest.
    """
    found: dict[str, Any] = {}
    while left := {name: fault for name, fault in faults.items() if name not in found}:
        before, said = len(found), _process(root, folder, left)
        found |= _answers(folder)
        if len(found) == len(faults):
            break
        if len(found) == before and not (folder / STARTED).is_file():
            pytest.fail(f"the faults could not be tried:\n{said[-4000:]}")
        name = (folder / STARTED).read_text(encoding="utf-8")
        found[name] = {"trials": [{**NOT_RUN, "node": node} for node in faults[name].noticed_by]}
    return found


def _process(root: Path, folder: Path, faults: Mapping[str, Fault]) -> str:
    places = {
        name: {"module": fault.seed.__module__, "function": fault.seed.__name__} for name, fault in faults.items()
    }
    (folder / WANTED).write_text(json.dumps(places), encoding="utf-8")
    for name in (STARTED, ANSWERS):
        (folder / name).unlink(missing_ok=True)
    files = sorted({node.split("::", 1)[0] for fault in faults.values() for node in fault.noticed_by})
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.falsifiers.trials"]
    command += [f"--rootdir={root}", f"--faults={folder}", "--continue-on-collection-errors", *files]
    ended = subprocess.run(
        command, cwd=root, env=_environment(root), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    return f"exit status {ended.returncode}\n{ended.stdout}{ended.stderr}"


def _answers(folder: Path) -> dict[str, Any]:
    path = folder / ANSWERS
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return {name: said for line in lines for name, said in json.loads(line).items()}


def _environment(root: Path) -> dict[str, str]:
    """Without options from outside, which could leave tests out."""
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTEST_ADDOPTS", "PYTHONOPTIMIZE")}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, [str(root), kept.get("PYTHONPATH")]))}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults", metavar="DIR", help="which falsifiers to try, and where what happened goes")


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
    folder = Path(session.config.getoption("faults"))
    for name, place in json.loads((folder / WANTED).read_text(encoding="utf-8")).items():
        (folder / STARTED).write_text(name, encoding="utf-8")
        with (folder / ANSWERS).open("a", encoding="utf-8") as answers:
            answers.write(json.dumps({name: _tried(_fault(place), items)}) + "\n")
    return True


def _fault(place: Mapping[str, str]) -> Fault:
    fault: Fault = getattr(importlib.import_module(place["module"]), place["function"]).fault
    return fault


def _tried(fault: Fault, items: Mapping[str, pytest.Item]) -> dict[str, Any]:
    return {"trials": [_trial(fault, items[node]) if node in items else _missing(node) for node in fault.noticed_by]}


def _missing(node: str) -> dict[str, Any]:
    return {**NOT_RUN, "node": node, "without": "is not there"}


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
