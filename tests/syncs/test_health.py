"""The addresses that a load balancer asks."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils.timezone import now

from syncs.models import Beat
from syncs.monitoring import health
from syncs.process import heartbeats


@pytest.fixture(autouse=True)
def _asks_anew(monkeypatch):
    """Each test asks for the migrations itself."""
    monkeypatch.setattr(health, "_migrated", False)


def ready(client, **more):
    answer = client.get("/readyz", **more)
    return answer.status_code, answer.json()


def test_healthz_answers_without_a_database(client):
    """It has none here: a question to it would raise."""
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, b"ok", "text/plain")
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("kind", [heartbeats.CLUSTER, heartbeats.WORKER])
def test_ready_while_a_process_lives(client, clock, db, kind):
    """For a stranger too; no longer than a minute after it was last seen."""
    heartbeats.record_process(kind)
    clock.shift(60)
    assert ready(client) == (200, {"ready": True})
    clock.shift(1)
    assert ready(client) == (503, {"ready": False, "message": health.NO_WORKER})


def test_other_beats_are_no_worker(client, clock, db):
    """A watchdog that looks from the web, or a tick asked for by hand, works nothing off."""
    for name in (heartbeats.TICK, heartbeats.RESUMED, heartbeats.BEGAN, "watchdog", "prune", "workers"):
        Beat.objects.create(name=name, at=now())
    assert ready(client)[0] == 503


def test_not_ready_without_the_database(client, db, monkeypatch):
    """The answer says so and gives nothing away."""
    heartbeats.record_process(heartbeats.CLUSTER)

    def refuses(moment):
        raise OperationalError("could not connect to 10.0.0.7, password s3cret")

    monkeypatch.setattr(heartbeats, "is_any_alive", refuses)
    assert ready(client) == (503, {"ready": False, "message": health.NO_DATABASE})


def test_not_ready_before_the_migrations(client, db):
    """And ready right after them, without a restart."""
    heartbeats.record_process(heartbeats.CLUSTER)
    applied = MigrationRecorder.Migration.objects.using(connection.alias)
    latest = applied.filter(app="syncs").latest("pk")
    applied.filter(pk=latest.pk).delete()
    assert ready(client) == (503, {"ready": False, "message": health.NOT_MIGRATED})
    latest.save(force_insert=True)
    assert ready(client) == (200, {"ready": True})


def test_migrations_are_asked_for_once(client, db, monkeypatch):
    """It takes reading all their files."""
    heartbeats.record_process(heartbeats.CLUSTER)
    assert ready(client)[0] == 200
    monkeypatch.setattr(health, "MigrationExecutor", None)
    assert ready(client)[0] == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_neither_is_redirected_to_https(client, db, settings, path):
    """A probe asks from inside, in plain http; everything else is redirected."""
    settings.SECURE_SSL_REDIRECT = True
    assert client.get(path).status_code in (200, 503)
    assert client.get("/accounts/login/").status_code == 301


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_neither_can_be_posted_to(client, db, path):
    assert client.post(path).status_code == 405
    assert client.head(path).status_code in (200, 503)


def test_old_processes_do_not_count(client, db):
    Beat.objects.create(name="cluster old:1", at=now() - timedelta(days=1))
    assert ready(client)[0] == 503
