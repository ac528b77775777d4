"""The checks in their order. All are made, so that the refusal names everything that is wrong at once."""

from __future__ import annotations

import importlib.metadata
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import medtorch
from medtorch._version import __version__
from medtorch.core.info import backend_info
from medtorch.errors import LoadError, MedtorchError, StartupError
from medtorch.serve.bundle import Bundle
from medtorch.serve.load import load_bundle
from medtorch.serve.startup import log
from medtorch.serve.startup.content import content_lines, content_sha256, mounted
from medtorch.serve.startup.evidence import Evidence, read_evidence

# Each lets code in that no digest covers.
DANGEROUS = ("LD_PRELOAD", "LD_AUDIT", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "PYTHONPYCACHEPREFIX")
CODE = Path(medtorch.__file__).parent


@dataclass(frozen=True)
class Check:
    """One question that was asked, and the answer."""

    name: str
    good: bool
    detail: str


@dataclass(frozen=True)
class Started:
    """A service that may answer: its model, the evidence it rests on, and what was checked."""

    bundle: Bundle
    evidence: Evidence
    checks: tuple[Check, ...]
    seconds: float
    log_sha256: str | None

    def health(self) -> dict[str, Any]:
        """What the health endpoint says."""
        return {
            "service": self.evidence.service,
            "medtorch": __version__,
            "bundle_sha256": self.bundle.sha256,
            "validation": {
                "verdict": self.evidence.verdict,
                "report_sha256": self.evidence.report_sha256,
                "content_sha256": self.evidence.content_sha256,
                "made_at": self.evidence.made_at,
                "signed_by": dict(self.evidence.signers),
                "checked": [check.name for check in self.checks],
            },
        }


def start(
    bundle: Path,
    evidence: Path,
    trust: Path,
    *,
    device: str = "cpu",
    accept_incomplete: bool = False,
    log_file: Path | None = None,
    root: Path = Path("/"),
) -> Started:
    """Check everything, load the model, write the start down.

    Raises    StartupError naming each check that did not hold; the refusal is written down as well
    Requires  REQ-S-SEC-011
    """
    began = time.monotonic()
    try:
        said = read_evidence(evidence, trust)
    except StartupError as error:
        _write(log_file, {"at": _now(), "medtorch": __version__, "started": False, "checks": {"evidence": str(error)}})
        raise
    checks = [
        _asked("verdict", lambda: _verdict(said, accept_incomplete)),
        _asked("surroundings", _surroundings),
        _asked("content of the image", lambda: _content(said, root)),
        _asked("versions", lambda: _versions(said)),
        _asked("device", lambda: _device(said, device)),
    ]
    loaded: Bundle | None = None
    if all(check.good for check in checks):
        loaded, known = _load(bundle, said, device)
        checks.append(known)
    written = _write(log_file, _entry(said, checks, device))
    bad = [f"{check.name}: {check.detail}" for check in checks if not check.good]
    if bad or loaded is None:
        raise StartupError("this is not what was validated, it must not start: " + "; ".join(bad))
    return Started(loaded, said, tuple(checks), time.monotonic() - began, written)


def _write(log_file: Path | None, entry: dict[str, Any]) -> str | None:
    return None if log_file is None else log.append(log_file, entry)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _asked(name: str, question: Callable[[], str | None]) -> Check:
    """A question answers with what is wrong, or None."""
    wrong = question()
    return Check(name, wrong is None, wrong or "as it was validated")


def _verdict(said: Evidence, accept_incomplete: bool) -> str | None:
    accepted = ("PASS", "INCOMPLETE") if accept_incomplete else ("PASS",)
    return None if said.verdict in accepted else f"the report says {said.verdict}"


def _surroundings() -> str | None:
    there = [name for name in DANGEROUS if os.environ.get(name)]
    if there:
        return f"{', '.join(there)} could let other code in"
    libraries = [one for one in os.environ.get("LD_LIBRARY_PATH", "").split(":") if one and os.access(one, os.W_OK)]
    if libraries:
        return f"libraries are looked for in {', '.join(libraries)}, which can be written to"
    if os.access(CODE, os.W_OK):
        return f"{CODE} can be written to: run the image read-only and not as root"
    return None if __debug__ else "python -O takes checks away"


def _content(said: Evidence, root: Path) -> str | None:
    found = content_sha256(content_lines(root, mounted()))
    return None if found == said.content_sha256 else f"its digest is {found}, validated was {said.content_sha256}"


def _versions(said: Evidence) -> str | None:
    here = {entry.name: entry.version for entry in importlib.metadata.distributions(path=list(sys.path))}
    wrong = [f"{name} {version}" for name, version in here.items() if said.versions.get(name) != version]
    return f"not among what was validated: {', '.join(sorted(wrong))}" if wrong else None


def _device(said: Evidence, device: str) -> str | None:
    return None if device.partition(":")[0] in said.devices else f"{device} is none of {', '.join(said.devices)}"


def _load(bundle: Path, said: Evidence, device: str) -> tuple[Bundle | None, Check]:
    try:
        loaded = load_bundle(bundle, sha256=said.bundle_sha256, device=device)
    except (LoadError, MedtorchError) as error:
        return None, Check("bundle and known answers", False, str(error))
    if not loaded.golden:
        return None, Check("bundle and known answers", False, "the bundle records no known answers")
    return loaded, Check("bundle and known answers", True, f"{len(loaded.golden)} as recorded")


def _entry(said: Evidence, checks: list[Check], device: str) -> dict[str, Any]:
    cpu = backend_info()["cpu"]
    return {
        "at": _now(),
        "service": said.service,
        "medtorch": __version__,
        "content_sha256": said.content_sha256,
        "report_sha256": said.report_sha256,
        "bundle_sha256": said.bundle_sha256,
        "verdict": said.verdict,
        "device": device,
        "kernel_set": cpu["isa"],
        "started": all(check.good for check in checks),
        "checks": {check.name: check.detail for check in checks},
    }
