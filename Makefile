# The planner. `make demo` shows it on a sample cluster; `make test` checks everything.
# The first of these that runs and is new enough.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c '$(NEW_ENOUGH)' 2>/dev/null && { echo $$p; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
OUT ?= out

.DEFAULT_GOAL := help
.PHONY: help demo test lint types imports unit format bench docs sample lock clean

help:
	@echo "make demo    install into $(VENV) and plan the sample cluster; patches go to $(OUT)/"
	@echo "make test    lint, types, import rules, every test"
	@echo "make bench   benchmarks (minutes; DATA=DIR adds those on traces); make docs, make sample: generated files"

$(VENV)/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "the planner needs Python 3.11 or newer; set PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[highs]' --group dev
	@touch $@

demo: $(VENV)/.installed
	@$(BIN)/planner recommend --sample --export $(OUT)

test: $(VENV)/.installed-dev
	@sh scripts/ensure-prometheus.sh
	@$(MAKE) --no-print-directory lint types imports unit

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

imports: $(VENV)/.installed-dev
	$(BIN)/lint-imports

unit: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m 'not nightly'

nightly: $(VENV)/.installed-dev
	$(BIN)/python -m pytest

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-dev
	@sh scripts/ensure-prometheus.sh
	$(BIN)/python benchmarks/collect.py
	$(BIN)/python benchmarks/recommend.py
ifneq ($(DATA),)
	$(BIN)/python benchmarks/right_sizing.py --data $(DATA)/usage --plots $(OUT)/plots
	$(BIN)/python benchmarks/autoscaling.py --data $(DATA)
	$(BIN)/python benchmarks/node_pools.py --pods $(DATA)/openb/openb_pod_list_default.csv \
		--prices $(DATA)/prices_gpu_cpu.csv --allocatable $(DATA)/aws_eks_allocatable.csv
endif

docs: $(VENV)/.installed-dev
	$(BIN)/python scripts/make_docs.py

sample: $(VENV)/.installed-dev
	$(BIN)/python scripts/make_sample.py

lock: $(VENV)/.installed-dev
	$(BIN)/pip freeze --exclude-editable | grep -v '^capacity-planner' > constraints.txt

clean:
	rm -rf $(VENV) $(OUT) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
