"""Binding: a signed statement, attached to an image, that this report was made of this image's content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from validation.canonical import canonical_json, file_sha256
from validation.errors import IntegrityError, UsageError
from validation.image.content import content_digest
from validation.image.layout import Layout, binding_statement
from validation.signing.dsse import Envelope, pre_authentication, read_envelope
from validation.signing.keys import is_signed_by, key_id, public_bytes, read_private_key
from validation.signing.sign import CLOCK_TOLERANCE, DIGESTS_FILE
from validation.signing.statement import facts
from validation.signing.trust import Trust, parse_time

ROLE = "executor"


def bind(
    folder: Path, report: Mapping[str, Any], layout: Layout, *, key: Path, passphrase: bytes | None, name: str, at: str
) -> str:
    """Attach to the image the statement that the report is about it. Returns the image's digest.

    Raises    UsageError if the report was not made in an image; IntegrityError if it was made in another one
    Requires  REQ-S-VAL-006
    """
    private = read_private_key(key, passphrase)
    _same_content(report, layout)
    statement = _statement(folder, report, layout, name=name, at=at)
    payload = canonical_json(statement)
    envelope = Envelope(payload, key_id(public_bytes(private)), private.sign(pre_authentication(payload)))
    layout.attach(envelope.as_json())
    return str(layout.image()["digest"])


def check_binding(folder: Path, report: Mapping[str, Any], layout: Layout, trust: Trust, moment: datetime) -> str:
    """The digest of the image that a trusted executor bound to this very report.

    Raises    IntegrityError with the code of what does not hold
    Requires  REQ-S-VAL-006
    """
    _same_content(report, layout)
    attached = [read_envelope(data, "the binding") for data in layout.attached()]
    if not attached:
        raise IntegrityError("I10", "no binding is attached to this image")
    envelope = attached[-1]
    trusted = trust.keys.get(envelope.key_id)
    if trusted is None or ROLE not in trusted.roles:
        raise IntegrityError("I13", f"the binding's key {envelope.key_id} is not trusted as {ROLE}")
    if not is_signed_by(trusted.public, envelope.signature, envelope.signed_bytes()):
        raise IntegrityError("I12", "the binding's signature does not belong to its text")
    said = _parse(envelope.payload)
    again = _statement(folder, report, layout, name=said["predicate"]["by"], at=said["predicate"]["at"])
    if said != again or said["predicate"]["by"] != trusted.name:
        raise IntegrityError("I21", "the binding is about another image or report")
    if parse_time(said["predicate"]["at"]) > moment + CLOCK_TOLERANCE:
        raise IntegrityError("I15", "the binding is dated in the future")
    return str(layout.image()["digest"])


def _parse(payload: bytes) -> dict[str, Any]:
    try:
        said: dict[str, Any] = json.loads(payload)
        parse_time(said["predicate"]["at"])
        str(said["predicate"]["by"])
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError("I11", f"the binding cannot be read: {error!r}") from error
    return said


def _same_content(report: Mapping[str, Any], layout: Layout) -> None:
    sealed = report["core"]["content"]
    if sealed is None:
        raise UsageError("this report was not made inside an image: it has no content digest to bind")
    found = content_digest(layout.entries())
    if found != sealed["sha256"]:
        raise IntegrityError("I20", f"the image's content is {found}, the report was made of {sealed['sha256']}")


def _statement(folder: Path, report: Mapping[str, Any], layout: Layout, *, name: str, at: str) -> dict[str, Any]:
    subjects = {
        "content": report["core"]["content"]["sha256"],
        "digests.json": file_sha256(folder / DIGESTS_FILE),
        "bundle.json": report["core"]["bundle"]["sha256"],
    }
    return binding_statement(layout.image(), {**facts(report), "by": name, "at": at}, subjects)
