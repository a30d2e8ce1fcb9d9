# kinolog: `make help` lists what can be done.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PROMPT ?= a red circle moving right on a blue background
OUT    ?= kinolog-demo.mp4
BASE_IMAGE := proto/kinolog.v1.image.binpb
# Tests run in several processes: mostly they wait. Files stay together, and so do the tests of one whole stack.
PROCESSES  ?= 4
PYTEST     := $(BIN)/python -m pytest --dist loadgroup --no-loadscope-reorder
export PATH := $(abspath $(BIN)):$(PATH)

.DEFAULT_GOAL := help
.PHONY: drills help setup demo up test check fmt lint types walls buf gen verify unit bench image clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 12

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "kinolog needs Python 3.11 or newer; this is " + sys.version)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt 'torch==2.13.0'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

setup: $(VENV)/.installed ## Make the virtual environment and install everything

demo: setup ## From a prompt to an MP4: make demo PROMPT="…" OUT=film.mp4
	$(BIN)/kinolog demo "$(PROMPT)" --output "$(OUT)"

up: setup ## Start everything on this machine and leave it running; Ctrl-C stops it
	$(BIN)/kinolog up

test: setup ## The suite
	$(PYTEST) -n $(PROCESSES) -m "not drill" $(ARGS)

drills: setup ## Minutes of kills, freezes, full disks, flipped bytes and interrupted backups, before a release
	$(PYTEST) -n 1 -m drill $(ARGS)

check: verify ## Everything before a push: format, lint, types, walls, contract, unit tests
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target unit types fmt lint walls buf

fmt: setup ## Check the format
	$(BIN)/ruff format --check .

lint: setup ## Lint
	$(BIN)/ruff check .

types: setup ## Check the types
	$(BIN)/mypy

walls: setup ## Check who imports whom
	$(BIN)/lint-imports --no-cache

buf: setup ## Lint, format and breaking changes of the wire contract
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code
	$(BIN)/buf breaking --against $(BASE_IMAGE)

gen: setup ## Generate the code of the wire contract, and the fields of the client's job
	$(BIN)/python -m grpc_tools.protoc -Iproto --python_out=src --mypy_out=quiet:src proto/kinolog/v1/*.proto
	$(BIN)/python -m grpc_tools.protoc -Iproto --grpc_python_out=src --mypy_grpc_out=quiet:src proto/kinolog/v1/*_service.proto
	$(BIN)/python -m grpc_tools.protoc -Iproto --python_out=src --mypy_out=quiet:src proto/buf/validate/validate.proto
	$(BIN)/python -m tests.client_job

verify: gen ## Generated code is up to date
	git diff --exit-code --stat -- src/kinolog/v1 src/buf src/kinolog_client/models/job_fields.py

unit: setup ## Unit and contract tests without servers
	$(BIN)/python -m pytest -n 3 --dist worksteal -q tests/unit -m "not slow"

image: setup ## Record the wire contract that later changes must not break (at a release)
	$(BIN)/buf build -o $(BASE_IMAGE)

bench: setup ## Measure against raw floors; prints a table and writes build/bench.json
	$(BIN)/python -m tests.bench

clean: ## Remove what was built; jobs and videos stay
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis $(VENV)/.installed
