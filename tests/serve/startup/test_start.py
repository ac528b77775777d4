"""A service starts in the image that was validated, and in no other."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from medtorch.errors import StartupError
from medtorch.serve.startup import checks, log
from medtorch.serve.startup.content import content_lines, content_sha256, mounted
from tests.serve.startup.evidence import now
from validation.canonical import file_sha256
from validation.image.content import content_digest, walk

pytestmark = pytest.mark.requirement("REQ-S-SEC-011")


def test_a_validated_image_starts_and_says_what_it_rests_on(starting, place):
    started = starting()
    assert [check.good for check in started.checks] == [True] * 6
    health = started.health()
    assert health["service"] == "a-service"
    assert health["validation"]["verdict"] == "PASS"
    assert health["validation"]["content_sha256"] == place.report["core"]["content"]["sha256"]
    assert health["validation"]["signed_by"] == {"executor": "The build machine", "reviewer": "JD-001, A. Reviewer"}


def test_the_measure_taken_inside_is_the_one_the_validation_takes(place):
    (place.root / "opt" / "link").symlink_to("service/code.py")
    (place.root / "opt" / "secret").write_text("x")
    (place.root / "opt" / "secret").chmod(0o600)
    (place.root / "tmp").mkdir()
    (place.root / "tmp" / "x").write_text("x")
    lines = content_lines(place.root)
    assert sorted(lines) == ["opt/link", "opt/service/code.py"]
    assert content_sha256(lines) == content_digest(walk(place.root))


def test_what_is_mounted_is_no_part_of_the_image_but_hides_what_lies_under_it(place, tmp_path):
    (place.root / "trust.json").write_text("given at the start")
    mounts = mounted(mount_table(tmp_path, "/", "/trust.json", "/my\\040images"))
    assert mounts == {"trust.json", "my images"}
    assert content_sha256(content_lines(place.root, mounts)) == place.report["core"]["content"]["sha256"]
    assert content_sha256(content_lines(place.root)) != place.report["core"]["content"]["sha256"]
    hidden = content_lines(place.root, mounts | {"opt"})
    assert content_sha256(hidden) != place.report["core"]["content"]["sha256"]


@pytest.mark.parametrize("name", ["opt/service/more.pth", "etc/ld.so.preload", ".local/more.pth"])
def test_code_that_is_mounted_into_the_image_is_found(place, tmp_path, name):
    added = place.root / name
    added.parent.mkdir(parents=True, exist_ok=True)
    added.write_text("import os")
    mounts = mounted(mount_table(tmp_path, "/", f"/{name}", "/.local"))
    assert mounts == frozenset()
    assert name in content_lines(place.root, mounts)
    assert content_sha256(content_lines(place.root, mounts)) != place.report["core"]["content"]["sha256"]


def mount_table(folder, *places):
    """As proc(5) writes it."""
    table = folder / "mountinfo"
    table.write_text("".join(f"36 35 98:0 / {place} ro - ext4 e rw\n" for place in places))
    return table


def test_the_table_of_this_system_is_read():
    assert "proc" in mounted()


def edit_code(place):
    (place.root / "opt" / "service" / "code.py").write_text("c0de")


def add_code(place):
    (place.root / "opt" / "service" / "more.pth").write_text("import os")


def edit_report(place):
    (place.evidence / "report.json").write_text("{}")


def better_verdict(place):
    place.report["core"]["evaluation"]["verdict"] = "FAIL"
    place.write()


def remove_a_signature(place):
    place.signature("reviewer").unlink()


def sign_with_another_key(place):
    place.sign("reviewer", key="executor")


def break_the_signature(place):
    envelope = json.loads(place.signature("executor").read_bytes())
    envelope["signatures"][0]["sig"] = "A" * 86 + "=="
    place.signature("executor").write_text(json.dumps(envelope))


def sign_as_somebody_else(place):
    place.sign("reviewer", {"name": "Somebody else"})


def sign_another_role(place):
    place.sign("reviewer", {"role": "executor"})


def older_report(place):
    place.edit_trust(superseded={"a-service": (datetime.now(UTC) + timedelta(seconds=60)).isoformat()})


def signed_in_the_future(place):
    place.sign("reviewer", {"signed_at": (datetime.now(UTC) + timedelta(days=1)).isoformat()})


def replay_signatures_on_another_report(place):
    kept = place.signature("reviewer").read_bytes()
    place.report["volatile"]["made_at"] = now()
    place.report["core"]["tool"]["version"] = "2"
    place.write()
    place.signature("reviewer").write_bytes(kept)


def not_made_in_an_image(place):
    place.report["core"]["content"] = None
    (place.evidence / "report.json").write_text(json.dumps(place.report))
    listed = json.loads((place.evidence / "digests.json").read_bytes())
    listed["report.json"] = file_sha256(place.evidence / "report.json")
    (place.evidence / "digests.json").write_text(json.dumps(listed))


def other_version(place):
    place.report["core"]["environment"]["distributions"] = [
        {**entry, "version": "0.0.1"} if entry["name"] == "numpy" else entry
        for entry in place.report["core"]["environment"]["distributions"]
    ]
    place.write()


def other_bundle(place):
    place.report["core"]["bundle"]["sha256"] = "0" * 64
    place.write()


def other_device(place):
    place.report["core"]["service"]["devices"] = ["cuda"]
    place.write()


ATTACKS = {
    edit_code: "content of the image: its digest is",
    add_code: "content of the image: its digest is",
    edit_report: "report.json is not the file that was signed",
    better_verdict: "verdict: the report says FAIL",
    remove_a_signature: "not signed by the reviewer",
    sign_with_another_key: "its key is not trusted as reviewer",
    break_the_signature: "the signature does not belong to its text",
    sign_as_somebody_else: "signed for another report (name)",
    sign_another_role: "signed for another report (role)",
    older_report: "a newer report has taken the place of this one",
    signed_in_the_future: "the times contradict each other",
    replay_signatures_on_another_report: "signed for another report (report)",
    not_made_in_an_image: "the report was not made inside an image",
    other_version: "versions: not among what was validated: numpy",
    other_bundle: "bundle and known answers:",
    other_device: "device: cpu is none of cuda",
}


@pytest.mark.parametrize(("attack", "said"), ATTACKS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_what_was_not_validated_does_not_start(starting, place, attack, said):
    attack(place)
    with pytest.raises(StartupError, match=re.escape(said)):
        starting()


def test_a_changed_bundle_does_not_start(starting, place):
    weights = place.folder / "bundle" / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(StartupError, match="bundle and known answers"):
        starting()


@pytest.mark.parametrize("name", checks.DANGEROUS)
def test_surroundings_that_let_code_in_are_refused(starting, monkeypatch, name):
    monkeypatch.setenv(name, "/somewhere")
    with pytest.raises(StartupError, match=f"{name} could let other code in"):
        starting()


def test_code_that_can_be_written_to_is_refused(starting, monkeypatch):
    monkeypatch.setattr(checks.os, "access", lambda path, mode: path == checks.CODE)
    with pytest.raises(StartupError, match="can be written to: run the image read-only"):
        starting()


def test_libraries_from_a_folder_that_can_be_written_to_are_refused(starting, monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/cuda/lib:/tmp/mine")
    monkeypatch.setattr(checks.os, "access", lambda path, mode: path == "/tmp/mine")
    with pytest.raises(StartupError, match="libraries are looked for in /tmp/mine"):
        starting()


def test_an_incomplete_report_starts_only_where_that_was_said(starting, place):
    place.report["core"]["evaluation"]["verdict"] = "INCOMPLETE"
    place.write()
    with pytest.raises(StartupError, match="verdict: the report says INCOMPLETE"):
        starting()
    assert starting(accept_incomplete=True).evidence.verdict == "INCOMPLETE"


@pytest.mark.requirement("REQ-S-SEC-012")
def test_starts_and_refusals_are_written_down_in_a_chain(starting, place, tmp_path):
    path = tmp_path / "starts.jsonl"
    first = starting(log_file=path).log_sha256
    edit_code(place)
    with pytest.raises(StartupError):
        starting(log_file=path)
    remove_a_signature(place)
    with pytest.raises(StartupError):
        starting(log_file=path)
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert [entry["started"] for entry in entries] == [True, False, False]
    assert entries[1]["previous"] == first
    assert "not signed by the reviewer" in entries[2]["checks"]["evidence"]
    assert log.check(path)


@pytest.mark.requirement("REQ-S-SEC-012")
@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[1:],
        lambda lines: lines[:1] + lines[2:],
        lambda lines: [lines[1], lines[0], lines[2]],
        lambda lines: [lines[0].replace(b"one", b"0ne"), *lines[1:]],
        lambda lines: [*lines[:2], lines[2][:-10]],
        lambda lines: [*lines, b"{}\n"],
        lambda lines: [b"no json\n", *lines],
    ],
    ids=["head cut", "line cut out", "exchanged", "edited", "torn", "appended", "inserted"],
)
def test_a_log_that_was_changed_stops_the_start(tmp_path, change):
    path = tmp_path / "starts.jsonl"
    for text in ("one", "two", "three"):
        log.append(path, {"said": text})
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(StartupError, match="the log was changed"):
        log.append(path, {"said": "four"})
