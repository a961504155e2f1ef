"""Actions of support in the admin lists: outcomes per row, and the log."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils.timezone import now

from integrations.connectors.base import ConnectionHealth
from integrations.connectors.trackstar import Trackstar
from integrations.entities import Entity
from integrations.errors import ConnectorError, Kind
from integrations.models import Connection, Status
from syncs.models import EntitySchedule, Mode, State, SyncRun, Trigger
from tests.kit import factories

SCHEDULES = "/admin/syncs/entityschedule/"
RUNS = "/admin/syncs/syncrun/"
CONNECTIONS = "/admin/integrations/connection/"


def act(browser: Client, url: str, action: str, *rows: Any, **more: Any) -> list[str]:
    """Run an action on the rows. Return the messages of the page."""
    sent = {"action": action, "_selected_action": [row.pk for row in rows], **more}
    answer = browser.post(url, sent, follow=True)
    assert answer.status_code == 200
    return [str(message) for message in answer.context["messages"]]


def test_run_now_queues_a_run_for_support(desk: Client, support: User, orders: EntitySchedule) -> None:
    (said,) = act(desk, SCHEDULES, "run_now", orders)
    run = SyncRun.objects.get(state=State.QUEUED)
    assert (run.trigger, run.requested_by, run.mode) == (Trigger.SUPPORT, support, Mode.INCREMENTAL)
    assert f"/admin/syncs/syncrun/{run.pk}/change/" in said
    assert "is queued" in said
    assert LogEntry.objects.get().user == support
    (said,) = act(desk, SCHEDULES, "run_now", orders)
    assert "was already running" in said
    assert SyncRun.objects.filter(state=State.QUEUED).count() == 1


def test_run_now_reports_the_outcome_per_row(desk: Client, orders: EntitySchedule) -> None:
    factories.run(orders.connection, state=State.RUNNING)
    gone = factories.connection(factories.workspace("southbay"), status=Status.DISCONNECTED)
    said = act(desk, SCHEDULES, "run_now", orders, gone.schedules.get(entity=Entity.ORDERS))
    assert len(said) == 2
    assert "was already running" in said[0]
    assert "disconnected" in said[1]
    assert SyncRun.objects.count() == 2  # the succeeded and the active one


def test_pause_for_a_day_and_resume(desk: Client, orders: EntitySchedule) -> None:
    (said,) = act(desk, SCHEDULES, "pause", orders)
    orders.refresh_from_db()
    assert orders.paused_until is not None
    assert abs(orders.paused_until - now() - timedelta(days=1)) < timedelta(minutes=1)
    assert "Paused until" in said
    assert "Paused" in desk.get(SCHEDULES, {"freshness": "paused"}).content.decode()
    assert act(desk, SCHEDULES, "resume", orders) == [f"{orders}: Resumed."]
    orders.refresh_from_db()
    assert orders.paused_until is None
    assert act(desk, SCHEDULES, "resume", orders) == [f"{orders} was not paused."]
    assert [entry.get_change_message()[:6] for entry in LogEntry.objects.order_by("pk")] == ["Paused", "Resume"]


def test_entity_read_with_another_is_paused_with_that_one(desk: Client, connection: Connection) -> None:
    shipments = connection.schedules.get(entity=Entity.ORDER_SHIPMENTS)
    (said,) = act(desk, SCHEDULES, "pause", shipments)
    assert "arrives with orders" in said
    shipments.refresh_from_db()
    assert shipments.paused_until is None


def test_cancel_reports_the_outcome_per_row(desk: Client, support: User, connection: Connection) -> None:
    waiting = factories.run(connection, state=State.QUEUED)
    working = factories.run(connection, Entity.INVENTORY, state=State.RUNNING)
    ended = factories.run(connection, Entity.PRODUCTS)
    said = " ".join(act(desk, RUNS, "cancel", waiting, working, ended))
    for run in (waiting, working, ended):
        run.refresh_from_db()
    assert (waiting.state, waiting.cancelled_by) == (State.CANCELLED, support)
    assert (working.state, working.cancel_asked) == (State.RUNNING, True)  # its worker stops after the page
    assert (ended.state, ended.cancelled_by) == (State.SUCCEEDED, None)
    assert f"run {waiting.pk} is cancelled" in said
    assert f"run {ended.pk} had already ended" in said
    assert {entry.object_id for entry in LogEntry.objects.all()} == {str(waiting.pk), str(working.pk)}


def test_check_now_reports_the_answer_of_the_wms(
    desk: Client, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> ConnectionHealth:
        raise ConnectorError(Kind.CREDENTIALS, "Trackstar refused the login.")

    monkeypatch.setattr(Trackstar, "check", refuse)
    gone = factories.connection(connection.workspace, name="Old", status=Status.DISCONNECTED)
    said = act(desk, CONNECTIONS, "check_now", connection, gone)
    connection.refresh_from_db()
    assert connection.status == Status.NEEDS_ATTENTION
    assert connection.checked_at is not None
    assert any("Trackstar refused the login." in one for one in said)
    assert any("nothing to check" in one for one in said)
    assert not SyncRun.objects.exists()


def test_check_now_limits_the_number_of_connections(
    desk: Client, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trackstar, "check", lambda *args, **kwargs: pytest.fail("asked the WMS"))
    many = [factories.connection(connection.workspace, name=f"c{number}") for number in range(11)]
    assert act(desk, CONNECTIONS, "check_now", *many) == ["Choose at most 10 connections to check."]


def test_disconnect_asks_first_and_keeps_the_data(desk: Client, connection: Connection) -> None:
    order = factories.order(connection)
    question = desk.post(CONNECTIONS, {"action": "disconnect", "_selected_action": [connection.pk]})
    assert "Packr deletes the credentials" in question.content.decode()
    connection.refresh_from_db()
    assert connection.is_live
    (said,) = act(desk, CONNECTIONS, "disconnect", connection, confirmed="yes")
    connection.refresh_from_db()
    assert not connection.is_live
    assert connection.credentials() == {}
    assert "Its data was kept" in said
    assert type(order).objects.filter(pk=order.pk).exists()
    assert act(desk, CONNECTIONS, "disconnect", connection, confirmed="yes") == [
        f"{connection} is already disconnected."
    ]


def test_viewers_have_no_actions(client: Client, orders: EntitySchedule) -> None:
    viewer = factories.person("vic", is_staff=True)
    viewer.user_permissions.add(*Permission.objects.filter(codename__startswith="view_"))
    client.force_login(viewer)
    waiting = factories.run(orders.connection, Entity.PRODUCTS, state=State.QUEUED)
    held = factories.run(orders.connection, Entity.CUSTOMERS, state=State.NEEDS_REVIEW, held=3)
    runs = SyncRun.objects.count()
    for url, action, row in (
        (SCHEDULES, "run_now", orders),
        (SCHEDULES, "pause", orders),
        (RUNS, "cancel", waiting),
        (RUNS, "release", held),
        (RUNS, "reject", held),
        (CONNECTIONS, "check_now", orders.connection),
        (CONNECTIONS, "disconnect", orders.connection),
    ):
        assert f'<option value="{action}"' not in client.get(url).content.decode()
        act(client, url, action, row, confirmed="yes")
    for row in (orders, waiting, held, orders.connection):
        row.refresh_from_db()
    assert SyncRun.objects.count() == runs
    assert orders.paused_until is None
    assert waiting.state == State.QUEUED
    assert held.review == ""
    assert orders.connection.is_live
    assert orders.connection.checked_at is None
    assert client.post(f"{SCHEDULES}{orders.pk}/change/", {"every_seconds": 600}).status_code == 403
