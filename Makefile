# Every target makes .venv when it is not there; running one again is fast.
PORT ?= 8000
STAGE ?= dev
VENV := .venv
PY := $(VENV)/bin/python
CDK := node_modules/.bin/cdk
# What tests and examples say in the place of a secret.
NO_SECRETS := ^(none|true|pass|hunter2|secret|secret-of-owner|48afa4710000000049454e44ae426082)$$$$
export PYTHONPATH := lambda_src
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20

.DEFAULT_GOAL := help
.PHONY: help serve test test-all check audit format eval synth deploy diff destroy bench lock browser

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

serve: $(VENV)/.ready ## Run the API and its page on this machine [PORT=8000]
	@$(PY) -m local --port $(PORT)

test: $(VENV)/.ready browser ## Run the tests
	@$(PY) -m pytest -m "not slow"

test-all: $(VENV)/.integration node_modules/.ready browser ## Run the tests, the slow ones too
	@$(PY) -m pytest

check: $(VENV)/.ready ## Lint, format, types, and no secrets
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@git ls-files -z | PATH="$(CURDIR)/$(VENV)/bin:$$PATH" xargs -0 detect-secrets-hook \
		--exclude-lines '"(sha256|integrity)"' --exclude-secrets '$(NO_SECRETS)'

audit: $(VENV)/.ready ## Ask the advisory database about the function's packages
	@$(PY) -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1
	@$(VENV)/bin/pip-audit --strict --no-deps --disable-pip -r lambda_src/requirements.txt

format: $(VENV)/.ready ## Format the code
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .

eval: $(VENV)/.ready ## Measure the models: ANNOTATIONS=instances.json IMAGES=folder [SLICES=n], or CLASSES=folder
	@$(if $(CLASSES),$(PY) -m benchmarks.evaluate classifier $(CLASSES),\
	$(PY) -m benchmarks.evaluate detector $(or $(ANNOTATIONS),../shared/evalset/instances_val.json) \
		$(or $(IMAGES),../shared/evalset/images) $(if $(SLICES),--slices $(SLICES)))

synth: $(VENV)/.ready node_modules/.ready ## Write the CloudFormation templates to cdk.out [STAGE=dev]
	@$(CDK) synth --quiet -c stage=$(STAGE)
	@ls -1 cdk.out/*.template.json

deploy: $(VENV)/.ready node_modules/.ready ## Put Carlens on AWS [STAGE=dev]
	@$(CDK) deploy --all --require-approval never -c stage=$(STAGE)

diff: $(VENV)/.ready node_modules/.ready ## Show what a deploy would change [STAGE=dev]
	@$(CDK) diff -c stage=$(STAGE)

destroy: $(VENV)/.ready node_modules/.ready ## Take Carlens off AWS; prod keeps its models and logs [STAGE=dev]
	@$(CDK) destroy --all -c stage=$(STAGE)

bench: $(VENV)/.ready ## Measure what a thousand pictures cost, and the peak memory
	@$(PY) -m benchmarks.cost
	@$(PY) -m benchmarks.memory

lock: $(VENV)/.ready ## Pin the layers' wheels by hash, after a change of lambda_src/requirements.txt
	@$(PY) -m infra.layers lock

# The browser tests use Debian's Chromium; where it is not and cannot be installed they are skipped.
browser:
	@command -v chromium chromium-browser google-chrome >/dev/null || \
		{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		echo "Installing Chromium for the browser tests" && \
		apt-get update -qq >/dev/null && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qqy chromium >/dev/null; } || \
		echo "No Chromium: the browser tests will be skipped. Install it to run them."

# Every package is named there: some of them ask for versions that clash with ours.
$(VENV)/.integration: $(VENV)/.ready requirements-integration.txt
	@echo "Installing real clients and oracles for the integration tests"
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-integration.txt
	@touch $@

node_modules/.ready: package-lock.json
	@command -v npm >/dev/null || { echo "The AWS CDK needs Node 20 or later, with npm."; exit 1; }
	@npm ci --silent --no-audit --no-fund
	@touch $@

$(VENV)/.ready: requirements.txt lambda_src/requirements.txt
	@python=$$(for p in python3.13 python3.12 python3.11 python3 python; do \
		$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
		&& echo $$p && break; done); \
	[ -n "$$python" ] || { echo "Carlens needs Python 3.11, 3.12 or 3.13 on the PATH."; exit 1; }; \
	[ -x $(PY) ] || $$python -m venv $(VENV)
	@echo "Installing Carlens into $(VENV) (a minute, the first time)"
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@
