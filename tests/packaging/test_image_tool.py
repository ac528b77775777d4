"""The tool behind `make image`, with stand-ins for the engines: what it asks of them, what it says when it stops."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from scripts.image import __main__ as tool
from scripts.image.base import base_image
from scripts.image.bundle import Bundle, bundle_of, place
from scripts.image.context import SOURCES, lay_out, place_advisories
from scripts.image.engine import Engine, find_engine
from scripts.image.errors import ImageError
from scripts.image.wheels import write_sums
from tests.packaging.commands import ROOT
from validation.commit import STATED, commit_of
from validation.services import Service

pytestmark = [pytest.mark.requirement("REQ-F-INS-009"), pytest.mark.needs("checkout")]


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """An empty PATH, and a way to put stand-ins on it that note their arguments; gives back the notes."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def add(name: str, body: str) -> Path:
        path = folder / name
        path.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/{name}.calls\n{body}\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return tmp_path / f"{name}.calls"

    return add


def test_without_an_engine_the_tool_says_what_it_needs(programs, tmp_path):
    with pytest.raises(ImageError, match="needs podman, buildah or a reachable docker; none of them answers here"):
        find_engine(tmp_path / "work")


def test_an_engine_that_does_not_answer_is_passed_over(programs, tmp_path):
    programs("podman", "exit 125")
    programs("docker", "exit 0")
    assert find_engine(tmp_path / "work").name == "docker"


def test_podman_comes_first_and_gets_settings_of_its_own(programs, tmp_path):
    for name in ("docker", "buildah", "podman"):
        programs(name, "exit 0")
    engine = find_engine(tmp_path / "work", storage=tmp_path / "store")
    assert engine.name == "podman"
    settings = Path(engine.settings["CONTAINERS_STORAGE_CONF"]).read_text()
    assert f'graphroot = "{tmp_path}/store/graph"' in settings


def test_a_build_has_no_network_and_passes_every_argument(programs, tmp_path):
    calls = programs("podman", "exit 0")
    Engine("podman").build(
        tmp_path, "name:1", {"SERVICE": "s", "VERSION": "1"}, target="evidence", output=tmp_path / "o"
    )
    said = calls.read_text()
    assert said.startswith("build --network none --tag name:1 ")
    for part in (
        "--build-arg SERVICE=s",
        "--build-arg VERSION=1",
        "--target evidence",
        f"--output type=local,dest={tmp_path}/o",
    ):
        assert part in said


def test_a_failed_build_is_an_error(programs, tmp_path):
    programs("buildah", "exit 1")
    with pytest.raises(ImageError, match=r"^buildah build failed, see its last lines above$"):
        Engine("buildah").build(tmp_path, "name:1", {})


def test_an_image_that_the_engine_does_not_know_has_no_digest(programs):
    programs("podman", "exit 1")
    with pytest.raises(ImageError, match="podman does not know the image name:1"):
        Engine("podman").image_id("name:1")


@pytest.mark.parametrize(
    ("engine", "shape"), [("podman", "{{.Id}}"), ("docker", "{{.Id}}"), ("buildah", "{{.FromImageID}}")]
)
def test_the_digest_is_the_image_id_in_one_form(programs, engine, shape):
    calls = programs(engine, f"echo {'a' * 64}")
    assert Engine(engine).image_id("name:1") == "sha256:" + "a" * 64
    assert shape in calls.read_text()


@pytest.mark.parametrize(
    ("engine", "asked"),
    [("podman", "save --format oci-dir --output out/layout name:1\n"), ("buildah", "push name:1 oci:out/layout\n")],
)
def test_an_image_is_written_as_a_layout(programs, engine, asked):
    calls = programs(engine, "exit 0")
    assert Engine(engine).save("name:1", Path("out/layout")) == Path("out/layout")
    assert calls.read_text() == asked


def test_docker_writes_no_layout_and_the_error_says_what_does(programs):
    with pytest.raises(ImageError, match="docker cannot write an OCI layout: use podman or buildah to bind an image"):
        Engine("docker").save("name:1", Path("layout"))


@pytest.mark.parametrize(("engine", "runner"), [("podman", "podman"), ("buildah", "podman"), ("docker", "docker")])
def test_a_container_s_exit_code_and_words_come_back(programs, engine, runner):
    calls = programs(runner, "echo said >&2; exit 3")
    assert Engine(engine).run(["--rm", "name:1"]) == (3, "said\n")
    assert calls.read_text() == "run --rm name:1\n"


def test_a_base_image_that_can_neither_be_made_nor_pulled_is_asked_for(programs):
    programs("docker", "exit 1")
    with pytest.raises(ImageError, match=r"^no base image: .* cannot be pulled.*; name one with --base-image$"):
        base_image(Engine("docker"))


def service(bundle: dict[str, str | None] | None) -> Service:
    return Service(
        name="s",
        title="a service",
        kind="classifier",
        template=bundle is None,
        intended_use="tests",
        limitations=(),
        safety_class="unset",
        soup={},
        bundle=bundle,
        devices=("cpu",),
        include=(),
        not_applicable=(),
        acceptance=(),
    )


