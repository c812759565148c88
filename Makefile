# Every target makes .venv when it is not there; running one again is fast.
# What does not wait for another is made side by side: most waits for the network, or uses one core.
MAKEFLAGS += --jobs
PORT ?= 8000
STAGE ?= dev
VENV := .venv
PY := $(VENV)/bin/python
CDK := node_modules/.bin/cdk
# Two files at a time, as each starts servers that use all cores; in order, for the long come first.
PYTEST := $(PY) -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder
SLOW_TESTS_NEED := $(VENV)/.integration node_modules/.ready build/tools/.localstack build/tools/.ready
PIP := -m pip install --quiet --disable-pip-version-check --no-compile
# What tests and examples say in the place of a secret.
NO_SECRETS := ^(none|true|pass|hunter2|secret|secret-of-owner|48afa4710000000049454e44ae426082)$$$$
export PYTHONPATH := lambda_src
# Bytecode is made of what is imported, once, and not of all that is installed, which takes a minute.
unexport PYTHONDONTWRITEBYTECODE
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20

.DEFAULT_GOAL := help
.PHONY: help serve test check audit format eval synth deploy diff destroy bench lock browser

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

serve: $(VENV)/.serve ## Run the API and its page on this machine [PORT=8000]
	@$(PY) -m carlens.local --port $(PORT)

test: $(VENV)/.ready browser $(if $(SLOW),$(SLOW_TESTS_NEED)) ## Run the tests [SLOW=yes for the slow ones too]
	@$(PYTEST) $(if $(SLOW),,-m "not slow")

check: $(VENV)/.ready ## Lint, format, types, and no secrets
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@git ls-files -z | PATH="$(CURDIR)/$(VENV)/bin:$$PATH" xargs -0 detect-secrets-hook \
		--exclude-lines '"(sha256|integrity)"' --exclude-secrets '$(NO_SECRETS)'

audit: $(VENV)/.ready ## Ask the advisory database about the functions' packages
	@$(PY) $(PIP) pip-audit==2.10.1
	@$(VENV)/bin/pip-audit --strict --no-deps --disable-pip -r lambda_src/requirements.txt

format: $(VENV)/.ready ## Format the code
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .

eval: $(VENV)/.ready ## Measure the models: ANNOTATIONS=instances.json IMAGES=folder [SLICES=n], or CLASSES=folder
	@$(if $(CLASSES),$(PY) -m benchmarks.evaluate classifier $(CLASSES),\
	$(PY) -m benchmarks.evaluate detector \
		$(or $(ANNOTATIONS),$(wildcard ../shared/evalset/instances_val.json),$(error Name what to \
		measure on: ANNOTATIONS=instances.json IMAGES=folder, or CLASSES=folder)) \
		$(or $(IMAGES),../shared/evalset/images) $(if $(SLICES),--slices $(SLICES)))

synth: $(VENV)/.ready node_modules/.ready ## Write the CloudFormation templates to cdk.out [STAGE=dev]
	@$(CDK) synth --quiet -c stage=$(STAGE)
	@ls -1 cdk.out/*.template.json

deploy: $(VENV)/.ready node_modules/.ready ## Put Carlens on AWS [STAGE=dev]
	@$(CDK) deploy --all --require-approval never -c stage=$(STAGE)

diff: $(VENV)/.ready node_modules/.ready ## Show what a deploy would change [STAGE=dev]
	@$(CDK) diff -c stage=$(STAGE)

destroy: $(VENV)/.ready node_modules/.ready ## Take Carlens off AWS; for prod see docs/deploy.md first [STAGE=dev]
	@$(CDK) destroy --all -c stage=$(STAGE)

bench: build/bench/.ready ## Measure speed, memory and price beside a floor and rivals (15 minutes)
	@build/bench/bin/python -m benchmarks.speed

lock: $(VENV)/.ready ## Pin the layers' wheels by hash, after a change of lambda_src/requirements.txt
	@$(PY) -m infra.layers lock

# The browser tests use Chromium, at half the cost without its windows. Where there is none and none
# can be installed they are skipped.
browser:
	@for name in chromium-headless-shell chromium chromium-browser google-chrome; do \
		command -v $$name >/dev/null && exit; done; \
	[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		echo "Installing Chromium for the browser tests" && apt-get update -qq >/dev/null && \
		for name in chromium-headless-shell chromium; do \
			DEBIAN_FRONTEND=noninteractive apt-get install -qqy $$name >/dev/null && exit; done; \
	echo "No Chromium: the browser tests will be skipped. Install it to run them."

# Every package is named there: some of them ask for versions that clash with ours.
$(VENV)/.integration: $(VENV)/.ready requirements-integration.txt
	@echo "Installing real clients and oracles for the integration tests"
	@$(PY) $(PIP) --no-deps -r requirements-integration.txt
	@touch $@

node_modules/.ready: package-lock.json
	@command -v npm >/dev/null || { echo "The AWS CDK needs Node 20 or later, with npm."; exit 1; }
	@npm ci --silent --no-audit --no-fund
	@touch $@

build/tools/.ready: $(VENV)/.ready tests/integration/tools.txt $(wildcard infra/layers/*.py infra/locks/*)
	@echo "Fetching Lambda's emulator and an S3 server, and building the layers"
	@$(PY) -m tests.integration.tools
	@$(PY) -m infra.layers build
	@mkdir -p $(@D) && touch $@

build/tools/.localstack: $(VENV)/.serve requirements-localstack.txt
	@echo "Installing LocalStack, an AWS on this machine (a minute or two)"
	@$(PY) -m tests.integration.tools localstack
	@mkdir -p $(@D) && touch $@

# The rivals ask for other versions than ours, so they get an environment of their own.
build/bench/.ready: $(VENV)/.ready benchmarks/requirements.txt lambda_src/requirements.txt
	@echo "Installing what Carlens is measured against"
	@$(PY) -m venv build/bench
	@build/bench/bin/python $(PIP) -r benchmarks/requirements.txt
	@touch $@

$(VENV)/.ready: $(VENV)/.serve requirements.txt
	@echo "Installing what tests, checks and the AWS CDK need (a minute or two, the first time)"
	@$(PY) $(PIP) -r requirements.txt
	@touch $@

$(VENV)/.serve: lambda_src/requirements-local.txt lambda_src/requirements.txt
	@python=$$(for p in python3.13 python3.12 python3.11 python3 python; do \
		$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
		&& echo $$p && break; done); \
	[ -n "$$python" ] || { echo "Carlens needs Python 3.11, 3.12 or 3.13 on the PATH."; exit 1; }; \
	[ -x $(PY) ] || $$python -m venv $(VENV)
	@echo "Installing Carlens into $(VENV) (half a minute, the first time)"
	@$(PY) $(PIP) -r lambda_src/requirements-local.txt
	@touch $@

