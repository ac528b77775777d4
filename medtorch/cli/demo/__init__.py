"""`medtorch demo`: somebody else's classifier, a segmenter trained here, and a validation report for both.

Requires  REQ-F-TRN-006
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import click
from rich.console import Console
from rich.table import Table

from medtorch.cli.demo import chest, nuclei, reports
from medtorch.cli.demo.checkout import Checkout, find_checkout
from medtorch.cli.demo.chest import Chest
from medtorch.cli.demo.nuclei import Nuclei
from medtorch.cli.demo.reports import Report
from medtorch.cli.exits import GOOD, NO
from medtorch.cli.options import PATH
from medtorch.cli.terminal import duration, say
from medtorch.errors import SaveError

Made = TypeVar("Made")


@dataclass(frozen=True)
class Folders:
    """Where the demo puts things."""

    out: Path

    @property
    def bundles(self) -> Path:
        return self.out / "bundles"

    @property
    def chest(self) -> Path:
        return self.out / "chest_xray"

    @property
    def nuclei(self) -> Path:
        return self.out / "nuclei"

    @property
    def training(self) -> Path:
        return self.out / "nuclei" / "training"

    @property
    def validation(self) -> Path:
        return self.out / "validation"


@click.command()
@click.option("--out", type=PATH, required=True, help="Folder for everything that the demo makes.")
@click.option(
    "--checkout", "given", type=PATH, help="The checkout of medtorch to run on (default: the one it runs from)."
)
@click.option("--skip", type=click.Choice(["validation"]), multiple=True, help="Leave a part out.")
def demo(out: Path, given: Path | None, skip: tuple[str, ...]) -> int:
    """Classify X-rays, train a U-Net on nuclei, validate both services; a few minutes on two cores."""
    checkout, folders = find_checkout(given), Folders(out)
    for folder in (folders.bundles, folders.chest, folders.nuclei):
        _made(folder)
    place = Console(highlight=False, soft_wrap=True)
    classifier = _timed(
        "1 of 3  chest X-rays: a LeNet of somebody else", lambda: chest.run(checkout, folders.bundles, folders.chest)
    )
    _show_chest(place, classifier)
    segmenter = _timed("2 of 3  nuclei: a U-Net trained here", lambda: _nuclei(checkout, folders))
    _show_nuclei(place, segmenter)
    written = [] if "validation" in skip else _validated(checkout, folders, classifier, segmenter)
    _show_reports(place, written)
    _show_places(place, folders, classifier, segmenter, written)
    return NO if any(report.verdict == "FAIL" for report in written) else GOOD


def _nuclei(checkout: Checkout, folders: Folders) -> Nuclei:
    """Trained anew every time: the training of an older demo is removed."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folders.training)
    return nuclei.run(checkout, folders.bundles, folders.nuclei, folders.training)


def _validated(checkout: Checkout, folders: Folders, classifier: Chest, segmenter: Nuclei) -> list[Report]:
    _made(folders.validation)
    services = {
        "cxr-classifier": (classifier.bundle, classifier.sha256),
        "nuclei-segmenter": (segmenter.bundle, segmenter.sha256),
    }
    return [
        _timed(
            f"3 of 3  validation of {name}: the tests of every requirement that the service needs",
            partial(reports.run, checkout, name, bundle, sha256, folders.validation / name),
        )
        for name, (bundle, sha256) in services.items()
    ]


def _timed(title: str, work: Callable[[], Made]) -> Made:
    """Say what begins, and how long it took."""
    say(title)
    started = time.monotonic()
    made = work()
    say(f"        {duration(time.monotonic() - started)}")
    return made


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SaveError(f"{folder}: cannot be made: {error.strerror or error}") from error
    return folder


def _show_chest(place: Console, made: Chest) -> None:
    table = Table(title="Chest X-rays", title_justify="left", box=None, pad_edge=False)
    for column in ("image", "truth", "answer", "probability", ""):
        table.add_column(column, justify="right" if column == "probability" else "left")
    for one in made.answers:
        answer = one.prediction
        table.add_row(
            one.file.stem, one.truth, answer.label, f"{answer.probability:.3f}", "right" if one.right else "WRONG"
        )
    place.print(table)
    right = sum(one.right for one in made.answers)
    place.print(
        f"{right} of {len(made.answers)} right; probabilities differ from those recorded in PyTorch by "
        f"{made.largest_difference:.1e} at most (recorded to 1e-6)\n"
    )


def _show_nuclei(place: Console, made: Nuclei) -> None:
    place.print(
        f"Nuclei: mean Dice {made.dice:.3f} (95 % confidence interval {made.low:.3f} to {made.high:.3f}) "
        f"on {made.images} images that were never trained on\n"
    )


def _show_reports(place: Console, written: list[Report]) -> None:
    for report in written:
        counts = ", ".join(f"{count} {state}" for state, count in report.counts.items() if count)
        place.print(f"{report.service}: {report.verdict} ({counts})")
        if report.verdict == "INCOMPLETE":
            place.print(
                "    not a PASS: what could not be tried here, such as what needs a GPU, counts as not verified"
            )
    if written:
        place.print()


def _show_places(place: Console, folders: Folders, classifier: Chest, segmenter: Nuclei, written: list[Report]) -> None:
    rows = [
        ("X-rays and answers", classifier.sheet),
        ("nuclei found and drawn", segmenter.sheet),
        ("each outline in full size", segmenter.overlays),
        ("course of the training", folders.training / "metrics.png"),
        *((f"report of {report.service}", report.page) for report in written),
    ]
    table = Table(title="Look at", title_justify="left", box=None, show_header=False, pad_edge=False)
    for name, path in rows:
        table.add_row(f"  {name}", str(path))
    place.print(table)
    place.print("\nTry")
    for bundle, sha256, image in (
        (classifier.bundle, classifier.sha256, "examples/chest_xray/images/IM-0256-0001.jpeg"),
        (segmenter.bundle, segmenter.sha256, "examples/nuclei/images/03f583ec5018.png --out out/masks"),
    ):
        place.print(f"  medtorch predict --bundle {bundle} --sha256 {sha256} {image}")
