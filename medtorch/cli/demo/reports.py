"""Part three: the validation system, a program of its own, judges both services with the bundles just made.

Requires  REQ-F-TRN-006
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from medtorch.cli.demo.checkout import Checkout
from medtorch.cli.terminal import Advance
from medtorch.errors import ConfigError

_COUNT = re.compile(r"\s*(\d+) of (\d+) tests\s*$")

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
    code, last = _followed(command, checkout.root)
    if code not in VERDICTS:
        raise ConfigError(f"the validation of {service} gave no verdict: {last or 'it said nothing'}")
    evaluation = json.loads((out / "report.json").read_text(encoding="utf-8"))["core"]["evaluation"]
    return Report(service, evaluation["verdict"], out, evaluation["counts"])


def _followed(command: list[str], root: Path) -> tuple[int, str]:
    """Run a program, show how many tests are done, and give its exit code and the last line that it said."""
    path = os.pathsep.join([str(root.resolve()), *filter(None, [os.environ.get("PYTHONPATH")])])
    last = ""
    with subprocess.Popen(  # noqa: S603  our own program, no shell
        command, cwd=root, env={**os.environ, "PYTHONPATH": path}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process, contextlib.ExitStack() as stack:  # fmt: skip
        progress: Advance | None = None
        done = 0
        for line in process.stdout or ():
            last = line.strip() or last
            found = _COUNT.match(line)
            if found is None:
                continue
            if progress is None:
                progress = stack.enter_context(Advance("tests", int(found[2])))
            progress.step(parts=int(found[1]) - done)
            done = int(found[1])
    return process.returncode, last
