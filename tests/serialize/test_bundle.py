"""Bundles: what is written is read, in a folder or a zip; digests come first; the caller's digest is required."""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
from pathlib import Path

import pytest

import medtorch
from medtorch.errors import ArgumentError, DigestError, FileMissingError, FormatError, SaveError, SchemaError
from medtorch.serialize import GoldenCase, bundle, bundle_digest, container, read_bundle
from medtorch.serialize.source import read_source
from tests.serialize import bundles

pytestmark = pytest.mark.requirement("REQ-F-BUN-001")

CONTAINERS = ("bundle", "bundle.zip")


@pytest.mark.requirement("REQ-F-BUN-003")
@pytest.mark.parametrize("name", CONTAINERS)
def test_what_is_written_is_read(name, tmp_path):
    digest = bundles.save(tmp_path / name)
    found = read_bundle(tmp_path / name, sha256=digest)
    assert found.description == bundles.description()
    assert found.verified
    assert found.sha256 == digest
    assert {key: tensor.tolist() for key, tensor in found.weights.items()} == {"scale": [2.0, 3.0], "steps": 7}
    assert found.weights["steps"].dtype is medtorch.int64
    assert [case.name for case in found.golden] == ["ones", "halves"]
    assert found.golden[1].inputs[0].tolist() == medtorch.full((2, 1, 2, 2), 0.5).tolist()
    assert found.golden[1].outputs[0].tolist() == [[1.0, 1.5]] * 2
    assert found.files == {"LICENSE.txt": bundles.LICENCE_TEXT}
    assert found.manifest.written_by == f"medtorch {medtorch.__version__}"


@pytest.mark.requirement("REQ-F-BUN-002")
def test_the_digest_is_the_sha256_of_bundle_json_and_the_same_for_both_containers(tmp_path):
    digests = {bundles.save(tmp_path / name) for name in CONTAINERS}
    text = (tmp_path / "bundle" / "bundle.json").read_bytes()
    assert digests == {hashlib.sha256(text).hexdigest()}
    assert {bundle_digest(tmp_path / name) for name in CONTAINERS} == digests


