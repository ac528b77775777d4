"""The table of cases, its split, and what is wrong with it."""

from __future__ import annotations

import numpy as np
import pytest

from medtorch.cli.pictures import write_png
from medtorch.errors import DataError
from medtorch.training import parse_config
from medtorch.training.cases import load, read_cases, split
from tests.training.small import CLASSIFICATION, SEGMENTATION, described, write_discs

pytestmark = pytest.mark.requirement("REQ-F-TRN-002")


@pytest.fixture
def folder(tmp_path):
    return write_discs(tmp_path / "data", cases=10)


def parts(folder, base, **changes):
    config = parse_config(described(base, **changes), folder, "test")
    return config, *split(read_cases(config.data), config.data.hold_out)


def test_a_column_says_what_is_held_out(folder):
    _, training, held_out = parts(folder, SEGMENTATION)
    assert [case.name for case in held_out] == ["images/c8.png", "images/c9.png"]
    assert len(training) == 8


def test_a_share_of_each_group_is_held_out_and_the_seed_decides(folder):
    _, training, held_out = parts(
        folder, CLASSIFICATION, data__hold_out={"fraction": 0.4, "seed": 3, "stratify": "kind"}
    )
    assert sorted(case.label for case in held_out) == ["disc", "disc", "empty", "empty"]
    assert {case.name for case in training}.isdisjoint(case.name for case in held_out)
    assert len(training) + len(held_out) == 10
    again = parts(folder, CLASSIFICATION, data__hold_out={"fraction": 0.4, "seed": 3, "stratify": "kind"})[2]
    other = parts(folder, CLASSIFICATION, data__hold_out={"fraction": 0.4, "seed": 4, "stratify": "kind"})[2]
    assert held_out == again
    assert held_out != other


def test_foreground_makes_every_number_of_a_label_map_one_label(folder):
    config, training, _ = parts(folder, SEGMENTATION)
    loaded = load(training[0], config)
    assert set(np.unique(loaded.truth)) == {0, 1}  # the file holds 7
    assert loaded.target.shape == loaded.prepared.array.shape[1:]


def test_a_number_that_is_no_label_is_refused(folder):
    config, training, _ = parts(folder, SEGMENTATION, data__mask_values="labels")
    with pytest.raises(DataError, match=r"masks/c0.png: the mask holds 7, there are 2 labels \(from 0\)$"):
        load(training[0], config)


def test_a_mask_of_another_size_is_refused(folder):
    write_png(folder / "masks" / "c0.png", np.zeros((5, 5), np.uint8))
    config, training, _ = parts(folder, SEGMENTATION)
    with pytest.raises(DataError, match=r"masks/c0.png: the mask is \(5, 5\), its image \(24, 24\)$"):
        load(training[0], config)


def test_a_mask_in_colour_is_refused(folder):
    write_png(folder / "masks" / "c0.png", np.zeros((24, 24, 3), np.uint8))
    config, training, _ = parts(folder, SEGMENTATION)
    with pytest.raises(DataError, match=r"a mask has one channel of whole numbers, this has 3 of uint8$"):
        load(training[0], config)


def test_an_unknown_label_is_refused(folder):
    config, training, _ = parts(folder, CLASSIFICATION, labels=["empty", "ring"])
    with pytest.raises(DataError, match=r"images/c0.png: its label 'disc' is none of empty, ring$"):
        load(training[0], config)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"cases.csv: a table without cases$"),
        ("case,kind,split\nc0,disc\n", r"cases.csv: a row has more or fewer fields than the first line$"),
        ("case,kind,split\nc0,disc,x\nc0,disc,x\n", r"cases.csv: two rows name the image images/c0.png$"),
    ],
)
def test_a_broken_table_is_refused(folder, text, message):
    (folder / "cases.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        parts(folder, CLASSIFICATION)


def test_a_missing_table_is_refused(folder):
    with pytest.raises(DataError, match=r"none.csv: cannot be read: No such file or directory$"):
        parts(folder, CLASSIFICATION, data__table="none.csv")
