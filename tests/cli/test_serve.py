"""`medtorch serve`: which ways of starting it are taken, and that it starts nothing that was not validated."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request

import pytest

from tests.cli.commands import ROOT, here
from tests.serve.bundles import classifier

pytestmark = pytest.mark.requirement("REQ-F-SRV-001", "REQ-S-SEC-011")


@pytest.fixture
def bundle(tmp_path):
    return tmp_path / "bundle", classifier(tmp_path / "bundle")


def test_it_wants_evidence_or_the_word_that_there_is_none(bundle, capsys):
    code, _, said = here(capsys, "serve", "--bundle", bundle[0], "--sha256", bundle[1])
    assert code == 2
    assert "Name the folder of the signed report with --evidence, or say --unvalidated" in said


def test_both_at_once_contradict(bundle, tmp_path, capsys):
    arguments = ["--unvalidated", "--evidence", tmp_path]
    assert here(capsys, "serve", "--bundle", bundle[0], "--sha256", bundle[1], *arguments)[0] == 2


def test_evidence_needs_keys_that_count(bundle, tmp_path, capsys):
    code, _, said = here(capsys, "serve", "--bundle", bundle[0], "--evidence", tmp_path)
    assert code == 2
    assert "Name the keys that count with --trust" in said


def test_evidence_that_is_none_ends_with_3_and_is_written_down(bundle, tmp_path, capsys):
    (tmp_path / "trust.json").write_text("{}")
    log = tmp_path / "starts.jsonl"
    arguments = ["--evidence", tmp_path, "--trust", tmp_path / "trust.json", "--start-log", log]
    code, _, said = here(capsys, "serve", "--bundle", bundle[0], *arguments)
    assert code == 3
    assert "no evidence that can be used" in said
    assert '"started": false' in log.read_text()


def test_a_bundle_is_not_served_without_its_digest(bundle, capsys):
    code, _, said = here(capsys, "serve", "--bundle", bundle[0], "--unvalidated")
    assert code == 2
    assert "Name the digest that the bundle must have" in said


def test_check_only_ends_without_listening(bundle, capsys):
    arguments = ["--sha256", bundle[1], "--unvalidated", "--check-only"]
    code, _, said = here(capsys, "serve", "--bundle", bundle[0], *arguments)
    assert code == 0
    assert "no evidence was checked" in said


@pytest.mark.needs("package:waitress")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_it_says_where_it_listens_answers_and_ends_in_order_on_a_signal(bundle, name):
    command = [sys.executable, "-m", "medtorch", "serve", "--bundle", str(bundle[0]), "--sha256", bundle[1]]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    # A shell lets what it starts in the background ignore SIGINT, and children inherit that.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        process = subprocess.Popen(
            [*command, "--unvalidated", "--port", "0"], stderr=subprocess.PIPE, text=True, env=variables
        )
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        try:
            said = next(line for line in process.stderr if "serving on" in line)
            address = re.search(r"http://\S+", said)[0]
            with urllib.request.urlopen(f"{address}/health", timeout=30) as answer:
                assert b'"validation": null' in answer.read()
        finally:
            process.send_signal(signal.Signals[name])
            try:
                process.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()  # leaving the block waits for its end, however long that takes
                raise
    assert process.returncode == 0
