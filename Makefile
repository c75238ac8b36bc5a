# laketrain: `make demo` and `make test` set themselves up. Every target but cluster-demo works in a path with spaces.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test soak walk lint format bench docs reference lock clean cluster-up cluster-demo cluster-down cluster-test
# newest (what requirements/{cpu,gpu}.lock have) or oldest (requirements/compat.lock, in an environment of its own)
STACK ?=
VENV := $(if $(filter oldest,$(STACK)),.venv-oldest,.venv)
BIN := $(VENV)/bin
# The Pythons that it works with, newest first; another one by its path: make setup PYTHON=/path/to/python3.12
PYTHONS := $(if $(filter oldest,$(STACK)),python3.11,python3.13 python3.12 python3.11)
PYTHON ?=
# More arguments for a target's command: make test ARGS='-k lanes -x'
ARGS ?=
# Processes that run the tests in parallel; each has its own Spark session, of some 2 GB.
WORKERS ?= 2

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

# The newest suitable Python runs it. If there is none, another Python runs it, to list all that is missing.
setup: ## Set this checkout up in .venv (does nothing if that is done); the oldest versions: STACK=oldest
	@if [ -n "$(PYTHON)" ]; then exec "$(PYTHON)" -B tools/bootstrap.py $(STACK); fi; \
	for python in $(BIN)/python .venv/bin/python $(PYTHONS) python3; do \
	  if "$$python" -I -c 'import sys; sys.exit("python%d.%d" % sys.version_info[:2] not in sys.argv)' $(PYTHONS) \
	    2>/dev/null; then exec "$$python" -B tools/bootstrap.py $(STACK); fi; \
	done; \
	if python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then \
	  exec python3 -B tools/bootstrap.py $(STACK); fi; \
	echo 'laketrain needs Python 3.11, 3.12 or 3.13: apt-get install python3.11 python3.11-venv, then make setup' >&2; \
	exit 1

demo: setup ## Run all stages on real data: from a dirty landing zone to a trained model and a report
	@$(BIN)/laketrain sample mnist build/landing/mnist
	@$(BIN)/laketrain run conf/mnist.yaml $(ARGS)

test: setup ## Run the tests; on the oldest versions: STACK=oldest
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadscope --no-loadscope-reorder $(ARGS)

cluster-up: setup ## Start HDFS, YARN and Kafka on this machine, real daemons at free ports of the loopback address
	@PYTHONPATH=tools $(BIN)/python -m cluster up

cluster-demo: demo ## Run the demo on YARN and HDFS, in both deploy modes, and compare the results
	@PYTHONPATH=tools $(BIN)/python -m cluster demo

cluster-down: setup ## Stop them; their logs stay in build/cluster
	@PYTHONPATH=tools $(BIN)/python -m cluster down

cluster-test: setup ## Run the tests on HDFS and YARN, which they start and stop
	@$(BIN)/python -m pytest -m cluster $(ARGS)

soak: setup ## Run the long forms of tests: ten kills, a packed environment, ten days of faults, a million messages and others
	@$(BIN)/python -m pytest -m soak $(ARGS)

walk: setup ## Test every key of `train` and of the models, on every kind of feature and target
	@LAKETRAIN_WALK=1 $(BIN)/python -m pytest tests/train/test_keys.py tests/models/test_keys.py $(ARGS)

lint: setup ## Check style, types and the rooms' imports
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: setup ## Run the benchmarks and compare with their bars; only one: make bench NAME=convert
	@PYTHONPATH=tools $(BIN)/python -m benchmarks $(NAME)

docs: setup ## Build docs/ as a site in build/docs, with search that works offline
	@PYTHONPATH=tools $(BIN)/python tools/docs_site.py

reference: setup ## Write the generated pages of docs/reference from the code
	@$(BIN)/python tools/config_reference.py
	@PYTHONPATH=tools $(BIN)/python tools/train_keys.py
	@$(BIN)/python tools/type_reference.py
	@$(BIN)/python tools/cli_reference.py
	@$(BIN)/python tools/api_reference.py

lock: setup ## Write requirements/*.lock again; newest versions: ARGS=--upgrade
	@$(BIN)/python tools/lock.py $(ARGS)

clean: ## Remove the outputs of runs; .venv and the cached Horovod wheel stay
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis lib/*.egg-info
	find lib tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
