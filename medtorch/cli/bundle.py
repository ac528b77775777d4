"""`medtorch bundle create | verify | inspect`.

Requires  REQ-F-CLI-004
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from medtorch.cli.exits import GOOD, NO, complain
from medtorch.cli.options import PATH, Digest, check_digest_options, digest_options
from medtorch.cli.terminal import result
from medtorch.errors import GoldenError
from medtorch.serialize import BundleData, load_safetensors, read_bundle
from medtorch.serve import Bundle, load_bundle
from medtorch.serve.load import build_model
from medtorch.serve.save import save_described
from medtorch.serve.spec import read_spec


@click.group()
def bundle() -> None:
    """Create, verify and inspect bundles."""


@bundle.command()
@click.argument("spec", type=PATH)
@click.option("--weights", type=PATH, required=True, help="The weights, a .safetensors file.")
@click.option("--out", type=PATH, required=True, help="The bundle to write: a folder, or a .zip.")
@click.option("--overwrite", is_flag=True, help="Replace an older bundle.")
def create(spec: Path, weights: Path, out: Path, overwrite: bool) -> int:
    """Make a bundle of weights and the description in SPEC (YAML or JSON); prints its digest."""
    described = read_spec(spec)
    model = build_model(described.description.architecture)
    model.load_state_dict(load_safetensors(weights))
    digest = save_described(
        out,
        model,
        described.description,
        described.golden_inputs(),
        tolerance=described.tolerance,
        files=described.file_bytes(),
        overwrite=overwrite,
    )
    result({"bundle": str(out), "sha256": digest})
    return GOOD


@bundle.command()
@click.argument("path", type=PATH)
@digest_options
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:N.")
def verify(path: Path, sha256: str | None, allow_unverified: bool, device: str) -> int:
    """Check every digest of the bundle at PATH, build its model and compare its answers with the recorded ones.

    Exit code 1 if the model does not give its recorded answers here, 3 if the bundle is not the expected one.
    """
    check_digest_options(sha256, allow_unverified)
    try:
        loaded = load_bundle(path, sha256=sha256, allow_unverified=allow_unverified, device=device)
    except GoldenError as error:
        return complain(str(error), NO)
    result(_verified(loaded))
    return GOOD


@bundle.command()
@click.argument("path", type=PATH)
@click.option("--sha256", type=Digest(), help="The digest that the bundle must have; without it, it is only looked at.")
def inspect(path: Path, sha256: str | None) -> int:
    """Say what the bundle at PATH holds. Its digests are checked, its model is not built."""
    result(_contents(read_bundle(path, sha256=sha256, allow_unverified=sha256 is None)))
    return GOOD


def _verified(loaded: Bundle) -> dict[str, Any]:
    return {
        "bundle": loaded.path,
        "sha256": loaded.sha256,
        "digest_named_by_caller": loaded.verified,
        "device": loaded.device,
        "golden": [
            {
                "case": answer.case,
                "output": answer.output,
                "largest_error": answer.largest_error,
                "share_of_tolerance": answer.share,
                "bit_for_bit": answer.exact,
            }
            for answer in loaded.golden
        ],
    }


def _contents(data: BundleData) -> dict[str, Any]:
    text, manifest = data.description, data.manifest
    checkpoint = text.origin.checkpoint
    return {
        "bundle": str(data.path),
        "sha256": data.sha256,
        "digest_named_by_caller": data.verified,
        "name": text.name,
        "version": text.version,
        "task": text.task,
        "architecture": {"name": text.architecture.name, "arguments": dict(text.architecture.arguments)},
        "inputs": [{"name": i.name, "axes": i.axes, "shape": list(i.shape), "dtype": i.dtype} for i in text.inputs],
        "preprocessing": [dict(step) for step in text.preprocessing],
        "labels": list(text.labels),
        "postprocessing": [dict(step) for step in text.postprocessing],
        "tensors": len(manifest.weights),
        "parameters": sum(_numbers(entry.shape) for entry in manifest.weights.values()),
        "golden_cases": [case.name for case in manifest.cases],
        "files": {name: {"bytes": entry.bytes, "sha256": entry.sha256} for name, entry in manifest.files.items()},
        "origin": text.origin.description,
        "checkpoint_sha256": None if checkpoint is None else checkpoint.sha256,
        "intended_use": text.intended_use,
        "licence": text.licence.spdx,
        "written_by": manifest.written_by,
    }


def _numbers(shape: tuple[int, ...]) -> int:
    count = 1
    for side in shape:
        count *= side
    return count
