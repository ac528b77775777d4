"""The example data: complete, untouched, small, and with its authors and licences."""

from __future__ import annotations

import csv
import hashlib

import pytest

from tests.packaging.commands import ROOT

EXAMPLES = ROOT / "examples"
pytestmark = pytest.mark.requirement("REQ-F-INS-007")


def listed() -> dict[str, str]:
    lines = (EXAMPLES / "SHA256SUMS").read_text().splitlines()
    return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}


def present() -> set[str]:
    """What came from elsewhere; the YAML files beside the folders are the project's own."""
    found = {path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*") if path.is_file()}
    return {name for name in found if not (name.endswith(".yaml") and "/" not in name)}


def rows(name: str) -> list[dict[str, str]]:
    with (EXAMPLES / name).open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_every_file_has_the_listed_digest():
    digests = {name: hashlib.sha256((EXAMPLES / name).read_bytes()).hexdigest() for name in present() - {"SHA256SUMS"}}
    assert digests == listed()


def test_the_checkpoint_is_the_one_that_its_author_published():
    assert listed()["chest_xray/pneunomia_lenet.pt"] == (
        "6e423e6a0954258d3f57d804fa424b5d4eb978f88c1a0ffbc6e299c61a64b2a4"
    )


def test_every_image_of_nuclei_has_a_label_map_and_a_row():
    cases = {row["case"] for row in rows("nuclei/cases.csv")}
    assert len(cases) == 31
    assert {path.stem for path in (EXAMPLES / "nuclei/images").iterdir()} == cases
    assert {path.stem for path in (EXAMPLES / "nuclei/labels").iterdir()} == cases


def test_every_chest_x_ray_has_a_class():
    table = {row["file"]: row["label"] for row in rows("chest_xray/labels.csv")}
    assert set(table) == {f"images/{path.name}" for path in (EXAMPLES / "chest_xray/images").iterdir()}
    assert set(table.values()) == {"NORMAL", "PNEUMONIA BACTERIA", "PNEUMONIA VIRAL"}


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("nuclei/README.md", ["CC0 1.0", "10.1038/s41592-019-0612-7", "changes"]),
        ("nuclei/LICENSE", ["CC0 1.0 Universal"]),
        ("chest_xray/README.md", ["Kermany", "creativecommons.org/licenses/by/4.0", "without warranties", "changes"]),
        ("chest_xray/LICENSE-weights.txt", ["MIT License", "Copyright (c) 2021 crispengari"]),
    ],
)
def test_authors_and_licences_are_named(file, words):
    text = (EXAMPLES / file).read_text()
    assert [word for word in words if word not in text] == []


def test_the_examples_stay_small():
    assert sum((EXAMPLES / name).stat().st_size for name in present()) < 12e6
