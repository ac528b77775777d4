"""DSSE envelopes: a text, its type, and signatures over both.

What is signed is "DSSEv1 <length of type> <type> <length of text> <text>", lengths in bytes.
Source  Dead Simple Signing Envelope 1.0
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from validation.canonical import readable_json
from validation.errors import IntegrityError

PAYLOAD_TYPE = "application/vnd.in-toto+json"
LIMIT_BYTES = 1 << 20


@dataclass(frozen=True)
class Envelope:
    """A text with the one signature that this project puts on it."""

    payload: bytes
    key_id: str
    signature: bytes

    def signed_bytes(self) -> bytes:
        return pre_authentication(self.payload)

    def as_json(self) -> bytes:
        signature = {"keyid": self.key_id, "sig": base64.b64encode(self.signature).decode()}
        payload = base64.b64encode(self.payload).decode()
        return readable_json({"payloadType": PAYLOAD_TYPE, "payload": payload, "signatures": [signature]})


def pre_authentication(payload: bytes) -> bytes:
    """The bytes that are signed."""
    return b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def read_envelope(data: bytes, name: str) -> Envelope:
    """Raises IntegrityError if the bytes are no envelope of our kind with exactly one signature."""
    if len(data) > LIMIT_BYTES:
        raise IntegrityError("I11", f"{name} is larger than {LIMIT_BYTES} bytes")
    try:
        return _envelope(json.loads(data))
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise IntegrityError("I11", f"{name} is no signed statement: {error!r}") from error


def _envelope(said: Any) -> Envelope:
    if set(said) != {"payloadType", "payload", "signatures"} or said["payloadType"] != PAYLOAD_TYPE:
        raise ValueError("not an in-toto statement in an envelope")
    (signature,) = said["signatures"]
    if set(signature) != {"keyid", "sig"} or not isinstance(signature["keyid"], str):
        raise ValueError("a signature has a keyid and a sig")
    payload = base64.b64decode(said["payload"], validate=True)
    return Envelope(payload, signature["keyid"], base64.b64decode(signature["sig"], validate=True))
