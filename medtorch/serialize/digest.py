"""SHA-256 of files and of tensors' bytes, and its comparison with what the caller expects.

Requires  REQ-F-BUN-002, REQ-S-SEC-006
"""

from __future__ import annotations

import hashlib
import hmac
import re

from medtorch.errors import ArgumentError, DigestError

_HEX = re.compile(r"[0-9a-f]{64}")


def sha256_of(*pieces: memoryview | bytes) -> str:
    """The SHA-256 of some bytes, in one or more pieces: 64 lower-case hexadecimal digits."""
    state = hashlib.sha256()
    for piece in pieces:
        state.update(piece)
    return state.hexdigest()


def parse_sha256(digest: str) -> str:
    """A digest as 64 lower-case digits; 'sha256:' in front and upper case are taken. Raises ArgumentError otherwise."""
    if not isinstance(digest, str):
        raise ArgumentError(f"sha256 must be text of 64 hexadecimal digits, got {type(digest).__name__}")
    plain = digest.strip().lower().removeprefix("sha256:")
    if not _HEX.fullmatch(plain):
        raise ArgumentError(f"sha256 must be 64 hexadecimal digits, got {digest[:80]!r}")
    return plain


def check_sha256(data: memoryview | bytes, expected: str, name: str) -> None:
    """Raise DigestError, naming `name` and both digests, unless `data` has the expected digest."""
    wanted, found = parse_sha256(expected), sha256_of(data)
    if not hmac.compare_digest(wanted, found):
        raise DigestError(
            f"{name}: the bytes are not the expected ones\n  expected sha256 {wanted}\n  found    sha256 {found}"
        )
