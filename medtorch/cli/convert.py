"""`medtorch convert`: a PyTorch checkpoint becomes a bundle, and nothing in it is run.

Requires  REQ-F-CLI-005
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from medtorch.cli.exits import GOOD
from medtorch.cli.options import PATH, Digest
from medtorch.cli.terminal import result, say
from medtorch.core.creation import zeros_like
from medtorch.core.random import Generator, rand
from medtorch.core.tensor import Tensor
from medtorch.errors import ConfigError
from medtorch.models import list_models
from medtorch.serialize import (
    DEFAULT_LIMITS,
    Architecture,
    Checkpoint,
    Description,
    FoundStateDict,
    Input,
    Licence,
    Origin,
    Tolerance,
    check_state_dict,
    find_state_dict,
)
from medtorch.serialize.digest import check_sha256, sha256_of
from medtorch.serialize.edge import to_tensor
from medtorch.serialize.source import read_source
from medtorch.serialize.torchfile import parse_torch
from medtorch.serve.load import build_model
from medtorch.serve.save import save_described
from medtorch.serve.section import Section
from medtorch.serve.spec import parse_spec
from medtorch.serve.yaml_door import read_description

UNSTATED = "Not stated: converted without a description. Not for use on patients."

# Sizes of one input, for the self-test of a bundle without a description; --input-shape says others.
_SHAPES: dict[str, tuple[int, ...]] = {
    "alexnet": (3, 64, 64),
    "cifar_resnet": (3, 32, 32),
    "convnext": (3, 64, 64),
    "deeplabv3": (3, 64, 64),
    "densenet": (3, 64, 64),
    "efficientnet": (3, 64, 64),
    "espnet": (3, 64, 128),
    "fcn_resnet": (3, 64, 64),
    "googlenet": (3, 64, 64),
    "inception_v3": (3, 96, 96),
    "lenet": (1, 32, 32),
    "lraspp": (3, 64, 64),
    "maxvit": (3, 224, 224),
    "mc3": (3, 8, 64, 64),
    "meshnet": (1, 32, 32, 32),
    "mnasnet": (3, 64, 64),
    "mobilenet": (3, 64, 64),
    "pnet": (3, 24, 24),
    "r2plus1d": (3, 8, 64, 64),
    "r3d": (3, 8, 64, 64),
    "regnet": (3, 64, 64),
    "resne": (3, 64, 64),
    "shufflenet": (3, 64, 64),
    "smp_": (3, 64, 64),
    "squeezenet": (3, 64, 64),
    "swin_b": (3, 64, 64),
    "swin_s": (3, 64, 64),
    "swin_t": (3, 64, 64),
    "swin_v2": (3, 64, 64),
    "tinyvgg": (3, 64, 64),
    "unet": (1, 64, 64),
    "vgg": (3, 64, 64),
    "vit_": (3, 224, 224),
    "wide_resnet": (3, 64, 64),
    "wnet": (3, 64, 64),
}
# The length of every side of networks that are told how many dimensions their images have.
_SIDES = {
    "attention_unet": 32,
    "basic_unet": 32,
    "dynunet": 64,
    "monai_unet": 32,
    "segresnet": 32,
    "swin_unetr": 64,
    "vnet": 32,
}


class Pair(click.ParamType[tuple[str, Any]]):
    """name=value; the value is JSON, or text where it is none."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        name, equals, text = str(value).partition("=")
        if not equals or not name.isidentifier():
            self.fail(f"{value!r} is not of the form name=value", param, ctx)
        try:
            return name, json.loads(text)
        except json.JSONDecodeError:
            return name, text


class Shape(click.ParamType[tuple[int, ...]]):
    """Sizes of one input without the batch: 3,32,32."""

    name = "C,H,W"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        parts = str(value).split(",")
        if not all(part.strip().isdigit() and int(part) > 0 for part in parts):
            self.fail(f"{value!r} is not a list of sizes such as 3,32,32", param, ctx)
        return tuple(int(part) for part in parts)


@click.command()
@click.argument("checkpoint", type=PATH)
@click.option("--arch", "arch", required=True, metavar="NAME", help="The architecture, a name of medtorch.models.")
@click.option(
    "--arch-arg", "arguments", type=Pair(), multiple=True, help="An argument of it, e.g. num_classes=3; again for more."
)
@click.option("--key", help="Where in the file the state dict is, if there are several (e.g. model_state_dict).")
@click.option("--strip-prefix", default="", metavar="TEXT", help="What to take off every name (e.g. module.).")
@click.option("--sha256", type=Digest(), help="The digest that the checkpoint must have.")
@click.option(
    "--spec", type=PATH, help="YAML or JSON with task, input, preprocessing, labels, postprocessing, golden images ..."
)
@click.option("--input-shape", type=Shape(), help="Sizes of one input, for the self-test of a bundle without --spec.")
@click.option("--out", type=PATH, required=True, help="The bundle to write: a folder, or a .zip.")
@click.option("--overwrite", is_flag=True, help="Replace an older bundle.")
def convert(
    checkpoint: Path, arch: str, arguments: tuple[tuple[str, Any], ...], key: str | None, strip_prefix: str,
    sha256: str | None, spec: Path | None, input_shape: tuple[int, ...] | None, out: Path, overwrite: bool,
) -> int:  # fmt: skip
    """Make a bundle of the PyTorch file CHECKPOINT (.pt, .pth, .th, .bin of any age); prints its digest.

    Without --spec the bundle's task is `other`: it loads and verifies, and `predict` refuses it.
    """
    if arch not in list_models():
        raise click.UsageError(f"No such architecture {arch!r}; there are {', '.join(list_models())}.")
    if spec is not None and input_shape is not None:
        raise click.UsageError("--input-shape is for a bundle without --spec: its golden images say the sizes.")
    if spec is None:
        say("no --spec: the bundle gets the task 'other', without preprocessing and labels; predict will refuse it")
    made = convert_checkpoint(
        checkpoint, Architecture(arch, dict(arguments)), out, spec=spec, key=key, strip_prefix=strip_prefix,
        sha256=sha256, input_shape=input_shape, overwrite=overwrite,
    )  # fmt: skip
    result(made)
    return GOOD


