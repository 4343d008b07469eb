# Scorecast's commands. Set-up goes into .venv, node_modules and static/vendor, and is repeated only where needed.
# PYTHON=python3.13 chooses the Python, ARGS="..." is handed to run.py or pytest.

.DEFAULT_GOAL := help
.SILENT:
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help setup run test lint soak bench bench-quick lock dev browser FORCE

PY := .venv/bin/python
DONE := .venv/.done
OUTER_PATH := $(PATH)
export PATH := $(CURDIR)/.venv/bin:$(PATH)

OFFLINE = *"Temporary failure"*|*NewConnectionError*|*NameResolutionError*|*"Network is unreachable"*|*"timed out"*|*ProxyError*|*ENOTFOUND*|*EAI_AGAIN*|*ECONNREFUSED*|*ETIMEDOUT*|*ENETUNREACH*
# $(call install,what,command,how to name a mirror): one line while it runs, one where it fails for lack of a network
install = echo "set-up: $(1)"; said=$$($(2) 2>&1) || { case "$$said" in \
	$(OFFLINE)) ;; *) printf '%s\n' "$$said" | grep -v '^WARNING' >&2 ;; esac; \
	echo "Set-up stopped at: $(1). It needs the network (or a mirror, named in $(3))." >&2; exit 1; }
pip = $(call install,$(1),$(PY) -m pip install -q --disable-pip-version-check --no-input --require-hashes -r $(2),pip's configuration)

help: ## list these commands
	awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

setup: $(DONE)/python static/vendor/versions.json ## install what the server needs (the others call it themselves)

run: setup ## a living dashboard: the server, an embedded store and simulated players
	exec $(PY) run.py --demo $(ARGS)

test: setup dev node_modules/.package-lock.json browser ## every test but the heavy rounds
	exec $(PY) -m pytest -n 3 --dist loadscope --no-loadscope-reorder $(ARGS)

soak: setup dev node_modules/.package-lock.json browser ## the heavy rounds, minutes long
	exec $(PY) -m pytest -m soak $(ARGS)

bench: setup bench/peers/node_modules/.package-lock.json ## processor time per score and frame, beside peers on Node: figures, plots, growth
	exec $(PY) -m bench $(ARGS)

bench-quick: setup bench/peers/node_modules/.package-lock.json ## the same in three minutes, without growth
	exec $(PY) -m bench --quick $(ARGS)

lint: setup dev ## style, types and the import rules
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	.venv/bin/lint-imports --no-logo

lock: ## write the lock files anew after a change in requirements*.txt (needs uv)
	command -v uv >/dev/null || { echo "make lock needs uv: pip install uv" >&2; exit 1; }
	for file in requirements requirements-dev requirements-node; do \
		UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile -q --universal --python-version 3.11 --generate-hashes \
			--no-emit-index-url --no-emit-find-links $$file.txt -o $$file.lock || exit 1; \
	done

# Python -------------------------------------------------------------------------------------------------------------

# Fit: its Python still runs, the folder was not moved, and no other PYTHON is asked for.
FIT := $(shell { read -r folder; read -r python; } 2>/dev/null < $(DONE)/venv && [ "$$folder" = '$(CURDIR)' ] && \
	{ [ -z '$(PYTHON)' ] || [ "$$python" = '$(PYTHON)' ]; } && $(PY) -c 'import pip' 2>/dev/null && echo yes)

$(DONE)/venv: $(if $(FIT),,FORCE)
	PATH='$(OUTER_PATH)'; \
	for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; python=; \
	done; \
	[ "$$python" ] || { echo "Scorecast needs Python >= 3.11 and found no '$(or $(PYTHON),python3)' that is. Install one" \
		"(Debian 12 or later: apt-get install python3 python3-venv) or name it: make PYTHON=/path/to/python" >&2; exit 1; }; \
	"$$python" -c 'import ensurepip, venv' 2>/dev/null || { echo "$$python has no venv module with pip." \
		"Install it (Debian: apt-get install python3-venv) or name another: make PYTHON=/path/to/python" >&2; exit 1; }; \
	echo "set-up: .venv, with $$("$$python" --version)"; \
	"$$python" -m venv --clear .venv && mkdir $(DONE) && printf '%s\n' '$(CURDIR)' "$$python" > $@

$(DONE)/python: requirements.lock $(DONE)/venv
	$(call pip,Python packages,$<)
	touch $@

dev: $(DONE)/dev
$(DONE)/dev: requirements-dev.lock $(DONE)/python
	$(call pip,Python packages of the tests and linters,$<)
	touch $@

# The page's libraries -------------------------------------------------------------------------------------------------

$(DONE)/node: requirements-node.lock $(DONE)/venv $(if $(shell PATH='$(PATH)' command -v node),,FORCE)
	node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2>/dev/null && npm --version >/dev/null 2>&1 || \
		{ $(call pip,Node (this machine has no node >= 18 with npm),$<); }
	touch $@

node_modules/.package-lock.json: package.json package-lock.json .npmrc $(DONE)/node
	$(call install,the page's libraries,npm ci --ignore-scripts --prefer-offline --no-progress --loglevel=error,npm's configuration)
	touch $@

bench/peers/node_modules/.package-lock.json: bench/peers/package.json bench/peers/package-lock.json bench/peers/.npmrc $(DONE)/node
	$(call install,the benchmark's peers,npm ci --prefix bench/peers --ignore-scripts --prefer-offline --no-progress --loglevel=error,npm's configuration)
	touch $@

static/vendor/versions.json: node_modules/.package-lock.json .ci/vendor.mjs
	node .ci/vendor.mjs

# A browser for the tests ----------------------------------------------------------------------------------------------

browser: dev
	.ci/browser $(DONE)/browser
