"""Connecting, checking and ending a connection."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from integrations.connection_status import refresh, set_status
from integrations.entities import Entity
from integrations.errors import ConnectorError, Kind
from integrations.http.client import Client
from integrations.models import Connection, Status
from integrations.services import Account, connect, disconnect
from packr.warehouse.models import Customer
from packr.workspaces.errors import Refused
from syncs.models import EntitySchedule, Lane, SyncRun
from tests.kit.model_wms import customer
from tests.kit.running import drain, sync

GIVEN = {"key": "k9"}


def account(**fields):
    return Account(**{"wms": "model", "name": "Shop", "credentials": GIVEN, **fields})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"wms": "nowhere"}, "does not support a WMS called “nowhere”"),
        ({"credentials": {}}, "needs key"),
        ({"credentials": {"key": ""}}, "needs key"),
        ({"credentials": {"key": "k", "token": "t"}}, "no credential called token"),
        ({"credentials": {"key": 7}}, "key must be a line of text"),
        ({"credentials": {"key": "a\nb"}}, "key must be a line of text"),
        ({"credentials": ["key"]}, "must be a JSON object"),
        ({"name": "  "}, "name: "),
        ({"name": "x" * 201}, "name: "),
        ({"lookback_days": 0}, "lookback_days: "),
        ({"lookback_days": 10**9}, "lookback_days: "),
        ({"name": "Main"}, "Northbay already has a connection called “Main”"),
    ],
)
def test_wrong_values_are_refused_before_any_request(wms, connection, home, fields, words):
    with pytest.raises(Refused) as refused:
        connect(home, account(**fields))
    assert words in str(refused.value)
    assert (wms.calls, Connection.objects.count(), SyncRun.objects.count()) == ([], 1, 0)


@pytest.mark.parametrize("kind", list(Kind))
def test_failed_check_stores_nothing(wms, home, kind):
    wms.faults = [ConnectorError(kind, "No.")]
    with pytest.raises(Refused, match=r"No\. Nothing was stored\."):
        connect(home, account())
    assert not Connection.objects.exists()
    assert not EntitySchedule.objects.exists()
    assert not Lane.objects.exists()


def test_failure_while_planning_stores_nothing(monkeypatch, wms, home):
    from syncs import receivers

    def broken(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(receivers, "request_runs", broken)
    with pytest.raises(ZeroDivisionError):
        connect(home, account())
    assert not Connection.objects.exists()
    assert not EntitySchedule.objects.exists()


def test_two_workspaces_may_use_the_same_name(wms, connection, home):
    from packr.workspaces.services import save_workspace

    assert connect(save_workspace("other"), account(name="Main"), first_sync=False).pk


def test_name_taken_at_the_same_moment_is_refused(monkeypatch, wms, connection, home):
    """Two people connect at the same moment: the database constraint decides."""
    from integrations import services

    monkeypatch.setattr(services, "_validate", lambda connection: None)
    with pytest.raises(Refused, match="already has a connection called “Main”"):
        connect(home, account(name="Main"))
    assert Connection.objects.count() == 1


def test_secrets_are_encrypted_and_not_shown(wms, home):
    key = "long-enough-not-to-turn-up-by-chance"
    made = connect(home, Account("model", "Main", {"key": key}), first_sync=False)
    assert made.credentials() == {"key": key}
    assert key not in made.sealed_credentials
    assert key not in repr(made) + str(made)
    assert "secret" not in repr(Client("https://x.test", credentials={"key": "secret"}, headers={"a": "secret"}))


def test_refresh_sends_one_request_and_starts_no_run(clock, wms, connection):
    """The time of the check is stored."""
    clock.shift(60)
    refresh(connection)
    assert [call.what for call in wms.calls] == ["check"]
    assert not SyncRun.objects.exists()
    assert Connection.objects.get().checked_at == now()


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (Kind.CREDENTIALS, Status.NEEDS_ATTENTION),
        (Kind.UNREACHABLE, Status.UNREACHABLE),
        (Kind.CONTRACT, Status.UNREACHABLE),
        (Kind.RATE_LIMITED, Status.CONNECTED),
    ],
)
def test_refresh_stores_the_status_and_recovers(clock, wms, connection, kind, status):
    error = ConnectorError(kind, "Because.")
    wms.faults = [error]
    refresh(connection)
    stored = Connection.objects.get()
    assert (stored.status, stored.status_message) == (status, error.message)
    refresh(stored)
    stored.refresh_from_db()
    assert (stored.status, stored.status_message) == (Status.CONNECTED, "")


def test_disconnected_connection_is_not_refreshed(wms, connection):
    disconnect(connection)
    refresh(connection)
    set_status(Connection.objects.get(), Status.CONNECTED)
    assert wms.calls == []
    assert Connection.objects.get().status == Status.DISCONNECTED


def test_disconnect_keeps_the_data_by_default(clock, wms, connection):
    wms.put(Entity.CUSTOMERS, customer("c1"))
    sync(connection, Entity.CUSTOMERS)
    disconnect(connection)
    assert Customer.objects.count() == 1
    assert Connection.objects.get().disconnected_at == now()
    disconnect(connection, delete_data=True)
    assert not Customer.objects.exists()
    assert not SyncRun.objects.exists()
    assert not EntitySchedule.objects.exists()


def test_longer_lookback_moves_the_history_start_back(clock, wms, home):
    made = connect(home, account(lookback_days=90), first_sync=False)
    assert made.border == now() - timedelta(days=90)


def test_without_first_sync_nothing_runs_immediately(clock, wms, home):
    connect(home, account(), first_sync=False)
    assert drain() == 0
