# One command each; everything lives in .venv, nothing outside this folder is changed.
#   make demo    a first synthetic table from an embedded real one (ARGS="--table actg175")
#   make test    the whole suite: lint, types, tests (PYTEST_ARGS="-k ledger")
#   make figures docs/figures.md and docs/discovery.md: Adult, 3 seeds, some 20 CPU minutes
#   make fairness  what the promises of fairness hold on real rows: adds to
#                benchmarks/fairness/rows.jsonl, in hours; resumes (DATA=folder of tables)
#   make fairness-page  docs/fairness-figures.md from the rows that are kept
#   make who-pays  docs/who-pays.md: error of each group against epsilon; resumes
#   make timed   times of parts by pytest-benchmark; ARGS="--benchmark-compare"
#   make speed   docs/speed.md: what a fit, a sample and a step cost
#   make step    docs/dp-step.md: a DP step beside Opacus (OPACUS=a python that has it)
#   make sampling  the measured parts of docs/sampling.md and docs/constraints.md
#   make scale   the measured part of docs/scale.md: cost against rows
#   make tall    whole fits of tall tables, into docs/scale.md (DATA=folder)
#   make frontier  docs/frontier.md: the trade-offs of Adult and COMPAS (DATA=folder)
#   make audit   attack every mechanism and whole fits; write docs/audit.md
#   make bench   a small grid of the benchmark, under 20 minutes (DATA=folder of tables)
#   make bench-full  every table, method, budget and seed, in days; resumes
#   make pages   docs/benchmarks.md and docs/reproduction.md from the results that are kept
#   make package build wheel and sdist, install each elsewhere, use it (ARGS="--python P")
#   make export-tools  the environment that the tests of exports validate them with
#   make site    this documentation as pages, in build/site; a broken link fails
#   make cli-page  docs/reference/cli.md, from the program itself
#   make studio-pictures  docs/studio/*.png: the studio on Adult, in Chromium
#   make site-tools  the environment that builds the site
#   make lint    ruff and pyright only
#   make lock    resolve the locked versions again (UPGRADE=--upgrade for the newest)
#   make clean   remove .venv and the caches
# PYTHON names the interpreter (3.11 or newer); it is read when .venv is made.

PYTHON ?= python3
ARGS ?=
PYTEST_ARGS ?=
UPGRADE ?=
DATA ?= $(or $(FAIRVEIL_BENCH_DATA),data)
WORK ?= .bench

VENV := .venv
BIN := $(VENV)/bin
RESULTS := benchmarks/results
BENCH := $(BIN)/fairveil bench
PIP := $(BIN)/python -m pip install --quiet --no-deps
LOCKS := requirements.lock requirements-test.lock
UV := $(VENV)/lock-tool/bin/uv
COMPILE := $(UV) pip compile pyproject.toml --universal --python-version 3.11 \
	--fork-strategy fewest --no-annotate --custom-compile-command "make lock" \
	--quiet $(UPGRADE) --extra eval

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.PHONY: help demo test figures fairness fairness-page who-pays speed step timed sampling scale tall frontier audit bench bench-full pages package export-tools site cli-page studio-pictures site-tools lint lock clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^#   //p' Makefile

demo: $(VENV)/.run
	$(BIN)/fairveil demo $(ARGS)

test: lint export-tools site-tools
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

figures: $(VENV)/.run
	$(BIN)/python benchmarks/step.py
	$(BIN)/python benchmarks/adult.py --page docs/figures.md $(ARGS)
	$(BIN)/python benchmarks/discovery.py --page docs/discovery.md

fairness: $(VENV)/.run
	$(BIN)/python benchmarks/fairness.py --data $(DATA) --peers $(WORK) $(ARGS)
	$(MAKE) fairness-page

fairness-page: $(VENV)/.run
	$(BIN)/python benchmarks/fairness_page.py

who-pays: $(VENV)/.test
	$(BIN)/python benchmarks/who_pays.py $(ARGS)

speed: $(VENV)/.run
	$(BIN)/python benchmarks/speed.py

