# make demo       make .venv, install, and grade a half-right answer: start here
# make test       run the tests; no sudo, no browser, no sandbox
# make test-all   and the slow ones, and those that need tools from apt
# make lint       ruff and mypy
# make format     let ruff lay out the code
# make bench      speed, as ratios within one run
# make clean      remove what tools left behind; distclean removes .venv too
#
# May be given: PYTHON=python3.12   TORCH=cpu|cuda|skip   TORCH_INDEX=https://...

DEMO := tests/submissions/demo/03_causal_mask.py
APT_PACKAGES :=    # what tests marked `apt` need; none so far

# .venv is ready when its stamp is there. The stamp's name holds the folder's checksum,
# so that a course that was moved, whose .venv points to nowhere, is made ready again;
# an interpreter that is gone or newer than the stamp does the same.
PLACE := $(shell pwd | cksum | cut -d ' ' -f 1)
CORE := .venv/.core-$(PLACE)
DEV := .venv/.dev-$(PLACE)
ASKED := $(if $(findstring command,$(foreach name,PYTHON TORCH TORCH_INDEX,$(origin $(name)))),asked)
RUN := .venv/bin/python -m
# Quick tests go by file: what is dear to make, as a graded exercise, is shared by the tests of
# one. Slow ones share little, and one file of them would keep a single processor busy.
TESTS := pytest -q -n logical --maxprocesses 4
export PYTHON TORCH TORCH_INDEX

.PHONY: help demo test test-all lint format bench clean distclean apt asked
.NOTPARALLEL:

help:
	@sed -n 's/^# \{0,1\}//p; /^$$/q' Makefile

demo: $(CORE)
	@.venv/bin/attn-grade check 03_causal_mask $(DEMO) || test $$? -eq 1
	@echo
	@echo "That was a half-right answer, which comes with the course. Now your own:"
	@case "$$SHELL" in \
	*/fish) echo "  source .venv/bin/activate.fish; and attn-grade lesson 01" ;; \
	*) echo "  . .venv/bin/activate && attn-grade lesson 01" ;; \
	esac

test: $(DEV)
	@$(RUN) $(TESTS) --dist loadfile -m "not slow and not apt"

test-all: test apt
	@$(RUN) $(TESTS) --dist worksteal -m "slow or apt" || test $$? -eq 5  # 5: nothing is marked so

lint: $(DEV)
	@$(RUN) ruff check
	@$(RUN) ruff format --check
	@$(RUN) mypy

format: $(DEV)
	@$(RUN) ruff check --fix-only --quiet
	@$(RUN) ruff format

bench: $(DEV)
	@$(RUN) tools.bench

clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -path ./.venv -prune -o -name __pycache__ -type d -exec rm -rf {} +

distclean: clean
	rm -rf .venv

$(CORE): pyproject.toml constraints.txt .venv/bin/python $(ASKED)
	@sh tools/bootstrap.sh core
	@touch $@

$(DEV): pyproject.toml constraints.txt .venv/bin/python $(ASKED)
	@sh tools/bootstrap.sh dev
	@touch $@ $(CORE)

.venv/bin/python: ;

apt:
	@missing=; for package in $(APT_PACKAGES); do \
	    dpkg -s $$package >/dev/null 2>&1 || missing="$$missing $$package"; \
	done; \
	test -z "$$missing" && exit; \
	command -v apt-get >/dev/null || { echo "No apt here: tests that need$$missing are skipped."; exit; }; \
	sudo=; test $$(id -u) -eq 0 || sudo=sudo; \
	$$sudo apt-get update && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y$$missing
