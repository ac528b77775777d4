"""The content of an image: measured inside it, read from its layers, sealed, bound to a report, and found changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.validation.layouts import layer, make_layout, tree
from tests.validation.sealed import sealed_report
from validation import verify_standalone
from validation.canonical import readable_json
from validation.cli import main
from validation.errors import IntegrityError, UsageError
from validation.image.content import content_digest, describe, differences, read_content, walk
from validation.image.layout import Layout

pytestmark = pytest.mark.requirement("REQ-S-VAL-006")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Something like the file system of an image."""
    made = tree(
        tmp_path / "root",
        {
            "opt/medtorch/lib/code.py": "code",
            "opt/bundle/bundle.json": "{}",
            "etc/os-release": "service",
            "etc/hosts": "written by the engine",
            "tmp/scratch": "anything",
            "opt/evidence/report.json": "{}",
        },
    )
    (made / "opt/medtorch/bin").mkdir()
    (made / "opt/medtorch/bin").chmod(0o755)
    (made / "opt/medtorch/bin/code").symlink_to("../lib/code.py")
    return made


def digest(root: Path) -> str:
    return content_digest(walk(root))


def test_what_the_engine_and_the_evidence_put_there_does_not_count(root: Path):
    paths = {entry.path for entry in walk(root)}
    assert paths == {"etc/os-release", "opt/bundle/bundle.json", "opt/medtorch/lib/code.py", "opt/medtorch/bin/code"}


def test_the_digest_is_that_of_the_lines_it_is_said_to_be(tmp_path: Path):
    made = tree(tmp_path / "root", {"b": "two", "a/c": "one"})
    (made / "link").symlink_to("b")
    lines = (
        # sha256 of "one" and of "two"
        "f 0644 3 7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed a/c\n"
        "f 0644 3 3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3 b\n"
        "l b link\n"
    )
    done = subprocess.run(["sha256sum"], input=lines.encode(), capture_output=True, check=True)
    assert digest(made) == done.stdout.decode().split()[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "opt/medtorch/lib/code.py").write_text("c0de"),
        lambda root: (root / "opt/medtorch/lib/more.pth").write_text("import os"),
        lambda root: (root / "opt/medtorch/lib/code.py").unlink(),
        lambda root: (root / "opt/medtorch/lib/code.py").chmod(0o755),
        lambda root: (root / "opt/medtorch/lib/code.py").rename(root / "opt/medtorch/lib/c.py"),
        lambda root: ((root / "opt/medtorch/bin/code").unlink(), (root / "opt/medtorch/bin/code").symlink_to("x")),
    ],
    ids=["edited", "added", "removed", "mode", "renamed", "link"],
)
def test_any_change_of_a_file_gives_another_digest(root: Path, change: Callable[[Path], Any]):
    before = digest(root)
    change(root)
    assert digest(root) != before


def test_what_changed_is_said_in_words(root: Path):
    sealed = describe(walk(root))["entries"]
    (root / "opt/medtorch/lib/code.py").write_text("c0de")
    (root / "opt/medtorch/lib/more.pth").write_text("import os")
    (root / "etc/os-release").unlink()
    assert differences(sealed, walk(root)) == [
        "etc/os-release is missing",
        "opt/medtorch/lib/code.py was changed",
        "opt/medtorch/lib/more.pth was added",
    ]


def test_what_only_root_can_read_counts_neither_inside_nor_in_the_layers(root: Path, tmp_path: Path):
    before = digest(root)
    (root / "etc/shadow").write_text("secret")
    (root / "etc/shadow").chmod(0o640)
    (root / "root").mkdir(mode=0o700)
    (root / "root" / "file").write_text("x")
    assert digest(root) == before
    assert content_digest(Layout(make_layout(tmp_path / "layout", [layer(root)])).entries()) == before


def test_the_layers_of_an_image_give_the_digest_measured_inside_it(root: Path, tmp_path: Path):
    lowest = tree(
        tmp_path / "lowest", {"etc/os-release": "old", "usr/gone": "x", "var/cache/a": "x", "var/cache/b": "x"}
    )
    (tmp_path / "upper" / "var/cache").mkdir(parents=True)
    upper = tree(tmp_path / "upper", {"var/cache/c": "new"})
    layers = [layer(lowest), layer(upper, emptied=("var/cache",)), layer(root, removed=("usr/gone",))]
    tree(root, {"var/cache/c": "new"})
    assert content_digest(Layout(make_layout(tmp_path / "layout", layers)).entries()) == digest(root)


def test_a_hard_link_counts_as_the_file_it_is(root: Path, tmp_path: Path):
    os.link(root / "opt/medtorch/lib/code.py", root / "opt/medtorch/lib/again.py")
    assert content_digest(Layout(make_layout(tmp_path / "layout", [layer(root)])).entries()) == digest(root)


