"""Losses of segmentation: their formulas in slow loops, MONAI's numbers, and what is said of absent classes."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.errors import ArgumentError, ShapeError
from tests.nn.modules.segmentation_cases import BINARY, CASES, CLASSES, ONE_HOT, SCORES, id_of, inputs_of, run
from tests.nn.modules.test_layers import differences

pytestmark = pytest.mark.requirement("REQ-F-NN-008")

RECORDED = json.loads(Path(__file__).with_name("recorded_segmentation.json").read_text())
COMMON = [case for case in CASES if case[3]]


@pytest.mark.parametrize("case", COMMON, ids=id_of)
def test_a_loss_gives_what_was_recorded_from_monai(case):
    # float32 through exp and log on both sides
    assert differences(run(medtorch, nn, case), RECORDED["cases"][id_of(case)], 3e-5) == []


def activated(scores, options):
    if options.get("softmax"):
        e = np.exp(scores - scores.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)
    return 1 / (1 + np.exp(-scores))


def overlap(name, p, t, options):
    """1 - Dice or Tversky of one class, one voxel after the other."""
    nr, dr = options.get("smooth_nr", 1e-5), options.get("smooth_dr", 1e-5)
    both = sizes = fp = fn = 0.0
    for a, b in zip(p.ravel(), t.ravel(), strict=True):
        both += a * b
        sizes += a * a + b * b if options.get("squared_pred") else a + b
        fp += a * (1 - b)
        fn += (1 - a) * b
    if name == "TverskyLoss":
        return 1 - (both + nr) / (both + options.get("alpha", 0.5) * fp + options.get("beta", 0.5) * fn + dr)
    if options.get("jaccard"):
        return 1 - (both + nr / 2) / (sizes - both + dr / 2)
    return 1 - (2 * both + nr) / (sizes + dr)


def overlaps(name, options, kind):
    """The loss of each sample (or of the batch) and class, weighted; and whether the class is there."""
    scores, truth = inputs_of(kind)
    truth = ONE_HOT if kind == "classes" else truth
    p = activated(scores, options)
    first = 0 if options.get("include_background", True) else 1
    samples = [slice(None)] if options.get("batch") else [slice(n, n + 1) for n in range(len(p))]
    losses = [[overlap(name, p[n, c], truth[n, c], options) for c in range(first, p.shape[1])] for n in samples]
    there = [[truth[n, c].sum() > 0 for c in range(first, p.shape[1])] for n in samples]
    return np.array(losses) * np.array(options.get("weight", 1.0)), np.array(there)


def value(name, options, kind):
    scores, truth = inputs_of(kind)
    return getattr(nn, name)(**options)(medtorch.tensor(scores), medtorch.tensor(truth))


@pytest.mark.parametrize("case", [c for c in CASES if c[0] in ("DiceLoss", "TverskyLoss")], ids=id_of)
def test_overlap_losses_follow_their_formula(case):
    name, options, kind, _ = case
    losses, _ = overlaps(name, options, kind)
    expected = losses.sum() if options.get("reduction") == "sum" else losses.mean()
    assert value(name, options, kind).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["DiceLoss", "TverskyLoss"])
@pytest.mark.parametrize("batch", [False, True])
def test_without_reduction_there_is_one_number_a_sample_and_class(name, batch):
    options = {"softmax": True, "reduction": "none", "batch": batch}
    losses, _ = overlaps(name, options, "one-hot")
    found = value(name, options, "one-hot")
    np.testing.assert_allclose(found.numpy(), losses[0] if batch else losses, rtol=1e-12)


@pytest.mark.parametrize("name", ["DiceLoss", "TverskyLoss"])
def test_excluded_absent_classes_are_left_out_of_mean_and_sum(name):
    options = {"softmax": True, "absent": "exclude"}
    losses, there = overlaps(name, options, "one-hot")
    assert (~there).sum() == 1  # class 2 in the second sample
    assert value(name, options, "one-hot").item() == pytest.approx(losses[there].mean(), rel=1e-12)
    summed = value(name, {**options, "reduction": "sum"}, "one-hot").item()
    assert summed == pytest.approx(losses[there].sum(), rel=1e-12)
    over_batch = {**options, "batch": True}
    losses, there = overlaps(name, over_batch, "one-hot")
    assert there.all()  # over the batch it is there
    assert value(name, over_batch, "one-hot").item() == pytest.approx(losses.mean(), rel=1e-12)


@pytest.mark.parametrize("name", ["DiceLoss", "TverskyLoss"])
def test_an_included_absent_class_counts_0_if_nothing_is_predicted_and_1_if_anything_is(name):
    nothing, empty = medtorch.zeros(1, 1, 4, 4), medtorch.zeros(1, 1, 4, 4)
    assert getattr(nn, name)()(nothing, empty).item() == pytest.approx(0.0, abs=1e-6)
    assert getattr(nn, name)()(nothing + 1.0, empty).item() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("name", ["DiceLoss", "TverskyLoss"])
def test_where_all_classes_are_absent_and_excluded_the_loss_and_its_gradient_are_0(name):
    scores = medtorch.tensor(SCORES[:, :1]).requires_grad_()
    loss = getattr(nn, name)(sigmoid=True, absent="exclude")(scores, medtorch.zeros(2, 1, 4, 5))
    loss.backward()
    assert loss.item() == 0.0
    assert np.abs(scores.grad.numpy()).max() == 0.0


def test_a_perfect_mask_has_loss_0_and_a_disjoint_one_1():
    truth = medtorch.tensor(ONE_HOT[:1])
    assert nn.DiceLoss()(truth, truth).item() == pytest.approx(0.0, abs=1e-6)
    assert nn.DiceLoss()(1 - truth, truth).item() == pytest.approx(1.0, abs=1e-5)


def focal(scores, truth, options):
    """Focal terms one voxel after the other; (N, C, ...)."""
    gamma, alpha = options.get("gamma", 2.0), options.get("alpha")
    p = activated(scores, {"softmax": options.get("use_softmax")})
    out = np.zeros_like(scores)
    for place, t in np.ndenumerate(truth):
        q = p[place] if t == 1 else 1 - p[place]
        if options.get("use_softmax"):
            out[place] = -((1 - p[place]) ** gamma) * math.log(p[place]) * t
        else:
            weight = 1.0 if alpha is None else alpha if t == 1 else 1 - alpha
            out[place] = -weight * (1 - q) ** gamma * math.log(q)
    out = out[:, 0 if options.get("include_background", True) else 1 :]
    return out * np.reshape(options.get("weight", [1.0] * out.shape[1]), (1, -1, 1, 1))


@pytest.mark.parametrize("case", [c for c in CASES if c[0] == "FocalLoss"], ids=id_of)
def test_focal_loss_follows_its_formula(case):
    name, options, kind, _ = case
    scores, truth = inputs_of(kind)
    terms = focal(scores, ONE_HOT if kind == "classes" else truth, options)
    found = value(name, options, kind).detach().numpy()
    expected = {"mean": terms.mean(), "sum": terms.sum(), "none": terms}[options.get("reduction", "mean")]
    np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_focal_loss_with_gamma_0_is_cross_entropy():
    scores, truth = medtorch.tensor(SCORES), medtorch.tensor(ONE_HOT)
    assert nn.FocalLoss(gamma=0.0)(scores, truth).item() == pytest.approx(
        nn.BCEWithLogitsLoss()(scores, truth).item(), rel=1e-12
    )


def test_focal_loss_of_a_sure_prediction_is_finite_both_ways():
    scores = medtorch.tensor([[[200.0, -200.0]]], dtype=medtorch.float64).requires_grad_()
    loss = nn.FocalLoss(reduction="sum")(scores, medtorch.tensor([[[1.0, 1.0]]], dtype=medtorch.float64))
    loss.backward()
    assert loss.item() == pytest.approx(200.0)  # (1 - q)^2 is 1 where q is e^-200
    np.testing.assert_allclose(scores.grad.numpy(), [[[0.0, -1.0]]], atol=1e-12)


def test_dice_and_cross_entropy_are_added_with_their_weights():
    scores, classes = medtorch.tensor(SCORES), medtorch.tensor(CLASSES)
    both = nn.DiceCELoss(to_onehot_y=True, softmax=True, lambda_dice=0.25, lambda_ce=3.0)(scores, classes).item()
    dice = nn.DiceLoss(to_onehot_y=True, softmax=True)(scores, classes).item()
    entropy = nn.CrossEntropyLoss()(scores, medtorch.tensor(CLASSES[:, 0].astype(np.int64))).item()
    assert both == pytest.approx(0.25 * dice + 3.0 * entropy, rel=1e-12)


@pytest.mark.parametrize("case", [c for c in CASES if "batch" not in c[1]], ids=id_of)
def test_gradients_follow_a_small_step(case):
    name, options, kind, _ = case
    scores, truth = inputs_of(kind)
    loss = getattr(nn, name)(**options)
    x = medtorch.tensor(scores).requires_grad_()
    loss(x, medtorch.tensor(truth)).sum().backward()
    direction, step = np.cos(np.arange(scores.size)).reshape(scores.shape), 1e-5
    ahead, behind = (
        loss(medtorch.tensor(scores + s * direction), medtorch.tensor(truth)).sum().item() for s in (step, -step)
    )
    assert (x.grad.numpy() * direction).sum() == pytest.approx((ahead - behind) / (2 * step), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: nn.DiceLoss(sigmoid=True, softmax=True), "DiceLoss: sigmoid and softmax exclude each other"),
        (lambda: nn.DiceLoss(absent="skip"), "DiceLoss: absent must be 'include' or 'exclude', got 'skip'"),
        (
            lambda: nn.TverskyLoss(absent="exclude", reduction="none"),
            "absent='exclude' needs a reduction of mean or sum",
        ),
        (lambda: nn.FocalLoss(alpha=0.5, use_softmax=True), "alpha has no meaning with use_softmax"),
        (lambda: nn.DiceCELoss(), "choose sigmoid or softmax"),
        (lambda: nn.DiceCELoss(softmax=True, reduction="none"), "reduction must be mean or sum"),
        (lambda: nn.DiceCELoss(softmax=True, lambda_ce=-1.0), "must not be negative, got 1.0, -1.0"),
        (lambda: nn.DiceLoss(reduction="average"), "average is not a valid value for reduction"),
    ],
)
def test_contradicting_options_are_refused_by_name(make, text):
    with pytest.raises(ArgumentError, match=text):
        make()


@pytest.mark.parametrize(
    ("loss", "kind", "error", "text"),
    [
        (
            nn.DiceLoss(include_background=False),
            "binary",
            ArgumentError,
            "include_background=False needs more than one",
        ),
        (
            nn.FocalLoss(include_background=False),
            "binary",
            ArgumentError,
            "include_background=False needs more than one",
        ),
        (nn.DiceLoss(to_onehot_y=True), "binary", ArgumentError, "to_onehot_y needs more than one channel"),
        (nn.DiceLoss(to_onehot_y=True), "one-hot", ShapeError, r"expects class numbers \(N, 1, \*spatial\)"),
        (nn.DiceLoss(), "classes", ShapeError, "DiceLoss: input .* and target .* differ in shape"),
        (nn.FocalLoss(), "classes", ShapeError, "FocalLoss: input .* and target .* differ in shape"),
        (nn.DiceLoss(weight=[1.0]), "one-hot", ArgumentError, "DiceLoss: 1 weights for 3 classes"),
        (nn.FocalLoss(weight=[1.0]), "one-hot", ArgumentError, "FocalLoss: 1 weights for 3 classes"),
        (
            nn.DiceCELoss(sigmoid=True, label_smoothing=0.1),
            "binary",
            ArgumentError,
            "label_smoothing needs more than one",
        ),
    ],
)
def test_inputs_that_do_not_fit_are_refused_by_name(loss, kind, error, text):
    scores, truth = inputs_of(kind)
    with pytest.raises(error, match=text):
        loss(medtorch.tensor(scores), medtorch.tensor(truth))


def test_one_channel_is_enough_for_a_binary_mask():
    assert nn.DiceLoss(sigmoid=True)(medtorch.tensor(SCORES[:, :1]), medtorch.tensor(BINARY)).shape == ()
