"""`medtorch doctor`: what medtorch runs on here, and which extras are missing.

Requires  REQ-F-CLI-006
"""

from __future__ import annotations

import importlib.metadata
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from medtorch.cli.exits import GOOD, NO
from medtorch.cli.terminal import result, say
from medtorch.core.info import backend_info

# The distributions of each extra; a test holds this table to pyproject.toml.
EXTRAS: dict[str, tuple[str, ...]] = {
    "imaging": ("pillow", "pydicom", "nibabel"),
    "cli": ("click", "rich"),
    "serve": ("waitress",),
    "train": ("pyyaml", "matplotlib"),
    "validation": ("pyyaml", "jsonschema", "jinja2", "pytest", "pytest-cov", "packaging", "cryptography", "reportlab"),
    "bfloat16": ("ml_dtypes",),
    "cuda": ("cupy-cuda13x",),
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="The same as data.")
@click.option(
    "--require",
    "required",
    multiple=True,
    type=click.Choice(list(EXTRAS)),
    help="Exit code 1 if this extra is missing.",
)
def doctor(as_json: bool, required: tuple[str, ...]) -> int:
    """Say which backends, instruction sets, threads and libraries are in use, and what is missing."""
    found = {**backend_info(), "extras": extras()}
    if as_json:
        result(found)
    else:
        _print(found)
    missing = [name for name in required if not found["extras"][name]["complete"]]
    for name in missing:
        say(f"medtorch: the extra {name} is missing: pip install 'medtorch[{name}]'")
    return NO if missing else GOOD


def extras() -> dict[str, dict[str, Any]]:
    """Each extra with its distributions, in the version that is here or None."""
    versions = {name: {one: _version(one) for one in distributions} for name, distributions in EXTRAS.items()}
    return {name: {"complete": all(found.values()), "distributions": found} for name, found in versions.items()}


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _print(found: dict[str, Any]) -> None:
    place = Console(highlight=False)
    place.print(f"medtorch {found['medtorch']}, Python {found['python']}, {found['system']}, {found['machine']}")
    place.print(_table("Backends", [("cpu", _cpu(found["cpu"])), ("cuda", _cuda(found["cuda"]))]))
    place.print(_table("Libraries", [(name, version or "unknown") for name, version in found["libraries"].items()]))
    place.print(_table("Extras", [(name, _extra(entry)) for name, entry in found["extras"].items()]))


def _table(title: str, rows: list[tuple[str, str]]) -> Table:
    table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    for name, text in rows:
        table.add_row(f"  {name}", text)
    return table


def _cpu(cpu: dict[str, Any]) -> str:
    native = cpu["native"]
    built = (
        "not built"
        if native is None
        else f"built by {native['compiler']}, can run {', '.join(native['instruction_sets'])}"
    )
    threads = cpu["threads"]
    return (
        f"{cpu['backend']} (kernel set {cpu['isa']}); native kernels {built}; {cpu['usable_cpus']} of "
        f"{cpu['logical_cpus']} CPUs usable; threads: medtorch {threads['medtorch']}, "
        f"BLAS {threads['blas'] or 'unknown'}"
    )


def _cuda(cuda: dict[str, Any]) -> str:
    return ", ".join(cuda["devices"]) if cuda["available"] else f"none: {cuda['reason']}"


def _extra(entry: dict[str, Any]) -> str:
    parts = [f"{name} {version or 'MISSING'}" for name, version in entry["distributions"].items()]
    return ("complete: " if entry["complete"] else "not complete: ") + ", ".join(parts)