@pytest.fixture
def folder(tmp_path):
    """A bundle's folder; the digest of its description comes from sha256sum."""
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle/bundle.json").write_text('{"files": {}}')
    (tmp_path / "bundle/weights.safetensors").write_bytes(b"abc")
    return tmp_path / "bundle"


NO_FILES = "72977a5bca3b6477ebcbf9abf97bb444c5d27d874e0109bf6d10a810519f3c24"  # printf '{"files": {}}' | sha256sum


def test_a_service_that_is_not_defined_is_refused_by_name(capsys):
    assert tool.main(["no-such-service"]) == 1
    assert "image: there is no service 'no-such-service'; there are:" in capsys.readouterr().err


def test_a_template_is_refused_until_its_owner_names_a_bundle():
    with pytest.raises(
        ImageError, match=r"^s is a template: its owner has not named a bundle in its service file yet$"
    ):
        bundle_of(service(None), None, None)


def test_a_folder_that_is_no_bundle_is_refused_by_name(tmp_path):
    with pytest.raises(ImageError, match=r"not a bundle's folder, it holds no bundle\.json: .*elsewhere"):
        bundle_of(service({"path": "x", "sha256": None}), tmp_path / "elsewhere", None)


def test_the_service_file_names_bundle_and_digest(folder):
    assert bundle_of(service({"path": str(folder), "sha256": NO_FILES}), None, None) == Bundle(folder, NO_FILES)


@pytest.mark.parametrize(("stated", "asked"), [("0" * 64, None), (NO_FILES, "0" * 64), (None, "0" * 64)])
def test_another_bundle_than_the_expected_one_is_refused(folder, stated, asked):
    with pytest.raises(ImageError, match=f"has the digest {NO_FILES}, expected was {'0' * 64}"):
        bundle_of(service({"path": str(folder), "sha256": stated}), None, asked)


def test_a_digest_that_nobody_stated_is_said_aloud(folder, capsys):
    assert bundle_of(service({"path": str(folder), "sha256": None}), None, None).sha256 == NO_FILES
    assert f"nobody stated the digest of {folder}" in capsys.readouterr().out


def test_the_whole_bundle_goes_into_the_context_and_nothing_of_the_one_before(folder, tmp_path):
    context = tmp_path / "context"
    context.mkdir()
    (context / "left-over").touch()
    place(Bundle(folder, NO_FILES), context)
    assert sorted(path.name for path in context.iterdir()) == ["bundle.json", "weights.safetensors"]


def test_the_context_is_a_copy_of_what_the_validation_reads(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    lay_out(tmp_path / "context")
    assert {path.name for path in (tmp_path / "context/source").iterdir()} == {*SOURCES, STATED}
    assert (tmp_path / "context/Dockerfile").read_bytes() == (ROOT / "Dockerfile").read_bytes()
    assert list((tmp_path / "context").rglob("*.pyc")) == []


def test_the_context_states_the_commit_that_git_has_no_more_say_about(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    lay_out(tmp_path / "context")
    here = commit_of(ROOT)
    stated = {**here, "said_by": "builder" if here["commit"] else None}
    assert commit_of(tmp_path / "context/source") == stated


def test_a_snapshot_of_advisories_goes_into_the_context_with_its_day(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    (tmp_path / "all.zip").write_bytes(b"advisories")
    lay_out(tmp_path / "context")
    place_advisories(tmp_path / "context", tmp_path / "all.zip", "2026-11-20")
    assert (tmp_path / "context/source/osv/all.zip").read_bytes() == b"advisories"
    assert (tmp_path / "context/source/osv/retrieved").read_text() == "2026-11-20"


@pytest.mark.parametrize("half", [["--osv", "all.zip"], ["--osv-retrieved", "2026-11-20"]])
def test_a_snapshot_without_its_day_is_refused(half, capsys):
    with pytest.raises(SystemExit):
        tool.parse(["cxr-classifier", *half])
    assert "--osv and --osv-retrieved belong together" in capsys.readouterr().err


def test_the_verdict_comes_from_the_report(tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report/report.json").write_text(json.dumps({"core": {"evaluation": {"verdict": "INCOMPLETE"}}}))
    assert tool.verdict(tmp_path) == "INCOMPLETE"


def test_a_validation_without_a_report_is_an_error_with_its_exit_code(tmp_path):
    (tmp_path / "exit_code").write_text("4\n")
    with pytest.raises(ImageError, match="the validation in the image ended with exit code 4 and made no report"):
        tool.verdict(tmp_path)


def test_the_wheels_are_listed_with_their_digests_in_order(tmp_path):
    (tmp_path / "b.whl").write_bytes(b"abc")
    (tmp_path / "a.whl").write_bytes(b"")
    write_sums(tmp_path)
    assert (tmp_path / "SHA256SUMS").read_text() == (  # digests of FIPS 180-4: the empty message and "abc"
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a.whl\n"
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  b.whl\n"
    )


def test_the_machine_s_own_environment_reaches_the_engine(programs, tmp_path, monkeypatch):
    programs("podman", f'echo "$CONTAINERS_CONF $DOCKER_BUILDKIT" > {tmp_path}/seen')
    Engine("podman", {"CONTAINERS_CONF": "chosen"}).build(tmp_path, "name:1", {})
    assert (tmp_path / "seen").read_text() == "chosen 1\n"
    assert "CONTAINERS_CONF" not in os.environ