step: $(VENV)/.run
	$(BIN)/python benchmarks/step.py --opacus $(OPACUS) --page docs/dp-step.md

# The plugin is off for the suite (pyproject.toml), hence the empty addopts.
timed: $(VENV)/.test
	$(BIN)/python -m pytest -o addopts= benchmarks/timed.py $(ARGS)

sampling: $(VENV)/.run
	$(BIN)/python benchmarks/sampling.py

scale: $(VENV)/.run
	$(BIN)/python benchmarks/scale.py --page docs/scale.md

tall: $(VENV)/.test
	$(BIN)/python benchmarks/tall.py --data $(DATA) $(ARGS)

frontier: $(VENV)/.test
	$(BIN)/python benchmarks/frontier.py --data $(DATA) $(ARGS)

audit: $(VENV)/.run
	$(BIN)/fairveil audit --page docs/audit.md $(ARGS)

# A peer runs only where its environment is installed; else its cached row is shown.
bench: $(VENV)/.run
	$(BENCH) run --grid small --data $(DATA) --work $(WORK) $(ARGS)
	$(BENCH) table --grid small $(WORK)/results.jsonl $(wildcard $(RESULTS)/*.jsonl)

bench-full: $(VENV)/.test
	$(BENCH) envs --work $(WORK)
	$(BENCH) run --grid full --methods ours,variants,ablations --data $(DATA) --work $(WORK) \
		--results $(RESULTS)/fairveil.jsonl $(ARGS)
	$(BENCH) run --grid full --methods peers --data $(DATA) --work $(WORK) \
		--results $(RESULTS)/peers.jsonl $(ARGS)
	$(MAKE) pages

pages: $(VENV)/.test
	$(BENCH) page $(RESULTS)/fairveil.jsonl $(RESULTS)/peers.jsonl
	$(BIN)/python -m fairveil.bench.reproduction $(RESULTS)/fairveil.jsonl \
		-o docs/reproduction.md

package:
	$(PYTHON) tools/package.py $(ARGS)

export-tools: $(VENV)/export-tools/.made

$(VENV)/export-tools/.made: tests/publish/export-tools.txt | $(VENV)/.made
	$(PYTHON) -m venv $(VENV)/export-tools
	$(VENV)/export-tools/bin/python -m pip install --quiet -r $<
	@touch $@

# No page asks another host for anything; what it is made with is pinned.
site: site-tools cli-page
	NO_MKDOCS_2_WARNING=1 $(VENV)/site-tools/bin/python -m mkdocs build --strict

cli-page: $(VENV)/.run
	$(BIN)/python tools/cli_reference.py

studio-pictures: $(VENV)/.test
	$(BIN)/python tools/studio_pictures.py

site-tools: $(VENV)/site-tools/.made

$(VENV)/site-tools/.made: tools/site-tools.txt | $(VENV)/.made
	$(PYTHON) -m venv $(VENV)/site-tools
	$(VENV)/site-tools/bin/python -m pip install --quiet -r $<
	@touch $@

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

# The stamps are written last, so that a broken installation is tried again.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$(PYTHON) is missing or older than 3.11; try PYTHON=python3.12" >&2; \
		exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

# The locks are complete, hence --no-deps: pip installs them as they stand.
$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/.made
	$(PIP) -r requirements.lock
	$(PIP) --editable .
	@$(BIN)/python -m pip check
	@touch $@

$(VENV)/.test: requirements-test.lock $(VENV)/.run
	$(PIP) -r requirements-test.lock
	@$(BIN)/python -m pip check
	@touch $@

# A lock that names a private index, a path or torch is refused.
lock: $(UV)
	$(COMPILE) --output-file requirements.lock
	$(COMPILE) --extra test --constraint requirements.lock \
		--output-file requirements-test.lock
	@! grep -nE '://|^-|@|^torch' $(LOCKS)

$(UV):
	$(PYTHON) -m venv $(VENV)/lock-tool
	$(VENV)/lock-tool/bin/python -m pip install --quiet uv==0.13.9

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
