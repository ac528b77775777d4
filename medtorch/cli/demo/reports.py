"""Part three: the validation system, a program of its own, judges both services with the bundles just made.

Requires  REQ-F-TRN-006
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from medtorch.cli.demo.checkout import Checkout
from medtorch.errors import ConfigError

VERDICTS = {0: "PASS", 1: "FAIL", 2: "INCOMPLETE"}


@dataclass(frozen=True)
class Report:
    """A validation report and its verdict."""

    service: str
    verdict: str
    folder: Path
    counts: dict[str, int]

    @property
    def page(self) -> Path:
        """The report for people."""
        return self.folder / "report.html"


def run(checkout: Checkout, service: str, bundle: Path, sha256: str, out: Path) -> Report:
    """Validate a service. Raises ConfigError, with the validation's own words, where it gave no verdict."""
    command = [
        sys.executable, "-m", "validation", "--root", str(checkout.root), "run", "--service", service,
        "--out", str(out.resolve()), "--bundle", str(bundle.resolve()), "--sha256", sha256,
    ]  # fmt: skip
    path = os.pathsep.join([str(checkout.root.resolve()), *filter(None, [os.environ.get("PYTHONPATH")])])
    answer = subprocess.run(  # noqa: S603  our own program, no shell
        command, cwd=checkout.root, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    if answer.returncode not in VERDICTS:
        said = (answer.stderr or answer.stdout).strip().splitlines()
        raise ConfigError(f"the validation of {service} gave no verdict: {said[-1] if said else 'it said nothing'}")
    evaluation = json.loads((out / "report.json").read_text(encoding="utf-8"))["core"]["evaluation"]
    return Report(service, evaluation["verdict"], out, evaluation["counts"])
