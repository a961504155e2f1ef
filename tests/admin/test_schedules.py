"""Schedules in the admin: changing a cadence, and the list."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db.models import Q
from django.test import Client
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Connection
from syncs.models import EntitySchedule, Mode, Reread, State, SyncRun, Trigger
from syncs.runs.planner import queue_due
from syncs.status.entity_state import sync_state
from syncs.status.freshness import Freshness, freshness, freshness_filter
from tests.kit import factories

LIST = "/admin/syncs/entityschedule/"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


def page_of(schedule: EntitySchedule) -> str:
    return f"{LIST}{schedule.pk}/change/"


def form(schedule: EntitySchedule, **fields: Any) -> dict[str, Any]:
    """Return the data of the change form with these fields changed."""
    sent = {
        "every_seconds": schedule.every_seconds or "",
        "daily_at": schedule.daily_at or "",
        "mode": schedule.mode,
        "reread": schedule.reread,
        "enabled": "on" if schedule.enabled else "",
        "off_reason": schedule.off_reason,
        "brake_percent": schedule.brake_percent,
        "brake_rows": schedule.brake_rows,
        "paused_until_0": "",
        "paused_until_1": "",
        "reason": "Asked for in ticket 12",
        **fields,
    }
    return {name: value for name, value in sent.items() if value is not None}


def errors(answer: Any) -> str:
    return " ".join(str(one) for one in answer.context["errors"])


def test_new_interval_applies_immediately_from_the_previous_due_time(desk: Client, orders: EntitySchedule) -> None:
    due = orders.next_due_at
    assert due is not None
    answer = desk.post(page_of(orders), form(orders, every_seconds=600))
    assert answer.status_code == 302
    orders.refresh_from_db()
    assert orders.every_seconds == 600
    # Due again in 3 min every 5 min, so it was due 2 min ago: the next one is 10 min after that.
    assert orders.next_due_at == due - timedelta(minutes=5) + timedelta(minutes=10)


def test_shorter_interval_never_waits_longer_than_itself(desk: Client, orders: EntitySchedule) -> None:
    orders.every_seconds, orders.next_due_at = 86_400, now() + timedelta(hours=20)
    orders.save()
    desk.post(page_of(orders), form(orders, every_seconds=120))
    orders.refresh_from_db()
    assert orders.next_due_at is not None
    assert now() < orders.next_due_at <= now() + timedelta(seconds=120)


def test_time_of_day_is_in_the_workspace_zone(noon: None, desk: Client, orders: EntitySchedule) -> None:
    answer = desk.post(page_of(orders), form(orders, every_seconds="", daily_at="14:30"))
    assert answer.status_code == 302
    orders.refresh_from_db()
    assert orders.every_seconds is None
    assert orders.next_due_at == datetime(2026, 3, 2, 13, 30, tzinfo=UTC)  # 14:30 in Berlin


def test_change_is_logged_with_person_and_reason(desk: Client, support: User, orders: EntitySchedule) -> None:
    desk.post(page_of(orders), form(orders, every_seconds=600, mode=Mode.FULL))
    entry = LogEntry.objects.get()
    assert entry.user == support
    assert entry.object_id == str(orders.pk)
    words = entry.get_change_message()
    assert "Every seconds: 300 → 600." in words
    assert "Mode: incremental → full." in words
    assert "Reason: Asked for in ticket 12" in words
    history = desk.get(f"{LIST}{orders.pk}/history/").content.decode()
    assert "300 → 600" in history
    assert "300 → 600" in desk.get("/admin/admin/logentry/").content.decode()


def test_change_needs_a_reason(desk: Client, orders: EntitySchedule) -> None:
    answer = desk.post(page_of(orders), form(orders, every_seconds=600, reason="  "))
    assert "This field is required" in errors(answer)
    orders.refresh_from_db()
    assert orders.every_seconds == 300
    assert not LogEntry.objects.exists()


def test_removal_limit_is_set_per_entity(desk: Client, orders: EntitySchedule) -> None:
    assert "nothing is removed until a person has reviewed" in desk.get(page_of(orders)).content.decode()
    assert desk.post(page_of(orders), form(orders, brake_percent=25, brake_rows=0)).status_code == 302
    orders.refresh_from_db()
    assert (orders.brake_percent, orders.brake_rows) == (25, 0)
    words = LogEntry.objects.get().get_change_message()
    assert "Removal limit, percent: 10 → 25. Removal limit, rows: 20 → 0." in words
    others = EntitySchedule.objects.exclude(pk=orders.pk)
    assert set(others.values_list("brake_percent", "brake_rows")) == {(10, 20)}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"every_seconds": 59}, "At least 60 seconds."),
        ({"every_seconds": 0}, "At least 60 seconds."),
        ({"every_seconds": 604_801}, "At most 604800 seconds"),
        ({"every_seconds": ""}, "Enter either a number of seconds or a time of day."),
        ({"daily_at": "02:00"}, "Enter either a number of seconds or a time of day."),
        ({"every_seconds": "often"}, "Enter a whole number."),
        ({"brake_percent": 101}, "less than or equal to 100"),
        ({"brake_rows": -1}, "greater than or equal to 0"),
    ],
)
def test_invalid_settings_are_refused_with_a_reason(
    desk: Client, orders: EntitySchedule, fields: dict[str, Any], message: str
) -> None:
    answer = desk.post(page_of(orders), form(orders, **fields))
    assert answer.status_code == 200
    assert message in errors(answer)
    orders.refresh_from_db()
    assert (orders.every_seconds, orders.daily_at) == (300, None)


def test_minimum_interval_is_a_minute_except_in_debug(desk: Client, orders: EntitySchedule, settings: Any) -> None:
    assert desk.post(page_of(orders), form(orders, every_seconds=60)).status_code == 302
    settings.DEBUG = True
    assert desk.post(page_of(orders), form(orders, every_seconds=5)).status_code == 302
    orders.refresh_from_db()
    assert orders.every_seconds == 5


def test_preview_shows_the_next_five_runs_without_saving(noon: None, desk: Client, orders: EntitySchedule) -> None:
    stored = EntitySchedule.objects.filter(pk=orders.pk).values().get()
    sent = form(orders, every_seconds=3600, reason="", _preview="yes")
    answer = desk.post(page_of(orders), sent)
    words = answer.content.decode()
    assert answer.status_code == 200
    # The fixture's last due moment was 11:58 UTC.
    for hour in range(13, 18):
        assert f"2 Mar 2026, {hour}:58:00 CET ({hour - 1}:58 UTC)" in words
    assert "18:58:00 CET" not in words
    assert "Times in Europe/Berlin. 24 runs a day" in " ".join(words.split())
    assert 'value="3600"' in words
    assert "errornote" not in words
    assert EntitySchedule.objects.filter(pk=orders.pk).values().get() == stored
    assert not LogEntry.objects.exists()


def test_saved_schedule_matches_its_preview(noon: None, desk: Client, orders: EntitySchedule) -> None:
    desk.post(page_of(orders), form(orders, every_seconds=3600))
    orders.refresh_from_db()
    assert orders.next_due_at == datetime(2026, 3, 2, 12, 58, tzinfo=UTC)
    assert "13:58:00 CET (12:58 UTC)" in desk.get(page_of(orders)).content.decode()


def test_preview_of_invalid_settings_shows_the_error(desk: Client, orders: EntitySchedule) -> None:
    answer = desk.post(page_of(orders), form(orders, every_seconds=10, reason="", _preview="yes"))
    assert ">At least 60 seconds.<" in errors(answer)


def test_frequent_full_mode_shows_a_warning_and_its_cost(desk: Client, orders: EntitySchedule) -> None:
    for pages in (4, 6):
        factories.run(orders.connection, mode=Mode.FULL, pages=pages)
    words = " ".join(desk.post(page_of(orders), form(orders, mode=Mode.FULL, _preview="yes")).content.decode().split())
    assert "288 runs a day, about 5 calls each: about 1,440 calls a day" in words
    assert "reads everything" in words


def test_planned_run_follows_the_new_cadence(desk: Client, orders: EntitySchedule) -> None:
    orders.next_due_at = now() + timedelta(seconds=60)
    orders.save()
    queue_due(now(), only=Q(pk=orders.pk))
    planned = SyncRun.objects.get(state=State.QUEUED)
    desk.post(page_of(orders), form(orders, every_seconds=3600))
    orders.refresh_from_db()
    assert orders.next_due_at == planned.due_at + timedelta(minutes=55)
    assert not SyncRun.objects.filter(state=State.QUEUED).exists()


def test_planned_run_takes_the_new_mode_and_keeps_its_time(desk: Client, orders: EntitySchedule) -> None:
    orders.next_due_at = now() + timedelta(seconds=60)
    orders.save()
    queue_due(now(), only=Q(pk=orders.pk))
    planned = SyncRun.objects.get(state=State.QUEUED)
    assert planned.mode == Mode.INCREMENTAL
    desk.post(page_of(orders), form(orders, mode=Mode.FULL))
    again = SyncRun.objects.get(state=State.QUEUED)
    assert (again.mode, again.due_at) == (Mode.FULL, planned.due_at)


def test_off_reason_defaults_to_the_reason_of_the_change(desk: Client, orders: EntitySchedule) -> None:
    desk.post(page_of(orders), form(orders, enabled=None, off_reason="", reason="Asked by Dana"))
    orders.refresh_from_db()
    assert (orders.enabled, orders.off_reason) == (False, "Asked by Dana")


def test_switched_off_entity_leaves_the_queue(desk: Client, orders: EntitySchedule) -> None:
    orders.next_due_at = now() + timedelta(seconds=60)
    orders.save()
    queue_due(now(), only=Q(pk=orders.pk))
    desk.post(page_of(orders), form(orders, enabled=None, off_reason="Too many calls"))
    orders.refresh_from_db()
    assert (orders.enabled, orders.off_reason) == (False, "Too many calls")
    assert not SyncRun.objects.filter(state=State.QUEUED).exists()
    desk.post(page_of(orders), form(orders, enabled="on"))
    orders.refresh_from_db()
    assert (orders.enabled, orders.off_reason) == (True, "")


def test_manual_run_is_left_alone(desk: Client, orders: EntitySchedule) -> None:
    manual = factories.run(orders.connection, state=State.QUEUED, trigger=Trigger.MANUAL)
    desk.post(page_of(orders), form(orders, every_seconds=3600))
    manual.refresh_from_db()
    assert manual.state == State.QUEUED


def test_saving_keeps_concurrent_engine_updates(desk: Client, orders: EntitySchedule, monkeypatch: Any) -> None:
    newer = now() + timedelta(seconds=1)

    def engine_update(*args: Any, **kwargs: Any) -> None:
        EntitySchedule.objects.filter(pk=orders.pk).update(watermark=newer, as_of=newer)

    monkeypatch.setattr("syncs.admin.schedules.ScheduleForm.clean_every_seconds", lambda form: engine_update() or 600)
    desk.post(page_of(orders), form(orders, every_seconds=600))
    orders.refresh_from_db()
    assert (orders.every_seconds, orders.watermark, orders.as_of) == (600, newer, newer)


def test_full_refresh_set_to_never_is_not_planned(desk: Client, orders: EntitySchedule) -> None:
    assert orders.next_reread_at is not None
    desk.post(page_of(orders), form(orders, reread=Reread.NONE))
    orders.refresh_from_db()
    assert orders.next_reread_at is None


def test_entity_read_with_another_has_no_editable_cadence(desk: Client, connection: Connection) -> None:
    shipments = connection.schedules.get(entity=Entity.ORDER_SHIPMENTS)
    page = desk.get(page_of(shipments)).content.decode()
    assert "Arrives with orders" in page
    assert "_preview" not in page
    assert desk.post(page_of(shipments), form(shipments, every_seconds=600)).status_code == 403


# --- The list --------------------------------------------------------------------------------------------------------


def listed(desk: Client, **filters: Any) -> list[EntitySchedule]:
    return list(desk.get(LIST, filters).context["cl"].result_list)


def test_list_and_pages_show_the_same_state(desk: Client, orders: EntitySchedule) -> None:
    factories.run(orders.connection, state=State.FAILED)
    planned = factories.run(orders.connection, Entity.INVENTORY, state=State.QUEUED)
    SyncRun.objects.filter(pk=planned.pk).update(due_at=now() + timedelta(seconds=50))
    by_entity = {row.entity: row.shown_state for row in listed(desk)}
    expected = sync_state(orders.connection, bills=True)
    assert len(by_entity) == len(expected)
    for state in expected:
        ours = by_entity[state.entity]
        assert (ours.freshness, ours.as_of, ours.next_run, ours.run, ours.read_with) == (
            state.freshness,
            state.as_of,
            state.next_run,
            state.run,
            state.read_with,
        )


def test_row_shows_cadence_source_and_last_run(desk: Client, orders: EntitySchedule) -> None:
    run = factories.run(orders.connection, state=State.FAILED)
    words = desk.get(LIST, {"entity": "orders"}).content.decode()
    assert "every 5 min" in words
    assert ">default<" in words
    assert f"/admin/syncs/syncrun/{run.pk}/change/" in words
    assert "Failed" in words
    EntitySchedule.objects.filter(pk=orders.pk).update(every_seconds=600)
    words = desk.get(LIST, {"entity": "orders"}).content.decode()
    assert "every 10 min" in words
    assert ">overridden<" in words


def test_overridden_cadences_are_found(desk: Client, connection: Connection) -> None:
    assert listed(desk, cadence="overridden") == []
    every = connection.schedules.count()
    assert len(listed(desk, cadence="default")) == every
    connection.schedules.filter(entity=Entity.ORDERS).update(every_seconds=60)
    connection.schedules.filter(entity=Entity.WAREHOUSES).update(daily_at="23:00")
    connection.schedules.filter(entity=Entity.PRODUCTS).update(every_seconds=None, daily_at="23:00")
    assert {one.entity for one in listed(desk, cadence="overridden")} == {"orders", "warehouses", "products"}
    assert len(listed(desk, cadence="default")) == every - 3


def test_list_opens_without_the_parent_schedule(desk: Client, connection: Connection) -> None:
    connection.schedules.filter(entity=Entity.ORDERS).delete()
    assert Entity.ORDER_SHIPMENTS in {one.entity for one in listed(desk)}


def test_configuration_data_has_its_own_filter(desk: Client, connection: Connection) -> None:
    assert {"orders", "inventory"} <= {one.entity for one in listed(desk, kind="moving")}
    assert {one.entity for one in listed(desk, kind="configuration")} == {
        "products",
        "customers",
        "warehouses",
        "warehouse-locations",
        "shipping-methods",
        "suppliers",
        "order-channels",
    }


@pytest.mark.parametrize("every", [60, 300, 3600, None])
def test_freshness_filter_agrees_with_the_pages(connection: Connection, every: int | None) -> None:
    moment = now()
    schedule = connection.schedules.get(entity=Entity.INVENTORY)
    schedule.every_seconds, schedule.daily_at = every, None if every else "02:00"
    cadence = every or 86_400
    ages = [None, *(cadence * factor + shift for factor in (0, 1, 1.2, 2, 3) for shift in (0, 1, 59, 60, 61))]
    seen = set()
    for age in ages:
        schedule.as_of = None if age is None else moment - timedelta(seconds=age)
        schedule.save()
        expected = freshness(EntitySchedule.objects.get(pk=schedule.pk), moment)
        seen.add(expected)
        one = EntitySchedule.objects.filter(pk=schedule.pk)
        for state in Freshness:
            assert one.filter(freshness_filter([state], moment)).exists() == (state == expected), (age, state)
    # A minute's cadence has a minute's grace, which leaves no room for being late before being stale.
    assert seen == {Freshness.NEVER, Freshness.FRESH, Freshness.STALE} | ({Freshness.LATE} if every != 60 else set())


@pytest.mark.parametrize(
    "fields",
    [
        {"enabled": False},
        {"enabled": False, "off_reason": "Not offered", "offered": False},
        {"enabled": False, "off_reason": "Not needed"},
        {"enabled": False, "off_reason": "Costly", "as_of": NOON},
        {"paused_until": NOON + timedelta(days=9000)},
        {"paused_until": NOON, "as_of": NOON},
    ],
)
def test_freshness_filter_covers_off_and_paused(connection: Connection, fields: dict[str, Any]) -> None:
    moment = NOON + timedelta(minutes=1)
    one = EntitySchedule.objects.filter(connection=connection, entity=Entity.INVENTORY)
    one.update(**fields)
    expected = freshness(one.get(), moment)
    assert [state for state in Freshness if one.filter(freshness_filter([state], moment)).exists()] == [expected]


def test_late_now_lists_late_and_stale_of_live_connections(desk: Client, connection: Connection) -> None:
    for entity, minutes in ((Entity.ORDERS, 8), (Entity.INVENTORY, 60), (Entity.PRODUCTS, 5)):
        factories.synced(connection, entity, at=now() - timedelta(minutes=minutes))
    assert {one.entity for one in listed(desk, freshness="late_now")} == {"orders", "inventory"}
    Connection.objects.update(status="disconnected")
    assert listed(desk, freshness="late_now") == []


def test_schedules_are_found_by_workspace_and_connection(desk: Client, connection: Connection) -> None:
    other = factories.connection(factories.workspace("southbay"), name="Dock")
    assert {one.connection for one in listed(desk, q="southbay")} == {other}
    assert {one.connection for one in listed(desk, q="Sandbox")} == {connection}