def test_a_blob_that_is_not_what_its_digest_says_is_refused(root: Path, tmp_path: Path):
    layout = make_layout(tmp_path / "layout", [layer(root)])
    manifest = Layout(layout).json_blob(Layout(layout).image()["digest"])
    blob = layout / "blobs" / "sha256" / manifest["layers"][0]["digest"].removeprefix("sha256:")
    blob.write_bytes(blob.read_bytes() + b"x")
    with pytest.raises(IntegrityError, match="I20 the layout has no whole blob"):
        Layout(layout).entries()


@pytest.mark.parametrize(
    "text", ["[]", "{}", "no json", '{"schema": "medtorch.content/1", "sha256": "0", "entries": {}}']
)
def test_a_file_that_is_no_list_of_content_is_refused(tmp_path: Path, text: str):
    (tmp_path / "content.json").write_text(text)
    with pytest.raises(UsageError, match="is no list of an image's content"):
        read_content(tmp_path / "content.json")


# ---- reports bound to images ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report made in an image, the image, the key of the machine that made both, and the trust file."""
    folder = sealed_report(tmp_path_factory.mktemp("binding"))
    trust = ["--trust", str(folder / "trust.json"), "--name", "The build machine", "--role", "executor"]
    assert main(["keygen", str(folder / "key.pem"), *trust]) == 0
    signer = ["--key", str(folder / "key.pem"), "--name", "The build machine"]
    assert main(["sign", str(folder / "report"), "--role", "executor", *signer]) == 0
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "bound"))


def bind(folder: Path, layout: str = "layout") -> int:
    arguments = ["--image", str(folder / layout), "--key", str(folder / "key.pem"), "--name", "The build machine"]
    return main(["bind", str(folder / "report"), *arguments])


def check(folder: Path, layout: str = "layout") -> int:
    trust = ["--trust", str(folder / "trust.json")]
    return main(["verify", str(folder / "report"), *trust, "--image", str(folder / layout)])


@pytest.mark.needs("package:cryptography")
def test_a_bound_report_names_the_image(folder: Path, capsys):
    assert bind(folder) == 0
    assert check(folder) == 0
    assert f"bound to the image {Layout(folder / 'layout').image()['digest']}" in capsys.readouterr().out
    command = [sys.executable, str(verify_standalone.__file__), str(folder / "report")]
    assert subprocess.run([*command, "--trust", str(folder / "trust.json")], check=False, timeout=60).returncode == 0


@pytest.mark.needs("package:cryptography")
def test_the_layout_stays_one_image_with_a_referrer(folder: Path):
    before = Layout(folder / "layout").image()
    assert bind(folder) == 0
    assert Layout(folder / "layout").image() == before
    index = json.loads((folder / "layout" / "index.json").read_bytes())
    assert index["manifests"][1]["artifactType"] == "application/vnd.medtorch.validation-binding.v1+json"


@pytest.mark.needs("package:cryptography")
def test_an_image_with_other_content_is_neither_bound_nor_accepted(folder: Path, capsys):
    assert bind(folder) == 0
    image = tree(folder / "root", {"opt/medtorch/code.py": "c0de"})
    make_layout(folder / "other", [layer(image)])
    assert bind(folder, "other") == 3
    assert "I20 the image's content is" in capsys.readouterr().err
    assert check(folder, "other") == 3
    assert "I20 the image's content is" in capsys.readouterr().err


@pytest.mark.needs("package:cryptography")
def test_a_binding_of_another_image_with_the_same_content_is_refused(folder: Path, capsys):
    """Two images may hold equal files and yet run differently: other entry point, other user."""
    assert bind(folder) == 0
    empty = tree(folder / "empty", {})
    make_layout(folder / "other", [layer(folder / "root"), layer(empty)])
    statement = Layout(folder / "layout").attached()[0]
    Layout(folder / "other").attach(statement)
    assert check(folder, "other") == 3
    assert "I21 the binding is about another image or report" in capsys.readouterr().err


@pytest.mark.needs("package:cryptography")
def test_an_image_without_a_binding_is_refused(folder: Path, capsys):
    assert check(folder) == 3
    assert "I10 no binding is attached to this image" in capsys.readouterr().err


@pytest.mark.needs("package:cryptography")
def test_a_binding_with_a_broken_signature_or_an_unknown_key_is_refused(folder: Path, capsys):
    assert bind(folder) == 0
    good = json.loads(Layout(folder / "layout").attached()[0])
    signature = good["signatures"][0]
    broken = {**good, "signatures": [{**signature, "sig": "A" * 86 + "=="}]}
    Layout(folder / "layout").attach(readable_json(broken))
    assert check(folder) == 3
    assert "I12 the binding's signature" in capsys.readouterr().err
    unknown = {**good, "signatures": [{**signature, "keyid": "0" * 64}]}
    Layout(folder / "layout").attach(readable_json(unknown))
    assert check(folder) == 3
    assert "I13 the binding's key" in capsys.readouterr().err


@pytest.mark.needs("package:cryptography")
def test_the_image_is_not_checked_without_saying_whom_to_trust(folder: Path, capsys):
    assert main(["verify", str(folder / "report"), "--image", str(folder / "layout")]) == 4
    assert "--image needs --trust" in capsys.readouterr().err
