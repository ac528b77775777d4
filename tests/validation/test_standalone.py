"""The independent verifier and the tool come to the same result, whatever the plan and the raw outcomes are."""

from __future__ import annotations

import ast
import hashlib
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.validation.facts import outcome, phases
from validation import verify_standalone
from validation.evaluate import evaluate

pytestmark = pytest.mark.requirement("REQ-S-VAL-005")

SOURCE = Path(verify_standalone.__file__)
RULES = ["R03", "R11", "R18", "R20", "S04", "S07", "S11", "V04", "V05", "V06"]
NEED = {"capability": "gpu", "present": True, "detail": ""}
KINDS: list[dict[str, Any]] = [
    {},
    {"assertions": 0},
    {"phases": phases("passed", "failed", "passed")},
    {"phases": phases("failed")},
    {"phases": phases("passed", "passed", "failed")},
    {"phases": phases("passed")},
    {"phases": phases("passed", "failed", "passed") + phases("passed", "passed", "passed", attempt=2)},
    {"xfail": "met: later"},
    {"phases": phases("skipped"), "skip": {"capability": "gpu", "present": False, "reason": "none"}},
    {"phases": phases("skipped"), "skip": {"capability": "gpu", "present": True, "reason": "none"}},
    {"phases": phases("skipped"), "skip": {"capability": None, "reason": "why not"}},
    {"phases": phases("skipped"), "skip": {"capability": None, "reason": "why not"}, "needs": [NEED]},
]


def some_run(source: random.Random) -> tuple[dict[str, Any], str, list[dict[str, Any]], list[dict[str, Any]]]:
    """A plan, its digest, the events of a run and findings, mostly good, with every kind of defect now and then."""
    functions = [f"tests/test_{name}.py::test_{name}" for name in "abcd"]
    collected, events = [], []
    rare = source.random() < 0.6
    for function in functions:
        if source.random() < 0.1:
            continue
        for case in range(source.randint(1, 3)):
            node = f"{function}[{case}]"
            carried = ["REQ-F-AAA-001", "REQ-F-AAA-002"] if source.random() < 0.95 else []
            collected.append({"node": node, "function": function, "requirements": carried})
            kind = source.choice(KINDS) if source.random() < (0.1 if rare else 0.5) else {}
            if source.random() < 0.97:
                events.append(outcome(node=node, function=function, **kind))
            if events and source.random() < 0.01:
                events.append(events[-1])
    exclusions = [None, None, None, {"reason": "r", "approved_by": "p", "approved": source.random() < 0.7}]
    requirements = [
        {
            "id": f"REQ-F-AAA-00{number}",
            "exclusion": source.choice(exclusions),
            "unverified": "later" if source.random() < 0.05 else None,
            "tests": source.sample(functions, source.randint(0 if source.random() < 0.05 else 1, 3)),
        }
        for number in (1, 2)
    ]
    bad = [{"path": source.choice(["tests/test_a.py", "tests", ""]), "outcome": "failed", "text": "no"}]
    bad[0]["outcome"] = source.choice(["failed", "skipped"])
    settings = dict(verify_standalone.NEEDED_SETTINGS)
    if source.random() < 0.05:
        settings["xfail_strict"] = False
    plan = {
        "request": {"requirements": requirements, "required": functions},
        "collected": collected,
        "not_collected": bad if source.random() < 0.2 else [],
        "settings": settings,
        "trace_sha256": "t",
    }
    end = {"event": "end", "plan_sha256": "p", "trace_sha256": "t" if source.random() < 0.95 else "other"}
    start = {"event": "start", "plan_sha256": "p" if source.random() < 0.95 else "other"}
    events = [start, *events, *([end] if source.random() < 0.95 else [])]
    findings = [
        {"rule": source.choice(RULES), "where": "w", "message": "m", "severity": source.choice(["error", "warning"])}
        for _ in range(source.choice([0, 0, 0, 1, 2]))
    ]
    return plan, "p", events, findings


def test_both_give_the_same_states_and_the_same_verdict_on_3000_runs():
    source = random.Random(20261120)
    verdicts = set()
    for _ in range(3000):
        run = some_run(source)
        theirs = evaluate(*run)
        verdict, states = verify_standalone.work_out(*run)
        assert verdict == theirs["verdict"]
        assert states == {entry["id"]: entry["state"] for entry in theirs["requirements"]}
        verdicts.add(verdict)
    assert verdicts == {"PASS", "FAIL", "INCOMPLETE"}


def test_it_uses_the_standard_library_alone():
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert imported <= {*sys.stdlib_module_names}


# RFC 8032, section 7.1, tests 1 to 3: public key, text, signature.
RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("public", "text", "signature"), RFC_8032)
def test_its_ed25519_accepts_the_examples_of_the_standard_and_nothing_near_them(public, text, signature):
    key, data, sig = map(bytes.fromhex, (public, text, signature))
    assert verify_standalone.is_signed(key, sig, data)
    assert not verify_standalone.is_signed(key, sig, data + b"x")
    for position in (0, 31, 32, 63):
        bad = bytearray(sig)
        bad[position] ^= 1
        assert not verify_standalone.is_signed(key, bytes(bad), data)
    # The same signature with the group's order added to its scalar: malleable schemes accept it.
    scalar = int.from_bytes(sig[32:], "little") + verify_standalone.ORDER
    assert not verify_standalone.is_signed(key, sig[:32] + scalar.to_bytes(32, "little"), data)


def test_its_ed25519_agrees_with_a_hash_chain_of_inputs_that_are_no_points():
    seed = b"medtorch"
    accepted = 0
    for _ in range(20):
        seed = hashlib.sha512(seed).digest()
        accepted += verify_standalone.is_signed(seed[:32], seed, b"text")
    assert accepted == 0


@pytest.mark.parametrize("arguments", [[], ["--nonsense"]])
def test_wrong_usage_ends_with_4(arguments):
    done = subprocess.run([sys.executable, str(SOURCE), *arguments], capture_output=True, check=False, timeout=60)
    assert done.returncode == 4


def test_a_folder_that_is_no_report_ends_with_3(tmp_path: Path):
    command = [sys.executable, str(SOURCE), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 3
    assert "refused: I01 there is no digests.json" in done.stderr
