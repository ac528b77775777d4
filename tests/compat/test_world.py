"""Inside as_torch, torch is medtorch; outside nothing has changed."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

import medtorch
from medtorch.compat import as_torch
from medtorch.errors import ArgumentError, FileMissingError, UnsupportedNameError

pytestmark = pytest.mark.requirement("REQ-F-CPT-001", "REQ-F-CPT-002")

NET = """
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
    from torch import Tensor
    from .parts import double

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)

        def forward(self, x: Tensor) -> Tensor:
            return double(F.relu(self.conv(x)))

    def late():
        import torch.linalg as where
        from . import parts
        return torch, where, parts
    """
PARTS = """
    import torch

    def double(x):
        return torch.cat([x, x], dim=1)
    """


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "netpackage"
    folder.mkdir()
    return write(folder, __init__="from .net import Net", net=NET, parts=PARTS)


def torch_modules() -> dict[str, object]:
    return {name: m for name, m in sys.modules.items() if name == "torch" or name.startswith("torch.")}


def test_inside_torch_and_its_submodules_are_medtorchs():
    with as_torch() as torch:
        import torch.nn.functional as F  # noqa: PLC0415
        import torch.utils.data  # noqa: PLC0415
        from torch import nn  # noqa: PLC0415

        assert torch.Tensor is medtorch.Tensor
        assert nn.Conv2d is medtorch.nn.Conv2d
        assert F.relu is medtorch.nn.functional.relu
        assert torch.utils.data.DataLoader is medtorch.data.DataLoader


def test_outside_the_modules_are_those_of_before():
    before, paths, finders = dict(sys.modules), list(sys.path), list(sys.meta_path)
    with as_torch():
        import torch.nn.functional  # noqa: F401, PLC0415
    mine = {name: m for name, m in sys.modules.items() if not name.startswith("medtorch")}
    assert mine == {name: m for name, m in before.items() if not name.startswith("medtorch")}
    assert (sys.path, sys.meta_path) == (paths, finders)
    assert not hasattr(medtorch, "jit")


def test_an_error_inside_leaves_nothing_behind():
    before = torch_modules()
    with pytest.raises(ZeroDivisionError), as_torch() as torch:
        torch.jit.script(1 / 0)
    assert torch_modules() == before


def test_an_inner_as_torch_does_not_end_the_outer():
    with as_torch():
        with as_torch():
            pass
        assert sys.modules["torch"].Tensor is medtorch.Tensor
        import torch  # noqa: PLC0415

        assert torch.Tensor is medtorch.Tensor


def test_overlapping_threads_are_inside_until_the_last_has_left():
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with as_torch():
            inside.set()
            leave.wait(10)

    before = torch_modules()
    thread = threading.Thread(target=other)
    with as_torch():
        thread.start()
        inside.wait(10)
    assert "torch" in sys.modules
    assert sys.modules["torch"].Tensor is medtorch.Tensor
    leave.set()
    thread.join()
    assert torch_modules() == before


def test_a_package_on_the_disk_runs_unmodified(package):
    with as_torch(load=package) as module:
        assert module.Net()(medtorch.zeros(1, 1, 8, 8)).shape == (1, 4, 6, 6)
    assert "netpackage" not in sys.modules
    assert str(package.parent) not in sys.path


def test_a_file_of_a_package_is_loaded_with_its_package(package):
    with as_torch(load=str(package / "parts.py")) as module:
        assert module.__name__ == "netpackage.parts"
        assert module.double(medtorch.ones(1, 1)).tolist() == [[1.0, 1.0]]


def test_a_file_finds_its_neighbours(tmp_path):
    write(tmp_path, lone_model="import torch\nimport lone_layers\nvalue = lone_layers.two()")
    write(tmp_path, lone_layers="import torch\n\ndef two():\n    return torch.tensor(2)")
    with as_torch(load=tmp_path / "lone_model.py") as module:
        assert module.value.item() == 2
    assert "lone_layers" not in sys.modules


def test_files_of_one_name_from_two_folders_are_two_modules(tmp_path):
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        write(tmp_path / str(number), samename=f"import torch\nvalue = torch.tensor({number})")
        with as_torch(load=tmp_path / str(number) / "samename.py") as module:
            assert module.value.item() == number


def test_a_module_of_the_outside_keeps_its_name(tmp_path, monkeypatch):
    write(tmp_path, outsidename="value = 'outside'")
    (tmp_path / "inner").mkdir()
    write(tmp_path / "inner", outsidename="import torch\nvalue = 'inside'")
    monkeypatch.syspath_prepend(tmp_path)
    import outsidename  # noqa: PLC0415

    with as_torch(load=tmp_path / "inner" / "outsidename.py") as module:
        assert module.value == "inside"
    assert sys.modules["outsidename"] is outsidename
    del sys.modules["outsidename"]


def test_what_a_function_imports_after_the_end_is_still_from_inside(package):
    with as_torch(load=package) as module:
        net = module.net
    torch, linalg, parts = net.late()
    assert torch.Tensor is medtorch.Tensor
    assert linalg.norm is medtorch.linalg.norm
    assert parts.__name__ == "netpackage.parts"
    assert "netpackage" not in sys.modules


def test_the_second_entry_finds_the_modules_of_the_first(package):
    with as_torch(load=package) as first:
        pass
    with as_torch(load=package) as second:
        assert second is first


def test_a_module_that_does_not_ask_for_torch_stays(tmp_path, monkeypatch):
    write(tmp_path, plainmodule="value = 1")
    monkeypatch.syspath_prepend(tmp_path)
    with as_torch():
        import plainmodule  # noqa: PLC0415
    assert sys.modules.pop("plainmodule") is plainmodule


def test_a_name_that_is_not_there_is_named():
    with as_torch() as torch:
        with pytest.raises(UnsupportedNameError, match=r"^module 'torch' has no attribute 'frobnicate' in medtorch$"):
            torch.frobnicate  # noqa: B018
        assert not hasattr(torch.nn, "Frobnicate")
        with pytest.raises(ImportError, match="cannot import name 'frobnicate' from 'torch'"):
            from torch import frobnicate  # noqa: F401, PLC0415
        with pytest.raises(ModuleNotFoundError, match=r"No module named 'torch\.frobnicate'"):
            import torch.frobnicate  # noqa: PLC0415


@pytest.mark.parametrize("name", ["models", "errors", "load_bundle", "serve", "core"])
def test_what_only_medtorch_has_is_not_torchs(name):
    with as_torch() as torch:
        assert not hasattr(torch, name)
        with pytest.raises(ModuleNotFoundError):
            __import__(f"torch.{name}")


def test_a_path_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FileMissingError, match=r"^as_torch: .*nothing\.py: no such file or folder$"):
        as_torch(load=tmp_path / "nothing.py").__enter__()
    assert "torch" not in torch_modules() or sys.modules["torch"].__name__ == "torch"


def test_a_file_with_the_name_of_a_standard_module_is_refused(tmp_path):
    write(tmp_path, random="import torch")
    with (
        pytest.raises(ArgumentError, match="'random' is the name of another module"),
        as_torch(load=tmp_path / "random.py"),
    ):
        pass


def test_a_file_that_is_not_python_is_refused(tmp_path):
    (tmp_path / "weights.pt").write_bytes(b"")
    with (
        pytest.raises(ArgumentError, match="neither a Python file nor a folder"),
        as_torch(load=tmp_path / "weights.pt"),
    ):
        pass


def python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=cwd, env=env)


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return python("-m", "medtorch.compat", *arguments, cwd=cwd)


SCRIPT = """
    import sys
    import torch
    from helper import shape

    if __name__ == "__main__":
        print(shape(torch.zeros(2, 3)), sys.argv[1:], torch.__version__)
        sys.exit(7)
    """


def test_a_script_runs_with_its_arguments_neighbours_and_exit_code(tmp_path):
    write(tmp_path, script=SCRIPT, helper="import torch\n\ndef shape(x):\n    return list(x.shape)")
    done = run("script.py", "--epochs", "2", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (7, "[2, 3] ['--epochs', '2'] 2.13.0+medtorch\n"), done.stderr


def test_a_module_runs_by_its_name(tmp_path):
    write(tmp_path, script=SCRIPT, helper="import torch\n\ndef shape(x):\n    return list(x.shape)")
    done = run("-m", "script", "a", cwd=tmp_path)
    assert (done.returncode, done.stdout.split()[:3]) == (7, ["[2,", "3]", "['a']"]), done.stderr


@pytest.mark.parametrize(("arguments", "text"), [((), "usage: "), (("-x",), "usage: "), (("no.py",), "no.py: no such")])
def test_wrong_usage_is_told(arguments, text, tmp_path):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert text in done.stderr


BESIDE_TORCH = """
    import sys
    import types

    real = types.ModuleType("torch")          # stands for an installed PyTorch
    real.nn = types.ModuleType("torch.nn")
    sys.modules |= {"torch": real, "torch.nn": real.nn}
    sys.path.insert(0, sys.argv[1])
    import bound, bound.part, user, unbound

    from medtorch.compat import as_torch
    before = dict(sys.modules)
    with as_torch() as torch:
        import bound as inner, user as user_inside, unbound as same
        assert torch is not real and inner is not bound and user_inside is not user and same is unbound
        assert inner.which() is torch and user_inside.which() is torch
    assert sys.modules["torch"] is real and sys.modules["torch.nn"] is real.nn
    assert {n: m for n, m in sys.modules.items() if n in before} == before
    import bound as again
    assert again is bound and bound.which() is real and bound.part.torch is real and inner.which() is torch
    print("good")
    """


def test_modules_that_hold_an_installed_torch_are_set_aside_and_come_back(tmp_path):
    (tmp_path / "bound").mkdir()
    write(tmp_path / "bound", __init__="from .part import which", part="import torch\n\ndef which():\n    return torch")
    write(tmp_path, user="from bound import which", unbound="value = 1", script=BESIDE_TORCH)
    done = python(str(tmp_path / "script.py"), str(tmp_path), cwd=tmp_path)
    assert done.stdout == "good\n", done.stderr
