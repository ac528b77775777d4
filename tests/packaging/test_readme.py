"""The examples of the README run as they stand, and what it points to is there."""

from __future__ import annotations

import json
import re
import sys

import pytest

from tests.packaging.commands import ROOT, run

pytestmark = [pytest.mark.requirement("REQ-F-INS-004"), pytest.mark.needs("checkout", "package:yaml")]


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)


def commands() -> list[str]:
    return re.findall(r"^    (medtorch .*)$", (ROOT / "README.md").read_text(), re.M)


def medtorch(arguments: str):
    return run([sys.executable, "-m", "medtorch", *arguments.split()[1:]])


@pytest.fixture
def lenet(tmp_path):
    """The bundle that the README's first command makes, elsewhere, and its digest."""
    answer = medtorch(commands()[0].replace("--out lenet", f"--out {tmp_path / 'lenet'}"))
    assert answer.returncode == 0, answer.stdout
    return str(tmp_path / "lenet"), json.loads(answer.stdout)["sha256"]


def test_the_inference_example_gives_the_labels_of_the_files(lenet):
    folder, digest = lenet
    answer = run([sys.executable, "-c", blocks()[0].replace('"lenet"', repr(folder)).replace("DIGEST", digest)])
    assert answer.returncode == 0, answer.stdout
    labels = [line.split(" {")[0] for line in answer.stdout.splitlines()]
    assert labels == ["IM-0256-0001 NORMAL", "person78_bacteria_382 PNEUMONIA BACTERIA"]


def test_the_predict_command_takes_the_digest_that_convert_printed(lenet):
    folder, digest = lenet
    command = commands()[1].replace("--bundle lenet", f"--bundle {folder}").replace("DIGEST", digest)
    answer = medtorch(command.replace("*.jpeg", "IM-0256-0001.jpeg"))
    assert answer.returncode == 0, answer.stdout
    assert json.loads(answer.stdout)["bundle"]["verified"] is True


def test_the_training_example_learns():
    answer = run([sys.executable, "-c", blocks()[1]])
    assert answer.returncode == 0, answer.stdout
    losses = [float(line.split()[1]) for line in answer.stdout.splitlines()]
    assert len(losses) == 20
    assert losses[-1] < 0.5 * losses[0]


def test_the_example_of_pytorch_code_runs():
    answer = run([sys.executable, "-c", blocks()[2]])
    assert answer.returncode == 0, answer.stdout
    assert answer.stdout.strip() == "(2, 5)"


def test_the_examples_are_short():
    assert [len(block.strip().splitlines()) <= 17 for block in blocks()] == [True] * 3


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md"])
def test_every_file_that_a_page_points_to_is_there(page):
    links = re.findall(r"\]\((?!https?://)([^)#]+)\)", (ROOT / page).read_text())
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []
