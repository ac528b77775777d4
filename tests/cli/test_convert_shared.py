"""`medtorch convert` on checkpoints of other people that are not passed on with the project."""

from __future__ import annotations

import json

import pytest

from tests.cli.commands import here

pytestmark = pytest.mark.requirement("REQ-F-MOD-003")


@pytest.mark.parametrize(
    ("file", "arguments"),
    [
        ("cifar_resnet/resnet20-12fca82f.th", ["--arch", "cifar_resnet20", "--key", "state_dict", "--strip-prefix",
         "module."]),
        ("retina_drive_wnet/wnet_drive.pth", ["--arch", "wnet", "--key", "model_state_dict"]),
        ("small_formats/pnet.pt", ["--arch", "pnet"]),
        ("small_formats/tinyvgg.pth", ["--arch", "tinyvgg"]),
        ("brain_meshnet3d/meshnet_15ch_3class.pth", ["--arch", "meshnet", "--input-shape", "1,20,20,20"]),
    ],
)  # fmt: skip
def test_other_people_s_checkpoints_become_bundles_without_a_description(
    shared_data, tmp_path, capsys, file, arguments
):
    code, out, err = here(capsys, "convert", shared_data / file, *arguments, "--out", tmp_path / "b")
    assert code == 0, err
    digest = json.loads(out)["sha256"]
    assert here(capsys, "bundle", "verify", tmp_path / "b", "--sha256", digest)[0] == 0
