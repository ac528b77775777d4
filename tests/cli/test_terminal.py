"""How the command talks: bars on a terminal, quiet lines elsewhere, no colour where none is wanted."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from medtorch.cli.terminal import Advance, duration
from tests.cli.commands import ROOT

pytestmark = pytest.mark.requirement("REQ-F-CLI-002")

PROGRAM = """
import time
from medtorch.cli.terminal import Advance
with Advance("work", 4) as progress:
    for _ in range(4):
        time.sleep(0.15)
        progress.step("loss 0.5")
    progress.tell("epoch 1: done")
"""


def on_a_terminal(**environment):
    """What the program writes to stderr where stderr is a terminal."""
    ours, theirs = pty.openpty()
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "120", **environment}
    if "NO_COLOR" not in environment:
        variables.pop("NO_COLOR", None)
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stderr=theirs, stdout=subprocess.DEVNULL, env=variables)
    os.close(theirs)
    said = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # the terminal's other end is closed
            break
        if not piece:
            break
        said += piece
    os.close(ours)
    assert process.wait() == 0
    return said.decode()


def test_a_terminal_sees_a_bar_with_the_time_left():
    said = on_a_terminal()
    assert "left" in said
    assert "4/4" in said
    assert "epoch 1: done" in said
    assert "\x1b[3" in said  # colours


def test_no_color_is_heeded():
    said = on_a_terminal(NO_COLOR="1")
    assert "4/4" in said
    assert "\x1b[38;" not in said
    assert "\x1b[31m" not in said
    assert "\x1b[36m" not in said


def test_elsewhere_there_are_quiet_lines_with_the_time_left(capsys):
    ticks = iter([0.0, 5.0, 10.0, 20.0, 20.0, 20.0, 25.0])
    with Advance("work", 10, clock=lambda: next(ticks)) as progress:
        progress.step("a")  # 5 s: silent
        progress.step("b")  # 10 s: silent
        progress.step("c")  # 20 s: speaks
        progress.step("d")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "work: 3 of 10, about 47 s left, c\n"


def test_what_stays_is_a_line_of_its_own(capsys):
    with Advance("work", 1) as progress:
        progress.tell("epoch 1: loss [0.5]")
    assert capsys.readouterr().err == "epoch 1: loss [0.5]\n"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s"), (4210, "1 h 10 min")],
)
def test_durations_read_well(seconds, words):
    assert duration(seconds) == words
