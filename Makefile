# kinolog: `make help` lists what can be done.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PROMPT ?= a red circle moving right on a blue background
OUT    ?= kinolog-demo.mp4
BASE_IMAGE := proto/kinolog.v1.image.binpb
# Tests run in several processes: mostly they wait. Files stay together, and so do the tests of one whole stack.
PROCESSES  ?= 5
LATE       ?= 0.1
PYTEST     := $(BIN)/python -m pytest --dist loadgroup --no-loadscope-reorder
# Hashes of all files of a release. Its header would name options of this machine.
COMPILE    := $(BIN)/uv pip compile --quiet --universal --python-version 3.13 -c constraints.txt --generate-hashes --no-header --no-annotate --no-emit-index-url
INSTALLED  := $(VENV)/.installed
export PATH := $(abspath $(BIN)):$(PATH)
# The web page is built where Node.js 20.19 or newer is. Without it the rest works, and / says how to get the page.
NODE_FITS := node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'
WEB_CHECK = $(shell $(NODE_FITS) 2>/dev/null && echo web-check)
WEB_FILES := services/gateway/kinolog_gateway/web_files/index.html
# A folder changes when a file in it is deleted or renamed.
WEB_SOURCES := $(shell find web -path web/node_modules -prune -o -type f ! -name rest_types.ts ! -name message_types.ts -print -o -type d -path 'web/*' -print)

# What loads from a registry is tried again: $(call again,COMMAND).
again = @for pause in 5 20 0; do $(1) && exit 0; [ $$pause = 0 ] || { echo "that failed: again in $$pause s"; sleep $$pause; }; done; exit 1

.DEFAULT_GOAL := help
.PHONY: drills help setup demo up test check fmt lint types walls buf gen verify unit bench docs pins sbom env image clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 12

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "kinolog needs Python 3.11 or newer; this is " + sys.version)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(call again,$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt 'torch==2.13.0')
	$(call again,$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]')
	touch $@

setup: $(INSTALLED) ## Make the virtual environment and install everything; build the web page where Node.js is
	@! $(NODE_FITS) 2>/dev/null || $(MAKE) --no-print-directory web-page || echo "The web page could not be built; the rest works. Try again: make web"

demo: $(INSTALLED) ## From a prompt to an MP4: make demo PROMPT="…" OUT=film.mp4
	$(BIN)/kinolog demo "$(PROMPT)" --output "$(OUT)"

web/node_modules/.package-lock.json: web/package-lock.json
	$(call again,(cd web && npm ci --no-audit --no-fund --loglevel=error))
	touch $@

# Documents, and so the types and the checks made from them, are as old as their last change.
build/web/documents: $(INSTALLED) tests/web_documents.py $(shell find services/gateway/kinolog_gateway src/kinolog -name '*.py')
	$(BIN)/python -m tests.web_documents build/web
	touch $@

build/web/rest.json build/web/live.json: build/web/documents ;

web/src/api/rest_types.ts: build/web/rest.json build/web/live.json web/node_modules/.package-lock.json
	cd web && npx --no-install openapi-typescript ../build/web/live.json -o src/live/message_types.ts >/dev/null
	cd web && npx --no-install openapi-typescript ../build/web/rest.json -o src/api/rest_types.ts >/dev/null

$(WEB_FILES): web/src/api/rest_types.ts $(WEB_SOURCES)
	cd web && npx --no-install vite build --logLevel warn

.PHONY: web-page web web-check
web-page: $(WEB_FILES)

web: ## Build the web page; it needs Node.js 20.19 or newer
	@$(NODE_FITS) || { echo "the web page needs Node.js 20.19 or newer: https://nodejs.org"; exit 1; }
	$(MAKE) --no-print-directory web-page

web-check: build/web/types-checked build/web/style-checked build/web/units-checked ## Check the types and the style of the web page, and run its unit tests, where something changed

build/web/types-checked: web/src/api/rest_types.ts $(WEB_SOURCES)
	cd web && npx --no-install tsc --noEmit --incremental --tsBuildInfoFile ../build/web/tsc.tsbuildinfo
	touch $@

