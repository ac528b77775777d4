"""An unsigned report that was made in a small image, and the layout of that image."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.validation.layouts import layer, make_layout, tree
from tests.validation.project import Project, environment_of
from validation.cli import main
from validation.distributions import Installed


def sealed_report(folder: Path, roles: str = "executor") -> Path:
    """Put `root`, `layout`, `content.json` and `report` into a folder; the report asks for these roles."""
    found = [Installed("Alpha", "1.0", "", "MIT", "py3-none-any", "a" * 64, (), ())]
    image = tree(folder / "root", {"opt/medtorch/code.py": "code", "opt/bundle/bundle.json": "{}"})
    make_layout(folder / "layout", [layer(image)])
    assert main(["seal", str(image), "--out", str(folder / "content.json")]) == 0
    project = Project(folder / "checkout")
    project.record_everything(found)
    data = (project.root / "validation/services/good.yaml").read_text()
    project.write("validation/services/good.yaml", data + f"signoff: {{roles: [{roles}]}}\n")
    with pytest.MonkeyPatch.context() as patch:
        environment_of(patch, found)
        assert project.run("good", "--content", str(folder / "content.json"))[0] == 0
    shutil.copytree(project.out, folder / "report")
    return folder
