# PYTHON is the interpreter .venv is made with, 3.11 or newer: make run PYTHON=python3.12
PYTHON ?= python3
BIN := .venv/bin
# Of the tests many wait, so one more worker than cores is right for two. Each has a JVM and a server.
WORKERS ?= 3
PARALLEL := -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# Of our own modules, too, Python keeps what it compiled: hundreds of processes load them.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run demo panel panel-libraries check test test-all chaos bench bench-smoke compose-test lint format lock audit-dependencies clean venv dev prepared java chromium screenshots object-store python

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' Makefile

run: java venv ## install what is missing into .venv, ingest the example, show the features
	$(BIN)/city-features drop examples/novas_empresas.csv
	$(BIN)/city-features run
	$(BIN)/city-features show
	$(BIN)/city-features redis cli hgetall "São Paulo"
	@$(MAKE) --no-print-directory prepared

demo: java panel-libraries ## generate two years of openings in .demo/, ingest them, show rankings and growth (a minute or two)
	@$(BIN)/python -m examples.demo

panel: panel-libraries ## open the features in a browser: http://127.0.0.1:8600 (other data: LANDING_ZONE, REDIS_URL)
	$(BIN)/city-features panel $(ARGS)

check: lint ## lint, then the tests that need no Spark, Redis, Airflow or browser (a minute and a half)
	@# Without Java, a test that needs it and is not marked fails.
	JAVA_HOME=/nowhere $(BIN)/pytest -q -n auto --hypothesis-profile check \
	  -m "not (spark or redis or airflow or browser or slow or long)" $(ARGS)

test: java chromium lint prepared ## lint, then every test that guards a promise (some: make test ARGS="-k ledger")
	$(BIN)/pytest $(PARALLEL) --hypothesis-profile test -m "not long" $(ARGS)

test-all: java chromium lint prepared ## the same and the long rest: benchmarks, a cluster, processes killed at every moment
	$(BIN)/pytest $(PARALLEL) $(ARGS)

chaos: java dev prepared ## inject faults hundreds of times, compare to the cent (some: make chaos ARGS="--only kills")
	$(BIN)/python -m tests.chaos $(ARGS)

bench: java dev prepared ## time the service and others in turn (some: make bench ARGS="--only one-file")
	$(BIN)/python -m benchmarks $(ARGS)

bench-smoke: java dev prepared ## run small benchmarks, to see that measuring works (a minute or two; keeps nothing)
	$(BIN)/python -m benchmarks --smoke $(ARGS)

object-store: dev ## start an object store on loopback and print the settings to export for it (until Ctrl-C)
	@$(BIN)/python -m tests.object_store

screenshots: java chromium dev ## take the pictures of the panel in docs/images/ from the data of make demo
	$(BIN)/python -m examples.screenshots

compose-test: ## start everything in docker-compose.yml, use it, remove it (minutes; needs Docker and Compose v2)
	$(PYTHON) -m tests.compose

lint: dev ## check the locks, format, style, types, imports and the CI workflow
	$(BIN)/pip check
	$(BIN)/black --check --quiet --diff .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/actionlint .github/workflows/*.yml

format: dev ## fix format and style
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/black .

lock: dev ## write requirements*.txt from pyproject.toml (newest versions: make lock ARGS=--upgrade)
	scripts/lock.sh $(ARGS)

# Strict: a package that the database does not know would pass for a sound one.
audit-dependencies: dev ## look the locked packages up among the known vulnerabilities (needs the network)
	$(BIN)/pip-audit --strict --require-hashes --disable-pip --progress-spinner off \
	  $(patsubst %,--requirement %,$(wildcard requirements*.txt))

clean: ## remove .venv and caches; landed files, checkpoints and Redis data stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +

venv: python ## build .venv from requirements.txt, if that changed
	@$(PYTHON) scripts/venv.py requirements.txt

panel-libraries: venv
	@$(PYTHON) scripts/venv.py requirements-panel.txt

dev: python
	@$(PYTHON) scripts/venv.py requirements-dev.txt

prepared:
	@$(BIN)/python -m streaming.jobs.prepare

java:
	@scripts/java.sh

chromium:
	@scripts/chromium.sh

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed, $(PYTHON) is not: install one, then make PYTHON=python3.11 (or its path)" >&2; exit 1; }
