"""The command itself: help, exit codes, one sentence for each error."""

from __future__ import annotations

import subprocess
import sys

import pytest

import medtorch
import medtorch.cli.bundle as module
from medtorch.cli.app import COMMANDS
from tests.cli.commands import ROOT, here, run

pytestmark = pytest.mark.requirement("REQ-F-CLI-001")


def test_help_names_every_command(capsys):
    code, out, err = here(capsys, "--help")
    assert code == 0
    assert all(f"  {name} " in out for name in COMMANDS)
    assert err == ""


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help(capsys, name):
    code, out, _ = here(capsys, name, "--help")
    assert code == 0
    assert out.startswith(f"Usage: medtorch {name}")


def test_help_loads_neither_models_nor_images():
    code = (
        "import sys; from medtorch.cli import main; main(['--help'])\n"
        "heavy = {'PIL', 'yaml', 'matplotlib', 'rich', 'medtorch.nn', 'medtorch.data', 'medtorch.serve'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert answer.stderr.strip() == "[]"


def test_the_version_is_the_package_s(capsys):
    assert here(capsys, "--version")[1].strip() == f"medtorch, version {medtorch.__version__}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "No such command 'nonsense'; there are predict, serve, train, bundle, convert, bench, "),
        (["predict", "--bundel", "x"], "No such option"),
        (["predict", "--bundle", "x", "a.png"], "Name the digest that the bundle must have with --sha256"),
        (["predict", "--bundle", "x", "--sha256", "12", "a.png"], "sha256 must be 64 hexadecimal digits, got '12'"),
        (["bundle", "verify", "x", "--sha256", "0" * 64, "--allow-unverified"], "contradict each other"),
        (["convert", "x.pth", "--arch", "lenot", "--out", "y"], "No such architecture 'lenot'; there are"),
        (["convert", "x.pth", "--arch", "lenet", "--arch-arg", "3", "--out", "y"], "'3' is not of the form name=value"),
    ],
)
def test_wrong_usage_is_code_2_on_stderr(capsys, arguments, message):
    code, out, err = here(capsys, *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_bad_input_is_code_3_in_one_sentence(capsys, tmp_path):
    code, out, err = here(capsys, "bundle", "verify", tmp_path / "none", "--sha256", "0" * 64)
    assert (code, out) == (3, "")
    assert err == f"medtorch: {tmp_path / 'none'}: no such bundle\n"


def test_a_process_gives_the_same_codes(tmp_path):
    assert run("--help").returncode == 0
    assert run("nonsense").returncode == 2
    answer = run("bundle", "inspect", tmp_path / "none")
    assert (answer.returncode, answer.stdout) == (3, "")
    assert "Traceback" not in answer.stderr


def test_debug_shows_the_traceback(capsys, tmp_path):
    code, _, err = here(capsys, "--debug", "bundle", "inspect", tmp_path / "none")
    assert code == 3
    assert "Traceback" in err
    assert err.rstrip().endswith("no such bundle")


def test_a_fault_of_medtorch_is_told_apart(capsys, monkeypatch):
    monkeypatch.setattr(module, "read_bundle", lambda *_, **__: 1 / 0)
    code, out, err = here(capsys, "bundle", "inspect", "x")
    assert (code, out) == (70, "")
    assert err == (
        "medtorch: a fault in medtorch itself: ZeroDivisionError: division by zero; "
        "run `medtorch --debug ...` to see where\n"
    )


def test_interrupting_is_code_130(capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "read_bundle", interrupted)
    code, _, err = here(capsys, "bundle", "inspect", "x")
    assert code == 130
    assert "interrupted" in err


def test_without_click_the_extra_is_named():
    code = "import sys; sys.modules['click'] = None; from medtorch.cli import main; print(main(['--help']))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert answer.stdout == "2\n"
    assert answer.stderr == "medtorch: click is not installed: pip install 'medtorch[cli]'\n"
