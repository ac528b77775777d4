"""Part one: a classifier that somebody else trained becomes a bundle and looks at real X-rays."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medtorch.cli.convert import convert_checkpoint
from medtorch.cli.demo.checkout import Checkout
from medtorch.cli.pictures import Rgb, displayed, write_png
from medtorch.cli.sheet import Tile, sheet
from medtorch.data import read
from medtorch.errors import DataError
from medtorch.serialize import Architecture
from medtorch.serialize.atomic import write_file
from medtorch.serialize.jsontext import write_json
from medtorch.serve import Classification, load_bundle

RIGHT, WRONG = (0, 158, 115), (213, 94, 0)


@dataclass(frozen=True)
class Answer:
    """What is true of an X-ray, and what the classifier says."""

    file: Path
    truth: str
    prediction: Classification
    pytorch: tuple[float, ...]  # the probabilities that PyTorch gave, as recorded with the examples

    @property
    def right(self) -> bool:
        """Whether the answer is the truth."""
        return self.prediction.label == self.truth


@dataclass(frozen=True)
class Chest:
    """What part one made."""

    bundle: Path
    sha256: str
    answers: tuple[Answer, ...]
    sheet: Path

    @property
    def largest_difference(self) -> float:
        """Between the probabilities here and those of PyTorch."""
        return max(
            abs(here - there)
            for one in self.answers
            for here, there in zip(one.prediction.probabilities.values(), one.pytorch, strict=True)
        )


def run(checkout: Checkout, bundles: Path, out: Path) -> Chest:
    """Convert, load by digest, predict on every X-ray of the examples."""
    data = checkout.examples / "chest_xray"
    made = convert_checkpoint(
        data / "pneunomia_lenet.pt",
        Architecture("lenet", {"num_classes": 3}),
        bundles / "cxr-classifier",
        spec=checkout.examples / "chest_xray.yaml",
        overwrite=True,
    )
    bundle = load_bundle(made["bundle"], sha256=made["sha256"])
    answers = tuple(_answer(data, row, _class(bundle.predict(data / row["file"]))) for row in _rows(data))
    text = write_json([{"truth": one.truth, **one.prediction.to_json()} for one in answers])
    write_file(out / "predictions.json", [text.encode("utf-8")], overwrite=True)
    write_png(out / "sheet.png", _sheet(answers))
    return Chest(Path(made["bundle"]), made["sha256"], answers, out / "sheet.png")


def _rows(data: Path) -> list[dict[str, str]]:
    with (data / "labels.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _answer(data: Path, row: dict[str, str], prediction: Classification) -> Answer:
    recorded = tuple(float(row[f"lenet_p_{name}"]) for name in ("normal", "bacteria", "viral"))
    return Answer(data / row["file"], row["label"], prediction, recorded)


def _class(prediction: object) -> Classification:
    if not isinstance(prediction, Classification):
        raise DataError(f"the classifier gave a {type(prediction).__name__}")
    return prediction


def _sheet(answers: tuple[Answer, ...]) -> Rgb:
    tiles = [
        Tile(
            picture=_square(displayed(read(one.file).array)),
            caption=f"{_short(one.prediction.label)} {one.prediction.probability:.0%}",
            note=f"true: {_short(one.truth)}",
            mark=RIGHT if one.right else WRONG,
        )
        for one in answers
    ]
    right = sum(one.right for one in answers)
    title = f"Chest X-rays: {right} of {len(answers)} answers right"
    return sheet(tiles, title=title, legend=[(RIGHT, "right"), (WRONG, "wrong")], columns=7, side=190)


def _square(picture: Rgb) -> Rgb:
    """The middle square of a picture: the thorax fills it."""
    side = min(picture.shape[:2])
    top, left = ((length - side) // 2 for length in picture.shape[:2])
    return np.ascontiguousarray(picture[top : top + side, left : left + side])


def _short(label: str) -> str:
    return label.replace("PNEUMONIA ", "").lower()
