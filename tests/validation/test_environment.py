"""The environment in a report: distributions with the digest of what is on the disk, machine, capabilities."""

from __future__ import annotations

import base64
import hashlib
import os
import platform
import tempfile
from importlib import metadata
from pathlib import Path

import pytest

from validation import capabilities
from validation.canonical import tree_sha256
from validation.capabilities import is_known, known, probe
from validation.distributions import installed, normalised, read
from validation.environment import backend, environment
from validation.scrub import scrub

FILES = {"alpha/__init__.py": b"value = 1\n", "alpha/data.txt": b"data", "alpha.libs/libz-1.so.1": b"\x7fELF"}


def wheel(folder: Path) -> metadata.Distribution:
    """An installed distribution with a RECORD, as pip leaves it."""
    info = folder / "alpha-1.0.dist-info"
    info.mkdir(parents=True)
    lines = []
    for name, content in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(content)}")
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: Alpha\nVersion: 1.0\nLicense-Expression: MIT\n")
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nTag: py3-none-any\n")
    (info / "INSTALLER").write_text("pip")
    names = ["METADATA", "WHEEL", "INSTALLER", "RECORD"]
    lines += [f"alpha-1.0.dist-info/{name},," for name in names] + [
        "alpha/__pycache__/__init__.pyc,,",
        "../../bin/alpha,,",
    ]
    (info / "RECORD").write_text("\n".join(lines) + "\n")
    return metadata.PathDistribution(info)


@pytest.mark.requirement("REQ-F-VAL-010")
def test_the_digest_covers_the_files_on_the_disk_and_not_what_the_installer_wrote(tmp_path: Path):
    entry = read(wheel(tmp_path))
    names = [*FILES, "alpha-1.0.dist-info/METADATA", "alpha-1.0.dist-info/WHEEL"]
    expected = tree_sha256((name, hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()) for name in names)
    assert entry.content_sha256 == expected
    assert (entry.name, entry.version, entry.license, entry.wheel_tag) == ("Alpha", "1.0", "MIT", "py3-none-any")
    assert entry.libraries == ("alpha.libs/libz-1.so.1",)
    assert entry.altered == ()


@pytest.mark.requirement("REQ-F-VAL-010")
def test_altered_and_missing_files_are_named(tmp_path: Path):
    found = wheel(tmp_path)
    before = read(found).content_sha256
    (tmp_path / "alpha" / "__init__.py").write_bytes(b"value = 2\n")
    (tmp_path / "alpha" / "data.txt").unlink()
    entry = read(found)
    assert entry.altered == ("alpha/__init__.py", "alpha/data.txt (missing)")
    assert entry.content_sha256 != before


@pytest.mark.requirement("REQ-F-VAL-010")
def test_names_are_compared_as_package_indexes_do():
    assert [normalised(name) for name in ("Ruamel.Yaml", "typing_extensions", "A--B__c.d")] == [
        "ruamel-yaml",
        "typing-extensions",
        "a-b-c-d",
    ]


@pytest.mark.requirement("REQ-F-VAL-010")
def test_the_environment_names_machine_system_and_python():
    seen = environment([])
    assert seen["python"]["version"] == platform.python_version()
    assert seen["cpu"]["logical_cpus"] == os.cpu_count()
    assert seen["cpu"]["architecture"] == platform.machine()
    assert seen["memory_bytes"] > 2**20
    assert platform.release() in seen["kernel"]
    assert all(seen[key] for key in ("os", "libc"))


@pytest.mark.requirement("REQ-F-VAL-010")
def test_the_backend_is_what_the_installed_product_tells():
    told = {"backend": "native", "isa": "avx2", "native": {"compiler": "GCC 12"}, "threads": {"medtorch": 2}, "more": 1}
    assert backend(f"import json; print(json.dumps({told!r}))") == {
        "name": "native",
        "kernel_set": "avx2",
        "native": {"compiler": "GCC 12"},
        "threads": {"medtorch": 2},
    }
    assert backend("raise SystemExit(1)") is None


@pytest.mark.requirement("REQ-F-VAL-010")
def test_every_distribution_is_listed_by_name(monkeypatch: pytest.MonkeyPatch):
    some = [metadata.distribution(name) for name in ("pytest", "Jinja2", "attrs")]
    monkeypatch.setattr(metadata, "distributions", lambda: some)
    assert [entry.key for entry in installed()] == ["attrs", "jinja2", "pytest"]
    assert [entry.version for entry in installed()][2] == metadata.version("pytest")


@pytest.mark.requirement("REQ-F-VAL-008")
def test_a_probe_says_what_it_saw():
    assert probe("cpu").present
    assert probe("cpu").detail == f"{os.cpu_count()} logical CPUs"
    assert probe("package:pytest").detail == "the Python package pytest is installed"
    assert probe("package:no_such_package").present is False
    assert probe("package:no_such_package").detail == "the Python package no_such_package is not installed"


@pytest.mark.requirement("REQ-F-VAL-008")
def test_only_capabilities_with_a_probe_are_known():
    assert set(known()) >= {"cpu", "gpu", "multi_gpu", "torch", "shared_data", "container_engine", "service_bundle"}
    assert not is_known("teleport")
    assert not is_known("package:")
    with pytest.raises(KeyError, match="teleport"):
        probe("teleport")


@pytest.mark.requirement("REQ-F-VAL-008")
def test_without_a_driver_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch):
    def no_driver(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(capabilities.ctypes, "CDLL", no_driver)
    assert capabilities._gpu() == (False, "no NVIDIA driver (libcuda.so.1 cannot be loaded)")
    assert capabilities._multi_gpu()[0] is False


@pytest.mark.requirement("REQ-F-VAL-008")
@pytest.mark.parametrize(("right", "present"), [(True, True), (False, False)])
def test_a_gpu_counts_only_if_it_computes_rightly(monkeypatch: pytest.MonkeyPatch, right, present):
    class Driver:
        def cuInit(self, flags: int) -> int:
            return 0

        def cuDeviceGetCount(self, count: object) -> int:
            count._obj.value = 1
            return 0

    class Sum:
        def __pow__(self, power: int) -> Sum:
            return self

        def sum(self) -> int:
            return 332833500 if right else 0

    class Cupy:
        int64 = "int64"

        class cuda:
            class Device:
                def __init__(self, index: int) -> None: ...
                def __enter__(self) -> None: ...
                def __exit__(self, *error: object) -> None: ...

        @staticmethod
        def arange(count: int, dtype: str) -> Sum:
            return Sum()

    monkeypatch.setattr(capabilities.ctypes, "CDLL", lambda name: Driver())
    monkeypatch.setattr(capabilities, "import_module", lambda name: Cupy)
    assert capabilities._gpu()[0] is present
    assert capabilities._multi_gpu()[0] is False


@pytest.mark.requirement("REQ-S-VAL-003")
def test_folders_of_this_machine_become_words():
    text = f"File {Path.cwd()}/tests/a.py, {Path.home()}/secret, {Path.cwd()}, {Path.cwd().parent}/other"
    beside = "<tmp>" if Path.cwd().parent == Path(tempfile.gettempdir()) else "<beside>"
    assert scrub(text) == f"File ./tests/a.py, <home>/secret, ., {beside}/other"
    assert scrub("a sentence. And another") == "a sentence. And another"
