"""The bundle under validation is checked file by file, without medtorch's loader."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.validation.project import Project
from validation.bundles import bundle_findings, describe_bundle
from validation.canonical import file_sha256
from validation.errors import UsageError

pytestmark = pytest.mark.requirement("REQ-F-VAL-013")


def problems(path: Path, expected: str | None) -> list[str]:
    return [f"{finding.rule} {finding.message}" for finding in bundle_findings("s", describe_bundle(path, expected))]


@pytest.fixture
def folder(project: Project) -> Path:
    return project.root / "bundle"


def test_the_expected_bundle_has_no_finding(folder: Path):
    assert problems(folder, file_sha256(folder / "bundle.json")) == []


def test_no_expected_digest_is_an_open_point(folder: Path):
    assert problems(folder, None)[0].startswith("V06 no digest was expected of the bundle")


def test_another_digest_is_named(folder: Path):
    digest = file_sha256(folder / "bundle.json")
    assert problems(folder, "0" * 64) == [f"V05 the bundle's digest is {digest}, expected was {'0' * 64}"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "weights.safetensors",
            "weightz",
            "the bundle's weights.safetensors differs from the digest in its bundle.json",
        ),
        ("weights.safetensors", None, "the bundle's weights.safetensors is missing, but named in its bundle.json"),
        ("more.bin", "more", "the bundle holds more.bin, which its bundle.json does not name"),
    ],
)
def test_edited_missing_and_added_files_are_named(folder: Path, name, text, message):
    digest = file_sha256(folder / "bundle.json")
    if text is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(text, encoding="utf-8")
    assert problems(folder, digest) == [f"V05 {message}"]


def test_the_same_tree_in_a_zip_has_the_same_digest(folder: Path, tmp_path: Path):
    packed = tmp_path / "bundle.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)
    digest = file_sha256(folder / "bundle.json")
    assert describe_bundle(packed, digest) == describe_bundle(folder, digest)
    assert problems(packed, digest) == []


def test_a_zip_without_a_description_is_refused(tmp_path: Path):
    packed = tmp_path / "other.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a", "b")
    with pytest.raises(UsageError, match=r"^not a bundle: other\.zip holds no bundle\.json$"):
        describe_bundle(packed, None)
