"""Optional packages stay behind their doors: not imported before they are needed, and named where they are missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from medtorch.data import dicom, nifti, pillow_door
from medtorch.errors import MissingDependencyError

pytestmark = pytest.mark.requirement("REQ-F-DAT-016")


def test_importing_the_room_imports_no_optional_package():
    program = (
        "import sys, medtorch.data, medtorch.metrics\n"
        "print(sorted({'PIL', 'pydicom', 'nibabel', 'yaml', 'scipy', 'sklearn'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True, text=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("door", "package", "module"),
    [
        (pillow_door.pillow, "pillow", "PIL"),
        (dicom.pydicom, "pydicom", "pydicom"),
        (nifti.nibabel, "nibabel", "nibabel"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(door, package, module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    door.cache_clear()
    with pytest.raises(
        MissingDependencyError, match=rf"^{package} is not installed: pip install 'medtorch\[imaging\]'$"
    ):
        door()
    door.cache_clear()
