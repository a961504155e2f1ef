"""The health checks for load balancers."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils.timezone import now

from syncs.models import Beat
from syncs.monitoring import health
from syncs.process import heartbeats


@pytest.fixture(autouse=True)
def _reset_migration_check(monkeypatch):
    """Make each test check the migrations again."""
    monkeypatch.setattr(health, "_migrated", False)


def ready(client, **more):
    answer = client.get("/readyz", **more)
    return answer.status_code, answer.json()


def test_healthz_answers_without_a_database(client):
    """This test has no database: a query would raise."""
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, b"ok", "text/plain")
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("kind", [heartbeats.CLUSTER, heartbeats.WORKER])
def test_ready_while_a_process_is_alive(client, clock, db, kind):
    """For anonymous clients too, until a minute after the last heartbeat."""
    heartbeats.record_process(kind)
    clock.shift(60)
    assert ready(client) == (200, {"ready": True})
    clock.shift(1)
    assert ready(client) == (503, {"ready": False, "message": health.NO_WORKER})


def test_other_heartbeats_do_not_count_as_a_worker(client, clock, db):
    """A watchdog check from the web or a manual tick runs no sync."""
    for name in (heartbeats.TICK, heartbeats.RESUMED, heartbeats.BEGAN, "watchdog", "prune", "workers"):
        Beat.objects.create(name=name, at=now())
    assert ready(client)[0] == 503


def test_not_ready_without_the_database(client, db, monkeypatch):
    """The answer names the problem and discloses nothing else."""
    heartbeats.record_process(heartbeats.CLUSTER)

    def refuses(moment):
        raise OperationalError("could not connect to 10.0.0.7, password s3cret")

    monkeypatch.setattr(heartbeats, "is_any_alive", refuses)
    assert ready(client) == (503, {"ready": False, "message": health.NO_DATABASE})


def test_not_ready_before_the_migrations(client, db):
    """It is ready right after migrating, without a restart."""
    heartbeats.record_process(heartbeats.CLUSTER)
    applied = MigrationRecorder.Migration.objects.using(connection.alias)
    latest = applied.filter(app="syncs").latest("pk")
    applied.filter(pk=latest.pk).delete()
    assert ready(client) == (503, {"ready": False, "message": health.NOT_MIGRATED})
    latest.save(force_insert=True)
    assert ready(client) == (200, {"ready": True})


def test_migrations_are_checked_once(client, db, monkeypatch):
    """The check reads every migration file, so it is not repeated."""
    heartbeats.record_process(heartbeats.CLUSTER)
    assert ready(client)[0] == 200
    monkeypatch.setattr(health, "MigrationExecutor", None)
    assert ready(client)[0] == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_are_not_redirected_to_https(client, db, settings, path):
    """A probe inside the network uses plain http. Everything else is redirected."""
    settings.SECURE_SSL_REDIRECT = True
    assert client.get(path).status_code in (200, 503)
    assert client.get("/accounts/login/").status_code == 301


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_reject_post(client, db, path):
    assert client.post(path).status_code == 405
    assert client.head(path).status_code in (200, 503)


def test_old_heartbeats_do_not_count(client, db):
    Beat.objects.create(name="cluster old:1", at=now() - timedelta(days=1))
    assert ready(client)[0] == 503
