"""Hostile files cost bounded time and memory and cause no event, measured from outside in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.attacks.corpus import CANARY, safetensors_corpus, torch_corpus

pytestmark = pytest.mark.requirement("REQ-S-SEC-001", "REQ-S-SEC-003")

ROOT = Path(__file__).resolve().parents[2]

LARGEST_PEAK = 200 << 20  # a million objects of up to about 100 bytes: 100 MB measured
SMALL_PEAK = 4 << 20  # a small file that is no such bomb: 0.6 MB measured
LONGEST_SECONDS = 10.0  # 0.9 s measured; the rest is for a busy machine


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> dict[str, dict]:
    folder = tmp_path_factory.mktemp("corpus")
    for number, (name, attack) in enumerate(torch_corpus().items()):
        (folder / f"{number:04d} {name.replace('/', '_')}.pth").write_bytes(attack.data)
    for number, (name, attack) in enumerate(safetensors_corpus().items()):
        (folder / f"{number:04d} {name.replace('/', '_')}.safetensors").write_bytes(attack.data)
    work = tmp_path_factory.mktemp("work")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    result = subprocess.run(
        [sys.executable, "-m", "tests.attacks.measure", str(folder)],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert not (work / CANARY).exists()
    assert list(work.iterdir()) == []
    return json.loads(result.stdout)


def test_every_file_is_refused(measured):
    assert len(measured) == len(torch_corpus()) + len(safetensors_corpus())
    assert [name for name, found in measured.items() if found["refused"] is None] == []


def test_no_code_is_fetched_or_run_and_no_file_written(measured):
    assert {name: found["events"] for name, found in measured.items() if found["events"]} == {}


def test_memory_stays_bounded(measured):
    assert {name: found["peak"] for name, found in measured.items() if found["peak"] > LARGEST_PEAK} == {}


def test_small_hostile_files_cost_little_memory(measured):
    small = {name: found for name, found in measured.items() if found["size"] < 10_000}
    assert len(small) > 400
    assert {name: found["peak"] for name, found in small.items() if found["peak"] > SMALL_PEAK} == {}


def test_time_stays_bounded(measured):
    assert {name: found["seconds"] for name, found in measured.items() if found["seconds"] > LONGEST_SECONDS} == {}


def test_the_watch_sees_what_a_payload_does_and_takes(tmp_path):
    """Without this, no events would prove nothing."""
    code = (
        "from tests.attacks.measure import Watch, memory, CLEAR; import numpy;"
        "watch = Watch(); start = memory('VmRSS');"
        "CLEAR.write_text('5'); numpy.ones(50_000_000); print(memory('VmHWM') - start > 380_000_000);"
        "watch.on = True; exec('1'); open('x', 'w').close(); print(watch.events)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert shown.startswith("True")
    assert "'exec'" in shown
    assert "open x w" in shown
