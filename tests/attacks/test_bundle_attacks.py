"""Bundles that were tampered with: every edited byte is found, and what does not belong there is refused."""

from __future__ import annotations

import json
import os
import shutil
import struct
import zipfile
from pathlib import Path

import pytest

from medtorch.errors import (
    DigestError,
    FormatError,
    LimitError,
    LoadError,
    SaveError,
    UnreadableError,
    UnsafeError,
)
from medtorch.serialize import Limits, container, read_bundle
from medtorch.serialize.container import pack_zip
from tests.attacks import assemble as a
from tests.serialize import bundles

pytestmark = pytest.mark.requirement("REQ-S-SEC-006")


@pytest.fixture
def folder(tmp_path) -> Path:
    bundles.save(tmp_path / "b")
    return tmp_path / "b"


@pytest.fixture
def digest(folder) -> str:
    return bundles.save(folder, overwrite=True)


def refused(path: Path, digest: str) -> type[LoadError]:
    with pytest.raises(LoadError) as caught:
        read_bundle(path, sha256=digest)
    return type(caught.value)


def test_every_changed_byte_of_a_folder_is_found(folder, digest):
    count = 0
    for path in sorted(folder.iterdir()):
        data = bytearray(path.read_bytes())
        for at in range(len(data)):
            data[at] ^= 1 << (at % 8)
            path.write_bytes(data)
            assert refused(folder, digest) is DigestError
            data[at] ^= 1 << (at % 8)
            count += 1
        path.write_bytes(data)
    assert read_bundle(folder, sha256=digest).verified
    assert count > 3000


def test_every_changed_byte_of_a_zip_is_found(tmp_path):
    path = tmp_path / "b.zip"
    digest = bundles.save(path)
    data = bytearray(path.read_bytes())
    for at in range(len(data)):
        data[at] ^= 1 << (at % 8)
        path.write_bytes(data)
        assert issubclass(refused(path, digest), LoadError), at
        data[at] ^= 1 << (at % 8)
    path.write_bytes(data)
    assert read_bundle(path, sha256=digest).verified


def test_every_truncation_of_a_zip_is_found(tmp_path):
    path = tmp_path / "b.zip"
    digest = bundles.save(path)
    data = path.read_bytes()
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        assert issubclass(refused(path, digest), (FormatError, LoadError))
    path.write_bytes(data + b"x")
    assert refused(path, digest) is FormatError


def test_an_edited_manifest_with_fitting_digests_is_found_by_the_callers_digest(folder, digest):
    path = folder / "bundle.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["labels"].reverse()
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(DigestError, match=r"bundle.json: the bytes are not the expected ones"):
        read_bundle(folder, sha256=digest)


def test_the_weights_of_another_bundle_are_found(folder, digest, tmp_path):
    bundles.save(tmp_path / "other", weights={**bundles.weights(), "scale": bundles.medtorch.tensor([2.0, 4.0])})
    shutil.copy(tmp_path / "other" / "weights.safetensors", folder)
    with pytest.raises(DigestError, match=r"weights.safetensors: the bytes are not the expected ones"):
        read_bundle(folder, sha256=digest)


def test_files_that_do_not_belong_there_are_refused(folder, digest):
    (folder / "payload.py").write_text("import os")
    with pytest.raises(FormatError, match=r"'payload.py' is not a file of this bundle"):
        read_bundle(folder, sha256=digest)
    (folder / "payload.py").unlink()
    (folder / ".hidden").touch()
    with pytest.raises(FormatError, match=r"'.hidden' is not a file of this bundle"):
        read_bundle(folder, sha256=digest)


def test_missing_files_are_refused(folder, digest):
    (folder / "LICENSE.txt").unlink()
    with pytest.raises(FormatError, match=r"LICENSE.txt is missing from the bundle"):
        read_bundle(folder, sha256=digest)
    (folder / "bundle.json").unlink()
    with pytest.raises(FormatError, match=r"there is no bundle.json: no bundle"):
        read_bundle(folder, sha256=digest)


def test_links_folders_and_pipes_inside_are_refused(folder, digest, tmp_path):
    licence = folder / "LICENSE.txt"
    licence.rename(tmp_path / "moved")
    licence.symlink_to(tmp_path / "moved")
    with pytest.raises(UnsafeError, match=r"LICENSE.txt: not a regular file \(a folder, a link or a device\)"):
        read_bundle(folder, sha256=digest)
    licence.unlink()
    os.mkfifo(licence)
    with pytest.raises(UnsafeError, match=r"LICENSE.txt: not a regular file"):
        read_bundle(folder, sha256=digest)
    licence.unlink()
    licence.mkdir()
    with pytest.raises(UnsafeError, match=r"LICENSE.txt: not a regular file"):
        read_bundle(folder, sha256=digest)


