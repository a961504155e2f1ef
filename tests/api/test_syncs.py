"""The API of syncs: starting, following and cancelling runs, and schedules."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Status
from syncs.models import EntitySchedule, Mode, State, SyncRun, Trigger
from tests.kit import factories as make

from .conftest import error, send

Program = Callable[..., Client]


def start(client: Client, connection: Any, **body: Any) -> Any:
    return send(client, "post", f"connections/{connection.pk}/sync/", body)


def test_repeated_request_returns_the_active_run(program: Program, connection: Any) -> None:
    """The first request returns 202 with the run, and so does a repeat while the run is active."""
    admin = program()
    first = start(admin, connection, entity="orders")
    assert first.status_code == 202
    run = SyncRun.objects.get()
    assert first.json()["runs"] == [
        {
            "id": run.pk,
            "entity": "orders",
            "mode": "full",
            "state": "queued",
            "url": f"http://testserver/api/v1/runs/{run.pk}/",
            "attached": False,
        }
    ]
    assert (run.trigger, run.requested_by.username) == (Trigger.API, "dana")
    SyncRun.objects.update(state=State.RUNNING, started_at=now())
    again = start(admin, connection, entity="orders").json()["runs"]
    assert [(one["id"], one["attached"], one["state"]) for one in again] == [(run.pk, True, "running")]
    assert SyncRun.objects.count() == 1
    assert admin.get(first.json()["runs"][0]["url"]).json()["state"] == "running"


def test_group_starts_one_run_per_entity(program: Program, connection: Any) -> None:
    make.synced(connection, Entity.INVENTORY)
    runs = start(program(), connection, group="variants", mode="incremental").json()["runs"]
    assert [(one["entity"], one["mode"]) for one in runs] == [("products", "full"), ("inventory", "incremental")]


def test_response_confirms_an_unchanged_schedule(program: Program, connection: Any) -> None:
    due = now() + timedelta(minutes=20)
    schedules = EntitySchedule.objects.filter(connection=connection, entity="orders")
    schedules.update(next_due_at=due)
    answer = start(program(), connection, entity="orders").json()["schedule"]
    assert answer["unchanged"] is True
    assert answer["message"] == "This run does not change the schedule."
    assert answer["next_runs"] == {"orders": due.isoformat().replace("+00:00", "Z")}
    assert schedules.get().next_due_at == due


def test_response_reports_a_planned_run_started_early(program: Program, connection: Any) -> None:
    """The schedule moves, and the response says so."""
    soon, later = now() + timedelta(seconds=50), now() + timedelta(seconds=350)
    EntitySchedule.objects.filter(connection=connection, entity="orders").update(next_due_at=later)
    planned = make.run(connection, state=State.QUEUED, started_at=None)
    SyncRun.objects.update(due_at=soon, ready_at=soon, urgency=soon)
    answer = start(program(), connection, entity="orders").json()
    assert answer["runs"][0]["id"] == planned.pk
    assert answer["schedule"]["unchanged"] is False
    assert "starts now instead (orders)" in answer["schedule"]["message"]
    assert answer["schedule"]["next_runs"]["orders"] == later.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "entity"),
        ({"entity": "orders", "group": "variants"}, "entity"),
        ({"entity": "ordres"}, "entity"),
        ({"entity": "suppliers"}, "entity"),
        ({"group": "all"}, "group"),
        ({"entity": "orders", "mode": "quick"}, "mode"),
        ({"entity": ["orders"]}, "entity"),
        ({"entity": None}, "entity"),
    ],
)
def test_invalid_request_is_reported_by_field(
    program: Program, connection: Any, body: Any, field: str, no_suppliers: None
) -> None:
    answer = start(program(), connection, **body)
    assert answer.status_code == 400
    found = error(answer)
    assert (found["code"], list(found["fields"])) == ("invalid", [field])
    assert found["message"] == found["fields"][field][0]
    assert not SyncRun.objects.exists()


BERLIN_MARCH = {"mode": "window", "from": "2026-03-01", "to": "2026-03-02"}


def test_date_window_covers_both_dates_in_the_workspace_zone(program: Program, connection: Any) -> None:
    make.synced(connection, Entity.ORDERS)
    answer = start(program(), connection, entity="orders", **BERLIN_MARCH)
    assert answer.status_code == 202
    run = SyncRun.objects.get(pk=answer.json()["runs"][0]["id"])
    assert (run.mode, run.trigger, run.requested_by.username) == (Mode.WINDOW, Trigger.API, "dana")
    assert (run.border, run.until) == (datetime(2026, 2, 28, 23, tzinfo=UTC), datetime(2026, 3, 2, 23, tzinfo=UTC))


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"from": None}, "from", "Enter the start date."),
        ({"to": ""}, "to", "Enter the end date."),
        ({"from": "1 March"}, "from", "“1 March” is not a date. Use the format 2026-02-28."),
        ({"to": ["2026-03-02"]}, "to", "is not a date."),
        ({"to": "2026-02-28"}, "to", "The end date is before the start date."),
        ({"from": "2900-01-01", "to": "2900-01-02"}, "from", "The start date is in the future."),
        ({"from": "0001-01-01"}, "from", "is out of range"),
        ({"entity": "inventory"}, "entity", "Inventory can’t be read by date."),
        ({"entity": "returns"}, "entity", "never synced"),
    ],
)
def test_invalid_date_window_is_reported_by_field(
    program: Program, connection: Any, change: Any, field: str, message: str
) -> None:
    for entity in (Entity.ORDERS, Entity.INVENTORY):
        make.synced(connection, entity)
    before = SyncRun.objects.count()
    answer = start(program(), connection, **{"entity": "orders", **BERLIN_MARCH, **change})
    assert answer.status_code == 400
    assert list(error(answer)["fields"]) == [field]
    assert message in error(answer)["message"]
    assert SyncRun.objects.count() == before


def test_date_window_needs_an_admin(program: Program, connection: Any) -> None:
    make.synced(connection, Entity.ORDERS)
    for who, expected in (("member", 403), ("elsewhere", 404), ("support", 404)):
        assert start(program(who), connection, entity="orders", **BERLIN_MARCH).status_code == expected, who
    assert not SyncRun.objects.filter(mode=Mode.WINDOW).exists()


def test_schema_documents_the_date_window(client: Client, db: None) -> None:
    fields = client.get("/api/v1/schema/?format=json").json()["components"]["schemas"]["SyncAskedRequest"]["properties"]
    assert list(fields) == ["entity", "group", "mode", "from", "to"]
    assert fields["from"]["format"] == fields["to"]["format"] == "date"


def test_request_body_must_be_an_object(program: Program, connection: Any) -> None:
    answer = send(program(), "post", f"connections/{connection.pk}/sync/", ["orders"])
    assert (answer.status_code, error(answer)["message"]) == (400, "Send a JSON object.")


def test_unknown_entity_lists_the_known_ones(program: Program, connection: Any) -> None:
    message = error(start(program(), connection, entity="ordres"))["message"]
    assert message.startswith("There is no entity “ordres”. Choose one of orders, order-shipments, ")


def test_disconnected_wms_cannot_sync(program: Program, connection: Any) -> None:
    connection.status = Status.DISCONNECTED
    connection.save()
    answer = start(program(), connection, entity="orders")
    assert answer.status_code == 400
    assert "is disconnected" in error(answer)["message"]


def test_only_admins_may_start_and_cancel(program: Program, connection: Any) -> None:
    """Members get 403. People outside the workspace get 404."""
    run = make.run(connection, state=State.RUNNING)
    for who, expected in (("member", 403), ("elsewhere", 404), ("support", 404)):
        client = program(who)
        for answer in (
            start(client, connection, entity="inventory"),
            send(client, "post", f"runs/{run.pk}/cancel/"),
        ):
            assert answer.status_code == expected, who
            error(answer)
    run.refresh_from_db()
    assert (SyncRun.objects.count(), run.cancel_asked) == (1, False)


def test_second_cancel_is_a_conflict(program: Program, connection: Any) -> None:
    run = make.run(connection, state=State.QUEUED, started_at=None)
    admin = program()
    answer = send(admin, "post", f"runs/{run.pk}/cancel/")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert answer.json()["cancelled_by"] == "dana"
    again = send(admin, "post", f"runs/{run.pk}/cancel/")
    assert (again.status_code, error(again)["code"]) == (409, "conflict")


def test_sync_state_matches_the_command(program: Program, connection: Any) -> None:
    """The same fields and values as `sync_state --json`."""
    make.synced(connection, seen=1240, created=3)
    output = StringIO()
    call_command("sync_state", str(connection.pk), "--json", stdout=output)
    answer = send(program(), "get", f"connections/{connection.pk}/sync-state/")
    assert answer.status_code == 200
    assert answer.json() == json.loads(output.getvalue())
    theirs = send(program("member"), "get", f"connections/{connection.pk}/sync-state/").json()
    assert theirs == [row for row in answer.json() if row["entity"] != "bills"]
    assert answer.json()[0]["run"]["seen"] == 1240
    for who in ("elsewhere", "support"):
        assert send(program(who), "get", f"connections/{connection.pk}/sync-state/").status_code == 404


def test_runs_are_paginated_without_gaps_or_repeats(program: Program, connection: Any) -> None:
    made = [make.run(connection, entity).pk for entity in (Entity.ORDERS, Entity.PRODUCTS, Entity.INVENTORY) * 2]
    client = program("member")
    first = send(client, "get", "runs/?limit=4").json()
    assert [row["id"] for row in first["results"]] == made[:1:-1]
    make.run(connection)
    second = client.get(first["next"]).json()
    assert [row["id"] for row in second["results"]] == made[1::-1]
    assert second["next"] is None
    assert [row["id"] for row in client.get(second["previous"]).json()["results"]] == made[:1:-1]


def test_runs_are_filtered_by_connection_entity_and_state(program: Program, connection: Any) -> None:
    failed = make.run(connection, Entity.PRODUCTS, state=State.FAILED, message="It did not answer.")
    make.run(connection, Entity.PRODUCTS)
    make.run(make.connection(connection.workspace, "Other"), Entity.PRODUCTS, state=State.FAILED)
    client = program("member")
    found = send(client, "get", f"runs/?connection={connection.pk}&entity=products&state=failed").json()["results"]
    assert [(row["id"], row["message"]) for row in found] == [(failed.pk, "It did not answer.")]
    for wrong, field in (("entity=x", "entity"), ("state=x", "state"), ("connection=x", "connection")):
        answer = send(client, "get", f"runs/?{wrong}")
        assert (answer.status_code, list(error(answer)["fields"])) == (400, [field])
    assert send(client, "get", "runs/?cursor=nonsense").status_code == 404


def test_runs_of_another_workspace_are_hidden(program: Program, connection: Any) -> None:
    run = make.run(connection)
    for who in ("elsewhere", "support"):
        client = program(who)
        assert send(client, "get", "runs/").json()["results"] == []
        assert send(client, "get", f"runs/?connection={connection.pk}").json()["results"] == []
        assert send(client, "get", f"runs/{run.pk}/").status_code == 404


def test_admin_switches_an_entity_off_and_on(program: Program, connection: Any) -> None:
    """The schedule shows who switched the entity off."""
    admin, address = program(), f"connections/{connection.pk}/schedules/products/"
    off = send(admin, "patch", address, {"enabled": False})
    assert (off.status_code, off.json()["enabled"], off.json()["off_reason"]) == (200, False, "dana switched it off.")
    assert not EntitySchedule.objects.get(connection=connection, entity="products").enabled
    on = send(admin, "patch", address, {"enabled": True})
    assert (on.json()["enabled"], on.json()["off_reason"]) == (True, "")
    send(admin, "patch", address, {"enabled": True})
    assert [event.text for event in connection.events.all()] == ["Switched on: products.", "Switched off: products."]
    assert not EntitySchedule.objects.filter(connection=connection, enabled=False).exists()
    assert {event.person.username for event in connection.events.all()} == {"dana"}
    assert send(program("member"), "get", address).json()["cadence_seconds"] == 3600
    assert send(program("member"), "patch", address, {"enabled": False}).status_code == 403


def test_only_support_changes_the_interval(program: Program, connection: Any) -> None:
    address = f"connections/{connection.pk}/schedules/orders/"
    for change in ({"every_seconds": 60}, {"enabled": True, "daily_at": "02:00"}, {"mode": "full"}):
        answer = send(program(), "patch", address, change)
        assert answer.status_code == 403
        assert "support" in error(answer)["message"]
    assert EntitySchedule.objects.get(connection=connection, entity="orders").every_seconds == 300


def test_entity_read_with_another_is_switched_with_that_one(program: Program, connection: Any) -> None:
    answer = send(program(), "patch", f"connections/{connection.pk}/schedules/order-shipments/", {"enabled": False})
    assert answer.status_code == 400
    assert "arrive with orders" in error(answer)["message"]
    assert send(program(), "get", f"connections/{connection.pk}/schedules/nonsense/").status_code == 404
    assert send(program("member"), "get", f"connections/{connection.pk}/schedules/bills/").status_code == 404
