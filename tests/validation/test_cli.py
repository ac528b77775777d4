"""The commands: wrong usage is exit code 4, a broken tool is never a verdict; validation knows nothing of medtorch."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.validation.project import Project
from validation import commands
from validation.atomic import new_directory, write_file
from validation.cli import main
from validation.errors import UsageError

VALIDATION = Path(commands.__file__).parent


@pytest.mark.requirement("REQ-F-VAL-007")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["approve"], "invalid choice: 'approve'"),
        (["run"], "the following arguments are required: --service, --out"),
        (["run", "--service", "a", "--out", "b", "--sha256", "abc"], "must be 64 hexadecimal digits"),
        (["check", "--fast"], "unrecognized arguments: --fast"),
        (["--root", "/nonexistent", "check"], "holds no requirements_trace.yaml: give the checkout with --root"),
    ],
)
def test_wrong_usage_ends_with_4_and_says_why(capsys, arguments, message):
    assert main(arguments) == 4
    assert message in capsys.readouterr().err


@pytest.mark.requirement("REQ-F-VAL-007")
def test_a_crash_of_the_tool_is_no_verdict(project: Project, monkeypatch: pytest.MonkeyPatch, capsys):
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(commands, "check", broken)
    assert project.command("check") == 3
    assert "the tool itself broke, this is no verdict" in capsys.readouterr().err


@pytest.mark.requirement("REQ-F-VAL-005")
def test_a_folder_is_filled_completely_or_not_at_all(tmp_path: Path):
    target = tmp_path / "deep" / "report"
    with pytest.raises(RuntimeError, match="half way"), new_directory(target, marker="done") as folder:
        _write_and_break(folder)
    assert list(target.parent.iterdir()) == []
    for content in (b"1", b"2"):
        with new_directory(target, marker="done") as folder:
            write_file(folder / "done", content)
        assert (target / "done").read_bytes() == content
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.requirement("REQ-F-VAL-005")
def test_an_unknown_folder_or_file_is_never_replaced(tmp_path: Path):
    target = tmp_path / "report"
    target.write_text("mine")
    with pytest.raises(UsageError, match="is no earlier report"), new_directory(target, marker="done"):
        pass
    assert target.read_text() == "mine"


def test_validation_imports_nothing_of_medtorch():
    found = []
    for path in VALIDATION.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [f"{path.name}: {name}" for name in names if name.split(".")[0] == "medtorch"]
    assert found == []


def _write_and_break(folder: Path) -> None:
    write_file(folder / "done", b"1")
    raise RuntimeError("half way")