build/web/style-checked: web/src/api/rest_types.ts $(WEB_SOURCES)
	cd web && npx --no-install eslint . --max-warnings 0
	touch $@

build/web/units-checked: web/src/api/rest_types.ts $(WEB_SOURCES)
	cd web && npx --no-install vitest run
	touch $@

up: setup ## Start everything on this machine and leave it running; Ctrl-C stops it
	$(BIN)/kinolog up

test: setup ## The suite
	$(PYTEST) -n $(PROCESSES) -m "not drill" $(ARGS)

.PHONY: test-late
test-late: setup ## Tests whose tasks, threads, programs and connections begin up to LATE=0.1 seconds later, and timers early or late
	$(PYTEST) -n $(PROCESSES) -m "not drill" --late-starts $(LATE) tests/contract tests/integration tests/chaos tests/e2e tests/snapshot tests/unit/tui $(ARGS)

drills: setup ## Minutes of kills, freezes, full disks, flipped bytes and interrupted backups, before a release
	$(PYTEST) -n 1 -m drill $(ARGS)

check: verify ## Everything before a push: format, lint, types, walls, contract, unit tests
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target unit types fmt lint walls buf $(WEB_CHECK)

fmt: $(INSTALLED) ## Check the format
	$(BIN)/ruff format --check .

lint: $(INSTALLED) ## Lint
	$(BIN)/ruff check .

types: $(INSTALLED) ## Check the types
	$(BIN)/mypy

walls: $(INSTALLED) ## Check who imports whom
	$(BIN)/lint-imports --no-cache

buf: $(INSTALLED) ## Lint, format and breaking changes of the wire contract
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code
	$(BIN)/buf breaking --against $(BASE_IMAGE)

gen: $(INSTALLED) ## Generate the code of the wire contract, and the fields of the client's job
	$(BIN)/python -m grpc_tools.protoc -Iproto --python_out=src --mypy_out=quiet:src proto/kinolog/v1/*.proto
	$(BIN)/python -m grpc_tools.protoc -Iproto --grpc_python_out=src --mypy_grpc_out=quiet:src proto/kinolog/v1/*_service.proto
	$(BIN)/python -m grpc_tools.protoc -Iproto --python_out=src --mypy_out=quiet:src proto/buf/validate/validate.proto
	$(BIN)/python -m tests.client_job

verify: gen ## Generated code is up to date
	git diff --exit-code --stat -- src/kinolog/v1 src/buf src/kinolog_client/models/job_fields.py

unit: $(INSTALLED) ## Unit and contract tests without servers
	$(BIN)/python -m pytest -n 5 --dist worksteal -q tests/unit -m "not slow"

docs: $(INSTALLED) ## Build the documentation as a site into build/site; `python -m http.server -d build/site` serves it
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

pins: $(INSTALLED) ## Write the hashes of what the images install, after a change of pyproject.toml or constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv==0.13.8'
	for extra in api gateway projector worker; do $(COMPILE) pyproject.toml --extra $$extra -o deploy/requirements/$$extra.txt || exit 1; done
	grep -oE 'hatchling==[0-9.]+' pyproject.toml | $(COMPILE) - -o deploy/requirements/build.txt

sbom: $(INSTALLED) ## Write what the images hold as software bills of materials (CycloneDX) into build/sbom
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt 'cyclonedx-bom==7.5.0'
	mkdir -p build/sbom
	for extra in api gateway projector worker; do $(BIN)/cyclonedx-py requirements deploy/requirements/$$extra.txt --pyproject pyproject.toml --mc-type application --output-reproducible -o build/sbom/$$extra.cdx.json || exit 1; done

env: ## Make what docker compose needs: passwords in .env, and the keys in deploy/
	$(PYTHON) deploy/make_env.py

image: $(INSTALLED) ## Record the wire contract that later changes must not break (at a release)
	$(BIN)/buf build -o $(BASE_IMAGE)

bench: $(INSTALLED) ## Measure against raw floors; prints a table and writes build/bench.json
	$(BIN)/python -m tests.bench

clean: ## Remove what was built; jobs and videos stay
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis $(INSTALLED)
