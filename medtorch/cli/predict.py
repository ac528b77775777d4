"""`medtorch predict`: images in, probabilities as JSON and masks as PNG out; one bad image does not lose the others.

Requires  REQ-F-CLI-003
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from medtorch.cli.exits import BAD_INPUT, GOOD
from medtorch.cli.options import PATH, check_digest_options, digest_options
from medtorch.cli.pictures import overlaid, write_mask, write_png
from medtorch.cli.terminal import Advance, result, say
from medtorch.data import Image, read
from medtorch.errors import DataError, MissingDependencyError, SaveError, UnsupportedError
from medtorch.serialize.atomic import write_file
from medtorch.serialize.jsontext import write_json
from medtorch.serve import Bundle, Prediction, Segmentation, load_bundle

PREDICTIONS = "predictions.json"


@dataclass(frozen=True)
class Output:
    """Where files go; `folder` None: JSON to stdout alone."""

    folder: Path | None
    overlays: bool


@click.command()
@click.option(
    "--bundle",
    "bundle_path",
    type=PATH,
    required=True,
    envvar="MEDTORCH_BUNDLE",
    show_envvar=True,
    help="The bundle: a folder or a .zip.",
)
@partial(digest_options, envvar="MEDTORCH_BUNDLE_SHA256")
@click.option("--out", type=PATH, help="Folder for predictions.json, masks and overlays; a segmenter needs it.")
@click.option("--overlay/--no-overlay", default=True, help="Outlines drawn over the image (segmenters; default: yes).")
@click.option("--overwrite", is_flag=True, help="Replace the predictions that lie in --out.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:N.")
@click.argument("images", nargs=-1, required=True, type=PATH)
def predict(
    bundle_path: Path, sha256: str | None, allow_unverified: bool, out: Path | None, overlay: bool, overwrite: bool,
    device: str, images: tuple[Path, ...],
) -> int:  # fmt: skip
    """Classify or segment IMAGES with a bundle.

    Without --out the predictions go to stdout as JSON. Exit code 3 if one of the images could not be used; the others
    are predicted all the same.
    """
    check_digest_options(sha256, allow_unverified)
    _check_target(out, overwrite)
    bundle = load_bundle(bundle_path, sha256=sha256, allow_unverified=allow_unverified, device=device)
    if bundle.reading is None:
        raise UnsupportedError(
            f"{bundle_path}: predict cannot read the answers of a model for {bundle.description.task}"
        )
    if bundle.description.task == "segmentation" and out is None:
        raise click.UsageError("This bundle is a segmenter: name a folder for its masks with --out.")
    results = predict_files(bundle, images, Output(out, overlay))
    document = document_of(bundle, results)
    if out is None:
        result(document)
    else:
        write_file(out / PREDICTIONS, [write_json(document).encode("utf-8")], overwrite=overwrite)
        say(f"{out / PREDICTIONS}")
    failed = sum(entry["status"] == "error" for entry in results)
    if failed:
        say(f"medtorch: {failed} of {len(results)} images could not be used")
    return BAD_INPUT if failed else GOOD


def predict_files(bundle: Bundle, images: tuple[Path, ...], output: Output) -> list[dict[str, Any]]:
    """Predict on each file; what went wrong with one stands in its entry."""
    names = unique_stems(images)
    results = []
    with Advance("predict", len(images)) as progress:
        for path, name in zip(images, names, strict=True):
            results.append(_entry(bundle, path, name, output, progress))
            progress.step(path.name)
    return results


def document_of(bundle: Bundle, results: list[dict[str, Any]]) -> dict[str, Any]:
    """The whole answer: which bundle, and each image's prediction."""
    return {
        "format": "medtorch.predictions",
        "format_version": 1,
        "bundle": {
            "name": bundle.name,
            "version": bundle.description.version,
            "task": bundle.description.task,
            "sha256": bundle.sha256,
            "verified": bundle.verified,
        },
        "results": results,
    }


def unique_stems(paths: tuple[Path, ...]) -> list[str]:
    """A file name without ending for each path: the image's own, with a number where two are alike."""
    taken: set[str] = set()
    names = []
    for path in paths:
        name, number = path.stem, 2
        while name in taken:
            name, number = f"{path.stem}-{number}", number + 1
        taken.add(name)
        names.append(name)
    return names


def _entry(bundle: Bundle, path: Path, name: str, output: Output, progress: Advance) -> dict[str, Any]:
    try:
        image = read(path)
        prediction = bundle.predict(image)
        return {"file": str(path), "status": "ok", **prediction.to_json(), **_files(image, prediction, name, output)}
    except MissingDependencyError:
        raise
    except (DataError, UnsupportedError) as error:
        progress.tell(f"medtorch: {error}")
        return {"file": str(path), "status": "error", "error": str(error)}


def _files(image: Image, prediction: Prediction, name: str, output: Output) -> dict[str, Any]:
    if not isinstance(prediction, Segmentation) or output.folder is None:
        return {}
    mask = write_mask(output.folder, name, prediction.mask)
    if not output.overlays or prediction.mask.ndim != 2:
        return {"mask": mask, "overlay": None}
    drawn = f"{name}.overlay.png"
    write_png(output.folder / drawn, overlaid(image.array, prediction.mask))
    return {"mask": mask, "overlay": drawn}


def _check_target(out: Path | None, overwrite: bool) -> None:
    if out is None:
        return
    if (out / PREDICTIONS).exists() and not overwrite:
        raise SaveError(f"{out / PREDICTIONS}: exists already (--overwrite replaces it)")
    with _save_errors(out):
        out.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def _save_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SaveError(f"{path}: cannot be written: {error.strerror or error}") from error
