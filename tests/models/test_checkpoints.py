"""Real checkpoints that others trained give the outputs that PyTorch gave for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import medtorch
from medtorch.models import get_model
from medtorch.serialize import load_torch

pytestmark = pytest.mark.requirement("REQ-F-MOD-003")

TOLERANCE = 1e-4  # float32 through up to 44 layers; PyTorch's own answers differ by 1e-5 between machines
HALF = 2e-3  # outputs that were recorded in float16: relative to a largest value of 1


def _weights(path: Path, key: str | None = None, prefix: str = "") -> dict:
    found = load_torch(path)
    state = found if key is None else found[key]
    return {name.removeprefix(prefix): value for name, value in state.items()}


def _run(model: medtorch.nn.Module, x: np.ndarray):
    model.eval()
    with medtorch.inference_mode():
        return model(medtorch.from_numpy(x))


@pytest.mark.parametrize(("name", "file"), [("resnet20", "resnet20-12fca82f.th"), ("resnet44", "resnet44-014dd654.th")])
def test_cifar_resnets(shared_data, name, file):
    folder = shared_data / "cifar_resnet"
    reference = np.load(folder / "reference.npz")
    model = get_model(f"cifar_{name}")
    model.load_state_dict(_weights(folder / file, "state_dict", "module."))
    logits = _run(model, reference["x"]).numpy()
    assert np.abs(logits - reference[f"{name}_logits"]).max() < TOLERANCE
    assert logits.argmax(1).tolist() == [3, 5], "cat, dog"


def test_chest_x_ray_lenet(shared_data):
    folder = shared_data / "cxr_pneumonia_lenet"
    reference = np.load(folder / "reference.npz")
    model = get_model("lenet", num_classes=3)
    model.load_state_dict(_weights(folder / "pneunomia_lenet.pt"))
    probabilities = _run(model, reference["x"]).softmax(1).numpy()
    assert np.abs(probabilities - reference["probabilities"]).max() < TOLERANCE


def test_retinal_vessel_wnet(shared_data):
    folder = shared_data / "retina_drive_wnet"
    reference = np.load(folder / "reference_wnet_drive.npz")
    model = get_model("wnet")
    model.load_state_dict(_weights(folder / "wnet_drive.pth", "model_state_dict"))
    probability = _run(model, reference["x"].astype(np.float32) / 255).sigmoid().numpy()
    assert np.abs(probability - reference["output"].astype(np.float32)).max() < HALF


@pytest.mark.parametrize(
    ("name", "file"), [("espnet_encoder", "encoder_espnet_p_2_q_8"), ("espnet", "decoder_espnet_p_2_q_3")]
)
def test_espnet_encoder_and_decoder(shared_data, name, file):
    folder = shared_data / "espnet_city"
    reference = np.load(folder / "reference.npz")
    model = get_model(name)
    model.load_state_dict(_weights(folder / f"{file}.pth"))
    logits, expected = _run(model, reference["x"]).numpy(), reference[file].astype(np.float32)
    assert np.abs(logits - expected).max() < HALF * np.abs(expected).max()


def test_proposal_network_with_two_outputs(shared_data):
    folder = shared_data / "small_formats"
    reference = np.load(folder / "reference.npz")
    model = get_model("pnet")
    model.load_state_dict(_weights(folder / "pnet.pt"))
    boxes, probabilities = _run(model, reference["pnet_x"])
    assert np.abs(boxes.numpy() - reference["pnet_boxes"]).max() < TOLERANCE
    assert np.abs(probabilities.numpy() - reference["pnet_probabilities"]).max() < TOLERANCE


def test_tiny_vgg(shared_data):
    folder = shared_data / "small_formats"
    reference = np.load(folder / "reference.npz")
    model = get_model("tinyvgg")
    model.load_state_dict(_weights(folder / "tinyvgg.pth"))
    assert np.abs(_run(model, reference["tinyvgg_x"]).numpy() - reference["tinyvgg_logits"]).max() < TOLERANCE


def _meshnet(shared_data: Path):
    folder = shared_data / "brain_meshnet3d"
    model = get_model("meshnet")
    model.load_state_dict(_weights(folder / "meshnet_15ch_3class.pth"))
    return model, np.load(folder / "reference.npz")


@pytest.mark.slow
def test_brain_meshnet_on_a_whole_crop(shared_data):
    model, reference = _meshnet(shared_data)
    low, high = reference["q01_q99"]
    x = (reference["crop"].astype(np.float32) - low) / (high - low)
    logits = _run(model, x[None, None]).numpy()[0]
    assert (
        np.abs(logits[:, 60:68, 60:68, 60:68] - reference["logits_centre"]).max() < 1e-3
    )  # logits of size 30, 128^3 voxels
    assert (logits.argmax(0) == reference["labels"]).mean() > 0.99999


def test_brain_meshnet_on_a_small_crop(shared_data):
    """Recorded: the same crop through PyTorch 2.13.0+cpu in float64, logits of three voxels."""
    model, reference = _meshnet(shared_data)
    low, high = reference["q01_q99"]
    x = (reference["crop"][56:72, 56:72, 56:72].astype(np.float32) - low) / (high - low)
    logits = _run(model, x[None, None]).numpy()[0]
    found = np.stack([logits[:, 8, 8, 8], logits[:, 0, 0, 0], logits[:, 15, 3, 9]])
    expected = [[71.42983, -36.86811, -44.76726], [54.22453, 33.85692, -64.96852], [-12.29117, -19.65352, 23.06318]]
    assert np.abs(found - expected).max() < TOLERANCE * 70, "logits of size 70"
