# make study | figures | test | soak | lint | lab | bench | setup | notebooks | clean
# Variables: PROFILE (quick, mini, report), SOURCE (sample, a directory, hub), SEEDS (e.g. 0,1,2), OUT,
# ONLY (notebooks, e.g. 02_small_sample).
PYTHON ?= python3
PROFILE ?= quick
SOURCE ?=
SEEDS ?=
OUT ?=
ONLY ?=
BIN := .venv/bin
READY := .venv/.ready
# A notebook cell may wait for a kernel that imports torch on a busy machine.
NBVAL := --nbval-lax --nbval-current-env --nbval-cell-timeout=1800 --nbval-kernel-startup-timeout=180

.PHONY: setup study figures test soak lint lab bench notebooks clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name it with PYTHON=python3.x")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@

study: $(READY)
	$(BIN)/python -m simcse_core.study --profile '$(PROFILE)' --source '$(SOURCE)' --seeds '$(SEEDS)' --out '$(OUT)' --only '$(ONLY)'

# Draws every chart of a results folder, and writes its pages, from its tables alone; without OUT, of
# the committed ones, and what the READMEs cite of them.
figures: $(READY)
	$(BIN)/python -m simcse_core.report $(if $(OUT),'$(OUT)',figures/mini figures/quick README.md README.zh-CN.md)

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2
	$(BIN)/python -m pytest $(NBVAL) notebooks

# The tests that take minutes: many kills, whole notebooks spoilt and validated.
soak: $(READY)
	$(BIN)/python -m pytest -m soak

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lab: $(READY)
	$(BIN)/jupyter lab notebooks

# Runs the committed notebooks on their defaults, in place.
notebooks: $(READY)
	$(BIN)/python tools/execute_notebooks.py

bench: $(READY)
	$(BIN)/python -m tools.benchmark

clean:
	rm -rf .venv runs
