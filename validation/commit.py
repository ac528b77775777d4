"""Which commit a report's tests belong to: what git says, or what the builder of an image wrote down."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

# In a build context, which is no repository: the same fields, stated by the builder.
STATED = "COMMIT.json"


def commit_of(root: Path) -> dict[str, Any]:
    """The commit, how many files differ from it, and who says so: `git`, `builder`, or None where nobody knows."""
    commit, changed = _git(root, "rev-parse", "HEAD"), _git(root, "status", "--porcelain")
    if commit is not None and changed is not None:
        return {"commit": commit, "changed_files": len(changed.splitlines()), "said_by": "git"}
    if (root / STATED).is_file():
        stated = json.loads((root / STATED).read_text(encoding="utf-8"))
        return {**stated, "said_by": "builder" if stated["commit"] else None}
    return {"commit": None, "changed_files": None, "said_by": None}


def _git(root: Path, *arguments: str) -> str | None:
    try:
        answer = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
