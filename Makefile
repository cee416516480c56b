# Everything a newcomer needs: `make run` and `make test` set themselves up. Only python3 (3.11+), make and git are required.
SHELL := /bin/sh
PYTHON ?= python3
UV := .uv/bin/uv
VENV := .venv
BIN := $(VENV)/bin
PIP := $(UV) pip install --quiet --python $(BIN)/python
PYTEST_ARGS ?=
FAULTS ?= full
STEPS ?= 100000
FUZZ ?= 60
SINCE ?= HEAD
SAMPLE ?= 0

.DEFAULT_GOAL := help
.PHONY: help setup run test test-faults test-failover test-model test-proxies test-integrators fuzz mutants lint types layers check bench lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.dev ## Create .venv with Clientry and every tool that the checks need

run: $(VENV)/.run ## Set up and run Clientry on http://127.0.0.1:8080 with its data in ./clientry-data
	@exec $(BIN)/clientry serve

test: check ## Set up and run all checks: ruff, pyright, import-linter, pytest
	$(BIN)/pytest -n 2 $(PYTEST_ARGS)

test-faults: $(VENV)/.dev ## Kill, starve and cut off servers and databases, for three quarters of an hour (FAULTS=short: six minutes)
	CLIENTRY_FAULTS=$(FAULTS) $(BIN)/pytest tests/faults $(PYTEST_ARGS)

test-model: $(VENV)/.dev ## Compare two nodes with a model in memory, 100,000 random steps on each engine (STEPS=...)
	CLIENTRY_MODEL_STEPS=$(STEPS) $(BIN)/pytest tests/model $(PYTEST_ARGS)

test-failover: $(VENV)/.failover ## Kill, freeze, cut off and switch over the leader of a Patroni cluster (needs etcd)
	$(BIN)/pytest -s tests/failover $(PYTEST_ARGS)

test-proxies: $(VENV)/.dev ## Send the odd requests of the corpus through a real nginx and HAProxy, and let Java and curl ask (needs them)
	$(BIN)/pytest tests/proxies $(PYTEST_ARGS)

test-integrators: $(VENV)/.dev ## Try linters, generators and the guide's examples that need Node.js or Go
	$(BIN)/pytest tests/integrators $(PYTEST_ARGS)

fuzz: $(VENV)/.fuzz ## Feed random bytes to the connection's state machine, guided by coverage (FUZZ=seconds)
	$(BIN)/python -m tests.fuzz.connection -max_total_time=$(FUZZ)

mutants: $(VENV)/.mutants ## Break what changed since a revision, bit by bit, and print what no test noticed (SINCE=HEAD~5 SAMPLE=30 SEED=1)
	$(BIN)/python tools/mutants.py --since $(SINCE) --sample $(SAMPLE) --tests "$(TESTS)" $(if $(SEED),--seed $(SEED)) $(MODULES)

check: lint types layers ## Set up and run the static checks only

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/pyright --warnings

layers: $(VENV)/.dev
	$(BIN)/lint-imports --no-cache

bench: $(VENV)/.dev ## Measure this machine (needs wrk; uses node for the peer when it is there)
	$(BIN)/python -m bench

lock: $(UV) ## Renew the pinned, hashed requirements
	$(UV) pip compile -q -U --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock" requirements/uv.in -o requirements/uv.txt
	$(UV) pip compile -q -U --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock" requirements/build.in -o requirements/build.txt
	$(UV) pip compile -q -U --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock" server/pyproject.toml -o requirements/server.txt
	$(UV) pip compile -q -U --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock" -c requirements/server.txt server/pyproject.toml requirements/dev.in -o requirements/dev.txt
	$(UV) pip compile -q -U --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock" -c requirements/dev.txt requirements/failover.in -o requirements/failover.txt
	$(UV) pip compile -q -U --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock" requirements/fuzz.in -o requirements/fuzz.txt
	$(UV) pip compile -q -U --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock" -c requirements/dev.txt requirements/mutants.in -o requirements/mutants.txt

clean: ## Remove what `setup` made (not your data)
	rm -rf $(VENV) .uv

$(UV): requirements/uv.txt tools/bring_uv.py
	@echo "Bringing uv ..."
	@$(PYTHON) -c 'import sys; sys.exit("Clientry needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) tools/bring_uv.py .uv requirements/uv.txt
	@touch $@

$(BIN)/python: | $(UV)
	@$(UV) venv --quiet --no-python-downloads --python $(PYTHON) $(VENV)

$(VENV)/.run: $(UV) requirements/build.txt requirements/server.txt server/pyproject.toml | $(BIN)/python
	@echo "Installing Clientry into $(VENV) ..."
	@$(PIP) --require-hashes -r requirements/build.txt -r requirements/server.txt
	@$(PIP) --no-deps --no-build-isolation -e server
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	@echo "Installing the tools for the checks into $(VENV) ..."
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/.failover: $(VENV)/.dev requirements/failover.txt
	@echo "Installing Patroni into $(VENV) ..."
	@$(PIP) --require-hashes -r requirements/failover.txt
	@touch $@

$(VENV)/.fuzz: $(VENV)/.dev requirements/fuzz.txt
	@echo "Installing Atheris into $(VENV) ..."
	@$(PIP) --require-hashes -r requirements/fuzz.txt
$(VENV)/.mutants: $(VENV)/.dev requirements/mutants.txt
	@echo "Installing cosmic-ray into $(VENV) ..."
	@$(PIP) --require-hashes -r requirements/mutants.txt
	@touch $@
