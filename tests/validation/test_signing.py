"""Signed reports: the tool, the independent verifier and openssl accept the good one; no forged one is accepted."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.validation.project import Project, environment_of
from validation import verify_standalone
from validation.canonical import canonical_json, digest, file_sha256, readable_json
from validation.cli import main
from validation.distributions import Installed
from validation.errors import UsageError
from validation.report import FILES, VIEWS
from validation.signing.dsse import Envelope, pre_authentication, read_envelope
from validation.signing.keys import key_id, public_bytes, read_private_key
from validation.signing.trust import read_trust
from validation.trace import fingerprint

pytestmark = [pytest.mark.requirement("REQ-S-VAL-004"), pytest.mark.needs("package:cryptography")]

PEOPLE = {"executor": "The build machine", "reviewer": "JD-001, A. Reviewer", "approver": "JD-002, B. Approver"}
STANDALONE = Path(verify_standalone.__file__)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a signed report that says PASS, the keys, and the trust file."""
    found = [Installed("Alpha", "1.0", "", "MIT", "py3-none-any", "a" * 64, (), ())]
    folder = tmp_path_factory.mktemp("signing")
    project = Project(folder / "checkout")
    project.record_everything(found)
    with pytest.MonkeyPatch.context() as patch:
        environment_of(patch, found)
        assert project.run()[0] == 0
    shutil.copytree(project.out, folder / "report")
    for role, name in {**PEOPLE, "author": "A stranger"}.items():
        arguments = ["--trust", str(folder / "trust.json"), "--name", name, "--role", role]
        assert main(["keygen", str(folder / f"{role}.pem"), *arguments]) == 0
    for role in PEOPLE:
        assert sign(folder, role) == 0
    return folder


