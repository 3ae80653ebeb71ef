# `make` lists the targets; everything runs in .venv, which each target sets up when it has to.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# with it every start of a process would compile the product anew
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin

.PHONY: help setup up down reset status logs demo test check lint types imports contracts lock audit deployment drill rolling images secrets bench chaos chaos-planted crash-points recovery isolation hostile

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## create .venv and install the locked dependencies, when they changed
	@sh deploy/local/setup.sh

up: setup ## start everything, play the main job once, stay in the foreground
	@$(BIN)/kos up

down: setup ## stop everything
	@$(BIN)/kos down

reset: setup ## stop everything and delete the data
	@$(BIN)/kos reset --yes

status: setup ## what runs, on which port, and whether it is ready
	@$(BIN)/kos status

logs: setup ## follow the logs of all processes
	@$(BIN)/kos logs --follow

demo: setup ## play the main job again on the running stack
	@$(BIN)/kos demo

test: setup ## all tests, on a PostgreSQL and a Kafka of their own
	@$(BIN)/pytest -n 3

check: lint types imports lock contracts deployment test ## what CI runs

lint: setup ## ruff: rules and format
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

types: setup ## mypy, strict
	@$(BIN)/mypy

imports: setup ## who may import whom
	@$(BIN)/lint-imports

lock: setup ## requirements.lock fits pyproject.toml
	@$(BIN)/python -m deploy.local.lock

contracts: setup ## the committed GraphQL schema, OpenAPI and AsyncAPI documents are up to date
	@$(BIN)/python -m gateway schema --check
	@$(BIN)/python -m account_svc openapi --check
	@$(BIN)/python -m content_svc openapi --check
	@$(BIN)/python -m lead_svc openapi --check
	@$(BIN)/python -m shared.contracts --check

deployment: setup ## images, compose, chart, alerts: checked by the programs that read them
	@$(BIN)/python -m deploy.checks

images: setup ## what the image build does, without a container engine
	@$(BIN)/pytest tests/drill/images.py

drill: setup ## the whole stack loses its disk and comes back from a backup
	@$(BIN)/pytest tests/drill/restore.py

rolling: setup ## every process replaced under load: nothing lost, no request fails
	@$(BIN)/pytest tests/e2e/rolling.py

secrets: setup ## make the secret files of docker-compose.yml, once
	@$(BIN)/python -m deploy.docker.secrets

audit: setup ## known vulnerabilities of the locked dependencies
	@$(BIN)/pip-audit --require-hashes --disable-pip --requirement requirements.lock

bench: setup ## ratios against bare limits of the same run, on one page (ROWS="page gw-merge": only these)
	@$(BIN)/python -m tests.bench $(ROWS)

MINUTES ?= 10
SEED ?= 1
chaos: setup ## faults under load: MINUTES=10 SEED=1 repeats a run
	@$(BIN)/python -m tests.chaos --minutes $(MINUTES) --seed $(SEED)

chaos-planted: setup ## bugs put in from outside: the checker has to find each
	@$(BIN)/python -m tests.chaos.planted

PART ?= 1/1
crash-points: setup ## processes stopped at every I/O point of a lead and of a campaign (PART=2/4: a slice)
	@$(BIN)/python -m tests.chaos.crashpoints --part $(PART)

recovery: setup ## seconds until work goes on after a kill or an outage (ROWS="relay kafka": only these)
	@$(BIN)/python -m tests.chaos.recovery $(ROWS)

isolation: setup ## every operation with everything of another brand, as every role; prints what was counted
	@KOS_LONG_FORM=1 $(BIN)/pytest tests/isolation -q -n 2

hostile: setup ## hostile documents, tokens, webhook targets, requests by schemathesis; prints what was counted
	@KOS_LONG_FORM=1 $(BIN)/pytest tests/hostile -q