def convert_checkpoint(
    checkpoint: Path, architecture: Architecture, out: Path, *, spec: Path | None = None, key: str | None = None,
    strip_prefix: str = "", sha256: str | None = None, input_shape: tuple[int, ...] | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Write the bundle; says its digest, that of the checkpoint, and how many tensors there are."""
    found, digest = read_checkpoint(checkpoint, key, strip_prefix, sha256)
    model = build_model(architecture)
    tensors = _with_counters(found.tensors, model.state_dict(), str(checkpoint))
    check_state_dict(tensors, model.state_dict(), str(checkpoint))
    model.load_state_dict(tensors)
    described = _described(spec, architecture, input_shape)
    origin = replace(
        described.description.origin,
        checkpoint=Checkpoint(checkpoint.name, digest, found.chosen.key, found.stripped),
    )
    written = save_described(
        out, model, replace(described.description, origin=origin), described.golden,
        tolerance=described.tolerance, files=described.files, overwrite=overwrite,
    )  # fmt: skip
    return {"bundle": str(out), "sha256": written, "checkpoint_sha256": digest, "tensors": len(found.tensors)}


def _with_counters(tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Files of before PyTorch 0.4.1 have no counters of batch norm; inference does not use them: they start at 0."""
    made = dict(tensors)
    missing = [key for key in wanted if key.endswith(".num_batches_tracked") and key not in made]
    if missing and not any(key.endswith(".num_batches_tracked") for key in made):
        say(f"{name}: has none of the {len(missing)} counters of batch norm (num_batches_tracked): they are set to 0")
        made |= {key: zeros_like(wanted[key]) for key in missing}
    return made


def read_checkpoint(path: Path, key: str | None, strip_prefix: str, sha256: str | None) -> tuple[FoundStateDict, str]:
    """The state dict in a PyTorch file, and the digest of the very bytes that it was read from."""
    source = read_source(path, DEFAULT_LIMITS)
    if sha256 is not None:
        check_sha256(source.view, sha256, source.name)
    file = parse_torch(source, DEFAULT_LIMITS, to_tensor)
    for note in file.notes:
        say(f"{path}: {note}")
    return find_state_dict(file.data, key, strip_prefix=strip_prefix), sha256_of(source.view)


@dataclass(frozen=True)
class _Described:
    """What a bundle needs besides its weights."""

    description: Description
    golden: dict[str, Tensor]
    tolerance: Tolerance
    files: dict[str, bytes]


def _described(spec: Path | None, architecture: Architecture, shape: tuple[int, ...] | None) -> _Described:
    if spec is None:
        random = {"random": _random_input(architecture, shape)}
        return _Described(_plain(architecture, shape), random, Tolerance(), {})
    said = parse_spec(Section(read_description(spec), str(spec)), spec.parent, architecture)
    return _Described(said.description, said.golden_inputs(), said.tolerance, said.file_bytes())


def _plain(architecture: Architecture, shape: tuple[int, ...] | None) -> Description:
    sizes = _shape_of(architecture, shape)
    return Description(
        name=architecture.name,
        version="0",
        task="other",
        architecture=architecture,
        inputs=(Input("input", "NC" + "DHW"[4 - len(sizes) :], (None, sizes[0], *(None for _ in sizes[1:]))),),
        preprocessing=(),
        labels=(),
        postprocessing=(),
        origin=Origin("Converted from a PyTorch checkpoint.", None),
        intended_use=UNSTATED,
        licence=Licence("NOASSERTION"),
    )


def _random_input(architecture: Architecture, shape: tuple[int, ...] | None) -> Tensor:
    return rand((1, *_shape_of(architecture, shape)), generator=Generator().manual_seed(0))


def _usual_shape(architecture: Architecture) -> tuple[int, ...] | None:
    side = next((s for start, s in _SIDES.items() if architecture.name.startswith(start)), None)
    if side is not None:
        return (1, *(side,) * int(architecture.arguments.get("spatial_dims", 3)))
    return next((sizes for start, sizes in _SHAPES.items() if architecture.name.startswith(start)), None)


def _shape_of(architecture: Architecture, shape: tuple[int, ...] | None) -> tuple[int, ...]:
    if shape is None:
        shape = _usual_shape(architecture)
        if shape is None:
            raise ConfigError(f"give the sizes of one input of {architecture.name} with --input-shape, or a --spec")
        channels = architecture.arguments.get("in_channels")
        return shape if channels is None else (int(channels), *shape[1:])
    if len(shape) not in (3, 4):
        raise ConfigError("--input-shape has 3 sizes (C,H,W), or 4 (C,D,H,W)")
    return shape