def sign(folder: Path, role: str, *, key: str | None = None, name: str | None = None) -> int:
    key_file = folder / f"{key or role}.pem"
    return main(
        ["sign", str(folder / "report"), "--key", str(key_file), "--role", role, "--name", name or PEOPLE[role]]
    )


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy to attack."""
    return Path(shutil.copytree(made, tmp_path / "signed"))


def check(folder: Path) -> int:
    return main(["verify", str(folder / "report"), "--trust", str(folder / "trust.json")])


def second_opinion(folder: Path) -> tuple[int, str]:
    command = [sys.executable, "-I", str(STANDALONE), str(folder / "report"), "--trust", str(folder / "trust.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


def envelope_of(folder: Path, role: str) -> Path:
    return folder / "report" / "signatures" / f"{role}.dsse.json"


def read(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / "report" / "report.json").read_bytes())
    return data


def forge(folder: Path, report: dict[str, Any]) -> None:
    """Everything that a forger without the keys can do: page, JUnit file and all digests anew."""
    report["core_sha256"] = digest(report["core"])
    target = folder / "report"
    (target / "report.json").write_bytes(readable_json(report))
    for name, render in VIEWS.items():
        (target / name).write_bytes(render(report))
    (target / "digests.json").write_bytes(readable_json({name: file_sha256(target / name) for name in FILES}))


def resign(folder: Path, role: str, change: Callable[[dict[str, Any]], None], *, key: str | None = None) -> None:
    """A statement changed and signed by somebody who owns a key."""
    envelope = read_envelope(envelope_of(folder, role).read_bytes(), role)
    statement = json.loads(envelope.payload)
    change(statement)
    private = read_private_key(folder / f"{key or role}.pem", None)
    payload = canonical_json(statement)
    signature = private.sign(pre_authentication(payload))
    envelope_of(folder, role).write_bytes(Envelope(payload, key_id(public_bytes(private)), signature).as_json())


def test_a_signed_report_is_accepted_and_says_who_signed(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert check(folder) == 0
    said = capsys.readouterr().out
    assert "intact: good" in said
    assert all(f"signed: {role}" in said and name in said for role, name in PEOPLE.items())
    code, told = second_opinion(folder)
    assert code == 0
    assert told.startswith("PASS: good")
    assert "executor: The build machine; reviewer: JD-001, A. Reviewer; approver: JD-002, B. Approver" in told


def test_without_the_trust_file_the_command_says_that_signatures_were_not_checked(folder: Path, capsys):
    assert main(["verify", str(folder / "report")]) == 0
    assert "signatures were not checked" in capsys.readouterr().out


@pytest.mark.needs("program:openssl")
def test_openssl_alone_can_check_a_signature(folder: Path, tmp_path: Path):
    envelope = json.loads(envelope_of(folder, "executor").read_bytes())
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"]
    (tmp_path / "text").write_bytes(f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload)
    (tmp_path / "sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    (key,) = [one for one in json.loads((folder / "trust.json").read_bytes())["keys"] if "executor" in one["roles"]]
    # An Ed25519 public key in DER is a fixed head and the 32 bytes.
    der = bytes.fromhex("302a300506032b6570032100") + base64.b64decode(key["public_key"])
    (tmp_path / "key").write_bytes(der)
    command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", str(tmp_path / "key")]
    command += ["-in", str(tmp_path / "text"), "-sigfile", str(tmp_path / "sig")]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    (tmp_path / "text").write_bytes(b"other")
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


# ---- attacks: how the folder is changed, and the code with which both verifiers refuse it ----------------------------


def remove_signature(folder: Path) -> None:
    envelope_of(folder, "approver").unlink()


def remove_all_signatures(folder: Path) -> None:
    shutil.rmtree(folder / "report" / "signatures")


def garbage(folder: Path) -> None:
    envelope_of(folder, "reviewer").write_text('{"payload": 1}')


def no_signatures_inside(folder: Path) -> None:
    envelope = json.loads(envelope_of(folder, "reviewer").read_bytes())
    envelope_of(folder, "reviewer").write_text(json.dumps({**envelope, "signatures": []}))


def flip_a_bit_of_the_signature(folder: Path) -> None:
    envelope = read_envelope(envelope_of(folder, "executor").read_bytes(), "")
    flipped = bytes([envelope.signature[0] ^ 1]) + envelope.signature[1:]
    envelope_of(folder, "executor").write_bytes(Envelope(envelope.payload, envelope.key_id, flipped).as_json())


def change_the_signed_text(folder: Path) -> None:
    envelope = read_envelope(envelope_of(folder, "executor").read_bytes(), "")
    payload = envelope.payload.replace(b'"PASS"', b'"FAIL"')
    envelope_of(folder, "executor").write_bytes(Envelope(payload, envelope.key_id, envelope.signature).as_json())


def sign_with_an_unknown_key(folder: Path) -> None:
    trust = json.loads((folder / "trust.json").read_bytes())
    trust["keys"] = [key for key in trust["keys"] if "executor" not in key["roles"]]
    (folder / "trust.json").write_bytes(readable_json(trust))


def sign_with_a_key_of_another_role(folder: Path) -> None:
    resign(folder, "approver", lambda statement: None, key="author")


def sign_under_another_name(folder: Path) -> None:
    resign(folder, "approver", lambda statement: statement["predicate"]["signoff"].update(name="Somebody else"))


def sign_another_report(folder: Path) -> None:
    resign(folder, "reviewer", lambda statement: statement["subject"][0]["digest"].update(sha256="0" * 64))


def sign_another_verdict(folder: Path) -> None:
    resign(folder, "reviewer", lambda statement: statement["predicate"].update(verdict="INCOMPLETE"))


def swap_two_statements(folder: Path) -> None:
    trust = json.loads((folder / "trust.json").read_bytes())
    for key in trust["keys"]:
        key["roles"] = ["reviewer", "approver", "executor"]
    (folder / "trust.json").write_bytes(readable_json(trust))
    shutil.copy(envelope_of(folder, "reviewer"), envelope_of(folder, "approver"))


def date_in_the_future(folder: Path) -> None:
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds")
    resign(folder, "reviewer", lambda statement: statement["predicate"]["signoff"].update(signed_at=later))


def date_before_the_report(folder: Path) -> None:
    resign(folder, "reviewer", lambda s: s["predicate"]["signoff"].update(signed_at="2020-01-01T00:00:00+00:00"))


def one_person_in_two_roles(folder: Path) -> None:
    trust = json.loads((folder / "trust.json").read_bytes())
    for key in trust["keys"]:
        if "reviewer" in key["roles"]:
            key["roles"] = ["reviewer", "approver"]
    (folder / "trust.json").write_bytes(readable_json(trust))
    envelope_of(folder, "approver").unlink()
    assert sign(folder, "approver", key="reviewer", name=PEOPLE["reviewer"]) == 0


def replay_an_older_report(folder: Path) -> None:
    trust = json.loads((folder / "trust.json").read_bytes())
    trust["superseded"]["good"] = (datetime.now(UTC) + timedelta(minutes=1)).isoformat(timespec="seconds")
    (folder / "trust.json").write_bytes(readable_json(trust))


def key_ended(folder: Path) -> None:
    trust = json.loads((folder / "trust.json").read_bytes())
    for key in trust["keys"]:
        key["not_after"] = "2020-01-01T00:00:00+00:00"
    (folder / "trust.json").write_bytes(readable_json(trust))


def edit_a_file(folder: Path) -> None:
    (folder / "report" / "pytest.txt").write_text("all good")


def add_a_file(folder: Path) -> None:
    (folder / "report" / "signatures" / "more.txt").write_text("more")


def make_the_report_anew(folder: Path) -> None:
    report = read(folder)
    report["core"]["limitations"] = ["None at all."]
    forge(folder, report)


def claim_a_better_verdict(folder: Path) -> None:
    report = read(folder)
    report["core"]["evaluation"]["verdict"] = "INCOMPLETE"
    forge(folder, report)


def declare_a_requirement(folder: Path) -> None:
    report = read(folder)
    report["core"]["evaluation"]["requirements"][0]["state"] = "NOT_APPLICABLE"
    forge(folder, report)


def drop_a_requirement(folder: Path) -> None:
    report = read(folder)
    report["core"]["evaluation"]["requirements"].pop()
    forge(folder, report)


def drop_the_roles(folder: Path) -> None:
    report = read(folder)
    report["core"]["signoff_roles"] = ["executor"]
    forge(folder, report)


def lower_a_threshold_everywhere(folder: Path) -> None:
    """Plan, digest of the plan at start and end, and report: all made anew, but nobody reviewed the change."""
    target = folder / "report"
    before = file_sha256(target / "plan.json")
    plan = json.loads((target / "plan.json").read_bytes())
    plan["request"]["requirements"][0]["text"] = "The library shall do anything."
    (target / "plan.json").write_bytes(readable_json(plan))
    after = file_sha256(target / "plan.json")
    outcomes = (target / "outcomes.jsonl").read_text().replace(before, after)
    (target / "outcomes.jsonl").write_text(outcomes)
    report = read(folder)
    report["core"]["plan_sha256"] = after
    report["core"]["evaluation"]["requirements"][0]["text"] = "The library shall do anything."
    forge(folder, report)


def lower_a_threshold_with_its_fingerprint(folder: Path) -> None:
    target = folder / "report"
    lower_a_threshold_everywhere(folder)
    before = file_sha256(target / "plan.json")
    plan, report = json.loads((target / "plan.json").read_bytes()), read(folder)
    for entry in (plan["request"]["requirements"][0], report["core"]["evaluation"]["requirements"][0]):
        entry["fingerprint"] = fingerprint({**entry, "requires": {"capabilities": entry["capabilities"]}})
    (target / "plan.json").write_bytes(readable_json(plan))
    after = file_sha256(target / "plan.json")
    (target / "outcomes.jsonl").write_text((target / "outcomes.jsonl").read_text().replace(before, after))
    report["core"]["plan_sha256"] = after
    forge(folder, report)


ATTACKS = {
    remove_signature: "I10",
    remove_all_signatures: "I10",
    garbage: "I11",
    no_signatures_inside: "I11",
    flip_a_bit_of_the_signature: "I12",
    change_the_signed_text: "I12",
    sign_with_an_unknown_key: "I13",
    sign_with_a_key_of_another_role: "I13",
    sign_under_another_name: "I13",
    key_ended: "I13",
    sign_another_report: "I14",
    sign_another_verdict: "I14",
    swap_two_statements: "I1[34]",
    make_the_report_anew: "I14",
    date_in_the_future: "I15",
    date_before_the_report: "I15",
    one_person_in_two_roles: "I16",
    replay_an_older_report: "I17",
    edit_a_file: "I02",
    add_a_file: "I02",
    claim_a_better_verdict: "I06",
    declare_a_requirement: "I06",
    drop_a_requirement: "I06",
    drop_the_roles: "I05",
    lower_a_threshold_everywhere: "I08",
    lower_a_threshold_with_its_fingerprint: "I08",
}


@pytest.mark.parametrize(("attack", "code"), ATTACKS.items(), ids=lambda value: getattr(value, "__name__", value))
def test_both_verifiers_refuse_the_attack_with_its_code(folder: Path, attack, code, capsys):
    attack(folder)
    capsys.readouterr()
    assert check(folder) == 3
    assert re.search(rf"validation: {code} ", capsys.readouterr().err)
    exit_code, said = second_opinion(folder)
    assert exit_code == 3
    assert re.search(rf"refused: {code} ", said)


# ---- signing itself --------------------------------------------------------------------------------------------------


def test_a_role_that_has_signed_does_not_sign_again(folder: Path, capsys):
    assert sign(folder, "executor") == 4
    assert "the executor has signed already" in capsys.readouterr().err


def test_a_role_that_the_report_does_not_ask_for_is_refused(folder: Path, capsys):
    assert sign(folder, "author", name="A stranger") == 4
    assert "this report asks for executor, reviewer, approver, not for author" in capsys.readouterr().err


def test_a_report_that_does_not_verify_is_not_signed(folder: Path, capsys):
    remove_all_signatures(folder)
    edit_a_file(folder)
    assert sign(folder, "executor") == 3
    assert not (folder / "report" / "signatures").exists()


def test_a_key_is_never_overwritten_and_only_its_owner_may_read_it(folder: Path, capsys):
    before = (folder / "executor.pem").read_bytes()
    arguments = ["--trust", str(folder / "trust.json"), "--name", "X", "--role", "author"]
    assert main(["keygen", str(folder / "executor.pem"), *arguments]) == 4
    assert "cannot write the key" in capsys.readouterr().err
    assert (folder / "executor.pem").read_bytes() == before
    assert (folder / "executor.pem").stat().st_mode & 0o777 == 0o600


def test_a_key_with_a_passphrase_needs_it(folder: Path, monkeypatch, capsys):
    monkeypatch.setenv("MEDTORCH_KEY_PASSPHRASE", "a secret")
    arguments = ["--trust", str(folder / "trust.json"), "--name", "Locked", "--role", "executor"]
    assert main(["keygen", str(folder / "locked.pem"), *arguments]) == 0
    assert b"ENCRYPTED" in (folder / "locked.pem").read_bytes()
    monkeypatch.setenv("MEDTORCH_KEY_PASSPHRASE", "a guess")
    envelope_of(folder, "executor").unlink()
    assert sign(folder, "executor", key="locked", name="Locked") == 4
    assert "cannot read the key" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"schema": "other"}, "must hold schema medtorch.trust/1, keys and superseded"),
        (
            {"keys": [{"key_id": "0" * 64, "public_key": "AAAA", "name": "n", "roles": ["author"], "not_after": None}]},
            "32 bytes",
        ),
        ({"keys": None}, "is no trust file"),
        ({"superseded": {"good": "2026-01-01"}}, "has no time zone"),
    ],
)
def test_a_trust_file_that_is_none_is_refused(tmp_path: Path, change, text):
    data = {"schema": "medtorch.trust/1", "keys": [], "superseded": {}, **change}
    (tmp_path / "trust.json").write_text(json.dumps(data))
    with pytest.raises(UsageError, match=text):
        read_trust(tmp_path / "trust.json")


def test_a_trust_file_with_one_key_twice_is_refused(folder: Path):
    trust = json.loads((folder / "trust.json").read_bytes())
    trust["keys"].append(trust["keys"][0])
    (folder / "trust.json").write_bytes(readable_json(trust))
    with pytest.raises(UsageError, match="a key stands there twice"):
        read_trust(folder / "trust.json")
