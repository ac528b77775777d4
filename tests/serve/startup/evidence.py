"""Evidence as an image carries it: the parts of a report that a start reads, digests, signatures, and whom to trust."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from validation.canonical import canonical_json, file_sha256, readable_json
from validation.image.content import content_digest, walk
from validation.signing.dsse import Envelope, pre_authentication
from validation.signing.keys import key_id, new_private_key, public_bytes, read_private_key
from validation.signing.statement import make_statement
from validation.signing.trust import add_key

PEOPLE = {"executor": "The build machine", "reviewer": "JD-001, A. Reviewer"}


class Place:
    """An image's file system with a bundle, evidence outside its content, keys, and a trust file."""

    def __init__(self, folder: Path, bundle_sha256: str) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.evidence = self.root / "opt" / "evidence"
        self.trust = folder / "trust.json"
        (self.root / "opt" / "service").mkdir(parents=True)
        (self.root / "opt" / "service" / "code.py").write_text("code")
        for path in (self.root, self.root / "opt", self.root / "opt" / "service"):
            path.chmod(0o755)
        self.report = self._report(bundle_sha256)
        for role, name in PEOPLE.items():
            add_key(self.trust, new_private_key(self.key(role), None), name=name, roles=(role,))
        self.write()

    def key(self, role: str) -> Path:
        return self.folder / f"{role}.pem"

    def write(self) -> None:
        """Report, digests and signatures, made by those who own the keys."""
        (self.evidence / "signatures").mkdir(parents=True, exist_ok=True)
        (self.evidence / "report.json").write_bytes(readable_json(self.report))
        listed = {"report.json": file_sha256(self.evidence / "report.json")}
        (self.evidence / "digests.json").write_bytes(readable_json(listed))
        for role in self.report["core"]["signoff_roles"]:
            self.sign(role)

    def sign(self, role: str, changes: Mapping[str, str] | None = None, *, key: str | None = None) -> None:
        statement = make_statement(
            self.report, file_sha256(self.evidence / "digests.json"), role=role, name=PEOPLE[role], signed_at=now()
        )
        statement["predicate"]["signoff"] |= changes or {}
        private = read_private_key(self.key(key or role), None)
        payload = canonical_json(statement)
        envelope = Envelope(payload, key_id(public_bytes(private)), private.sign(pre_authentication(payload)))
        self.signature(role).write_bytes(envelope.as_json())

    def signature(self, role: str) -> Path:
        return self.evidence / "signatures" / f"{role}.dsse.json"

    def edit_trust(self, **changes: Any) -> None:
        data = json.loads(self.trust.read_bytes())
        self.trust.write_bytes(readable_json({**data, **changes}))

    def _report(self, bundle_sha256: str) -> dict[str, Any]:
        distributions = {entry.name: entry.version for entry in importlib.metadata.distributions(path=list(sys.path))}
        core = {
            "service": {"name": "a-service", "devices": ["cpu"]},
            "evaluation": {"verdict": "PASS"},
            "tool": {"name": "a tool", "version": "1", "sha256": "0" * 64},
            "content": {"sha256": content_digest(walk(self.root))},
            "bundle": {"sha256": bundle_sha256},
            "signoff_roles": list(PEOPLE),
            "environment": {"distributions": [{"name": name, "version": one} for name, one in distributions.items()]},
        }
        return {"core": core, "core_sha256": "0" * 64, "volatile": {"made_at": now()}}


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