def test_too_many_and_too_large_files_are_refused(folder, digest):
    with pytest.raises(LimitError, match=r"Limits.bundle_files"):
        read_bundle(folder, sha256=digest, limits=Limits(bundle_files=3))
    with pytest.raises(
        LimitError, match=r"b: bytes of the bundle: \d+ is more than the limit of 1000 \(Limits.file_bytes\)"
    ):
        read_bundle(folder, sha256=digest, limits=Limits(file_bytes=1000))


def test_a_bundle_that_may_not_be_read_is_refused(folder, digest, monkeypatch):
    def forbidden(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(container.os, "scandir", forbidden)
    with pytest.raises(UnreadableError, match=r"b: cannot be read: Permission denied$"):
        read_bundle(folder, sha256=digest)


def parts(folder: Path) -> list[a.Part]:
    return [a.Part(path.name.encode(), path.read_bytes()) for path in sorted(folder.iterdir())]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda p: p.append(a.Part(b"../evil", b"x")), UnsafeError, r"name is no plain relative path: '../evil'"),
        (lambda p: p.append(a.Part(b"sub/x", b"x")), UnsafeError, r"sub/x: a bundle has no folders inside"),
        (lambda p: p.append(a.Part(b"more", b"x")), FormatError, r"'more' is not a file of this bundle"),
        (lambda p: p.append(a.Part(b"bundle.json", b"{}")), FormatError, r"two entries .* are called 'bundle.json'"),
        (lambda p: p.pop(1), FormatError, r"bundle.json: no bundle|is missing from the bundle"),
        (lambda p: setattr(p[0], "method", 8), FormatError, r"LICENSE.txt: a bundle's zip is not compressed"),
        (lambda p: setattr(p[0], "crc", 5), FormatError, r"LICENSE.txt: the CRC does not fit"),
        (lambda p: setattr(p[0], "data", b"x" * len(p[0].data)), DigestError, r"LICENSE.txt: the bytes are not"),
    ],
    ids=range(8),
)
def test_zips_that_were_tampered_with_are_refused(change, error, words, folder, digest, tmp_path):
    found = parts(folder)
    change(found)
    (tmp_path / "z.zip").write_bytes(a.zip_file(found))
    with pytest.raises(error, match=words):
        read_bundle(tmp_path / "z.zip", sha256=digest)


def test_a_zip_with_another_comment_or_packing_is_refused(folder, digest, tmp_path):
    (tmp_path / "z.zip").write_bytes(a.zip_file(parts(folder), comment=b"hello"))
    with pytest.raises(FormatError, match=r"a zip file with a comment that is not that of a bundle: b'hello'"):
        read_bundle(tmp_path / "z.zip", sha256=digest)
    (tmp_path / "z.zip").write_bytes(a.zip_file(parts(folder), comment=b"medtorch bundle 1"))
    with pytest.raises(FormatError, match=r"LICENSE.txt: its header is not as medtorch writes it: altered"):
        read_bundle(tmp_path / "z.zip", sha256=digest)
    shutil.make_archive(str(tmp_path / "packed"), "zip", folder)
    with pytest.raises((FormatError, UnsafeError), match=r"not compressed|no plain relative path"):
        read_bundle(tmp_path / "packed.zip", sha256=digest)


def test_a_zip_without_the_marker_is_read_as_one_of_another_program(folder, digest, tmp_path):
    """Whoever takes the marker off gains nothing: every file is still held by the digests."""
    (tmp_path / "z.zip").write_bytes(a.zip_file(parts(folder)))
    assert read_bundle(tmp_path / "z.zip", sha256=digest).verified
    with zipfile.ZipFile(tmp_path / "z.zip") as archive:
        assert archive.testzip() is None


def test_a_zip_beyond_4_gib_is_not_written():
    header = pack_zip({"a": [b"x" * 10]})[0]
    assert struct.unpack_from("<4s5H3I", header)[7:] == (10, 10)
    with pytest.raises(SaveError, match=r"larger than the 4 GiB that a zip file holds: save it as a folder"):
        container._local_header("a", 0, 1 << 32, 0)
