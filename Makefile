# `make` lists the targets. The environment is .venv; it is made when it is needed and again when a lock changes.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv pip --quiet
.DEFAULT_GOAL := help
.PHONY: help repro serve test lint types unit repro-check serve-check demo-loop nested mlflow locks clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-13s %s\n", $$1, $$2}'

.venv/.uv: requirements/uv.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

.venv/.train: requirements/train.txt requirements/serve.txt pyproject.toml .venv/.uv
	$(UV) install --compile-bytecode --require-hashes -r requirements/train.txt -r requirements/serve.txt
	$(UV) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.train
	$(UV) install --compile-bytecode --require-hashes -r requirements/dev.txt
	@touch $@

repro: .venv/.train  ## rebuild all that is out of date: data, reports, models, the production bundle
	@PATH="$(CURDIR)/$(BIN):$$PATH" dvc repro

serve: .venv/.train  ## serve the bundle at http://127.0.0.1:8000, with a key made for this run
	@test -e models/production/manifest.json || $(MAKE) --no-print-directory repro
	@$(BIN)/hearth serve --make-key

test: lint types unit  ## lint, check types, run the tests with coverage

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.dev
	$(BIN)/mypy

unit: .venv/.dev
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -n auto --cov --cov-report=term

repro-check: .venv/.dev  ## prove that the digest depends on nothing but inputs: threads, hash seed, folder, tracking (minutes)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python benchmarks/repro_check.py

serve-check: .venv/.train  ## the service's size, start, memory and tests with the serving requirements alone (minutes)
	bash deploy/serve_check.sh

demo-loop: .venv/.train  ## watch a champion be served, drift, be retrained, replaced and put back (minutes)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python benchmarks/demo_loop.py

nested: .venv/.train  ## score the whole search inside each outer fold (minutes)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m hearth.stages nested --params params.yaml --raw data/raw --out reports/nested.json

mlflow: .venv/.train  ## open the MLflow UI on the runs of this checkout
	$(BIN)/mlflow server --backend-store-uri sqlite:///mlflow.db --default-artifact-root mlruns --host 127.0.0.1 --port 5000 --workers 1

locks: .venv/.uv  ## compile requirements/*.txt from pyproject.toml
	bash requirements/compile.sh

clean:  ## remove the environment and the caches, not the data
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
