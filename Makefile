# Commands for developers. Everything runs in .venv, which is created when it is missing.
PY := .venv/bin/python
READY := .venv/.ready

# Without compiled test modules, each test process would spend some eight seconds compiling them.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: check fix hooks test unit unit-sqlite e2e real nightly torture shots demo bench

$(READY): requirements.txt requirements-dev.txt
	python3 -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $(READY)

# Everything that must pass before a change lands, as CI runs it. Fails if a server or a browser is missing.
test: check unit unit-sqlite e2e real

check: $(READY)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/djlint templates --check --lint --quiet
	.venv/bin/lint-imports
	PACKR_DEBUG=1 $(PY) manage.py makemigrations --check --dry-run
	PACKR_DEBUG=1 $(PY) manage.py check
	PACKR_DEBUG=1 .venv/bin/mypy
	$(PY) .ci/commit_rules.py

fix: $(READY)
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .
	.venv/bin/djlint templates --reformat --quiet

# Check each commit message when it is written.
hooks:
	git config core.hooksPath .ci/hooks

# Each test once, on PostgreSQL. `worksteal`: an idle process takes tests from a busy one, since some take a minute.
unit: $(READY)
	DATABASE_URL="$$($(PY) -m tests.servers)" $(PY) -m pytest -q -n 2 --dist worksteal -m "not real and not e2e"

# What depends on the database, on SQLite too.
SQLITE_TESTS := tests/syncs tests/warehouse tests/torture tests/api
SQLITE_MARKS := not real and not e2e and not one_database
unit-sqlite: $(READY)
	$(PY) -m pytest -q -n 2 --dist worksteal -m "$(SQLITE_MARKS)" $(SQLITE_TESTS)

# Needs the system's Chromium.
e2e: $(READY)
	$(PY) -m pytest -q -n 2 --dist worksteal -m e2e

# A real Tryton server, process trees under kill -9, gunicorn; on SQLite, PostgreSQL and Redis.
real: $(READY)
	PACKR_TEST_POSTGRES="$$($(PY) -m tests.servers)" $(PY) -m pytest -q -n 2 --dist loadgroup -m real

# The slower proofs: every test on both databases, and the random histories and kills in full.
nightly: SQLITE_TESTS := tests
nightly: SQLITE_MARKS := not real and not e2e
nightly: export PACKR_TEST_SCALE := 4
nightly: test

# The random tests, many times as long as in `nightly`. Takes hours.
torture: $(READY)
	PACKR_TEST_SCALE=80 $(PY) -m pytest -q tests/torture
	DATABASE_URL="$$($(PY) -m tests.servers)" PACKR_TEST_SCALE=80 $(PY) -m pytest -q tests/torture
	PACKR_TEST_POSTGRES="$$($(PY) -m tests.servers)" PACKR_TEST_SCALE=20 \
		$(PY) -m pytest -q -n 2 --dist loadgroup tests/real/test_kills.py

shots: $(READY)
	$(PY) -m tests.e2e.shots

demo: $(READY)
	$(PY) manage.py demo

# Packr beside its floor and its peers: docs/benchmarks.md. An hour or two on an idle machine;
# BENCH="idle --scale 0.1 --peers packr floor" for less.
bench: $(READY)
	$(PY) -m benchmarks $(BENCH)
