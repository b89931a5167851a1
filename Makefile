# Everything a person or CI does with this project. `make` alone prints the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
KINDS := flagosmodels flagoschips flagosreleases

.DEFAULT_GOAL := help
.PHONY: help
help: ## print the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

$(VENV)/.ready: requirements/dev.txt requirements/runtime.txt pyproject.toml
	$(PYTHON) -m venv $(VENV) || { apt-get install -y -q python3-venv && $(PYTHON) -m venv $(VENV); }
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: setup
setup: $(VENV)/.ready ## make .venv with everything pinned

.PHONY: check
check: setup ## format, lint, types, import contracts, generated files (about 20 s)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=operator $(BIN)/lint-imports
	for kind in $(KINDS); do $(BIN)/flagos-operator crd $$kind --check crds/$$kind.yaml || exit 1; done

# The test levels. Each runs alone; `test` runs all of them on a cluster of its own.
PYTEST := $(BIN)/pytest
# Two at once: of tests that have nothing in common.
BESIDE := --numprocesses=2 --dist=worksteal

.PHONY: test-pure
test-pure: setup ## decisions, goldens, chart rendering: no cluster (a minute or two)
	@command -v helm > /dev/null || $(PYTHON) -m testbed build
	$(PYTEST) $(BESIDE) tests/unit tests/golden tests/chart

.PHONY: test-loop
test-loop: setup ## the whole operator process against a fake API; fetch against a hub; two at once
	$(PYTEST) $(BESIDE) tests/loop tests/process tests/fetch tests/parsers

.PHONY: test-cluster
test-cluster: setup ## the real API server: schema, CEL, apply, RBAC; needs KUBECONFIG
	$(PYTEST) tests/cluster

.PHONY: test-faults
test-faults: setup ## 200 models while etcd, API server and operator fail; `make cluster` only (8 min)
	$(PYTEST) tests/faults

.PHONY: test-e2e
test-e2e: setup ## real node, containers and vLLM, through the chart, two at once; needs KUBECONFIG
	$(PYTEST) tests/e2e -m "not alone" --numprocesses=2 --dist=loadfile
	$(PYTEST) tests/e2e -m alone

# Two lanes beside each other, as the one waits much and the other computes. What a lane has said
# is printed when it ends.
.PHONY: test lane-of-processes lane-of-the-cluster
test: check ## everything, in two lanes; starts a cluster and takes it down again
	$(MAKE) --no-print-directory --jobs=2 --output-sync=recurse \
	  lane-of-processes lane-of-the-cluster \
	  || { echo "make test: something failed: look for *** above"; exit 1; }

lane-of-processes:
	@$(MAKE) test-pure
	@$(MAKE) test-loop

lane-of-the-cluster:
	@testbed/with-cluster $(SHELL) -c \
	  '$(MAKE) test-cluster && $(MAKE) test-faults && $(MAKE) test-e2e'

.PHONY: bench
bench: setup ## the figures: 1,000 models on a real API server (15 min); ARGS=--quick for less
	testbed/with-cluster $(BIN)/python -m tests.bench $(ARGS)

.PHONY: bench-weights
bench-weights: setup ## downloads beside those of the hubs' own clients (3 min, 7 GiB of disk)
	PYTHONPATH=operator:. $(BIN)/python -m tests.bench_weights $(ARGS)

.PHONY: bench-start
bench-start: setup ## how soon starts and crashes are told, by replayed logs on a real node (4 min)
	testbed/with-cluster $(BIN)/python -m tests.bench_start $(ARGS)

.PHONY: soak
soak: setup ## random faults under a storm of edits for 15 minutes; ARGS='--seconds 60 --seed 7'
	testbed/with-cluster $(BIN)/python -m tests.faults $(ARGS)

.PHONY: golden
golden: setup ## write the expected manifests of all examples anew; review the diff
	$(BIN)/python -m tests.golden.regenerate
	$(BIN)/python -m tests.unit.fromdocker.regenerate

.PHONY: generate
generate: setup ## write the CRDs, their copies and the reference documents anew
	for kind in $(KINDS); do $(BIN)/flagos-operator crd $$kind > crds/$$kind.yaml || exit 1; done
	cp crds/*.yaml charts/flagos-operator/files/
	$(BIN)/flagos-operator crd --docs > docs/api.md
	PYTHONPATH=operator:. $(BIN)/python -m tests.unit.status.document
	PYTHONPATH=operator:. $(BIN)/python -m tests.unit.catalog.document
	PYTHONPATH=operator:. $(BIN)/python -m tests.chart.chips_schema

.PHONY: images
images: ## the operator, a real vLLM and a model hub as images (first time about 5 minutes)
	@$(PYTHON) -m testbed images

.PHONY: demo
demo: images cluster ## serve a tiny model on a real cluster and ask it something
	@eval "$$($(MAKE) -s env)" && $(PYTHON) -m testbed.demo

.PHONY: cluster cluster-down env
cluster: ## a real Kubernetes on this machine (first time about 10 minutes, then seconds)
	@$(PYTHON) -m testbed up $(if $(KIND),--kind)

cluster-down: ## end that cluster and leave nothing running
	@$(PYTHON) -m testbed down $(if $(KIND),--kind)

env: ## which cluster it is, and what a shell needs to use it: eval $$(make -s env)
	@$(PYTHON) -m testbed env
