# make run        the dashboard on http://127.0.0.1:8501
# make test       the tests (under 10 minutes on two cores)
# make test-slow  full browser scenarios, kill tests, published figures (under 25 minutes)
# make fuzz       the tests of hostile input with new draws; a finding becomes a test of its own
# make lint       ruff, types, and the direction of the imports
# make bench      the engine against a textbook loop; writes benchmarks/results/
PYTHON ?= python3
BIN := .venv/bin
# Two cores: one thread in each test process is faster than two that fight.
# Browser tests of a file share a server, so a file stays together.
ENV := OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1

.PHONY: run test test-slow fuzz bench lint clean

run: .venv/.run
	$(BIN)/streamlit run app.py

test: .venv/.dev
	$(ENV) $(BIN)/python -m pytest -n 2 -m "not slow and not browser"
	$(ENV) $(BIN)/python -m pytest -n 2 --dist loadfile -m "browser and not slow"

test-slow: .venv/.dev
	$(ENV) $(BIN)/python -m pytest -n 2 -m "slow and not browser"
	$(ENV) $(BIN)/python -m pytest -n 2 --dist loadfile -m "slow and browser"

fuzz: .venv/.dev
	GI_FUZZ=1 $(ENV) $(BIN)/python -m pytest -n 2 -m "hypothesis and not browser"

bench: .venv/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks

lint: .venv/.dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	PYTHONPATH=. $(BIN)/lint-imports
	$(BIN)/mypy

.venv/.run: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 run")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/.dev: requirements-dev.txt requirements-cluster.txt requirements-sign-in.txt requirements-dicom.txt requirements-figures.txt requirements-models.txt .venv/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

clean:
	rm -rf .venv .venv-nvflare .venv-flower
