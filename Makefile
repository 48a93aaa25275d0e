# `make` lists the targets. The environment is .venv; it is made when it is needed and again when a lock changes.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv pip --quiet
IN := PATH="$(CURDIR)/$(BIN):$$PATH"
IMAGE ?= hearth
WORKERS ?= $(shell expr 1 + $$(getconf _NPROCESSORS_ONLN))  # of the tests: one more than processors, for some only wait
.DEFAULT_GOAL := help
.PHONY: help repro serve test lint types unit journeys repro-check serve-check demo-loop nested mlflow locks clean

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
	@$(BIN)/python -m hearth.release.mending
	@PATH="$(CURDIR)/$(BIN):$$PATH" dvc repro

reproduced: .venv/.train  ## rebuild, and prove that what comes out is what is committed
	bash .ci/repro

serve: .venv/.train  ## serve the bundle at http://127.0.0.1:8000, with a key made for this run
	@test -e models/production/manifest.json || $(MAKE) --no-print-directory repro
	@$(BIN)/hearth serve --make-key

test: lint types unit  ## lint, check types, run the tests with coverage

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/shellcheck .ci/* deploy/*.sh requirements/compile.sh
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions .github/actions/*/action.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/zizmor --offline --pedantic --no-progress --quiet .github

types: .venv/.dev
	$(BIN)/mypy

# Hundreds of processes, several at a time: what they compile is kept, and a thread that waits leaves its processor to others.
unit journeys api-tests nothing-lost: export PYTHONDONTWRITEBYTECODE :=
unit journeys api-tests nothing-lost: export OMP_WAIT_POLICY := passive

unit: .venv/.dev
	PATH="$(CURDIR)/$(BIN):$$PATH" HEARTH_TEST_EXAMPLES=0.25 $(BIN)/pytest -n $(WORKERS) --dist loadfile -m "not journey" --cov --cov-report=term

journeys: .venv/.dev  ## the tests that go whole ways: servers, builds and promotions, started, killed and seen to the end; all examples of laws (minutes)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -n $(WORKERS) -m "journey or hypothesis"

api-tests: .venv/.dev  ## the service's tests with Redis and PostgreSQL, none left out: what cannot run fails
	HEARTH_TEST_SERVICES=required $(BIN)/pytest -n auto tests/api

nothing-lost: .venv/.dev  ## fifty servers and fifty stores killed under load, on each database: what was answered is there (minutes)
	HEARTH_TEST_SERVICES=required HEARTH_TEST_ROUNDS=50 HEARTH_TEST_KILLS=50 $(BIN)/pytest -n 2 --dist load \
		tests/api/served/test_nothing_lost.py tests/api/store/test_kill.py

bench-short: .venv/.train bundle  ## a minute's measurement of the service beside a bare endpoint, in build/bench.md
	@mkdir -p build
	$(BIN)/python benchmarks/serving.py --quick > build/bench.md
	@cat build/bench.md

repro-check: .venv/.dev  ## prove that the digest depends on nothing but inputs: threads, hash seed, folder, tracking (minutes)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python benchmarks/repro_check.py

serve-check: .venv/.train  ## the service's size, start, memory and tests with the serving requirements alone (minutes)
	bash deploy/serve_check.sh

demo-loop: .venv/.train  ## watch a champion be served, drift, be retrained, replaced and put back (minutes)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python benchmarks/demo_loop.py

nested: .venv/.train  ## score the whole search inside each outer fold (minutes)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m hearth.stages nested --params params.yaml --raw data/raw --out reports/nested.json

mlflow: .venv/.train  ## open the MLflow UI on the runs of this checkout
	@echo "the three experiments side by side: http://127.0.0.1:5000/#/experiments/1/runs?workflowType=machine_learning&compareRunsMode=CHART"
	$(BIN)/mlflow server --backend-store-uri sqlite:///mlflow.db --default-artifact-root mlruns --host 127.0.0.1 --port 5000 --workers 1

.PHONY: reproduced api-tests nothing-lost bench-short bundle evaluate drift retrain image image-check image-push dist
bundle: .venv/.train  ## the bundle that dvc.lock names: from the DVC remote, else rebuilt
	@$(IN) bash deploy/bundle.sh

# In a workflow the exit codes of these three are outputs of the step: deploy/coded.sh.
evaluate: .venv/.train  ## are predictions as good as the bundle says, by the truths that came back?
	@mkdir -p var
	@$(IN) bash deploy/coded.sh "0 2 3" hearth evaluate --json var/evaluation.json --png var/evaluation.png

drift: .venv/.train  ## are the rows that come in like those that the model was trained on?
	@mkdir -p var
	@$(IN) bash deploy/coded.sh "0 2 3" hearth drift --json var/drift.json --png var/drift.png

retrain: .venv/.train  ## a candidate on fresh data, champion if it is better; ONLY_IF=drift,degradation looks first
	@$(IN) bash deploy/coded.sh "0 3 4" hearth retrain $${ONLY_IF:+--only-if "$$ONLY_IF"}

image: bundle  ## build the service's image with the bundle in it (needs docker)
	docker build --tag $(IMAGE) .

image-check:  ## start the image and wait until it answers (needs docker)
	bash deploy/image_check.sh $(IMAGE)

image-push:  ## push the image under the digest of its bundle, and under TAG (needs docker)
	@bash deploy/image_push.sh $(IMAGE) "$${GITHUB_REPOSITORY:?OWNER/NAME of the repository}" $${TAG:+"$$TAG"}

dist: bundle  ## the package and the bundle as files, in dist/
	@$(IN) bash deploy/dist.sh

# What only workflows ask for; docs/operations.md says what each needs.
.PHONY: store-named redis proposal version-check github-release issue
store-named:
	@bash deploy/store_named.sh

redis:
	@bash deploy/redis.sh

proposal: .venv/.train
	@$(IN) bash deploy/pull_request.sh "$${BASE:?branch to merge into}"

version-check: .venv/.train
	@test "v$$($(BIN)/hearth --version)" = "$${TAG:?tag of the release}" || { echo "the package has another version" >&2; exit 1; }

github-release:
	@gh release create "$${TAG:?tag of the release}" dist/* --verify-tag --title "$$TAG" --notes-file dist/model_card.md

issue:
	@bash deploy/issue.sh "$${TITLE:?title of the issue}"

locks: .venv/.uv  ## compile requirements/*.txt from pyproject.toml
	bash requirements/compile.sh

clean:  ## remove the environment and the caches, not the data
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
