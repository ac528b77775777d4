#!/usr/bin/env bash
# Makes the virtual environment of a checkout: `scripts/setup.sh .venv`. PYTHON names the interpreter to start from.
set -euo pipefail

venv=$1
extras="all,dev"

fail() { echo "setup: $*" >&2; exit 1; }

new_enough() { command -v "$1" > /dev/null && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; }

find_python() {
  local candidate
  for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
    if new_enough "$candidate"; then echo "$candidate"; return; fi
  done
  fail "needs Python 3.11 or newer; '${PYTHON:-python3}' is missing or older (make PYTHON=/path/to/python3 ...)"
}

# A venv that was left half made, or made by a Python that is gone, is made again.
if ! new_enough "$venv/bin/python" || ! "$venv/bin/python" -m pip --version > /dev/null 2>&1; then
  python=$(find_python)
  rm -rf "$venv"
  "$python" -m venv "$venv" || fail "$python cannot make a virtual environment (on Debian: apt-get install python3-venv)"
fi

echo "setup: installing medtorch and its tools into $venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --constraint requirements/constraints.txt --editable ".[$extras]"

# pip hides what the build says, so ask the result.
"$venv/bin/python" - << 'PYTHON'
from medtorch.core.backends.cpu.probe import native_build

build = native_build()
if build is None:
    print("setup: native kernels not built (no C++17 compiler or no Python headers): medtorch runs on the reference backend")
else:
    print(f"setup: native kernels built by {build.compiler}; this machine runs {', '.join(build.instruction_sets)}")
PYTHON
