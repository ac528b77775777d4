"""Part two: a small U-Net learns to find nuclei; measured on images that it never saw, then bundled, then drawn.

Requires  REQ-F-TRN-006
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medtorch.cli.demo.checkout import Checkout
from medtorch.cli.pictures import Array, Colour, Rgb, border, displayed, stretched, write_png
from medtorch.cli.sheet import Tile, fitted, sheet
from medtorch.cli.terminal import Advance
from medtorch.cli.train import Watcher
from medtorch.data import resize
from medtorch.errors import DataError, TrainingError
from medtorch.metrics import CaseMean, Interval, bootstrap, dice
from medtorch.serialize.atomic import write_file
from medtorch.serialize.jsontext import write_json
from medtorch.serve import Bundle, Segmentation, load_bundle
from medtorch.training import TrainingConfig, read_config, train
from medtorch.training.cases import Loaded, load, read_cases, split

TRUTH, FOUND, BOTH = (64, 170, 255), (255, 150, 0), (40, 215, 120)
LEGEND: tuple[tuple[Colour, str], ...] = (
    (TRUTH, "outline drawn by people"), (FOUND, "outline found by the U-Net"), (BOTH, "both"),
)  # fmt: skip


SIDE = 340  # pixels of a tile of the contact sheet


@dataclass(frozen=True, eq=False)
class Seen:
    """A held-out image and what the bundle found in it."""

    loaded: Loaded
    prediction: Segmentation
    dice: float


@dataclass(frozen=True)
class Nuclei:
    """What part two made. `dice` is the mean over the held-out images, with its interval."""

    bundle: Path
    sha256: str
    dice: float
    low: float
    high: float
    images: int
    sheet: Path
    overlays: Path


def run(checkout: Checkout, bundles: Path, out: Path, training: Path) -> Nuclei:
    """Train, write the bundle, load it by its digest, and look at every held-out image through it."""
    config = read_config(checkout.examples / "nuclei_unet.yaml")
    digest = _trained(config, training, bundles / "nuclei-segmenter")
    bundle = load_bundle(bundles / "nuclei-segmenter", sha256=digest)
    seen = _look(bundle, config)
    interval = _interval(seen)
    made = Nuclei(
        bundle=bundles / "nuclei-segmenter",
        sha256=digest,
        dice=float(interval.estimate.item()),
        low=float(interval.low.item()),
        high=float(interval.high.item()),
        images=len(seen),
        sheet=out / "sheet.png",
        overlays=out / "overlays",
    )
    _write(made, seen, out)
    return made


def comparison(image: Array, truth: Array, found: Array) -> Rgb:
    """The image, its contrast stretched, with both outlines, each in its colour, and in a third where they are one."""
    picture = stretched(image).copy()
    drawn, seen = border(truth > 0), border(found > 0)
    for where, colour in ((drawn, TRUTH), (seen, FOUND), (drawn & seen, BOTH)):
        picture[where] = colour
    return picture


def _small(one: Seen) -> Rgb:
    """The comparison at the size of a tile: outlines are drawn after scaling, so that they stay as thick."""
    image = fitted(displayed(one.loaded.image.array), SIDE)
    truth, found = (
        resize(mask[..., None].astype(np.uint8), image.shape[:2], "nearest")[..., 0]
        for mask in (one.loaded.truth, one.prediction.mask)
    )
    return comparison(image, truth, found)


def _trained(config: TrainingConfig, training: Path, target: Path) -> str:
    """Train and write the bundle to its place."""
    with Watcher(config.best.measure) as watcher:
        outcome = train(config, training, observer=watcher, bundle_path=target)
    if outcome.bundle_sha256 is None:
        raise TrainingError(f"{config.name}: its description asks for no bundle")
    return outcome.bundle_sha256


def _look(bundle: Bundle, config: TrainingConfig) -> list[Seen]:
    _, held_out = split(read_cases(config.data), config.data.hold_out)
    seen = []
    with Advance("held-out images", len(held_out)) as progress:
        for case in held_out:
            loaded = load(case, config)
            prediction = bundle.predict(loaded.image)
            if not isinstance(prediction, Segmentation):
                raise DataError(f"the segmenter gave a {type(prediction).__name__}")
            overlap = dice(prediction.mask, loaded.truth, num_classes=len(bundle.labels))
            seen.append(Seen(loaded, prediction, float(overlap[1].item())))
            progress.step(case.image.stem)
    return seen


def _interval(seen: Sequence[Seen]) -> Interval:
    """The mean Dice over images and its interval; images are what is resampled."""
    mean = CaseMean()
    mean.update(np.array([one.dice for one in seen]))
    return bootstrap(mean, n_resamples=10_000, seed=0)


def _write(made: Nuclei, seen: Sequence[Seen], out: Path) -> None:
    made.overlays.mkdir(parents=True, exist_ok=True)
    tiles = []
    for one in sorted(seen, key=lambda one: -one.dice):
        picture = comparison(one.loaded.image.array, one.loaded.truth, one.prediction.mask)
        write_png(made.overlays / f"{one.loaded.case.image.stem}.png", picture)
        kind = one.loaded.case.row.get("kind", "").replace("_", " ")
        tiles.append(Tile(_small(one), f"Dice {one.dice:.3f}", f"{one.loaded.case.image.stem}, {kind}"))
    interval = f"95 % interval {made.low:.3f} to {made.high:.3f}"
    title = f"Nuclei in {made.images} images never trained on: mean Dice {made.dice:.3f} ({interval})"
    write_png(made.sheet, sheet(tiles, title=title, legend=LEGEND, columns=4, side=SIDE))
    record = {
        "dice": made.dice, "low": made.low, "high": made.high, "confidence": 0.95, "images": made.images,
        "bundle_sha256": made.sha256, "cases": {one.loaded.case.image.stem: one.dice for one in seen},
    }  # fmt: skip
    write_file(out / "dice.json", [write_json(record).encode("utf-8")], overwrite=True)
