"""New credentials for an existing connection: after a rejected login, to rotate them, or after disconnecting."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from integrations.connection_status import set_status
from integrations.entities import Entity
from integrations.errors import ConnectorError, Kind
from integrations.models import Connection, EventKind, Status
from integrations.services import Account, connect, disconnect
from packr.warehouse.models import Customer
from syncs.models import EntitySchedule, Incident, Mode, Problem, State, SyncRun, Trigger
from tests.kit.model_wms import ModelWms, customer
from tests.kit.running import drain, sync

from .test_overview import page, words

HERE = "/settings/integrations/"
OLD, NEW = "first-key", "marked-secret-4711"


@pytest.fixture
def made(model: ModelWms, workspace: Any, admin_user: Any) -> Connection:
    """A connection that has synced once and whose login was then rejected."""
    connection = connect(workspace, Account("model", "Main", {"key": OLD, "shop": "north"}), person=admin_user)
    model.put(Entity.CUSTOMERS, customer("c1"))
    drain()
    SyncRun.objects.all().delete()
    Connection.objects.update(connected_at=now() - timedelta(days=2))
    connection.refresh_from_db()
    set_status(connection, Status.NEEDS_ATTENTION, "The WMS refused the login.")
    model.calls.clear()
    return connection


def address(connection: Connection) -> str:
    return f"{HERE}{connection.pk}/reconnect/"


def test_card_links_to_reconnect(admin: Client, member: Client, made: Connection) -> None:
    """After a rejected login admins see Reconnect; members see who can do it."""
    notice = page(admin).split("notice critical")[1].split("</div>")[0]
    assert f'href="{address(made)}">Reconnect</a>' in notice
    theirs = page(member).split("notice critical")[1].split("</div>")[0]
    assert "An admin can reconnect: Dana." in words(theirs)
    assert address(made) not in page(member)


def test_reconnecting_is_for_admins_of_the_workspace(
    member: Client, elsewhere: Client, client: Client, made: Connection, model: ModelWms
) -> None:
    for where in (address(made), f"{address(made)}check/"):
        assert member.get(where).status_code == member.post(where, {"key": NEW}).status_code == 403
        assert elsewhere.get(where).status_code == elsewhere.post(where, {"key": NEW}).status_code == 404
        assert client.post(where, {"key": NEW}).headers["Location"].startswith("/accounts/login/")
    assert model.calls == []


def test_form_is_prefilled_with_what_is_not_secret(admin: Client, made: Connection) -> None:
    html = page(admin, address(made))
    assert 'value="north"' in html
    assert OLD not in html
    assert "The WMS refused the login." in html


@pytest.mark.parametrize("kind", [Kind.CREDENTIALS, Kind.UNREACHABLE])
def test_refused_reconnect_changes_nothing(admin: Client, made: Connection, model: ModelWms, kind: Kind) -> None:
    """The old credentials stay until new ones work, and no new secret is in the page."""
    before = Connection.objects.values().get()
    model.faults = [ConnectorError(kind, "No luck.", "Ask Dana.")]
    response = admin.post(address(made), {"key": NEW, "shop": "south"})
    html = response.content.decode()
    assert response.status_code == 400
    assert "Not reconnected. No luck. Nothing was changed. Try again after fixing this. Ask Dana." in words(html)
    assert NEW not in html
    assert 'value="south"' in html
    assert Connection.objects.values().get() == before
    assert not SyncRun.objects.exists()


def test_same_account_resumes_immediately(admin: Client, admin_user: Any, made: Connection, model: ModelWms) -> None:
    """The same connection continues from its watermark, and no data is lost."""
    watermarks = dict(EntitySchedule.objects.values_list("entity", "watermark"))
    response = admin.post(address(made), {"key": OLD, "shop": "south"})
    stored = Connection.objects.get()
    assert (response.status_code, response.headers["Location"]) == (303, f"{HERE}#connection-{made.pk}")
    assert (stored.status, stored.status_message) == (Status.CONNECTED, "")
    assert stored.credentials() == {"key": OLD, "shop": "south"}
    assert stored.connected_at == made.connected_at, "it is the same connection"
    event = made.events.latest("pk")
    assert (event.text, event.kind, event.person) == (
        "Model WMS accepted new credentials.",
        EventKind.CREDENTIALS,
        admin_user,
    )
    runs = SyncRun.objects.all()
    assert {run.entity for run in runs} == set(stored.connector.resources)
    assert {(run.trigger, run.requested_by, run.state) for run in runs} == {(Trigger.MANUAL, admin_user, State.QUEUED)}
    assert runs.get(entity="orders").mode == Mode.INCREMENTAL
    assert dict(EntitySchedule.objects.values_list("entity", "watermark")) == watermarks
    assert "Main is connected again" in page(admin)
    drain()
    assert set(SyncRun.objects.values_list("state", flat=True)) == {State.SUCCEEDED}
    assert Customer.objects.get().external_id == "c1"


def test_disabled_and_paused_entities_stay_so(admin: Client, made: Connection) -> None:
    schedules = EntitySchedule.objects.filter(connection=made)
    schedules.filter(entity="orders").update(enabled=False, off_reason="Not needed.")
    schedules.filter(entity="products").update(paused_until=now() + timedelta(hours=1))
    admin.post(address(made), {"key": OLD})
    assert not SyncRun.objects.filter(entity__in=["orders", "products"]).exists()
    assert SyncRun.objects.filter(entity="inventory").exists()


def test_incident_of_the_rejected_login_closes(admin: Client, made: Connection) -> None:
    from syncs.monitoring import watchdog

    watchdog.check()
    open_ones = Incident.objects.filter(problem=Problem.CREDENTIALS, closed_at=None)
    assert open_ones.count() == 1
    admin.post(address(made), {"key": OLD})
    watchdog.check(now() + timedelta(minutes=1))
    assert not open_ones.exists()


def test_other_account_needs_confirmation(admin: Client, made: Connection, model: ModelWms) -> None:
    """The page explains the consequences, and nothing changes before the confirmation."""
    before = Connection.objects.values().get()
    response = admin.post(address(made), {"key": NEW})
    assert response.headers["Location"] == f"{address(made)}check/"
    html = page(admin, f"{address(made)}check/")
    assert "Is this the same account?" in html
    assert f'href="{HERE}connect/model/"' in html
    assert NEW not in html
    assert Connection.objects.values().get() == before
    assert not SyncRun.objects.exists()


def test_other_account_is_read_from_the_start(admin: Client, made: Connection, model: ModelWms) -> None:
    """The old watermark does not apply, and queued runs belong to the new account."""
    sync(made)
    SyncRun.objects.all().delete()
    admin.post(address(made), {"key": NEW})
    assert admin.post(f"{address(made)}check/").status_code == 303
    stored = Connection.objects.get()
    assert stored.credentials() == {"key": NEW}
    assert stored.account_key != made.account_key
    runs = SyncRun.objects.select_related("lane")
    assert {run.entity for run in runs} == set(stored.connector.resources)
    assert {(run.mode, run.lane.account_key) for run in runs} == {(Mode.FULL, stored.account_key)}
    assert set(EntitySchedule.objects.values_list("watermark", flat=True)) == {None}
    assert "belong to another login than before" in made.events.latest("pk").text
    assert admin.post(f"{address(made)}check/").headers["Location"] == address(made), "the login was used up"
    drain()
    assert set(SyncRun.objects.values_list("state", flat=True)) == {State.SUCCEEDED}


def test_run_of_the_old_account_is_cancelled(admin: Client, made: Connection, model: ModelWms) -> None:
    set_status(made, Status.CONNECTED)
    from syncs.runs.enqueue import request_runs

    (old,) = request_runs(made, [Entity.ORDERS], trigger=Trigger.MANUAL)
    admin.post(address(made), {"key": NEW})
    admin.post(f"{address(made)}check/")
    old.run.refresh_from_db()
    assert old.run.state == State.CANCELLED
    fresh = SyncRun.objects.get(entity="orders", state=State.QUEUED)
    assert fresh.lane.account_key == Connection.objects.get().account_key


def test_checked_login_is_for_one_connection(admin: Client, made: Connection, model: ModelWms, workspace: Any) -> None:
    other = connect(workspace, Account("model", "Other", {"key": "k2"}))
    admin.post(address(made), {"key": NEW})
    response = admin.post(f"{address(other)}check/")
    assert response.headers["Location"] == address(other)
    assert Connection.objects.get(pk=other.pk).credentials() == {"key": "k2"}


def test_disconnected_connection_can_be_reconnected(
    admin: Client, admin_user: Any, made: Connection, model: ModelWms
) -> None:
    """Its kept data is brought up to date, and its age starts again."""
    disconnect(made)
    html = page(admin)
    assert f'href="{address(made)}">Connect again</a>' in html
    assert "Connect again: Main" in words(page(admin, address(made)))
    response = admin.post(address(made), {"key": OLD})
    assert response.status_code == 303
    stored = Connection.objects.get()
    assert (stored.pk, stored.status, stored.disconnected_at) == (made.pk, Status.CONNECTED, None)
    assert (stored.connected_by, stored.border) == (admin_user, made.border)
    assert made.events.latest("pk").text == "Connected to Model WMS again."
    assert "Connected: just now" in words(page(admin))
    assert SyncRun.objects.get(entity="orders", state=State.QUEUED).mode == Mode.INCREMENTAL
    drain()
    assert Customer.objects.get().removed_at is None


def test_server_address_can_be_changed(admin: Client, workspace: Any) -> None:
    """A connection with its own address shows it in the form; private addresses are refused."""
    from tests.kit import factories as make

    moved = make.connection(workspace, "Moved", base_url="https://old.example.com")
    html = page(admin, address(moved))
    assert 'value="https://old.example.com"' in html
    answer = admin.post(address(moved), {"base_url": "https://10.0.0.1", "api_key": "a", "access_token": "b"})
    assert answer.status_code == 400
    assert "private network" in answer.content.decode()
