# What a developer runs. Everything works in .venv, which is made when it is missing.
PY := .venv/bin/python
READY := .venv/.ready

# Each test process would compile the tests anew, for some eight seconds, where the environment says not to keep them.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: check fix test unit unit-postgres e2e real torture shots demo bench

$(READY): requirements.txt requirements-dev.txt
	python3 -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $(READY)

# Everything the project promises of itself, on both databases, with real servers. Fails where one can't start.
test: check unit unit-postgres e2e real

check: $(READY)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/djlint templates --check --lint --quiet
	.venv/bin/lint-imports
	PACKR_DEBUG=1 $(PY) manage.py makemigrations --check --dry-run
	PACKR_DEBUG=1 $(PY) manage.py check
	PACKR_DEBUG=1 .venv/bin/mypy

fix: $(READY)
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .
	.venv/bin/djlint templates --reformat --quiet

# A worker that has nothing left takes over tests of the other one's (worksteal): some take a minute.
unit: $(READY)
	$(PY) -m pytest -q -n 2 --dist worksteal -m "not real and not e2e"

unit-postgres: $(READY)
	DATABASE_URL="$$($(PY) -m tests.servers)" $(PY) -m pytest -q -n 2 --dist worksteal -m "not real and not e2e"

# Needs the system's Chromium.
e2e: $(READY)
	$(PY) -m pytest -q -n 2 --dist worksteal -m e2e

# A real Tryton server, real process trees under kill -9, real gunicorn; on SQLite, on PostgreSQL and on Redis.
real: $(READY)
	PACKR_TEST_POSTGRES="$$($(PY) -m tests.servers)" $(PY) -m pytest -q -n 2 --dist loadgroup -m real

# The random tests, twenty times as many of everything. Takes hours.
torture: $(READY)
	PACKR_TEST_SCALE=20 $(PY) -m pytest -q tests/torture
	DATABASE_URL="$$($(PY) -m tests.servers)" PACKR_TEST_SCALE=20 $(PY) -m pytest -q tests/torture
	PACKR_TEST_POSTGRES="$$($(PY) -m tests.servers)" PACKR_TEST_SCALE=20 \
		$(PY) -m pytest -q -n 2 --dist loadgroup tests/real/test_kills.py

shots: $(READY)
	$(PY) -m tests.e2e.shots

demo: $(READY)
	$(PY) manage.py demo

# Packr beside its floor and its peers: docs/benchmarks.md. An hour or two on a machine that does nothing else;
# BENCH="idle --scale 0.1 --peers packr floor" for less.
bench: $(READY)
	$(PY) -m benchmarks $(BENCH)
