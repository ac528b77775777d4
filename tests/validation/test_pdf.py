"""The PDF: made of report.json alone, the same each time, its words as text; markup from outside stays text."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.validation.facts import outcome, phases
from tests.validation.project import Project
from tests.validation.snapshots import advisory, write_snapshot
from tests.validation.test_pages import EVIL, FUNCTION, report
from validation.pdf import render_pdf

pytestmark = [pytest.mark.requirement("REQ-F-VAL-022"), pytest.mark.needs("package:reportlab")]

FAILED = outcome(node=f"{FUNCTION}[{EVIL}]", function=FUNCTION, phases=phases("passed", "failed", "passed"))


def pages(document: bytes) -> int:
    """How many pages the document has, from its page tree."""
    return int(re.search(rb"/Type /Pages[^>]*/Count (\d+)|/Count (\d+)", document).group(0).split()[-1])


def test_the_same_report_gives_the_same_bytes():
    assert render_pdf(report(FAILED)) == render_pdf(report(FAILED))


def test_another_report_gives_other_bytes():
    assert render_pdf(report(FAILED)) != render_pdf(report(outcome(node=f"{FUNCTION}[{EVIL}]", function=FUNCTION)))


def test_it_is_a_document_without_scripts_links_or_files():
    document = render_pdf(report(FAILED))
    assert document.startswith(b"%PDF-")
    assert document.rstrip().endswith(b"%%EOF")
    for word in (b"/JavaScript", b"/JS", b"/Launch", b"/URI", b"/EmbeddedFile", b"/OpenAction"):
        assert word not in document


def test_the_command_verifies_first_and_writes_all_sections(project: Project, tmp_path: Path):
    one = advisory("A-1", "alpha", "0", "2.0", "Something can be reached.")
    snapshot = write_snapshot(tmp_path / "all.zip", [one])
    project.run("good", "--osv", str(snapshot), "--osv-retrieved", "2026-11-20")
    target = tmp_path / "report.pdf"
    assert project.command("pdf", str(project.out), "--out", str(target)) == 0
    assert pages(target.read_bytes()) >= 2
    assert b"FAIL: validation of good" in target.read_bytes()
    (project.out / "pytest.txt").write_text("changed")
    assert project.command("pdf", str(project.out), "--out", str(tmp_path / "other.pdf")) == 3
    assert not (tmp_path / "other.pdf").exists()


@pytest.mark.needs("program:pdftotext")
def test_its_words_can_be_searched(project: Project, tmp_path: Path):
    project.run()
    assert project.command("pdf", str(project.out), "--out", str(tmp_path / "report.pdf")) == 0
    text = subprocess.run(["pdftotext", "-layout", str(tmp_path / "report.pdf"), "-"], capture_output=True, check=True)
    said = " ".join(text.stdout.decode().split())
    for words in ("PASS", "What this report does not say", "REQ-F-SER-001", "The library shall do as it says."):
        assert words in said
