"""Checkpoints of every form in which PyTorch wrote them are kept for ever, and each is read."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from medtorch.errors import UnsafeError
from medtorch.serialize import load_torch

FIXTURES = Path(__file__).parent / "fixtures"
# Forms: `legacy` up to PyTorch 1.5 and on request since; `zip` from 1.6; `protocol4` with another protocol of pickle;
# `script` of TorchScript. What they hold is compared with its formulas in test_torchfile.py.
DIGESTS = {
    "checkpoint_legacy": "72902c9275c84d3b3d6a5195d2d25002e96462345366251cb69afe369dfb77b7",
    "checkpoint_zip": "f0728334541f588f4457ed812ff33872f85afdc9be0138b5eaaa0fce1eeb4705",
    "dtypes_legacy": "2f761a3b42bb1bf8cf6b5e2c7b431ffd4e70811565a96837ff2e7ee367c5b035",
    "dtypes_zip": "1eb2dc6fc53fd2381430a793c61497dc32b56d6ea720d547fd01064207fec5c2",
    "script": "42cc615e9beb1061a828db60d92a35e7579aa81b8a607a9bf5c6b8b50abe1133",
    "state_legacy": "ccf89620cd4bb6fd0bf45d11a4fa791592b6b04b32a0292630b2df01140e8372",
    "state_protocol4": "52d9300fd87017655b21321ad7cc9ac6b6b45a666c4e251a0cbf0b3cfdd721de",
    "state_zip": "e425e116b967d52c5cc1f3267587541e23dcb8aad57b5b22f81149153613d4bb",
    "views_legacy": "87bd56b0cd765b8b077678702c757fa69dd8fe7abd898c854cee1182d50276f5",
    "views_zip": "e0b7ea5be016cd95b9311444f91ba4f15016e2a2ef188740a85dae7262d77826",
    "whole_module": "8913cc8a23d4a9b0204a97ccb8f11813b84213cd639c20590135d6b4417c6a1a",
}
REFUSED = {"whole_module"}  # a pickled class, which no version of this loader may fetch


@pytest.mark.requirement("REQ-F-SER-001", "REQ-F-SER-002", "REQ-F-SER-005")
def test_every_file_is_the_one_that_was_committed():
    found = {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in FIXTURES.glob("*.pt")}
    assert found == DIGESTS


@pytest.mark.requirement("REQ-F-SER-001", "REQ-F-SER-002", "REQ-F-SER-005")
@pytest.mark.parametrize("name", sorted(DIGESTS.keys() - REFUSED))
def test_every_age_is_read_under_its_digest(name):
    assert load_torch(FIXTURES / f"{name}.pt", sha256=DIGESTS[name])


@pytest.mark.requirement("REQ-S-SEC-001")
@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_holds_a_class_is_refused_in_every_age(name):
    with pytest.raises(UnsafeError, match="refused global"):
        load_torch(FIXTURES / f"{name}.pt")
