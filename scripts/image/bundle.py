"""The bundle that goes into an image: the service's own or another, with the digest it must have."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from scripts.image.errors import ImageError
from validation.bundles import describe_bundle
from validation.services import Service


@dataclass(frozen=True)
class Bundle:
    """A bundle's folder and the digest of its bundle.json, which holds the digests of all other files."""

    folder: Path
    sha256: str


def bundle_of(service: Service, folder: Path | None, sha256: str | None) -> Bundle:
    """The bundle that was asked for: `folder` and `sha256` go before what the service file says.

    Raises    ImageError if the service has none, if it is no folder, or if its digest is not the expected one
    """
    named = service.bundle or {}
    if folder is None and not named:
        raise ImageError(f"{service.name} is a template: its owner has not named a bundle in its service file yet")
    chosen = folder if folder is not None else Path(named["path"])
    if not (chosen / "bundle.json").is_file():
        raise ImageError(
            f"not a bundle's folder, it holds no bundle.json: {chosen} (`make demo` makes the examples' own)"
        )
    expected = sha256 or named.get("sha256")
    found = str(describe_bundle(chosen, expected)["sha256"])
    if expected is not None and found != expected:
        raise ImageError(f"the bundle {chosen} has the digest {found}, expected was {expected}")
    if expected is None:
        print(f"image: nobody stated the digest of {chosen}; the image is bound to what is there, {found}", flush=True)
    return Bundle(chosen, found)


def place(bundle: Bundle, folder: Path) -> None:
    """Copy the bundle to where the Dockerfile looks for it."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(bundle.folder, folder)
