"""Ed25519 signatures, checked with Python's integers alone: what runs in a service image needs no cryptography library.

Only public values pass through here, so time that depends on them gives nothing away; signing happens elsewhere.

Source    RFC 8032, section 5.1.7
Requires  REQ-S-SEC-010
"""

from __future__ import annotations

from hashlib import sha512

Point = tuple[int, int, int, int]  # extended coordinates (X, Y, Z, T): x = X/Z, y = Y/Z, x*y = T/Z

PRIME = 2**255 - 19
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
CURVE = -121665 * pow(121666, -1, PRIME) % PRIME
SQRT_OF_MINUS_1 = pow(2, (PRIME - 1) // 4, PRIME)
NEUTRAL: Point = (0, 1, 1, 0)


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the owner of the public key (32 bytes) signed the message with this signature (64 bytes)."""
    if len(public) != 32 or len(signature) != 64:
        return False
    scalar = int.from_bytes(signature[32:], "little")
    owner, commitment = _decode(public), _decode(signature[:32])
    if owner is None or commitment is None or scalar >= GROUP_ORDER:
        return False
    challenge = int.from_bytes(sha512(signature[:32] + public + message).digest(), "little") % GROUP_ORDER
    return _equal(_times(scalar, BASE), _sum(commitment, _times(challenge, owner)))


def _decode(data: bytes) -> Point | None:
    """The point of these 32 bytes; None if there is none."""
    number = int.from_bytes(data, "little")
    odd, y = number >> 255, number & (2**255 - 1)
    if y >= PRIME:
        return None
    u, v = (y * y - 1) % PRIME, (CURVE * y * y + 1) % PRIME
    x = u * pow(v, 3, PRIME) * pow(u * pow(v, 7, PRIME), (PRIME - 5) // 8, PRIME) % PRIME
    if (v * x * x + u) % PRIME == 0:
        x = x * SQRT_OF_MINUS_1 % PRIME
    if (v * x * x - u) % PRIME or (x == 0 and odd):
        return None
    x = PRIME - x if x % 2 != odd else x
    return x, y, 1, x * y % PRIME


def _sum(first: Point, second: Point) -> Point:
    a = (first[1] - first[0]) * (second[1] - second[0])
    b = (first[1] + first[0]) * (second[1] + second[0])
    c = 2 * first[3] * second[3] * CURVE
    d = 2 * first[2] * second[2]
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % PRIME, g * h % PRIME, f * g % PRIME, e * h % PRIME


def _times(scalar: int, point: Point) -> Point:
    total = NEUTRAL
    for bit in bin(scalar)[2:]:
        total = _sum(total, total)
        if bit == "1":
            total = _sum(total, point)
    return total


def _equal(first: Point, second: Point) -> bool:
    return (
        (first[0] * second[2] - second[0] * first[2]) % PRIME
        == 0
        == (first[1] * second[2] - second[1] * first[2]) % PRIME
    )


_BASE = _decode((4 * pow(5, -1, PRIME) % PRIME).to_bytes(32, "little"))
if _BASE is None:
    raise AssertionError("the base point lies on the curve")
BASE: Point = _BASE