def test_bundle_json_holds_the_digest_of_every_file_and_every_tensor(tmp_path):
    bundles.save(tmp_path / "b")
    data = json.loads((tmp_path / "b" / "bundle.json").read_text(encoding="utf-8"))
    names = {path.name for path in (tmp_path / "b").iterdir()}
    assert names == {"bundle.json", "weights.safetensors", "golden.safetensors", "LICENSE.txt"}
    assert set(data["files"]) == names - {"bundle.json"}
    for name, entry in data["files"].items():
        raw = (tmp_path / "b" / name).read_bytes()
        assert entry == {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
    scale = {"dtype": "float32", "shape": [2], "sha256": hashlib.sha256(struct.pack("<2f", 2, 3)).hexdigest()}
    steps = {"dtype": "int64", "shape": [], "sha256": hashlib.sha256(struct.pack("<q", 7)).hexdigest()}
    assert data["weights"]["tensors"] == {"scale": scale, "steps": steps}
    assert set(data["golden"]["tensors"]) == {
        f"{case}.{role}.0" for case in ("ones", "halves") for role in ("input", "output")
    }


@pytest.mark.requirement("REQ-F-BUN-003")
def test_writing_twice_gives_the_same_bytes(tmp_path):
    for name in ("a.zip", "b.zip"):
        bundles.save(tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@pytest.mark.requirement("REQ-F-BUN-003")
def test_the_zip_is_one_that_every_program_reads_and_holds_the_files_of_the_folder(tmp_path):
    bundles.save(tmp_path / "b")
    bundles.save(tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist()[0] == "bundle.json"
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
        held = {name: archive.read(name) for name in archive.namelist()}
    assert held == {path.name: path.read_bytes() for path in (tmp_path / "b").iterdir()}


@pytest.mark.requirement("REQ-F-BUN-003")
def test_a_zip_that_another_program_made_of_the_folder_is_read(tmp_path):
    digest = bundles.save(tmp_path / "b")
    with zipfile.ZipFile(tmp_path / "c.zip", "w", zipfile.ZIP_STORED) as archive:
        for path in (tmp_path / "b").iterdir():
            archive.write(path, path.name)
    assert read_bundle(tmp_path / "c.zip", sha256=digest).weights["steps"].tolist() == 7


@pytest.mark.requirement("REQ-F-BUN-002")
def test_the_callers_digest_is_required(tmp_path):
    digest = bundles.save(tmp_path / "b")
    with pytest.raises(
        ArgumentError, match=r"^read_bundle: no expected digest: pass sha256=..., or allow_unverified=True"
    ):
        read_bundle(tmp_path / "b", sha256=None)
    with pytest.raises(ArgumentError, match=r"^read_bundle: sha256 and allow_unverified=True contradict each other$"):
        read_bundle(tmp_path / "b", sha256=digest, allow_unverified=True)
    with pytest.raises(ArgumentError, match=r"^sha256 must be 64 hexadecimal digits, got ''$"):
        read_bundle(tmp_path / "b", sha256="")
    with pytest.raises(TypeError, match=r"sha256"):
        read_bundle(tmp_path / "b")
    found = read_bundle(tmp_path / "b", sha256=None, allow_unverified=True)
    assert (found.verified, found.sha256) == (False, digest)
    assert read_bundle(tmp_path / "b", sha256=f"sha256:{digest.upper()}").verified


@pytest.mark.requirement("REQ-F-BUN-002")
@pytest.mark.parametrize("name", CONTAINERS)
def test_another_digest_is_refused_before_anything_is_parsed(name, tmp_path):
    bundles.save(tmp_path / name)
    with pytest.raises(
        DigestError, match=r"bundle.json: the bytes are not the expected ones\n  expected sha256 0{64}\n  found"
    ):
        read_bundle(tmp_path / name, sha256="0" * 64)
    if name == "bundle":
        (tmp_path / name / "bundle.json").write_bytes(b"this is no JSON")
        with pytest.raises(DigestError, match=r"bundle.json: the bytes are not the expected ones"):
            read_bundle(tmp_path / name, sha256="0" * 64)


@pytest.mark.requirement("REQ-F-BUN-002")
def test_the_digests_inside_are_checked_even_when_the_bundle_is_looked_at_unverified(tmp_path):
    bundles.save(tmp_path / "b")
    path = tmp_path / "b" / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x09")
    with pytest.raises(DigestError, match=r"weights.safetensors: the bytes are not the expected ones"):
        read_bundle(tmp_path / "b", sha256=None, allow_unverified=True)


@pytest.mark.requirement("REQ-F-BUN-002")
def test_a_wrong_file_is_not_parsed_before_its_digest_is_checked(tmp_path):
    digest = bundles.save(tmp_path / "b")
    path = tmp_path / "b" / "weights.safetensors"
    path.write_bytes(b"\xff" * path.stat().st_size)
    with pytest.raises(DigestError, match=r"weights.safetensors: the bytes are not the expected ones"):
        read_bundle(tmp_path / "b", sha256=digest)


@pytest.mark.requirement("REQ-S-SEC-002")
def test_the_bytes_that_were_checked_are_the_bytes_that_are_used(tmp_path, monkeypatch):
    """Files that are exchanged between the check and the use make no difference: nothing is read twice."""
    digest = bundles.save(tmp_path / "b")
    check = bundle.check_sha256

    def exchange_after_check(data, expected, name):
        check(data, expected, name)
        for path in (tmp_path / "b").glob("*.safetensors"):
            path.write_bytes(b"\xff" * path.stat().st_size)

    monkeypatch.setattr(bundle, "check_sha256", exchange_after_check)
    read = []
    monkeypatch.setattr(
        container, "read_source", lambda path, limits: read.append(path.name) or read_source(path, limits)
    )
    original = {path.name: path.read_bytes() for path in (tmp_path / "b").iterdir()}
    with pytest.raises(DigestError, match=r"safetensors: the bytes are not the expected ones"):
        read_bundle(tmp_path / "b", sha256=digest)  # changed before its own check: found
    for name, data in original.items():
        (tmp_path / "b" / name).write_bytes(data)
    monkeypatch.setattr(bundle, "check_sha256", check)
    parse = bundle.parse_safetensors

    def exchange_before_parsing(source, limits):
        for path in (tmp_path / "b").glob("*.safetensors"):
            path.write_bytes(b"\xff" * path.stat().st_size)
        return parse(source, limits)

    monkeypatch.setattr(bundle, "parse_safetensors", exchange_before_parsing)
    read.clear()
    assert read_bundle(tmp_path / "b", sha256=digest).weights["steps"].tolist() == 7
    assert sorted(read) == sorted(original)


def redigest(folder: Path, edit) -> str:
    """Edit bundle.json and give the files their digests: an attacker who does everything but the caller's digest."""
    data = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    edit(data)
    for name in data["files"]:
        if (folder / name).exists():
            raw = (folder / name).read_bytes()
            data["files"][name] = {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
    (folder / "bundle.json").write_text(json.dumps(data), encoding="utf-8")
    return bundle_digest(folder)


@pytest.mark.parametrize(
    ("edit", "error", "words"),
    [
        (
            lambda data: data["weights"]["tensors"]["scale"].update(sha256="0" * 64),
            DigestError,
            r"tensor 'scale': the bytes are",
        ),
        (
            lambda data: data["golden"]["tensors"]["ones.input.0"].update(sha256="0" * 64),
            DigestError,
            r"tensor 'ones.input.0': ",
        ),
        (
            lambda data: data["weights"]["tensors"]["scale"].update(shape=[1, 2]),
            FormatError,
            r"float32 \(2,\), bundle.json says float32 \(1, 2\)",
        ),
        (
            lambda data: data["weights"]["tensors"]["scale"].update(dtype="int32"),
            FormatError,
            r"bundle.json says int32 \(2,\)",
        ),
        (
            lambda data: data["weights"]["tensors"].pop("scale"),
            FormatError,
            r"tensor 'scale' is in the file but not bundle.json",
        ),
        (
            lambda data: data["weights"]["tensors"].update(more=data["weights"]["tensors"]["scale"]),
            FormatError,
            r"tensor 'more' is in bundle.json but not the file",
        ),
        (lambda data: data.pop("intended_use"), SchemaError, r"bundle.json: \$ has no 'intended_use'"),
        (lambda data: data["files"].pop("LICENSE.txt"), SchemaError, r"licence.file 'LICENSE.txt' is not among"),
        (
            lambda data: data["files"].update({"more.txt": {"bytes": 0, "sha256": "0" * 64}}),
            FormatError,
            r"more.txt is missing from the bundle",
        ),
    ],
    ids=range(9),
)
def test_each_contradiction_has_its_own_error_that_names_the_file_or_tensor(edit, error, words, tmp_path):
    bundles.save(tmp_path / "b")
    digest = redigest(tmp_path / "b", edit)
    with pytest.raises(error, match=words):
        read_bundle(tmp_path / "b", sha256=digest)


def test_a_file_of_another_size_is_refused_unread(tmp_path):
    digest = bundles.save(tmp_path / "b")
    path = tmp_path / "b" / "weights.safetensors"
    size = path.stat().st_size
    with path.open("ab") as file:
        file.truncate(3 << 30)  # a hole: reading it would take gigabytes
    with pytest.raises(DigestError, match=rf"weights.safetensors: has 3221225472 bytes, expected {size}"):
        read_bundle(tmp_path / "b", sha256=digest)


@pytest.mark.parametrize("name", CONTAINERS)
def test_what_is_no_bundle_is_refused(name, tmp_path):
    with pytest.raises(FileMissingError, match=rf"{name}: no such bundle"):
        read_bundle(tmp_path / name, sha256="0" * 64)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FormatError, match=r"there is no bundle.json: no bundle"):
        read_bundle(tmp_path / "empty", sha256="0" * 64)
    (tmp_path / "text").write_text("hello")
    with pytest.raises(FormatError, match=r"text: neither a folder nor a zip file: no bundle"):
        read_bundle(tmp_path / "text", sha256="0" * 64)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"golden": []}, SchemaError, r"\$.golden.cases has 0 items, expected at least 1"),
        ({"description": bundles.description(name="a b")}, SchemaError, r"\$.name is 'a b'"),
        (
            {"description": bundles.description(architecture=bundles.Architecture("x", {"f": object()}))},
            SchemaError,
            r"\$.architecture.arguments.f cannot be",
        ),
        ({"weights": {"w": 3}}, SaveError, r"^write_bundle: weight 'w' is a int, not a tensor or an array$"),
        (
            {"golden": [GoldenCase("a", (medtorch.ones(1),), (medtorch.tensor([float("nan")]),))]},
            SaveError,
            r"golden 'a.output.0' has values that are not finite",
        ),
        ({"golden": [*bundles.golden(), *bundles.golden()]}, SchemaError, r"two golden cases are called 'ones'"),
        ({"files": {"LICENSE.txt": b"", "bundle.json": b""}}, SaveError, r"a file cannot be called bundle.json"),
        ({"files": {"LICENSE.txt": b"", "../evil": b""}}, SchemaError, r"\$.files \(name '../evil'\)"),
        ({"files": {}}, SchemaError, r"licence.file 'LICENSE.txt' is not among"),
    ],
    ids=range(9),
)
def test_what_could_not_be_read_is_not_written(changes, error, words, tmp_path):
    with pytest.raises(error, match=words):
        bundles.save(tmp_path / "b", **changes)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.requirement("REQ-F-BUN-005")
@pytest.mark.parametrize("name", CONTAINERS)
def test_an_existing_bundle_is_replaced_only_when_asked(name, tmp_path):
    old = bundles.save(tmp_path / name)
    changed = bundles.description(version="2")
    with pytest.raises(SaveError, match=rf"{name}: exists already \(overwrite=True replaces it\)"):
        bundles.save(tmp_path / name, description=changed)
    assert bundle_digest(tmp_path / name) == old
    new = bundles.save(tmp_path / name, description=changed, overwrite=True)
    assert new != old
    assert read_bundle(tmp_path / name, sha256=new).description.version == "2"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_that_is_no_bundle_is_never_overwritten(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("meow")
    with pytest.raises(SaveError, match=r"photos: exists and is no bundle; it is not overwritten"):
        bundles.save(tmp_path / "photos", overwrite=True)
    (tmp_path / "note").write_text("x")
    with pytest.raises(SaveError, match=r"note: exists and is no bundle"):
        bundles.save(tmp_path / "note", overwrite=True)
    assert (tmp_path / "photos" / "cat.jpg").read_text() == "meow"
