# make demo: everything from nothing, offline. make test: the tests. After that plain `snakemake --cores N`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
.PHONY: demo pictures unit test pythons test-all check schema sources release-check bench soak lock clean

demo: $(VENV)/runtime
	PYTHONPATH=scripts $(BIN)/python demo/write_granules.py demo/data
	$(BIN)/snakemake --cores 2 -d demo $$(test -t 2 && echo --profile profiles/terminal)
	@PYTHONPATH=scripts $(BIN)/python demo/findings.py demo/results/phewa

# every picture of docs/pictures, from the demo's results; needs chromium
pictures: demo
	cd demo/results/phewa && cp location.png indices.png change_history.png zone_changes.png ../../../docs/pictures
	cd demo/results/phewa/HVHV && cp mean_series.png histogram_db.png statistics.png zones.png ../../../../docs/pictures
	$(BIN)/python -c "from PIL import Image; one = Image.open('demo/results/phewa/HVHV/animation_means.gif'); one.seek(one.n_frames - 1); one.save('docs/pictures/animation_means.png')"
	cp demo/results/phewa/HVHV/change/felling.png docs/pictures/change.png
	chromium --headless=new --no-sandbox --window-size=1440,900 --virtual-time-budget=10000 --screenshot=docs/pictures/explore.png file://$(CURDIR)/demo/results/phewa/explore.html

PYTEST = $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder -m "not slurm and not long"

# functions alone: no Snakemake, no server
unit: $(VENV)/dev
	$(PYTEST) tests/unit

# what a change usually breaks, quickest first; test-all adds long tests, Slurm and a browser
test: unit
	@echo "The other tests take 5 minutes on two free cores, half as long on four."
	$(PYTEST) tests/workflow tests/archive

# the unit tests under every other Python that the machine has, each in a .venv of its own
PYTHONS ?= python3.12 python3.13
pythons:
	for python in $(PYTHONS); do \
		$$python -c "" 2>/dev/null || { echo "no $$python here"; continue; }; \
		$(MAKE) PYTHON=$$python VENV=.venv-$$(basename $$python) unit || exit 1; \
	done

# unit tests first, then the others; three files at a time, because those on Slurm mostly wait
test-all: unit
	@echo "The other tests take about 20 minutes on two free cores."
	CI=true $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations 20 tests --ignore tests/unit
	$(BIN)/python -m pytest -n auto -m long tests/unit

# before a version is tagged (by people): everything passes, and CHANGELOG.md has a heading for the version
release-check: check test-all demo
	grep "^## $$(PYTHONPATH=scripts $(BIN)/python -c 'import gcov; print(gcov.__version__)')" CHANGELOG.md

check: $(VENV)/dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow rules scripts
	$(BIN)/mypy
	$(BIN)/snakemake --lint
	$(BIN)/snakemake --lint -s workflow/Snakefile

# config/schema.yaml, after a change of scripts/gcov/inputs/settings.py
schema: $(VENV)/runtime
	PYTHONPATH=scripts $(BIN)/python -m gcov.inputs.schema

# the files of the package, for a module from a Git host; after a file of scripts/gcov was added, renamed or removed
sources:
	cd scripts && git ls-files --cached --others --exclude-standard gcov ':!gcov/testing' | LC_ALL=C sort > sources.txt

# uv installs in seconds what takes pip minutes; pip steps in where uv does not know the package index
install = $(BIN)/python -m uv pip install --quiet --compile-bytecode --require-hashes -r $(1) \
	|| $(BIN)/python -m pip install --quiet --require-hashes --prefer-binary -r $(1)

$(VENV)/runtime: requirements.txt requirements-uv.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-uv.txt
	$(call install,requirements.txt)
	touch $@

$(VENV)/dev: requirements-dev.txt $(VENV)/runtime
	$(call install,requirements-dev.txt)
	touch $@

# one set of versions for every Python and platform
LOCK := $(BIN)/uv pip compile --universal --python-version 3.11 --fork-strategy fewest --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
lock: $(VENV)/runtime
	$(LOCK) -o requirements-uv.txt requirements-uv.in
	$(LOCK) -o requirements.txt requirements.in
	$(LOCK) -c requirements.txt -o requirements-dev.txt requirements-dev.in

clean:
	rm -rf .venv .venv-* demo/data demo/results demo/logs demo/benchmarks demo/.snakemake

# beside an earlier state: git worktree add ../before COMMIT; make bench BEFORE=../before
bench: $(VENV)/dev
	PYTHONPATH=scripts:tests $(BIN)/python -m bench.run $(if $(BEFORE),--before $(BEFORE))

soak: $(VENV)/dev
	HYPOTHESIS_PROFILE=soak $(BIN)/python -m pytest tests/unit/test_properties.py tests/unit/test_fuzz.py -s
	PYTHONPATH=scripts:tests $(BIN)/python tests/interruptions.py 60
