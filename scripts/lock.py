"""Resolve which versions are installed, in the checkout and, with digests, in the images."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path("requirements")
PYTHONS = ("3.11", "3.12", "3.13")
ARCHITECTURES = ("x86_64", "aarch64")
GLIBC_MINORS = (28, 27, 26, 17)
HEADER = "# Made by `make lock`; edit {source}, not this file.\n"


@dataclass(frozen=True)
class Pin:
    """One distribution at one version, with the sha256 of every file that may be installed."""

    name: str
    version: str
    sha256: frozenset[str]


def resolve(requirements: list[str], *options: str) -> list[Pin]:
    """Ask pip what it would install."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--dry-run"]
    command += ["--ignore-installed", "--report", "-", *options, *requirements]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return sorted((_pin(item) for item in report["install"]), key=lambda pin: pin.name)


def _pin(item: dict[str, Any]) -> Pin:
    archive = item["download_info"].get("archive_info", {})
    name = item["metadata"]["name"].lower().replace("_", "-").replace(".", "-")
    return Pin(name, item["metadata"]["version"], frozenset(filter(None, [archive.get("hashes", {}).get("sha256")])))


def _wheels_only(python: str, architecture: str) -> list[str]:
    platforms = [f"manylinux_2_{minor}_{architecture}" for minor in GLIBC_MINORS] + [f"manylinux2014_{architecture}"]
    options = ["--only-binary=:all:", "--no-deps", "--target", "unused", "--python-version", python]
    return options + [option for platform in platforms for option in ("--platform", platform)]


def with_digests(pins: list[Pin]) -> list[Pin]:
    """The same pins, with the digests of their wheels for every supported Python and processor."""
    exact = [f"{pin.name}=={pin.version}" for pin in pins]
    targets = [(python, architecture) for python in PYTHONS for architecture in ARCHITECTURES]
    answers = [resolve(exact, *_wheels_only(*target)) for target in targets]
    return [
        Pin(
            pin.name,
            pin.version,
            frozenset[str]().union(*(other.sha256 for found in answers for other in found if other.name == pin.name)),
        )
        for pin in pins
    ]


def lock_checkout() -> None:
    """Write the versions of the development environment."""
    pins = [pin for pin in resolve([".[all,dev]"]) if pin.name != "medtorch"]
    build = resolve(["scikit-build-core", "nanobind"])
    lines = [f"{pin.name}=={pin.version}\n" for pin in sorted({*pins, *build}, key=lambda pin: pin.name)]
    (FOLDER / "constraints.txt").write_text(HEADER.format(source="pyproject.toml") + "".join(lines), encoding="utf-8")


def lock_image(stem: str, present: list[Pin]) -> list[Pin]:
    """Write the versions and digests of what `stem`.in needs on top of what is present already."""
    known = {pin.name: pin for pin in present}
    found = resolve([], "-c", str(FOLDER / "constraints.txt"), "-r", str(FOLDER / f"{stem}.in"))
    clash = [pin.name for pin in found if pin.name in known and pin.version != known[pin.name].version]
    if clash:
        raise SystemExit(f"lock: {stem}.in wants other versions than the image has: {', '.join(clash)}")
    pins = with_digests([pin for pin in found if pin.name not in known])
    (FOLDER / f"{stem}.txt").write_text(
        HEADER.format(source=f"{stem}.in") + "".join(map(_line, pins)), encoding="utf-8"
    )
    return pins


def _line(pin: Pin) -> str:
    digests = "".join(f" \\\n    --hash=sha256:{digest}" for digest in sorted(pin.sha256))
    return f"{pin.name}=={pin.version}{digests}\n"


def main() -> None:
    """Lock the checkout first: the images take the same versions."""
    lock_checkout()
    lock_image("image-build", [])
    lock_image("image-validate", lock_image("image", []))


if __name__ == "__main__":
    main()
