"""`medtorch bench`: samples of a bundle's model, as it is and compiled."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.cli.commands import here
from tests.serve.bundles import classifier

pytestmark = pytest.mark.requirement("REQ-F-CLI-010")


@pytest.fixture
def made(tmp_path):
    return tmp_path / "b", classifier(tmp_path / "b")


def test_samples_of_both_come_with_their_medians_and_their_ratio(made, capsys):
    path, digest = made
    code, out, _ = here(capsys, "bench", path, "--sha256", digest, "--rounds", 5, "--batch", 2)
    answer = json.loads(out)
    assert code == 0
    assert answer["inputs"] == [[2, 1, 32, 32]]
    eager, compiled = answer["eager"], answer["compiled"]
    assert (len(eager["samples"]), len(compiled["samples"])) == (5, 5)
    assert min(eager["samples"] + compiled["samples"]) > 0
    assert eager["median_seconds"] == pytest.approx(np.median(eager["samples"]))
    assert compiled["quartiles"] == pytest.approx(list(np.quantile(compiled["samples"], (0.25, 0.75))))
    ratios = np.divide(eager["samples"], compiled["samples"])
    assert answer["eager_over_compiled"] == pytest.approx(np.median(ratios))
    assert answer["sha256"] == digest


def test_another_bundle_is_not_timed(made, capsys):
    code, out, err = here(capsys, "bench", made[0], "--sha256", "0" * 64)
    assert (code, out) == (3, "")
    assert "sha256" in err


@pytest.mark.parametrize(("option", "value"), [("--batch", 0), ("--rounds", 2), ("--threads", 0)])
def test_numbers_that_make_no_sense_are_wrong_usage(made, capsys, option, value):
    code, out, err = here(capsys, "bench", made[0], "--sha256", made[1], option, value)
    assert (code, out) == (2, "")
    assert f"Invalid value for '{option}'" in err
