# Every target sets up what it needs: a virtual environment in .venv with medtorch and its tools. Needs Python 3.11 or newer, and make.
# PYTHON=python3.12 picks the interpreter; a C++17 compiler is used if there is one.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PYTEST_ARGS ?=
# Where nobody names keys, some are made that say of themselves that they demonstrate.
KEYS ?= out/demonstration-keys

# Sets the native kernels in stone only when their sources change; an edit of a .py file needs no new install.
BUILD_INPUTS := pyproject.toml CMakeLists.txt requirements/constraints.txt medtorch/_version.py scripts/setup.sh \
	$(wildcard medtorch/core/backends/cpu/native/* medtorch/core/backends/cpu/native/*/*)
READY := $(VENV)/.medtorch-ready

.PHONY: help setup demo test test-long lint format bench sanitize neon image report validate lock clean
help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 18

$(READY): $(BUILD_INPUTS)
	PYTHON="$(PYTHON)" scripts/setup.sh "$(VENV)"
	@touch $@

setup: $(READY) ## the virtual environment with everything in it

demo: $(READY) ## train, predict and validate on real images; results in out/demo
	$(VENV)/bin/medtorch demo --out out/demo

test: $(READY) ## the tests
	$(PY) -m pytest -m "not slow" $(PYTEST_ARGS)

test-long: $(READY) ## all tests, those that take long too
	$(PY) -m pytest $(PYTEST_ARGS)

lint: $(READY) ## ruff, mypy --strict, the arrows between the rooms, and whether trace, tests and records agree
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports
	$(PY) -m validation check

format: $(READY) ## let ruff put the code in shape
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

# The peers have an environment of their own: with PyTorch in it, other tests would run than without.
BENCH_VENV := .venv-bench
BENCH_READY := $(BENCH_VENV)/.medtorch-ready
$(BENCH_READY): $(BUILD_INPUTS) benchmarks/install.py
	PYTHON="$(PYTHON)" scripts/setup.sh "$(BENCH_VENV)"
	$(BENCH_VENV)/bin/python -m benchmarks.install
	@touch $@

bench: $(BENCH_READY) ## [QUICK=1] medtorch beside its peers: speed, memory, start; tables in out/bench
	$(BENCH_VENV)/bin/python -m benchmarks --out out/bench $(if $(QUICK),--quick) $(BENCH_ARGS)
	MEDTORCH_MEASURE=1 $(BENCH_VENV)/bin/python -m pytest -q tests/benchmarks/test_performance.py

sanitize: $(READY) ## the tests of the native kernels on builds that watch memory, undefined behaviour and threads
	$(PY) -m scripts.sanitize

neon: $(READY) ## the native kernels for 64-bit Arm, cross-compiled and emulated: the same bits as here
	$(PY) -m scripts.neon

image: $(READY) ## SERVICE=name [BUNDLE=path BASE_IMAGE=name]: build and validate the image of a service
	$(PY) -m scripts.image "$(SERVICE)" $(if $(BUNDLE),--bundle "$(BUNDLE)") $(if $(BASE_IMAGE),--base-image "$(BASE_IMAGE)") $(IMAGE_ARGS)

report: $(READY) ## SERVICE=name: a validation report of a service made in this checkout, in out/validation/name
	$(PY) -m validation run --service "$(SERVICE)" --out "out/validation/$(SERVICE)"

validate: $(READY) ## SERVICE=name [KEYS=folder OSV=zip OSV_RETRIEVED=date]: its image built, validated inside, signed, bound, verified, started, compared
	$(PY) -m scripts.image "$(SERVICE)" --keys "$(KEYS)" $(if $(OSV),--osv "$(OSV)" --osv-retrieved "$(OSV_RETRIEVED)") $(if $(BUNDLE),--bundle "$(BUNDLE)") $(if $(BASE_IMAGE),--base-image "$(BASE_IMAGE)") $(IMAGE_ARGS)

lock: $(READY) ## resolve again which versions are installed here and in the images
	$(PY) -m scripts.lock

clean: ## remove the virtual environment and everything that was built
	rm -rf $(VENV) $(BENCH_VENV) build dist out .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
