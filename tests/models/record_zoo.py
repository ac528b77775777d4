"""Record what the origins' models give: `python -m tests.models.record_zoo family ...`, with torch and the origin.

A family is the middle of the name of a test file, `test_FAMILY.py` here or in a folder (`medical.networks`). Keeps what
is recorded of other families. medtorch's own models are not looked at.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

from tests.models import zoo
from tests.oracles.detection import shares


def load_torchvision() -> Any:
    """torchvision; where its compiled operators do not load, two are written here and the others' schemas declared.

    nms and roi_align are their definitions: torchvision's own way without compiled operators is another one, where a
    box leaves the image. No model recorded here calls one of the others, but torchvision's own import asks for them.
    """
    torch = importlib.import_module("torch")
    try:
        return importlib.import_module("torchvision")
    except RuntimeError:
        for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
            del sys.modules[name]
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define(
        "roi_align(Tensor input, Tensor rois, float spatial_scale, int pooled_height, int pooled_width, "
        "int sampling_ratio, bool aligned) -> Tensor"
    )
    for name in ("qnms", "roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d"):
        library.define(name + "(Tensor a) -> Tensor")
    module = importlib.import_module("torchvision")
    pooling = sys.modules["torchvision.ops.roi_align"]
    library.impl("nms", _nms, "CompositeImplicitAutograd")
    library.impl("roi_align", _roi_align, "CompositeImplicitAutograd")
    pooling._has_ops = sys.modules["torchvision.extension"]._has_ops = lambda: True
    module.declared_operators = library  # lives as long as the module does
    return module


def _roi_align(x: Any, rois: Any, scale: float, rows: int, columns: int, ratio: int, aligned: bool) -> Any:
    torch = importlib.import_module("torch")
    out = [x[:0, :, :1, :1].expand(-1, -1, rows, columns)]  # of no box a gradient of zeros, as that of the operator
    for image, *corners in rois.detach().tolist():
        x1, y1, x2, y2 = (c * scale - (0.5 if aligned else 0.0) for c in corners)
        down, right = (
            torch.tensor(shares(*side, ratio, aligned), dtype=x.dtype)
            for side in ((y1, y2, rows, x.shape[2]), (x1, x2, columns, x.shape[3]))
        )
        out.append((down @ x[int(image)] @ right.T)[None])
    return torch.cat(out)


def _nms(boxes: Any, scores: Any, iou_threshold: float) -> Any:
    torch, ops = importlib.import_module("torch"), importlib.import_module("torchvision.ops")
    order = scores.sort(stable=True, descending=True)[1]
    overlaps = ops.box_iou(boxes, boxes)[order][:, order] > iou_threshold
    kept: list[int] = []
    for i in range(len(order)):
        if not kept or not overlaps[kept, i].any():
            kept.append(i)
    return order[torch.tensor(kept, dtype=torch.int64)]


def tests_of(family: str) -> Any:
    """The test file of a family."""
    *folders, name = family.split(".")
    return importlib.import_module(".".join(["tests", "models", *folders, f"test_{name}"]))


def record(family: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The keys of all models of a family that can be built by name alone, and the measured cases."""
    torch, torchvision = importlib.import_module("torch"), load_torchvision()
    tests = tests_of(family)
    models = {}
    _compute_widths_of_regnets(torch, torchvision)
    for name in getattr(tests, "NAMES", ()):
        with torch.device("meta"):
            state = zoo.torchvision_model(zoo.Case(name, ()), torchvision).state_dict()
        models[name] = {"family": family, "keys": zoo.keys(state), "size": zoo.size(state)}
    build = getattr(tests, "origin", lambda case: zoo.torchvision_model(case, torchvision))
    cases = {}
    for case in tests.CASES:
        model = build(case)
        kept = {"family": family, "keys": zoo.keys(model.state_dict())}
        state = model.double().state_dict()
        arrays = zoo.filled(state, case.gain)
        for key, entry in state.items():
            if key in arrays:
                entry.copy_(torch.from_numpy(arrays[key]))
        found = zoo.measure(case, model.train(case.train), torch.from_numpy(zoo.image(case)), torch.from_numpy)
        cases[case.id] = found if hasattr(tests, "NAMES") else {**kept, **found}
    return models, cases


def _compute_widths_of_regnets(torch: Any, torchvision: Any) -> None:
    """torchvision finds them with tensors: of these even a model without numbers needs the numbers."""
    params = torchvision.models.regnet.BlockParams
    found = params.from_init_params.__func__

    def on_cpu(cls: Any, *args: Any, **config: Any) -> Any:
        with torch.device("cpu"):
            return found(cls, *args, **config)

    params.from_init_params = classmethod(on_cpu)


def main(families: list[str]) -> None:
    """Record `families` and write them beside the others."""
    torch, torchvision = importlib.import_module("torch"), load_torchvision()
    kept = zoo.recorded() if zoo.RECORDED.exists() else {"models": {}, "cases": {}}
    kept["versions"] = kept.get("versions", {}) | {"torchvision": torchvision.__version__, "torch": torch.__version__}
    for family in families:
        models, cases = record(family)
        ours = {n for n, e in kept["models"].items() if e["family"] == family}
        kept["models"] = {n: e for n, e in kept["models"].items() if n not in ours} | models
        kept["cases"] = {
            c: e for c, e in kept["cases"].items() if c.split()[0] not in ours and e.get("family") != family
        } | cases
        kept["versions"] |= getattr(tests_of(family), "versions", dict)()
    zoo.RECORDED.write_text(json.dumps(kept, indent=0) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
