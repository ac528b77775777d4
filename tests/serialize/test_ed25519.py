"""Ed25519 signatures: the examples of the standard hold, nothing near them does, and a library of others agrees."""

from __future__ import annotations

from importlib import import_module

import pytest

from medtorch.serialize.ed25519 import GROUP_ORDER, PRIME, verify

pytestmark = pytest.mark.requirement("REQ-S-SEC-010")

# RFC 8032, section 7.1, TEST 1 to TEST 3: public key, message, signature.
EXAMPLES = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("public", "message", "signature"), EXAMPLES)
def test_the_examples_of_the_standard_hold(public, message, signature):
    assert verify(bytes.fromhex(public), bytes.fromhex(signature), bytes.fromhex(message))


@pytest.mark.parametrize("position", range(0, 64, 7))
def test_a_flipped_bit_of_the_signature_does_not_hold(position):
    public, message, signature = (bytearray.fromhex(text) for text in EXAMPLES[2])
    signature[position] ^= 4
    assert not verify(bytes(public), bytes(signature), bytes(message))


def test_another_message_or_key_does_not_hold():
    public, message, signature = (bytes.fromhex(text) for text in EXAMPLES[2])
    assert not verify(public, signature, message + b"\0")
    assert not verify(bytes.fromhex(EXAMPLES[1][0]), signature, message)


def test_a_scalar_beyond_the_order_of_the_group_does_not_hold():
    public, message, signature = (bytes.fromhex(text) for text in EXAMPLES[2])
    scalar = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    assert not verify(public, signature[:32] + scalar.to_bytes(32, "little"), message)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_keys_and_signatures_of_other_lengths_do_not_hold(length):
    public, message, signature = (bytes.fromhex(text) for text in EXAMPLES[0])
    assert not verify(bytes(length), signature, message)
    assert not verify(public, bytes(length), message)


def test_numbers_that_are_no_points_do_not_hold():
    _, message, signature = (bytes.fromhex(text) for text in EXAMPLES[0])
    for number in (PRIME, PRIME + 1, 2**255 - 1, 2, 2**255 + 1):  # too large, not on the curve, a signed zero
        assert not verify(number.to_bytes(32, "little"), signature, message)


@pytest.mark.needs("package:cryptography")
def test_it_agrees_with_another_implementation():
    ed25519 = import_module("cryptography.hazmat.primitives.asymmetric.ed25519")

    for number in range(8):
        private = ed25519.Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        message = bytes(range(number * 20))
        signature = private.sign(message)
        assert verify(private.public_key().public_bytes_raw(), signature, message)
        assert not verify(private.public_key().public_bytes_raw(), signature, message + b"x")
